"""The form of settings while it is made anew: whoever types goes on typing. Its script alone, in a page of nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from openarc_ui.ui import option_form

pytestmark = pytest.mark.browser

SCRIPT = Path(option_form.__file__).parents[2] / "assets" / "option_form.js"
START = """([source, state]) => {
  window.props = { value: {}, state };
  const watching = [];
  new Function("element", "props", "trigger", "watch", source)(document.body, props, () => {}, (_, then) => watching.push(then));
  window.answer = (state) => { props.state = state; watching.forEach((each) => each()); };
}"""


def spec(key: str, *names: str) -> dict[str, Any]:
    """A form as the server describes it; `key` tells one from another."""
    plain = {
        "kind": "text",
        "help": "",
        "html": "",
        "default": "",
        "choices": [],
        "words": [],
        "devices": [],
        "unit": "",
    }
    numbers = {"minimum": None, "maximum": None, "expected_maximum": None, "is_common": True}
    options = [{"name": name, **plain, **numbers} for name in names]
    return {"spec": {"form": "f", "key": key, "groups": [{"title": "All", "options": options}]}, "findings": []}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content('<div class="oa-form"></div>')
    page.evaluate(START, [SCRIPT.read_text(encoding="utf-8"), spec("one", "FIRST", "SECOND")])
    yield page
    page.close()
    assert errors == []


def answer(page: Page, state: dict[str, Any]) -> None:
    page.evaluate(f"window.answer({json.dumps(state)})")


def test_a_field_that_is_typed_in_goes_on_in_the_new_form(page: Page) -> None:
    field = page.locator('[data-name="SECOND"]')
    field.click()
    page.keyboard.type("10")
    page.keyboard.press("ArrowLeft")
    answer(page, spec("another", "SECOND", "THIRD"))
    expect(page.locator('[data-name="THIRD"]')).to_be_visible()
    page.keyboard.type("4")
    expect(field).to_have_value("140")
    assert page.evaluate("props.value") == {"SECOND": "140"}


def test_the_search_field_keeps_its_place_too(page: Page) -> None:
    page.get_by_label("Find a setting").click()
    page.keyboard.type("sec")
    answer(page, spec("another", "SECOND", "THIRD"))
    page.keyboard.type("ond")
    expect(page.get_by_label("Find a setting")).to_have_value("second")
    expect(page.locator('[data-name="SECOND"]')).to_be_visible()
    expect(page.locator('[data-name="THIRD"]')).to_be_hidden()


def test_a_field_that_the_new_form_has_not_leaves_the_focus(page: Page) -> None:
    page.locator('[data-name="FIRST"]').click()
    answer(page, spec("another", "SECOND"))
    expect(page.locator('[data-name="FIRST"]')).to_have_count(0)
    page.keyboard.type("lost")
    assert page.evaluate("props.value") == {}
