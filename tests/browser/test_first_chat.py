"""From the open page to an answer, a stop, its numbers, and a crash: what a first-time user does."""

from __future__ import annotations

import os
import signal
import time

import pytest
from playwright.sync_api import expect

from tests.application import Application
from tests.browser.conftest import OpenPage
from tests.browser.dashboard import WATCH_ANSWER, Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.model]

QUESTION = "What is the capital of France?"


SOON_SECONDS = 10.0
"""A stop takes a tenth of a second on a quiet machine; what is stopped would go on for a minute."""


def idle_after(application: Application, seconds: float) -> float:
    """Seconds until no model runs anything."""
    began_at = time.perf_counter()
    while any(model["running"] or model["queued"] for model in application.status()["models"]):
        assert time.perf_counter() - began_at < seconds, "the engine still generates"
        time.sleep(0.005)
    return time.perf_counter() - began_at


def test_paris_streams_in_and_stop_frees_the_engine_and_metrics_shows_both(
    application: Application, open_page: OpenPage
) -> None:
    dashboard = open_page()
    page = dashboard.page
    expect(dashboard.state).to_have_text("Ready")
    page.evaluate(WATCH_ANSWER)
    dashboard.send(QUESTION)
    expect(dashboard.answers.last).to_contain_text("Paris")
    tokens, _, throughput, ending = dashboard.figures().groups()
    assert int(tokens) > 3 and float(throughput) > 0 and ending == "stop"
    expect(dashboard.message).to_have_value("")

    page.evaluate("() => { window.seenTexts = []; }")
    dashboard.start_long_answer()
    expect(dashboard.state).to_have_text("Generating")
    page.wait_for_function("() => window.seenTexts.length >= 4")  # it is seen to grow while it is made
    dashboard.stop.click()
    idle_seconds = idle_after(application, SOON_SECONDS)
    stopped_tokens, _, _, ending = dashboard.figures().groups()
    assert ending == "stopped by you" and 0 < int(stopped_tokens) < 2000
    print(f"idle {idle_seconds * 1000:.0f} ms after the click on Stop")
    expect(dashboard.stop).to_be_hidden()
    dashboard.picture("chat")

    dashboard.tab("Metrics")
    rows = page.locator("#oa-metrics .om-requests tbody tr")
    expect(rows).to_have_count(2)
    latest, first = rows.nth(0), rows.nth(1)
    expect(first.locator(".om-of-outcome")).to_have_text("finished")
    expect(first.locator(".om-of-generated")).to_have_text(f"{tokens} tok")
    expect(first.locator(".om-of-decode")).to_have_text(f"{throughput} tok/s")
    expect(latest.locator(".om-of-outcome")).to_contain_text("cancelled")
    expect(latest.locator(".om-of-generated")).to_have_text(f"{stopped_tokens} tok")
    expect(page.locator('#oa-metrics [data-tile="requests"]')).to_contain_text("cancelled 1")
    expect(page.locator("#oa-metrics [data-figure]")).to_have_count(8)
    dashboard.picture("metrics")


def test_escape_stops_and_a_closed_page_stops(application: Application, open_page: OpenPage) -> None:
    dashboard = open_page()
    dashboard.start_long_answer()
    dashboard.page.keyboard.press("Escape")
    idle_after(application, SOON_SECONDS)
    assert dashboard.figures()[4] == "stopped by you"
    dashboard.start_long_answer()
    dashboard.page.close()
    idle_after(application, SOON_SECONDS)


def test_two_pages_do_not_see_each_other(open_page: OpenPage) -> None:
    one, other = open_page(), open_page()
    one.send("My name is Ada.")
    one.figures()
    expect(other.answers).to_have_count(0)
    other.start_long_answer()
    one.send(QUESTION)
    one.figures()
    expect(other.stop).to_be_visible()
    other.stop.click()
    assert other.figures()[4] == "stopped by you"


def test_an_example_is_asked_by_a_click_and_a_new_chat_is_empty(open_page: OpenPage) -> None:
    dashboard = open_page()
    dashboard.page.locator("#oa-chat").get_by_text(QUESTION).click()
    expect(dashboard.answers.last).to_contain_text("Paris")
    dashboard.figures()
    dashboard.page.get_by_role("button", name="New chat").first.click()
    expect(dashboard.answers).to_have_count(0)
    expect(dashboard.page.get_by_text("Ask something")).to_be_visible()
    expect(dashboard.conversations).to_have_text([QUESTION])


def test_a_killed_worker_is_told_and_one_click_loads_it_again(application: Application, open_page: OpenPage) -> None:
    dashboard = open_page()
    dashboard.start_long_answer()
    os.kill(application.status()["models"][0]["process_id"], signal.SIGKILL)
    expect(dashboard.facts).to_contain_text("SIGKILL")
    expect(dashboard.state).to_have_text("Failed")
    dashboard.tab("Load")
    dashboard.picture("failed")
    dashboard.page.get_by_role("button", name="Load again").click()
    expect(dashboard.state).to_have_text("Ready", timeout=60_000)
    expect(dashboard.page.locator("#oa-load-result")).to_contain_text("is ready")
    dashboard.tab("Chat")
    ask_paris(dashboard)


def ask_paris(dashboard: Dashboard) -> None:
    dashboard.page.get_by_role("button", name="New chat").first.click()
    expect(dashboard.answers).to_have_count(0)
    dashboard.page.get_by_label("Ignore end of text", exact=True).uncheck()
    dashboard.send(QUESTION)
    expect(dashboard.answers.last).to_contain_text("Paris")
    dashboard.figures()
