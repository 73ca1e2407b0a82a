"""How a request ended, as it is counted: a request refused as wrong is no failure of OpenArc."""

from __future__ import annotations

from openarc_ui.engine.types import FinishReason, PerformanceReport

REFUSED = "refused"
"""The outcome of a request that was asked wrongly; beside those of `FinishReason`."""
REFUSALS = frozenset(
    {
        "invalid_request",
        "parameter_not_supported",
        "prompt_too_long",
        "property_rejected",
        "structure_rejected",
        "template_refused",
    }
)
"""Codes of errors that are the request's own; every other one is a failure."""
OUTCOMES = (*(reason.value for reason in FinishReason), REFUSED)


def outcome_of(report: PerformanceReport) -> str:
    """What the database, the counters and the filters call this request's end."""
    if report.finish_reason is FinishReason.ERROR and report.error_code in REFUSALS:
        return REFUSED
    return report.finish_reason.value
