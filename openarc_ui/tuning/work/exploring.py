"""The first part of a sweep: batch after batch of combinations, until the time for it or the combinations are used up.

Two rounds visit a batch's configurations and the base in random order, or one where the time is short; what is clearly no winner
after the first is left out of the second. Texts are compared here only where they are what is searched by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from openarc_ui.errors import OpenArcError
from openarc_ui.tuning.configurations import combine, configuration_of, label_of
from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.judging.round_numbers import ROUNDS_OF_A_BATCH, exploring_round, last_part
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.results import Configuration
from openarc_ui.tuning.search.studies import LARGEST_GRID, Proposal, SamplerName, Search
from openarc_ui.tuning.work.budget import BATCH as BATCH
from openarc_ui.tuning.work.budget import FEW
from openarc_ui.tuning.work.rounds import Rounds

MOST_USELESS = 200
"""Combinations in a row that make no new load, before it is taken that no other one does."""
MOST_NOTED = 5
"""Combinations that no load can have, of which a note is kept."""
PHASE = "Exploring"


class Exploring:
    """Where it is follows from the search (which batch was asked for) and the record (which visits were made)."""

    def __init__(self, request: SweepRequest, desk: Desk, record: RunRecord, search: Search, rounds: Rounds) -> None:
        self._request, self._desk, self._record, self._search, self._rounds = request, desk, record, search, rounds
        models = (axis.values for axis in request.axes if axis.field == "model_path")
        self._models = sorted({str(value) for values in models for value in values})
        self._impossible = 0
        self._batch: tuple[str, ...] = ()

    def run(self) -> None:
        """Explore, unless that was done."""
        if self._search.decided("is_explored"):
            return
        self._rounds.done = self._tried
        self._decide_how_often()
        sampler = self._sampler()
        if sampler == "grid":
            self._rounds.planned = self._search.space.size
        while batch := self._search.running() or self._ask(sampler):
            self._measure(batch)
        self._search.decide("is_explored", True)
        self._note_how_far(sampler)

    def _tried(self) -> int:
        """Combinations that were tried, those of this batch included that were visited already."""
        return self._search.told() + sum(bool(self._rounds.scores.all_visits(each)) for each in self._batch)

    def _decide_how_often(self) -> None:
        """Decided once: where the time is not enough for two rounds of a few, one of more shows more; a text needs no second."""
        decided: int | None = self._search.decided("rounds of a batch")
        if decided is None:
            few = min(FEW, self._search.space.size - self._has_base_in_axes(), self._request.most_configurations)
            is_text_only = all(figure.place == "quality" for figure in self._rounds.scores.objectives)
            is_known = self._rounds.scores.visit_seconds() is not None
            is_short = is_known and not self._rounds.budget.is_enough_for(few)
            decided = 1 if is_text_only or is_short else ROUNDS_OF_A_BATCH
            self._search.decide("rounds of a batch", decided)
        self._rounds.budget.rounds_of_a_batch = decided

    def _has_base_in_axes(self) -> bool:
        return self._search.space.texts_of(self._request.base, self._rounds.base.load) is not None

    def _sampler(self) -> SamplerName:
        """Decided once, when it is known how long the base took."""
        decided: SamplerName | None = self._search.decided("sampler")
        if decided is not None:
            return decided
        asked, size = self._request.sampler, self._search.space.size
        sampler: SamplerName = "tpe" if asked == "auto" else asked
        new = size - self._has_base_in_axes()
        is_small = size <= LARGEST_GRID and new <= self._request.most_configurations
        if asked == "auto" and is_small and self._rounds.budget.is_enough_for(new):
            sampler = "grid"
        if sampler == "grid" and size > LARGEST_GRID:
            self._desk.note(f"The grid has {size} combinations, too many to go through; they are drawn at random.")
            sampler = "random"
        first = self._search.space.texts_of(self._request.base, self._rounds.base.load)
        if first is not None:
            self._search.propose_first(first)  # costs nothing: it is measured already
        self._search.decide("sampler", sampler)
        return sampler

    def _ask(self, sampler: SamplerName) -> list[Proposal]:
        """A batch of combinations that make new loads; those that make known ones are told what is known."""
        number, useless = self._search.next_batch(), 0
        left_to_try = self._request.most_configurations - self._new_ones()
        size = min(self._rounds.budget.candidates_left(is_first=number == 0), left_to_try)
        batch: list[Proposal] = []
        new_ids: set[str] = set()
        while len(new_ids) < size and useless < MOST_USELESS:
            proposal = self._search.ask(sampler, number)
            if proposal is None:
                break
            useless += 1
            made = self._made(proposal)
            if made is None:
                continue
            if self._rounds.is_known(made.configuration_id):
                self._tell(made.configuration_id, proposal)
                continue
            useless = 0 if made.configuration_id not in new_ids else useless
            new_ids.add(made.configuration_id)
            batch.append(proposal)
        return batch

    def _new_ones(self) -> int:
        """Configurations that were tried beside the base; one that was only loaded for its text was not tried."""
        return sum(
            each.configuration_id != self._rounds.base.configuration_id and self._rounds.is_known(each.configuration_id)
            for each in self._record.configurations
        )

    def _made(self, proposal: Proposal) -> Configuration | None:
        """The configuration of a combination; None where no load can be like that, which is told and noted."""
        try:
            load = combine(self._request.base, proposal.settings)
            settings = configuration_of(load, proposal.settings).settings
        except OpenArcError as error:
            self._search.fail(proposal.number, error.message)
            self._impossible += 1
            if self._impossible <= MOST_NOTED:
                self._desk.note(f"No load can have {label_of(proposal.settings, self._models)}: {error.message}")
            return None
        return configuration_of(load, settings, label_of(settings, self._models))

    def _measure(self, batch: Sequence[Proposal]) -> None:
        """A batch's rounds, its texts where they are searched by, and what came of it told."""
        number = next((each.batch for each in batch if each.batch is not None), self._search.next_batch())
        for proposal in batch:
            self._search.put_into(proposal, number)
        first, rounds = exploring_round(number, 0), self._rounds
        made = [(proposal, configuration) for proposal in batch if (configuration := self._made(proposal)) is not None]
        new = {
            configuration.configuration_id: configuration
            for _, configuration in made
            if not rounds.is_known(configuration.configuration_id, first)
        }
        self._batch = tuple(new)
        for configuration in new.values():
            if rounds.check(configuration) is not None:
                self._record.begin(configuration)  # a failure is a result too
        rounds.run(first, new, PHASE)
        if rounds.budget.rounds_of_a_batch > 1:
            self._second_round(number, new)
        if rounds.budget.compares_while_exploring:
            rounds.compare(sorted(new.values(), key=lambda each: each.configuration_id in self._record.pruned))
        self._batch = ()
        for proposal, configuration in made:
            self._tell(configuration.configuration_id, proposal)

    def _second_round(self, number: int, new: Mapping[str, Configuration]) -> None:
        """Visit again what may yet win, and the base. What is clearly no winner is given up without.

        But where that may be the machine's fault, the second round decides alone: other programs were busy just then, or those that
        are visited again show that the machine changed in between. Where nothing may yet win, the best is visited again for that.
        """
        rounds, scores = self._rounds, self._rounds.scores
        first, second = exploring_round(number, 0), exploring_round(number, 1)
        losing = [each for each in new if rounds.may_be_visited(each)]
        losing = [each for each in losing if scores.is_clearly_no_winner(each, last_part(first))]
        slow = [
            each for each in losing if not scores.is_over_limit(each, last_part(first))
        ]  # what is too large stays so
        slow = scores.in_order(slow, last_part(first))
        again = [each for each in new if each not in losing]
        again += [each for each in slow if scores.is_disturbed(each, first)]
        again += [] if any(map(rounds.may_be_visited, again)) else slow[:1]
        rounds.run(second, {each: new[each] for each in again}, PHASE)
        if scores.is_other_machine(first, second):
            again += [each for each in slow if each not in again]
            rounds.run(second, {each: new[each] for each in slow}, PHASE)
        for each in losing:
            if each not in again or scores.is_clearly_no_winner(each, last_part(second), second):
                self._record.prune(each)

    def _tell(self, configuration_id: str, proposal: Proposal) -> None:
        """What is known of a configuration, told to the search for a combination that makes it."""
        scores, failure = self._rounds.scores, self._rounds.failure(configuration_id)
        values, memory_bytes = scores.values(configuration_id), scores.memory_bytes(configuration_id)
        missing = [figure.label for figure, value in zip(scores.objectives, values, strict=True) if value is None]
        if failure is not None:
            self._search.fail(proposal.number, failure.message)
        elif configuration_id in self._record.pruned:
            self._search.prune(proposal.number, values[0], memory_bytes)
        elif not scores.visits(configuration_id):
            self._search.leave(proposal.number)
        elif missing:
            self._search.fail(proposal.number, f"not measured: {', '.join(missing)}")
        else:
            self._search.tell(proposal.number, [each for each in values if each is not None], memory_bytes)

    def _note_how_far(self, sampler: SamplerName) -> None:
        tried, size = self._search.told(), self._search.space.size
        how = {"grid": "as a grid", "tpe": "chosen by TPE", "random": "drawn at random"}[sampler]
        words = (
            f"All {size} combinations of the axes" if tried >= size else f"{tried} of {size} combinations of the axes"
        )
        self._desk.note(f"{words} were tried, {how}.")
