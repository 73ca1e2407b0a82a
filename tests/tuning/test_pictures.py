"""Pictures hold every configuration, the same each time, and nothing that reaches beyond the page."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import matplotlib
import pytest

from openarc_ui.tuning.export import pictures
from openarc_ui.tuning.export.pictures import pictures_of
from openarc_ui.tuning.reading import short_label
from openarc_ui.tuning.results import Importance, RunState, RunView
from openarc_ui.tuning.views import run_view as views
from tests.tuning.made_up_runs import PROGRESS, bench_record, comparison_record, sweep_record


def view(record: Any) -> RunView:
    shown = views.view_of(record, RunState.FINISHED, PROGRESS)
    if shown.head.kind != "sweep":
        return shown
    known = (Importance("ov_config.A_B", "total_seconds", 0.75), Importance("backend", "total_seconds", 0.25))
    return dataclasses.replace(shown, importances=known)


@pytest.fixture(scope="module")
def sweep() -> RunView:
    return view(sweep_record())


def test_each_kind_of_run_has_the_pictures_it_has_enough_for(sweep: RunView) -> None:
    names = ["tradeoff", "objective", "differences", "importances", "parallel"]
    assert [picture.name for picture in pictures_of(sweep)] == names
    assert [picture.name for picture in pictures_of(view(comparison_record()))] == ["differences", "figures"]
    assert [picture.name for picture in pictures_of(view(comparison_record(rounds=3)))] == ["figures"]
    assert [picture.name for picture in pictures_of(view(bench_record()))] == ["figures"]


def test_a_run_without_results_has_none() -> None:
    record = sweep_record()
    record.configurations, record.visits, record.qualities = [], [], {}
    assert pictures_of(dataclasses.replace(view(record), importances=())) == []
    assert pictures_of(view(comparison_record(rounds=0))) == []


def test_every_picture_is_an_element_that_can_stand_beside_others(sweep: RunView) -> None:
    ids: list[str] = []
    for picture in pictures_of(sweep):
        tree = ElementTree.fromstring(picture.svg)
        assert tree.attrib["role"] == "img" and tree.attrib["aria-label"] == picture.alt
        assert "width" not in tree.attrib and "viewBox" in tree.attrib
        own = re.findall(r'\bid="([^"]+)"', picture.svg)
        assert all(name.startswith(f"{picture.name}-") for name in own)
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', picture.svg)) <= set(own)
        ids += own
    assert len(ids) == len(set(ids))


def test_no_picture_has_a_script_a_style_for_others_a_date_or_an_outside_address(sweep: RunView) -> None:
    for picture in pictures_of(sweep):
        assert not re.search(r"<(script|style|metadata|image|!DOCTYPE|\?xml)", picture.svg)
        outside = set(re.findall(r"https?://[^\"'<> ]+", picture.svg))
        assert outside <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_the_same_run_gives_the_same_pictures(sweep: RunView) -> None:
    assert pictures_of(sweep) == pictures_of(view(sweep_record()))


def test_text_stays_text(sweep: RunView) -> None:
    for picture in pictures_of(sweep):
        assert picture.svg.count("<text") > 4
        assert "font-family" not in picture.svg


def test_drawing_leaves_matplotlib_as_it_was_and_several_threads_may_draw(sweep: RunView) -> None:
    before = dict(matplotlib.rcParams)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        found = list(pool.map(pictures_of, [sweep] * 3))
    assert found[0] == found[1] == found[2]
    assert dict(matplotlib.rcParams) == before


def test_the_trade_off_has_a_point_with_a_hint_for_each_measured_configuration(sweep: RunView) -> None:
    picture = pictures.tradeoff_picture(sweep)
    assert picture is not None
    hints = dict(re.findall(r'<g id="tradeoff-point-(\d)"><title>([^<]*)</title>', picture.svg))
    assert hints.keys() == {"1", "2", "3", "4", "5", "7"}
    assert (
        hints["4"]
        == "INFERENCE_NUM_THREADS=8\nLatency: 1.98 s\nMemory: 320 MB\nINFERENCE_NUM_THREADS = 2\nKV_CACHE_PRECISION = f16"
    )
    assert picture.heading == "One whole request against resident memory of the worker"


def test_the_trade_off_is_between_the_first_two_objectives() -> None:
    picture = pictures.tradeoff_picture(view(sweep_record(objectives=("load_seconds", "decode_tokens_per_second"))))
    assert picture is not None
    assert "Load, s (less is better)" in picture.svg and "Decode, tok/s (more is better)" in picture.svg


def test_a_memory_limit_is_a_line_and_the_front_keeps_away_from_what_is_over_it() -> None:
    shown = view(sweep_record(memory_limit_bytes=350_000_000))
    picture = pictures.tradeoff_picture(shown)
    assert picture is not None
    assert "limit 350 MB" in picture.svg and "over the memory limit" in picture.svg
    nobody = pictures.tradeoff_picture(view(sweep_record(memory_limit_bytes=1000)))
    assert nobody is not None and "limit 1 kB" in nobody.svg
    assert "on the front" not in nobody.svg


def test_steps_of_a_front_turn_where_both_neighbours_are_beaten() -> None:
    from openarc_ui.tuning.export.plots import Mark
    from openarc_ui.tuning.figures import BY_NAME

    less, more = BY_NAME["total_seconds"], BY_NAME["decode_tokens_per_second"]
    falling = [Mark("", "", "other", 1.0, 4.0), Mark("", "", "other", 3.0, 2.0), Mark("", "", "other", 4.0, 5.0)]
    rising = [Mark("", "", "other", 1.0, 2.0), Mark("", "", "other", 3.0, 4.0), Mark("", "", "other", 4.0, 1.0)]
    assert pictures._steps(falling, (less, less)) == [(1.0, 4.0), (3.0, 4.0), (3.0, 2.0)]
    assert pictures._steps(rising, (less, more)) == [(1.0, 2.0), (3.0, 2.0), (3.0, 4.0)]
    assert pictures._steps([Mark("", "", "other", 1.0, 4.0), Mark("", "", "other", 3.0, 2.0)], (more, more)) == [
        (1.0, 4.0),
        (1.0, 2.0),
        (3.0, 2.0),
    ]


def test_bars_say_in_words_what_their_colour_says(sweep: RunView) -> None:
    picture = pictures.objective_picture(sweep)
    assert picture is not None
    assert "1.71 s · the one to take" in picture.svg
    assert "1.50 s · text changed" in picture.svg
    assert "4.10 s · given up early" in picture.svg
    assert picture.alt.startswith("One whole request, with 95% intervals: 2 genai · u8 1.71 s")


def test_only_the_best_twenty_are_bars_and_the_rest_is_said(sweep: RunView) -> None:
    copies = [dataclasses.replace(sweep.results[4], number=number, is_best=False) for number in range(8, 30)]
    picture = pictures.objective_picture(dataclasses.replace(sweep, results=(*sweep.results, *copies)))
    assert picture is not None
    assert "(the best 20; the table has 8 more)" in picture.heading


def test_differences_show_verdicts_in_words(sweep: RunView) -> None:
    picture = pictures.differences_picture(sweep)
    assert picture is not None
    assert "-14.3% better" in picture.svg and "0.0% no real difference" in picture.svg
    assert "Latency is 14.3% lower here" in picture.alt


def test_importances_are_sorted_and_in_percent(sweep: RunView) -> None:
    picture = pictures.importances_picture(sweep)
    assert picture is not None
    assert picture.alt == "What latency depends on: A b (A_B) 75%; Backend 25%."


def test_a_bench_has_each_figure_of_each_workload_with_its_interval() -> None:
    picture = pictures.figures_picture(view(bench_record()))
    assert picture is not None
    for words in ("TTFT, ms (less is better)", "Decode, tok/s (more is better)", "Memory, MB (less is better)"):
        assert words in picture.svg
    assert picture.heading == "What was measured, with 95% intervals"
    assert re.search(r"TTFT, ms \(less is better\): pp128\+tg128 \d+ \([\d.]+ to [\d.]+\); pp512\+tg128 ", picture.alt)


def test_a_comparison_has_a_and_b_beside_each_other() -> None:
    picture = pictures.figures_picture(view(comparison_record()))
    assert picture is not None
    assert re.search(r"Latency, s \(less is better\): A 2\.\d+ \([\d.]+ to [\d.]+\); B 1\.\d+ \(", picture.alt)


def test_of_many_workloads_the_first_are_bars_and_the_rest_is_said() -> None:
    record = bench_record()
    names = [f"w{number}" for number in range(14)]
    workloads = tuple(record.request.workloads[0].model_copy(update={"name": name}) for name in names)
    record.request = record.request.model_copy(update={"workloads": workloads})
    (samples, *_) = record.visits[0].workloads
    told = tuple(dataclasses.replace(samples, workload=name) for name in names)
    record.visits = [dataclasses.replace(each, workloads=told) for each in record.visits]
    picture = pictures.figures_picture(view(record))
    assert picture is not None and picture.heading.endswith("(the first 12; the table has 2 more)")


def test_settings_are_named_in_plain_words_and_as_they_are_set(sweep: RunView) -> None:
    picture = pictures.parallel_picture(sweep)
    assert picture is not None
    told = " ".join(re.findall(r">([^<>]+)</t(?:ext|span)>", picture.svg)).replace("_ ", "_")
    for words in ("KV cache precision (KV_CACHE_PRECISION)", "Threads (INFERENCE_NUM_THREADS)", "Backend", "Model"):
        assert words in told, told


def test_each_configuration_is_a_line_through_its_settings(sweep: RunView) -> None:
    picture = pictures.parallel_picture(sweep)
    assert picture is not None
    assert set(re.findall(r'<g id="parallel-line-(\d)"><title>', picture.svg)) == {"1", "2", "3", "4", "5", "7"}
    assert "left out" in picture.svg and "THROUGHPUT" in picture.svg


def test_numbers_on_an_axis_are_in_their_order_and_what_is_left_out_is_first(sweep: RunView) -> None:
    results = [result for result in sweep.results if result.number in (1, 4, 5)]
    assert pictures._texts_on("ov_config.INFERENCE_NUM_THREADS", results) == ["left out", "1", "8"]


def test_where_there_is_little_room_a_configuration_is_called_by_what_differs_from_the_base(sweep: RunView) -> None:
    told = {result.configuration.label: short_label(sweep, result) for result in sweep.results}
    assert told["base"] == "base"
    assert told["INFERENCE_NUM_THREADS=8"] == "8 threads" and told["INFERENCE_NUM_THREADS=1"] == "1 thread"
    assert told["KV_CACHE_PRECISION=u8, genai"] == "genai · u8"
    assert told["PERFORMANCE_HINT=THROUGHPUT"] == "THROUGHPUT"


def test_a_best_without_a_verdict_is_called_so_in_the_pictures_too() -> None:
    record = sweep_record()
    record.visits = [each for each in record.visits if each.round_number <= 2]
    for picture in pictures_of(view(record)):
        assert "the one to take" not in picture.svg
