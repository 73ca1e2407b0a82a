"""The address names the tab that is shown: a link opens it, and choosing a tab writes it, so that a reload stays there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.application import Application
from tests.browser.conftest import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.model]


def shown(page: Page, name: str) -> None:
    expect(page.locator("#oa-tabs").get_by_role("tab", name=name, exact=True)).to_have_attribute(
        "aria-selected", "true"
    )


@pytest.mark.parametrize(("address", "name"), [("#load", "Load"), ("#tune?new=bench", "Tune"), ("#lode", "Chat")])
def test_an_address_opens_its_tab_and_one_that_names_none_the_chat(
    address: str, name: str, open_page: OpenPage, application: Application
) -> None:
    page = open_page().page.context.new_page()
    page.goto(f"{application.address}/{address}")
    expect(page.locator("#oa-chat .oc.is-ready")).to_be_attached()
    shown(page, name)


def test_choosing_a_tab_writes_its_address_and_leaves_no_other_behind(open_page: OpenPage) -> None:
    page = open_page().page
    assert page.evaluate("location.hash") == ""
    for name in ("Load", "Models", "Chat", "Metrics", "Load", "Tune", "Chat"):
        page.locator("#oa-tabs").get_by_role("tab", name=name, exact=True).click()
        page.wait_for_function("name => new RegExp(`^#${name}([?]|$)`).test(location.hash)", arg=name.lower())
        page.wait_for_timeout(200)  # a view that is left puts its own address away
        assert page.evaluate("location.hash").startswith(f"#{name.lower()}")
    for name in ("Load", "Metrics", "Chat"):
        page.evaluate("name => { window.location.hash = name; }", name.lower())
        shown(page, name)
