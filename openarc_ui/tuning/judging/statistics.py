"""From measured values to a summary with its interval, and from pairs of rounds to a verdict. Pure arithmetic.

What is measured within one visit is not independent, nor what is measured within one round. So the visit is the unit of a
summary and the round the unit of a verdict. An interval here is the wider, at each end, of Student's t and the bootstrap
(see `mean_interval`): of few rounds the bootstrap alone is wrong too often, of skewed ones t alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from scipy.special import ndtr, stdtrit

from openarc_ui.tuning.figures import Figure
from openarc_ui.tuning.results import Difference, Summary

Numbers = numpy.ndarray[Any, numpy.dtype[numpy.float64]]
Rounds = Sequence[tuple[float, float]]
"""The value of A and of B, in each round."""

CONFIDENCE_PERCENT = 99.0
"""Of verdicts, of all together that one sentence is by: held against itself, a configuration is called different in one
comparison of a hundred, so 20 of them together find at most one false difference with a probability of 98%. That is of a number
of rounds that is fixed before; where a run ends once it is tight, it is one to two of a hundred."""
SUMMARY_CONFIDENCE_PERCENT = 95.0
FEWEST_ROUNDS = 5
"""For a verdict: with fewer the interval is so wide that only differences show that need no statistics."""
FEWEST_VISITS = 3
"""For an interval by visits."""
FEWEST_SAMPLES = 5
"""For an interval by samples: the range of five misses the median once in 16, of four once in eight."""
RESAMPLES = 2000
PAIRED_RESAMPLES = 10_000
"""The ends of a 99% interval of ten rounds are beyond the 3,000th part of the resamples."""
MOST_DRAWN = 2_000_000
"""Numbers drawn at once; of very many rounds there are fewer resamples, which then need no such far ends."""
RESOLUTION_PERCENT = 0.05
"""What is smaller is shown as 0.0%, and called no difference."""
MOST_TOLD_PERCENT = 10_000.0
_SPOKEN = {
    "prefill_tokens_per_second": "Prefill throughput",
    "decode_tokens_per_second": "Decode throughput",
    "load_seconds": "Load time",
    "mean_kl_divergence": "KL divergence",
    "identical_share": "Share of identical answers",
}


def spoken(figure: Figure) -> str:
    """A figure's name at the beginning of a sentence."""
    return _SPOKEN.get(figure.name, figure.label)


def summary(visits: Sequence[Sequence[float]], seed: int = 0) -> Summary | None:
    """Of one figure, its values grouped by visit; None without a value.

    Median, mean, standard deviation, least and most are of all samples. The 95% interval is of the median:

    * from three visits on it is by visits: of the medians of the visits, as `mean_interval` for their mean, and no narrower
      than the resampled median of them;
    * of one or two visits with at least five samples, it is by samples, resampled. It then says how far repetitions scatter,
      not how far another load would be off;
    * of less there is none.
    """
    kept = [numpy.asarray([each for each in visit if math.isfinite(each)], dtype=float) for visit in visits]
    kept = [visit for visit in kept if len(visit)]
    if not kept:
        return None
    values = numpy.concatenate(kept)
    median = float(numpy.median(values))
    low, high = _summary_interval(kept, values, numpy.random.default_rng(seed))
    return Summary(
        count=len(values),
        median=median,
        mean=float(values.mean()),
        spread=_spread(values) if len(values) > 1 else None,
        least=float(values.min()),
        most=float(values.max()),
        low=None if low is None else min(low, median),
        high=None if high is None else max(high, median),
    )


def paired(figure: Figure, rounds: Rounds, seed: int = 0, among: int = 1) -> Difference:
    """B against A: each round is (A's value, B's value), measured one right after the other.

    The effect is the geometric mean of the rounds' ratios B / A, its interval `mean_interval` of their logarithms. A round with a
    value below 0, infinite or not a number is left out. Where a value is 0 in one of a round, there is no ratio: the verdict is
    then by the differences B - A, and no percentage is told.

    Args:
        among: so many verdicts of which one may be picked out; each may be wrong so many times less often (Bonferroni).
    """
    kept = _kept(rounds)
    confidence = 100.0 - (100.0 - CONFIDENCE_PERCENT) / max(1, among)
    found = _found(figure, kept, confidence, numpy.random.default_rng(seed))
    return Difference(
        figure=figure.name,
        rounds=len(kept),
        median_a=_median(a for a, _ in kept),
        median_b=_median(b for _, b in kept),
        difference_percent=found.effect,
        low_percent=found.low,
        high_percent=found.high,
        confidence_percent=confidence,
        verdict=found.verdict,
        words=found.words,
    )


def paired_together(asked: Sequence[tuple[Figure, Rounds]], seed: int = 0) -> list[Difference]:
    """Several figures of the same two, of which a sentence names whichever differ; in the order they were asked for.

    By Holm's steps (Scandinavian Journal of Statistics 6, 1979): all are judged as one of all; those that differ are settled, and
    the rest are judged as one of the rest, until none differs any more. That one of them differs where none does is then as rare
    as for one figure alone. The interval of each is that by which it was settled.
    """
    found = [paired(figure, rounds, seed) for figure, rounds in asked]
    unsettled = [place for place, each in enumerate(found) if each.verdict != "too few"]
    while unsettled:
        for place in unsettled:
            found[place] = paired(*asked[place], seed, len(unsettled))
        rest = [place for place in unsettled if found[place].verdict == "no real difference"]
        if len(rest) == len(unsettled):
            break
        unsettled = rest
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """What came of the rounds: percentages, verdict, and the sentence without them where there are none."""

    effect: float | None
    low: float | None
    high: float | None
    verdict: str
    words: str


def _kept(rounds: Rounds) -> Rounds:
    return [(a, b) for a, b in rounds if math.isfinite(a) and math.isfinite(b) and a >= 0.0 and b >= 0.0]


def _found(figure: Figure, rounds: Rounds, confidence: float, generator: numpy.random.Generator) -> _Found:
    have_ratios = all((a > 0.0) == (b > 0.0) for a, b in rounds)
    effect = _effect(rounds) if rounds and have_ratios else None
    if len(rounds) < FEWEST_ROUNDS:
        words = f"{spoken(figure)}: {counted(len(rounds))} to compare, {FEWEST_ROUNDS} are needed."
        return _Found(effect, None, None, "too few", words)
    if effect is None:
        low, high = mean_interval(numpy.asarray([b - a for a, b in rounds]), confidence, generator)
        verdict = _verdict(figure, low, high)
        return _Found(None, None, None, verdict, _words_without_ratio(figure, rounds, confidence, verdict))
    low, high = (_percent(end) for end in mean_interval(_log_ratios(rounds), confidence, generator))
    is_visible = low < -RESOLUTION_PERCENT or high > RESOLUTION_PERCENT
    verdict = _verdict(figure, low, high) if is_visible else "no real difference"
    return _Found(effect, low, high, verdict, _words(figure, effect, low, high, confidence, verdict))


def mean_interval(values: Numbers, confidence_percent: float, generator: numpy.random.Generator) -> tuple[float, float]:
    """Interval of the mean of at least two independent values: at each end the wider of two.

    * Student's t: right for few values whose scatter is about normal, as logarithms of ratios are.
    * The bootstrap's expanded percentile interval (Hesterberg, "What Teachers Should Know About the Bootstrap", 2015):
      the percentiles are those of Phi(-sqrt(n / (n - 1)) * t), which makes up for a resample being too narrow. It follows a skewed
      scatter; but it never leaves the range of the values, which of five rounds is left out by chance in 6 of 100 cases.
    """
    count = len(values)
    if values.min() == values.max():
        return float(values[0]), float(values[0])
    quantile = -float(stdtrit(count - 1, (1.0 - confidence_percent / 100.0) / 2.0))
    middle, half = float(values.mean()), quantile * _spread(values) / math.sqrt(count)
    outside = float(ndtr(-math.sqrt(count / (count - 1)) * quantile))
    resamples = max(RESAMPLES, min(PAIRED_RESAMPLES, MOST_DRAWN // count))
    means = values[generator.integers(0, count, (resamples, count))].mean(axis=1)
    low, high = numpy.quantile(means, (outside, 1.0 - outside))
    return min(middle - half, float(low)), max(middle + half, float(high))


def half_width_percent(difference: Difference) -> float | None:
    """How far the interval reaches to either side, in percent; about the smallest difference that would have shown."""
    if difference.low_percent is None or difference.high_percent is None:
        return None
    return (difference.high_percent - difference.low_percent) / 2.0


def _summary_interval(
    visits: list[Numbers], values: Numbers, generator: numpy.random.Generator
) -> tuple[float | None, float | None]:
    """95% interval of the median; by visits where there are enough."""
    by_visits = len(visits) >= FEWEST_VISITS
    if not by_visits and len(values) < FEWEST_SAMPLES:
        return None, None
    units = numpy.asarray([numpy.median(visit) for visit in visits]) if by_visits else values
    drawn = units[generator.integers(0, len(units), (max(1, min(RESAMPLES, MOST_DRAWN // len(units))), len(units)))]
    outside = (1.0 - SUMMARY_CONFIDENCE_PERCENT / 100.0) / 2.0
    low, high = (float(end) for end in numpy.quantile(numpy.median(drawn, axis=1), (outside, 1.0 - outside)))
    if by_visits:
        mean_low, mean_high = mean_interval(units, SUMMARY_CONFIDENCE_PERCENT, generator)
        low, high = min(low, mean_low), max(high, mean_high)
    return low, high


def _spread(values: Numbers) -> float:
    """Standard deviation of a sample; exactly 0 where all values are the same, which rounding would hide."""
    return float(values.std(ddof=1)) if values.min() < values.max() else 0.0


def _median(values: Iterable[float]) -> float | None:
    kept = list(values)
    return float(numpy.median(kept)) if kept else None


def _log_ratios(rounds: Rounds) -> Numbers:
    """Of B / A; 0 where both are 0."""
    return numpy.asarray([math.log(b) - math.log(a) if a > 0.0 else 0.0 for a, b in rounds])


def _effect(rounds: Rounds) -> float:
    return _percent(float(_log_ratios(rounds).mean()))


def _percent(log_ratio: float) -> float:
    """As a change in percent; bounded, so that a scatter without any sense stays a number."""
    return math.expm1(min(log_ratio, 100.0)) * 100.0


def _verdict(figure: Figure, low: float, high: float) -> str:
    if low <= 0.0 <= high:
        return "no real difference"
    return "better" if (low > 0.0) == figure.is_better_higher else "worse"


def _words(figure: Figure, effect: float, low: float, high: float, confidence: float, verdict: str) -> str:
    name, between = spoken(figure), f"{_level(confidence)} interval {signed(low)} to {signed(high)}"
    if verdict == "no real difference":
        half = (high - low) / 2.0
        unseen = f"; one smaller than about {percent(half)} would not show" if half >= RESOLUTION_PERCENT else ""
        return f"{name}: no real difference, {signed(effect)} ({between}){unseen}."
    direction = "higher" if effect > 0.0 else "lower"
    return f"{name} is {percent(abs(effect))} {direction} in B, {verdict} ({between})."


def _level(confidence: float) -> str:
    """99%, 99.75%."""
    return f"{round(confidence, 2):g}%"


def _words_without_ratio(figure: Figure, rounds: Rounds, confidence: float, verdict: str) -> str:
    before, after = (
        f"{float(numpy.median(side)) * figure.scale:.{figure.digits}f} {figure.unit}".rstrip()
        for side in zip(*rounds, strict=True)
    )
    return (
        f"{spoken(figure)}: {verdict}, the medians are {before} in A and {after} in B; of a value of 0 there is no "
        f"percentage ({_level(confidence)} confidence)."
    )


def percent(value: float) -> str:
    """12.3%; what is beyond all sense is only named as such."""
    return f"{value:.1f}%" if abs(value) < MOST_TOLD_PERCENT else f"more than {MOST_TOLD_PERCENT:.0f}%"


def signed(value: float) -> str:
    """+12.3%, and 0.0% without a sign where nothing else is left of it."""
    if abs(value) >= MOST_TOLD_PERCENT:
        return percent(value)
    return f"{value:+.1f}%" if abs(value) >= RESOLUTION_PERCENT else "0.0%"


def counted(rounds: int) -> str:
    """As words."""
    return "no round" if rounds == 0 else "one round" if rounds == 1 else f"{rounds} rounds"
