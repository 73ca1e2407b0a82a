"""A comparison: two configurations in turn, until the interval of their difference is tight or the time is over."""

from __future__ import annotations

from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.records import RunRecord
from openarc_ui.tuning.requests import ComparisonRequest


def run(request: ComparisonRequest, desk: Desk, record: RunRecord) -> None:
    """Do what is not recorded yet; returns when nothing is left. Raises RunStopped where it is to end early."""
    raise NotImplementedError
