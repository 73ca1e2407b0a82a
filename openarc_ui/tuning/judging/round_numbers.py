"""What the number of a sweep's round says: whether it was made to explore or to confirm, and which sitting went on with it.

A round that a pause broke goes on in another part, with a number of its own, in which the base is measured again: visits of two
parts are never held against each other. A configuration is visited in a confirming round only after it was chosen. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

FIRST_ROUND = 1
"""Of the base and the reference alone."""
ROUNDS_OF_A_BATCH = 2
"""At most; each batch has their numbers, however many of them are made."""
PARTS = 100
"""Numbers of one round: so many times it can be gone on with."""
_CONFIRMING = 10_000_000
"""Beyond every number of exploring, even with the most configurations that may be asked for, one in each batch."""


def exploring_round(batch: int, which: int) -> int:
    """The first part of a batch's first (0) or second (1) round."""
    return FIRST_ROUND + PARTS * (1 + batch * ROUNDS_OF_A_BATCH + which)


def confirming_round(done: int) -> int:
    """The first part of the round after so many."""
    return _CONFIRMING + PARTS * done


def is_confirming(number: int) -> bool:
    """It was made after the best were chosen, so luck that made them seem the best has no part in it."""
    return number >= _CONFIRMING


def last_part(number: int) -> int:
    """The last number that belongs to the round whose first part has this one."""
    return number + PARTS - 1


def part_to_go_on_with(number: int, earlier: Iterable[int], now: Iterable[int]) -> int:
    """The part of a round in which what is still to be visited is visited.

    Args:
        number: its first part.
        earlier: numbers of all rounds in which visits were made in earlier sittings.
        now: the same of this sitting.
    """
    of_now = [each for each in now if number <= each <= last_part(number)]
    if of_now:
        return max(of_now)
    before = [each for each in earlier if number <= each <= last_part(number)]
    return min(max(before) + 1, last_part(number)) if before else number
