"""A bench: one configuration on its workloads, loaded anew as often as asked; its text held against the reference's where wanted.

Nothing is asked in advance whether it can be loaded: a load refuses what can't be before it begins, and its visit keeps why.
"""

from __future__ import annotations

from itertools import takewhile

from openarc_ui.tuning.configurations import configuration_of
from openarc_ui.tuning.desk import Desk, is_compared
from openarc_ui.tuning.quality.guard import default_reference
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import BenchRequest
from openarc_ui.tuning.results import Configuration, Visit

MOST_FAILURES = 2
"""One after the other: the first may be chance."""
MEASURING = "Measuring"
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
        self._reference = self._configuration
        if request.quality.is_wanted:
            reference = configuration_of(default_reference(request.configuration), label="reference")
            if reference.configuration_id != self._configuration.configuration_id:
                self._reference = reference

    def run(self) -> None:
        """Measure, then compare."""
        self._record.begin(self._configuration)
        self._measure()
        if self._request.quality.is_wanted and self._has_answered(self._configuration):
            self._compare()
        self._say("Done", "")

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
            self._say(MEASURING, f"Load {round_number} of {loads}")
            # The guard's prompts are answered once, in a visit that is made anyway.
            with_greedy = self._request.quality.is_wanted and not self._has_answered(self._configuration)
            self._desk.visit(
                self._configuration, self._request.workloads, self._request.repetitions, round_number, with_greedy
            )

    def _compare(self) -> None:
        """Hold the text against that of the same model with nothing left out of its computations."""
        if not self._visits_of(self._reference):
            self._record.begin(self._reference)
            self._say("Comparing texts", "Asking the reference")
            self._desk.visit(self._reference, (), self._request.repetitions, REFERENCE_ROUND, with_greedy=True)
        if not self._has_answered(self._reference):
            failure = next((visit.failure for visit in self._visits_of(self._reference) if visit.failure), None)
            why = f": {failure.message}" if failure else "."
            self._desk.note(f"The text was compared with nothing, since the reference gave no answers{why}")
        elif not self._is_compared():
            self._say("Comparing texts", "Holding them against the reference's")
            self._desk.quality(self._configuration, self._reference)

    def _say(self, phase: str, now: str) -> None:
        """How far it is; what is left goes on at the pace so far, but for texts, of which nobody knows the pace."""
        done, planned = len(self._visits_of(self._configuration)), self._request.loads
        if self._request.quality.is_wanted:
            has_reference = self._reference is not self._configuration
            planned += 1 + has_reference
            done += has_reference and bool(self._visits_of(self._reference))
            done += self._is_compared()
        left_seconds = self._desk.elapsed_seconds() / done * (planned - done) if done and phase == MEASURING else None
        self._desk.say(phase, now, done, planned, 0.0 if phase == "Done" else left_seconds)

    def _is_compared(self) -> bool:
        return is_compared(self._record.qualities.get(self._configuration.configuration_id))

    def _has_answered(self, configuration: Configuration) -> bool:
        return any(visit.greedy for visit in self._visits_of(configuration))

    def _visits_of(self, configuration: Configuration) -> list[Visit]:
        return [visit for visit in self._record.visits if visit.configuration_id == configuration.configuration_id]


def _failures_at_the_end(visits: list[Visit]) -> int:
    return sum(1 for _ in takewhile(lambda visit: visit.failure is not None, reversed(visits)))
