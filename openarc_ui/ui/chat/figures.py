"""What an answer cost, in one line and as a line of time; from the figures kept with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    if figures.get("generated_tokens") is not None:
        parts.append(f"{figures['generated_tokens']} tokens")
    if figures.get("ttft_seconds") is not None:
        parts.append(f"TTFT {seconds(figures['ttft_seconds'])}")
    if figures.get("decode_tokens_per_second") is not None:
        parts.append(f"{number(figures['decode_tokens_per_second'])} tok/s")
    if finish_reason and finish_reason != "error":  # an error has a sentence of its own
        parts.append(ENDINGS.get(finish_reason, finish_reason))
    return " · ".join(parts)


def timeline(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where the time of a request went, in order; [] where nothing was measured.

    Detokenizing happens while decoding, so it is taken out of it and the whole stays the whole.
    """
    measured = {label: figures[field] for label, field in STAGES if figures.get(field) is not None}
    if "decode" in measured and "detokenize" in measured:
        measured["decode"] = max(measured["decode"] - measured["detokenize"], 0.0)
    return [{"label": label, "seconds": round(value, 6)} for label, value in measured.items()]
