"""Placeholder by the founder so that the engine imports; helper A owns this file and replaces it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FitEstimate:
    verdict: str
    device: str
    parts: tuple[Any, ...]
    needed_bytes: int
    free_bytes: int | None
    total_bytes: int | None
    context_tokens: int
    sequences: int
    largest_context_tokens: int | None
    advice: tuple[str, ...]
    words: str


def estimate_fit(
    entry: Any, request: Any, backend: Any, layer: Any, *, context_tokens: int | None = None, sequences: int = 1
) -> FitEstimate:
    return FitEstimate(
        "unknown", request.device, (), 0, None, None, context_tokens or 0, sequences, None, (), "not estimated"
    )
