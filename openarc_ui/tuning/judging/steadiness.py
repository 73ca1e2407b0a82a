"""Whether a machine was the same all the time, by how fast it did the same things again and again. Pure arithmetic.

One test for all: of a steady machine the visits of a configuration could have come in any order. So it is looked how well a step,
at each place where there could be one, and a trend fit to the visits as they came, and how well they fit to the same visits in
drawn orders (a permutation test, as of R. A. Fisher, 1935; the largest of several as of P. H. Westfall and S. S. Young, 1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

Numbers = numpy.ndarray[Any, numpy.dtype[numpy.float64]]

CHANCE = 0.02
"""Of a steady machine a change is told in so many runs, step and trend together. It takes 5 visits."""
FEWEST_BEFORE = 3
"""Visits of the base on either side of a step: one or two that were disturbed are none."""
SHUFFLES = 4000
MOST_DRAWN = 1_000_000
"""Numbers drawn at once; of very many visits there are fewer shuffles."""
MOST_DEVIATIONS = 3.0
"""What is farther from the middle counts as if it were so far: a visit that was disturbed says no more than that it was."""
NORMAL_MEDIAN = 1.4826
"""Of a normal scatter: the standard deviation, in median absolute deviations."""


@dataclass(frozen=True, slots=True)
class Series:
    """One configuration's visits: when each was made, and the logarithm of what was measured. In order of time."""

    moments: Sequence[float]
    logarithms: Sequence[float]


@dataclass(frozen=True, slots=True)
class Change:
    """What fits best to a machine that was not steady.

    Attributes:
        place: after how many visits of the base it changed at once; None: it changed all the time.
    """

    place: int | None


def change_of(base: Series, others: Sequence[Series] = ()) -> Change | None:
    """How the machine changed; None where it was steady, as far as can be seen.

    Args:
        others: configurations that were measured in the same time. None of them may have been chosen by the visits given here:
            what was chosen for its luck gets slower by itself.
    """
    series = [base, *(each for each in others if len(each.moments) > 1)]
    residuals = [_centred(_tamed(numpy.asarray(each.logarithms, numpy.float64))) for each in series]
    places = range(FEWEST_BEFORE, len(base.moments) - FEWEST_BEFORE + 1)
    shapes = _shapes(series, [(base.moments[place - 1] + base.moments[place]) / 2.0 for place in places])
    scales = numpy.sqrt((shapes**2).sum(axis=1))
    measured = numpy.concatenate(residuals)
    if not measured.any() or not scales[-1] > 0.0:
        return None
    shapes /= numpy.where(scales > 0.0, scales, numpy.inf)[:, None]
    shuffles = max(200, min(SHUFFLES, MOST_DRAWN // len(measured)))
    generator = numpy.random.default_rng(len(measured))
    drawn = numpy.hstack([generator.permuted(numpy.tile(each, (shuffles, 1)), axis=1) for each in residuals])
    by_chance = numpy.abs(drawn @ shapes.T).max(axis=1)
    found = numpy.abs(shapes @ measured)
    share = (1 + int((by_chance >= float(found.max()) * (1.0 - 1e-9)).sum())) / (shuffles + 1)
    if share > CHANCE:
        return None
    best = int(found.argmax())
    return Change(None if best == len(places) else places[best])


def _shapes(series: Sequence[Series], borders: Sequence[float]) -> Numbers:
    """A row for a step at each border, then one for a trend: what each visit would be, beside the mean of its configuration."""
    rows = [[_centred(numpy.asarray(each.moments) > border) for each in series] for border in borders]
    first, last = series[0].moments[0], series[0].moments[-1]
    rows.append([_centred((numpy.asarray(each.moments) - first) / max(last - first, 1e-9)) for each in series])
    return numpy.asarray([numpy.concatenate(row) for row in rows])


def _tamed(values: Numbers) -> Numbers:
    """Without what is beyond all others."""
    middle = float(numpy.median(values))
    reach = MOST_DEVIATIONS * NORMAL_MEDIAN * float(numpy.median(numpy.abs(values - middle)))
    return numpy.clip(values, middle - reach, middle + reach) if reach > 0.0 else values


def _centred(values: Any) -> Numbers:
    numbers: Numbers = numpy.asarray(values, numpy.float64)
    return numbers - numbers.mean() if numbers.min() < numbers.max() else numpy.zeros(len(numbers))
