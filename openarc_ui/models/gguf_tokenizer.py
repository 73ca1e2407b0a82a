"""The tokenizer of a SmolLM2 GGUF as Hugging Face files, for Optimum and for rendering the chat template.

Built with the `tokenizers` library from the vocabulary and merges in the GGUF, because transformers' own GGUF reader
picks another class, drops the splitting of digits and invents five ids.
"""

from __future__ import annotations

from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from openarc_ui.models.gguf_source import GgufSource

CONTROL_TOKEN = 3  # llama.h: LLAMA_TOKEN_TYPE_CONTROL
SPECIAL_TOKENS = {
    "bos_token": "ggml.bos_token_id",
    "eos_token": "ggml.eos_token_id",
    "pad_token": "ggml.padding_token_id",
    "unk_token": "ggml.unknown_token_id",
}


def build_tokenizer(source: GgufSource) -> Tokenizer:
    """The tokenizer: byte-level BPE, each digit on its own (llama-vocab.cpp: LLAMA_VOCAB_PRE_TYPE_SMOLLM).

    Raises:
        ValueError: the GGUF's vocabulary is of another kind.
    """
    kind = (source.tokenizer("ggml.model"), source.tokenizer("ggml.pre"))
    if kind != ("gpt2", "smollm"):
        raise ValueError(f"expected a gpt2 vocabulary with smollm splitting, got {kind}")
    tokens: list[str] = source.tokenizer("ggml.tokens")
    merges = [tuple(merge.split(" ", 1)) for merge in source.tokenizer("ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = source.tokenizer("ggml.token_type")
    tokenizer.add_special_tokens(
        [
            AddedToken(token, normalized=False, special=True)
            for token, token_kind in zip(tokens, kinds, strict=True)
            if token_kind == CONTROL_TOKEN
        ]
    )
    return tokenizer


def tokenizer_config(source: GgufSource) -> dict[str, Any]:
    """What goes into tokenizer_config.json.

    The class must be the plain one: transformers 5 rebuilds the splitting of the Llama and GPT-2 classes and would
    lose the digits.
    """
    tokens = source.tokenizer("ggml.tokens")
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": source.architecture("context_length"),
        "clean_up_tokenization_spaces": False,
        "add_bos_token": False,
        **{name: tokens[source.tokenizer(key)] for name, key in SPECIAL_TOKENS.items()},
    }
