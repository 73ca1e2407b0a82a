"""What configurations of a sweep are ranked by: their values beside the base of the same rounds. Pure.

A machine that gets slower in the middle of a sweep makes all that is measured then look bad, the base too. So of each round the
ratio to the base is taken, and what comes of it is told on the scale of the base's first visit.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from openarc_ui.tuning.figures import Figure
from openarc_ui.tuning.judging.summaries import comparable_by_round, median_of, pairs_of, rounds_that_count
from openarc_ui.tuning.results import Visit


class Levels:
    """One figure, beside one base.

    Args:
        of_base: its visits that succeeded, in order; none: nothing is measured beside it, and medians are all there is.
    """

    def __init__(self, of_base: Sequence[Visit], figure: Figure, workload: str) -> None:
        self._of_base = comparable_by_round(of_base, figure, workload)
        self._first = next((value for value, _ in self._of_base.values()), None)
        self._figure, self._workload = figure, workload

    def of(self, visits: Sequence[Visit]) -> float | None:
        """A configuration's value: the base's first one times the geometric mean of the rounds' ratios.

        Where no round has both (loads both of one kind), or one of them is 0, the median of all that was measured; None where nothing was.
        """
        pairs = self._pairs(visits)
        if self._first is None or not pairs or not all(base > 0.0 and own > 0.0 for base, own in pairs):
            return median_of(visits, self._figure, self._workload)
        return self._first * math.exp(statistics.fmean(math.log(own / base) for base, own in pairs))

    def at_worst(self, visits: Sequence[Visit]) -> float | None:
        """The same by its worst round alone: so good it is surely, also where the machine changed within one of its rounds."""
        pairs = self._pairs(visits)
        if self._first is None or not pairs or not all(base > 0.0 and own > 0.0 for base, own in pairs):
            return median_of(visits, self._figure, self._workload)
        ratios = [own / base for base, own in pairs]
        return self._first * (min(ratios) if self._figure.is_better_higher else max(ratios))

    def is_paired(self, visits: Sequence[Visit]) -> bool:
        """It was visited beside the base, or there is no base to be beside of."""
        return not self._of_base or bool(self._pairs(visits))

    def _pairs(self, visits: Sequence[Visit]) -> list[tuple[float, float]]:
        return pairs_of(self._of_base, comparable_by_round(visits, self._figure, self._workload))


def rounds_beside(visits: Sequence[Visit], of_base: Sequence[Visit]) -> int:
    """In how many rounds that count a configuration was visited, beside the base where that has visits."""
    own, base = ({visit.round_number for visit in each if visit.failure is None} for each in (visits, of_base))
    return len(rounds_that_count(own & base if base else own))
