"""The SentencePiece vocabulary of a GGUF (Llama 2, Mistral, Gemma, Phi-3) as a BPE of the `tokenizers` library.

SentencePiece joins the pair whose result has the best score; BPE the pair that comes first in a list. So the list is every
way to split a token in two tokens, by the score of the whole: what transformers does for Llama (`SentencePieceExtractor`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from tokenizers import Tokenizer, decoders, models, normalizers

from openarc_ui.models.gguf_source import GgufSource

SPACE: Final = "▁"
NORMAL_TOKEN, USER_TOKEN = 1, 4
"""llama.h: LLAMA_TOKEN_TYPE_NORMAL, _USER_DEFINED."""


def sentencepiece_tokenizer(source: GgufSource) -> Tokenizer:
    """Model, normaliser and decoder; special tokens are added by whoever asked."""
    tokens: list[str] = source.tokenizer("ggml.tokens")
    unknown_id = source.value("tokenizer.ggml.unknown_token_id", 0)
    kinds = source.tokenizer("ggml.token_type")
    joined = [index for index, kind in enumerate(kinds) if kind in (NORMAL_TOKEN, USER_TOKEN)]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: index for index, token in enumerate(tokens)},
            merges=merges(tokens, source.tokenizer("ggml.scores"), joined),
            unk_token=tokens[unknown_id],
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    begins_with_space = bool(source.value("tokenizer.ggml.add_space_prefix", True))
    replace = normalizers.Replace(" ", SPACE)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), replace]) if begins_with_space else replace
    steps: list[Any] = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if begins_with_space else steps)
    return tokenizer


def merges(tokens: Sequence[str], scores: Sequence[float], joined: Sequence[int]) -> list[tuple[str, str]]:
    """Every (left, right) whose whole is a token, the best score first; among equals in the vocabulary's order.

    Args:
        joined: the tokens that can come about by joining.
    """
    ids = {tokens[index]: index for index in joined}
    found = [
        (-scores[index], ids[left], ids[right], left, right)
        for index in joined
        for left, right in _splits(tokens[index])
        if left in ids and right in ids
    ]
    found.sort(key=lambda each: each[:3])
    return [(left, right) for _, _, _, left, right in found]


def _splits(token: str) -> Iterator[tuple[str, str]]:
    return ((token[:at], token[at:]) for at in range(1, len(token)))
