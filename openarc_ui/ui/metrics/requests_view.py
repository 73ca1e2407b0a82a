"""The table of the newest requests: a frame to rows of texts with their units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas

from openarc_ui.ui.html import NOT_MEASURED, number, seconds
from openarc_ui.ui.metrics.clock import Clock

NEWEST = 50
OUTCOMES = {
    "stop": "finished",
    "length": "length limit",
    "cancelled": "cancelled",
    "refused": "refused",
    "error": "error",
}
KINDS = {"error": "bad", "cancelled": "warn", "refused": "warn"}


def rows(frame: pandas.DataFrame, clock: Clock) -> list[dict[str, Any]]:
    """`frames.requests` as the page shows it, in its order."""
    return [_row(known(record), clock) for record in frame.head(NEWEST).to_dict("records")]


def known(record: Mapping[Any, Any]) -> dict[str, Any]:
    """A row in which what was not measured is None, however pandas writes it."""
    return {str(name): None if value is None or value != value else value for name, value in record.items()}


def outcome(reason: str) -> str:
    """A finish reason in words."""
    return OUTCOMES.get(reason, reason)


def _row(row: dict[str, Any], clock: Clock) -> dict[str, Any]:
    speed = row["decode_tokens_per_second"]
    return {
        "id": int(row["id"]),
        "request_id": str(row["request_id"]),
        "time": clock.shown(row["submitted_at"]),
        "epoch": row["submitted_at"],
        "model": row["model"],
        "backend": row["backend"],
        "device": row["device"],
        "outcome": outcome(row["finish_reason"]),
        "outcome_kind": KINDS.get(row["finish_reason"], ""),
        "prompt": _tokens(row["prompt_tokens"]),
        "generated": _tokens(row["generated_tokens"]),
        "ttft": seconds(row["ttft_seconds"]),
        "decode": f"{number(speed)} tok/s" if speed is not None else NOT_MEASURED,
        "queue": seconds(row["queue_seconds"]),
        "total": seconds(row["total_seconds"]),
        "source": row["source"],
        "configuration": str(row["configuration_id"])[:8],
        "title": row["error_message"] or "",
    }


def _tokens(count: float | None) -> str:
    return f"{number(count, 0)} tok" if count is not None else NOT_MEASURED
