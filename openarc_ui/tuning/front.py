"""Which points no other point beats: the Pareto front. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence


def front(points: Sequence[Sequence[float | None]], is_better_higher: Sequence[bool]) -> list[bool]:
    """For each point, whether no other is better in one value and at least as good in all; one with a None never is."""
    raise NotImplementedError
