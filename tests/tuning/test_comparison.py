"""A comparison, with a scripted desk: what it asks for, when it ends, and how often it is right."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from openarc_ui.tuning.desk import RunStopped
from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.judging.differences import differences_of
from openarc_ui.tuning.judging.statistics import paired
from openarc_ui.tuning.judging.summaries import rounds_of
from openarc_ui.tuning.requests import ComparisonRequest, QualityOptions
from openarc_ui.tuning.results import Configuration, Difference, Failure, Visit
from openarc_ui.tuning.work import comparison
from tests.tuning.scripted_desk import ScriptedDesk

DECODE = BY_NAME["decode_tokens_per_second"]
ITSELF = {"a": {"model_path": "model"}, "b": {"model_path": "model"}}
OTHERS = {"a": {"model_path": "model"}, "b": {"model_path": "model", "ov_config": {"NUM_STREAMS": "2"}}}


def asked(pair: dict[str, Any] = OTHERS, **fields: Any) -> ComparisonRequest:
    wanted: dict[str, Any] = {"budget_minutes": 600.0, "quality": QualityOptions(is_wanted=False)}
    return ComparisonRequest(**{**wanted, **pair, **fields})


def steady(configuration: Configuration, number: int) -> float:
    return 50.0


def machine(seed: int, deviation: float = 0.03, b_is: float = 1.0) -> Callable[[Configuration, int], float]:
    """A machine that scatters, wanders and gets warmer."""
    generator = numpy.random.default_rng(seed)
    state = {"wandered": 0.0}

    def speed(configuration: Configuration, number: int) -> float:
        state["wandered"] += generator.normal(0.0, 0.01)
        warmer = -0.1 * (1.0 - math.exp(-number / 20.0))
        level = 50.0 * math.exp(generator.normal(0.0, deviation) + state["wandered"] + warmer)
        return level * (b_is if configuration.label == "B" else 1.0)

    return speed


def verdict_of(desk: ScriptedDesk) -> Difference:
    a, b = (_of(desk, each) for each in desk.record.configurations[:2])
    return paired(DECODE, rounds_of(a, b, DECODE, "custom"))


def replaced(visit: Visit, generator: numpy.random.Generator) -> Visit:
    """With figures that scatter each for itself, as those of a machine do in part."""
    part = visit.workloads[0]
    names = ("ttft_seconds", "total_seconds", "throughput_tokens_per_second")
    samples = tuple(
        dataclasses.replace(
            each, **{name: getattr(each, name) * math.exp(generator.normal(0.0, 0.03)) for name in names}
        )
        for each in part.samples
    )
    return dataclasses.replace(visit, workloads=(dataclasses.replace(part, samples=samples),))


def _of(desk: ScriptedDesk, configuration: Configuration) -> list[Visit]:
    return [each for each in desk.visits if each.configuration_id == configuration.configuration_id]


def labels_by_round(desk: ScriptedDesk) -> dict[int, list[str]]:
    names = {each.configuration_id: each.label for each in desk.record.configurations}
    found: dict[int, list[str]] = {}
    for each in desk.visits:
        found.setdefault(each.round_number, []).append(names[each.configuration_id])
    return found


class TestVerdicts:
    def test_of_20_comparisons_of_a_configuration_with_itself_at_least_19_find_no_real_difference(self) -> None:
        verdicts = []
        for seed in range(20):
            desk = ScriptedDesk(machine(seed))
            comparison.run(asked(ITSELF, seed=seed), desk, desk.record)
            verdicts.append(verdict_of(desk).verdict)
        assert verdicts.count("no real difference") >= 19

    def test_of_a_hundred_sentences_about_a_configuration_and_itself_at_most_two_name_a_difference(self) -> None:
        """Any of four figures may be named, so they are judged together."""
        wrong = 0
        for seed in range(100):
            generator = numpy.random.default_rng(seed)
            desk = ScriptedDesk(machine(seed))
            comparison.run(asked(ITSELF, seed=seed, most_rounds=8), desk, desk.record)
            scattered = {visit: replaced(visit, generator) for visit in desk.visits}
            a, b = ([scattered[visit] for visit in _of(desk, each)] for each in desk.record.configurations[:2])
            primary = comparison.PRIMARY
            found = differences_of(a, b, primary, "custom", seed, together=primary)
            assert len(found) == 4
            wrong += any(each.verdict in ("better", "worse") for each in found.values())
        assert wrong <= 2

    def test_a_planted_difference_of_5_percent_is_found(self) -> None:
        for seed in range(5):
            desk = ScriptedDesk(machine(seed, deviation=0.02, b_is=1.05))
            comparison.run(asked(seed=seed), desk, desk.record)
            found = verdict_of(desk)
            assert found.verdict == "better"
            assert found.low_percent < 5.0 < found.high_percent  # type: ignore[operator]

    def test_whoever_is_measured_second_gains_nothing_by_it(self) -> None:
        """The second of a round is always 4% slower: unbalanced orders would call that a difference."""
        for seed in range(5):
            desk = ScriptedDesk(lambda _, number: 50.0 * (0.96 if number % 2 else 1.0) * (1.0 + 0.001 * (number % 3)))
            comparison.run(asked(most_rounds=10, seed=seed), desk, desk.record)
            assert verdict_of(desk).verdict == "no real difference"


class TestRounds:
    def test_each_round_measures_both_and_each_two_rounds_have_both_orders(self) -> None:
        desk = ScriptedDesk(machine(1))
        comparison.run(asked(most_rounds=8, least_rounds=8), desk, desk.record)
        orders = ["".join(each) for each in labels_by_round(desk).values()]
        assert len(orders) == 8
        assert all({orders[n], orders[n + 1]} == {"AB", "BA"} for n in range(0, 8, 2))

    def test_each_two_rounds_draw_their_order_anew(self) -> None:
        """Else what comes at a regular interval could always meet the same side."""
        desk = ScriptedDesk(steady)
        comparison.run(asked(least_rounds=20), desk, desk.record)
        rounds = list(labels_by_round(desk).values())
        assert {rounds[number][0] for number in range(0, 20, 2)} == {"A", "B"}

    def test_the_order_is_drawn_by_the_seed(self) -> None:
        def first_of(seed: int) -> str:
            desk = ScriptedDesk(steady)
            comparison.run(asked(seed=seed), desk, desk.record)
            return labels_by_round(desk)[1][0]

        assert {first_of(seed) for seed in range(10)} == {"A", "B"}
        assert first_of(3) == first_of(3)

    def test_the_same_configuration_twice_has_two_ids(self) -> None:
        a, b = comparison.pair_of(asked(ITSELF))
        assert a.configuration_id != b.configuration_id
        assert a.load == b.load
        assert (a.label, b.label) == ("A", "B")

    def test_a_and_b_are_kept_first_and_in_this_order(self) -> None:
        desk = ScriptedDesk(steady)
        comparison.run(asked(), desk, desk.record)
        assert [each.label for each in desk.record.configurations] == ["A", "B"]

    def test_every_visit_has_the_repetitions_that_were_asked_for(self) -> None:
        desk = ScriptedDesk(steady)
        comparison.run(asked(repetitions=4), desk, desk.record)
        assert {len(each.workloads[0].samples) for each in desk.visits} == {4}


class TestEnds:
    def test_it_ends_after_the_least_rounds_where_the_interval_is_tight(self) -> None:
        desk = ScriptedDesk(steady)
        comparison.run(asked(least_rounds=7), desk, desk.record)
        assert len(desk.visits) == 14
        assert "It ended after 7 rounds: no interval is wider than ±2%." in desk.record.notes

    def test_three_rounds_are_never_tight(self) -> None:
        desk = ScriptedDesk(steady)
        comparison.run(asked(least_rounds=3), desk, desk.record)
        assert len(desk.visits) == 10

    def test_it_goes_on_while_the_interval_is_wide_and_ends_with_the_most_rounds(self) -> None:
        desk = ScriptedDesk(machine(1, deviation=0.1))
        comparison.run(asked(most_rounds=12), desk, desk.record)
        assert len(desk.visits) == 24
        (note,) = desk.record.notes
        assert note.startswith("It ended after 12 rounds, the most that were wanted; the interval of ")
        assert note.endswith("%, ±2% was wanted.")

    def test_a_tighter_interval_takes_more_rounds(self) -> None:
        rounds = []
        for tightness in (10.0, 3.0):
            desk = ScriptedDesk(machine(2, deviation=0.03))
            comparison.run(asked(tightness_percent=tightness, most_rounds=100), desk, desk.record)
            rounds.append(len(desk.visits) // 2)
            assert f"no interval is wider than ±{tightness:g}%" in desk.record.notes[-1]
        assert rounds[0] < rounds[1]

    def test_no_round_begins_that_would_likely_not_end_in_time(self) -> None:
        desk = ScriptedDesk(machine(1, deviation=0.1), seconds_a_visit=25.0)
        comparison.run(asked(budget_minutes=4.0), desk, desk.record)
        assert len(desk.visits) == 8  # the fifth round would end after 250 seconds
        assert (
            "It ended after 4 rounds, since another would have taken longer than the time allows; a verdict needs 5."
            in (desk.record.notes)
        )

    def test_without_a_pace_the_first_round_begins(self) -> None:
        desk = ScriptedDesk(steady, seconds_a_visit=50.0)
        comparison.run(asked(budget_minutes=2.0), desk, desk.record)
        assert len(desk.visits) == 2

    def test_what_is_measured_when_the_time_is_over_ends_and_is_no_failure(self) -> None:
        desk = ScriptedDesk(steady, seconds_a_visit=50.0)
        comparison.run(asked(budget_minutes=1.0, quality=QualityOptions()), desk, desk.record)
        assert [visit.failure is None for visit in desk.visits] == [True, False]
        assert desk.time == pytest.approx(60.0, abs=1.0)
        assert not any("failed" in words for words in desk.record.notes)
        assert desk.record.notes[-1].startswith("It ended after no round, since another would have taken longer")
        assert desk.compared == []

    def test_texts_that_are_compared_when_the_time_is_over_may_be_compared_again(self) -> None:
        desk = ScriptedDesk(steady, seconds_a_visit=10.0, seconds_a_text=500.0)
        request = asked(budget_minutes=1.0, quality=QualityOptions())
        comparison.run(request, desk, desk.record)
        assert desk.time == pytest.approx(60.0, abs=1.0)
        assert "The time was over before the texts were compared." in desk.record.notes
        comparison.run(request.model_copy(update={"budget_minutes": 20.0}), desk, desk.record)
        assert len(desk.compared) == 2

    def test_what_can_not_be_loaded_ends_it_before_anything_is_measured(self) -> None:
        desk = ScriptedDesk(steady)
        desk.refused["B"] = Failure("check", "device_unavailable", "There is no GPU.")
        comparison.run(asked(), desk, desk.record)
        assert desk.visits == []
        assert desk.record.notes == ["B can't be loaded: There is no GPU."]
        assert len(desk.record.configurations) == 2

    def test_two_failures_of_one_side_in_a_row_end_it(self) -> None:
        desk = ScriptedDesk(lambda configuration, _: None if configuration.label == "B" else 50.0)
        comparison.run(asked(), desk, desk.record)
        failed = [each for each in desk.visits if each.failure]
        assert len(failed) == 2
        assert desk.record.notes[0] == "Round 1: B failed at load: It does not fit."
        assert desk.record.notes[-1] == "It ended since B failed 2 times in a row."
        before = len(desk.visits)
        comparison.run(asked(), desk, desk.record)
        assert len(desk.visits) == before

    def test_a_single_failure_only_costs_its_round(self) -> None:
        desk = ScriptedDesk(lambda _, number: None if number == 3 else 50.0)
        comparison.run(asked(), desk, desk.record)
        complete = [labels for labels in labels_by_round(desk).values() if len(labels) == 2]
        assert verdict_of(desk).rounds == 6
        assert len(complete) == 7  # the one in which the second failed included


class TestTexts:
    def test_the_first_visit_of_each_answers_and_texts_are_compared_once(self) -> None:
        desk = ScriptedDesk(steady)
        comparison.run(asked(quality=QualityOptions()), desk, desk.record)
        assert Counter(label for label, _ in desk.greedy_asked) == {"A": 1, "B": 1}
        assert desk.compared == [("B", "A")]

    def test_texts_are_compared_within_the_time_and_not_after_it(self) -> None:
        desk = ScriptedDesk(steady)
        comparison.run(asked(quality=QualityOptions()), desk, desk.record)
        assert desk.visits_at_comparison == [2]

    def test_where_they_are_not_wanted_nothing_is_answered_or_compared(self) -> None:
        desk = ScriptedDesk(steady)
        comparison.run(asked(), desk, desk.record)
        assert (desk.greedy_asked, desk.compared) == ([], [])

    def test_a_failed_first_visit_is_made_up_for(self) -> None:
        desk = ScriptedDesk(lambda _, number: None if number == 0 else 50.0)
        comparison.run(asked(quality=QualityOptions()), desk, desk.record)
        assert len(desk.greedy_asked) == 3
        assert desk.compared == [("B", "A")]


class TestResume:
    @pytest.mark.parametrize("stopped_after", [0, 1, 4, 7])
    def test_no_complete_round_is_made_twice(self, stopped_after: int) -> None:
        desk = ScriptedDesk(steady)
        desk.stop_after = stopped_after
        with pytest.raises(RunStopped):
            comparison.run(asked(quality=QualityOptions()), desk, desk.record)
        assert len(desk.visits) == stopped_after
        desk.stop_after = None
        comparison.run(asked(quality=QualityOptions()), desk, desk.record)
        rounds = labels_by_round(desk)
        assert sum(len(labels) == 2 for labels in rounds.values()) == 6
        assert len(desk.visits) == 12 + stopped_after % 2
        assert all(len(labels) == len(set(labels)) for labels in rounds.values())
        assert desk.compared == [("B", "A")]

    def test_orders_are_still_balanced_after_a_stop_in_the_middle_of_a_round(self) -> None:
        desk = ScriptedDesk(steady)
        desk.stop_after = 3
        with pytest.raises(RunStopped):
            comparison.run(asked(), desk, desk.record)
        desk.stop_after = None
        comparison.run(asked(), desk, desk.record)
        orders = ["".join(labels) for labels in labels_by_round(desk).values() if len(labels) == 2]
        assert Counter(orders) == {"AB": 3, "BA": 3}

    def test_a_finished_one_is_not_measured_again(self) -> None:
        desk = ScriptedDesk(steady)
        comparison.run(asked(), desk, desk.record)
        before = (len(desk.visits), list(desk.record.notes))
        comparison.run(asked(), desk, desk.record)
        assert (len(desk.visits), desk.record.notes) == before


class TestProgress:
    def test_it_says_the_round_the_side_and_the_time_left(self) -> None:
        desk = ScriptedDesk(steady)
        comparison.run(asked(most_rounds=6, budget_minutes=10.0), desk, desk.record)
        phases, nows, done, planned, left = zip(*desk.said, strict=True)
        assert set(phases) == {"Comparing"}
        assert {"Round 1: A", "Round 1: B", "Round 6: A", "Round 6: B"} <= set(nows)
        assert list(done) == sorted(done)
        assert done[-1] == 6
        assert set(planned) == {6}
        assert left[0] == 600.0
        assert left[2] == pytest.approx(100.0)  # five rounds of twenty seconds
        assert left[-1] == 0.0

    def test_where_the_time_decides_it_plans_the_rounds_that_fit(self) -> None:
        desk = ScriptedDesk(machine(1, deviation=0.2))
        comparison.run(asked(budget_minutes=3.1), desk, desk.record)
        assert desk.said[-1][2] == desk.said[4][3] == 9
