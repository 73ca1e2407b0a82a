"""The documentation as pages: what is listed is there, links between pages lead to them, and nothing else is served."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from openarc_ui.server.problems import install_handlers
from openarc_ui.server.routes.docs import DOCUMENTS, PAGES, docs_routes
from tests.server.conftest import Served
from tests.server.test_routes import problem

HREF = re.compile(r'(?:href|src)="([^"]+)"')


@pytest.fixture
def folder(tmp_path: Path) -> TestClient:
    """The routes over two small pages and one that is not for users."""
    (tmp_path / "api.md").write_text(
        "# The API\n\n<!-- not run: it is an example -->\nBegins here. Goes on.\n\n## A `code` heading\n\n"
        "[other](memory.md#the-end) [gone](openai.md) [inside](architecture.md) [file](../README.md) <b>no tag</b>\n\n"
        "| | |\n| --- | --- |\n| base URL | x |\n\n| name | |\n| --- | --- |\n| a | b |\n"
    )
    (tmp_path / "memory.md").write_text(
        "# Memory\n\nHow it fits: so.\n\n## The end\n\n"
        "`curl http://127.0.0.1:7860/status`\n\n    targets: [127.0.0.1:7860]\n"
    )
    (tmp_path / "architecture.md").write_text("# Inside\n")
    api = FastAPI(docs_url=None)
    api.include_router(docs_routes(lambda address: f"at {address}", tmp_path))
    install_handlers(api)
    return TestClient(api)


def test_the_index_lists_what_is_there(folder: TestClient) -> None:
    page = folder.get("/docs").text
    assert f'<a href="/docs/api">The API</a>: {PAGES["api"]}' in page
    assert f'<a href="/docs/memory">Memory</a>: {PAGES["memory"]}' in page
    assert "Inside" not in page and "openai" not in page
    assert {"/openapi.json", "/llms.txt", "/docs"} <= set(HREF.findall(page))


def test_links_between_pages_lead_to_them_and_others_are_text(folder: TestClient) -> None:
    page = folder.get("/docs/api").text
    assert '<a href="/docs/memory#the-end">other</a>' in page and 'id="a-code-heading"' in page
    assert "openai.md" not in page and "architecture" not in page and "README" not in page
    assert "gone" in page and "&lt;b&gt;no tag" in page and "not run" not in page


@pytest.mark.parametrize("name", ["architecture", "apii", "..%2FREADME", "api.md", "x" * 200])
def test_an_unknown_page_is_not_found(folder: TestClient, name: str) -> None:
    answer = folder.get(f"/docs/{name}")
    assert answer.status_code in (404, 422)
    assert set(answer.json()) == {"detail", "code", "hint"}


def test_the_nearest_page_is_named(folder: TestClient) -> None:
    assert folder.get("/docs/memery").json()["hint"] == "Did you mean 'memory'?"
    assert folder.get("/docs/zzz").json()["hint"] == "/docs lists every page."


def test_the_address_in_a_page_is_the_one_it_was_asked_at(folder: TestClient) -> None:
    asked = {"host": "openarc.example:1234"}
    page = folder.get("/docs/memory", headers=asked).text
    assert "curl http://openarc.example:1234/status" in page and "7860" not in page
    assert "targets: [openarc.example:1234]" in page
    assert "<b>" not in folder.get("/docs/memory", headers={"host": "a<b>"}).text


def test_a_table_without_headings_has_no_empty_row_and_one_with_them_keeps_it(folder: TestClient) -> None:
    page = folder.get("/docs/api").text
    assert page.count("<thead>") == 1 and "<th>name</th>" in page and '<td data-heading="">base URL</td>' in page


def test_a_table_of_few_columns_can_be_a_list_on_a_narrow_screen(folder: TestClient) -> None:
    page = folder.get("/docs/api").text
    assert page.count('<table class="listed">') == 1 and page.count("<table>") == 1
    assert '<td data-heading="name">a</td>' in page


def test_a_page_brings_the_script_that_copies_its_examples(serve: Callable[..., Served]) -> None:
    served = serve(load=False)
    (script,) = re.findall(r'<script type="module" src="([^"]+)">', served.client.get("/docs/openai").text)
    code = served.client.get(script)
    assert code.headers["content-type"].startswith("text/javascript")
    for path in re.findall(r'from "([^"]+)"', code.text):
        assert served.client.get(f"{script.rpartition('/')[0]}/{path}").status_code == 200


def test_every_page_is_served_with_links_that_lead_somewhere(serve: Callable[..., Served]) -> None:
    client = serve(load=False).client
    listed = [name for name in PAGES if (DOCUMENTS / f"{name}.md").is_file()]
    assert "api" in listed and "metrics" in listed
    pages = {f"/docs/{name}": client.get(f"/docs/{name}") for name in listed} | {"/docs": client.get("/docs")}
    for where, answer in pages.items():
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html"), where
        for target in HREF.findall(answer.text):
            path, _, anchor = target.partition("#")
            if path.startswith("/docs") or not path:
                assert not anchor or f'id="{anchor}"' in pages[path or where].text, f"{where}: {target}"
            elif path.startswith("/") and path != "/":
                assert client.get(path).status_code == 200, f"{where}: {target}"
            else:
                assert path == "/" or path.startswith("https://"), f"{where}: {target}"
        assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="https?:', answer.text), where


def test_head_is_answered_too(serve: Callable[..., Served]) -> None:
    client = serve(load=False).client
    for path in ("/docs", "/docs/metrics", "/llms.txt"):
        answer = client.head(path)
        assert answer.status_code == 200 and not answer.content
    assert problem(client.get("/docs/no/such"), 404)["code"] == "not_found"
