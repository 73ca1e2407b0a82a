"""From measured values to a summary with its interval, and from pairs of rounds to a verdict. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from openarc_ui.tuning.figures import Figure
from openarc_ui.tuning.results import Difference, Summary


def summary(visits: Sequence[Sequence[float]], seed: int = 0) -> Summary | None:
    """Of one figure, its values grouped by visit; None without a value."""
    raise NotImplementedError


def paired(figure: Figure, rounds: Sequence[tuple[float, float]], seed: int = 0) -> Difference:
    """B against A: each round is (A's value, B's value), measured one right after the other."""
    raise NotImplementedError
