"""From the visits of a configuration to its figures, by the one table of figures. Pure.

A visit counts for a workload where it measured at least one repetition of it; what it knows besides (how long it loaded,
its memory) counts with that, and under each of its workloads alike.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from openarc_ui.tuning.figures import FIGURES, Figure
from openarc_ui.tuning.judging.round_numbers import is_confirming
from openarc_ui.tuning.judging.statistics import summary
from openarc_ui.tuning.results import Quality, Sample, Summary, Visit

Comparable = Mapping[int, tuple[float, bool | str | None]]
"""Round -> a value, and of which kind it is; values of two kinds are not held against each other."""


def value_of(visit: Visit, figure: Figure, workload: str) -> float | None:
    """One figure of one visit: the median of its samples, or the visit's own; None where it has none."""
    values = values_of(visit, figure, workload)
    return statistics.median(values) if values else None


def median_of(visits: Iterable[Visit], figure: Figure, workload: str) -> float | None:
    """One figure of several visits, as tables show it: the median of all their samples, or of the visits' own ones."""
    values = [value for visit in visits for value in values_of(visit, figure, workload)]
    return statistics.median(values) if values else None


def figures_of(visits: Sequence[Visit], quality: Quality | None) -> dict[str, dict[str, Summary]]:
    """Workload name -> figure name -> summary, of all visits of one configuration."""
    found: dict[str, dict[str, Summary]] = {}
    for workload in _workloads_of(visits):
        summaries = {figure.name: _summary_of(visits, quality, figure, workload) for figure in FIGURES}
        kept = {name: each for name, each in summaries.items() if each is not None}
        if kept:
            found[workload] = kept
    return found


def rounds_of(a: Sequence[Visit], b: Sequence[Visit], figure: Figure, workload: str) -> list[tuple[float, float]]:
    """The value of A and of B in each round that has both and counts, in the order of the rounds.

    Where a configuration was visited twice in a round, the later visit counts.
    """
    of_a, of_b = (comparable_by_round(each, figure, workload) for each in (a, b))
    return pairs_of(of_a, of_b)


def pairs_of(a: Comparable, b: Comparable) -> list[tuple[float, float]]:
    """The values of both in each round that counts, in order; loads of two kinds are no round."""
    numbers = rounds_that_count(number for number in b if number in a and a[number][1] == b[number][1])
    return [(a[number][0], b[number][0]) for number in numbers]


def comparable_by_round(visits: Iterable[Visit], figure: Figure, workload: str) -> Comparable:
    """Round -> the value of a figure and of which kind it is, in the order of the visits.

    A time to load is of the kind that the backend told: compiled, or found in the cache. Where it told nothing, the first load
    is held against first ones, a later one against later ones: of these the cache may have helped, and the files are in memory.
    Of other figures there is one kind.
    """
    found: dict[int, tuple[float, bool | str | None]] = {}
    was_loaded = False
    for visit in visits:
        value, kind = value_of(visit, figure, workload), None
        if figure.name == "load_seconds":
            kind = _kind_of_load(visit, was_loaded)
            was_loaded = was_loaded or visit.load_seconds is not None
        if value is not None:
            found[visit.round_number] = value, kind
    return found


def _kind_of_load(visit: Visit, was_loaded: bool) -> bool | str:
    told = visit.loaded.loaded_from_cache if visit.loaded is not None else None
    return told if told is not None else "later" if was_loaded else "first"


def rounds_that_count(numbers: Iterable[int]) -> list[int]:
    """In order. Where there are rounds that were made after a sweep chose its best, only these.

    Those before are the ones by which they were chosen, of many, for having been good in just these.
    """
    known = sorted(numbers)
    return [number for number in known if is_confirming(number)] or known


def samples_of(visit: Visit, workload: str) -> list[Sample]:
    """Its repetitions of a workload, in order."""
    return [sample for each in visit.workloads if each.workload == workload for sample in each.samples]


def _workloads_of(visits: Iterable[Visit]) -> list[str]:
    """Names, in the order they were measured."""
    return list(dict.fromkeys(each.workload for visit in visits for each in visit.workloads))


def values_of(visit: Visit, figure: Figure, workload: str) -> list[float]:
    """What a visit has of a figure: a value a sample, or its own one."""
    samples = samples_of(visit, workload)
    if figure.place == "quality" or not samples:
        return []
    found: list[float | None] = [
        getattr(each, figure.name) for each in (samples if figure.place == "sample" else [visit])
    ]
    return [float(value) for value in found if value is not None]


def _summary_of(visits: Sequence[Visit], quality: Quality | None, figure: Figure, workload: str) -> Summary | None:
    if figure.place == "quality":
        return _text_summary(quality, figure)
    return summary([values_of(visit, figure, workload) for visit in visits])


def _text_summary(quality: Quality | None, figure: Figure) -> Summary | None:
    """Of a text, which is looked at once: the interval is by blocks of it, where there is one."""
    value: float | None = getattr(quality, figure.name) if quality is not None else None
    found = None if value is None else summary([[value]])
    low, high = (getattr(quality, f"{figure.name}_{end}", None) for end in ("low", "high"))
    if found is None or low is None or high is None:
        return found
    return replace(found, low=min(low, found.median), high=max(high, found.median))
