"""A profile's file is read in the browser: it reaches the form, and nothing is uploaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.model]


def test_a_profile_comes_from_a_file_without_an_upload(open_page: OpenPage, tmp_path: Path) -> None:
    file = tmp_path / "given.json"
    file.write_text('{"version": 1, "name": "given by hand", "load": {"model_path": "SmolLM2-135M-Instruct-int4"}}')
    dashboard = open_page()
    page = dashboard.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    dashboard.tab("Load")
    page.get_by_role("button", name="Save, export or import a profile").click()
    for words in ("given by hand is imported", "There is a profile 'given by hand' already"):
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Import a file").click()
        chooser.value.set_files(file)
        expect(page.locator("#oa-profile-note")).to_contain_text(words)
    assert asked and not any("/upload" in url for url in asked)
