"""Which points no other point beats: the Pareto front. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence


def front(points: Sequence[Sequence[float | None]], is_better_higher: Sequence[bool]) -> list[bool]:
    """For each point, whether no other is better in one value and at least as good in all; one with a None never is.

    Points that are the same do not beat each other: all of them are on it, or none.

    Raises:
        ValueError: a point has more or fewer values than there are directions.
    """
    costs = [_costs(point, is_better_higher) for point in points]
    complete = [each for each in costs if each is not None]
    return [each is not None and not any(_beats(other, each) for other in complete) for each in costs]


def _costs(point: Sequence[float | None], is_better_higher: Sequence[bool]) -> tuple[float, ...] | None:
    """The values turned so that less is better; None where one is missing."""
    costs: list[float] = []
    for value, higher in zip(point, is_better_higher, strict=True):
        if value is None or math.isnan(value):
            return None
        costs.append(-value if higher else value)
    return tuple(costs)


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(mine <= theirs for mine, theirs in zip(one, other, strict=True))
