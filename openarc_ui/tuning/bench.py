"""A bench: one configuration on its workloads, loaded anew as often as asked."""

from __future__ import annotations

from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.records import RunRecord
from openarc_ui.tuning.requests import BenchRequest


def run(request: BenchRequest, desk: Desk, record: RunRecord) -> None:
    """Do what is not recorded yet; returns when nothing is left. Raises RunStopped where it is to end early."""
    raise NotImplementedError
