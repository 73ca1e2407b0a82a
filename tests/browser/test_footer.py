"""The foot of the page: our documentation is one click away on every width, and nothing untrue is offered beside it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.application import Application
from tests.browser.conftest import DESKTOP, PHONE, OpenPage


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_documentation_is_linked_at_the_foot(open_page: OpenPage, size: tuple[int, int]) -> None:
    page = open_page(size=size).page
    link = page.locator("footer").get_by_role("link", name="API documentation")
    expect(link).to_be_visible()
    link.click()
    expect(page.get_by_role("heading", name="Documentation")).to_be_visible()
    page.get_by_role("link", name="OpenArc for OpenAI's clients").click()
    expect(page.get_by_role("button", name="Copy").first).to_be_visible()


def test_the_panel_of_the_api_tells_of_no_other_server_for_agents(browser: Browser, application: Application) -> None:
    # Not by open_page: the panel asks for Gradio's monitoring and MCP schema, which are not served, and the console says so.
    with browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]}) as context:
        page = context.new_page()
        page.goto(application.address)
        expect(page.locator("footer .oa-foot")).to_be_visible()
        page.locator("footer button.show-api").click()
        expect(page.locator(".api-docs li.snippet", has_text="Python").first).to_be_visible()
        expect(page.locator(".api-docs li.snippet", has_text="MCP")).to_be_hidden()
