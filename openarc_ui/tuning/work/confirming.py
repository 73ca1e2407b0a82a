"""The last part of a sweep: the best and the base in turn, until it is sure enough which is best, or the time is over.

Only rounds that are made here count for that: those of exploring are the ones by which the best were chosen. Their texts are
compared before, those of the others once the best have the rounds that a verdict needs.
"""

from __future__ import annotations

from collections.abc import Sequence

from openarc_ui.tuning.desk import Desk, is_compared
from openarc_ui.tuning.figures import nouns_of, size_words
from openarc_ui.tuning.judging.round_numbers import confirming_round, last_part
from openarc_ui.tuning.judging.statistics import FEWEST_ROUNDS
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.results import Configuration
from openarc_ui.tuning.search.studies import Search
from openarc_ui.tuning.work.budget import TEXTS_SHARE
from openarc_ui.tuning.work.rounds import Rounds


class Confirming:
    """Who takes part in a round is decided once and kept in the search, so that a resumed one goes on with it."""

    def __init__(self, request: SweepRequest, desk: Desk, record: RunRecord, search: Search, rounds: Rounds) -> None:
        self._request, self._desk, self._record, self._search, self._rounds = request, desk, record, search, rounds
        self._done = 0

    def run(self) -> None:
        """Round after round, then what is left of the texts."""
        self._rounds.done, self._rounds.planned = lambda: self._done, None
        while finalists := self._finalists():
            if self._rounds.reference is not None and all(self._is_in_enough_rounds(each) for each in finalists):
                self._compare_all()
            members = self._members(confirming_round(self._done), finalists)
            if not members:
                break
            words = f"Confirming the best {len(finalists)}" if len(finalists) > 1 else "Confirming the best"
            known = self._known()
            self._rounds.run(confirming_round(self._done), {each: known[each] for each in members}, words)
            self._done += 1
        self._compare_all()
        if not self._search.decided("finalists"):
            self._desk.note(self._nobody())

    def _nobody(self) -> str:
        """Why nothing was confirmed."""
        scores, limit = self._rounds.scores, self._request.memory_limit_bytes
        others = [each for each in scores.ranked() if each != self._rounds.base.configuration_id]
        if limit is not None and others and all(map(scores.is_over_limit, others)):
            beside = (
                "nothing" if scores.is_over_limit(self._rounds.base.configuration_id) else "beside the base nothing"
            )
            return f"Nothing was confirmed: {beside} that was measured keeps within {size_words(limit)} of memory."
        return "Nothing was confirmed, since beside the base nothing was measured that could be the best."

    def _members(self, number: int, finalists: Sequence[str]) -> list[str]:
        """Who is visited in a round; nobody: there is none any more, and a note says why."""
        known: list[str] | None = self._search.decided(f"round {number}")
        if known is not None and any(number <= each.round_number <= last_part(number) for each in self._record.visits):
            return known
        open_ones = [each for each in finalists if not self._is_sure(each)]
        if not open_ones:
            width = f"±{self._request.tightness_percent:g}%"
            names = nouns_of(each.name for each in self._rounds.scores.objectives if each.place != "quality")
            self._desk.note(f"The best were measured until no interval of their {names} was wider than {width}.")
            return []
        wanted = open_ones if all(self._is_in_enough_rounds(each) for each in finalists) else finalists
        members = list(wanted[: max(0, self._rounds.budget.visits_left() - self._rounds.has_base())])
        if members:
            self._search.decide(f"round {number}", members)
        else:
            self._note_time_over(open_ones)
        return members

    def _is_in_enough_rounds(self, configuration_id: str) -> bool:
        return self._rounds.scores.rounds(configuration_id) >= FEWEST_ROUNDS

    def _is_sure(self, configuration_id: str) -> bool:
        return self._is_in_enough_rounds(configuration_id) and self._rounds.scores.is_tight(configuration_id)

    def _finalists(self) -> list[str]:
        """Those that are confirmed: chosen once, and again when all of them failed meanwhile."""
        decided: list[str] = self._search.decided("finalists") or []
        self._rounds.brought_back = frozenset(decided)
        able = [each for each in decided if self._rounds.may_be_visited(each)]
        if not able:
            able = self._chosen(decided)
            if able:
                self._search.decide("finalists", [*decided, *able])
                self._rounds.brought_back = frozenset([*decided, *able])
        return able

    def _chosen(self, exclude: Sequence[str]) -> list[str]:
        """The best whose texts do not change, as far as there is time to see that; as many as there is time to be sure of."""
        scores, known = self._rounds.scores, self._known()
        most = self._rounds.budget.visits_left() // FEWEST_ROUNDS - self._rounds.has_base()
        while True:
            chosen = scores.finalists(exclude, most if most >= 1 else None)
            unseen = [each for each in chosen if self._can_be_compared(each)]
            before = len(self._record.qualities)
            if unseen:
                self._rounds.compare([known[unseen[0]]], TEXTS_SHARE)
            if len(self._record.qualities) == before:
                return chosen

    def _can_be_compared(self, configuration_id: str) -> bool:
        is_done = is_compared(self._record.qualities.get(configuration_id))
        return self._rounds.scores.has_answered(configuration_id) and not is_done

    def _compare_all(self) -> None:
        """The texts of all, the best first."""
        known = self._known()
        self._rounds.compare(known[each] for each in self._rounds.scores.ranked())

    def _known(self) -> dict[str, Configuration]:
        return {each.configuration_id: each for each in self._record.configurations}

    def _note_time_over(self, open_ones: Sequence[str]) -> None:
        widths = [width for each in open_ones for width in self._rounds.scores.half_widths_percent(each)]
        known = [width for width in widths if width is not None]
        widest = f"the widest interval is ±{max(known):.1f}%" if len(known) == len(widths) else "some have no interval"
        wanted = f"±{self._request.tightness_percent:g}%"
        self._desk.note(f"The time was over before all of the best were sure to {wanted}: {widest}.")
