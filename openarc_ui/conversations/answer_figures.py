"""What an answer cost, as it is kept with it: the report's figures as JSON, and what its thoughts took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from openarc_ui.conversations.answer_format import AnswerFormat
from openarc_ui.engine.formats.answer import ParsedAnswer
from openarc_ui.engine.prompts import TokenDetail
from openarc_ui.engine.types import FinishReason, PerformanceReport

MAX_FIGURE = 2**64
NUMBERS = frozenset(
    each.name for each in fields(PerformanceReport) if each.type in ("float", "float | None", "int", "int | None")
)
"""Figures that are numbers from 0 on where they were measured."""
LEFT_OUT_OF_FIGURES = frozenset({"request_id", "error_code", "error_message", "inter_token_latencies_seconds"})
OF_ALL_SEQUENCES = frozenset(
    {"prefill_seconds", "prefill_tokens_per_second", "detokenize_seconds", "total_seconds", "concurrent_requests"}
)


def figures_of(
    report: PerformanceReport, details: Sequence[TokenDetail] = (), finish_reason: FinishReason | None = None
) -> dict[str, Any]:
    """What a report measured, as JSON.

    Args:
        details: the tokens of one of several sequences: its own count and speed then take the place of their sum, and what
            was measured for all of them together is left out.
        finish_reason: of the sequence; None: the report's.
    """
    values = {each.name: getattr(report, each.name) for each in fields(report) if each.name not in LEFT_OUT_OF_FIGURES}
    figures = {name: value for name, value in values.items() if value is not None}
    figures["finish_reason"] = (finish_reason or report.finish_reason).value
    decode_seconds = sum(each.seconds for each in details[1:])
    if decode_seconds > 0:
        own = {"generated_tokens": len(details), "decode_seconds": decode_seconds}
        own["tpot_seconds"] = decode_seconds / (len(details) - 1)
        own["decode_tokens_per_second"] = (len(details) - 1) / decode_seconds
        figures |= own | {"ttft_seconds": details[0].seconds}
        figures = {name: value for name, value in figures.items() if name not in OF_ALL_SEQUENCES}
    return figures


def measured(figures: Mapping[str, Any], name: str) -> float | None:
    """A figure that is a number; None where it was not measured, or is something else."""
    value = figures.get(name)
    return value if is_figure(value) else None


def is_figure(value: Any) -> bool:
    """A finite number from 0 on."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_FIGURE


def reasoning_cost(
    form: AnswerFormat, parsed: ParsedAnswer, text: str, beginning: str, details: Sequence[TokenDetail]
) -> tuple[int | None, float | None]:
    """Tokens of an answer's thoughts, their marks included, and seconds from the first of them to the last.

    Args:
        text: the whole answer, with what it begins with.
        details: of every generated token; without them there is nothing to count.
    """
    if form.reasoning is None or parsed.reasoning is None or not details:
        return None, None
    closed_at = text.find(form.reasoning.close, len(beginning))
    end = len(text) if closed_at < 0 else closed_at + len(form.reasoning.close)
    place, tokens, seconds = len(beginning), 0, 0.0
    for detail in details:
        if place >= end:
            break
        seconds += detail.seconds if tokens else 0.0
        tokens += 1
        place += 0 if detail.is_special else len(detail.text)
    return tokens, seconds
