"""What makes a run less than it seems: a machine that gets slower meanwhile, other programs, the first request after a load.

Each is told in a sentence, and in none where there is nothing to tell. Pure arithmetic over visits.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from openarc_ui.tuning.figures import Figure
from openarc_ui.tuning.judging.statistics import RESOLUTION_PERCENT, percent, signed, spoken
from openarc_ui.tuning.judging.steadiness import Series, change_of
from openarc_ui.tuning.judging.summaries import value_of
from openarc_ui.tuning.results import Sample, Visit

Numbers = numpy.ndarray[Any, numpy.dtype[numpy.float64]]

FEWEST_VISITS = 4
CONFIDENCE_PERCENT = 95.0
MOST_EXACT = 40
"""Visits up to which Kendall's distribution is counted out; beyond, the normal one is off by less than a slope in a hundred."""
BUSY_CORES = 0.1
"""Others' work that is told. Of a machine with two cores it is 5%, more than the differences of 2 to 3% a run looks for."""
SLOWER_FIRST = 1.1
"""A warm-up is told of from so many times a repetition's time on; below, it is within what repetitions scatter."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How a figure of one configuration changed in the course of a run.

    Attributes:
        change_percent: over the whole span, by the slope.
        low_percent, high_percent: the slope's interval, at `confidence_percent`; None of four visits, of which there is none at 95%.
        span_seconds: from the first visit to the last.
        step_percent: how much it changed at once, where that is what happened; None where it was not.
        is_real: the machine was not steady (see `steadiness.py`).
        words: the same as one sentence.
    """

    figure: str
    visits: int
    change_percent: float
    low_percent: float | None
    high_percent: float | None
    confidence_percent: float
    span_seconds: float
    step_percent: float | None
    is_real: bool
    words: str


def drift(
    visits: Sequence[Visit], figure: Figure, workload: str, beside: Iterable[Sequence[Visit]] = ()
) -> Drift | None:
    """Of the base's visits, how much a figure changed; None of fewer than four that have it, or where it is 0 in one.

    How much it changed is the slope of its logarithm over time, Theil's and Sen's: the median of all slopes between two visits, so
    a visit that was disturbed does not bend it. The interval is Sen's (Journal of the American Statistical Association 63, 1968), with
    Kendall's exact distribution, which gives no 95% interval of four visits. Whether it changed, and whether at once, is another
    question: it is answered by `steadiness.change_of`.

    Args:
        beside: visits of other configurations that were made in the same time, and by which none of them was chosen.
    """
    kept = _points(visits, figure, workload)
    span = kept[-1][0] - kept[0][0] if kept else 0.0
    if len(kept) < FEWEST_VISITS or span <= 0.0:
        return None
    slopes = _slopes(kept)
    change = _percent(float(numpy.median(slopes)) * span)
    place = _place_of_ends(len(kept))
    low = high = None
    if place is not None and place < len(slopes) - 1 - place:
        low, high = _percent(float(slopes[place]) * span), _percent(float(slopes[-1 - place]) * span)
    found = change_of(_series(kept), [_series(_points(each, figure, workload)) for each in beside])
    step = None if found is None or found.place is None else (found.place, _step_percent(kept, found.place))
    size = change if step is None else step[1]
    is_real = found is not None and abs(size) >= RESOLUTION_PERCENT
    step = step if is_real else None
    words = _drift_words(figure, change, low, high, span, is_real)
    return Drift(
        figure=figure.name,
        visits=len(kept),
        change_percent=change,
        low_percent=low,
        high_percent=high,
        confidence_percent=CONFIDENCE_PERCENT,
        span_seconds=span,
        step_percent=None if step is None else step[1],
        is_real=is_real,
        words=words if step is None else _step_words(figure, len(kept), *step),
    )


def warm_up_words(visits: Iterable[Visit]) -> str | None:
    """How much slower the first requests after a load were than a repetition, the median of the visits.

    Of each visit the first workload is looked at, whose warm-up is what is asked first after the load. None where no warm-up was measured that
    is as long as a repetition, or it was not slower.
    """
    ratios = [ratio for visit in visits if (ratio := _warm_up_ratio(visit)) is not None]
    if not ratios or (middle := statistics.median(ratios)) < SLOWER_FIRST:
        return None
    return f"The warm-up, the first request after a load, took {middle:.1f} times as long as a repetition; it is not counted."


def background_words(visits: Iterable[Visit]) -> str | None:
    """In how many of the repetitions other programs kept the processor busy, and how busy; None where in none, or nobody looked."""
    looked = [
        each for visit in visits for part in visit.workloads for sample in part.samples for each in _cores(sample)
    ]
    busy = [each for each in looked if each > BUSY_CORES]
    if not busy:
        return None
    share = 100.0 * len(busy) / len(looked)
    return (
        f"Other programs kept more than {BUSY_CORES:.1f} cores busy in {len(busy)} of {len(looked)} repetitions "
        f"({share:.0f}%), {statistics.fmean(busy):.1f} cores on average in these."
    )


def _slopes(points: Sequence[tuple[float, float]]) -> Numbers:
    """Of the logarithm, for each two visits of different moments, in order of size."""
    moments = numpy.asarray([moment for moment, _ in points])
    logarithms = numpy.log(numpy.asarray([value for _, value in points]))
    first, second = numpy.triu_indices(len(points), k=1)
    apart = moments[second] - moments[first]
    rises = (logarithms[second] - logarithms[first])[apart > 0.0]
    slopes: Numbers = numpy.sort(rises / apart[apart > 0.0])
    return slopes


def _place_of_ends(count: int) -> int | None:
    """How many of the sorted slopes lie outside each end of the interval; None where even all of them are not enough.

    The number of pairs of `count` values that are out of order has, where nothing drifts, the distribution of the inversions of a
    random permutation. It is made by adding one value after the other; of many it is about normal.
    """
    allowed = (1.0 - CONFIDENCE_PERCENT / 100.0) / 2.0
    if count > MOST_EXACT:
        deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 72.0)
        return int(count * (count - 1) / 4.0 + statistics.NormalDist().inv_cdf(allowed) * deviation)
    shares: Numbers = numpy.ones(1)
    for values in range(2, count + 1):
        shares = numpy.convolve(shares, numpy.full(values, 1.0 / values))
    outside = int(numpy.searchsorted(numpy.cumsum(shares), allowed, side="right"))
    return outside - 1 if outside > 0 else None


def _points(visits: Iterable[Visit], figure: Figure, workload: str) -> list[tuple[float, float]]:
    """Moment and value of each visit that has one, in order of time."""
    points = ((visit.began_at, value_of(visit, figure, workload)) for visit in visits)
    return sorted((moment, value) for moment, value in points if value is not None and 0.0 < value < math.inf)


def _series(points: Sequence[tuple[float, float]]) -> Series:
    return Series([moment for moment, _ in points], [math.log(value) for _, value in points])


def _step_percent(points: Sequence[tuple[float, float]], place: int) -> float:
    """How much the median after so many visits differs from the one before."""
    before, after = ([value for _, value in part] for part in (points[:place], points[place:]))
    return 100.0 * (statistics.median(after) / statistics.median(before) - 1.0)


def _step_words(figure: Figure, count: int, place: int, change: float) -> str:
    moved = (
        f"{spoken(figure)} of the base {'rose' if change > 0.0 else 'fell'} {percent(abs(change))} at once: it differs between "
        f"its first {place} and its last {count - place} visits"
    )
    if figure.place != "sample":
        return f"{moved}."
    is_slower = (change < 0.0) == figure.is_better_higher
    return f"{moved}, so the machine got {'slower' if is_slower else 'faster'} in between."


def _drift_words(
    figure: Figure, change: float, low: float | None, high: float | None, span: float, is_real: bool
) -> str:
    name, time = f"{spoken(figure)} of the base", _time(span)
    if low is None or high is None:
        return f"{name} changed by {signed(change)} over {time}; of so few visits that can be chance."
    if not is_real and (low > 0.0 or high < 0.0):
        return f"{name} changed by {signed(change)} over {time}, no more than can be chance."
    if not is_real:
        interval = f"{CONFIDENCE_PERCENT:.0f}% interval {signed(low)} to {signed(high)}"
        return f"{name} shows no drift: {signed(change)} over {time} ({interval}{_unseen(low, high)})."
    moved = f"{name} {'rose' if change > 0.0 else 'fell'} {percent(abs(change))} over {time}"
    if figure.place != "sample":
        return f"{moved}."
    is_slower = (change < 0.0) == figure.is_better_higher
    return f"{moved}: the machine got {'slower, likely warmer' if is_slower else 'faster, likely less busy'}."


def _unseen(low: float, high: float) -> str:
    """How large a drift would have to be to show, by half of the interval; nothing where that is next to nothing."""
    half = (high - low) / 2.0
    size = f"{half:.0f}%" if 10.0 <= half < 10_000.0 else percent(half)
    return f"; one smaller than about {size} would not show" if half >= RESOLUTION_PERCENT else ""


def _warm_up_ratio(visit: Visit) -> float | None:
    """Its first warm-up's time over the median of the repetitions, both with as many tokens."""
    first = visit.workloads[0] if visit.workloads else None
    if first is None or first.warm_up is None:
        return None
    like = [each.wall_seconds for each in first.samples if each.generated_tokens == first.warm_up.generated_tokens]
    usual = statistics.median(like) if like else 0.0
    return first.warm_up.wall_seconds / usual if usual > 0.0 else None


def _cores(sample: Sample) -> list[float]:
    return [] if sample.others_cores is None else [sample.others_cores]


def _percent(logarithm: float) -> float:
    return math.expm1(min(logarithm, 100.0)) * 100.0


def _time(seconds: float) -> str:
    if seconds < 90.0:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60.0:.0f} minutes" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} hours"
