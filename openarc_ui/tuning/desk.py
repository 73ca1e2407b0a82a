"""The seam between what a run decides and what it has done: measure this, compare that text, stop?

`runs.py` hands a real one to `bench.run`, `sweep.run` and `comparison.run`; tests hand a scripted one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Protocol

from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.results import Configuration, Failure, Quality, Visit


class RunStopped(Exception):
    """The run is to end here: cancelled, paused, or the server shuts down. What was recorded stays."""


class TimeOver(Exception):
    """The deadline passed, so what runs is to end; the run itself decides what it does then."""


TIME_OVER = "time_over"
"""Code of a Failure that says nothing against a configuration: it may be measured another time."""


def time_over(stage: str) -> Failure:
    """What a visit or a comparison of texts comes back with when its deadline passed."""
    return Failure(
        stage,
        TIME_OVER,
        "The time was over before it was measured.",
        "Give the run more minutes, or ask for fewer repetitions or tokens.",
    )


def is_compared(found: Quality | Failure | None) -> bool:
    """Whether what is kept of a configuration's text is the end of it.

    A refusal before any load, kept in the same place, and a comparison whose time was over are not: it can be tried again.
    """
    if isinstance(found, Failure):
        return found.stage != "check" and found.code != TIME_OVER
    return found is not None


class Ending(threading.Event):
    """When what runs is to end, looked at like an event that nobody sets: the run is stopped, or the deadline has passed.

    Args:
        stopping: set once the run is to end.
        deadline: by `time.monotonic`; None: there is none.
    """

    def __init__(self, stopping: threading.Event, deadline: float | None = None) -> None:
        super().__init__()
        self._stopping, self._deadline = stopping, deadline

    def is_set(self) -> bool:
        return self.is_stopped() or self.is_over()

    def is_stopped(self) -> bool:
        """The run is to end, whatever time is left."""
        return self._stopping.is_set()

    def is_over(self) -> bool:
        """The deadline has passed."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def wait(self, timeout: float | None = None) -> bool:
        limits = [timeout, None if self._deadline is None else max(0.0, self._deadline - time.monotonic())]
        self._stopping.wait(min((limit for limit in limits if limit is not None), default=None))
        return self.is_set()

    def require_wanted(self) -> None:
        """Go on, or raise why not: RunStopped, or else TimeOver."""
        if self.is_stopped():
            raise RunStopped
        if self.is_over():
            raise TimeOver


class Desk(Protocol):
    """What a run works with. Every method raises RunStopped once the run is to end.

    A `deadline` is a moment by `time.monotonic`. Once it passes, what runs is ended as a stop ends it, and what comes back is
    a failure with the code TIME_OVER: no fault of the configuration, with what was measured whole before.
    """

    def check(self, configuration: Configuration) -> Failure | None:
        """Why it can't be loaded, told without loading it; None where nothing speaks against it."""

    def visit(
        self,
        configuration: Configuration,
        workloads: Sequence[Workload],
        repetitions: int,
        round_number: int,
        with_greedy: bool = False,
        deadline: float | None = None,
    ) -> Visit:
        """Load, warm up, measure, unload; recorded when it returns. A failure is in the visit, not raised."""

    def quality(
        self, configuration: Configuration, reference: Configuration, deadline: float | None = None
    ) -> Quality | Failure:
        """Compare texts with the reference's; recorded when it returns. Both were visited `with_greedy` before.

        What was recorded is no end of it in the cases that `is_compared` names.
        """

    def say(self, phase: str, now: str, done: int, planned: int | None, left_seconds: float | None = None) -> None:
        """Show how far the run is."""

    def note(self, words: str) -> None:
        """Keep a sentence about the whole run; the same one twice is kept once."""

    def elapsed_seconds(self) -> float:
        """Of work on this run, earlier sittings included, pauses not."""
