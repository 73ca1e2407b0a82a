"""Rounds of a sweep: configurations and the base visited in an order that is drawn, texts compared, refusals remembered.

Exploring and confirming both consist of them. What is recorded already is not done again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.results import Configuration, Failure
from openarc_ui.tuning.work.budget import Budget
from openarc_ui.tuning.work.scores import Scores

FIRST_ROUND = 1
"""Of the base and the reference alone."""


class Rounds:
    """What a sweep does with its desk.

    Attributes:
        reference: what texts are compared with; None: nothing is (yet).
        done, planned: how far the phase is, for whoever watches; see Progress.
    """

    def __init__(self, request: SweepRequest, desk: Desk, record: RunRecord, base: Configuration) -> None:
        self._request, self._desk, self._record = request, desk, record
        self.base = base
        self.reference: Configuration | None = None
        self.scores = Scores(request, record, base.configuration_id)
        self.budget = Budget(request, desk, self.scores)
        self.done = 0
        self.planned: int | None = None
        self._refused: dict[str, Failure] = {}

    def run(self, number: int, configurations: Mapping[str, Configuration], phase: str) -> None:
        """Visit each of them and the base, in an order that is drawn, as far as the time goes."""
        everyone = {**configurations, self.base.configuration_id: self.base}
        order = sorted(everyone)
        random.Random(f"{self._request.seed}:{number}").shuffle(order)
        for configuration_id in order:
            has_others = any(self.may_be_visited(each) for each in configurations)
            is_done = self.scores.is_recorded(configuration_id, number)
            if is_done or not has_others or not self.may_be_visited(configuration_id):
                continue
            if self.budget.visits_left() < 1:
                return
            configuration = everyone[configuration_id]
            self._record.begin(configuration)
            self.say(phase, configuration.label)
            self.visit(configuration, number)

    def visit(self, configuration: Configuration, number: int) -> None:
        """Measure it; at its first visit it answers the quality guard's prompts too."""
        is_asked = self._request.quality.is_wanted and (self.reference is not None or number == FIRST_ROUND)
        with_greedy = is_asked and not self.scores.has_answered(configuration.configuration_id)
        workloads = (self._request.workload,)
        self._desk.visit(configuration, workloads, self._request.repetitions, number, with_greedy)

    def compare(self, configurations: Iterable[Configuration]) -> None:
        """Hold texts against the reference's, where that was not done and the time allows."""
        for configuration in configurations:
            configuration_id = configuration.configuration_id
            is_done = configuration_id in self._record.qualities
            if self.reference is None or is_done or not self.scores.has_answered(configuration_id):
                continue
            if not self.budget.has_time_for_texts():
                self._desk.note("The time was over before all texts were compared.")
                return
            self.say("Comparing texts", configuration.label)
            self._desk.quality(configuration, self.reference)

    def check(self, configuration: Configuration) -> Failure | None:
        """Why it can't be loaded, by what can be said without loading it."""
        failure = self._desk.check(configuration)
        if failure is not None:
            self._refused[configuration.configuration_id] = failure
        return failure

    def failure(self, configuration_id: str) -> Failure | None:
        """Why it is not visited any more."""
        return self._refused.get(configuration_id) or self.scores.failure(configuration_id)

    def may_be_visited(self, configuration_id: str) -> bool:
        """It did not fail and was not given up."""
        return self.failure(configuration_id) is None and configuration_id not in self._record.pruned

    def has_base(self) -> bool:
        """The base can be measured."""
        return self.may_be_visited(self.base.configuration_id)

    def is_known(self, configuration_id: str, before: int | None = None) -> bool:
        """It is the base, or was tried; where a round is given, before that."""
        if configuration_id == self.base.configuration_id or configuration_id in self._refused:
            return True
        visits = self.scores.all_visits(configuration_id, None if before is None else before - 1)
        return any(visit.workloads or visit.failure is not None for visit in visits)

    def say(self, phase: str, now: str) -> None:
        """How far it is; it ends with the time, if not before."""
        self._desk.say(phase, now, self.done, self.planned, self.budget.left_seconds())
