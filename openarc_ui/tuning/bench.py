"""A bench: one configuration on its workloads, loaded anew as often as asked; its text held against the reference's where wanted.

Nothing is asked in advance whether it can be loaded: a load refuses what can't be before it begins, and its visit keeps why.
"""

from __future__ import annotations

from itertools import takewhile

from openarc_ui.tuning.configurations import configuration_of
from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.quality import default_reference
from openarc_ui.tuning.records import RunRecord
from openarc_ui.tuning.requests import BenchRequest
from openarc_ui.tuning.results import Configuration, Visit

MOST_FAILURES = 2
"""One after the other: the first may be chance."""
REFERENCE_ROUND = 0
"""The reference is visited for its answers alone, so it belongs to no round."""


def run(request: BenchRequest, desk: Desk, record: RunRecord) -> None:
    """Do what is not recorded yet; returns when nothing is left. Raises RunStopped where it is to end early."""
    _Bench(request, desk, record).run()


class _Bench:
    """Everything it decides by is in the record, so a resumed one goes on where it was."""

    def __init__(self, request: BenchRequest, desk: Desk, record: RunRecord) -> None:
        self._request, self._desk, self._record = request, desk, record
        self._configuration = configuration_of(request.configuration)
        self._planned = request.loads + (2 if request.quality.is_wanted else 0)

    def run(self) -> None:
        """Measure, then compare."""
        self._record.begin(self._configuration)
        self._measure()
        if self._request.quality.is_wanted and self._has_answered(self._configuration):
            self._compare()
        self._say("Done", self._planned)

    def _measure(self) -> None:
        """Load and measure in each round that is not recorded."""
        loads = self._request.loads
        for round_number in range(1, loads + 1):
            visits = self._visits_of(self._configuration)
            if any(visit.round_number == round_number for visit in visits):
                continue
            if _failures_at_the_end(visits) >= MOST_FAILURES:
                self._desk.note(f"It was loaded {len(visits)} times and not {loads}, since it failed again and again.")
                return
            self._say(f"Load {round_number} of {loads}", len(visits))
            # The guard's prompts are answered once, in a visit that is made anyway.
            with_greedy = self._request.quality.is_wanted and not self._has_answered(self._configuration)
            self._desk.visit(
                self._configuration, self._request.workloads, self._request.repetitions, round_number, with_greedy
            )

    def _compare(self) -> None:
        """Hold the text against that of the same model with nothing left out of its computations."""
        reference = configuration_of(default_reference(self._request.configuration), label="reference")
        is_its_own = reference.configuration_id == self._configuration.configuration_id
        reference = self._configuration if is_its_own else reference
        self._record.begin(reference)
        if not self._visits_of(reference):
            self._say("Loading the reference", self._request.loads)
            self._desk.visit(reference, (), self._request.repetitions, REFERENCE_ROUND, with_greedy=True)
        if not self._has_answered(reference):
            failure = next((visit.failure for visit in self._visits_of(reference) if visit.failure), None)
            why = f": {failure.message}" if failure else "."
            self._desk.note(f"The text was compared with nothing, since the reference gave no answers{why}")
        elif self._configuration.configuration_id not in self._record.qualities:
            self._say("Comparing texts", self._planned - 1)
            self._desk.quality(self._configuration, reference)

    def _say(self, now: str, done: int) -> None:
        """How far it is; what is left goes on at the pace so far."""
        left_seconds = self._desk.elapsed_seconds() / done * (self._planned - done) if done else None
        phase = "Measuring" if done < self._request.loads else "Comparing texts" if done < self._planned else "Done"
        self._desk.say(phase, now, done, self._planned, left_seconds)

    def _has_answered(self, configuration: Configuration) -> bool:
        return any(visit.greedy for visit in self._visits_of(configuration))

    def _visits_of(self, configuration: Configuration) -> list[Visit]:
        return [visit for visit in self._record.visits if visit.configuration_id == configuration.configuration_id]


def _failures_at_the_end(visits: list[Visit]) -> int:
    return sum(1 for _ in takewhile(lambda visit: visit.failure is not None, reversed(visits)))
