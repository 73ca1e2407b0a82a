"""The Load tab while an answer is late: what was typed or clicked meanwhile stays."""

from __future__ import annotations

import dataclasses
import functools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Request, expect

import app
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import ProfileStore
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.ui.load_actions import Actions
from openarc_ui.ui.loading import Loading
from tests.browser.conftest import DESKTOP, Watched
from tests.browser.test_load_form import editor, type_json
from tests.conftest import write_script
from tests.model_tasks import made_tasks, no_hub

pytestmark = pytest.mark.browser

TOO_MANY = "100000"
"""Conversations at once that no machine has the memory for, as the estimate is played here."""

SCROLLED = "() => [scrollY, document.querySelector('#oa-load-side').scrollTop]"


class Held:
    """The next call of one method comes to its answer, and tells it when it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        self._real = getattr(owner, name)
        self._is_wanted, self._reached, self._may_go = threading.Event(), threading.Event(), threading.Event()

        @functools.wraps(self._real)
        def late(*values: Any) -> Any:
            answer = self._real(*values)
            if self._is_wanted.is_set():
                self._is_wanted.clear()
                self._reached.set()
                assert self._may_go.wait(60)
            return answer

        monkeypatch.setattr(owner, name, late)

    def hold(self) -> None:
        """The next one."""
        self._reached.clear()
        self._may_go.clear()
        self._is_wanted.set()

    def is_reached(self) -> None:
        """Waits until it is under way."""
        assert self._reached.wait(60), "it was not asked"

    def let_go(self) -> None:
        self._may_go.set()


@pytest.fixture
def engine(tmp_path: Path, make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Two scripted models; the second one recommends an ov_config. So many conversations at once don't fit."""
    write_script(tmp_path / "models" / "first")
    second = write_script(tmp_path / "models" / "second")
    (second / "openarc_profile.json").write_text('{"ov_config": {"NUM_STREAMS": 2}}')
    made = make_engine()
    fit = made.preflight.fit

    def fitting(request: Any, context: int | None = None, sequences: int = 1, **options: Any) -> Any:
        is_red = sequences == int(TOO_MANY)
        return dataclasses.replace(fit(request, context, 1, **options), verdict="red" if is_red else "green")

    monkeypatch.setattr(made.preflight, "fit", fitting)
    return made


PageOf = Callable[[], Page]


@pytest.fixture
def load_page(browser: Browser, engine: Engine, tmp_path: Path) -> Iterator[PageOf]:
    """Serves the page as it is by then, and opens its Load tab once nothing is under way."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    store, conversations = MetricsStore(tmp_path / "m.sqlite3"), ConversationStore(tmp_path / "c.sqlite3")
    runs, watched = TuningRuns(engine, tmp_path / "tuning"), Watched()
    started: list[tuple[uvicorn.Server, threading.Thread]] = []
    context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, reduced_motion="reduce")

    def opened() -> Page:
        settings = Settings(model="none")
        application = app.create_app(
            settings,
            engine,
            store,
            Startup(engine, settings, lambda status: None),
            ProfileStore(tmp_path / "profiles"),
            conversations,
            Exposition(engine.status, store.health),
            runs,
            made_tasks(engine),
            no_hub(),
        )
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        started.append((server, thread))
        while not server.started:
            time.sleep(0.02)
        page = context.new_page()
        watched.watch(page)
        page.goto(address)
        page.get_by_role("tab", name="Load", exact=True).click()
        expect(page.locator("#oa-verdict")).to_contain_text("Ready to load")
        return page

    yield opened
    context.close()
    for server, thread in started:
        server.should_exit = True
        thread.join(timeout=10)
    runs.close()
    conversations.close()
    store.close()
    assert not watched.outside and not watched.errors


def let_go(page: Page, *held: Held) -> None:
    """Let late answers come, and wait until the page has them all and shows them."""
    ended: list[Request] = []

    def note(request: Request) -> None:
        if "/queue/data" in request.url:
            ended.append(request)

    page.on("requestfinished", note)
    page.on("requestfailed", note)  # the page itself ends its stream, once it waits for nothing
    for each in held:
        each.let_go()
    give_up_at = time.monotonic() + 60
    while not ended:
        assert time.monotonic() < give_up_at, "the page still waits for an answer"
        page.wait_for_timeout(20)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def plan_for(page: Page, field: str, text: str) -> None:
    page.locator(f"#oa-fit-{field} input, #oa-fit-{field} textarea").fill(text)


def choose_model(page: Page, name: str) -> None:
    page.locator("#oa-load-model input").click()
    page.get_by_role("option", name=name, exact=True).click()


def test_a_late_look_ahead_takes_no_agreement_away(load_page: PageOf, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Held(monkeypatch, Actions, "_shown")
    page = load_page()
    agreed = page.get_by_label("Load it all the same")
    looks.hold()
    plan_for(page, "context", "2000")
    looks.is_reached()
    plan_for(page, "sequences", TOO_MANY)
    expect(page.locator("#oa-verdict")).to_contain_text("more memory than is free")
    agreed.check()
    expect(page.locator("#oa-verdict")).to_contain_text("Ready to load")
    let_go(page, looks)
    expect(agreed).to_be_checked()
    expect(page.locator("#oa-verdict")).to_contain_text("Ready to load")


def test_a_late_answer_of_an_agreement_does_not_ask_for_it_again(
    load_page: PageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Held(monkeypatch, Actions, "_shown")
    page = load_page()
    plan_for(page, "sequences", TOO_MANY)
    expect(page.locator("#oa-verdict")).to_contain_text("more memory than is free")
    looks.hold()
    page.get_by_role("button", name="Load", exact=True).click()
    expect(page.locator("#oa-load-result [role=alert]")).to_contain_text("It was not loaded")
    looks.is_reached()
    page.get_by_label("Load it all the same").check()
    expect(page.locator("#oa-verdict")).to_contain_text("Ready to load")
    let_go(page, looks)
    expect(page.get_by_label("Load it all the same")).to_be_checked()
    expect(page.locator("#oa-verdict")).to_contain_text("Ready to load")


def test_a_model_chosen_while_the_folder_is_read_stays(load_page: PageOf, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Held(monkeypatch, Actions, "refresh")
    page = load_page()
    folder.hold()
    page.locator("#oa-refresh").click()
    folder.is_reached()
    choose_model(page, "second")
    expect(editor(page)).to_contain_text('"NUM_STREAMS": 2')
    let_go(page, folder)
    expect(page.locator("#oa-load-model input")).to_have_value("second")
    expect(editor(page)).to_contain_text('"NUM_STREAMS": 2')


def test_what_is_typed_while_a_new_model_is_read_stays(load_page: PageOf, monkeypatch: pytest.MonkeyPatch) -> None:
    models = Held(monkeypatch, Actions, "new_model")
    page = load_page()
    models.hold()
    choose_model(page, "second")
    models.is_reached()
    type_json(page, '{"PERF_COUNT": true}')
    expect(page.locator('#oa-config-form [data-name="PERF_COUNT"]')).to_have_value("true")
    page.get_by_role("radio", name="Scripted").check()
    let_go(page, models)
    expect(editor(page)).to_have_text('{"PERF_COUNT": true}')
    expect(page.locator('#oa-config-form [data-name="PERF_COUNT"]')).to_have_value("true")
    expect(page.get_by_role("radio", name="Scripted")).to_be_checked()


def test_json_that_is_half_typed_is_not_replaced_by_a_new_model_s(
    load_page: PageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = Held(monkeypatch, Actions, "new_model")
    page = load_page()
    models.hold()
    choose_model(page, "second")
    models.is_reached()
    type_json(page, '{"PERF_')
    let_go(page, models)
    expect(editor(page)).to_have_text('{"PERF_')


def test_the_result_is_not_brought_into_view_while_a_button_is_pressed(
    load_page: PageOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Held(monkeypatch, Loading, "_require_room")
    page = load_page()
    page.set_viewport_size({"width": DESKTOP[0], "height": 300})
    result = page.locator("#oa-load-result")
    room.hold()
    page.get_by_role("button", name="Load", exact=True).click()
    room.is_reached()
    page.locator("#oa-fit").hover(position={"x": 20, "y": 20})
    before = page.evaluate(SCROLLED)
    page.mouse.down()
    room.let_go()
    expect(result).to_contain_text("first is ready")
    expect(page.locator("#oa-verdict")).to_contain_text("Ready to load")
    page.wait_for_timeout(300)
    assert page.evaluate(SCROLLED) == before, "what is pressed went away from under the mouse"
    expect(result).not_to_be_in_viewport(ratio=0.5)
    page.mouse.up()
    expect(result).to_be_in_viewport(ratio=0.5)
