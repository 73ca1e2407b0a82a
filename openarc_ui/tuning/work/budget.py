"""The time of a sweep: how it is split, and what still fits into it at the pace so far."""

from __future__ import annotations

import math
import time

from openarc_ui.tuning.desk import Desk
from openarc_ui.tuning.judging.round_numbers import ROUNDS_OF_A_BATCH
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.work.scores import Scores

EXPLORING_SHARE = 0.7
"""Of the time; the rest is for texts and for making sure of the best."""
SHORT_EXPLORING_SHARE = 0.75
"""The same where the time is short: then breadth is what it can still give."""
TEXTS_SHARE = 0.85
"""Of the time, until which the texts of the best are compared before these are confirmed."""
BATCH = 4
"""Configurations that are visited side by side, with the base."""
FEW = 8
"""Configurations; where the time is not enough for two rounds of so many, it is short."""
PLENTY = 1_000_000


class Budget:
    """A sweep's time, and what its visits and comparisons took.

    Attributes:
        rounds_of_a_batch: in how many rounds a batch is explored; one where the time is short.
        compares_while_exploring: what is searched by is in the texts, so they take part of the time for exploring.
        is_over: something was ended since the time was over.
    """

    def __init__(self, request: SweepRequest, desk: Desk, scores: Scores) -> None:
        self._seconds, self._desk, self._scores = request.budget_minutes * 60.0, desk, scores
        self.rounds_of_a_batch = ROUNDS_OF_A_BATCH
        self.compares_while_exploring = False
        self.is_over = False

    def left_seconds(self) -> float:
        """Until the end."""
        return 0.0 if self.is_over else max(0.0, self._seconds - self._desk.elapsed_seconds())

    def deadline(self) -> float:
        """When it ends, by `time.monotonic`."""
        return time.monotonic() + self.left_seconds()

    def visits_left(self) -> int:
        """How many visits likely end in time; before the first one has shown how long it takes, as many as are wanted."""
        left_seconds, visit_seconds = self.left_seconds(), self._scores.visit_seconds()
        if left_seconds <= 0.0:
            return 0
        return int(left_seconds / visit_seconds) if visit_seconds else PLENTY

    def candidates_left(self, is_first: bool) -> int:
        """How many configurations can be explored yet in one batch.

        Args:
            is_first: none was, so one is where the time is enough at all.
        """
        found, left_seconds = 0, self._exploring_seconds()
        while found < BATCH and self._batches_seconds(found + 1) <= left_seconds and left_seconds > 0.0:
            found += 1
        return max(found, 1) if is_first and self.visits_left() >= 1 else found

    def is_enough_for(self, configurations: int) -> bool:
        """So many can likely be explored in the time for it; not known before the first visit, and then not said."""
        if self._scores.visit_seconds() is None:
            return False
        return self._batches_seconds(configurations) <= self._exploring_seconds()

    def has_time_for_texts(self, share: float = 1.0) -> bool:
        """A comparison of texts likely ends within that share of the time."""
        left = self.left_seconds() - self._seconds * (1.0 - share)
        return left > 0.0 and self._scores.quality_seconds() <= left

    def _exploring_seconds(self) -> float:
        share = EXPLORING_SHARE if self.rounds_of_a_batch == ROUNDS_OF_A_BATCH else SHORT_EXPLORING_SHARE
        return self.left_seconds() - self._seconds * (1.0 - share)

    def _batches_seconds(self, configurations: int) -> float:
        """In each of their rounds a visit of each and, in each batch, of the base; and their texts, where these are searched by."""
        visits = self.rounds_of_a_batch * (configurations + math.ceil(configurations / BATCH))
        texts = configurations * self._scores.quality_seconds() if self.compares_while_exploring else 0.0
        return visits * (self._scores.visit_seconds() or 0.0) + texts
