"""What an answer cost, in OpenAI's words (`usage`) and in llama.cpp's (`timings`). Null is what was not measured, never 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from openarc_ui.engine.types import PerformanceReport


class CachedTokens(BaseModel):
    """Of the prompt's tokens, which needed no work."""

    cached_tokens: int = Field(description="From the prefix cache.")


class Usage(BaseModel):
    """Tokens of prompt and answer."""

    prompt_tokens: int | None = Field(description="Of the prompt; null of a request that ended before it was read.")
    completion_tokens: int = Field(description="Of all answers to it, end-of-text included.")
    total_tokens: int | None = Field(description="Both together.")
    prompt_tokens_details: CachedTokens | None = Field(
        description="More about the prompt's tokens; null where the backend does not tell."
    )
    completion_tokens_details: None = Field(None, description="Always null: which tokens were thoughts is not counted.")


class Timings(BaseModel):
    """Speed, by the names of llama.cpp's server."""

    cache_n: int | None = Field(description="Tokens of the prompt from the prefix cache.")
    prompt_n: int | None = Field(
        description="Tokens of the prompt, from the prefix cache or computed: cache_n is a part of it, where it is known."
    )
    prompt_ms: float | None = Field(description="From handing the prompt to the model until the first token.")
    prompt_per_token_ms: float | None = Field(description="prompt_ms / prompt_n.")
    prompt_per_second: float | None = Field(
        description="prompt_n over prompt_ms, the prefix cache's help included: the metrics' prefill_tokens_per_second."
    )
    predicted_n: int = Field(description="Tokens that were generated, over all choices.")
    predicted_ms: float | None = Field(description="From the first token to the last.")
    predicted_per_token_ms: float | None = Field(description="1000 / predicted_per_second.")
    predicted_per_second: float | None = Field(description="Tokens after each choice's first, over predicted_ms.")


def usage_of(reports: Sequence[PerformanceReport]) -> dict[str, Any]:
    """The tokens of one request, or of several that belong to one call.

    Without a count of cached tokens the details are null as a whole: LiteLLM takes that, and no null within them.
    """
    cached = _sum([each.cached_prompt_tokens for each in reports])
    prompt, generated = _sum([each.prompt_tokens for each in reports]), sum(each.generated_tokens for each in reports)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": generated,
        "total_tokens": None if prompt is None else prompt + generated,
        "prompt_tokens_details": None if cached is None else {"cached_tokens": cached},
        "completion_tokens_details": None,
    }


def timings_of(report: PerformanceReport) -> dict[str, Any]:
    """The speed of one request."""
    # Without a first token, the prefill ended somewhere before its end.
    prefill = report.prefill_seconds if report.ttft_seconds is not None else None
    prompt_rate = report.prefill_tokens_per_second
    rate = report.decode_tokens_per_second
    return {
        "cache_n": report.cached_prompt_tokens,
        "prompt_n": report.prompt_tokens,
        "prompt_ms": _milliseconds(prefill),
        "prompt_per_token_ms": _milliseconds(1 / prompt_rate) if prompt_rate else None,
        "prompt_per_second": prompt_rate,
        "predicted_n": report.generated_tokens,
        "predicted_ms": _milliseconds(report.decode_seconds),
        "predicted_per_token_ms": _milliseconds(1 / rate) if rate else None,
        "predicted_per_second": rate,
    }


def _sum(numbers: Sequence[int | None]) -> int | None:
    """Of all; None where one is not known."""
    known = [each for each in numbers if each is not None]
    return sum(known) if len(known) == len(numbers) else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
