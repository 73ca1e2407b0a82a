"""A comparison: two configurations in turn, until the interval of their difference is tight or the time is over.

In each round both are loaded and measured, one right after the other, in an order that is drawn; each two rounds have both
orders, so that what drifts (warmth, other programs) disturbs A and B alike. What is recorded already is not done again.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Sequence

import numpy

from openarc_ui.tuning.configurations import configuration_of
from openarc_ui.tuning.desk import Desk, is_compared
from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.judging.differences import differences_of
from openarc_ui.tuning.judging.standings import is_time_over
from openarc_ui.tuning.judging.statistics import FEWEST_ROUNDS, counted, half_width_percent, percent, spoken
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import ComparisonRequest
from openarc_ui.tuning.results import Configuration, Difference, Visit

PRIMARY = ("decode_tokens_per_second", "ttft_seconds", "total_seconds", "throughput_tokens_per_second")
"""The figures that the outcome is told by, and whose intervals have to be tight; prefill and TPOT are the same seen otherwise."""
MOST_FAILURES = 2
"""Of one side, one after the other: the first may be chance."""
PHASE = "Comparing"


def run(request: ComparisonRequest, desk: Desk, record: RunRecord) -> None:
    """Do what is not recorded yet; returns when nothing is left. Raises RunStopped where it is to end early."""
    pair = pair_of(request)
    for configuration in pair:
        record.begin(configuration)
    reasons = [(each, desk.check(each)) for each in pair]
    for configuration, failure in reasons:
        if failure is not None:
            desk.note(f"{configuration.label} can't be loaded: {failure.message}")
    if all(failure is None for _, failure in reasons):
        _Comparison(request, desk, record, pair).run()


def pair_of(request: ComparisonRequest) -> tuple[Configuration, Configuration]:
    """A and B as what is measured. The same configuration twice has two ids, so that its visits can be told apart."""
    a, b = configuration_of(request.a, label="A"), configuration_of(request.b, label="B")
    if a.configuration_id == b.configuration_id:
        b = dataclasses.replace(b, configuration_id=f"{b.configuration_id}-b")
    return a, b


class _Comparison:
    """The rounds of one comparison. Everything it decides by is in the record, so a resumed one goes on the same way."""

    def __init__(
        self, request: ComparisonRequest, desk: Desk, record: RunRecord, pair: tuple[Configuration, Configuration]
    ) -> None:
        self._request, self._desk, self._record = request, desk, record
        self._a, self._b = pair
        self._is_over = False

    def run(self) -> None:
        """Round after round, then, or when the time is likely over, why it ended."""
        while (end := self._end()) is None:
            if self._rounds():
                self._compare_texts()  # within the budget, and the rounds know what is left of it
            self._measure_round()
        self._compare_texts()
        self._desk.note(end)
        self._say("Done")

    def _end(self) -> str | None:
        """Why no other round begins; None: it does."""
        for each in (self._a, self._b):
            if _failures_at_the_end(self._visits_of(each)) >= MOST_FAILURES:
                return f"It ended since {each.label} failed {MOST_FAILURES} times in a row."
        done = len(self._rounds())
        if done >= self._request.most_rounds:
            return f"It ended after {counted(done)}, the most that were wanted{self._widest_words()}."
        if done >= self._request.least_rounds and self._is_tight():
            return f"It ended after {counted(done)}: no interval is wider than ±{self._request.tightness_percent:g}%."
        if self._time_left() <= 0.0 or (self._pace() or 0.0) > self._time_left():
            few = f"; a verdict needs {FEWEST_ROUNDS}" if done < FEWEST_ROUNDS else self._widest_words()
            return f"It ended after {counted(done)}, since another would have taken longer than the time allows{few}."
        return None

    def _measure_round(self) -> None:
        """A and B, or B and A; a failure of the first ends the round, which is then no round."""
        number = 1 + max((visit.round_number for visit in self._record.visits), default=0)
        done = len(self._rounds())
        for each in self._order(done):
            self._say(f"Round {done + 1}: {each.label}")
            with_greedy = self._request.quality.is_wanted and not any(visit.greedy for visit in self._visits_of(each))
            workloads, deadline = (self._request.workload,), self._deadline()
            visit = self._desk.visit(each, workloads, self._request.repetitions, number, with_greedy, deadline=deadline)
            if is_time_over(visit.failure):
                self._is_over = True
                return
            if visit.failure is not None:
                self._desk.note(
                    f"Round {number}: {each.label} failed at {visit.failure.stage}: {visit.failure.message}"
                )
                return

    def _order(self, done: int) -> tuple[Configuration, Configuration]:
        """Of the round after so many: drawn for the first of two rounds, the other way round for the second."""
        is_a_first = bool(numpy.random.default_rng((self._request.seed, done // 2)).integers(2)) == (done % 2 == 0)
        return (self._a, self._b) if is_a_first else (self._b, self._a)

    def _compare_texts(self) -> None:
        """B's with A's, once, where both have answered."""
        have_answered = all(any(visit.greedy for visit in self._visits_of(each)) for each in (self._a, self._b))
        is_done = is_compared(self._record.qualities.get(self._b.configuration_id))
        if not self._request.quality.is_wanted or not have_answered or is_done:
            return
        if self._time_left() > 0.0:
            self._say("Comparing texts")
            found = self._desk.quality(self._b, self._a, deadline=self._deadline())
            is_done = not is_time_over(found)
            self._is_over = not is_done
        if not is_done:
            self._desk.note("The time was over before the texts were compared.")

    def _rounds(self) -> dict[int, tuple[Visit, Visit]]:
        """Number -> the visits of A and of B, of each round in which both were measured to the end."""
        of_a, of_b = (
            {visit.round_number: visit for visit in self._visits_of(each) if visit.failure is None}
            for each in (self._a, self._b)
        )
        return {number: (of_a[number], of_b[number]) for number in sorted(of_a.keys() & of_b.keys())}

    def _differences(self) -> list[Difference]:
        """The primary figures that were measured at all, by the rounds that count."""
        rounds = list(self._rounds().values())
        of_a, of_b = [a for a, _ in rounds], [b for _, b in rounds]
        workload, seed = self._request.workload.name, self._request.seed
        return list(differences_of(of_a, of_b, PRIMARY, workload, seed, together=PRIMARY).values())

    def _is_tight(self) -> bool:
        """Every interval is; one of a figure without percentages can't be, and one of too few rounds is not."""
        widths = [half_width_percent(each) for each in self._differences()]
        return bool(widths) and all(each is not None and each <= self._request.tightness_percent for each in widths)

    def _widest_words(self) -> str:
        """The interval that is widest, where it is wider than it should be."""
        widths = ((half_width_percent(each), each.figure) for each in self._differences())
        told = [(width, figure) for width, figure in widths if width is not None]
        if not told or max(told)[0] <= self._request.tightness_percent:
            return ""
        width, figure = max(told)
        wanted = f"±{self._request.tightness_percent:g}%"
        return f"; the interval of {spoken(BY_NAME[figure])} is ±{percent(width)}, {wanted} was wanted"

    def _pace(self) -> float | None:
        """Seconds that a round takes, loads included; None before the first."""
        took = [sum(visit.ended_at - visit.began_at for visit in pair) for pair in self._rounds().values()]
        return statistics.median(took) if took else None

    def _time_left(self) -> float:
        return 0.0 if self._is_over else self._request.budget_minutes * 60.0 - self._desk.elapsed_seconds()

    def _deadline(self) -> float:
        """When the time is over, by `time.monotonic`."""
        return time.monotonic() + max(0.0, self._time_left())

    def _say(self, now: str) -> None:
        """How far it is: at the latest it ends with the most rounds or the time, whichever is first."""
        done, pace, left = len(self._rounds()), self._pace(), max(0.0, self._time_left())
        planned = self._request.most_rounds
        if pace:
            planned = min(planned, done + int(left / pace))
            left = min(left, (planned - done) * pace)
        self._desk.say(PHASE, now, done, max(planned, done), left)

    def _visits_of(self, configuration: Configuration) -> list[Visit]:
        return [visit for visit in self._record.visits if visit.configuration_id == configuration.configuration_id]


def _failures_at_the_end(visits: Sequence[Visit]) -> int:
    """How many of the newest visits failed, one after the other."""
    count = 0
    for visit in reversed(visits):
        if visit.failure is None:
            break
        count += not is_time_over(visit.failure)
    return count
