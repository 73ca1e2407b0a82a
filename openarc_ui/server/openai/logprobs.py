"""How likely tokens were, in the two forms OpenAI has for it. End-of-text and other marks that are no text are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from openarc_ui.engine.prompts import TokenDetail


class Alternative(BaseModel):
    """One token at one place."""

    token: str = Field(description="Its text.")
    logprob: float | None = Field(description="Natural logarithm of its probability.")
    bytes: list[int] | None = Field(description="Its text in UTF-8; null of a token whose character is not whole.")


class Logprob(Alternative):
    """One token of an answer."""

    top_logprobs: list[Alternative] = Field(description="The likeliest tokens at its place, likeliest first.")


class Logprobs(BaseModel):
    """Every token of a choice, or of a chunk; those of thoughts and calls too."""

    content: list[Logprob] = Field(description="The tokens in their order.")


class LegacyLogprobs(BaseModel):
    """Every token of a choice of Completions, or of a chunk."""

    tokens: list[str] = Field(description="Their texts.")
    token_logprobs: list[float | None] = Field(description="Natural logarithms of their probabilities.")
    top_logprobs: list[dict[str, float]] | None = Field(description="Null without alternatives.")
    text_offset: list[int] = Field(description="Where in the choice's text each token begins.")


def logprob_of(detail: TokenDetail, alternatives: int) -> dict[str, Any]:
    """One token with so many alternatives at most."""
    others = [_alternative(text, value) for text, value in detail.alternatives[:alternatives]]
    return {**_alternative(detail.text, detail.log_probability), "top_logprobs": others}


def logprobs_of(details: Sequence[TokenDetail], alternatives: int) -> dict[str, Any]:
    """Tokens as Chat Completions tells them."""
    return {"content": [logprob_of(each, alternatives) for each in details if not each.is_special]}


def legacy_logprobs_of(details: Sequence[TokenDetail], alternatives: int, offset: int) -> dict[str, Any]:
    """Tokens as Completions tells them.

    Args:
        offset: where in the choice's text the first of them begins.
    """
    shown = [each for each in details if not each.is_special]
    offsets = []
    for each in shown:
        offsets.append(offset)
        offset += len(each.text)
    return {
        "tokens": [each.text for each in shown],
        "token_logprobs": [each.log_probability for each in shown],
        "top_logprobs": [dict(each.alternatives[:alternatives]) for each in shown] if alternatives else None,
        "text_offset": offsets,
    }


def _alternative(text: str, log_probability: float | None) -> dict[str, Any]:
    return {"token": text, "logprob": log_probability, "bytes": list(text.encode("utf-8", "replace")) if text else None}
