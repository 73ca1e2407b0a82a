"""From a run's record to everything that is shown of it. Pure: nothing is measured or written here."""

from __future__ import annotations

from openarc_ui.tuning.records import RunRecord
from openarc_ui.tuning.results import Progress, RunHead, RunState, RunView


def head_of(record: RunRecord, state: RunState) -> RunHead:
    """A run in a list."""
    raise NotImplementedError


def view_of(record: RunRecord, state: RunState, progress: Progress, measuring_id: str | None = None) -> RunView:
    """A run, whole: figures with intervals, the front, the best, differences, marks, importances, notes.

    Args:
        measuring_id: of the configuration that is loaded now.
    """
    raise NotImplementedError
