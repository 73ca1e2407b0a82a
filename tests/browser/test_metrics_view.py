"""The Metrics view alone: what it shows of the server's answers, what it asks for, and what an update costs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import metrics_answers as made_up
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.metrics_page import MetricsPage
from tests.browser.tab_page import Windows, serve_tab

pytestmark = pytest.mark.browser

OpenMetrics = Callable[..., MetricsPage]


@pytest.fixture(scope="module")
def windows(browser: Browser) -> Iterator[Windows]:
    with serve_tab(browser, MetricsPage.tab_of) as served:
        yield served


@pytest.fixture
def open_metrics(windows: Windows) -> Iterator[OpenMetrics]:
    """Opens the view; an outside request or an error on the console fails the test."""
    with windows.opening(MetricsPage, made_up.answers()) as opened:
        yield opened


def test_nothing_is_asked_and_no_plotly_is_loaded_before_the_tab_is_seen(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics(is_open=False)
    metrics.page.wait_for_timeout(300)
    assert metrics.asked("metrics") == []
    assert metrics.page.evaluate("typeof Plotly") == "undefined"
    metrics.tab("Metrics")
    expect(metrics.page.locator('[data-tile="ttft_seconds"] .om-tile-value')).to_have_text("312")
    metrics.tab("Chat")
    asked = len(metrics.asked("metrics"))
    metrics.page.wait_for_timeout(2000)
    assert asked >= 1 and metrics.asked("metrics") == [], "a tab that is not seen asks nothing"


def test_a_tile_says_median_percentiles_and_where_it_is_defined(open_metrics: OpenMetrics) -> None:
    tile = open_metrics().page.locator('[data-tile="ttft_seconds"]')
    expect(tile).to_contain_text("312ms")
    expect(tile).to_contain_text("p90 420 msp99 690 ms")
    expect(tile).to_contain_text("from 10\u202f000 of 1\u202f000\u202f000 requests")
    why = tile.get_by_role("link", name="What TTFT means")
    expect(why).to_have_attribute("href", "/docs/metrics#ttft_seconds")
    expect(why).to_have_attribute("target", "_blank")
    expect(why).to_have_attribute("title", "TTFT: first token - submitted")


def test_seen_goes_back_with_the_next_question_and_only_what_changed_is_drawn(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics(
        made_up.answers(metrics=[made_up.everything(), {"seen": {"revision": 2}, "tiles": made_up.tiles("299")}, {}])
    )
    expect(metrics.figure("timeline").locator(".main-svg").first).to_be_attached()
    draws = "() => { window.draws = 0; for (const name of ['react', 'restyle', 'relayout', 'newPlot']) { const own = Plotly[name]; Plotly[name] = (...all) => { window.draws += 1; return own(...all); }; } }"
    metrics.page.evaluate(draws)
    expect(metrics.page.locator('[data-tile="ttft_seconds"] .om-tile-value')).to_have_text("299")
    metrics.page.wait_for_function(
        "window.asked.filter((each) => each.question === 'metrics').length >= 3", timeout=20_000
    )
    assert metrics.page.evaluate("window.draws") == 0, "a figure that did not change was drawn again"
    assert [each["seen"] for each in metrics.asked("metrics")][:3] == [None, {"revision": 1}, {"revision": 2}]


def test_an_extension_replaces_the_newest_points_of_the_traces_it_names(open_metrics: OpenMetrics) -> None:
    news = {"x": [made_up.moment(59), made_up.moment(60)], "y": [7.0, 8.0], "customdata": [1, 1]}
    part = {"from": made_up.moment(59), "traces": {"decode:qwen3-0.6b": news, "unknown": news}}
    metrics = open_metrics(made_up.answers(metrics=[]))
    metrics.answer({"metrics": [made_up.everything(), {"extend": {"timeline": part}}]})
    metrics.page.wait_for_function(
        "(document.querySelector('[data-figure=timeline] .om-plot-box').data || []).some((each) => each.y.at(-1) === 8)"
    )
    points = metrics.points("timeline")
    assert len(points["decode:qwen3-0.6b"]) == 61 and points["decode:qwen3-0.6b"][-2:] == [7.0, 8.0]
    assert len(points["decode:smollm2-135m"]) == 60, "a trace that was not named stays"


def test_numbers_in_base64_are_drawn_and_extended(open_metrics: OpenMetrics) -> None:
    figure = made_up.timeline(3)
    figure["data"] = [figure["data"][0] | {"y": {"dtype": "f8", "bdata": "AAAAAAAA8D8AAAAAAAAAQAAAAAAAAAhA"}}]
    del figure["data"][0]["customdata"]
    news = {"x": [made_up.moment(3)], "y": {"dtype": "f8", "bdata": "AAAAAAAAEEA="}}
    part = {"from": made_up.moment(3), "traces": {"decode:smollm2-135m": news}}
    answers = [made_up.everything(figures={"timeline": figure}), {"extend": {"timeline": part}}]
    metrics = open_metrics(made_up.answers(metrics=answers))
    metrics.page.wait_for_function(
        "document.querySelector('[data-figure=timeline] .om-plot-box').data?.[0].y.length === 4"
    )
    assert metrics.points("timeline") == {"decode:smollm2-135m": [1.0, 2.0, 3.0, 4.0]}


def test_a_line_with_many_points_is_drawn_without_markers_unless_one_stands_alone(open_metrics: OpenMetrics) -> None:
    figure = made_up.timeline(120)
    for trace in figure["data"]:
        trace["mode"] = "lines+markers"
    figure["data"][1]["y"][40] = figure["data"][1]["y"][42] = None
    metrics = open_metrics(made_up.answers(metrics=[made_up.everything(figures={"timeline": figure})]))
    box = "document.querySelector('[data-figure=timeline] .om-plot-box')"
    metrics.page.wait_for_function(f"{box}.data?.length === 6")
    modes = metrics.page.evaluate(f"{box}.data.map((trace) => trace.mode)")
    assert modes[:2] == ["lines", "lines+markers"]


def test_a_zoom_survives_new_data_and_ends_with_another_filter(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics(made_up.answers(metrics=[made_up.everything()]))
    box = "document.querySelector('[data-figure=timeline] .om-plot-box')"
    metrics.page.wait_for_function(f"{box}.data?.length === 6")
    shown = f"{box}.layout.xaxis.range?.map(Date.parse)"
    place = metrics.figure("timeline").locator(".nsewdrag").first.bounding_box()
    assert place is not None
    middle = place["y"] + place["height"] / 2
    metrics.page.mouse.move(place["x"] + 200, middle)
    metrics.page.mouse.down()
    metrics.page.mouse.move(place["x"] + 500, middle, steps=4)
    metrics.page.mouse.up()
    metrics.page.wait_for_function(f"{box}.layout.xaxis.autorange === false")
    zoomed = metrics.page.evaluate(shown)
    metrics.answer({"metrics": [{"figures": {"timeline": made_up.timeline(61)}}]})
    metrics.page.wait_for_function(f"{box}.data[0].x.length === 61")
    assert metrics.page.evaluate(shown) == zoomed
    metrics.answer({"metrics": [{"figures": {"timeline": made_up.timeline(62)}}]})
    metrics.page.get_by_role("radio", name="6 h").click()
    metrics.page.wait_for_function(f"{box}.data[0].x.length === 62")
    assert metrics.page.evaluate(shown) != zoomed


def test_figures_below_the_window_wait_until_they_come_near(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics(size=(1280, 420))
    expect(metrics.figure("timeline").locator(".main-svg").first).to_be_attached()
    expect(metrics.figure("stages").locator(".main-svg")).to_have_count(0)
    metrics.figure("stages").scroll_into_view_if_needed()
    expect(metrics.figure("stages").locator(".main-svg").first).to_be_attached()
    expect(metrics.figure("concurrency")).to_contain_text("All requests ran alone so far.")


def test_a_figure_is_saved_with_a_name_that_says_what_it_is(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics()
    expect(metrics.figure("timeline").locator(".main-svg").first).to_be_attached()
    with metrics.page.expect_download() as saving:
        metrics.page.get_by_role("button", name="Save Over time as PNG").click()
    assert re.fullmatch(r"openarc-timeline-1h-\d{4}-\d\d-\d\d-\d{4}\.png", saving.value.suggested_filename)
    assert saving.value.path().read_bytes()[:4] == b"\x89PNG"


def test_a_filter_is_chosen_by_keys_alone_and_stands_in_the_address(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics()
    page, button = metrics.page, metrics.page.locator('.om-bar [data-filter="configuration"]')
    expect(page.locator('[data-tile="ttft_seconds"]')).to_be_visible()
    metrics.asked("metrics")
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("conf7")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowUp")
    page.get_by_role("searchbox").fill("")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(button.locator(".om-picker-count")).to_have_text("2")
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert parse_qs(metrics.hash().partition("?")[2]) == {"range": ["1h"], "configuration": ["conf7", "conf0"]}
    page.wait_for_function(
        "window.asked.some((each) => each.question === 'metrics' && each.view.configuration.length === 2)"
    )
    assert metrics.asked("metrics")[-1]["view"]["configuration"] == ["conf7", "conf0"]
    button.click()
    page.get_by_role("button", name="Clear", exact=True).click()
    assert metrics.hash() == "#metrics?range=1h"


def test_an_answer_to_a_filter_that_is_no_longer_wanted_is_not_shown(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics()
    page, value = metrics.page, metrics.page.locator('[data-tile="ttft_seconds"] .om-tile-value')
    expect(value).to_have_text("312")
    metrics.hold()
    metrics.answer({"metrics": [{"tiles": made_up.tiles("1"), "seen": {"revision": 9}}, {"tiles": made_up.tiles("2")}]})
    page.get_by_role("radio", name="6 h").click()
    page.wait_for_function("window.asked.at(-1).view.range === '6h'")
    page.get_by_role("radio", name="7 d").click()
    metrics.let_go()
    expect(value).to_have_text("2")
    questions = metrics.asked("metrics")
    assert questions[-1]["view"]["range"] == "7d" and questions[-1]["seen"] == {"revision": 1}


def test_a_span_of_ones_own_is_checked_before_it_is_taken(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics()
    page = metrics.page
    page.get_by_role("radio", name="Custom").click()
    page.get_by_label("From").fill("2026-11-25T10:00:00")
    page.get_by_label("To (open").fill("2026-11-25T09:00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("It ends before it begins.")
    page.get_by_label("To (open").fill("2026-11-25T11:00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("radio", name=re.compile("25.*–"))).to_have_attribute("aria-checked", "true")
    chosen = {name: float(values[0]) for name, values in parse_qs(metrics.hash()).items() if name in ("since", "until")}
    assert chosen["until"] - chosen["since"] == 3600


def test_a_span_is_read_and_shown_in_the_server_s_zone(open_metrics: OpenMetrics) -> None:
    zone = {"name": "IST", "offset_seconds": 19_800}
    metrics = open_metrics(made_up.answers(metrics=[made_up.everything(zone=zone)]))
    page, chip = metrics.page, metrics.page.locator('.om-bar [data-range="custom"]')
    expect(page.locator('[data-tile="ttft_seconds"]')).to_be_visible()
    chip.click()
    expect(page.get_by_text("In the server’s time: IST (UTC+05:30)")).to_be_visible()
    page.get_by_label("From").fill("1970-01-02T05:30:00")
    page.get_by_role("button", name="Show", exact=True).click()
    assert parse_qs(metrics.hash()[9:]) == {"range": ["custom"], "since": ["86400"]}
    expect(chip).to_have_attribute("title", re.compile(r"05:30 – now, IST \(UTC\+05:30\)"))


def test_what_is_good_in_a_broken_link_counts(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics(link="#metrics?range=7d&modle=x&device=CPU&compare=range%3D30d%26a%3D1", is_open=False)
    expect(metrics.page.locator(".oc-toast")).to_contain_text("“modle” is no filter; “a” is no filter")
    wanted = {"range": ["7d"], "device": ["CPU"], "compare": ["range=30d"]}
    assert parse_qs(metrics.hash()[9:]) == wanted


def test_a_link_restores_filter_request_and_tab(open_metrics: OpenMetrics) -> None:
    link = "#metrics?range=7d&model=qwen3-0.6b&model=gone&device=CPU&request=req-5"
    metrics = open_metrics(link=link, is_open=False)
    expect(metrics.page.get_by_role("tab", name="Metrics")).to_have_attribute("aria-selected", "true")
    expect(metrics.page.locator(".om-drawer")).to_contain_text("Where its time went")
    expect(metrics.page.get_by_role("radio", name="7 d")).to_have_attribute("aria-checked", "true")
    assert metrics.asked("metrics_request") == [{"request_id": "req-5"}]
    view = metrics.asked("metrics")[0]["view"]
    assert (view["model"], view["device"], view["range"]) == (["qwen3-0.6b", "gone"], ["CPU"], "7d")
    assert parse_qs(metrics.hash()[9:]) == parse_qs(link[9:])
    metrics.tab("Chat")
    metrics.page.wait_for_function("location.hash === ''")


def test_a_link_to_a_comparison_opens_it(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics(link="#metrics?range=1h&compare=range%3D24h%26device%3DGPU.0", is_open=False)
    expect(metrics.page.locator(".om-compare")).to_contain_text("better")
    asked = metrics.asked("metrics_compare")[0]
    assert asked["a"]["range"] == "1h" and (asked["b"]["range"], asked["b"]["device"]) == ("24h", ["GPU.0"])


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("range=3h", "“3h” is no range"),
        ("modle=x", "“modle” is no filter"),
        ("range=custom", "needs “since” or “until”"),
        ("range=custom&since=x", "“since” is no moment"),
        ("range=custom&since=5&until=4", "ends before it begins"),
        ("range=1h&request=", "names no request"),
        ("range=1h&compare=range%3Dnever", "“never” is no range"),
        ("range=constructor", "“constructor” is no range"),
    ],
)
def test_a_broken_link_is_told_and_ignored(open_metrics: OpenMetrics, broken: str, says: str) -> None:
    metrics = open_metrics(link=f"#metrics?{broken}", is_open=False)
    expect(metrics.page.locator(".oc-toast")).to_contain_text(says)
    expect(metrics.page.locator('[data-tile="ttft_seconds"]')).to_be_visible()
    assert metrics.hash() == "#metrics?range=1h"


def test_another_hash_is_none_of_its_business(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics(link="#elsewhere", is_open=False)
    assert metrics.hash() == "#elsewhere"
    expect(metrics.page.get_by_role("tab", name="Metrics")).to_have_attribute("aria-selected", "false")


def test_copy_link_and_the_theme_in_the_address_stay(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics(is_dark=True)
    metrics.page.get_by_role("radio", name="All").click()
    metrics.page.get_by_role("button", name="Copy link").click()
    copied = urlsplit(metrics.page.evaluate("navigator.clipboard.readText()"))
    assert copied.query == "__theme=dark" and copied.fragment == "metrics?range=all"
    assert urlsplit(metrics.page.url).query == "__theme=dark"


def test_export_takes_what_is_filtered(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics(link="#metrics?range=24h&model=a%26b&outcome=error&outcome=stop", is_open=False)
    metrics.page.get_by_role("button", name="Export").click()
    with metrics.page.expect_download() as saving:
        metrics.page.get_by_role("menuitem", name="Parquet").click()
    address = urlsplit(saving.value.url)
    wanted = {"format": ["parquet"], "range": ["24h"], "model": ["a&b"], "outcome": ["error", "stop"]}
    assert address.path == "/metrics/export" and parse_qs(address.query) == wanted


def test_a_request_opens_by_key_and_the_next_ones_follow_by_brackets(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics()
    page, drawer = metrics.page, metrics.page.get_by_role("dialog")
    page.locator('[data-request="req-0"]').focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(drawer).to_contain_text("Decode inference")
    expect(drawer).to_contain_text("1610 ms")
    expect(drawer).to_contain_text("OPENARC_KEEP_TEXTS=1")
    expect(drawer.locator(".main-svg").first).to_be_attached()
    page.keyboard.press("]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("[")
    assert [each["request_id"] for each in metrics.asked("metrics_request")] == ["req-1", "req-2", "req-3", "req-2"]
    assert "request=req-2" in metrics.hash()
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(page.locator('[data-request="req-1"]')).to_be_focused()
    assert "request" not in metrics.hash()


def test_texts_of_a_request_are_texts(open_metrics: OpenMetrics) -> None:
    hostile = '<img src=x onerror="window.hit=1">'
    kept = made_up.request(
        messages=[{"role": "user", "text": hostile}], answers=[hostile], title=hostile, error=hostile
    )
    metrics = open_metrics(
        made_up.answers(metrics_request=kept, metrics=[made_up.everything(requests=[made_up.row(0, model=hostile)])])
    )
    metrics.page.locator("[data-request]").click()
    expect(metrics.page.locator(".om-drawer .om-text-body").first).to_have_text(hostile)
    assert metrics.page.locator(".om img").count() == 0 and metrics.page.evaluate("window.hit") is None


def test_copy_as_curl_and_run_again_with_a_prompt_that_is_asked_for(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics()
    page = metrics.page
    page.locator('[data-request="req-0"]').click()
    page.get_by_role("button", name="Copy as curl").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("curl http://127.0.0.1:7860/generate/text")
    page.get_by_role("button", name="Run again").click()
    page.get_by_label("Prompt", exact=True).fill("Why is the sky blue?")
    metrics.hold()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Running with the same settings")).to_be_visible()
    metrics.let_go()
    expect(page.locator(".om-again")).to_contain_text("The sky scatters blue.")
    assert metrics.asked("metrics_again") == [{"request_id": "req-0", "prompt": "Why is the sky blue?"}]
    page.get_by_role("button", name="Open the new request").click()
    page.wait_for_function("location.hash.includes('request=req-new')")


def test_leaving_cancels_what_runs_again(open_metrics: OpenMetrics) -> None:
    kept = made_up.request(messages=[{"role": "user", "text": "Hi"}], answers=["Hello"])
    metrics = open_metrics(made_up.answers(metrics_request=kept))
    metrics.page.locator('[data-request="req-0"]').click()
    metrics.hold()
    metrics.page.get_by_role("button", name="Run again").click()
    metrics.page.get_by_role("button", name="Close (Esc)").click()
    first, second = metrics.asked("metrics_again")
    assert first["request_id"] == "req-0" and first["prompt"] is None and second["cancel"] == "req-0"


@pytest.mark.parametrize(("code", "button"), [("request_not_found", "Close"), ("metrics_unreadable", "Try again")])
def test_a_request_that_can_t_be_shown_is_told_with_what_can_be_done(
    open_metrics: OpenMetrics, code: str, button: str
) -> None:
    wrong = {"error": {"message": "There is no req-0.", "hint": "It may be older than what is kept.", "code": code}}
    metrics = open_metrics(made_up.answers(metrics_request=[wrong, made_up.request()]))
    metrics.page.locator('[data-request="req-0"]').click()
    told = metrics.page.get_by_role("alert")
    expect(told).to_contain_text("It may be older than what is kept.")
    expect(told.get_by_role("button")).to_have_text([button])
    told.get_by_role("button").click()
    drawer = metrics.page.get_by_role("dialog")
    if button == "Close":
        expect(drawer).to_have_count(0)
    else:
        expect(drawer).to_contain_text("Where its time went")


def test_older_requests_follow_on_demand_and_stay_when_new_ones_come(open_metrics: OpenMetrics) -> None:
    older = {"requests": [made_up.row(number) for number in range(50, 60)], "next": None}
    metrics = open_metrics(
        made_up.answers(metrics=[made_up.everything(requests=made_up.rows(50))], metrics_requests=older)
    )
    page, rows = metrics.page, metrics.page.locator("tr[data-request]")
    page.get_by_role("button", name="Show 40 more").click()
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Show 50 older").click()
    expect(rows).to_have_count(60)
    expect(page.get_by_role("button", name="older")).to_have_count(0)
    asked = metrics.asked("metrics_requests")
    assert [(each["before_id"], each["sort"], each["view"]["range"]) for each in asked] == [(951, "newest", "1h")]
    new = made_up.row(0, request_id="req-new", id=1001)
    metrics.answer({"metrics": [{"requests": [new, *made_up.rows(49)]}]})
    expect(rows.first).to_have_attribute("data-request", "req-new")
    expect(rows).to_have_count(61)


def test_the_slowest_come_first_by_a_column_s_head_and_the_drawer_follows_the_list(open_metrics: OpenMetrics) -> None:
    first = {"requests": [made_up.row(7), made_up.row(3)], "next": {"before_id": 997, "sort": "ttft"}}
    second = {"requests": [made_up.row(90)], "next": None}
    metrics = open_metrics(made_up.answers(metrics_requests=[first, second]))
    page, rows = metrics.page, metrics.page.locator("tr[data-request]")
    head = page.locator("thead .om-of-ttft")
    head.get_by_role("button").click()
    expect(rows).to_have_count(2)
    expect(head).to_have_attribute("aria-sort", "descending")
    rows.nth(1).click()
    expect(page.get_by_role("dialog")).to_contain_text("Where its time went")
    page.keyboard.press("]")
    page.wait_for_function("location.hash.includes('request=req-90')")
    page.keyboard.press("Escape")
    assert [(each["before_id"], each["sort"]) for each in metrics.asked("metrics_requests")] == [
        (None, "ttft"),
        (997, "ttft"),
    ]
    head.get_by_role("button").click()
    expect(rows.first).to_have_attribute("data-request", "req-0")
    assert head.get_attribute("aria-sort") is None


def test_further_requests_that_can_t_be_had_are_told(open_metrics: OpenMetrics) -> None:
    wrong = {"error": {"message": "It can’t be read.", "hint": "", "code": "x"}}
    metrics = open_metrics(made_up.answers(metrics_requests=wrong))
    metrics.page.get_by_role("button", name="Total").click()
    expect(metrics.page.locator(".om-requests").get_by_role("alert")).to_have_text("It can’t be read.")


def test_the_rest_of_an_answer_is_asked_for_at_once_and_moves_nothing(open_metrics: OpenMetrics) -> None:
    waits = [each | {"waiting": True, "value": "…", "rows": []} for each in made_up.tiles()]
    quick = {name: part for name, part in made_up.everything().items() if name not in ("roofs", "figures")}
    metrics = open_metrics(made_up.answers(metrics=[]))
    metrics.answer({"metrics": [quick | {"tiles": waits, "more": True}, made_up.everything()]})
    page, tile = metrics.page, metrics.page.locator('[data-tile="total_seconds"]')
    place = page.locator(".om-tile").last.bounding_box()
    began = page.evaluate("performance.now()")
    expect(tile).to_contain_text("2.21s", timeout=20_000)
    assert page.evaluate("performance.now()") - began < 6000
    after = page.locator(".om-tile").last.bounding_box()
    assert place and after and (abs(place["y"] - after["y"]), abs(place["height"] - after["height"])) < (2, 2)
    expect(tile).not_to_have_class(re.compile("is-pale"))


def test_an_extension_that_looks_as_before_draws_nothing(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics()
    box = "document.querySelector('[data-figure=timeline] .om-plot-box')"
    metrics.page.wait_for_function(f"{box}.data?.length === 6")
    last = {uid: values[-1] for uid, values in metrics.points("timeline").items()}
    moment = made_up.moment(59)
    same = {uid: {"x": [moment], "y": [value * 1.0001], "customdata": [3]} for uid, value in last.items()}
    more = {"x": [moment, made_up.moment(60)], "y": [last["ttft:qwen3-0.6b"], 5.0], "customdata": [3, 3]}
    count = "() => { window.draws = []; for (const name of ['react', 'restyle', 'extendTraces']) { const own = Plotly[name]; Plotly[name] = (...all) => { window.draws.push([name, all[2]]); return own(...all); }; } }"
    metrics.page.evaluate(count)
    parts = [{"from": moment, "traces": same}, {"from": moment, "traces": same | {"ttft:qwen3-0.6b": more}}]
    metrics.answer({"metrics": [{"extend": {"timeline": part}} for part in parts]})
    metrics.page.wait_for_function(f"{box}.data[3].y.length === 61", timeout=20_000)
    assert metrics.page.evaluate("window.draws") == [["extendTraces", [3]]]
    assert [len(values) for values in metrics.points("timeline").values()] == [60, 60, 60, 61, 60, 60]


def test_a_time_axis_up_to_now_goes_on_with_new_points_but_not_under_a_zoom(open_metrics: OpenMetrics) -> None:
    figure = made_up.timeline()
    figure["layout"]["xaxis"]["range"] = ["2026-11-26 00:00:00", "2026-11-26 00:59:00"]

    def extended(minute: int) -> dict[str, Any]:
        news = {"x": [made_up.moment(minute)], "y": [50.0], "customdata": [1]}
        part = {"from": made_up.moment(minute), "traces": {"decode:qwen3-0.6b": news}}
        return {"metrics": [{"extend": {"timeline": part}}]}

    metrics = open_metrics(made_up.answers(metrics=[made_up.everything(figures={"timeline": figure})]))
    box = "document.querySelector('[data-figure=timeline] .om-plot-box')"
    metrics.page.wait_for_function(f"{box}.data?.length === 6")
    metrics.answer(extended(60))
    metrics.page.wait_for_function(f"{box}.data[1].x.length === 61", timeout=20_000)
    shown = metrics.page.evaluate(f"{box}.layout.xaxis.range.map((each) => each.slice(11, 19))")
    assert shown == ["00:01:00", "01:00:00"]
    zoom = "[['2026-11-26 00:10:00', '2026-11-26 00:20:00']]"
    metrics.page.evaluate(f"Plotly.relayout({box}, {{'xaxis.range': {zoom}[0]}})")
    metrics.answer(extended(61))
    metrics.page.wait_for_function(f"{box}.data[1].x.at(-1) === '2026-11-26T01:01:00'", timeout=20_000)
    assert metrics.page.evaluate(f"{box}.layout.xaxis.range.map((each) => each.slice(11, 16))") == ["00:10", "00:20"]


def test_a_comparison_starts_with_a_copy_and_says_verdicts_in_words(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics(link="#metrics?range=6h&model=qwen3-0.6b", is_open=False)
    page, compared = metrics.page, metrics.page.locator(".om-compare")
    page.get_by_role("button", name="Compare").click()
    expect(compared.locator('tr[data-verdict="better"]')).to_contain_text("▲ better")
    expect(compared.locator('tr[data-verdict="worse"]')).to_contain_text("▼ worse")
    expect(compared.locator('tr[data-verdict="too few"] .om-interval i')).to_have_count(0)
    ends = compared.locator('tr[data-verdict="better"] .om-interval i').evaluate(
        "(bar) => [bar.offsetLeft, bar.parentElement.clientWidth]"
    )
    assert ends[0] > ends[1] / 2, "an interval above zero lies right of the middle"
    asked = metrics.asked("metrics_compare")[0]
    assert asked["a"] == asked["b"] and asked["a"]["model"] == ["qwen3-0.6b"]
    compared.get_by_role("radio", name="30 d").click()
    page.wait_for_function("window.asked.some((each) => each.question === 'metrics_compare' && each.b.range === '30d')")
    assert "compare=range%3D30d" in metrics.hash()
    compared.get_by_role("button", name="Swap").click()
    page.wait_for_function(
        "window.asked.some((each) => each.question === 'metrics_compare' && each.a.range === '30d' && each.b.range === '6h')"
    )
    compared.get_by_role("button", name="Close").click()
    expect(compared).to_be_hidden()
    assert "compare" not in metrics.hash()


def test_the_roof_says_what_it_means_and_is_measured(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics()
    first = metrics.page.locator(".om-roof").first
    expect(first).to_contain_text("68%")
    expect(first).to_contain_text("more threads won’t help")
    metrics.hold()
    other = metrics.page.locator(".om-roof").nth(1)
    other.get_by_role("button", name="Measure").click()
    expect(other.get_by_role("button", name="Measuring …")).to_be_disabled()
    metrics.let_go()
    expect(other).to_contain_text("19.1 GB/s on CPU.")
    assert metrics.asked("metrics_bandwidth") == [{"device": "GPU.0"}]


def test_an_empty_database_says_what_to_do_and_a_narrow_filter_can_be_widened(open_metrics: OpenMetrics) -> None:
    nothing = {"seen": 1, "empty": {"title": "No requests yet", "text": "Send a message in the Chat tab."}}
    metrics = open_metrics(made_up.answers(metrics=[nothing]))
    expect(metrics.page.locator(".om-empty")).to_contain_text("Send a message in the Chat tab.")
    expect(metrics.page.locator(".om-tiles")).to_be_hidden()
    metrics.answer({"metrics": [made_up.everything()]})
    metrics.page.get_by_role("button", name="Show all time, no filter").click()
    expect(metrics.page.locator(".om-empty")).to_be_hidden()
    expect(metrics.page.locator('[data-tile="ttft_seconds"]')).to_be_visible()
    assert metrics.hash() == "#metrics?range=all"


def test_a_server_that_is_away_leaves_what_is_shown_and_is_asked_ever_more_rarely(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics()
    expect(metrics.page.locator('[data-tile="ttft_seconds"]')).to_be_visible()
    metrics.page.evaluate("window.isAway = true")
    away = metrics.page.get_by_text("The server does not answer; trying again.")
    expect(away).to_be_visible()
    metrics.asked("metrics")
    metrics.page.wait_for_timeout(4000)
    assert len(metrics.asked("metrics")) <= 2
    expect(metrics.page.locator('[data-tile="ttft_seconds"] .om-tile-value')).to_have_text("312")
    metrics.page.evaluate("window.isAway = false")
    expect(away).to_be_hidden(timeout=15_000)


def test_without_a_server_function_the_error_is_shown(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics(has_server=False)
    expect(metrics.page.get_by_text("The server does not answer; trying again.")).to_be_visible()


def test_what_the_database_suffers_from_is_told(open_metrics: OpenMetrics) -> None:
    health = ["12 reports wait: the database is locked by another program."]
    metrics = open_metrics(made_up.answers(metrics=[made_up.everything(health=health)]))
    expect(metrics.page.locator(".om-health")).to_contain_text(health[0])
    metrics.answer(
        {"metrics": [{"health": []}, {"error": {"message": "It can’t be read.", "hint": "Move it away.", "code": "x"}}]}
    )
    expect(metrics.page.locator(".om-health p")).to_have_count(0)
    expect(metrics.page.get_by_text("It can’t be read. Move it away.")).to_be_visible()


@pytest.mark.parametrize(("size", "is_dark"), [(DESKTOP, False), (DESKTOP, True), (PHONE, False)])
def test_the_page_does_not_jump_and_never_scrolls_sideways(
    open_metrics: OpenMetrics, size: tuple[int, int], is_dark: bool
) -> None:
    metrics = open_metrics(made_up.answers(metrics=[]), size=size, is_dark=is_dark)
    shifts = "() => { window.shift = 0; new PerformanceObserver((list) => { for (const each of list.getEntries()) window.shift += each.value; }).observe({ type: 'layout-shift' }); }"
    metrics.page.evaluate(shifts)
    tile = metrics.page.locator(".om-tile").first
    before = tile.bounding_box()
    metrics.answer({"metrics": [made_up.everything(roofs=[])]})
    expect(metrics.figure("timeline").locator(".main-svg").first).to_be_attached()
    after = tile.bounding_box()
    assert before and after and abs(before["y"] - after["y"]) < 1
    assert metrics.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert metrics.page.evaluate("window.shift") < 0.1
    paper = metrics.page.evaluate("document.querySelector('[data-figure=timeline] .om-plot-box').layout.paper_bgcolor")
    assert paper == ("#151c26" if is_dark else "#fff")


def test_another_theme_colours_the_figures_anew(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics()
    box = "document.querySelector('[data-figure=timeline] .om-plot-box')"
    metrics.page.wait_for_function(f"{box}.layout?.paper_bgcolor === '#fff'")
    metrics.page.evaluate("document.body.classList.add('dark')")
    metrics.page.wait_for_function(f"{box}.layout.paper_bgcolor === '#151c26'")


def test_a_later_mount_takes_the_place_of_the_one_before(open_metrics: OpenMetrics) -> None:
    metrics = open_metrics()
    expect(metrics.page.locator('[data-tile="ttft_seconds"]')).to_be_visible()
    metrics.answer({"metrics": [made_up.everything()]})
    metrics.page.evaluate("window.start(true)")
    expect(metrics.page.locator('[data-tile="ttft_seconds"]')).to_have_count(1)
    metrics.asked("metrics")
    metrics.page.wait_for_timeout(3500)
    assert len(metrics.asked("metrics")) <= 3, "the view that is gone still asks"
