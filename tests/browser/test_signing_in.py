"""Signing in with either key in a real browser, and what each then sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.application import Application
from tests.browser.conftest import DESKTOP, PHONE, Watched
from tests.conftest import write_script

USE_KEY, ADMINISTRATION_KEY = "use-key-of-the-test", "administration-key-of-the-test"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """The program with two keys and a scripted model."""
    folder = tmp_path_factory.mktemp("models")
    write_script(folder / "script")
    keys = {"OPENARC_API_KEY": USE_KEY, "OPENARC_ADMIN_KEY": ADMINISTRATION_KEY}
    with Application(folder, "--model", "script", "--backend", "scripted", environment=keys) as program:
        program.wait()
        yield program


@contextmanager
def a_page(browser: Browser, size: tuple[int, int] = DESKTOP) -> Iterator[tuple[Page, Watched]]:
    """A page in a browser profile of its own, and what it asked for and complained about."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    page, watched = context.new_page(), Watched()
    watched.watch(page)
    yield page, watched
    context.close()


def sign_in(page: Page, address: str, key: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="OpenArc")).to_be_visible()
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")


def test_a_wrong_key_is_said_on_the_page(browser: Browser, guarded: Application) -> None:
    with a_page(browser, PHONE) as (page, _):
        sign_in(page, guarded.address, "not-the-key-at-all")
        expect(page.get_by_role("alert")).to_contain_text("not the key")


def test_the_use_key_chats_and_can_not_load(browser: Browser, guarded: Application) -> None:
    with a_page(browser) as (page, watched):
        sign_in(page, guarded.address, USE_KEY)
        expect(page.locator("#oa-strip")).to_contain_text("script", timeout=30_000)
        page.get_by_role("tab", name="Load").click()
        expect(page.get_by_text("administration key").first).to_be_visible()
        page.get_by_role("tab", name="Chat").click()
        page.get_by_role("textbox", name="Message").fill("hello")
        page.keyboard.press("Enter")
        expect(page.get_by_text("The capital of France is Paris.").first).to_be_visible()
        _is_quiet(watched)


def test_the_administration_key_can_load(browser: Browser, guarded: Application) -> None:
    with a_page(browser) as (page, watched):
        sign_in(page, guarded.address, ADMINISTRATION_KEY)
        expect(page.locator("#oa-strip")).to_contain_text("script", timeout=30_000)
        page.get_by_role("tab", name="Load").click()
        expect(page.get_by_role("button", name="Load", exact=True).first).to_be_enabled()
        expect(page.get_by_text("needs the administration key")).to_have_count(0)
        _is_quiet(watched)


def _is_quiet(watched: Watched) -> None:
    assert watched.outside == []
    assert watched.errors == []
