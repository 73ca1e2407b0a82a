"""The Tune tab in the running program, with the starter: a sweep from the first click to the winner, and one whose server is killed."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def program_over(models: Path, tuning: Path) -> Iterator[Application]:
    """The program with both weights of the starter, and its runs where the next program finds them."""
    with Application(models, "--tuning-folder", str(tuning)) as program:
        program.wait()
        yield program
        said = program.log.read_text()
    assert "Traceback" not in said, said


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


def test_a_sweep_finds_a_winner_that_is_applied_kept_and_reported(
    starter_folder: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    ensure_starter("int8")
    with program_over(starter_folder.parent, tmp_path / "tuning") as program:
        dashboard = open_page(program=program, size=(1280, 900))
        page = dashboard.page
        expect(dashboard.state).to_have_text("Ready", timeout=60 * SECOND_MS)
        dashboard.tab("Tune")
        set_up_a_sweep(page, "1.5")
        start(page)
        assert re.fullmatch(r"#tune\?run=[^&]+", page.evaluate("location.hash"))

        # The rest of the page says so.
        expect(page.locator("#oa-strip")).to_contain_text("Chats and loads are refused.")
        dashboard.tab("Chat")
        dashboard.message.fill("What is the capital of France?")
        dashboard.message.press("Enter")
        expect(page.locator("#oa-chat")).to_contain_text("everything else would spoil it")
        dashboard.picture("tune-chat-refused")
        page.get_by_role("link", name="Open the Tune tab").click()
        expect(page.locator("#oa-tune .ot-progress")).to_be_visible()

        # Results fill in while it runs.
        rows = page.locator("#oa-tune .ot-results tbody tr")
        expect(rows.filter(has_text="measured").first).to_be_visible(timeout=60 * SECOND_MS)
        expect(page.locator("#oa-tune .ot-winner")).to_contain_text("Best so far")
        dashboard.picture("tune-running")

        expect(run_state(page)).to_have_text("✓Finished", timeout=150 * SECOND_MS)
        winner = page.locator("#oa-tune .ot-winner")
        expect(winner).to_contain_text("The one to take")
        expect(winner.locator(".ot-tile").first).to_contain_text(re.compile(r"\d.* s"))
        expect(rows.nth(1)).to_be_visible()
        dashboard.picture("tune-outcome")
        figure = page.locator('#oa-tune [data-figure="tradeoff"]')
        figure.scroll_into_view_if_needed()
        expect(figure.locator(".main-svg").first).to_be_visible()
        dashboard.picture("tune-finished")
        apply_and_keep(page, program)
        open_report(page, program)
        page.close()  # before its server: what is open complains of a server that is gone


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


def open_report(page: Page, program: Application) -> None:
    """One page without a script, and the numbers as a file."""
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Report").click()
    report = opened.value
    expect(report.locator("body")).to_contain_text("KV_CACHE_PRECISION")
    expect(report.locator("svg").first).to_be_visible()
    report.close()
    page.locator('#oa-tune [data-action="export"]').click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name="CSV").click()
    assert "total_median_seconds" in Path(waiting.value.path()).read_text(encoding="utf-8")


def test_a_sweep_whose_server_is_killed_goes_on_from_the_page_where_it_was(
    starter_folder: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    ensure_starter("int8")
    with Application(starter_folder.parent, "--tuning-folder", str(tmp_path / "tuning")) as program:
        program.wait()
        dashboard = open_page(program=program)
        page = dashboard.page
        dashboard.tab("Tune")
        set_up_a_sweep(page, "1")
        page.get_by_label(re.compile("Compare the text")).uncheck()
        start(page)
        measured = page.locator("#oa-tune .ot-results tbody tr", has_text="✓measured")
        expect(measured.first).to_be_visible(timeout=60 * SECOND_MS)
        expect(run_state(page)).to_have_text("▶Running")
        before = visits(program)
        page.close()
        program.process.send_signal(signal.SIGKILL)
        program.process.wait(10)
    with program_over(starter_folder.parent, tmp_path / "tuning") as program:
        assert visits(program) >= before >= 1, "what was measured is read again"
        dashboard = open_page(program=program)
        resumed(dashboard, program, before)
        dashboard.page.close()


def visits(program: Application) -> int:
    """How often something was measured so far, in the newest run."""
    run = httpx.get(f"{program.address}/tuning/runs").json()[0]["run_id"]
    view = httpx.get(f"{program.address}/tuning/runs/{run}").json()
    return sum(int(result["visits"]) for result in view["results"])


def resumed(dashboard: Dashboard, program: Application, before: int) -> None:
    """Resume from the page, to the end."""
    page = dashboard.page
    dashboard.tab("Tune")
    expect(run_state(page)).to_have_text("‖Interrupted")
    page.locator('#oa-tune [data-action="tune_resume"]').click()
    expect(run_state(page)).to_have_text("▶Running")
    expect(run_state(page)).to_have_text("✓Finished", timeout=100 * SECOND_MS)
    expect(page.locator("#oa-tune .ot-winner")).to_contain_text("The one to take")
    assert visits(program) > before
