"""From visits to figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.judging.summaries import figures_of, rounds_of, value_of
from openarc_ui.tuning.results import Failure, Loaded, Visit, WorkloadSamples
from tests.tuning.made_visits import quality, sample, visit

DECODE, MEMORY, LOAD, KL = (
    BY_NAME[name] for name in ("decode_tokens_per_second", "memory_bytes", "load_seconds", "mean_kl_divergence")
)
FAILED = Failure("measure", "generation_failed", "It broke.")


def test_a_sample_figure_of_a_visit_is_the_median_of_its_samples() -> None:
    assert value_of(visit([sample(40.0), sample(50.0), sample(90.0)]), DECODE, "custom") == 50.0


def test_a_visit_figure_is_the_visits_own() -> None:
    assert value_of(visit([sample()], memory_bytes=7), MEMORY, "custom") == 7.0


def test_what_was_not_measured_is_none_and_not_zero() -> None:
    measured = visit([sample(None)], memory_bytes=None)
    assert value_of(measured, DECODE, "custom") is None
    assert value_of(measured, MEMORY, "custom") is None
    assert value_of(measured, DECODE, "another workload") is None


def test_a_sample_without_the_figure_is_left_out_of_the_median() -> None:
    assert value_of(visit([sample(None), sample(40.0), sample(60.0)]), DECODE, "custom") == 50.0


def test_the_warm_up_counts_nowhere() -> None:
    figures = figures_of([visit([sample(50.0)], warm_up=sample(5.0))], None)
    assert figures["custom"]["decode_tokens_per_second"].least == 50.0


def test_quality_is_no_figure_of_a_visit() -> None:
    assert value_of(visit([sample()]), KL, "custom") is None


def test_a_visit_that_failed_before_measuring_has_no_values_at_all() -> None:
    failed = visit([], warm_up=sample(), failure=FAILED)
    assert value_of(failed, LOAD, "custom") is None
    assert figures_of([failed], None) == {}


def test_a_visit_that_failed_half_way_keeps_what_it_has() -> None:
    failed = visit([sample(50.0)], failure=FAILED, more=[WorkloadSamples("long", sample(), ())])
    figures = figures_of([failed], None)
    assert figures["custom"]["decode_tokens_per_second"].median == 50.0
    assert "long" not in figures


def test_figures_are_told_of_each_workload_in_the_order_they_were_measured() -> None:
    both = visit([sample(50.0)], workload="long", more=[WorkloadSamples("chat", None, (sample(70.0),))])
    figures = figures_of([both], None)
    assert list(figures) == ["long", "chat"]
    assert figures["chat"]["decode_tokens_per_second"].median == 70.0
    assert figures["long"]["memory_bytes"] == figures["chat"]["memory_bytes"]


def test_samples_are_counted_over_all_visits() -> None:
    figures = figures_of([visit([sample(50.0), sample(52.0)]), visit([sample(54.0)], round_number=2)], None)
    assert figures["custom"]["decode_tokens_per_second"].count == 3
    assert figures["custom"]["load_seconds"].count == 2


def test_quality_is_one_value_under_every_workload() -> None:
    both = visit([sample()], more=[WorkloadSamples("chat", None, (sample(),))])
    figures = figures_of([both], quality(mean_kl_divergence=0.01))
    for workload in ("custom", "chat"):
        kl = figures[workload]["mean_kl_divergence"]
        assert (kl.count, kl.median, kl.low, kl.high) == (1, 0.01, None, None)
        assert "perplexity" not in figures[workload]


def test_rounds_are_paired_by_number_and_in_order() -> None:
    a = [visit([sample(value)], round_number=number) for number, value in ((2, 20.0), (1, 10.0), (3, 30.0))]
    b = [visit([sample(value)], round_number=number) for number, value in ((3, 33.0), (1, 11.0), (4, 44.0))]
    assert rounds_of(a, b, DECODE, "custom") == [(10.0, 11.0), (30.0, 33.0)]


def test_a_round_in_which_one_has_no_value_is_no_round() -> None:
    a, b = [visit([sample(10.0)])], [visit([sample(None)])]
    assert rounds_of(a, b, DECODE, "custom") == []
    assert rounds_of(a, b, LOAD, "custom") == [pytest.approx((1.5, 1.5))]


def test_of_two_visits_in_a_round_the_later_one_with_a_value_counts() -> None:
    a = [visit([sample(10.0)]), visit([sample(20.0)]), visit([], failure=FAILED)]
    assert rounds_of(a, [visit([sample(30.0)])], DECODE, "custom") == [(20.0, 30.0)]


def loads(*told: tuple[float, bool | None]) -> list[Visit]:
    """A visit a round: how long it loaded, and whether the backend told that the cache had it."""
    blank = Loaded("genai", "CPU", (), {}, None, {}, "")
    return [
        replace(
            visit([sample(10.0)], round_number=number, load_seconds=seconds),
            loaded=replace(blank, loaded_from_cache=is_cached),
        )
        for number, (seconds, is_cached) in enumerate(told, start=1)
    ]


def test_a_load_that_was_compiled_is_not_held_against_one_from_the_cache() -> None:
    a, b = loads((3.0, False), (1.0, True), (1.1, True)), loads((3.2, False), (3.3, False), (1.2, True))
    assert rounds_of(a, b, LOAD, "custom") == [(3.0, 3.2), (1.1, 1.2)]
    assert len(rounds_of(a, b, DECODE, "custom")) == 3, "of what else was measured all rounds count"


def test_where_the_backend_tells_nothing_first_loads_are_held_against_first_ones() -> None:
    a, b = loads((3.0, None), (1.0, None), (1.1, None)), loads((3.2, None), (1.2, None), (1.3, None))
    assert rounds_of(a, b, LOAD, "custom") == [(3.0, 3.2), (1.0, 1.2), (1.1, 1.3)]
    assert rounds_of(a, b[1:], LOAD, "custom") == [(1.1, 1.3)], "its first load is none of the base's later ones"
