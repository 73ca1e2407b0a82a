"""What a sweep says where nothing is better, where the machine changes meanwhile, and where the time is short."""

from __future__ import annotations

from pathlib import Path

import pytest

from openarc_ui.tuning.desk import TIME_OVER, RunStopped
from openarc_ui.tuning.judging.differences import confirmed, differences_of
from openarc_ui.tuning.judging.round_numbers import is_confirming
from openarc_ui.tuning.judging.standings import standings_of
from openarc_ui.tuning.judging.statistics import FEWEST_ROUNDS
from openarc_ui.tuning.requests import QualityOptions
from openarc_ui.tuning.results import Configuration, Visit
from openarc_ui.tuning.work import sweep
from tests.tuning.scripted_sweep import Desk, Load, Machine, Record
from tests.tuning.test_sweep import AXES, BEST, SMALL, best, planted, request_for, search_for, swept, tried


def verdict(record: Record) -> str:
    """Of the one that is called the best, against the base; "base" where that is it."""
    standings = standings_of(record)  # type: ignore[arg-type]
    found = best(record)
    if found.number == 1:
        return "base"
    of_base, of_it = ([visit for visit in each.visits if visit.failure is None] for each in (standings[0], found))
    among = confirmed(standings)
    differences = differences_of(of_base, of_it, ["total_seconds"], "custom", record.request.seed, among=among)
    return differences["total_seconds"].verdict


def test_of_20_sweeps_of_equal_configurations_at_most_one_finds_a_best() -> None:
    """Of a thousand 11 do (run by hand); by all rounds, those of exploring included, 57."""
    verdicts = [
        verdict(swept(request_for(seed=seed, sampler="tpe"), Machine(lambda load: 2.0, noise=0.03, seed=seed)).record)
        for seed in range(20)
    ]
    assert verdicts.count("better") <= 1


def test_only_rounds_after_the_best_were_chosen_count_and_a_verdict_needs_five_of_them() -> None:
    record = swept(request_for(budget_minutes=20.0), Machine(planted, noise=0.02)).record
    found = best(record)
    numbers = [visit.round_number for visit in found.visits]
    assert sum(map(is_confirming, numbers)) == found.rounds >= FEWEST_ROUNDS
    assert len(numbers) > found.rounds, "it was explored before"
    assert verdict(record) == "better"


def test_where_the_time_is_not_enough_to_be_sure_of_three_fewer_are_confirmed() -> None:
    record = swept(request_for(budget_minutes=7.0), Machine(planted, noise=0.02)).record
    finalists = {visit.configuration_id for visit in record.visits if is_confirming(visit.round_number)}
    assert len(finalists) == 3, "two, and the base"
    assert best(record).rounds >= FEWEST_ROUNDS


def test_a_machine_that_gets_slower_in_the_middle_misleads_nothing() -> None:
    """From a quarter of the exploring on, everything takes 1.8 times as long."""
    found = 0
    for seed in range(10):
        machine = Machine(planted, noise=0.02, seed=seed, weather=lambda moment: 1.8 if moment > 150 else 1.0)
        record = swept(request_for(seed=seed, sampler="tpe", budget_minutes=14.0), machine).record
        found += best(record).configuration.settings == BEST
        factors = {each.configuration_id: planted(_reading(each)) / 2.0 for each in record.configurations}
        least = min(factors.values())
        wrongly = [each for each in record.pruned if factors[each] < 1.35 * least]
        assert wrongly == [], "not even those of the very round in which it happened"
    assert found >= 9


def _reading(configuration: Configuration) -> Load:
    from openarc_ui.tuning.configurations import value_at

    return lambda name: value_at(configuration.load, name)


def test_a_grid_is_taken_only_where_the_visits_of_the_base_fit_in_too() -> None:
    """23 new ones and 6 of the base in two rounds are 580 seconds of visits, and the base's first one."""
    axes = AXES[:3]
    enough = swept(request_for(axes, budget_minutes=14.1), Machine(planted)).record
    short = swept(request_for(axes, budget_minutes=13.0), Machine(planted)).record
    assert any("as a grid" in words for words in enough.notes)
    assert any("chosen by TPE" in words for words in short.notes)


def test_in_a_short_time_many_are_tried_once_before_any_text_is_compared() -> None:
    request = request_for(sampler="tpe", budget_minutes=1.5, quality=QualityOptions())
    desk = swept(request, Machine(planted, noise=0.02), visit_seconds=6.0, first_comparison=1.0)
    phases = list(dict.fromkeys(phase for phase, *_ in desk.said))
    assert phases[:2] == ["Exploring", "Comparing texts"]
    measured = {visit.configuration_id for visit in desk.record.visits if visit.workloads}
    assert len(measured) >= 7, "the base and six more"
    assert best(desk.record).configuration.configuration_id in desk.record.qualities
    assert desk.record.configurations[0].configuration_id in desk.record.qualities
    assert desk.record.elapsed <= 91


def test_with_enough_time_all_texts_are_compared() -> None:
    request = request_for(SMALL, quality=QualityOptions(), budget_minutes=30.0)
    record = swept(request, Machine(planted, noise=0.02)).record
    assert {visit.configuration_id for visit in record.visits if visit.workloads} == set(record.qualities)


def test_while_texts_are_compared_they_are_counted_with_the_time_left() -> None:
    request = request_for(SMALL, quality=QualityOptions(), budget_minutes=30.0)
    desk = swept(request, Machine(planted, noise=0.02))
    told = [(now, done, planned, left) for phase, now, done, planned, left in desk.said if phase == "Comparing texts"]
    assert told[0][:3] == ("Loading the reference", 0, 6), "the base and five more have answered by then"
    assert [done for _, done, *_ in told[1:]] == list(range(6)), "one text after the other"
    assert {planned for _, _, planned, _ in told} == {6}
    left = [seconds for *_, seconds in told if seconds is not None]
    assert len(left) == len(told) and left == sorted(left, reverse=True)


def test_progress_counts_what_was_tried_while_its_batch_still_goes_on() -> None:
    desk = swept(request_for(SMALL, sampler="tpe", budget_minutes=30.0), Machine(planted))
    done = [done for phase, _, done, *_ in desk.said if phase == "Exploring"]
    assert done[:6] in (
        [0, 1, 1, 2, 3, 4],
        [0, 1, 2, 2, 3, 4],
        [0, 1, 2, 3, 3, 4],
        [0, 1, 2, 3, 4, 4],
        [0, 1, 2, 3, 4, 5],
    )
    assert done == sorted(done)


def test_texts_are_the_only_objective_so_nothing_is_measured_twice() -> None:
    request = request_for(AXES[1:2], objectives=("mean_kl_divergence",), quality=QualityOptions(), budget_minutes=30.0)
    record = swept(request, Machine(planted)).record
    measured = [visit.configuration_id for visit in record.visits if visit.workloads]
    assert not any(is_confirming(visit.round_number) for visit in record.visits)
    assert all(measured.count(each) == 1 for each in set(measured) - {record.configurations[0].configuration_id})


def test_a_base_whose_first_visit_failed_answers_at_its_next_one() -> None:
    request = request_for(SMALL, quality=QualityOptions(), budget_minutes=30.0)
    record = Record(request, Path())

    class Unlucky(Desk):
        def visit(self, *asked: object, **named: object) -> Visit:
            is_first = self.done == 0
            if is_first:
                self._machine.breaks = lambda load: "out of luck"
            try:
                return super().visit(*asked, **named)  # type: ignore[arg-type]
            finally:
                self._machine.breaks = lambda load: None

    with search_for(request) as search:
        sweep.run_with(request, Unlucky(Machine(planted), record), record, search)  # type: ignore[arg-type]
    base_id = record.configurations[0].configuration_id
    own = [visit for visit in record.visits if visit.configuration_id == base_id]
    assert own[0].failure is not None and own[1].greedy
    assert base_id in record.qualities


@pytest.mark.parametrize("visit_seconds", [7.0, 40.0, 100.0])
def test_nothing_goes_on_when_the_time_is_over_and_what_it_ended_has_not_failed(visit_seconds: float) -> None:
    request = request_for(budget_minutes=1.0, quality=QualityOptions())
    desk = swept(request, Machine(planted), visit_seconds=visit_seconds)
    assert desk.record.elapsed <= 61.0
    late = [visit for visit in desk.record.visits if visit.failure is not None]
    assert all(visit.failure is not None and visit.failure.code == TIME_OVER for visit in late)
    assert all(each.failure is None for each in standings_of(desk.record))  # type: ignore[arg-type]


def test_what_the_time_ended_is_measured_where_a_resumed_sweep_has_more() -> None:
    request = request_for(SMALL, budget_minutes=1.0)
    record = Record(request, Path())
    with search_for(request) as search:
        sweep.run_with(request, Desk(Machine(planted), record, visit_seconds=100.0), record, search)  # type: ignore[arg-type]
        assert [visit.failure is None for visit in record.visits] == [False]
    more = request.model_copy(update={"budget_minutes": 30.0})
    with search_for(request) as search:
        sweep.run_with(more, Desk(Machine(planted), record), record, search)  # type: ignore[arg-type]
    assert len(tried(record)) == 6
    assert standings_of(record)[0].failure is None  # type: ignore[arg-type]


def test_a_batch_that_the_process_ended_in_shares_its_rounds_with_no_other() -> None:
    """What was asked for in the moment of a kill belongs to no batch yet."""
    request = request_for(SMALL, sampler="tpe", budget_minutes=30.0)
    record = Record(request, Path())
    with search_for(request) as search:
        plain = search._storage.set_trial_user_attr

        def dying(trial_id: int, key: str, value: object) -> None:
            if key == "batch" and trial_id > 0:
                raise RunStopped
            plain(trial_id, key, value)

        search._storage.set_trial_user_attr = dying
        with pytest.raises(RunStopped):
            sweep.run_with(request, Desk(Machine(planted), record), record, search)  # type: ignore[arg-type]
        search._storage.set_trial_user_attr = plain
        (proposal,) = search.running()
        assert proposal.batch is None
        sweep.run_with(request, Desk(Machine(planted), record), record, search)  # type: ignore[arg-type]
    rounds: dict[int, list[str]] = {}
    for each in record.visits:
        rounds.setdefault(each.round_number, []).append(each.configuration_id)
    assert all(ids.count(record.configurations[0].configuration_id) <= 1 for ids in rounds.values())
    batches = [len(ids) for number, ids in rounds.items() if not is_confirming(number) and number > 1]
    assert max(batches) <= 5 and len(tried(record)) == 6
    assert batches[0] == 2, "it alone, and the base"
