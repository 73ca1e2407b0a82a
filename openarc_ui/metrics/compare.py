"""Two groups of requests held against each other: medians, their relative difference, and how sure that is.

The difference is of medians, b relative to a, with a 95% interval by the bootstrap (Efron 1979, percentile method). The
unit that is resampled is the request, also for inter-token latencies, since the gaps of one request are not independent.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy
import pandas

from openarc_ui.metrics import frames
from openarc_ui.metrics.definitions import FIGURES, INTER_TOKEN, Definition
from openarc_ui.metrics.drawing import draw
from openarc_ui.metrics.filters import DIMENSIONS, Filter

Numbers = numpy.ndarray[Any, numpy.dtype[numpy.float64]]
Verdict = Literal["better", "worse", "no real difference", "too few"]

FEWEST_REQUESTS = 5
"""Of each group: the 95% interval of a median of fewer is the whole range, and still misses too often."""
GAP_LEVELS = 512
"""To so many values the gaps of a group are rounded, so that all resamples are one product of two matrices."""
RESAMPLES = 2000
CONFIDENCE_PERCENT = 95.0
DIRECTED = tuple(each for each in (*FIGURES, INTER_TOKEN) if each.is_better_higher is not None)
"""What can be better or worse."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure in both groups.

    Attributes:
        a, b: all of a group's requests; None where none has the figure.
        median_a, median_b: in stored units; the p50 of `a` and `b`.
        difference_percent: of b's median, relative to a's; None where it can't be told (too few, or a's median is 0).
        low_percent, high_percent: 95% interval of `difference_percent`.
        verdict: of b, seen from a.
        words: the same as one sentence.
    """

    name: str
    a: frames.FigureSummary | None
    b: frames.FigureSummary | None
    median_a: float | None
    median_b: float | None
    difference_percent: float | None
    low_percent: float | None
    high_percent: float | None
    verdict: Verdict
    words: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two groups, and each figure that at least one of them has."""

    a: frames.Totals
    b: frames.Totals
    figures: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """The difference of two medians, b relative to a, in percent. All three are None where a's median is 0.

    Attributes:
        direction: 1: b is higher, -1: lower, 0: the interval does not exclude that they are equal.
    """

    difference_percent: float | None
    low_percent: float | None
    high_percent: float | None
    direction: Literal[-1, 0, 1]


def compare(connection: sqlite3.Connection, a: Filter, b: Filter, *, seed: int = 0) -> Comparison:
    """Hold group b against group a. The same rows and the same seed give the same answer."""
    if _wanted(a) == _wanted(b):
        return _same(connection, a)
    groups = (_Group(connection, a), _Group(connection, b))
    figures = (
        _difference(definition, *groups, numpy.random.default_rng((seed, number)))
        for number, definition in enumerate(DIRECTED)
        if any(definition.name in group.summary for group in groups)
    )
    return Comparison(frames.totals(connection, a), frames.totals(connection, b), tuple(figures))


def _wanted(chosen: Filter) -> Filter:
    """The same filter, as every other one that means it."""
    named: dict[str, Any] = {name: tuple(sorted(set(getattr(chosen, name)))) for name in DIMENSIONS}
    return replace(chosen, **named)


def _same(connection: sqlite3.Connection, chosen: Filter) -> Comparison:
    """A group held against itself: nothing is drawn, since nothing can differ."""
    counted, found = frames.totals(connection, chosen), frames.summary(connection, chosen)
    figures = (
        Difference(
            name=each.name,
            a=found[each.name],
            b=found[each.name],
            median_a=found[each.name].p50,
            median_b=found[each.name].p50,
            difference_percent=0.0,
            low_percent=0.0,
            high_percent=0.0,
            verdict="no real difference",
            words=f"{each.label}: the same requests are in both groups.",
        )
        for each in DIRECTED
        if each.name in found
    )
    return Comparison(counted, counted, tuple(figures))


def interval(a: Numbers, b: Numbers, medians_a: Numbers, medians_b: Numbers) -> Interval:
    """From the values of two groups, and the medians of their resamples, to the difference and its 95% interval."""
    middle_a, middle_b = float(numpy.median(a)), float(numpy.median(b))
    outside = (100.0 - CONFIDENCE_PERCENT) / 2.0
    low, high = numpy.percentile(medians_b - medians_a, (outside, 100.0 - outside))
    if middle_a <= 0.0 or medians_a.min() <= 0.0:
        return Interval(None, None, None, _direction(low, high))
    low, high = numpy.percentile((medians_b / medians_a - 1.0) * 100.0, (outside, 100.0 - outside))
    return Interval((middle_b / middle_a - 1.0) * 100.0, float(low), float(high), _direction(low, high))


def resampled_medians(values: Numbers, generator: numpy.random.Generator) -> Numbers:
    """Medians of `RESAMPLES` samples drawn from the values with replacement, as many as there are each time.

    They are drawn from their exact distribution and not by resampling: the k-th smallest of n uniform numbers is Beta(k, n - k + 1),
    and each of these picks the value at its share of the sorted values. So 10,000 values cost what 10 do.
    """
    ordered, count = numpy.sort(values), len(values)
    rank = (count + 1) // 2
    place = generator.beta(rank, count - rank + 1, RESAMPLES)
    lower: Numbers = ordered[_index(place, count)]
    if count % 2:
        return lower
    following = place + (1.0 - place) * generator.beta(1, count - rank, RESAMPLES)
    upper: Numbers = ordered[_index(following, count)]
    return (lower + upper) / 2.0


def resampled_gap_medians(gaps: Sequence[Numbers], generator: numpy.random.Generator) -> Numbers:
    """Medians of all gaps together of `RESAMPLES` draws of requests, with replacement, each with all its gaps."""
    quantiles = numpy.linspace(0.0, 1.0, GAP_LEVELS)
    levels = numpy.unique(numpy.quantile(numpy.concatenate(gaps), quantiles, method="inverted_cdf"))
    counts = [numpy.bincount(numpy.searchsorted(levels, each), minlength=len(levels)) for each in gaps]
    up_to_level = numpy.cumsum(numpy.asarray(counts, dtype=numpy.float32), axis=1)
    drawn = generator.multinomial(len(gaps), numpy.full(len(gaps), 1.0 / len(gaps)), RESAMPLES)
    resampled = drawn.astype(numpy.float32) @ up_to_level
    medians: Numbers = levels[numpy.argmax(resampled >= resampled[:, -1:] / 2.0, axis=1)]
    return medians


class _Group:
    """What is read of one group."""

    def __init__(self, connection: sqlite3.Connection, chosen: Filter) -> None:
        self._connection, self._chosen = connection, chosen
        self.rows: pandas.DataFrame = frames.sample(connection, chosen)
        self.summary = frames.summary(connection, chosen, self.rows)

    def measured(self, definition: Definition, generator: numpy.random.Generator) -> _Measured:
        """One figure of the sampled requests that have it."""
        if definition is INTER_TOKEN:
            gaps = self._gaps()
            values = numpy.concatenate(gaps) if gaps else numpy.empty(0)
            return _Measured(values, len(gaps), partial(resampled_gap_medians, gaps, generator))
        values = self.rows[definition.name].dropna().to_numpy(dtype=float)
        return _Measured(values, len(values), partial(resampled_medians, values, generator))

    def _gaps(self) -> list[Numbers]:
        """The gaps of each of the requests whose gaps `summary` is of, in the same order."""
        blobs = draw(
            self._connection,
            self._chosen,
            ("inter_token_latencies_seconds",),
            frames.GAP_REQUESTS,
            int(self.rows.attrs["of"]),
            frames.HAS_GAPS,
        )
        return [numpy.frombuffer(blob, "<f4").astype(float) for (blob,) in blobs]


@dataclass(frozen=True, slots=True)
class _Measured:
    """The values of a figure, from how many requests, and how the medians of their resamples are drawn."""

    values: Numbers
    requests: int
    resampled: Callable[[], Numbers]

    @property
    def median(self) -> float | None:
        return float(numpy.median(self.values)) if len(self.values) else None


def _difference(definition: Definition, a: _Group, b: _Group, generator: numpy.random.Generator) -> Difference:
    """One figure of both groups."""
    in_a, in_b = a.measured(definition, generator), b.measured(definition, generator)
    found: Interval | None = None
    if min(in_a.requests, in_b.requests) >= FEWEST_REQUESTS:
        found = interval(in_a.values, in_b.values, in_a.resampled(), in_b.resampled())
    return Difference(
        name=definition.name,
        a=a.summary.get(definition.name),
        b=b.summary.get(definition.name),
        median_a=in_a.median,
        median_b=in_b.median,
        difference_percent=found.difference_percent if found else None,
        low_percent=found.low_percent if found else None,
        high_percent=found.high_percent if found else None,
        verdict=_verdict(definition, found),
        words=_words(definition, found, in_a, in_b),
    )


def _verdict(definition: Definition, found: Interval | None) -> Verdict:
    if found is None:
        return "too few"
    if found.direction == 0:
        return "no real difference"
    return "better" if (found.direction > 0) == definition.is_better_higher else "worse"


def _words(definition: Definition, found: Interval | None, a: _Measured, b: _Measured) -> str:
    """The outcome as one sentence."""
    label, verdict = definition.label, _verdict(definition, found)
    if found is None:
        return f"{label}: A has {a.requests} and B {b.requests} requests to compare, each needs {FEWEST_REQUESTS}."
    if found.difference_percent is None:
        before, after = (
            f"{(each.median or 0.0) * definition.scale:.{definition.digits}f} {definition.unit}" for each in (a, b)
        )
        return f"{label}: {before} in A and {after} in B; no percentage of nearly nothing. {verdict.capitalize()}."
    between = f"95% interval {found.low_percent:+.1f}% to {found.high_percent:+.1f}%"
    if found.direction == 0:
        return f"{label}: no real difference, {found.difference_percent:+.1f}% with a {between} that includes 0."
    more_or_less = "higher" if found.direction > 0 else "lower"
    return f"{label} is {abs(found.difference_percent):.1f}% {more_or_less} in B, {verdict} ({between})."


def _direction(low: float, high: float) -> Literal[-1, 0, 1]:
    return 1 if low > 0.0 else -1 if high < 0.0 else 0


def _index(place: Numbers, count: int) -> numpy.ndarray[Any, numpy.dtype[numpy.int64]]:
    """Which of the sorted values a share from 0 to 1 picks."""
    return numpy.minimum((place * count).astype(numpy.int64), count - 1)
