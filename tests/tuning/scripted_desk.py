"""A desk that measures nothing: visits come from a script, time passes as it says, and it can be told to stop.

A deadline is by the real clock, as a desk is given it; what is left until then is taken as seconds of the scripted time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from openarc_ui.tuning.desk import RunStopped, time_over
from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.results import Configuration, Failure, Greedy, Quality, Visit
from tests.tuning.made_visits import quality, sample, visit

Speed = Callable[[Configuration, int], float | None]
"""Decode throughput of a configuration at the visit of that number, from 0; None: the visit fails."""


class ScriptedDesk:
    """Both the desk and, as `record`, what it has kept."""

    def __init__(self, speed: Speed, *, seconds_a_visit: float = 10.0, seconds_a_text: float = 0.0) -> None:
        self._speed, self._seconds, self._seconds_a_text = speed, seconds_a_visit, seconds_a_text
        self.record: Any = SimpleNamespace(configurations=[], visits=[], qualities={}, notes=[], begin=self._begin)
        self.said: list[tuple[str, str, int, int | None, float | None]] = []
        self.refused: dict[str, Failure] = {}
        self.stop_after: int | None = None
        self.greedy_asked: list[tuple[str, int]] = []
        self.compared: list[tuple[str, str]] = []
        self.visits_at_comparison: list[int] = []
        self.left_at_visits: list[float | None] = []
        self.left_at_texts: list[float | None] = []
        self.time = 0.0

    @property
    def visits(self) -> list[Visit]:
        return list(self.record.visits)

    def check(self, configuration: Configuration) -> Failure | None:
        return self.refused.get(configuration.label)

    def visit(
        self,
        configuration: Configuration,
        workloads: Sequence[Workload],
        repetitions: int,
        round_number: int,
        with_greedy: bool = False,
        deadline: float | None = None,
    ) -> Visit:
        number = len(self.record.visits)
        if self.stop_after is not None and number >= self.stop_after:
            raise RunStopped
        speed, took, is_over = self._speed(configuration, number), *self._within(deadline, self._seconds)
        self.left_at_visits.append(_left(deadline))
        if with_greedy:
            self.greedy_asked.append((configuration.label, round_number))
        failure = None if speed is not None else Failure("load", "load_failed", "It does not fit.")
        if is_over:
            speed, failure = None, time_over("measure")
        made = visit(
            [sample(speed)] * repetitions if speed is not None else (),
            configuration=configuration.configuration_id,
            round_number=round_number,
            began_at=self.time,
            took=took,
            workload=workloads[0].name,
            greedy=[Greedy("Hello", (1, 2), "you")] if with_greedy and speed is not None else (),
            failure=failure,
        )
        self.time += took
        self.record.visits.append(made)
        return made

    def quality(
        self, configuration: Configuration, reference: Configuration, deadline: float | None = None
    ) -> Quality | Failure:
        self.compared.append((configuration.label, reference.label))
        self.visits_at_comparison.append(len(self.record.visits))
        self.left_at_texts.append(_left(deadline))
        took, is_over = self._within(deadline, self._seconds_a_text)
        self.time += took
        found = time_over("quality") if is_over else quality(configuration.configuration_id)
        self.record.qualities[configuration.configuration_id] = found
        return found

    def say(self, phase: str, now: str, done: int, planned: int | None, left_seconds: float | None = None) -> None:
        self.said.append((phase, now, done, planned, left_seconds))

    def note(self, words: str) -> None:
        if words not in self.record.notes:
            self.record.notes.append(words)

    def elapsed_seconds(self) -> float:
        return self.time

    @staticmethod
    def _within(deadline: float | None, seconds: float) -> tuple[float, bool]:
        """How long something takes that is ended by its deadline, and whether it was."""
        left = _left(deadline)
        return (seconds, False) if left is None or seconds <= left else (left, True)

    def _begin(self, configuration: Configuration) -> None:
        self.record.configurations.append(configuration)


def _left(deadline: float | None) -> float | None:
    """Seconds until a deadline, never fewer than none; None: there is none."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())
