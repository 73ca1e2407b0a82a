"""The Metrics tab in the running program: requests appear by themselves, and the page, REST, CSV and Prometheus tell the same."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect
from prometheus_client.parser import text_string_to_metric_families

from tests.application import Application
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.dashboard import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.model]

MODEL = "SmolLM2-135M-Instruct-int4"
SECRET = "the zebra at midnight"


@pytest.fixture
def measured(starter_folder: Path) -> Iterator[Application]:
    """A program of its own, since what it counted before would count too."""
    with Application(starter_folder.parent) as program:
        program.wait()
        yield program
        said = program.log.read_text()
    assert "Traceback" not in said, said


@pytest.fixture
def remembering(starter_folder: Path) -> Iterator[Application]:
    """A program that keeps texts."""
    with Application(starter_folder.parent, "--keep-texts") as program:
        program.wait()
        yield program


def generate(program: Application, text: str, **more: object) -> dict[str, object]:
    """One request over REST."""
    body = {"conversation": [{"role": "user", "content": text}], "max_new_tokens": 24, "do_sample": False, **more}
    answered = httpx.post(f"{program.address}/generate/text", json=body, timeout=120)
    assert answered.status_code == 200, answered.text
    found: dict[str, object] = answered.json()
    return found


def rows(page: Page) -> Locator:
    return page.locator("#oa-metrics .om-requests tbody tr")


def tile(page: Page, name: str) -> Locator:
    return page.locator(f'#oa-metrics [data-tile="{name}"]')


def choose(page: Page, dimension: str, value: str) -> None:
    """Tick one value of a filter."""
    page.locator(f'#oa-metrics .om-bar [data-filter="{dimension}"]').click()
    page.get_by_role("checkbox", name=re.compile(value)).check()
    page.keyboard.press("Escape")


def text_of_export(page: Page, name: str) -> str:
    """What the Export menu brings."""
    page.locator('#oa-metrics [data-action="export"]').click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name=re.compile(name)).click()
    path = waiting.value.path()
    return Path(path).read_text(encoding="utf-8")


def families(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample name -> values by model and, for counts of endings, by reason."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = (sample.labels.get("model_name", ""), sample.labels.get("finished_reason", ""))
            if "le" not in sample.labels:
                found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_requests_appear_are_filtered_opened_and_exported_and_every_way_out_tells_the_same(
    measured: Application, open_page: OpenPage
) -> None:
    dashboard = open_page(program=measured, size=(1440, 900))
    page = dashboard.page
    dashboard.ask("Say hello.")
    dashboard.tab("Metrics")
    expect(rows(page)).to_have_count(1)
    for number in range(3):
        generate(measured, f"Count to {number}. {SECRET}", stop=[SECRET])
    expect(rows(page)).to_have_count(4)  # without a reload
    expect(tile(page, "requests")).to_contain_text("4")

    choose(page, "source", "rest")
    expect(rows(page)).to_have_count(3)
    expect(tile(page, "requests").locator(".om-tile-value")).to_have_text("3")
    assert "source=rest" in page.evaluate("location.hash")

    told = httpx.get(f"{measured.address}/metrics/summary", params={"source": "rest", "range": "1h"}).json()
    ttft = told["figures"]["ttft_seconds"]
    decode = told["figures"]["decode_tokens_per_second"]
    expect(tile(page, "ttft_seconds").locator(".om-tile-value")).to_have_text(f"{ttft['p50'] * 1000:.0f}")
    expect(tile(page, "decode_tokens_per_second").locator(".om-tile-value")).to_have_text(f"{decode['p50']:.1f}")

    exported = list(csv.DictReader(io.StringIO(text_of_export(page, "CSV"))))
    assert len(exported) == told["totals"]["requests"] == 3
    assert sum(int(row["generated_tokens"]) for row in exported) == told["totals"]["generated_tokens"]
    assert sorted(float(row["ttft_seconds"]) for row in exported)[1] == pytest.approx(ttft["p50"], rel=1e-9)
    as_json = json.loads(text_of_export(page, "JSON"))
    assert {each["request_id"] for each in as_json} == {row["request_id"] for row in exported}

    counted = families(httpx.get(f"{measured.address}/metrics").text)
    everything = httpx.get(f"{measured.address}/metrics/summary").json()
    assert sum(counted["openarc:generation_tokens_total"].values()) == everything["totals"]["generated_tokens"]
    assert sum(counted["openarc:prompt_tokens_total"].values()) == everything["totals"]["prompt_tokens"]
    assert counted["openarc:time_to_first_token_seconds_count"][MODEL, ""] == 4
    seconds = everything["figures"]["ttft_seconds"]
    assert counted["openarc:time_to_first_token_seconds_sum"][MODEL, ""] == pytest.approx(4 * seconds["mean"], rel=1e-6)

    request_id = exported[0]["request_id"]
    page.locator(f'[data-request="{request_id}"]').click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("Prefill")
    detail = httpx.get(f"{measured.address}/metrics/requests/{request_id}").json()
    expect(drawer).to_contain_text(f"{detail['request']['ttft_seconds'] * 1000:.0f} ms")
    assert SECRET not in page.content()  # texts are not kept unless asked for
    expect(drawer.locator(".js-plotly-plot").first).to_be_visible()
    dashboard.picture("metrics-request")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    assert SECRET.encode() not in measured.database.read_bytes()

    page.reload()
    expect(page.get_by_role("tab", name="Metrics", exact=True)).to_have_attribute("aria-selected", "true")
    expect(rows(page)).to_have_count(3)
    chosen = page.locator('#oa-metrics .om-bar [data-filter="source"]')
    expect(chosen).to_have_attribute("aria-label", re.compile("rest"))


def test_a_request_runs_again_and_two_groups_are_compared(remembering: Application, open_page: OpenPage) -> None:
    for number in range(6):
        generate(remembering, f"Count to {number}.", seed=7)
    dashboard = open_page(program=remembering, size=(1440, 900))
    page = dashboard.page
    dashboard.tab("Metrics")
    rows(page).last.click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("Count to 0.")
    drawer.locator('[data-action="again"]').click()
    expect(drawer.locator('[data-action="open-again"]')).to_be_visible(timeout=60_000)
    drawer.locator('[data-action="open-again"]').click()
    expect(drawer).to_contain_text("again")
    page.keyboard.press("Escape")
    expect(rows(page)).to_have_count(7)
    expect(rows(page).first).to_contain_text("again")
    page.locator('#oa-metrics [data-action="compare"]').click()
    result = page.locator("#oa-metrics .om-compare-result")
    expect(result).to_contain_text("TTFT")
    expect(result).to_contain_text("no real difference")
    dashboard.picture("metrics-compare")


def test_the_tab_fits_a_phone_in_the_dark_and_needs_no_reload_to_begin(
    measured: Application, open_page: OpenPage
) -> None:
    dashboard = open_page(program=measured, size=PHONE, scheme="dark")
    page = dashboard.page
    dashboard.tab("Metrics")
    expect(page.locator("#oa-metrics .om-empty")).to_contain_text("No requests yet")
    generate(measured, "Say hello.")
    expect(rows(page)).to_have_count(1)
    assert dashboard.overflow() <= 0
    rows(page).first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Prefill")
    assert dashboard.overflow() <= 0
    dashboard.picture("metrics-phone-dark")


def test_the_bandwidth_is_measured_by_a_click_and_gives_a_sentence(measured: Application, open_page: OpenPage) -> None:
    generate(measured, "Say hello.")
    dashboard: Dashboard = open_page(program=measured, size=(1440, 900))
    page = dashboard.page
    dashboard.tab("Metrics")
    roof = page.locator("#oa-metrics .om-roof").first
    expect(roof).to_contain_text("not measured yet")
    roof.get_by_role("button", name="Measure").click()
    expect(roof).to_contain_text("of the memory roof", timeout=60_000)
    expect(roof.locator(".om-roof-value")).to_contain_text("GB/s of")
