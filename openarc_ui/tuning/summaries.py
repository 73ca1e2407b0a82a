"""From the visits of a configuration to its figures, by the one table of figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from openarc_ui.tuning.figures import Figure
from openarc_ui.tuning.results import Quality, Summary, Visit


def value_of(visit: Visit, figure: Figure, workload: str) -> float | None:
    """One figure of one visit: the median of its samples, or the visit's own; None where it has none."""
    raise NotImplementedError


def figures_of(visits: Sequence[Visit], quality: Quality | None) -> dict[str, dict[str, Summary]]:
    """Workload name -> figure name -> summary, of all visits of one configuration."""
    raise NotImplementedError


def rounds_of(a: Sequence[Visit], b: Sequence[Visit], figure: Figure, workload: str) -> list[tuple[float, float]]:
    """The value of A and of B in each round that has both, in the order of the rounds."""
    raise NotImplementedError
