"""How the store is doing, in sentences; none while all is well."""

from __future__ import annotations

from openarc_ui.metrics.store import StoreHealth
from openarc_ui.ui.html import number


def sentences(health: StoreHealth) -> list[str]:
    """What a person should know of the database of the metrics."""
    said = [health.notice] if health.notice else []
    if health.problem:
        said.append(
            f"{_rows(health.waiting)} in memory: {_without_stop(health.problem)}. They are written as soon as the database takes them."
            if health.waiting
            else f"The metrics database takes nothing: {_without_stop(health.problem)}."
        )
    if health.dropped:
        said.append(f"{'1 row' if health.dropped == 1 else f'{number(health.dropped, 0)} rows'} could not be kept.")
    return said


def _rows(count: int) -> str:
    return "1 row waits" if count == 1 else f"{number(count, 0)} rows wait"


def _without_stop(text: str) -> str:
    return text.strip().rstrip(".")
