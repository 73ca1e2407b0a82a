"""A sweep: many configurations, explored with Optuna, the best of them confirmed in turn, all of them held against the reference."""

from __future__ import annotations

from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.records import RunRecord
from openarc_ui.tuning.requests import SweepRequest


def run(request: SweepRequest, desk: Desk, record: RunRecord) -> None:
    """Do what is not recorded yet; returns when nothing is left. Raises RunStopped where it is to end early."""
    raise NotImplementedError
