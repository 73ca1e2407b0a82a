"""The tokenizer of a GGUF as Hugging Face files, for Optimum and for rendering the chat template.

Built with the `tokenizers` library from the vocabulary in the GGUF, because transformers' own GGUF reader picks another
class, drops the splitting of digits, swaps begin and end, and invents ids. Byte-level BPE is here, SentencePiece's in
`gguf_sentencepiece`. How text is split is what llama-vocab.cpp says for `tokenizer.ggml.pre`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from openarc_ui.models.gguf_kinds import DIGITS, KINDS, LLAMA3, LLAMA3_SPLIT_ALONE, begins_texts, kind_of
from openarc_ui.models.gguf_sentencepiece import sentencepiece_tokenizer
from openarc_ui.models.gguf_source import GgufSource

UNKNOWN_TOKEN, CONTROL_TOKEN, USER_TOKEN = 2, 3, 4
"""llama.h: LLAMA_TOKEN_TYPE_UNKNOWN, _CONTROL, _USER_DEFINED."""
SPECIAL_TOKENS: Final = {
    "bos_token": "ggml.bos_token_id",
    "eos_token": "ggml.eos_token_id",
    "pad_token": "ggml.padding_token_id",
    "unk_token": "ggml.unknown_token_id",
}
END = r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CASES = rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*"
LLAMA3_SPLIT = WORDS + END.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
PATTERNS: Final[Mapping[str, str]] = {
    LLAMA3: LLAMA3_SPLIT,
    LLAMA3_SPLIT_ALONE: LLAMA3_SPLIT,
    "qwen2": WORDS + END,
    "tekken": CASES + END.replace(r"[\r\n]*", r"[\r\n/]*"),
}
"""From the tokenizer.json of Llama 3, Qwen2 and Mistral Nemo."""
WITH_WHOLE_TOKENS: Final = (LLAMA3, "tekken")
"""A word that is a token is that token, whatever the merges say (ignore_merges)."""
COMPOSED: Final = ("qwen2",)
"""Texts are brought into the composed form (NFC) first."""


class TokenizerUnknown(ValueError):
    """The GGUF's tokenizer is of a kind that can't be rebuilt exactly; the sentence says which."""


def build_tokenizer(source: GgufSource) -> Tokenizer:
    """The tokenizer, equal to llama.cpp's.

    Raises:
        TokenizerUnknown: the GGUF's vocabulary is of another kind.
    """
    model = source.tokenizer("ggml.model")
    if model == "llama":
        tokenizer = sentencepiece_tokenizer(source)
    elif model == "gpt2":
        tokenizer = _byte_level(source)
    else:
        raise TokenizerUnknown(
            f"its tokenizer is of the kind {model}; gpt2 (byte-level BPE) and llama (SentencePiece) are known"
        )
    _add_tokens(tokenizer, source)
    _add_begin(tokenizer, source)
    return tokenizer


def tokenizer_config(source: GgufSource) -> dict[str, Any]:
    """What goes into tokenizer_config.json.

    The class must be the plain one: transformers 5 rebuilds the splitting of the Llama and GPT-2 classes and would
    lose the digits.
    """
    tokens = source.tokenizer("ggml.tokens")
    ids = {name: source.value(f"tokenizer.{key}") for name, key in SPECIAL_TOKENS.items()}
    context_length = source.value(f"{source.architecture_name}.context_length")
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **({} if context_length is None else {"model_max_length": context_length}),
        "clean_up_tokenization_spaces": False,
        "add_bos_token": begins(source),
        **{name: tokens[token_id] for name, token_id in ids.items() if token_id is not None and token_id < len(tokens)},
    }


def begins(source: GgufSource) -> bool:
    """Whether a text gets the token for its beginning."""
    return begins_texts(
        source.value("tokenizer.ggml.add_bos_token"),
        source.tokenizer("ggml.model"),
        source.value("tokenizer.ggml.pre"),
    )


def _byte_level(source: GgufSource) -> Tokenizer:
    kind = kind_of(source.value("tokenizer.ggml.pre"))
    if not kind:
        said = source.value("tokenizer.ggml.pre") or "nothing"
        raise TokenizerUnknown(
            f"how its tokenizer splits text ({said}) is not known; known are {', '.join(sorted(KINDS))}"
        )
    tokens: list[str] = source.tokenizer("ggml.tokens")
    merges = [tuple(merge.split(" ", 1)) for merge in source.tokenizer("ggml.merges")]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=kind in WITH_WHOLE_TOKENS))
    if kind in COMPOSED:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = _splitting(kind)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _splitting(kind: str) -> Any:
    if kind in PATTERNS:
        split = pre_tokenizers.Split(Regex(PATTERNS[kind]), behavior="isolated")
        return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    by_words = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return (
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), by_words])
        if kind == DIGITS
        else by_words
    )


def _add_tokens(tokenizer: Tokenizer, source: GgufSource) -> None:
    """What is never split: control tokens, which are left out of answers, and a model's own words, which are not."""
    pairs = list(zip(source.tokenizer("ggml.tokens"), source.tokenizer("ggml.token_type"), strict=True))
    special = [token for token, kind in pairs if kind in (CONTROL_TOKEN, UNKNOWN_TOKEN)]
    own = [token for token, kind in pairs if kind == USER_TOKEN and token]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in own])


def _add_begin(tokenizer: Tokenizer, source: GgufSource) -> None:
    token_id = source.value("tokenizer.ggml.bos_token_id")
    if not begins(source) or token_id is None:
        return
    token = source.tokenizer("ggml.tokens")[token_id]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A {token}:1 $B:1", special_tokens=[(token, token_id)]
    )
