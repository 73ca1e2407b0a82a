"""Chromium, the running program, and a page that fails its test for an outside host or an error on the console."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.application import Application
from tests.browser.dashboard import Dashboard

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
LOCAL_SCHEMES = ("data", "blob", "about")
DESKTOP, PHONE = (1280, 800), (390, 844)


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=20_000)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, or any other that is installed. In CI its absence is a failure."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed; .ci/run installs it")
        pytest.skip("Chromium is not installed: apt-get install chromium")
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    chromium = playwright.chromium.launch(executable_path=found, args=[*QUIET, *(["--no-sandbox"] if is_root else [])])
    yield chromium
    chromium.close()


@pytest.fixture(scope="module")
def application(starter_folder: Path) -> Iterator[Application]:
    """The program with the starter model, ready."""
    with Application(starter_folder.parent) as program:
        program.wait()
        yield program
        said = program.log.read_text()
    assert "Traceback" not in said, said


class Watched:
    """What pages asked for and complained about."""

    def __init__(self) -> None:
        self.outside: list[str] = []
        self.errors: list[str] = []
        self._notes: dict[str, Callable[[Any], None]] = {
            "request": lambda request: self._note(request.url),
            "websocket": lambda socket: self._note(socket.url),
            "pageerror": lambda error: self.errors.append(str(error)),
            "console": lambda said: self.errors.append(said.text) if said.type == "error" else None,
        }

    def watch(self, page: Page) -> None:
        for event, note in self._notes.items():
            page.on(event, note)  # type: ignore[call-overload]

    def leave(self, page: Page) -> None:
        """What it does from now on is another test's."""
        for event, note in self._notes.items():
            page.remove_listener(event, note)

    def _note(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in LOCAL_SCHEMES and parts.hostname != "127.0.0.1":
            self.outside.append(address)


OpenPage = Callable[..., Dashboard]
PagesOf = Callable[[Application], Dashboard]


@pytest.fixture
def open_page(browser: Browser, application: Application) -> Iterator[OpenPage]:
    """Opens the dashboard in a browser profile of its own, or in that of another: `open_page(size=PHONE, scheme="dark")`."""
    contexts: list[BrowserContext] = []
    watched = Watched()

    def opened(
        size: tuple[int, int] = DESKTOP,
        scheme: str = "light",
        program: Application = application,
        beside: Dashboard | None = None,
    ) -> Dashboard:
        window: dict[str, Any] = {"viewport": {"width": size[0], "height": size[1]}, "reduced_motion": "reduce"}
        context = beside.page.context if beside is not None else browser.new_context(**window)
        contexts.append(context)
        page = context.new_page()
        watched.watch(page)
        page.goto(f"{program.address}/?__theme={scheme}")
        expect(page.locator("#oa-strip .oa-state")).to_be_visible()
        expect(page.locator("#oa-chat .oc.is-ready")).to_be_attached()
        return Dashboard(page)

    yield opened
    for context in contexts:
        context.close()
    assert not watched.outside, f"the page called outside hosts: {watched.outside}"
    assert not watched.errors, f"the browser's console has errors: {watched.errors}"


@pytest.fixture
def pages_of(open_page: OpenPage) -> PagesOf:
    """Opens the dashboard of another program than the module's own."""
    return lambda program: open_page(program=program)
