"""Rounds of a sweep: configurations and the base visited in an order that is drawn, texts compared, refusals remembered.

Exploring and confirming both consist of them. What is recorded already is not done again; only the base is measured anew where
a pause broke a round, since nothing is held against what was measured before a pause.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping

from openarc_ui.tuning.desk import Desk, is_compared
from openarc_ui.tuning.judging.round_numbers import FIRST_ROUND, part_to_go_on_with
from openarc_ui.tuning.judging.standings import is_time_over
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import SweepRequest, Workload
from openarc_ui.tuning.results import Configuration, Failure
from openarc_ui.tuning.work.budget import Budget
from openarc_ui.tuning.work.scores import Scores

COMPARING = "Comparing texts"


class Rounds:
    """What a sweep does with its desk.

    Attributes:
        reference: what texts are compared with; None: nothing is (yet).
        wants_answers: a configuration's first visit answers the quality guard's prompts too.
        done, planned: how far the phase is, for whoever watches; see Progress.
        brought_back: ids of what was given up and is visited again all the same.
    """

    def __init__(self, request: SweepRequest, desk: Desk, record: RunRecord, base: Configuration) -> None:
        self._request, self._desk, self._record = request, desk, record
        self.base = base
        self.reference: Configuration | None = None
        self.wants_answers = request.quality.is_wanted
        self.scores = Scores(request, record, base.configuration_id)
        self.budget = Budget(request, desk, self.scores)
        self.done: Callable[[], int] = lambda: 0
        self.planned: int | None = None
        self.brought_back: frozenset[str] = frozenset()
        self._refused: dict[str, Failure] = {}
        self._visits_before = len(record.visits)

    def run(self, number: int, configurations: Mapping[str, Configuration], phase: str) -> None:
        """Visit each of them and the base, in an order that is drawn, as far as the time goes.

        Args:
            number: of the round's first part.
        """
        numbers = [visit.round_number for visit in self._record.visits]
        part = part_to_go_on_with(number, numbers[: self._visits_before], numbers[self._visits_before :])
        everyone = {**configurations, self.base.configuration_id: self.base}
        order = sorted(everyone)
        random.Random(f"{self._request.seed}:{number}").shuffle(order)
        for configuration_id in order:
            if not self._is_open(configuration_id, configurations, number, part):
                continue
            if self.budget.visits_left() < 1:
                return
            configuration = everyone[configuration_id]
            self._record.begin(configuration)
            self.say(phase, configuration.label)
            self.visit(configuration, part)

    def visit(self, configuration: Configuration, number: int) -> None:
        """Measure it; until it has answered the quality guard's prompts, it is asked these too."""
        with_greedy = self.wants_answers and not self.scores.has_answered(configuration.configuration_id)
        self._visit(configuration, (self._request.workload,), number, with_greedy)

    def ask_for_answers(self, configuration: Configuration) -> None:
        """Load it for its answers to the quality guard's prompts alone."""
        self._visit(configuration, (), FIRST_ROUND, True)

    def compare(self, configurations: Iterable[Configuration], share: float = 1.0) -> None:
        """Hold texts against the reference's, where that was not done and that share of the time allows."""
        for configuration in configurations:
            configuration_id = configuration.configuration_id
            is_done = is_compared(self._record.qualities.get(configuration_id))
            if self.reference is None or is_done or not self.scores.has_answered(configuration_id):
                continue
            if not self.budget.has_time_for_texts(share):
                if share == 1.0:
                    self._desk.note("The time was over before all texts were compared.")
                return
            self.say_texts(configuration.label)
            found = self._desk.quality(configuration, self.reference, deadline=self.budget.deadline())
            self.budget.is_over = is_time_over(found)

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
        """It did not fail, and was not given up for good."""
        is_given_up = configuration_id in self._record.pruned and configuration_id not in self.brought_back
        return self.failure(configuration_id) is None and not is_given_up

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
        self._desk.say(phase, now, self.done(), self.planned, self.budget.left_seconds())

    def say_texts(self, now: str) -> None:
        """The same while texts are compared: how many were, of those that have answered so far."""
        self._desk.say(COMPARING, now, *self.scores.texts(), self.budget.left_seconds())

    def _visit(
        self, configuration: Configuration, workloads: tuple[Workload, ...], number: int, with_greedy: bool
    ) -> None:
        repetitions, deadline = self._request.repetitions, self.budget.deadline()
        visit = self._desk.visit(configuration, workloads, repetitions, number, with_greedy, deadline=deadline)
        self.budget.is_over = is_time_over(visit.failure)

    def _is_open(self, configuration_id: str, others: Mapping[str, Configuration], number: int, part: int) -> bool:
        """It is still to be visited in this part of a round; the base only beside others."""
        if not self.may_be_visited(configuration_id) or self.scores.is_recorded(configuration_id, part):
            return False
        able = [each for each in others if self.may_be_visited(each)]
        if configuration_id == self.base.configuration_id:
            return any(self.scores.is_recorded(each, part) or self._is_open(each, {}, number, part) for each in able)
        return not any(
            self.scores.is_recorded(configuration_id, earlier) and self._has_base_in(earlier)
            for earlier in range(number, part)
        )

    def _has_base_in(self, part: int) -> bool:
        """What was visited in it has something to be held against, as far as there is a base at all."""
        return not self.has_base() or self.scores.is_recorded(self.base.configuration_id, part)
