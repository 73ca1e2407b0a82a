"""A sweep: many configurations, explored with Optuna, the best of them confirmed in turn, all of them held against the reference.

Exploring goes in batches. Two rounds visit a batch's configurations and the base in random order; what is clearly no winner
after the first is left out of the second. Then the best are visited with the base, round after round, until their intervals
are tight or the time is over. What is recorded already is not done again: every decision is by the record and the search.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import OpenArcError
from openarc_ui.tuning.budget import ROUNDS_OF_A_BATCH, Budget
from openarc_ui.tuning.configurations import combine, configuration_of, label_of
from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.quality import default_reference
from openarc_ui.tuning.records import RunRecord
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.results import Configuration, Failure
from openarc_ui.tuning.scores import Scores
from openarc_ui.tuning.search import FILE, LARGEST_GRID, Proposal, SamplerName, Search

BATCH = 4
"""Configurations that are visited side by side, with the base."""
FIRST_ROUND = 1
"""Of the base and the reference alone."""
FEWEST_CONFIRMING_ROUNDS = 3
"""With the two rounds of a batch that makes the five which a verdict needs."""
MOST_USELESS = 200
"""Combinations in a row that make no new load, before it is taken that no other one does."""
MOST_NOTED = 5
"""Combinations that no load can have, of which a note is kept."""


def run(request: SweepRequest, desk: Desk, record: RunRecord) -> None:
    """Do what is not recorded yet; returns when nothing is left. Raises RunStopped where it is to end early."""
    figures = tuple(BY_NAME[name] for name in request.objectives)
    with Search(record.folder / FILE, request.axes, figures, request.seed, request.memory_limit_bytes) as search:
        run_with(request, desk, record, search)


def run_with(request: SweepRequest, desk: Desk, record: RunRecord, search: Search) -> None:
    """The same with a search that is open."""
    _Sweep(request, desk, record, search).run()


class _Sweep:
    """One sweep, from wherever it is to its end."""

    def __init__(self, request: SweepRequest, desk: Desk, record: RunRecord, search: Search) -> None:
        self._request, self._desk, self._record, self._search = request, desk, record, search
        self._models = sorted(
            {str(value) for each in request.axes if each.field == "model_path" for value in each.values}
        )
        self._base = self._configuration(request.base, "base")
        self._reference: Configuration | None = None
        self._scores = Scores(request, record, self._base.configuration_id)
        self._budget = Budget(request, desk, self._scores)
        self._refused: dict[str, Failure] = {}
        self._impossible: set[str] = set()
        self._rounds_confirmed: int | None = None

    def run(self) -> None:
        """Base and reference, exploring, confirming."""
        self._begin()
        if "mean_kl_divergence" in self._request.objectives and self._reference is None:
            self._desk.note("It ended here: without a reference there is no divergence to search by.")
        else:
            self._explore()
            self._confirm()
        self._desk.say("Done", "", self._search.seen(), None, 0.0)

    # The base and the reference

    def _begin(self) -> None:
        """Visit the base, which is the first configuration, then the reference."""
        self._record.begin(self._base)
        base_id = self._base.configuration_id
        failure = self._check(self._base)
        if failure is not None:
            self._desk.note(f"The base can't be loaded, so nothing is measured beside it: {failure.message}")
        elif not self._scores.is_recorded(base_id, FIRST_ROUND):
            self._say("Exploring", "Measuring the base")
            self._visit(self._base, FIRST_ROUND)
        if self._request.quality.is_wanted:
            self._find_reference()
            self._compare([base_id], {base_id: self._base})

    def _find_reference(self) -> None:
        """Have the reference answer the guard's prompts; without answers there is none, and a note says why."""
        wanted = self._request.reference or default_reference(self._request.base)
        reference = self._configuration(wanted, "reference")
        if reference.configuration_id == self._base.configuration_id:
            reference = self._base
        reference_id = reference.configuration_id
        self._record.begin(reference)
        failure = self._check(reference)
        if failure is None and not self._scores.has_answered(reference_id):
            if not self._scores.is_recorded(reference_id, FIRST_ROUND):
                self._say("Exploring", "Loading the reference")
                self._desk.visit(reference, (), self._request.repetitions, FIRST_ROUND, with_greedy=True)
            failure = next(
                (each.failure for each in self._scores.all_visits(reference_id) if each.failure is not None), None
            )
        if failure is None and self._scores.has_answered(reference_id):
            self._reference = reference
            return
        why = failure.message if failure is not None else "it gave no answers."
        self._desk.note(f"Texts are compared with nothing, since the reference can't be had: {why}")

    # Exploring

    def _explore(self) -> None:
        """Batch after batch, until the time for it or the combinations are used up."""
        if self._search.decided("is_explored"):
            return
        sampler = self._sampler()
        while True:
            batch = self._search.running()
            if not batch:
                size = min(BATCH, self._budget.candidates_left(self._search.next_batch() == 0), self._left_to_try())
                batch = self._ask(sampler, size) if size > 0 else []
            if not batch:
                break
            self._measure(batch)
        self._search.decide("is_explored", True)
        self._note_explored(sampler)

    def _sampler(self) -> SamplerName:
        """Decided once, when it is known how long the base took."""
        decided: SamplerName | None = self._search.decided("sampler")
        if decided is not None:
            return decided
        asked, size = self._request.sampler, self._search.space.size
        sampler: SamplerName = "tpe" if asked == "auto" else asked
        if asked == "auto" and size <= min(LARGEST_GRID, self._request.most_configurations):
            sampler = "grid" if self._budget.is_enough_for(size) else "tpe"
        if sampler == "grid" and size > LARGEST_GRID:
            self._desk.note(f"The grid has {size} combinations, too many to write down; they are drawn at random.")
            sampler = "random"
        first = self._search.space.texts_of(self._request.base, self._base.load)
        if first is not None:
            self._search.propose_first(first)  # costs nothing: it is measured already
        self._search.decide("sampler", sampler)
        return sampler

    def _ask(self, sampler: SamplerName, size: int) -> list[Proposal]:
        """Combinations that make new loads, so many of them; those that make known ones are told what is known."""
        batch_number, useless = self._search.next_batch(), 0
        batch: dict[str, list[Proposal]] = {}
        while len(batch) < size and useless < MOST_USELESS:
            proposal = self._search.ask(sampler, batch_number)
            if proposal is None:
                break
            made = self._made(proposal)
            is_new = made is not None and not self._is_known(made.configuration_id)
            useless = 0 if is_new and made is not None and made.configuration_id not in batch else useless + 1
            if made is not None and is_new:
                batch.setdefault(made.configuration_id, []).append(proposal)
            elif made is not None:
                self._tell(made.configuration_id, [proposal])
        return [proposal for proposals in batch.values() for proposal in proposals]

    def _made(self, proposal: Proposal) -> Configuration | None:
        """The configuration of a combination; None where no load can be like that, which is told and noted."""
        try:
            load = combine(self._request.base, proposal.settings)
            configuration = configuration_of(load, proposal.settings)
        except OpenArcError as error:
            self._search.fail(proposal.number, error.message)
            if len(self._impossible) < MOST_NOTED:
                words = f"No load can be like {label_of(proposal.settings, self._models)}: {error.message}"
                self._impossible.add(words)
                self._desk.note(words)
            return None
        label = label_of(configuration.settings, self._models)
        return configuration_of(load, proposal.settings, label)

    def _measure(self, batch: Sequence[Proposal]) -> None:
        """A batch's two rounds, its texts, and what came of it told."""
        number = next((each.batch for each in batch if each.batch is not None), self._search.next_batch())
        first = FIRST_ROUND + 1 + number * ROUNDS_OF_A_BATCH
        proposals: dict[str, list[Proposal]] = {}
        configurations: dict[str, Configuration] = {}
        for proposal in batch:
            made = self._made(proposal)
            if made is None:
                continue
            proposals.setdefault(made.configuration_id, []).append(proposal)
            if not self._is_known(made.configuration_id, first):
                configurations[made.configuration_id] = made
        for configuration in configurations.values():
            if self._check(configuration) is not None:
                self._record.begin(configuration)
        self._round(first, configurations, "Exploring")
        for each in configurations:
            if self._may_be_visited(each) and self._scores.is_clearly_no_winner(each, first):
                self._record.prune(each)
        self._round(first + 1, configurations, "Exploring")
        self._compare(sorted(configurations, key=lambda each: each in self._record.pruned), configurations)
        for configuration_id, those in proposals.items():
            self._tell(configuration_id, those)

    def _tell(self, configuration_id: str, proposals: Sequence[Proposal]) -> None:
        """What is known of a configuration, told to the search for each combination that makes it."""
        failure, values = self._failure(configuration_id), self._scores.values(configuration_id)
        memory_bytes = self._scores.memory_bytes(configuration_id)
        missing = [figure.label for figure, value in zip(self._scores.objectives, values, strict=True) if value is None]
        for proposal in proposals:
            if failure is not None:
                self._search.fail(proposal.number, failure.message)
            elif configuration_id in self._record.pruned:
                self._search.prune(proposal.number, values[0], memory_bytes)
            elif missing:
                self._search.fail(proposal.number, f"not measured: {', '.join(missing)}")
            else:
                self._search.tell(proposal.number, [each for each in values if each is not None], memory_bytes)

    def _note_explored(self, sampler: SamplerName) -> None:
        tried, size = self._search.seen(), self._search.space.size
        how = {"grid": "one after the other", "tpe": "chosen by TPE", "random": "at random"}[sampler]
        left = "all" if tried >= size else f"{tried} of"
        self._desk.note(f"Of the axes' combinations {left} {size} were tried, {how}.")

    # Confirming

    def _confirm(self) -> None:
        """The best and the base in turn, until it is sure enough or the time is over."""
        configurations = {each.configuration_id: each for each in self._record.configurations}
        first = FIRST_ROUND + 1 + self._search.next_batch() * ROUNDS_OF_A_BATCH
        finalists = self._finalists()
        done = 0
        while finalists:
            number = first + done
            if not self._is_round_begun(number):
                open_ones = [each for each in finalists if not self._scores.is_tight(each)]
                if done >= FEWEST_CONFIRMING_ROUNDS and not open_ones:
                    percent = f"±{self._request.tightness_percent:g}%"
                    self._desk.note(f"The best were measured until no interval was wider than {percent}.")
                    return
                members = (open_ones or finalists) if done >= FEWEST_CONFIRMING_ROUNDS else finalists
                members = members[: self._budget.visits_left() - self._has_base()]
                if not members:
                    self._note_time_over(open_ones)
                    return
                self._search.decide(f"round {number}", members)
            members = self._search.decided(f"round {number}") or finalists
            words = f"Confirming the best {len(finalists)}" if len(finalists) > 1 else "Confirming the best"
            self._rounds_confirmed = done
            self._round(number, {each: configurations[each] for each in members}, words)
            done += 1
            finalists = self._finalists()

    def _finalists(self) -> list[str]:
        """Those that are confirmed: chosen once, and again when all of them failed meanwhile."""
        decided: list[str] = self._search.decided("finalists") or []
        able = [each for each in decided if self._may_be_visited(each)]
        if not able:
            able = self._scores.finalists(exclude=decided)
            if able:
                self._search.decide("finalists", [*decided, *able])
        return able

    def _note_time_over(self, open_ones: Sequence[str]) -> None:
        if not open_ones:
            return
        widths = [width for each in open_ones for width in self._scores.half_widths_percent(each)]
        known = [width for width in widths if width is not None]
        widest = f"the widest interval is ±{max(known):.1f}%" if len(known) == len(widths) else "some have no interval"
        self._desk.note(
            f"The time was over before all of the best were sure to ±{self._request.tightness_percent:g}%: {widest}."
        )

    def _is_round_begun(self, number: int) -> bool:
        return any(visit.round_number == number for visit in self._record.visits)

    # What both do

    def _round(self, number: int, configurations: Mapping[str, Configuration], phase: str) -> None:
        """Visit each of them and the base, in an order that is drawn, as far as the time goes."""
        everyone = {**configurations, self._base.configuration_id: self._base}
        order = sorted(everyone)
        random.Random(f"{self._request.seed}:{number}").shuffle(order)
        for configuration_id in order:
            has_others = any(self._may_be_visited(each) for each in configurations)
            is_done = self._scores.is_recorded(configuration_id, number)
            if is_done or not has_others or not self._may_be_visited(configuration_id):
                continue
            if self._budget.visits_left() < 1:
                return
            configuration = everyone[configuration_id]
            self._record.begin(configuration)
            self._say(phase, configuration.label)
            self._visit(configuration, number)

    def _visit(self, configuration: Configuration, number: int) -> None:
        is_asked = self._request.quality.is_wanted and (self._reference is not None or number == FIRST_ROUND)
        with_greedy = is_asked and not self._scores.has_answered(configuration.configuration_id)
        workloads = (self._request.workload,)
        self._desk.visit(configuration, workloads, self._request.repetitions, number, with_greedy)

    def _compare(self, ids: Sequence[str], configurations: Mapping[str, Configuration]) -> None:
        """Hold texts against the reference's, where that was not done and the time allows."""
        for configuration_id in ids:
            is_done = configuration_id in self._record.qualities
            if self._reference is None or is_done or not self._scores.has_answered(configuration_id):
                continue
            if not self._budget.has_time_for_texts():
                self._desk.note("The time was over before all texts were compared.")
                return
            self._say("Comparing texts", configurations[configuration_id].label)
            self._desk.quality(configurations[configuration_id], self._reference)

    def _check(self, configuration: Configuration) -> Failure | None:
        """Why it can't be loaded, by what can be said without loading it."""
        failure = self._desk.check(configuration)
        if failure is not None:
            self._refused[configuration.configuration_id] = failure
        return failure

    def _failure(self, configuration_id: str) -> Failure | None:
        return self._refused.get(configuration_id) or self._scores.failure(configuration_id)

    def _may_be_visited(self, configuration_id: str) -> bool:
        return self._failure(configuration_id) is None and configuration_id not in self._record.pruned

    def _has_base(self) -> bool:
        return self._may_be_visited(self._base.configuration_id)

    def _is_known(self, configuration_id: str, before: int | None = None) -> bool:
        """It is the base, or was tried; where a round is given, before that."""
        if configuration_id == self._base.configuration_id or configuration_id in self._refused:
            return True
        visits = self._scores.all_visits(configuration_id, None if before is None else before - 1)
        return any(visit.workloads or visit.failure is not None for visit in visits)

    def _left_to_try(self) -> int:
        """How many more configurations may be made of the axes."""
        return self._request.most_configurations - sum(1 for each in self._record.configurations if each.settings)

    def _configuration(self, load: LoadRequest, label: str) -> Configuration:
        """The base or the reference: with its settings where the axes could make it too."""
        texts = self._search.space.texts_of(self._request.base, load)
        return configuration_of(load, self._search.space.settings(texts) if texts is not None else None, label)

    def _say(self, phase: str, now: str) -> None:
        """How far it is; the time decides when it ends, but a grid may be through before."""
        left = self._budget.left_seconds()
        if self._rounds_confirmed is not None:
            self._desk.say(phase, now, self._rounds_confirmed, None, left)
            return
        is_grid = self._search.decided("sampler") == "grid"
        planned = min(self._search.space.size, self._request.most_configurations) if is_grid else None
        self._desk.say(phase, now, self._search.told(), planned, left)
