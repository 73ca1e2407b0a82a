"""The Tune tab in the running program, with the starter: one sweep from the first click, over a killed server, to the winner.

Its time is a budget, which is longer where the program took long to start; so what is asserted holds on a slow machine too.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.application import Application
from tests.browser.conftest import OpenPage
from tests.browser.dashboard import Dashboard
from tests.starter_fixture import ensure_starter

pytestmark = [pytest.mark.browser, pytest.mark.model]

AXES = {
    "model_path",
    "backend",
    "ov_config.INFERENCE_NUM_THREADS",
    "ov_config.PERFORMANCE_HINT",
    "ov_config.KV_CACHE_PRECISION",
}
SECOND_MS = 1000
LEAST_MINUTES, MOST_MINUTES = 2.0, 10.0
STARTS = 12
"""How often the program could have been started in the time of the sweep: a visit, too, is a process and a load."""
TAKEN = re.compile("^(The one to take|Best so far)$")
"""The second where a short budget left too few rounds for a verdict."""
FEWEST_MEASURED, FEWEST_VARIED = 3, 3
"""Configurations, and fields that have more than one value among them."""


@pytest.fixture(scope="module")
def application() -> None:
    """No program beside those that the test starts and kills itself."""


@contextmanager
def program_over(models: Path, tuning: Path) -> Iterator[tuple[Application, float]]:
    """The program with both weights of the starter, its runs where the next one finds them; and after how long it was ready."""
    with Application(models, "--tuning-folder", str(tuning)) as program:
        times = program.wait()
        yield program, times.ready_seconds
        is_killed = program.process.poll() is not None
        said = program.log.read_text()
    assert is_killed or "Traceback" not in said, said


def fill(page: Page, name: str, value: str) -> None:
    """A number of the form that is open."""
    page.locator(f'#oa-tune .ot-form [data-name="{name}"]:visible').fill(value)


def set_up_a_sweep(page: Page, minutes: str) -> None:
    """The form as it opens, with a small workload and a short time."""
    expect(page.locator("#oa-tune .ot-start")).to_be_visible()
    fields = page.locator("#oa-tune .ot-axis")
    expect(fields.first).to_be_visible()
    assert {each.get_attribute("data-axis") for each in fields.all()} >= AXES, "what is worth trying is suggested"
    for name, value in (("prompt_tokens", "64"), ("generated_tokens", "16"), ("budget", minutes)):
        fill(page, name, value)
    for name, value in (("quality-text_tokens", "64"), ("quality-prompts", "1"), ("quality-answer_tokens", "8")):
        fill(page, name, value)
    page.locator("#oa-tune .ot-form summary", has_text="More").click()
    fill(page, "repetitions", "1")


def start(page: Page) -> None:
    page.locator('#oa-tune [data-action="start"]').click()
    expect(page.locator("#oa-tune .ot-progress")).to_be_visible()


def run_state(page: Page) -> Locator:
    return page.locator("#oa-tune .ot-head .ot-mark")


@pytest.mark.timeout(60 * (MOST_MINUTES + 8))
def test_a_sweep_survives_a_kill_and_finds_a_winner_that_is_applied_kept_and_reported(
    starter_folder: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    ensure_starter("int8")
    models, runs = starter_folder.parent, tmp_path / "tuning"
    with program_over(models, runs) as (program, ready_seconds):
        minutes = min(MOST_MINUTES, max(LEAST_MINUTES, STARTS * ready_seconds / 60))
        dashboard = open_page(program=program, size=(1280, 900))
        page = dashboard.page
        expect(dashboard.state).to_have_text("Ready", timeout=60 * SECOND_MS)
        dashboard.tab("Tune")
        set_up_a_sweep(page, f"{minutes:.1f}")
        start(page)
        assert re.fullmatch(r"#tune\?run=[^&]+", page.evaluate("location.hash"))
        the_rest_of_the_page_says_so(dashboard)
        results_fill_in(dashboard, minutes)
        before = visits(program)
        page.close()  # before its server: what is open complains of a server that is gone
        program.process.send_signal(signal.SIGKILL)
        program.process.wait(10)
    with program_over(models, runs) as (program, _):
        assert visits(program) >= before >= 1, "what was measured is read again"
        dashboard = open_page(program=program, size=(1280, 900))
        resumed(dashboard, program, before, minutes)
        came_of_it(dashboard, program)
        apply_and_keep(dashboard.page, program)
        copy_as_code(dashboard.page)
        open_report(dashboard.page, program)
        dashboard.page.close()


def the_rest_of_the_page_says_so(dashboard: Dashboard) -> None:
    """The strip names who has the machine, and a chat is refused with the reason."""
    page = dashboard.page
    expect(page.locator("#oa-strip")).to_contain_text("Chats and loads are refused.")
    dashboard.tab("Chat")
    dashboard.message.fill("What is the capital of France?")
    dashboard.message.press("Enter")
    expect(page.locator("#oa-chat")).to_contain_text("everything else would spoil it")
    dashboard.picture("tune-chat-refused")
    page.get_by_role("link", name="Open the Tune tab").click()
    expect(page.locator("#oa-tune .ot-progress")).to_be_visible()


def results_fill_in(dashboard: Dashboard, minutes: float) -> None:
    """While it runs, the first is measured, and it is the best so far."""
    page = dashboard.page
    measured = page.locator("#oa-tune .ot-results tbody tr", has_text="✓measured")
    expect(measured.first).to_be_visible(timeout=60 * minutes * SECOND_MS)
    expect(page.locator("#oa-tune .ot-winner")).to_contain_text("Best so far")
    expect(run_state(page)).to_have_text("▶Running")
    dashboard.picture("tune-running")


def newest(program: Application) -> dict[str, Any]:
    """The newest run, as REST has it."""
    run = httpx.get(f"{program.address}/tuning/runs", timeout=30).json()[0]["run_id"]
    view: dict[str, Any] = httpx.get(f"{program.address}/tuning/runs/{run}", timeout=30).json()
    return view


def visits(program: Application) -> int:
    """How often something was measured so far, in the newest run."""
    return sum(int(result["visits"]) for result in newest(program)["results"])


def resumed(dashboard: Dashboard, program: Application, before: int, minutes: float) -> None:
    """Resume from the page, to the end."""
    page = dashboard.page
    dashboard.tab("Tune")
    expect(run_state(page)).to_have_text("‖Interrupted")
    page.locator('#oa-tune [data-action="tune_resume"]').click()
    expect(run_state(page)).to_have_text("▶Running")
    expect(run_state(page)).to_have_text("✓Finished", timeout=(60 * minutes + 60) * SECOND_MS)
    assert visits(program) > before


def came_of_it(dashboard: Dashboard, program: Application) -> None:
    """Several combinations of several fields were measured, one is to be taken, and texts were compared."""
    page, view = dashboard.page, newest(program)
    measured = [result for result in view["results"] if result["figures"].get(workload_of(view))]
    values = {field: {str(value_of(result, field)) for result in measured} for field in AXES}
    assert {axis["field"] for axis in view["request"]["axes"]} == AXES
    assert len(measured) >= FEWEST_MEASURED, view["head"]["words"]
    assert sum(len(each) > 1 for each in values.values()) >= FEWEST_VARIED, values
    assert any(result["quality"] for result in view["results"]), view["notes"]
    (best,) = [result for result in view["results"] if result["is_best"]]
    assert best["configuration"]["configuration_id"] == view["best_id"]
    winner = page.locator("#oa-tune .ot-winner")
    expect(winner.locator("h3")).to_have_text(TAKEN)
    expect(winner.locator(".ot-winner-name")).to_have_text(best["configuration"]["label"])
    expect(winner.locator(".ot-tile").first).to_contain_text(re.compile(r"\d.* s"))
    expect(page.locator("#oa-tune .ot-outcome")).to_have_text(view["head"]["words"])
    expect(page.locator("#oa-tune .ot-results tbody tr").nth(FEWEST_MEASURED - 1)).to_be_visible()
    dashboard.picture("tune-outcome")
    figure = page.locator('#oa-tune [data-figure="tradeoff"]')
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".main-svg").first).to_be_visible()
    dashboard.picture("tune-finished")


def workload_of(view: dict[str, Any]) -> str:
    return str(view["request"]["workload"]["name"])


def value_of(result: dict[str, Any], field: str) -> Any:
    """What a configuration has there; the base has what its load says."""
    load, (section, _, name) = result["configuration"]["load"], field.partition(".")
    return load[section].get(name) if name else load[section]


def apply_and_keep(page: Page, program: Application) -> None:
    """The winner answers in the chat, and is among the profiles."""
    winner = page.locator("#oa-tune .ot-winner")
    winner.locator('[data-action="apply"]').click()
    expect(winner.locator(".ot-said")).to_contain_text("is loaded with these settings", timeout=60 * SECOND_MS)
    told = winner.locator(".ot-said").inner_text()
    ready = [model["name"] for model in program.status()["models"] if model["state"] == "ready"]
    assert any(name in told for name in ready), (told, ready)
    winner.locator('[data-action="save-profile"]').click()
    box = page.get_by_role("dialog", name="Save as profile")
    box.get_by_role("textbox", name="Name").fill("found by tuning")
    box.get_by_role("button", name="Save", exact=True).click()
    expect(box).to_have_count(0)
    assert "found by tuning" in httpx.get(f"{program.address}/profiles").text


def copy_as_code(page: Page) -> None:
    """The winner as code, that loads it on another server."""
    page.locator('#oa-tune .ot-winner [data-action="code"]').click()
    box = page.get_by_role("dialog", name="As code")
    expect(box).to_contain_text("/model/load")
    expect(box).to_contain_text("SmolLM2-135M-Instruct-int")
    page.keyboard.press("Escape")
    expect(box).to_have_count(0)


def open_report(page: Page, program: Application) -> None:
    """One page without a script that says of the winner what the page says, and the numbers as a file."""
    heading = page.locator("#oa-tune .ot-winner h3").inner_text()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Report").click()
    report = opened.value
    expect(report.locator("body")).to_contain_text("KV cache precision (KV_CACHE_PRECISION)")
    expect(report.locator("body")).to_contain_text(f"{heading}: ")
    expect(report.locator("svg").first).to_be_visible()
    report.close()
    page.locator('#oa-tune [data-action="export"]').click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name="CSV").click()
    assert "total_median_seconds" in Path(waiting.value.path()).read_text(encoding="utf-8")
