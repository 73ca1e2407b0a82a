"""What a sweep knows of its configurations: their values, who is clearly no winner, who is among the best, and how surely.

Everything is read from the record, so a resumed sweep judges as it would have judged. Nothing is measured here.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Sequence

from openarc_ui.tuning.desk import is_compared
from openarc_ui.tuning.figures import BY_NAME, Figure
from openarc_ui.tuning.judging.drift import BUSY_CORES
from openarc_ui.tuning.judging.front import front
from openarc_ui.tuning.judging.levels import Levels, rounds_beside
from openarc_ui.tuning.judging.round_numbers import is_confirming, last_part
from openarc_ui.tuning.judging.standings import is_time_over
from openarc_ui.tuning.judging.statistics import half_width_percent, paired, summary
from openarc_ui.tuning.judging.summaries import median_of, rounds_of, samples_of, values_of
from openarc_ui.tuning.quality.text_key import text_key
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.results import Failure, Quality, Summary, Visit

CLEARLY_WORSE = 1.5
"""Times as bad as the best: more than chance and warmth make of one visit. With one objective."""
CLEARLY_DOMINATED = 1.25
"""The same with several, where one other configuration has to be so much better in each."""
MOST_FINALISTS = 3
MOST_OF_A_FRONT = 6
FAILURES_OF_THE_BASE = 2
"""In a row; it is visited again and again, so one may be chance."""
Values = tuple[float | None, ...]


class Scores:
    """A sweep's record, asked in the words of its decisions. Rounds beyond `until`, where it is given, do not count."""

    def __init__(self, request: SweepRequest, record: RunRecord, base_id: str) -> None:
        self.objectives: tuple[Figure, ...] = tuple(BY_NAME[name] for name in request.objectives)
        self._request, self._record, self._base_id = request, record, base_id
        self._levels: dict[str, tuple[int, Levels]] = {}
        self._text_keys: dict[str, str] = {}

    def all_visits(self, configuration_id: str, until: int | None = None) -> list[Visit]:
        """Of one configuration, in order; not those that the time ended, which may be made again."""
        return [
            visit
            for visit in self._record.visits
            if visit.configuration_id == configuration_id
            and (until is None or visit.round_number <= until)
            and not is_time_over(visit.failure)
        ]

    def visits(self, configuration_id: str, until: int | None = None, since: int = 0) -> list[Visit]:
        """Those of them that succeeded."""
        found = self.all_visits(configuration_id, until)
        return [visit for visit in found if visit.failure is None and visit.round_number >= since]

    def is_recorded(self, configuration_id: str, round_number: int) -> bool:
        """It was visited in this round, whatever came of it."""
        return any(visit.round_number == round_number for visit in self.all_visits(configuration_id))

    def has_answered(self, configuration_id: str) -> bool:
        """The quality guard's prompts were answered."""
        return any(visit.greedy for visit in self.visits(configuration_id))

    def failure(self, configuration_id: str) -> Failure | None:
        """Why it is not visited any more."""
        known = self._record.qualities.get(configuration_id)
        if isinstance(known, Failure) and known.stage == "check":
            return known
        visits = self.all_visits(configuration_id)
        if configuration_id == self._base_id:
            newest = [visit.failure for visit in visits[-FAILURES_OF_THE_BASE:]]
            return newest[-1] if len(newest) == FAILURES_OF_THE_BASE and all(newest) else None
        return next((visit.failure for visit in visits if visit.failure is not None), None)

    def values(self, configuration_id: str, until: int | None = None, since: int = 0) -> Values:
        """Each objective; see `value`."""
        return tuple(self.value(configuration_id, figure, until, since) for figure in self.objectives)

    def value(self, configuration_id: str, figure: Figure, until: int | None = None, since: int = 0) -> float | None:
        """What it is ranked by: beside the base of the same rounds (see `levels.py`), of a text what was found of it."""
        if figure.place == "quality":
            quality = self._record.qualities.get(configuration_id)
            found: float | None = getattr(quality, figure.name) if isinstance(quality, Quality) else None
            return found
        return self._beside_base(figure).of(self.visits(configuration_id, until, since))

    def memory_bytes(self, configuration_id: str, until: int | None = None) -> float | None:
        """What the limit is held against, as tables show it."""
        visits = self.visits(configuration_id, until)
        return median_of(visits, BY_NAME["memory_bytes"], self._request.workload.name)

    def rounds(self, configuration_id: str) -> int:
        """Those that count for a verdict: beside the base, and after it was chosen where it was."""
        return rounds_beside(self.visits(configuration_id), self.visits(self._base_id))

    def is_over_limit(self, configuration_id: str, until: int | None = None) -> bool:
        """It needs more memory than it may; never where that is not known."""
        limit, memory = self._request.memory_limit_bytes, self.memory_bytes(configuration_id, until)
        return limit is not None and memory is not None and memory > limit

    def is_clearly_no_winner(self, configuration_id: str, until: int | None = None, since: int = 0) -> bool:
        """It needs too much memory, or another one is so much better that more visits would not turn it.

        A faster one that may turn out to change the text is no such other one: then this one would be the one to take.

        Args:
            since: what was measured of it in earlier rounds says nothing.
        """
        if self.is_over_limit(configuration_id, until):
            return True
        if any(figure.place == "quality" for figure in self.objectives):
            return False  # texts are compared later
        if not self._is_paired(configuration_id, until):
            return False  # what was measured at another hour
        values = self.values(configuration_id, until, since)
        factor = CLEARLY_WORSE if len(self.objectives) == 1 else CLEARLY_DOMINATED
        return any(
            self._is_worse(values, self._at_worst(other, until), factor)
            for other in self._measured(until)
            if other != configuration_id
            and self._writes_no_worse(other, configuration_id)
            and not self.is_over_limit(other, until)
            and self._is_paired(other, until)
        )

    def is_other_machine(self, first: int, second: int) -> bool:
        """Whether something was so much faster or slower in the second round as to turn what was said by the first."""
        factor = math.sqrt(CLEARLY_WORSE if len(self.objectives) == 1 else CLEARLY_DOMINATED)
        numbers, workload = range(second, last_part(second) + 1), self._request.workload.name
        again = {visit.configuration_id for visit in self._record.visits if visit.round_number in numbers}
        for figure in (each for each in self.objectives if each.place == "sample"):  # a later load is faster anyway
            for configuration_id in again:
                rounds = (self._in_round(configuration_id, number) for number in (first, second))
                one, other = (median_of(visits, figure, workload) for visits in rounds)
                if one and other and not 1.0 / factor <= other / one <= factor:
                    return True
        return False

    def is_disturbed(self, configuration_id: str, number: int) -> bool:
        """Whether other programs were busier while it was measured in a round than while the base was."""
        own, of_base = (self._others_cores(self._in_round(each, number)) for each in (configuration_id, self._base_id))
        return own is not None and own - (of_base or 0.0) > BUSY_CORES

    def in_order(self, configuration_ids: Iterable[str], until: int) -> list[str]:
        """The best first."""
        return sorted(configuration_ids, key=lambda each: self._costs(each, until))

    def ranked(self) -> list[str]:
        """Ids of all that were measured, the best first; what was given up, or can't win, comes last."""
        return sorted(
            self._measured(),
            key=lambda each: (each in self._record.pruned or self.is_over_limit(each), *self._costs(each)),
        )

    def finalists(self, exclude: Collection[str] = (), most: int | None = None) -> list[str]:
        """Ids of those that may be the best, the likeliest first; never the base, which is measured beside them anyway.

        One that changes the text comes after all that do not, since it is taken only where there is no other. Where all but
        the base do, those come back that were given up and that nothing of an unchanged text clearly beats.

        Args:
            most: fewer than usual, where the time is not enough for more.
        """
        able = self._able()
        if len(self.objectives) == 1:
            ranked = sorted(able, key=lambda each: (self._changes_text(each), *self._costs(each)))
            return [each for each in ranked if each != self._base_id and each not in exclude][
                : min(most or MOST_FINALISTS, MOST_FINALISTS)
            ]
        directions = [*(figure.is_better_higher for figure in self.objectives), False]
        points = [[*self.values(each), float(self._changes_text(each))] for each in able]
        members = [each for each, is_on_it in zip(able, front(points, directions), strict=True) if is_on_it]
        members = [each for each in members if each != self._base_id and each not in exclude]
        return _spread(sorted(members, key=self._costs), min(most or MOST_OF_A_FRONT, MOST_OF_A_FRONT))

    def half_widths_percent(self, configuration_id: str) -> list[float | None]:
        """Of every objective's interval, and of that of its difference from the base; None: too few visits for one."""
        widths: list[float | None] = []
        for figure in self.objectives:
            if figure.place == "quality":
                continue  # the same each time it is computed
            workload = self._request.workload.name
            found = summary([values_of(visit, figure, workload) for visit in self.visits(configuration_id)])
            widths.append(_half_width(found))
            if configuration_id != self._base_id and self.failure(self._base_id) is None:
                visits = (self.visits(self._base_id), self.visits(configuration_id))
                rounds = rounds_of(*visits, figure, workload)
                widths.append(half_width_percent(paired(figure, rounds, among=self._confirmed())))
        return widths

    def is_tight(self, configuration_id: str) -> bool:
        """Every interval is as narrow as was asked for."""
        widest = self._request.tightness_percent
        return all(width is not None and width <= widest for width in self.half_widths_percent(configuration_id))

    def visit_seconds(self) -> float | None:
        """How long a visit takes, loads included; None before the first."""
        return _median(
            each.ended_at - each.began_at for each in self._record.visits if each.failure is None and each.workloads
        )

    def quality_seconds(self) -> float:
        """How long a comparison of texts takes; 0 before the first, which scores the reference too and so takes twice as long."""
        seconds = [each.seconds for each in self._record.qualities.values() if isinstance(each, Quality)]
        return _median(seconds[1:]) or (seconds[0] / 2.0 if seconds else 0.0)

    def texts(self) -> tuple[int, int]:
        """Of how many configurations the text was compared, and how many have answered for that; both of those measured."""
        wanted = [each for each in self._measured() if self.has_answered(each)]
        return sum(is_compared(self._record.qualities.get(each)) for each in wanted), len(wanted)

    def _in_round(self, configuration_id: str, number: int) -> list[Visit]:
        """Its visits in all parts of a round."""
        return self.visits(configuration_id, last_part(number), number)

    def _others_cores(self, visits: Iterable[Visit]) -> float | None:
        samples = (sample for visit in visits for sample in samples_of(visit, self._request.workload.name))
        return _median(each.others_cores for each in samples if each.others_cores is not None)

    def _able(self) -> list[str]:
        """Ids of those that may win; of what was given up, what comes back (see `finalists`)."""
        whole = [each for each in self._measured() if not self.is_over_limit(each) and None not in self.values(each)]
        able = [each for each in whole if each not in self._record.pruned]
        others = [each for each in able if each != self._base_id]
        if not others or not all(map(self._changes_text, others)):
            return able
        given_up = [each for each in whole if each in self._record.pruned and not self._changes_text(each)]
        return [*able, *(each for each in given_up if not self.is_clearly_no_winner(each))]

    def _is_paired(self, configuration_id: str, until: int | None) -> bool:
        """Each objective was measured beside the base."""
        visits = self.visits(configuration_id, until)
        return all(self._beside_base(each).is_paired(visits) for each in self.objectives)

    def _writes_no_worse(self, other: str, configuration_id: str) -> bool:
        """The other one may take its place, by what is known of both texts, which mostly are compared later."""
        if not self._request.quality.is_wanted or self._changes_text(configuration_id):
            return True
        quality = self._record.qualities.get(other)
        if isinstance(quality, Quality) and quality.changes_text is not None:
            return not quality.changes_text
        return self._text_key(other) == self._text_key(configuration_id)

    def _text_key(self, configuration_id: str) -> str:
        new = () if configuration_id in self._text_keys else self._record.configurations
        for each in new:
            if each.configuration_id not in self._text_keys:
                self._text_keys[each.configuration_id] = text_key(each.load)
        return self._text_keys[configuration_id]

    def _confirmed(self) -> int:
        """How many were chosen to be confirmed."""
        ids = {visit.configuration_id for visit in self._record.visits if is_confirming(visit.round_number)}
        return len(ids - {self._base_id})

    def _beside_base(self, figure: Figure) -> Levels:
        """Made anew only when the base was visited meanwhile."""
        of_base = self.visits(self._base_id)
        known = self._levels.get(figure.name)
        if known is None or known[0] != len(of_base):
            known = self._levels[figure.name] = len(of_base), Levels(of_base, figure, self._request.workload.name)
        return known[1]

    def _measured(self, until: int | None = None) -> list[str]:
        """Ids of those with a workload's visit and no failure, in the order they were begun."""
        return [
            each.configuration_id
            for each in self._record.configurations
            if self.failure(each.configuration_id) is None
            and any(visit.workloads for visit in self.visits(each.configuration_id, until))
        ]

    def _at_worst(self, configuration_id: str, until: int | None) -> Values:
        """Each objective, none of which is of a text, by its worst round."""
        visits = self.visits(configuration_id, until)
        return tuple(self._beside_base(figure).at_worst(visits) for figure in self.objectives)

    def _is_worse(self, mine: Values, theirs: Values, factor: float) -> bool:
        """By more than the factor, in every objective."""
        for figure, one, other in zip(self.objectives, mine, theirs, strict=True):
            if one is None or other is None:
                return False
            worse, better = (other, one) if figure.is_better_higher else (one, other)
            if not worse > better * factor:
                return False
        return True

    def _changes_text(self, configuration_id: str) -> bool:
        quality = self._record.qualities.get(configuration_id)
        return isinstance(quality, Quality) and quality.changes_text is True

    def _costs(self, configuration_id: str, until: int | None = None) -> list[float]:
        """Its objectives turned so that less is better; what is not known is worst."""
        values = zip(self.objectives, self.values(configuration_id, until), strict=True)
        return [math.inf if value is None else -value if figure.is_better_higher else value for figure, value in values]


def _spread(ranked: Sequence[str], most: int) -> list[str]:
    """At most so many, from the first to the last in equal steps."""
    if len(ranked) <= most or most == 1:
        return list(ranked[:most])
    return [ranked[round(index * (len(ranked) - 1) / (most - 1))] for index in range(most)]


def _half_width(found: Summary | None) -> float | None:
    if found is None or found.low is None or found.high is None or not found.median:
        return None
    return (found.high - found.low) / 2.0 / abs(found.median) * 100.0


def _median(values: Iterable[float]) -> float | None:
    kept = list(values)
    return statistics.median(kept) if kept else None
