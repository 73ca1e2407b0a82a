"""What an answer cost, in one line and as a line of time; from the figures kept with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openarc_ui.conversations.answer_figures import measured
from openarc_ui.ui.html import number, seconds

ENDINGS = {"length": "length (max_new_tokens reached)", "cancelled": "stopped by you"}
STAGES = (
    ("queue", "queue_seconds"),
    ("template", "template_seconds"),
    ("tokenize", "tokenize_seconds"),
    ("prefill", "prefill_seconds"),
    ("decode", "decode_seconds"),
    ("detokenize", "detokenize_seconds"),
)
"""Label and field; what a request goes through, in order."""


def figures_line(figures: Mapping[str, Any], finish_reason: str | None) -> str:
    """Tokens, time to first token, throughput and ending; what was not measured is left out.

    Args:
        figures: fields of a PerformanceReport; {} where there is no report.
    """
    parts = []
    if (tokens := measured(figures, "generated_tokens")) is not None:
        parts.append(f"{tokens} token{'' if tokens == 1 else 's'}")
    if (first := measured(figures, "ttft_seconds")) is not None:
        parts.append(f"TTFT {seconds(first)}")
    if (speed := measured(figures, "decode_tokens_per_second")) is not None:
        parts.append(f"{number(speed)} tok/s")
    if finish_reason and finish_reason != "error":  # an error has a sentence of its own
        parts.append(ENDINGS.get(finish_reason, finish_reason))
    return " · ".join(parts)


def timeline(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where the time of a request went, in order; [] where nothing was measured.

    Detokenizing happens while decoding, so it is taken out of it and the whole stays the whole.
    """
    spans = {label: value for label, field in STAGES if (value := measured(figures, field)) is not None}
    if "decode" in spans and "detokenize" in spans:
        spans["decode"] = max(spans["decode"] - spans["detokenize"], 0.0)
    return [{"label": label, "seconds": round(value, 6)} for label, value in spans.items()]
