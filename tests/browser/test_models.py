"""The Models tab in the running program: the starter's GGUF becomes three OpenVINO models that answer, and a model comes from a Hub.

The program is killed in the middle of a conversion and of a download: nothing half-made shows, and both are done afterwards.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.application import Application
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.dashboard import Dashboard
from tests.conftest import SCRIPT
from tests.hub_server import HubServer
from tests.starter_fixture import ensure_starter_gguf

pytestmark = pytest.mark.browser

GGUF = "SmolLM2-135M-Instruct.gguf"
REPOSITORY = "tester/scripted-ov"
WEIGHTS_BYTES = 6_000_000
SLOW_BYTES_A_SECOND = 500_000.0
SECOND_MS = 1000
CONVERSION_MS = 420 * SECOND_MS
"""What one conversion may take; about 50 s on two cores that are free."""


@pytest.fixture(scope="module")
def application() -> None:
    """None for the whole module, in place of the one with the starter loaded: each test has programs of its own."""


@contextmanager
def program_over(models: Path, hub: HubServer | None = None) -> Iterator[Application]:
    """The program without a model, on a model folder and a Hub of this test."""
    endpoint = hub.endpoint if hub is not None else "http://127.0.0.1:9"
    with Application(models, "--model", "none", environment={"OPENARC_HUB_ENDPOINT": endpoint}) as program:
        program.wait()
        yield program
        said = program.log.read_text()
    assert "Traceback" not in said, said


def visible(models: Path) -> set[str]:
    """What shows in the model folder."""
    return {each.name for each in models.iterdir() if not each.name.startswith(".")}


def catalogue(program: Application) -> set[str]:
    return {model["name"] for model in httpx.get(f"{program.address}/models", timeout=30).json()}


def open_tab(open_page: OpenPage, program: Application) -> Dashboard:
    dashboard = open_page(program=program, size=(1280, 900))
    dashboard.tab("Models")
    expect(dashboard.page.locator(".oc.ol .ol-top")).to_be_visible()
    return dashboard


def part(page: Page, name: str) -> None:
    page.locator(f'.ol-top [data-value="{name}"]').click()


def task(page: Page, name: str) -> Locator:
    return page.locator(".ol-task").filter(
        has=page.locator(".ol-task-name", has_text=re.compile(f"^{re.escape(name)}$"))
    )


def state(page: Page, name: str, wanted: str, timeout_ms: float = 60 * SECOND_MS) -> None:
    """Wait until a task stands so."""
    expect(task(page, name)).to_have_attribute("data-state", wanted, timeout=timeout_ms)


def convert(page: Page, label: str, *, is_checked: bool) -> None:
    """Fill the form and start it."""
    part(page, "convert")
    expect(page.get_by_label("Source", exact=True)).to_have_value(GGUF)
    page.get_by_role("radio", name=label, exact=True).click()
    check = page.locator('.ol-convert [data-name="check"]')
    check.check() if is_checked else check.uncheck()
    expect(page.locator(".ol-convert .ol-command")).to_contain_text(f"--weight-format {label.lower()}")
    begin = page.locator('[data-action="convert"]')
    expect(begin).to_be_enabled()
    begin.click()
    expect(task(page, f"SmolLM2-135M-Instruct-{label.lower()}")).to_be_visible()


def kill(program: Application) -> None:
    """As a power cut would: no farewell. Everything it started is gone a moment later."""
    started = psutil.Process(program.process.pid).children(recursive=True)
    program.end(signal.SIGKILL)
    _, alive = psutil.wait_procs(started, timeout=15)
    assert not alive, [" ".join(each.cmdline()) for each in alive]


def answer_by_rest(program: Application, model: str) -> str:
    question = [{"role": "user", "content": "What is the capital of France?"}]
    body = {"model": model, "conversation": question, "max_new_tokens": 24, "do_sample": False}
    told = httpx.post(f"{program.address}/generate/text", json=body, timeout=120)
    assert told.status_code == 200, told.text
    return str(told.json()["generated_text"])


def load(page: Page, program: Application, name: str) -> None:
    """By the button of the finished task."""
    task(page, name).locator('[data-action="load-result"]').click()
    expect(task(page, name)).to_contain_text("✓loaded", timeout=120 * SECOND_MS)
    ready = [model["name"] for model in program.status()["models"] if model["state"] == "ready"]
    assert name in ready


@pytest.mark.model
@pytest.mark.timeout(1500)
def test_the_starter_s_gguf_becomes_fp16_int8_and_int4_and_all_three_answer(
    tmp_path: Path, open_page: OpenPage
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    shutil.copyfile(ensure_starter_gguf(), models / GGUF)
    first, *others = (f"SmolLM2-135M-Instruct-{each}" for each in ("fp16", "int8", "int4"))

    with program_over(models) as program:
        page = open_tab(open_page, program).page
        convert(page, "FP16", is_checked=False)
        expect(task(page, first)).to_contain_text(re.compile(r"\d+% · [\d.]+ [MG]B of memory"), timeout=60 * SECOND_MS)
        page.close()  # before its server: what is open complains of a server that is gone
        kill(program)
    assert visible(models) == {GGUF}, "an interrupted conversion leaves nothing that shows"

    with program_over(models) as program:
        assert catalogue(program) == {GGUF}
        dashboard = open_tab(open_page, program)
        page = dashboard.page
        state(page, first, "interrupted")
        task(page, first).get_by_role("button", name="Begin anew").click()
        state(page, first, "running")
        convert(page, "INT8", is_checked=False)
        convert(page, "INT4", is_checked=True)
        state(page, others[0], "waiting")
        dashboard.picture("models-converting")
        for name in (first, *others):
            state(page, name, "finished", CONVERSION_MS)
        assert visible(models) == {GGUF, first, *others} == catalogue(program)

        for name in (first, *others):
            load(page, program, name)
        # INT4 of a model of 135 million parameters may name another city; that it names one is what counts.
        told = {name: answer_by_rest(program, name) for name in (first, *others)}
        assert "Paris" in told[first] and "Paris" in told[others[0]], told
        assert re.search(r"[A-Za-z]{3,}.*[A-Za-z]{3,}", told[others[1]]), told
        look_at_the_result(dashboard, models, others[1])
        dashboard.tab("Chat")
        dashboard.ask("What is the capital of France?")
        assert dashboard.texts[-1]
        dashboard.picture("models-answer")
        page.close()


def look_at_the_result(dashboard: Dashboard, models: Path, name: str) -> None:
    """What the check measured stands beside the source, and the model's inside can be looked at."""
    page = dashboard.page
    task(page, name).locator(".ol-task-name").click()
    drawer = page.get_by_role("dialog", name=name)
    expect(drawer.locator('tr[data-row="Perplexity"]')).to_contain_text(re.compile(r"\d+\.\d\d.*\d+\.\d\d"))
    expect(drawer.locator('tr[data-row="Decode, tok/s"]')).to_contain_text(re.compile(r"\d+\.\d.*\d+\.\d"))
    expect(drawer.locator(".ol-log")).to_contain_text(re.compile(r"\w"))
    dashboard.picture("models-card")
    card = json.loads((models / name / "openarc_conversion.json").read_text())
    assert card["result_check"]["perplexity"] < 2 * card["source_check"]["perplexity"]
    page.keyboard.press("Escape")
    task(page, name).get_by_role("button", name="Look inside").click()
    expect(page.get_by_role("region", name="In short")).to_contain_text("stateful", timeout=60 * SECOND_MS)
    expect(page.locator('[data-figure="layers"] .main-svg').first).to_be_attached(timeout=60 * SECOND_MS)
    expect(page.get_by_role("region", name="Chat template").locator("tbody tr").first).to_be_visible(
        timeout=120 * SECOND_MS
    )
    dashboard.picture("models-inside")


def test_a_download_is_paused_killed_resumed_and_then_answers(tmp_path: Path, open_page: OpenPage) -> None:
    models = tmp_path / "models"
    models.mkdir()
    files = {
        "script.json": json.dumps(SCRIPT).encode(),
        "README.md": b"# A model that is scripted\n",
        "model.safetensors": bytes(range(250)) * (WEIGHTS_BYTES // 250),
    }
    with HubServer() as hub:
        hub.add_repository(REPOSITORY, files)
        hub.faults.bytes_per_second = SLOW_BYTES_A_SECOND
        with program_over(models, hub) as program:
            page = open_tab(open_page, program).page
            begin_download(page, hub)
            pause_and_go_on(page, hub)
            assert visible(models) == set()
            page.close()
            kill(program)
        sent = hub.settled_bytes().total()
        assert visible(models) == set(), "half a download does not show"
        hub.faults.bytes_per_second = None
        with program_over(models, hub) as program:
            assert catalogue(program) == set() and hub.all_sent_bytes == sent, "nothing goes on by itself"
            dashboard = open_tab(open_page, program)
            page = dashboard.page
            state(page, "scripted-ov", "interrupted")
            task(page, "scripted-ov").get_by_role("button", name="Resume").click()
            state(page, "scripted-ov", "finished")
            whole = sum(len(each) for each in files.values())
            assert hub.all_sent_bytes < whole * 1.25, "what was there was not fetched again"
            assert (models / "scripted-ov" / "model.safetensors").read_bytes() == files["model.safetensors"]
            verify_rename_and_delete(page, program, models)
            dashboard.picture("models-mine")
            page.close()


def begin_download(page: Page, hub: HubServer) -> None:
    """From a pasted address to a download that goes on. The Hub is not asked before."""
    part(page, "hub")
    page.wait_for_timeout(500)
    assert hub.asked == []
    page.get_by_label("Search the Hub").fill(f"https://huggingface.co/{REPOSITORY}")
    page.keyboard.press("Enter")
    expect(page.get_by_label("model.safetensors")).to_be_checked()
    # A script's texts would be played in place of the model: never fetched unless it is asked for by name.
    expect(page.get_by_label("script.json")).not_to_be_checked()
    page.get_by_label("script.json").check()
    page.locator('[data-action="download"]:visible').click()
    expect(task(page, "scripted-ov")).to_contain_text(
        re.compile(r"[\d.]+ of 6\.0 MB · .*/s · .* left"), timeout=30 * SECOND_MS
    )


def pause_and_go_on(page: Page, hub: HubServer) -> None:
    task(page, "scripted-ov").get_by_role("button", name="Pause").click()
    state(page, "scripted-ov", "paused")
    sent = hub.settled_bytes().total()
    time.sleep(1.0)
    assert hub.all_sent_bytes == sent, "a paused download fetches nothing"
    task(page, "scripted-ov").get_by_role("button", name="Resume").click()
    state(page, "scripted-ov", "running")
    before = time.monotonic()
    while hub.all_sent_bytes < sent + 300_000 and time.monotonic() - before < 30:
        page.wait_for_timeout(100)
    assert sent + 300_000 <= hub.all_sent_bytes < WEIGHTS_BYTES


def verify_rename_and_delete(page: Page, program: Application, models: Path) -> None:
    """My models: hashes are compared, the model gets another name, answers under it, and goes."""
    part(page, "mine")
    row = page.locator('tr[data-model="scripted-ov"]')
    row.get_by_role("button", name="Verify").click()
    expect(page.locator('[data-verified="scripted-ov"]')).to_contain_text("files are as they came")
    row.get_by_role("button", name="Rename").click()
    page.get_by_label("New name").fill("mine")
    page.locator('[data-action="rename-now"]').click()
    row = page.locator('tr[data-model="mine"]')
    row.get_by_role("button", name="Load mine", exact=True).click()
    expect(row).to_contain_text("✓loaded", timeout=60 * SECOND_MS)
    assert answer_by_rest(program, "mine") == "The capital of France is Paris."
    expect(row.get_by_role("button", name="Delete")).to_be_disabled()
    row.get_by_role("button", name="Unload").click()
    expect(row.get_by_role("button", name="Delete")).to_be_enabled()
    row.get_by_role("button", name="Delete").click()
    page.locator('[data-name="confirm"]').fill("mine")
    page.locator('[data-action="delete-now"]').click()
    expect(row).to_have_count(0)
    assert visible(models) == set()


def test_offline_is_said_at_once_and_the_library_is_there_all_the_same(tmp_path: Path, open_page: OpenPage) -> None:
    models = tmp_path / "models"
    models.mkdir()
    with program_over(models) as program:
        dashboard = open_tab(open_page, program)
        page = dashboard.page
        expect(page.locator(".ol-library tbody tr[data-model]").nth(8)).to_be_visible()
        dashboard.picture("models-library")
        part(page, "hub")
        page.get_by_label("Search the Hub").fill("qwen")
        began = time.monotonic()
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").filter(has_text="Without the Hub")).to_be_visible()
        assert time.monotonic() - began < 15
        page.close()
        phone = open_page(program=program, size=PHONE)
        for name in ("Load", "Chat", "Tune", "Metrics", "Models"):
            phone.tab(name)  # none is hidden in a menu
        expect(phone.page.locator(".ol-library tbody tr[data-model]").first).to_be_visible()
        assert phone.overflow() == 0
        phone.page.close()
