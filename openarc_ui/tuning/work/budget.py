"""The time of a sweep: what still fits into it, at the pace so far."""

from __future__ import annotations

from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.work.scores import Scores

EXPLORING_SHARE = 0.6
"""Of the time; the rest is for making sure of the best."""
ROUNDS_OF_A_BATCH = 2
PLENTY = 1_000_000


class Budget:
    """A sweep's time, and what its visits and comparisons took."""

    def __init__(self, request: SweepRequest, desk: Desk, scores: Scores) -> None:
        self._seconds, self._desk, self._scores = request.budget_minutes * 60.0, desk, scores

    def left_seconds(self) -> float:
        """Until the end."""
        return max(0.0, self._seconds - self._desk.elapsed_seconds())

    def visits_left(self) -> int:
        """How many visits likely end in time; before the first one has shown how long it takes, as many as are wanted."""
        return self._count(self.left_seconds(), self._scores.visit_seconds())

    def candidates_left(self, is_first: bool) -> int:
        """How many configurations can be explored yet.

        Args:
            is_first: none was, so one is where the time is enough at all.
        """
        visit_seconds = self._scores.visit_seconds()
        each = None if visit_seconds is None else self._candidate_seconds(visit_seconds)
        found = self._count(self._exploring_seconds(), each)
        return max(found, 1) if is_first and self.visits_left() >= 1 else found

    def is_enough_for(self, configurations: int) -> bool:
        """So many can likely be explored in the time for it; not known before the first visit, and then not said."""
        visit_seconds = self._scores.visit_seconds()
        if visit_seconds is None:
            return False
        return configurations * self._candidate_seconds(visit_seconds) <= self._exploring_seconds()

    def has_time_for_texts(self) -> bool:
        """A comparison of texts likely ends in time."""
        left = self.left_seconds()
        return left > 0.0 and self._scores.quality_seconds() <= left

    def _exploring_seconds(self) -> float:
        return self._seconds * EXPLORING_SHARE - self._desk.elapsed_seconds()

    def _candidate_seconds(self, visit_seconds: float) -> float:
        """A visit in each round, and its text."""
        return ROUNDS_OF_A_BATCH * visit_seconds + self._scores.quality_seconds()

    @staticmethod
    def _count(left_seconds: float, each_seconds: float | None) -> int:
        if left_seconds <= 0.0:
            return 0
        return int(left_seconds / each_seconds) if each_seconds else PLENTY
