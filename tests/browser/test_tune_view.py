"""The Tune view alone: what it shows of the server's answers, what its forms ask for, and what may be done with which key."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, SweepRequest
from openarc_ui.tuning.results import ConfigurationState, Failure, Progress, RunState
from openarc_ui.tuning.workloads import grid
from tests.browser import tune_answers as made_up
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.tab_page import Windows, serve_tab
from tests.browser.tune_page import TunePage

pytestmark = pytest.mark.browser

OpenTune = Callable[..., TunePage]
SWEEP, BENCH, COMPARE = "#tune?new=sweep", "#tune?new=bench", "#tune?new=comparison"
USE_ONLY = {
    "may_administer": False,
    "why_not": "Starting or changing a run needs the administration key. Sign in with it.",
}


@pytest.fixture(scope="module")
def windows(browser: Browser) -> Iterator[Windows]:
    with serve_tab(browser, TunePage.tab_of) as served:
        yield served


@pytest.fixture
def open_tune(windows: Windows) -> Iterator[OpenTune]:
    """Opens the view; an outside request or an error on the console fails the test."""
    with windows.opening(TunePage, made_up.answers()) as opened:
        yield opened


def started(tune: TunePage) -> Any:
    """The request that a click on Start sends."""
    tune.page.wait_for_function("window.asked.some((each) => each.question === 'tune_offers')")
    tune.answer({"tune_start": {"head": made_up.answer(made_up.running_view())["heads"][0]}})
    tune.do("start")
    tune.page.wait_for_function("window.asked.some((each) => each.question === 'tune_start')")
    (asked,) = tune.asked("tune_start")
    return asked["request"]


# What came of a run


def test_what_is_over_the_memory_limit_is_no_part_of_the_front_and_stands_beside(open_tune: OpenTune) -> None:
    shown = made_up.sweep_view()
    limited = {**shown.request, "memory_limit_bytes": 1000}
    tune = open_tune(made_up.answers(tune_view=made_up.answer(dataclasses.replace(shown, request=limited))))
    card = tune.figure("tradeoff")
    expect(card).to_contain_text("Not in the running")
    expect(card).to_contain_text("over the memory limit")
    card.scroll_into_view_if_needed()
    box = "document.querySelector('[data-figure=tradeoff] .om-plot-box')"
    tune.page.wait_for_function(f"({box}?.layout?.shapes || []).length === 1")
    assert "Front of these two" not in tune.page.evaluate(f"{box}.data.map((trace) => trace.name)")


def test_a_best_without_a_verdict_is_the_best_so_far_though_the_run_is_over(open_tune: OpenTune) -> None:
    shown = made_up.sweep_view()
    few = tuple(
        dataclasses.replace(
            result,
            against_reference=tuple(
                dataclasses.replace(each, verdict="too few", rounds=1) for each in result.against_reference
            ),
        )
        for result in shown.results
    )
    tune = open_tune(made_up.answers(tune_view=made_up.answer(dataclasses.replace(shown, results=few))))
    expect(tune.page.locator(".ot-winner h3")).to_have_text("Best so far")
    expect(tune.page.locator(".ot-winner .ot-marks")).to_contain_text("best so far")


def test_the_newest_run_is_open_and_says_what_came_of_it(open_tune: OpenTune) -> None:
    tune = open_tune()
    expect(tune.page.locator(".ot-outcome")).to_have_text(made_up.head().words)
    winner = tune.page.locator(".ot-winner")
    expect(winner.locator(".ot-winner-name")).to_have_text("2 threads · f16 · genai · int8")
    expect(winner).to_contain_text("same text")
    expect(winner.locator(".ot-tile").first).to_contain_text("2.05 ± 0.03 s")
    expect(winner.locator(".ot-tile").first).to_contain_text("95%, n = 12")
    against = winner.locator('[data-figure="total_seconds"]')
    expect(against).to_contain_text("−7.0% (−8.6% to −5.4%)")
    expect(against).to_contain_text("better")
    assert tune.hash() == "#tune?run=run-1"


def test_every_row_tells_figure_interval_and_marks_in_words(open_tune: OpenTune) -> None:
    tune = open_tune()
    table = tune.page.locator(".ot-results")
    table.get_by_role("button", name="Show 4 more").click()
    expect(table.locator("tbody tr")).to_have_count(24)
    first = table.locator("tbody tr").first
    expect(first).to_contain_text("best")
    expect(first.locator('[data-figure="total_seconds"]')).to_have_attribute(
        "title", "One whole request: median 2.05 s, 95% interval 2.02 to 2.08 s, 12 samples"
    )
    expect(table.locator('[data-configuration="c3"]')).to_contain_text("same text")
    expect(table.locator('[data-configuration="c6"]')).to_contain_text("changes the text")
    expect(table.locator('[data-configuration="c20"]')).to_contain_text("failed")


def test_answers_that_differ_within_the_threshold_are_not_called_the_same_text(open_tune: OpenTune) -> None:
    view = made_up.sweep_view()
    results = [
        dataclasses.replace(each, quality=dataclasses.replace(each.quality, identical_share=0.5))
        if each.configuration.configuration_id in ("c1", "c18") and each.quality is not None
        else each
        for each in view.results
    ]
    tune = open_tune(made_up.answers(tune_view=made_up.answer(dataclasses.replace(view, results=tuple(results)))))
    winner = tune.page.locator(".ot-winner")
    expect(winner).to_contain_text("writes like it")
    expect(winner).not_to_contain_text("same text")
    expect(tune.page.locator('.ot-results [data-configuration="c1"]')).to_contain_text("writes like it")


def test_the_table_sorts_by_a_figure_and_what_has_none_comes_last(open_tune: OpenTune) -> None:
    tune = open_tune()
    table = tune.page.locator(".ot-results")
    table.get_by_role("button", name="Decode, tok/s").click()
    rows = table.locator("tbody tr")
    expect(rows.first).to_have_attribute("data-configuration", "c6")
    expect(table.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
    table.get_by_role("button", name="Decode, tok/s").click()
    expect(rows.first).to_have_attribute("data-configuration", "c11")
    table.get_by_role("button", name="Show 4 more").click()
    assert rows.last.get_attribute("data-configuration") in {"c19", "c20", "c23", "c24"}, "what failed has no number"


def test_the_pictures_are_drawn_under_the_page_s_own_policy(open_tune: OpenTune) -> None:
    tune = open_tune()
    for name in ("tradeoff", "parallel", "forest", "importance"):
        tune.figure(name).scroll_into_view_if_needed()
        expect(tune.figure(name).locator(".main-svg").first).to_be_attached()
    tradeoff = "document.querySelector('[data-figure=tradeoff] .om-plot-box').data"
    names = tune.page.evaluate(f"{tradeoff}.map((trace) => trace.name)")
    assert {"Best", "Base", "Measured", "Changes the text", "Given up early", "Front of these two"} <= set(names)
    texts = tune.page.evaluate(f"{tradeoff}.find((trace) => trace.name === 'Best').text[0]")
    texts = texts.replace("<br>", " ")
    assert "effective:" in texts and "KV_CACHE_PRECISION = f16" in texts and "95% interval" in texts
    assert "KV cache precision = f16" in texts
    lines = "document.querySelector('[data-figure=parallel] .om-plot-box').data"
    assert tune.page.evaluate(f"{lines}.filter((trace) => trace.uid.startsWith('shade')).length") == 5


def test_hovering_a_line_brings_its_configuration_out_until_the_pointer_leaves(open_tune: OpenTune) -> None:
    tune = open_tune()
    tune.figure("parallel").scroll_into_view_if_needed()
    expect(tune.figure("parallel").locator(".main-svg").first).to_be_attached()
    box = "document.querySelector('[data-figure=parallel] .om-plot-box')"
    marked = f"{box}.data.find((trace) => trace.uid === 'marked').customdata[0]"
    assert tune.page.evaluate(marked) == "c18"
    tune.page.wait_for_function(f"typeof {box}.emit === 'function'")
    tune.page.evaluate(f"{box}.emit('plotly_hover', {{ points: [{{ customdata: 'c3' }}] }})")
    tune.page.wait_for_function(f"{marked} === 'c3'")
    tune.page.evaluate(f"{box}.dispatchEvent(new PointerEvent('pointerleave'))")
    tune.page.wait_for_function(f"{marked} === 'c18'")


def test_the_axes_of_the_trade_off_are_chosen_and_kept_in_the_link(open_tune: OpenTune) -> None:
    tune = open_tune()
    tune.page.get_by_label("Figure on x").select_option("ttft_seconds")
    tune.page.get_by_label("Figure on y").select_option("decode_tokens_per_second")
    assert tune.hash() == "#tune?run=run-1&x=ttft_seconds&y=decode_tokens_per_second"
    tune.page.wait_for_function(
        "document.querySelector('[data-figure=tradeoff] .om-plot-box').layout?.xaxis?.title?.text === 'TTFT, ms (less is better)'"
    )
    out = tune.figure("tradeoff").locator(".ot-out li")
    expect(out).to_have_count(8)
    expect(out.filter(has_text="failed").first).to_contain_text("The CPU plugin refused")


def test_a_configuration_opens_with_all_there_is_and_the_focus_goes_back(open_tune: OpenTune) -> None:
    tune = open_tune()
    row = tune.page.locator('.ot-results [data-configuration="c6"]')
    row.focus()
    tune.page.keyboard.press("Enter")
    drawer = tune.page.get_by_role("dialog")
    expect(drawer).to_contain_text("default threads · u8 · genai · int8")
    expect(drawer).to_contain_text("It changes the text.")
    expect(drawer.locator(".ot-answers mark").first).to_contain_text("scatter")
    expect(drawer).to_contain_text("The same for 11 of 48 tokens.")
    drawer.get_by_text("All properties").click()
    expect(drawer).to_contain_text("INFERENCE_PRECISION_HINT")
    assert tune.hash() == "#tune?run=run-1&configuration=c6"
    tune.page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(row).to_be_focused()


def test_a_link_opens_the_configuration_that_failed_with_its_reason(open_tune: OpenTune) -> None:
    tune = open_tune(link="#tune?run=run-1&configuration=c20")
    expect(tune.page.get_by_role("dialog")).to_contain_text("Failed at: load.")
    expect(tune.page.get_by_role("dialog")).to_contain_text("Leave the property out.")


def test_a_comparison_says_each_difference_in_words(open_tune: OpenTune) -> None:
    tune = open_tune(made_up.answers(tune_view=made_up.answer(made_up.comparison_view())))
    pair = tune.page.locator(".ot-pair")
    expect(pair.locator('[data-figure="total_seconds"]')).to_contain_text("2.20 → 2.14 s")
    expect(pair.locator('[data-figure="ttft_seconds"]')).to_contain_text("no real difference")
    expect(pair.locator('[data-figure="load_seconds"]')).to_contain_text("too few rounds")
    expect(tune.page.locator(".ot-winner")).to_be_hidden()
    expect(tune.page.locator(".ot-sides-told")).to_have_text(
        "KV cache precision (KV_CACHE_PRECISION): f16 in A, u8 in B."
    )


def test_sides_that_differ_only_in_what_is_rarely_set_are_not_called_the_same(open_tune: OpenTune) -> None:
    view = made_up.comparison_view()
    a = made_up.BASE.model_dump(mode="json")
    pairs: list[tuple[dict[str, Any], str]] = [
        ({"use_cache": False}, "use_cache: on in A, off in B."),
        ({"bos_token_id": 7}, "bos_token_id: left out in A, 7 in B."),
        ({"name": "other", "allow_overcommit": True}, "A and B are the same."),
        ({"scheduler": {**a["scheduler"], "max_num_seqs": 3}}, "max_num_seqs: left out in A, 3 in B."),
        ({"ov_config": {"DEVICE_PROPERTIES": {"CPU": {"NUM_STREAMS": 2}}, **a["ov_config"]}}, "DEVICE_PROPERTIES"),
    ]
    for change, words in pairs:
        asked = view.request | {"a": a, "b": a | change}
        shown = dataclasses.replace(view, request=asked)
        tune = open_tune(made_up.answers(tune_view=made_up.answer(shown)))
        expect(tune.page.locator(".ot-sides-told")).to_contain_text(words)
        expect(tune.page.locator(".ot-sides-told")).not_to_contain_text("[object")


def panels_of(tune: TunePage) -> Any:
    """Label of each small picture -> what its bars are named."""
    tune.figure("panels").scroll_into_view_if_needed()
    expect(tune.figure("panels").locator(".main-svg").first).to_be_attached()
    box = "document.querySelector('[data-figure=panels] .om-plot-box')"
    titles = tune.page.evaluate(f"{box}.layout.annotations.map((each) => each.text)")
    names = tune.page.evaluate(f"{box}.layout.yaxis.ticktext")
    ends = tune.page.evaluate(f"{box}.data[0].error_x.array")
    return titles, names, ends


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_bench_and_a_comparison_have_pictures_with_intervals_too(open_tune: OpenTune, size: tuple[int, int]) -> None:
    tune = open_tune(made_up.answers(tune_view=made_up.answer(made_up.bench_view())), size=size)
    titles, names, ends = panels_of(tune)
    assert titles[0] == "<b>TTFT</b>, ms (less is better)" and len(titles) == 6
    assert len(names) == 4 and all(end > 0 for end in ends)
    tune = open_tune(made_up.answers(tune_view=made_up.answer(made_up.comparison_view())), size=size)
    assert panels_of(tune)[1] == ["KV u8  <b>257</b>", "KV f16  <b>198</b>"], "the first one is on top"
    tune.figure("forest").scroll_into_view_if_needed()
    expect(tune.figure("forest").locator(".main-svg").first).to_be_attached()


def test_what_varies_is_told_in_plain_words_and_as_it_is_set(open_tune: OpenTune) -> None:
    tune = open_tune()
    expect(tune.page.locator(".ot-winner .ot-fact").nth(1)).to_have_text("KV cache precisionf16")
    expect(tune.page.locator(".ot-winner .ot-fact").nth(1)).to_have_attribute(
        "title", "KV cache precision (KV_CACHE_PRECISION)"
    )
    tune.figure("parallel").scroll_into_view_if_needed()
    expect(tune.figure("parallel").locator(".main-svg").first).to_be_attached()
    box = "document.querySelector('[data-figure=parallel] .om-plot-box')"
    names = tune.page.evaluate(f"{box}.layout.annotations.map((each) => each.text)")
    assert '<b>KV cache precision</b><br><span style="font-size: 10px">(KV_CACHE_PRECISION)</span>' in names
    box = "document.querySelector('[data-figure=importance] .om-plot-box')"
    tune.figure("importance").scroll_into_view_if_needed()
    expect(tune.figure("importance").locator(".main-svg").first).to_be_attached()
    assert any("(INFERENCE_NUM_THREADS)" in each for each in tune.page.evaluate(f"{box}.data[0].y"))


def test_what_the_time_did_not_suffice_for_is_no_failure(open_tune: OpenTune) -> None:
    whole = made_up.sweep_view()
    over = Failure("measure", "time_over", "The time was over before it was measured.", "Give it more time.")
    late = dataclasses.replace(
        whole.results[-1], state=ConfigurationState.WAITING, failure=over, marks=("Not measured: the time was over.",)
    )
    view = dataclasses.replace(whole, results=(*whole.results[:-1], late))
    tune = open_tune(made_up.answers(tune_view=made_up.answer(view)))
    tune.page.get_by_role("button", name="Show 4 more").click()
    row = tune.page.locator('.ot-results [data-configuration="c24"]')
    expect(row).to_contain_text("not measured: the time was over")
    expect(row).not_to_contain_text("failed")
    row.click()
    expect(tune.page.get_by_role("dialog")).to_contain_text("Not measured: the time was over.")
    expect(tune.page.get_by_role("dialog")).not_to_contain_text("Failed at")


def test_a_winner_whose_text_nobody_compared_is_marked(open_tune: OpenTune) -> None:
    whole = made_up.sweep_view()
    results = [dataclasses.replace(each, quality=None) for each in whole.results]
    tune = open_tune(made_up.answers(tune_view=made_up.answer(dataclasses.replace(whole, results=tuple(results)))))
    expect(tune.page.locator(".ot-winner")).to_contain_text("text not compared")


def test_a_text_s_figures_are_told_with_their_intervals_and_what_is_not_sure_is_marked(open_tune: OpenTune) -> None:
    whole = made_up.sweep_view()
    at = next(place for place, each in enumerate(whole.results) if each.quality is not None and each.number > 1)
    before = whole.results[at]
    assert before.quality is not None
    unsure = dataclasses.replace(
        before.quality,
        mean_kl_divergence=0.0085,
        mean_kl_divergence_low=0.0061,
        mean_kl_divergence_high=0.0109,
        perplexity=22.1,
        perplexity_low=18.25,
        perplexity_high=27.0,
        perplexity_change_percent=0.4,
        perplexity_change_low_percent=-0.3,
        perplexity_change_high_percent=1.1,
        changes_text=False,
        is_sure=False,
    )
    results = list(whole.results)
    results[at] = dataclasses.replace(before, quality=unsure, is_best=False)
    view = dataclasses.replace(whole, results=tuple(results))
    link = f"#tune?run=run-1&configuration={before.configuration.configuration_id}"
    drawer = open_tune(made_up.answers(tune_view=made_up.answer(view)), link=link).page.get_by_role("dialog")
    expect(drawer).to_contain_text("0.00850 nats (0.00610 to 0.01090)")
    expect(drawer).to_contain_text("22.100 (18.250 to 27.000)")
    expect(drawer).to_contain_text("+0.4% (−0.3 to +1.1)")
    expect(drawer).to_contain_text("writes like it, not surely")


def test_a_run_like_one_whose_model_s_folder_is_told_in_words_asks_for_that_model(open_tune: OpenTune) -> None:
    view = made_up.sweep_view()
    request = {**view.request, "base": {**view.request["base"], "model_path": f"model folder/{made_up.MODELS[0]}"}}  # type: ignore[dict-item]
    tune = open_tune(made_up.answers(tune_view=made_up.answer(dataclasses.replace(view, request=request))))
    tune.do("more")
    tune.page.get_by_role("menuitem", name="Set one up like this").click()
    assert SweepRequest.model_validate(started(tune)).base.model_path == made_up.MODELS[0]


def test_a_bench_has_a_row_for_each_workload(open_tune: OpenTune) -> None:
    tune = open_tune(made_up.answers(tune_view=made_up.answer(made_up.bench_view())))
    rows = tune.page.locator(".ot-results tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(3)).to_contain_text("pp512+tg128 x4")


# What is done with it


def test_apply_says_what_is_loaded_or_why_nothing_is(open_tune: OpenTune) -> None:
    tune = open_tune()
    tune.do("apply")
    expect(tune.page.locator(".ot-winner .ot-said")).to_contain_text("SmolLM2-135M-Instruct-int8 is loaded")
    assert tune.asked("tune_apply") == [{"run_id": "run-1", "configuration_id": "c18"}]
    refused = {"message": "The bench 'a' measures.", "hint": "Wait until it ends.", "code": "engine_reserved"}
    tune.answer({"tune_apply": {"error": refused}})
    tune.do("apply")
    expect(tune.page.locator(".ot-winner .ot-said")).to_contain_text("The bench 'a' measures. Wait until it ends.")


def test_a_profile_is_named_and_replaced_only_when_that_is_ticked(open_tune: OpenTune) -> None:
    exists = {"message": "There is a profile of that name.", "hint": "", "code": "profile_exists"}
    tune = open_tune(made_up.answers(tune_profile={"error": exists}))
    tune.do("save-profile")
    box = tune.page.get_by_role("dialog", name="Save as profile")
    box.get_by_role("textbox", name="Name").fill("mine")
    box.get_by_role("button", name="Save", exact=True).click()
    expect(box).to_contain_text("There is a profile of that name.")
    tune.answer({"tune_profile": {"words": "mine is saved."}})
    box.get_by_label("Replace the one of this name").check()
    box.get_by_role("button", name="Save", exact=True).click()
    expect(tune.page.locator(".oc-toast")).to_have_text("mine is saved.")
    first, second = tune.asked("tune_profile")
    assert [first["replace"], second["replace"]] == [False, True] and second["configuration_id"] == "c18"
    expect(box).to_have_count(0)
    expect(tune.page.locator('[data-action="save-profile"]').first).to_be_focused()


def test_code_report_and_exports_are_a_click_away(open_tune: OpenTune) -> None:
    tune = open_tune()
    tune.do("code")
    box = tune.page.get_by_role("dialog", name="As code")
    expect(box).to_contain_text("curl http://host/model/load")
    box.get_by_role("radio", name="OpenVINO GenAI").click()
    tune.page.wait_for_function("window.asked.some((each) => each.kind === 'openvino_genai')")
    tune.page.keyboard.press("Escape")
    expect(tune.page.get_by_role("link", name="Report")).to_have_attribute("href", "/tuning/runs/run-1/report")
    tune.do("export")
    expect(tune.page.get_by_role("menuitem", name="Markdown")).to_be_visible()


def test_with_a_use_key_results_are_seen_and_no_button_is_there_that_can_not_be_used(open_tune: OpenTune) -> None:
    heads = (made_up.running_view().head,)
    tune = open_tune(made_up.answers(tune_view=made_up.answer(made_up.running_view(), heads, **USE_ONLY)))
    expect(tune.page.locator(".ot-why")).to_contain_text("needs the administration key")
    expect(tune.page.locator(".ot-results tbody tr").first).to_be_visible()
    for action in ("apply", "save-profile", "code", "tune_pause", "tune_cancel"):
        expect(tune.page.locator(f'[data-action="{action}"]')).to_have_count(0)
    tune.do("new-run")
    expect(tune.page.locator('[data-action="start"]')).to_be_disabled()
    expect(tune.page.locator(".ot-start")).to_contain_text("needs the administration key")


# While it runs


def test_a_running_run_shows_phase_clock_and_best_so_far_and_can_be_paused(open_tune: OpenTune) -> None:
    tune = open_tune(made_up.answers(tune_view=made_up.answer(made_up.running_view())))
    progress = tune.page.locator(".ot-progress")
    expect(progress).to_contain_text("Exploring")
    expect(progress).to_contain_text(re.compile(r"at most 7 min \d+ s left"))
    expect(progress.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"2\d"))
    expect(tune.page.locator(".ot-winner")).to_contain_text("Best so far")
    expect(tune.page.locator('.ot-winner [data-action="apply"]')).to_be_disabled()
    expect(progress).to_contain_text(
        re.compile(r"2 min 3\d s passed")
    )  # the answer said 2 min 28 s, and no other one came
    assert {asked["since_revision"] for asked in tune.asked("tune_view")[2:]} <= {1}
    assert not tune.asked("tune_offers"), "a page that looks at a run that works asks the devices nothing"
    tune.do("tune_pause")
    assert tune.asked("tune_pause") == [{"run_id": "run-1"}]


@pytest.mark.parametrize(
    ("kind", "phase", "counted", "left"),
    [
        ("sweep", "Exploring", "3 of 8 configurations", "at most"),
        ("sweep", "Confirming the best 3", "3 of 8 rounds", "at most"),
        ("sweep", "Comparing texts", "3 of 8 texts", "at most"),
        ("comparison", "Comparing", "3 of 8 rounds", "about"),
        ("bench", "Measuring", "3 of 8 visits", "about"),
    ],
)
def test_what_is_counted_is_named_and_only_a_sweep_s_time_is_a_bound(
    open_tune: OpenTune, kind: str, phase: str, counted: str, left: str
) -> None:
    made = {"sweep": made_up.sweep_view, "comparison": made_up.comparison_view, "bench": made_up.bench_view}[kind]()
    view = dataclasses.replace(
        made,
        head=dataclasses.replace(made.head, state=RunState.RUNNING),
        progress=Progress(phase, "something", 3, 8, 60.0, 400.0),
    )
    tune = open_tune(made_up.answers(tune_view=made_up.answer(view)))
    told = tune.page.locator(".ot-progress-foot span")
    expect(told.nth(0)).to_have_text(counted)
    expect(told.nth(2)).to_have_text(re.compile(rf"^{left} 6 min \d+ s left$"))


def test_cancelling_is_asked_twice(open_tune: OpenTune) -> None:
    tune = open_tune(made_up.answers(tune_view=made_up.answer(made_up.running_view())))
    tune.do("tune_cancel")
    expect(tune.page.locator('[data-action="tune_cancel"]')).to_have_text("Really cancel?")
    assert tune.asked("tune_cancel") == []
    tune.do("tune_cancel")
    tune.page.wait_for_function("window.asked.some((each) => each.question === 'tune_cancel')")


def test_new_numbers_come_in_without_moving_what_is_read_or_held(open_tune: OpenTune) -> None:
    tune = open_tune(made_up.answers(tune_view=made_up.answer(made_up.running_view())))
    row = tune.page.locator('.ot-results [data-configuration="c3"]')
    expect(row).to_be_visible()
    row.focus()
    place = tune.page.locator(".ot-results").bounding_box()
    tune.answer({"tune_view": made_up.answer(made_up.running_view(9), revision=2)})
    expect(tune.page.locator(".ot-results tbody tr")).to_have_count(9)
    expect(row).to_be_focused()
    now = tune.page.locator(".ot-results").bounding_box()
    assert place is not None and now is not None and abs(place["y"] - now["y"]) < 1
    assert tune.page.locator(".ot-heard, .oc-heard").first.get_attribute("aria-live") == "polite"


def test_an_interrupted_run_is_resumed(open_tune: OpenTune) -> None:
    stopped = dataclasses.replace(made_up.running_view(), head=made_up.head(state=RunState.INTERRUPTED))
    tune = open_tune(made_up.answers(tune_view=made_up.answer(stopped)))
    expect(tune.page.locator(".ot-progress")).to_contain_text("What was measured is kept")
    tune.do("tune_resume")
    assert tune.asked("tune_resume") == [{"run_id": "run-1"}]


def test_a_failed_run_is_resumed_too_but_not_one_whose_record_is_damaged(open_tune: OpenTune) -> None:
    view = dataclasses.replace(made_up.running_view(), head=made_up.head(state=RunState.FAILED))
    problem = Failure("run", "disk_full", "The disk was full.")
    tune = open_tune(made_up.answers(tune_view=made_up.answer(dataclasses.replace(view, problem=problem))))
    expect(tune.page.locator('[data-action="tune_resume"]')).to_be_enabled()
    damaged = dataclasses.replace(problem, code="tuning_record_damaged")
    tune = open_tune(made_up.answers(tune_view=made_up.answer(dataclasses.replace(view, problem=damaged))))
    expect(tune.page.locator('[data-action="report"]')).to_be_visible()
    expect(tune.page.locator('[data-action="tune_resume"]')).to_have_count(0)


def test_a_lost_server_is_said_and_found_again(open_tune: OpenTune) -> None:
    tune = open_tune(made_up.answers(tune_view=made_up.answer(made_up.running_view())))
    expect(tune.page.locator(".ot-outcome")).to_be_visible()
    tune.page.evaluate("window.isAway = true")
    expect(tune.page.locator(".om-hint.is-lost")).to_have_text("The server does not answer; trying again.")
    tune.page.evaluate("window.isAway = false")
    expect(tune.page.locator(".om-hint.is-lost")).to_be_hidden()


def test_a_run_that_is_gone_is_said_and_the_others_are_listed(open_tune: OpenTune) -> None:
    gone = made_up.answer(None, (made_up.head("run-2"),), missing="There is no run 'run-9'.")
    tune = open_tune(made_up.answers(tune_view=gone), link="#tune?run=run-9")
    expect(tune.page.locator(".om-empty")).to_contain_text("There is no run 'run-9'.")
    expect(tune.page.locator(".ot-run")).to_have_count(1)


# The forms


def test_without_runs_the_form_is_open_and_one_click_starts_something_useful(open_tune: OpenTune) -> None:
    tune = open_tune(made_up.answers(tune_view=made_up.answer(None)))
    expect(tune.page.locator(".ot-start")).to_contain_text("48 combinations, 10 min")
    assert tune.hash() == SWEEP
    request = SweepRequest.model_validate(started(tune))
    assert request.base == made_up.BASE and request.objectives == ("total_seconds",)
    assert [axis.field.rpartition(".")[2] for axis in request.axes] == [
        "model_path",
        "backend",
        "INFERENCE_NUM_THREADS",
        "PERFORMANCE_HINT",
        "KV_CACHE_PRECISION",
    ]
    assert request.axes[2].values == (None, 1, 2)
    assert tune.hash() == "#tune?run=run-1"


def test_values_are_taken_in_and_out_typed_and_whole_settings_come_and_go(open_tune: OpenTune) -> None:
    tune = open_tune(link=SWEEP)
    axis = tune.page.locator('[data-axis="ov_config.KV_CACHE_PRECISION"]')
    axis.get_by_role("button", name="u4").click()
    axis.get_by_role("button", name="u8").click()
    threads = tune.page.locator('[data-axis="ov_config.INFERENCE_NUM_THREADS"]')
    threads.get_by_label("Another value of Threads").fill("4")
    tune.page.keyboard.press("Enter")
    expect(threads.get_by_label("Another value of Threads")).to_be_focused()
    tune.page.get_by_role("button", name="Do not vary Performance hint").click()
    tune.do("add-axis")
    tune.page.get_by_label("Search settings").fill("hyper")
    tune.page.keyboard.press("Enter")
    expect(tune.page.locator('[data-axis="ov_config.ENABLE_HYPER_THREADING"]')).to_be_visible()
    by_field = {axis.field: axis.values for axis in SweepRequest.model_validate(started(tune)).axes}
    assert by_field["ov_config.KV_CACHE_PRECISION"] == ("f16", "u4")
    assert by_field["ov_config.INFERENCE_NUM_THREADS"] == (None, 1, 2, 4)
    assert by_field["ov_config.ENABLE_HYPER_THREADING"] == (None, True, False)
    assert "ov_config.PERFORMANCE_HINT" not in by_field


def test_what_is_best_is_chosen_in_plain_words(open_tune: OpenTune) -> None:
    tune = open_tune(link=SWEEP)
    tune.page.get_by_label("Most tokens for several users").check()
    tune.page.get_by_label("How many users").fill("4")
    tune.page.get_by_label("Memory at most").fill("1.5")
    request = SweepRequest.model_validate(started(tune))
    assert request.objectives == ("throughput_tokens_per_second",) and request.workload.concurrent_requests == 4
    assert request.memory_limit_bytes == 1_500_000_000
    tune.do("new-run")
    tune.page.get_by_label("Several at once").check()
    tune.page.get_by_role("group", name="Objectives").get_by_label("Soonest first token").check()
    assert len(SweepRequest.model_validate(started(tune)).objectives) == 3


def test_a_field_that_can_not_be_read_is_marked_and_nothing_is_sent(open_tune: OpenTune) -> None:
    tune = open_tune(link=SWEEP)
    tune.page.get_by_label("Budget").fill("soon")
    expect(tune.page.get_by_text("A number.", exact=True)).to_be_visible()
    tune.do("start")
    expect(tune.page.locator(".ot-start")).to_contain_text("A field can’t be read")
    expect(tune.page.get_by_label("Budget")).to_be_focused()
    assert tune.asked("tune_start") == []


def test_what_the_server_refuses_stands_beside_start_and_the_form_stays(open_tune: OpenTune) -> None:
    refused = {"message": "A model is at work.", "hint": "Try again when nothing runs.", "code": "engine_busy"}
    tune = open_tune(made_up.answers(tune_start={"error": refused}), link=SWEEP)
    tune.do("start")
    expect(tune.page.locator(".ot-start")).to_contain_text("A model is at work. Try again when nothing runs.")
    expect(tune.page.locator(".ot-form")).to_be_visible()


def test_other_loaded_models_are_warned_about_and_can_be_unloaded_first(open_tune: OpenTune) -> None:
    tune = open_tune(link=SWEEP)
    tune.page.get_by_label(re.compile("Unload SmolLM2-135M-Instruct-int4 first")).check()
    assert SweepRequest.model_validate(started(tune)).unload_others is True


def test_an_own_value_that_can_not_be_loaded_is_marked_with_the_reason(open_tune: OpenTune) -> None:
    tune = open_tune(link=SWEEP)
    row = tune.page.locator('[data-axis="ov_config.KV_CACHE_PRECISION"]')
    refused = {"field": "ov_config.KV_CACHE_PRECISION", "value": "nope", "words": "The device takes no 'nope'."}
    tune.answer({"tune_offers": {"problem": None, "refused": [refused]}})
    row.get_by_label("Another value of").fill("nope")
    row.get_by_label("Another value of").press("Enter")
    expect(row.locator(".ot-bad")).to_have_text("nope: The device takes no 'nope'.")
    expect(row.locator(".ot-chip.is-bad")).to_have_text("nope")
    (asked,) = [each for each in tune.asked("tune_offers") if each.get("axes")]
    assert "nope" in str(asked["axes"])


def test_another_base_brings_its_own_settings(open_tune: OpenTune) -> None:
    tune = open_tune(link=SWEEP)
    tune.page.get_by_label("Take over from").select_option(label=made_up.MODELS[1])
    request = SweepRequest.model_validate(started(tune))
    assert request.base.model_path == made_up.MODELS[1] and request.base.ov_config == {"KV_CACHE_PRECISION": "u8"}
    asked_for = [asked for asked in tune.asked("tune_offers") if "axes" not in asked]
    bases = [asked["base"] and asked["base"]["model_path"] for asked in asked_for]
    assert bases[-1] == made_up.MODELS[1], "what can vary is asked for anew"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        ("100", "About 33 of them are measured; the search chooses which.*two rounds of each.*in 70% of the time"),
        ("10", "About 7 of them are measured; the search chooses which.*one round of each.*in 75% of the time"),
        ("10000", "48 combinations, .*Likely all of them are measured. .*two rounds of each"),
    ],
)
def test_how_many_a_time_is_enough_for_goes_by_rounds_and_not_by_visits(
    open_tune: OpenTune, minutes: str, words: str
) -> None:
    view = made_up.sweep_view()
    visits = sum(each.visits for each in view.results)
    pace = dataclasses.replace(view, progress=dataclasses.replace(view.progress, elapsed_seconds=50.0 * visits))
    tune = open_tune(made_up.answers(tune_view=made_up.answer(pace)))
    expect(tune.page.locator(".ot-outcome")).to_be_visible()
    tune.do("new-run")
    tune.page.locator('[data-name="budget"]').fill(minutes)
    expect(tune.page.locator(".ot-start")).to_contain_text(re.compile(words))


def test_the_bench_s_sizes_are_the_workloads_that_python_makes_of_them(open_tune: OpenTune) -> None:
    tune = open_tune(link=BENCH)
    tune.page.get_by_label("Prompt sizes").fill("128, 512")
    tune.page.get_by_role("textbox", name="Depth").fill("0 1024")
    tune.page.get_by_role("textbox", name="Users").fill("1,4")
    request = BenchRequest.model_validate(started(tune))
    assert list(request.workloads) == grid([128, 512], [128], [0, 1024], [1, 4])


def test_own_prompts_have_their_own_length_so_none_can_be_typed_or_is_sent(open_tune: OpenTune) -> None:
    tune = open_tune(link=SWEEP)
    length = tune.page.locator('[data-name="prompt_tokens"]:visible')
    length.fill("64")
    tune.page.locator("summary", has_text="Own prompts").click()
    prompts = tune.page.locator('[data-name="prompts"]:visible')
    prompts.fill("Why?\n---\nHow?")
    expect(length).to_be_disabled()
    expect(tune.page.locator(".ot-numbers:visible").first).to_contain_text("own prompts are as long as they are")
    request = started(tune)
    assert request["workload"]["prompts"] == ["Why?", "How?"] and "prompt_tokens" not in request["workload"]
    SweepRequest.model_validate(request)
    tune.do("new-run")
    prompts.fill("")
    expect(length).to_be_enabled()
    assert SweepRequest.model_validate(started(tune)).workload.prompt_tokens == 64, "as it was before"


def test_b_goes_along_with_a_but_for_what_it_has_otherwise(open_tune: OpenTune) -> None:
    tune = open_tune(link=COMPARE)
    told = tune.page.locator('[data-role="differences"]')
    expect(told).to_contain_text("A and B are the same")
    tune.page.locator('[data-editor="b"]').get_by_label("KV_CACHE_PRECISION", exact=True).select_option('"u8"')
    expect(told).to_have_text("B differs: KV cache precision (KV_CACHE_PRECISION) f16 → u8.")
    tune.page.locator('[data-editor="a"] [data-name="backend"]').select_option("optimum")
    request = ComparisonRequest.model_validate(started(tune))
    assert (request.a.backend, request.b.backend) == ("optimum", "optimum")
    assert (request.a.ov_config, request.b.ov_config) == ({"KV_CACHE_PRECISION": "f16"}, {"KV_CACHE_PRECISION": "u8"})


def test_a_run_is_set_up_again_like_one_that_was(open_tune: OpenTune) -> None:
    tune = open_tune()
    tune.do("more")
    tune.page.get_by_role("menuitem", name="Set one up like this").click()
    assert SweepRequest.model_validate(started(tune)) == made_up.sweep_request()


@pytest.mark.parametrize("is_dark", [False, True])
@pytest.mark.parametrize("link", ["", "#tune?run=run-1&configuration=c6", SWEEP, BENCH, COMPARE])
def test_nothing_is_wider_than_a_phone(open_tune: OpenTune, link: str, is_dark: bool) -> None:
    tune = open_tune(link=link, size=PHONE, is_dark=is_dark)
    expect(tune.page.locator(".ot-outcome:visible, .ot-start:visible").first).to_be_visible()
    assert tune.overflow() <= 0
