"""The second part of a sweep: the best and the base in turn, until it is sure enough which is best, or the time is over."""

from __future__ import annotations

from collections.abc import Sequence

from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.search.studies import Search
from openarc_ui.tuning.work.rounds import Rounds

FEWEST_ROUNDS = 3
"""With the two rounds of a batch that makes the five which a verdict needs."""


class Confirming:
    """Who takes part in a round is decided once and kept in the search, so that a resumed one goes on with it."""

    def __init__(self, request: SweepRequest, desk: Desk, record: RunRecord, search: Search, rounds: Rounds) -> None:
        self._request, self._desk, self._record, self._search, self._rounds = request, desk, record, search, rounds

    def run(self, first: int) -> None:
        """Round after round, the first of which has this number."""
        configurations = {each.configuration_id: each for each in self._record.configurations}
        done = 0
        while finalists := self._finalists():
            members = self._members(first + done, done, finalists)
            if not members:
                return
            self._rounds.done, self._rounds.planned = done, None
            words = f"Confirming the best {len(finalists)}" if len(finalists) > 1 else "Confirming the best"
            self._rounds.run(first + done, {each: configurations[each] for each in members}, words)
            done += 1
        if not done:
            self._desk.note("Nothing was measured that could be the best.")

    def _members(self, number: int, done: int, finalists: Sequence[str]) -> list[str]:
        """Who is visited in a round; nobody: there is none any more, and a note says why."""
        known: list[str] | None = self._search.decided(f"round {number}")
        if known is not None and any(visit.round_number == number for visit in self._record.visits):
            return known
        open_ones = [each for each in finalists if not self._rounds.scores.is_tight(each)]
        if done >= FEWEST_ROUNDS and not open_ones:
            width = f"±{self._request.tightness_percent:g}%"
            self._desk.note(f"The best were measured until no interval was wider than {width}.")
            return []
        wanted = open_ones if done >= FEWEST_ROUNDS else finalists
        members = list(wanted[: max(0, self._rounds.budget.visits_left() - self._rounds.has_base())])
        if members:
            self._search.decide(f"round {number}", members)
        elif open_ones:
            self._note_time_over(open_ones)
        return members

    def _finalists(self) -> list[str]:
        """Those that are confirmed: chosen once, and again when all of them failed meanwhile."""
        decided: list[str] = self._search.decided("finalists") or []
        able = [each for each in decided if self._rounds.may_be_visited(each)]
        if not able:
            able = self._rounds.scores.finalists(exclude=decided)
            if able:
                self._search.decide("finalists", [*decided, *able])
        return able

    def _note_time_over(self, open_ones: Sequence[str]) -> None:
        widths = [width for each in open_ones for width in self._rounds.scores.half_widths_percent(each)]
        known = [width for width in widths if width is not None]
        widest = f"the widest interval is ±{max(known):.1f}%" if len(known) == len(widths) else "some have no interval"
        wanted = f"±{self._request.tightness_percent:g}%"
        self._desk.note(f"The time was over before all of the best were sure to {wanted}: {widest}.")
