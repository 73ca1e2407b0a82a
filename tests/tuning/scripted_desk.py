"""A desk that measures nothing: visits come from a script, time passes as it says, and it can be told to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from openarc_ui.tuning.desk import RunStopped
from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.results import Configuration, Failure, Greedy, Quality, Visit
from tests.tuning.made_visits import quality, sample, visit

Speed = Callable[[Configuration, int], float | None]
"""Decode throughput of a configuration at the visit of that number, from 0; None: the visit fails."""


class ScriptedDesk:
    """Both the desk and, as `record`, what it has kept."""

    def __init__(self, speed: Speed, *, seconds_a_visit: float = 10.0) -> None:
        self._speed, self._seconds = speed, seconds_a_visit
        self.record: Any = SimpleNamespace(configurations=[], visits=[], qualities={}, notes=[], begin=self._begin)
        self.said: list[tuple[str, str, int, int | None, float | None]] = []
        self.refused: dict[str, Failure] = {}
        self.stop_after: int | None = None
        self.greedy_asked: list[tuple[str, int]] = []
        self.compared: list[tuple[str, str]] = []
        self.visits_at_comparison: list[int] = []
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
    ) -> Visit:
        number = len(self.record.visits)
        if self.stop_after is not None and number >= self.stop_after:
            raise RunStopped
        speed = self._speed(configuration, number)
        if with_greedy:
            self.greedy_asked.append((configuration.label, round_number))
        made = visit(
            [sample(speed)] * repetitions if speed is not None else (),
            configuration=configuration.configuration_id,
            round_number=round_number,
            began_at=self.time,
            took=self._seconds,
            workload=workloads[0].name,
            greedy=[Greedy("Hello", (1, 2), "you")] if with_greedy and speed is not None else (),
            failure=None if speed is not None else Failure("load", "load_failed", "It does not fit."),
        )
        self.time += self._seconds
        self.record.visits.append(made)
        return made

    def quality(self, configuration: Configuration, reference: Configuration) -> Quality | Failure:
        self.compared.append((configuration.label, reference.label))
        self.visits_at_comparison.append(len(self.record.visits))
        self.record.qualities[configuration.configuration_id] = quality(configuration.configuration_id)
        return self.record.qualities[configuration.configuration_id]

    def say(self, phase: str, now: str, done: int, planned: int | None, left_seconds: float | None = None) -> None:
        self.said.append((phase, now, done, planned, left_seconds))

    def note(self, words: str) -> None:
        if words not in self.record.notes:
            self.record.notes.append(words)

    def elapsed_seconds(self) -> float:
        return self.time

    def _begin(self, configuration: Configuration) -> None:
        self.record.configurations.append(configuration)
