"""What is shown of a run: where each configuration stands, which one to take, and in which words."""

from __future__ import annotations

import dataclasses
import re
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest

from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.configurations import combine, configuration_of
from openarc_ui.tuning.judging.round_numbers import confirming_round
from openarc_ui.tuning.requests import BenchRequest, QualityOptions, Workload
from openarc_ui.tuning.results import ConfigurationResult, ConfigurationState, Failure, Importance, RunState, RunView
from openarc_ui.tuning.views import run_view as views
from openarc_ui.tuning.views.view_cache import ViewCache
from openarc_ui.tuning.work.comparison import PRIMARY
from tests.tuning.made_up_runs import (
    BASE,
    PROGRESS,
    MadeUpRecord,
    bench_record,
    comparison_record,
    quality,
    sweep_record,
    visit,
)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Nothing is searched with here, so importances come from a stand-in; the records it was given."""
    asked_for: list[Any] = []

    def importances(record: Any) -> tuple[Importance, ...]:
        asked_for.append(record)
        return ()

    monkeypatch.setattr(views, "importances", importances)
    yield asked_for


def view(record: Any, state: RunState = RunState.FINISHED, **more: Any) -> RunView:
    return views.view_of(record, state, PROGRESS, **more)


def best(shown: RunView) -> ConfigurationResult:
    (found,) = [result for result in shown.results if result.is_best]
    assert found.configuration.configuration_id == shown.best_id
    return found


def test_a_sweep_takes_the_fastest_whose_text_is_unchanged() -> None:
    shown = view(sweep_record())
    assert best(shown).number == 2
    assert [result.number for result in shown.results if result.is_on_front] == [2, 3]
    assert shown.head.words == (
        "Best: KV_CACHE_PRECISION=u8, genai, 14% lower latency than the base. Its text is unchanged."
    )
    assert shown.reference_id == shown.results[0].configuration.configuration_id


def test_a_changed_text_wins_only_where_all_are_changed() -> None:
    record = sweep_record()
    for configuration in record.configurations:
        record.qualities[configuration.configuration_id] = quality(
            configuration, record.configurations[0], changes_text=True
        )
    shown = view(record)
    assert best(shown).number == 3
    assert shown.head.words.endswith("Its text is changed.")
    assert best(shown).marks[0].startswith("Changes the text")


def test_answers_that_differ_though_the_distributions_do_not_are_not_called_unchanged() -> None:
    record = sweep_record()
    winner, base = record.configurations[1], record.configurations[0]
    alike = dataclasses.replace(quality(winner, base), identical_share=0.5)
    record.qualities[winner.configuration_id] = alike
    assert view(record).head.words.endswith("than the base. It writes like the reference.")


def test_once_some_are_confirmed_a_lucky_one_of_two_rounds_is_not_taken() -> None:
    record = sweep_record()
    lucky = configuration_of(combine(BASE, {"ov_config.NUM_STREAMS": 2}), {"ov_config.NUM_STREAMS": 2})
    record.configurations.append(lucky)
    record.visits += [visit(lucky, number, (1.0,), memory=390_000_000) for number in (1, 2)]
    shown = view(record)
    assert best(shown).number == 2
    assert shown.results[-1].is_on_front
    record.visits = [each for each in record.visits if each.round_number <= 4]
    assert best(view(record)).configuration == lucky


def test_what_needs_more_memory_than_the_limit_does_not_win() -> None:
    shown = view(sweep_record(memory_limit_bytes=350_000_000))
    assert best(shown).number == 4
    assert shown.results[1].marks == ("It needs 360 MB of memory, more than the limit of 350 MB.",)
    assert not shown.results[1].is_on_front


def test_a_memory_limit_that_nothing_keeps_is_told_with_the_least_that_was_needed() -> None:
    record = sweep_record(memory_limit_bytes=1000)
    shown = view(record)
    assert shown.best_id is None
    least = min(
        (each for each in shown.results if each.figures),
        key=lambda each: each.figures["chat"]["memory_bytes"].median,
    )
    needed = f"{least.figures['chat']['memory_bytes'].median / 1e6:.0f} MB"
    assert shown.head.words == (
        f"None keeps within 1 kB of memory; the least was {needed} ({least.configuration.label}). "
        "1 of 7 configurations could not be measured."
    )
    assert view(record, RunState.RUNNING).head.words.startswith("None so far keeps within 1 kB")


def test_a_reason_in_the_words_of_a_library_is_told_as_a_sentence() -> None:
    record = bench_record()
    configuration = record.configurations[0]
    record.visits = [visit(configuration, 1, (), failure=Failure("load", "model_load_failed", "no room for u4"))]
    assert view(record).head.words == "The configuration could not be measured. No room for u4."


def test_what_failed_is_a_result_with_its_reason_and_never_the_best() -> None:
    record = sweep_record()
    failed = view(record).results[5]
    assert failed.state is ConfigurationState.FAILED
    assert failed.failure is not None and "u3" in failed.failure.message
    record.visits.append(visit(record.configurations[1], 9, (), failure=Failure("measure", "worker_died", "It died.")))
    shown = view(record)
    assert best(shown).number == 4
    assert shown.results[1].state is ConfigurationState.FAILED
    assert "It failed in 1 of 9 visits: It died." in shown.results[1].marks


def test_a_failed_visit_in_the_middle_is_marked_and_its_round_is_not_compared() -> None:
    record = sweep_record()
    place = next(
        number
        for number, each in enumerate(record.visits)
        if each.configuration_id == record.configurations[1].configuration_id and each.round_number == 3
    )
    failure = Failure("measure", "worker_died", "It died.")
    record.visits[place] = dataclasses.replace(record.visits[place], failure=failure)
    result = view(record).results[1]
    assert result.state is ConfigurationState.MEASURED
    assert result.marks == ("It failed in 1 of 8 visits: It died.",)
    assert result.against_reference[0].rounds == 7


def test_a_run_that_cannot_load_anything_says_why() -> None:
    record = sweep_record()
    record.configurations, record.visits, record.qualities = record.configurations[:1], [], {}
    failure = Failure("load", "model_load_failed", "The weights are missing.")
    record.visits.append(visit(record.configurations[0], 1, (), failure=failure))
    shown = view(record)
    assert shown.best_id is None
    assert shown.head.words == "The configuration could not be measured. The weights are missing."


def test_a_check_that_refuses_is_a_failure_and_no_problem_of_the_text() -> None:
    record = sweep_record()
    new = configuration_of(combine(BASE, {"backend": "optimum"}), {"backend": "optimum"})
    record.configurations.append(new)
    record.qualities[new.configuration_id] = Failure("check", "backend_unavailable", "There is no Optimum here.")
    result = view(record).results[-1]
    assert (result.state, result.visits) == (ConfigurationState.FAILED, 0)
    assert result.failure is not None and result.failure.stage == "check"
    assert result.marks == ()


def test_a_text_that_could_not_be_compared_is_marked_and_can_win() -> None:
    record = sweep_record()
    record.qualities[record.configurations[1].configuration_id] = Failure("quality", "worker_died", "It died.")
    shown = view(record)
    assert best(shown).number == 2
    assert best(shown).marks == ("Its text could not be compared: It died.",)
    assert shown.head.words.endswith("than the base. Its text was not compared.")


def test_a_best_whose_text_nobody_looked_at_is_not_praised_without_saying_so() -> None:
    record = sweep_record()
    del record.qualities[record.configurations[1].configuration_id]
    assert view(record).head.words.endswith("than the base. Its text was not compared.")
    assert view(record, RunState.RUNNING).head.words.endswith("than the base. Its text is not compared yet.")
    record.request = record.request.model_copy(update={"quality": QualityOptions(is_wanted=False)})
    assert view(record, RunState.RUNNING).head.words.endswith("than the base. Its text was not compared.")


def test_equals_in_every_figure_of_which_one_writes_another_text_are_not_told_as_equals() -> None:
    record = comparison_record(b_seconds=2.0)
    a, b = record.configurations
    record.qualities[b.configuration_id] = quality(b, a, changes_text=True)
    assert view(record).head.words.endswith(" would not show. But B's text is changed.")


def test_luck_that_chose_a_configuration_does_not_prove_it() -> None:
    record = sweep_record()
    base, lucky = record.configurations[:2]
    record.configurations = [base, lucky]
    record.visits = [visit(each, n, (s,)) for n in range(1, 9) for each, s in ((base, 2.0 + n / 50), (lucky, 1.6))]
    assert view(record).head.words.startswith("Best: ")
    for n in range(6):
        for each, seconds in ((base, 2.0 + n / 50), (lucky, 2.0 + (n + 1) % 3 / 50)):
            record.visits.append(visit(each, confirming_round(n), (seconds,)))
    words = view(record).head.words
    assert words.startswith(("No configuration showed to be better than the base", "The base")), words
    (against,) = [each for each in view(record).results[1].against_reference if each.figure == "total_seconds"]
    assert (against.rounds, against.verdict) == (6, "no real difference")


def test_the_figures_of_a_comparison_s_sentence_are_judged_together() -> None:
    shown = view(comparison_record(b_seconds=2.0))
    levels = {each.figure: each.confidence_percent for each in shown.results[1].against_reference}
    assert levels["total_seconds"] == pytest.approx(99.75) and levels["memory_bytes"] == pytest.approx(99.0)


def test_a_depth_that_is_read_in_each_request_is_marked() -> None:
    record = bench_record()
    for place, each in enumerate(record.visits):
        again = dataclasses.replace(each.workloads[1], is_depth_read_again=True)
        record.visits[place] = dataclasses.replace(each, workloads=(each.workloads[0], again))
    assert view(record).results[0].marks == (
        "It has no prefix cache, so TTFT and Prefill of pp512+tg128 have the reading of the depth in them.",
    )


OVER = Failure("measure", "time_over", "The time was over before it was measured.")


def test_what_the_time_did_not_suffice_for_is_said_and_counts_as_no_visit() -> None:
    record = sweep_record()
    late = configuration_of(combine(BASE, {"ov_config.NUM_STREAMS": 2}), {"ov_config.NUM_STREAMS": 2})
    record.configurations.append(late)
    record.visits += [visit(late, 9, (), failure=OVER), visit(record.configurations[1], 9, (), failure=OVER)]
    results = view(record).results
    assert (results[-1].failure, results[-1].visits, results[-1].figures) == (OVER, 0, {})
    assert results[-1].marks == ("Not measured: the time was over.",)
    assert (results[1].failure, results[1].visits) == (None, 8)
    assert results[1].marks == ("Not measured in 1 of 9 visits: the time was over.",)
    assert results[1].is_best, "what was measured of it before counts"


def test_a_text_that_the_time_did_not_suffice_for_is_no_failure_of_its() -> None:
    record = sweep_record()
    record.qualities[record.configurations[1].configuration_id] = dataclasses.replace(OVER, stage="quality")
    assert best(view(record)).marks == ("Its text was not compared: the time was over.",)


def with_cache(record: MadeUpRecord, *is_cached: bool | None) -> MadeUpRecord:
    """The first visits again, loaded from the cache or not; a load from it takes a second less."""
    for place, each in enumerate(is_cached):
        loaded, seconds = record.visits[place].loaded, 0.5 if each else 1.5
        assert loaded is not None
        told = dataclasses.replace(loaded, loaded_from_cache=each)
        record.visits[place] = dataclasses.replace(record.visits[place], loaded=told, load_seconds=seconds)
    return record


def test_load_times_of_two_kinds_are_told_apart() -> None:
    shown = view(with_cache(bench_record(), False, True, True))
    kinds = "1 load (median 1.50 s) compiled the model, 2 loads (median 0.50 s) found it in the compile cache"
    assert shown.results[0].marks == (f"Its load time is the median of two kinds: {kinds}.",)
    assert f"Load times are of two kinds, not to be compared with each other: {kinds}." in shown.notes


@pytest.mark.parametrize("kinds", [(True, True, True), (False, False, False), (None, True, True)])
def test_load_times_of_one_kind_need_no_words(kinds: tuple[bool | None, ...]) -> None:
    shown = view(with_cache(bench_record(), *kinds))
    assert not [words for words in (*shown.notes, *shown.results[0].marks) if "two kinds" in words]


def worse_ones() -> MadeUpRecord:
    """A sweep in which the base has the best median; the one that comes nearest is measured in the same eight rounds."""
    record = sweep_record()
    record.configurations = [record.configurations[0], record.configurations[6]]
    base, other = record.configurations
    record.visits = [each for each in record.visits if each.configuration_id == base.configuration_id]
    record.visits += [visit(other, number, (2.1, 2.11, 2.12)) for number in range(1, 9)]
    return record


def test_no_better_one_is_called_better() -> None:
    shown = view(worse_ones())
    assert best(shown).number == 1
    assert shown.head.words == "No configuration showed to be better than the base in latency."


def test_that_none_is_better_is_said_only_where_rounds_say_so() -> None:
    record = worse_ones()
    record.visits = [each for each in record.visits if each.round_number <= 2]
    assert view(record).head.words == "The base has the best latency so far, by too few rounds to be sure."
    record.visits = [
        each for each in record.visits if each.configuration_id == record.configurations[0].configuration_id
    ]
    assert view(record).head.words == "Only the base is measured."


def test_where_median_and_rounds_disagree_rounds_decide() -> None:
    record = worse_ones()
    base, other = record.configurations
    record.visits = [visit(base, number, (1.0,)) for number in range(20, 40)]
    for number in range(1, 9):
        record.visits += [visit(base, number, (2.0 + number / 100,)), visit(other, number, (1.8 + number / 100,))]
    assert statistics.median(total for total in (1.0,) * 20 + (2.0,) * 8) < 1.8, "by medians it would be the base"
    assert view(record).head.words.startswith("Best: PERFORMANCE_HINT=THROUGHPUT, 9.8% lower latency than the base.")


def test_a_difference_within_the_noise_is_not_called_better() -> None:
    record = sweep_record(noise=0.3)
    few = {each.configuration_id for each in record.configurations[2:]}
    record.visits = [each for each in record.visits if each.configuration_id not in few]
    record.configurations = record.configurations[:2]
    shown = view(record)
    (verdict,) = [each.verdict for each in shown.results[1].against_reference if each.figure == "total_seconds"]
    assert verdict == "no real difference"
    assert shown.head.words.startswith(
        "No configuration showed to be better than the base; KV_CACHE_PRECISION=u8, genai comes"
    )
    assert re.search(r"; smaller than about \d+% would not show\. Its text", shown.head.words), shown.head.words


def test_too_few_rounds_are_said_to_be_too_few() -> None:
    record = sweep_record()
    record.visits = [each for each in record.visits if each.round_number <= 2]
    words = view(record, RunState.RUNNING).head.words
    assert words.startswith("6 measured, 1 failed. Best so far: KV_CACHE_PRECISION=u8, genai, 1")
    assert "than the base in 2 rounds, too few to be sure." in words


def test_several_objectives_make_a_front() -> None:
    shown = view(sweep_record(objectives=("total_seconds", "memory_bytes")))
    assert [result.number for result in shown.results if result.is_on_front] == [2, 3, 4, 7]
    assert shown.head.words.startswith("4 configurations on the front. Best: ")


def test_states_are_told_as_they_are() -> None:
    record = sweep_record()
    waiting = configuration_of(combine(BASE, {"device": "GPU"}), {"device": "GPU"})
    record.configurations.append(waiting)
    shown = view(record, measuring_id=record.configurations[6].configuration_id)
    states = [result.state.value for result in shown.results]
    assert states == ["measured"] * 4 + ["pruned", "failed", "measuring", "waiting"]


def test_differences_from_the_base_name_neither_a_nor_b() -> None:
    result = view(sweep_record()).results[1]
    by_figure = {each.figure: each for each in result.against_reference}
    assert {"total_seconds", "memory_bytes", "decode_tokens_per_second"} <= by_figure.keys()
    assert by_figure["total_seconds"].words.startswith("Latency is 14.3% lower here, better (99% interval ")
    assert not any(" in A" in each.words or " in B" in each.words for each in by_figure.values())


def test_an_effective_value_that_differs_is_marked() -> None:
    (mark,) = view(sweep_record()).results[3].marks
    assert mark.startswith("INFERENCE_NUM_THREADS: asked for 8 threads, the device gave 2")


def test_the_same_effect_is_told_with_the_earlier_one() -> None:
    record = sweep_record()
    twin = configuration_of(combine(BASE, {"backend": "genai"}), {"backend": "genai"})
    other = configuration_of(combine(BASE, {"ov_config.CACHE_DIR": "x"}), {"ov_config.CACHE_DIR": "x"})
    record.configurations += [twin, other]
    record.visits.append(visit(twin, 1, (2.0,)))
    record.visits.append(visit(other, 1, (2.0,)))
    results = view(record).results
    assert results[-2].same_as == results[0].configuration.configuration_id
    assert "It has the same effect as “base”." in results[-2].marks
    assert results[-1].same_as is None


def test_background_load_is_marked_and_noted() -> None:
    record = sweep_record()
    new = configuration_of(combine(BASE, {"ov_config.NUM_STREAMS": 2}), {"ov_config.NUM_STREAMS": 2})
    record.configurations.append(new)
    record.visits.append(visit(new, 1, (2.0, 2.0), others=0.7))
    shown = view(record)
    assert shown.results[-1].marks[-1].startswith("Other programs kept more than 0.1 cores busy in 2 of 2")
    assert any(note.startswith("Other programs") for note in shown.notes)
    assert any("shows no drift" in note for note in shown.notes)
    assert any("The warm-up" in note for note in shown.notes)


def test_the_notes_of_the_run_come_first_and_once() -> None:
    record = sweep_record()
    record.notes = ["One other model stays loaded.", "One other model stays loaded."]
    assert view(record).notes[0] == "One other model stays loaded."
    assert len(set(view(record).notes)) == len(view(record).notes)


def test_a_comparison_says_which_is_better_and_by_how_much() -> None:
    shown = view(comparison_record())
    assert shown.head.words.startswith("B against A: 1")
    assert "lower latency (better)" in shown.head.words and shown.head.words.endswith("Its text is unchanged.")
    assert best(shown).configuration.label == "B"
    assert shown.results[0].against_reference == ()
    assert len(shown.results[1].against_reference) == 8


def test_a_worse_b_leaves_a_as_the_one_to_take() -> None:
    assert best(view(comparison_record(b_seconds=2.3))).configuration.label == "A"


def test_equals_are_told_as_no_real_difference_and_none_is_taken() -> None:
    shown = view(comparison_record(b_seconds=2.0))
    assert re.fullmatch(
        r"No real difference in decode throughput, TTFT, latency and throughput; "
        r"smaller than about \d\.\d% would not show\.",
        shown.head.words,
    )
    assert shown.best_id is None


def test_the_sentence_of_equals_tells_its_widest_interval() -> None:
    shown = view(comparison_record(b_seconds=2.0, rounds=6, noise=0.5))
    halves = [
        (each.high_percent - each.low_percent) / 2.0
        for each in shown.results[1].against_reference
        if each.figure in PRIMARY and each.low_percent is not None and each.high_percent is not None
    ]
    assert max(halves) > 20.0
    assert f"; smaller than about {max(halves):.0f}% would not show." in shown.head.words


def test_a_better_b_that_writes_another_text_is_not_the_one_to_take() -> None:
    record = comparison_record()
    a, b = record.configurations
    record.qualities[b.configuration_id] = quality(b, a, changes_text=True)
    shown = view(record)
    assert shown.best_id is None and not any(result.is_best for result in shown.results)
    assert "lower latency (better)" in shown.head.words and shown.head.words.endswith("Its text is changed.")


def test_a_comparison_of_few_rounds_has_no_verdict() -> None:
    shown = view(comparison_record(rounds=3), RunState.RUNNING)
    assert shown.head.words == "Decode throughput: 3 rounds to compare, 5 are needed."
    assert shown.best_id is None


def test_a_comparison_before_its_first_round_says_so() -> None:
    record = comparison_record(rounds=0)
    assert view(record, RunState.RUNNING).head.words == "Nothing is compared yet."
    assert view(record).head.words == "Nothing could be compared; the notes say why."


def test_a_bench_tells_its_first_workload_and_how_many_more() -> None:
    shown = view(bench_record())
    assert shown.head.words.startswith("pp128+tg128: TTFT 3")
    assert shown.head.words.endswith("; 1 more workload.")
    assert shown.results[0].figures.keys() == {"pp128+tg128", "pp512+tg128"}
    assert (shown.best_id, shown.reference_id) == (None, None)


def test_a_head_says_what_the_view_says() -> None:
    for record in (sweep_record(), comparison_record(), bench_record()):
        assert views.head_of(record, RunState.FINISHED) == view(record).head  # type: ignore[arg-type]


def test_medians_of_the_front_are_those_of_the_figures() -> None:
    from openarc_ui.tuning.judging.standings import standings_of

    record = sweep_record()
    for standing, result in zip(standings_of(record), view(record).results, strict=True):  # type: ignore[arg-type]
        figures = result.figures.get("chat", {})
        assert {name: each.median for name, each in figures.items()} == pytest.approx(dict(standing.medians))


def test_importances_are_asked_for_again_only_when_another_is_done(asked: list[Any]) -> None:
    record, cache = sweep_record(), ViewCache()
    for _ in range(3):
        view(record, cache=cache)
    assert len(asked) == 1
    new = configuration_of(combine(BASE, {"ov_config.NUM_STREAMS": 2}), {"ov_config.NUM_STREAMS": 2})
    record.configurations.append(new)
    record.visits.append(visit(new, 1, (2.0,)))
    view(record, cache=cache)
    assert len(asked) == 2
    view(comparison_record(), cache=cache)
    assert len(asked) == 2


def test_while_a_run_works_importances_wait_until_a_tenth_more_is_done(asked: list[Any]) -> None:
    record, cache = sweep_record(), ViewCache()
    for number in range(100):
        settings = {"ov_config.NUM_STREAMS": number}
        record.configurations.append(configuration_of(combine(BASE, settings), settings))
        record.visits.append(visit(record.configurations[-1], 1, (2.0,)))
        view(record, RunState.RUNNING, cache=cache)
    assert 15 < len(asked) < 35
    view(record, cache=cache)
    view(record, cache=cache)
    assert asked[-1] is record
    assert len(asked) < 36


def test_a_view_from_a_cache_is_the_view_without_one() -> None:
    whole, cache = sweep_record(noise=0.05), ViewCache()
    record = dataclasses.replace(whole, visits=[], qualities={})
    for each in whole.visits:
        record.visits.append(each)
        view(record, RunState.RUNNING, cache=cache)
    record.qualities |= whole.qualities
    assert view(record, cache=cache) == view(whole)


def test_two_hundred_configurations_are_told_again_within_fifty_milliseconds() -> None:
    record, cache = MadeUpRecord(sweep_record().request), ViewCache()
    for number in range(200):
        settings = {"ov_config.INFERENCE_NUM_THREADS": number} if number else {}
        configuration = configuration_of(combine(BASE, settings), settings)
        record.configurations.append(configuration)
        record.visits += [visit(configuration, round_number, (2.0, 2.1)) for round_number in (1, 2)]
        record.qualities[configuration.configuration_id] = quality(configuration, record.configurations[0])
    view(record, RunState.RUNNING, cache=cache)

    def seconds() -> float:
        began = time.thread_time()  # of this thread, so that a busy machine makes no difference
        view(record, RunState.RUNNING, cache=cache)
        return time.thread_time() - began

    assert min(seconds() for _ in range(9)) < 0.05


def test_a_visit_for_answers_alone_is_no_measurement() -> None:
    record = bench_record()
    reference = configuration_of(LoadRequest(model_path="other"), label="reference")
    record.configurations.append(reference)
    empty = visit(reference, 0, ())
    record.visits.append(empty)
    result = view(record).results[1]
    assert (result.state, result.figures) == (ConfigurationState.MEASURED, {})
    assert result.marks == ("It was only loaded for its text, which others are compared with.",)


def test_a_bench_without_a_workload_measured_has_no_figures() -> None:
    record = MadeUpRecord(BenchRequest(configuration=BASE, workloads=(Workload(),)))
    assert view(record, RunState.RUNNING).head.words == "Nothing is measured yet."
    record.configurations = [configuration_of(BASE)]
    assert view(record, RunState.RUNNING).results[0].state is ConfigurationState.WAITING


def test_a_cache_forgets_what_was_used_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openarc_ui.tuning.views.view_cache.MOST_KEPT", 2)
    cache, made = ViewCache(), []

    def make(name: str) -> str:
        return cache.get(name, 1, lambda: made.append(name) or name)  # type: ignore[func-returns-value]

    for name in ("a", "b", "a", "c", "a", "b"):
        assert make(name) == name
    assert made == ["a", "b", "c", "b"]
