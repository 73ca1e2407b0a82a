"""The search as a whole, on a machine that is made up: what it finds, what it survives, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest
from openarc_ui.tuning.desk import RunStopped
from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.judging.round_numbers import exploring_round
from openarc_ui.tuning.judging.standings import best_of, front_of, standings_of
from openarc_ui.tuning.requests import Axis, QualityOptions, SweepRequest
from openarc_ui.tuning.results import Failure
from openarc_ui.tuning.search.studies import FILE, Search
from openarc_ui.tuning.work import sweep
from tests.tuning.scripted_sweep import Desk, Load, Machine, Record

BASE = LoadRequest(model_path="model", backend="genai")
THREADS = {None: 1.0, 1: 1.6, 2: 0.9, 4: 0.7}
KV = {None: 1.0, "u8": 0.9, "f16": 1.05}
HINT = {None: 1.0, "LATENCY": 0.95}
BACKEND = {"genai": 1.0, "optimum": 1.3}
AXES = (
    Axis(field="ov_config.INFERENCE_NUM_THREADS", values=tuple(THREADS)),
    Axis(field="ov_config.KV_CACHE_PRECISION", values=tuple(KV)),
    Axis(field="ov_config.PERFORMANCE_HINT", values=tuple(HINT)),
    Axis(field="backend", values=tuple(BACKEND)),
)
BEST = {
    "ov_config.INFERENCE_NUM_THREADS": 4,
    "ov_config.KV_CACHE_PRECISION": "u8",
    "ov_config.PERFORMANCE_HINT": "LATENCY",
    "backend": "genai",
}


def planted(load: Load) -> float:
    """48 combinations, of which BEST is the fastest, by 5%."""
    return (
        2.0
        * THREADS[load("ov_config.INFERENCE_NUM_THREADS")]  # type: ignore[index]
        * KV[load("ov_config.KV_CACHE_PRECISION")]  # type: ignore[index]
        * HINT[load("ov_config.PERFORMANCE_HINT")]  # type: ignore[index]
        * BACKEND[load("backend")]  # type: ignore[index]
    )


def request_for(axes: tuple[Axis, ...] = AXES, **values: Any) -> SweepRequest:
    plain = {"base": BASE, "quality": QualityOptions(is_wanted=False), "budget_minutes": 20.0}
    return SweepRequest.model_validate({**plain, "axes": axes, **values})


def search_for(request: SweepRequest, file: Path | None = None) -> Search:
    figures = [BY_NAME[name] for name in request.objectives]
    return Search(file, request.axes, figures, request.seed, request.memory_limit_bytes)


def swept(request: SweepRequest, machine: Machine, **desk: Any) -> Desk:
    """A sweep from beginning to end, with its search in memory."""
    made = Desk(machine, Record(request, Path()), **desk)
    with search_for(request) as search:
        sweep.run_with(request, made, made.record, search)  # type: ignore[arg-type]
    return made


def best(record: Record) -> Any:
    """What the page would call the best."""
    standings = standings_of(record)  # type: ignore[arg-type]
    objectives = [BY_NAME[name] for name in record.request.objectives]
    limit = record.request.memory_limit_bytes
    found = best_of(standings, objectives, limit)
    assert found is not None
    return found


def tried(record: Record) -> set[str]:
    return {each.configuration_id for each in record.configurations}


def test_the_base_is_the_first_and_a_planted_best_is_found_by_a_grid() -> None:
    desk = swept(request_for(budget_minutes=60.0), Machine(planted, noise=0.02))
    assert desk.record.configurations[0].load == BASE
    assert best(desk.record).configuration.settings == BEST
    assert len(tried(desk.record)) == 48
    assert "All 48 combinations of the axes were tried, as a grid." in desk.record.notes


def test_a_planted_best_is_found_in_half_the_time_of_a_grid_for_19_of_20_seeds() -> None:
    found = 0
    for seed in range(20):
        request = request_for(seed=seed, sampler="tpe", budget_minutes=14.0)
        desk = swept(request, Machine(planted, noise=0.02, seed=seed))
        assert desk.record.elapsed <= 14 * 60
        found += best(desk.record).configuration.settings == BEST
    assert found >= 19


def test_a_grid_covers_everything_even_what_fails() -> None:
    def breaks(load: Load) -> str | None:
        return "no room" if load("ov_config.KV_CACHE_PRECISION") == "f16" else None

    request = request_for(budget_minutes=60.0)
    record = swept(request, Machine(planted, breaks=breaks, noise=0.02)).record
    assert len(tried(record)) == 48
    failed = {each.configuration_id for each in record.visits if each.failure is not None}
    assert len(failed) == 16
    assert all(sum(each.configuration_id == one for each in record.visits) == 1 for one in failed), (
        "a failure is tried once"
    )
    assert best(record).configuration.settings == BEST


def test_auto_takes_the_grid_only_where_the_time_is_enough() -> None:
    ample = swept(request_for(budget_minutes=60.0), Machine(planted)).record
    short = swept(request_for(budget_minutes=14.0), Machine(planted)).record
    assert any("as a grid" in words for words in ample.notes)
    assert any("chosen by TPE" in words for words in short.notes)


def test_auto_takes_no_grid_that_it_may_not_finish() -> None:
    record = swept(request_for(budget_minutes=60.0, most_configurations=20), Machine(planted)).record
    assert any("21 of 48 combinations of the axes were tried, chosen by TPE." in words for words in record.notes)
    assert sum(1 for each in record.configurations if each.settings) == 21, "the base is none of those that are tried"


@pytest.mark.parametrize("minutes", [0.1, 0.5, 1.0, 3.0, 7.3, 15.0])
def test_the_budget_is_kept(minutes: float) -> None:
    request = request_for(budget_minutes=minutes, quality=QualityOptions())
    record = swept(request, Machine(planted, noise=0.05)).record
    assert record.elapsed <= minutes * 60 + 1.0
    if minutes >= 3:
        assert record.elapsed >= 0.5 * minutes * 60
        assert len(tried(record)) > 2


def test_a_base_that_takes_more_than_all_the_time_is_all_that_is_measured() -> None:
    record = swept(request_for(budget_minutes=0.1), Machine(planted)).record
    assert [each.configuration_id for each in record.visits] == [record.configurations[0].configuration_id]


def test_a_first_comparison_that_takes_long_does_not_make_batches_small() -> None:
    request = request_for(sampler="tpe", quality=QualityOptions(), budget_minutes=10.0)
    record = swept(request, Machine(planted), first_comparison=4.0).record
    second = [each.configuration_id for each in record.visits if each.round_number == exploring_round(0, 0)]
    assert len(second) == 5, "four and the base"


def test_time_that_is_left_makes_the_best_sure() -> None:
    request = request_for(sampler="tpe", budget_minutes=40.0, tightness_percent=0.5)
    record = swept(request, Machine(planted, noise=0.03)).record
    visits: dict[str, int] = {}
    for each in record.visits:
        visits[each.configuration_id] = visits.get(each.configuration_id, 0) + 1
    most = sorted(visits.values(), reverse=True)[:4]
    assert min(most) >= 10, "the best three and the base"
    assert visits[record.configurations[0].configuration_id] == most[0]
    assert any("The time was over before all of the best were sure to ±0.5%" in words for words in record.notes)


def test_every_round_has_the_base_in_an_order_that_is_drawn() -> None:
    record = swept(request_for(budget_minutes=20.0), Machine(planted, noise=0.02)).record
    base_id = record.configurations[0].configuration_id
    rounds: dict[int, list[str]] = {}
    for each in record.visits:
        rounds.setdefault(each.round_number, []).append(each.configuration_id)
    assert all(base_id in ids for ids in rounds.values())
    places = {ids.index(base_id) for number, ids in rounds.items() if number > 1}
    assert len(places) >= 3
    assert list(rounds) == sorted(rounds), "rounds grow"


def test_what_is_clearly_slower_is_visited_once_or_as_the_best_of_a_batch_of_nothing_else_twice() -> None:
    def seconds(load: Load) -> float:
        return 5.0 if load("ov_config.INFERENCE_NUM_THREADS") == 1 else 2.0

    record = swept(request_for(budget_minutes=60.0), Machine(seconds)).record
    slow = {
        each.configuration_id for each in record.configurations if each.load.ov_config.get("INFERENCE_NUM_THREADS") == 1
    }
    assert len(slow) == 12
    assert record.pruned == slow
    counts = [sum(each.configuration_id == one for each in record.visits) for one in slow]
    assert counts.count(1) >= 10 and max(counts) <= 2


def test_a_duplicate_is_measured_once() -> None:
    """All of the scheduler's values are one configuration where Optimum runs."""
    axes = (
        Axis(field="backend", values=("genai", "optimum")),
        Axis(field="scheduler.max_num_batched_tokens", values=(None, 128, 256, 512)),
    )
    record = swept(request_for(axes, budget_minutes=60.0), Machine(lambda load: 2.0)).record
    loads = [(each.load.backend, each.load.scheduler.max_num_batched_tokens) for each in record.configurations]
    assert sorted(loads, key=str) == [("genai", 128), ("genai", 512), ("genai", None), ("optimum", None)]
    assert "All 8 combinations of the axes were tried, as a grid." in record.notes


def test_a_base_that_the_axes_could_make_is_one_of_them() -> None:
    record = swept(request_for(budget_minutes=60.0), Machine(planted)).record
    assert record.configurations[0].settings == {
        "ov_config.INFERENCE_NUM_THREADS": None,
        "ov_config.KV_CACHE_PRECISION": None,
        "ov_config.PERFORMANCE_HINT": None,
        "backend": "genai",
    }
    other = request_for(base=LoadRequest(model_path="model", backend="genai", ov_config={"NUM_STREAMS": 7}))
    assert swept(other, Machine(planted)).record.configurations[0].label == "base"
    apart = request_for(base=LoadRequest(model_path="model", backend="auto"))
    assert swept(apart, Machine(lambda load: 2.0)).record.configurations[0].settings == {}


def test_what_the_check_refuses_is_a_result_and_costs_no_time() -> None:
    def refuses(load: Load) -> str | None:
        return "u8 is refused" if load("ov_config.KV_CACHE_PRECISION") == "u8" else None

    record = swept(request_for(budget_minutes=60.0), Machine(planted, refuses=refuses)).record
    refused = {one for one, found in record.qualities.items() if isinstance(found, Failure)}
    assert len(refused) == 16
    assert refused <= tried(record)
    assert not refused & {each.configuration_id for each in record.visits}


def test_a_combination_that_no_load_can_have_is_noted() -> None:
    axes = (
        Axis(field="scheduler.cache_size", values=(None, 1)),
        Axis(field="scheduler.num_kv_blocks", values=(None, 64)),
    )
    record = swept(request_for(axes), Machine(lambda load: 2.0)).record
    assert len(tried(record)) == 3
    assert any(words.startswith("No load can have cache_size=1, num_kv_blocks=64: ") for words in record.notes)


def test_an_axis_that_no_load_has_ends_it_before_anything_is_measured(tmp_path: Path) -> None:
    request = request_for((Axis(field="scheduler.max_num_seq", values=(1, 2)),))
    desk = Desk(Machine(planted), Record(request, tmp_path))
    with pytest.raises(InvalidRequest) as caught:
        sweep.run(request, desk, desk.record)  # type: ignore[arg-type]
    assert "max_num_seqs" in caught.value.hint
    assert desk.record.visits == []


def test_a_base_that_fails_ends_nothing_else() -> None:
    def breaks(load: Load) -> str | None:
        is_base = load("ov_config.INFERENCE_NUM_THREADS") is None and load("backend") == "genai"
        return "it crashed" if is_base else None

    record = swept(request_for(budget_minutes=60.0), Machine(planted, breaks=breaks)).record
    assert best(record).configuration.settings == BEST
    base_id = record.configurations[0].configuration_id
    assert sum(each.configuration_id == base_id for each in record.visits) == 2, "it is given up after the second"


def test_the_front_of_two_objectives_is_found() -> None:
    """Threads buy time with memory, and the KV type is better at both: the front is three of twelve."""
    memory = {None: 500, 1: 300, 2: 400, 4: 600}

    def size(load: Load) -> int:
        return (
            memory[load("ov_config.INFERENCE_NUM_THREADS")] - 50 * (load("ov_config.KV_CACHE_PRECISION") == "u8")
        ) * 10**6  # type: ignore[index]

    request = request_for(AXES[:2], objectives=("total_seconds", "memory_bytes"), budget_minutes=30.0)
    record = swept(request, Machine(planted, memory=size, noise=0.01)).record
    standings = standings_of(record)  # type: ignore[arg-type]
    objectives = [BY_NAME[name] for name in request.objectives]
    on_front = front_of(standings, objectives, None)
    settings = {each.configuration.configuration_id: each.configuration.settings for each in standings}
    found = {tuple(settings[each].values()) for each in on_front}
    assert found == {(4, "u8"), (2, "u8"), (1, "u8")}


def test_what_needs_too_much_memory_does_not_win() -> None:
    def size(load: Load) -> int:
        return 900 if load("ov_config.INFERENCE_NUM_THREADS") == 4 else 400

    request = request_for(budget_minutes=30.0, memory_limit_bytes=500, sampler="tpe")
    record = swept(request, Machine(planted, memory=size, noise=0.01)).record
    assert best(record).configuration.settings == {**BEST, "ov_config.INFERENCE_NUM_THREADS": 2}
    assert all(
        sum(each.configuration_id == visit.configuration_id for each in record.visits) == 1
        for visit in record.visits
        if visit.memory_bytes == 900
    ), "seen once is enough"


def test_a_memory_limit_that_nothing_keeps_is_told_and_not_that_nothing_was_measured() -> None:
    desk = swept(request_for(budget_minutes=10.0, memory_limit_bytes=1000), Machine(planted, noise=0.01))
    assert desk.record.notes[1:] == ["Nothing was confirmed: nothing that was measured keeps within 1 kB of memory."]


def test_a_note_that_nothing_was_confirmed_leaves_the_base_its_place() -> None:
    def breaks(load: Load) -> str | None:
        return "no room" if load("ov_config.INFERENCE_NUM_THREADS") is not None else None

    threads = (Axis(field="ov_config.INFERENCE_NUM_THREADS", values=(1, 2)),)
    desk = swept(request_for(threads, budget_minutes=10.0), Machine(planted, breaks=breaks))
    assert (
        "Nothing was confirmed, since beside the base nothing was measured that could be the best." in desk.record.notes
    )


def test_a_note_says_of_which_figure_the_intervals_are_tight() -> None:
    desk = swept(request_for(budget_minutes=60.0, tightness_percent=50.0), Machine(planted, noise=0.01))
    assert "The best were measured until no interval of their latency was wider than ±50%." in desk.record.notes


def test_a_divergence_can_be_an_objective() -> None:
    divergence = {None: 0.02, "u8": 0.08, "f16": 0.001}
    request = request_for(AXES[1:2], objectives=("mean_kl_divergence",), quality=QualityOptions(), budget_minutes=30.0)
    machine = Machine(planted, divergence=lambda load: divergence[load("ov_config.KV_CACHE_PRECISION")])  # type: ignore[index]
    record = swept(request, machine).record
    assert best(record).configuration.settings == {"ov_config.KV_CACHE_PRECISION": "f16"}
    assert record.pruned == set()


def test_without_a_reference_speed_is_searched_by_and_the_run_says_so() -> None:
    def breaks(load: Load) -> str | None:
        return "no room for f32" if load("ov_config.KV_CACHE_PRECISION") == "f32" else None

    machine = Machine(planted, breaks=breaks)
    record = swept(request_for(quality=QualityOptions(), budget_minutes=30.0), machine).record
    assert "Texts are compared with nothing, since the reference can't be had: no room for f32" in record.notes
    assert len(tried(record)) > 10
    assert record.qualities == {}
    by_text = request_for(quality=QualityOptions(), objectives=("mean_kl_divergence",))
    record = swept(by_text, machine).record
    assert len(record.visits) == 2
    assert any("without a reference there is no divergence" in words for words in record.notes)


def test_every_configuration_is_held_against_the_reference_by_its_first_visit() -> None:
    request = request_for(AXES[:2], quality=QualityOptions(), budget_minutes=60.0)
    record = swept(request, Machine(planted)).record
    reference = next(each for each in record.configurations if each.label == "reference")
    assert [each.workloads for each in record.visits if each.configuration_id == reference.configuration_id] == [()]
    measured = {each.configuration_id for each in record.visits if each.workloads}
    assert set(record.qualities) == measured
    for one in measured:
        greedy = [bool(each.greedy) for each in record.visits if each.configuration_id == one]
        assert greedy[0] and not any(greedy[1:])


def test_the_fastest_that_changes_the_text_is_not_among_the_best_ones() -> None:
    def divergence(load: Load) -> float:
        return 0.2 if load("ov_config.KV_CACHE_PRECISION") == "u8" else 0.0

    request = request_for(quality=QualityOptions(), budget_minutes=60.0)
    record = swept(request, Machine(planted, divergence=divergence, noise=0.01)).record
    assert best(record).configuration.settings == {**BEST, "ov_config.KV_CACHE_PRECISION": None}


SMALL = (
    Axis(field="ov_config.INFERENCE_NUM_THREADS", values=(None, 1, 2)),
    Axis(field="ov_config.KV_CACHE_PRECISION", values=(None, "u8")),
)
UNSTABLE = Machine(
    planted, noise=0.02, breaks=lambda load: "no" if load("ov_config.INFERENCE_NUM_THREADS") == 1 else None
)


def small_request() -> SweepRequest:
    return request_for(SMALL, quality=QualityOptions(), budget_minutes=6.0, sampler="tpe")


def kept(record: Record) -> list[tuple[str, int]]:
    return [(each.configuration_id, each.round_number) for each in record.visits]


@pytest.fixture(scope="module")
def undisturbed() -> Desk:
    return swept(small_request(), UNSTABLE)


@pytest.mark.parametrize("ends_before", range(0, 60, 3))
def test_a_sweep_that_is_killed_anywhere_goes_on_to_the_same_end(undisturbed: Desk, ends_before: int) -> None:
    assert undisturbed.done >= 25, "there are as many points as that to be killed at"
    if ends_before >= undisturbed.done:
        return
    request = small_request()
    record = Record(request, Path())
    with search_for(request) as search:
        with pytest.raises(RunStopped):
            first = Desk(UNSTABLE, record, ends_before=ends_before)
            sweep.run_with(request, first, record, search)  # type: ignore[arg-type]
        before = len(record.visits)
        second = Desk(UNSTABLE, record)
        sweep.run_with(request, second, record, search)  # type: ignore[arg-type]
    assert tried(record) == tried(undisturbed.record)
    assert best(record).configuration.settings == best(undisturbed.record).configuration.settings
    assert record.qualities.keys() == undisturbed.record.qualities.keys()
    assert record.elapsed <= 361
    earlier = {each.round_number for each in record.visits[:before]}
    assert not earlier & {each.round_number for each in record.visits[before:] if each.workloads} - {1}, (
        "nothing is held against what was measured before the pause"
    )
    assert len(record.visits) <= len(undisturbed.record.visits) + 1


def test_a_round_that_a_pause_broke_measures_the_base_again_for_those_that_are_left() -> None:
    request = request_for(SMALL, budget_minutes=30.0)
    ends = range(2, 7)
    for ends_before in ends:
        record = Record(request, Path())
        with search_for(request) as search:
            with pytest.raises(RunStopped):
                sweep.run_with(request, Desk(Machine(planted), record, ends_before=ends_before), record, search)  # type: ignore[arg-type]
            sweep.run_with(request, Desk(Machine(planted), record), record, search)  # type: ignore[arg-type]
        base_id = record.configurations[0].configuration_id
        first, part = exploring_round(0, 0), exploring_round(0, 0) + 1
        by_part = {
            number: [each.configuration_id for each in record.visits if each.round_number == number]
            for number in (first, part)
        }
        beside = [each for ids in by_part.values() if base_id in ids for each in ids if each != base_id]
        assert len(beside) == len(set(beside)) == 4, ends_before
        if by_part[part]:
            assert base_id in by_part[part], "as it is now"


def test_a_sweep_that_is_killed_at_every_third_step_ends_and_can_be_read_from_its_file(
    undisturbed: Desk, tmp_path: Path
) -> None:
    request = small_request()
    record = Record(request, tmp_path)
    for _ in range(100):
        try:
            sweep.run(request, Desk(UNSTABLE, record, ends_before=3), record)  # type: ignore[arg-type]
        except RunStopped:
            continue
        break
    assert tried(record) == tried(undisturbed.record)
    assert record.elapsed <= 361
    assert (tmp_path / FILE).is_file()


def test_a_sweep_that_has_ended_does_nothing_more(tmp_path: Path) -> None:
    request = small_request()
    record = Record(request, tmp_path)
    sweep.run(request, Desk(UNSTABLE, record), record)  # type: ignore[arg-type]
    again = Desk(UNSTABLE, record)
    sweep.run(request, again, record)  # type: ignore[arg-type]
    assert again.done == 0


def test_progress_tells_the_phase_and_what_is_left() -> None:
    desk = swept(request_for(budget_minutes=60.0), Machine(planted, noise=0.02))
    phases = list(dict.fromkeys(phase for phase, *_ in desk.said))
    assert phases == ["Exploring", "Confirming the best 3", "Done"]
    exploring = [(done, planned) for phase, _, done, planned, _ in desk.said if phase == "Exploring"]
    assert exploring[-1][0] > 40 and exploring[-1][1] == 48
    left = [left for *_, left in desk.said]
    assert left == sorted(left, reverse=True) and left[0] == 3600.0  # type: ignore[type-var]


def test_another_seed_draws_other_orders() -> None:
    orders = {tuple(kept(swept(request_for(SMALL, seed=seed), Machine(planted)).record)) for seed in range(3)}
    assert len(orders) == 3


WRITES = ("create_new_trial", "set_trial_param", "set_trial_user_attr", "set_trial_state_values", "set_study_user_attr")


class Killed(BaseException):
    """The process ended in the middle of a write to the search."""


def killing(search: Search, write: int) -> list[int]:
    """Let the search end at that write, counted from 0; the count so far."""
    count = [0]

    def counted(plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            count[0] += 1
            if count[0] - 1 == write:
                raise Killed
            return plain(*arguments, **named)

        return call

    for name in WRITES:
        setattr(search._storage, name, counted(getattr(search._storage, name)))
    return count


def test_a_search_that_is_killed_within_its_own_writes_loses_no_combination() -> None:
    request = small_request()
    with search_for(request) as search:
        count = killing(search, -1)
        undisturbed = Desk(UNSTABLE, Record(request, Path()))
        sweep.run_with(request, undisturbed, undisturbed.record, search)  # type: ignore[arg-type]
    assert count[0] > 60
    for write in range(0, count[0], 3):
        record = Record(request, Path())
        with search_for(request) as search:
            killing(search, write)
            with pytest.raises(Killed):
                sweep.run_with(request, Desk(UNSTABLE, record), record, search)  # type: ignore[arg-type]
            sweep.run_with(request, Desk(UNSTABLE, record), record, search)  # type: ignore[arg-type]
        assert tried(record) == tried(undisturbed.record)
        assert record.elapsed <= 360
