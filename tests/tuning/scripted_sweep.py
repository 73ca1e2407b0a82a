"""A desk for sweeps that measures nothing: a planted machine answers, a simulated clock runs, and it can be killed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.tuning.configurations import value_at
from openarc_ui.tuning.desk import TIME_OVER, RunStopped, is_compared, time_over
from openarc_ui.tuning.requests import SweepRequest, Workload
from openarc_ui.tuning.results import Configuration, Failure, Greedy, Quality, Sample, Visit, WorkloadSamples
from tests.tuning.made_visits import quality

Load = Callable[[str], PropertyValue | None]
"""Asked for a field of what is loaded."""


@dataclass
class Machine:
    """What would be measured.

    Attributes:
        seconds: of one request, from what is loaded.
        memory: bytes, likewise.
        breaks: why it can't be loaded, or None.
        refuses: the same, said without loading.
        noise: relative standard deviation of a visit; of a repetition a third of that.
        weather: moment of the run, in seconds -> how much slower the whole machine is then.
        others: moment -> cores that other programs keep busy then, as is told of a repetition.
    """

    seconds: Callable[[Load], float]
    memory: Callable[[Load], int] = lambda load: 500_000_000
    breaks: Callable[[Load], str | None] = lambda load: None
    refuses: Callable[[Load], str | None] = lambda load: None
    divergence: Callable[[Load], float] = lambda load: 0.0
    noise: float = 0.0
    seed: int = 0
    weather: Callable[[float], float] = lambda moment: 1.0
    others: Callable[[float], float] = lambda moment: 0.0

    def sample(self, seconds: float, others: float = 0.0) -> Sample:
        rates = seconds / 5, 512 / seconds, 100 / seconds, seconds / 100, seconds, 90 / seconds
        return Sample(0.0, seconds, *rates, 512, 128, others)

    def samples(self, load: Load, seed: str, count: int, moment: float) -> tuple[Sample, ...]:
        chance = random.Random(f"{self.seed}:{seed}")
        seconds = self.weather(moment) * self.seconds(load) * max(0.2, chance.gauss(1.0, self.noise))
        scattered = (seconds * max(0.2, chance.gauss(1.0, self.noise / 3)) for _ in range(count))
        return tuple(self.sample(each, self.others(moment)) for each in scattered)


@dataclass
class Record:
    """What is kept, whatever is killed."""

    request: SweepRequest
    folder: Path
    configurations: list[Configuration] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    qualities: dict[str, Quality | Failure] = field(default_factory=dict)
    pruned: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    elapsed: float = 0.0

    def begin(self, configuration: Configuration) -> None:
        if all(each.configuration_id != configuration.configuration_id for each in self.configurations):
            self.configurations.append(configuration)

    def prune(self, configuration_id: str) -> None:
        self.pruned.add(configuration_id)


class Desk:
    """One sitting at a record.

    Args:
        first_comparison: of texts, in visits, since it scores the reference too; the others take half of one.
        ends_before: the visit or comparison, counted over this sitting from 0, that is not made any more.
    """

    def __init__(
        self,
        machine: Machine,
        record: Record,
        *,
        visit_seconds: float = 10.0,
        first_comparison: float = 0.5,
        ends_before: int | None = None,
    ) -> None:
        self._first_comparison = first_comparison
        self._machine, self.record, self._seconds, self._ends_before = machine, record, visit_seconds, ends_before
        self.done = 0
        self.said: list[tuple[str, str, int, int | None, float | None]] = []

    def check(self, configuration: Configuration) -> Failure | None:
        words = self._machine.refuses(_reading(configuration))
        if words is None:
            return None
        failure = Failure("check", "property_rejected", words)
        self.record.qualities[configuration.configuration_id] = failure
        return failure

    def visit(
        self,
        configuration: Configuration,
        workloads: Sequence[Workload],
        repetitions: int,
        round_number: int,
        with_greedy: bool = False,
        deadline: float | None = None,
    ) -> Visit:
        self._step()
        assert any(each.configuration_id == configuration.configuration_id for each in self.record.configurations)
        key = (configuration.configuration_id, round_number)
        whole = (each for each in self.record.visits if each.failure is None or each.failure.code != TIME_OVER)
        assert all((each.configuration_id, each.round_number) != key for each in whole), "made twice"
        load = _reading(configuration)
        words = self._machine.breaks(load)
        began, took = self.record.elapsed, self._seconds * (1.0 if workloads else 0.4) * (0.25 if words else 1.0)
        failure = Failure("load", "model_load_failed", words) if words else None
        if self._is_cut(took, deadline):
            failure = time_over("measure")
        samples = self._machine.samples(load, f"{key}", repetitions, began) if workloads and not failure else ()
        visit = Visit(
            configuration_id=configuration.configuration_id,
            round_number=round_number,
            began_at=began,
            ended_at=self.record.elapsed,
            load_seconds=None if failure else 1.5,
            memory_bytes=None if failure else self._machine.memory(load),
            device_memory_bytes=None,
            workloads=tuple(WorkloadSamples(each.name, None, samples) for each in workloads),
            loaded=None,
            greedy=(Greedy("Hello", (1, 2), "you"),) if with_greedy and not failure else (),
            failure=failure,
        )
        self.record.visits.append(visit)
        return visit

    def quality(
        self, configuration: Configuration, reference: Configuration, deadline: float | None = None
    ) -> Quality | Failure:
        self._step()
        assert not is_compared(self.record.qualities.get(configuration.configuration_id)), "compared twice"
        took = self._seconds * (0.5 if self.record.qualities else self._first_comparison)
        if self._is_cut(took, deadline):
            self.record.qualities[configuration.configuration_id] = time_over("quality")
            return self.record.qualities[configuration.configuration_id]
        divergence = self._machine.divergence(_reading(configuration))
        found = replace(
            quality(configuration.configuration_id, mean_kl_divergence=divergence),
            reference_id=reference.configuration_id,
            changes_text=divergence > 0.05,
            seconds=took,
        )
        self.record.qualities[configuration.configuration_id] = found
        return found

    def say(self, phase: str, now: str, done: int, planned: int | None, left_seconds: float | None = None) -> None:
        self.said.append((phase, now, done, planned, left_seconds))

    def note(self, words: str) -> None:
        if words not in self.record.notes:
            self.record.notes.append(words)

    def elapsed_seconds(self) -> float:
        return self.record.elapsed

    def _is_cut(self, took: float, deadline: float | None) -> bool:
        """Let the time pass, at most until the deadline; whether that came first."""
        left = took if deadline is None else max(0.0, deadline - time.monotonic())
        # The real clock goes on a little while a deadline is handed over.
        is_cut = left < took - 0.5
        self.record.elapsed += left + 0.5 if is_cut else took
        return is_cut

    def _step(self) -> None:
        if self.done == self._ends_before:
            raise RunStopped
        self.done += 1


def _reading(configuration: Configuration) -> Load:
    return lambda name: value_at(configuration.load, name)


def table(field_: str, factors: Mapping[Any, float]) -> Callable[[Load], float]:
    """Field's value -> factor."""
    return lambda load: factors[load(field_)]
