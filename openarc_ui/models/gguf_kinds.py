"""What the names mean that a GGUF gives its tokenizer: how it splits texts, and whether it begins them with a token of its own.

Imports nothing, so that the main process may read it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SENTENCEPIECE: Final = "llama"
"""`tokenizer.ggml.model` of a SentencePiece vocabulary."""
DIGITS, GPT2 = "digits", "gpt-2"
LLAMA3, LLAMA3_SPLIT_ALONE = "llama3", "llama3-split-alone"
KINDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "lfm2"), LLAMA3),
    **dict.fromkeys(("dbrx", "smaug-bpe"), LLAMA3_SPLIT_ALONE),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan"), "qwen2"),
    "tekken": "tekken",
    **dict.fromkeys(("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"), DIGITS),
    **dict.fromkeys(("gpt-2", "phi-2", "mpt", "olmo", "jais"), GPT2),
}
"""`tokenizer.ggml.pre` -> how it splits (llama-vocab.cpp, llama_vocab::impl::load)."""
BEGINS_BY_DEFAULT: Final = (LLAMA3, "tekken")


def kind_of(pre: object) -> str:
    """How a byte-level vocabulary with this `tokenizer.ggml.pre` splits; "": not known."""
    return KINDS.get(str(pre or ""), "")


def begins_texts(said: object, model: object, pre: object) -> bool:
    """Whether a text gets the token for its beginning: `tokenizer.ggml.add_bos_token`, else llama.cpp's default for the kind."""
    if said is not None:
        return bool(said)
    return model == SENTENCEPIECE or kind_of(pre) in BEGINS_BY_DEFAULT
