"""The seam between what a run decides and what it has done: measure this, compare that text, stop?

`runs.py` hands a real one to `bench.run`, `sweep.run` and `comparison.run`; tests hand a scripted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.results import Configuration, Failure, Quality, Visit


class RunStopped(Exception):
    """The run is to end here: cancelled, paused, or the server shuts down. What was recorded stays."""


class Desk(Protocol):
    """What a run works with. Every method raises RunStopped once the run is to end."""

    def check(self, configuration: Configuration) -> Failure | None:
        """Why it can't be loaded, told without loading it; None where nothing speaks against it."""

    def visit(
        self,
        configuration: Configuration,
        workloads: Sequence[Workload],
        repetitions: int,
        round_number: int,
        with_greedy: bool = False,
    ) -> Visit:
        """Load, warm up, measure, unload; recorded when it returns. A failure is in the visit, not raised."""

    def quality(self, configuration: Configuration, reference: Configuration) -> Quality | Failure:
        """Compare texts with the reference's; recorded when it returns. Both were visited `with_greedy` before."""

    def say(self, phase: str, now: str, done: int, planned: int | None, left_seconds: float | None = None) -> None:
        """Show how far the run is."""

    def note(self, words: str) -> None:
        """Keep a sentence about the whole run; the same one twice is kept once."""

    def elapsed_seconds(self) -> float:
        """Of work on this run, earlier sittings included, pauses not."""
