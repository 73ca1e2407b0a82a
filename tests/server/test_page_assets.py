"""The page's own scripts: what is served, how, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from openarc_ui.server.page_assets import ASSETS, FOLDERS, mount_page_assets
from openarc_ui.settings import Settings
from tests.server.conftest import Served


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """assets/ with a script in each folder that is served, and a secret beside them."""
    for folder in FOLDERS:
        (tmp_path / folder / "deep").mkdir(parents=True)
    (tmp_path / "chat" / "view.js").write_text("export const one = 1;")
    (tmp_path / "vendor" / "deep" / "style.css").write_text("p {}")
    (tmp_path / "vendor" / "LICENSE").write_text("MIT")
    (tmp_path / "secret.js").write_text("no")
    (tmp_path / "chat" / "link.js").symlink_to(tmp_path / "secret.js")
    return tmp_path


@pytest.fixture
def client(assets: Path) -> TestClient:
    api = FastAPI()
    mount_page_assets(api, assets)
    return TestClient(api)


def test_scripts_and_styles_have_types_a_browser_runs(client: TestClient) -> None:
    script = client.get("/page-assets/chat/view.js")
    assert (script.text, script.headers["content-type"]) == ("export const one = 1;", "text/javascript; charset=utf-8")
    style = client.get("/page-assets/vendor/deep/style.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert client.get("/page-assets/vendor/LICENSE").status_code == 200


def test_a_file_is_asked_for_again_and_sent_again_only_when_it_changed(client: TestClient, assets: Path) -> None:
    first = client.get("/page-assets/chat/view.js")
    assert first.headers["cache-control"] == "no-cache"
    known = {"if-none-match": first.headers["etag"]}
    again = client.get("/page-assets/chat/view.js", headers=known)
    assert (again.status_code, again.content, again.headers["cache-control"]) == (304, b"", "no-cache")
    (assets / "chat" / "view.js").write_text("export const two = 2;  // changed")
    assert "two" in client.get("/page-assets/chat/view.js", headers=known).text


@pytest.mark.parametrize(
    "path",
    ["secret.js", "chat/../secret.js", "chat/%2e%2e/secret.js", "chat/..%2fsecret.js", "chat/link.js", "chat/", "chat"],
)
def test_nothing_else_of_the_folder_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"/page-assets/{path}").status_code == 404


def test_they_are_behind_the_guard(serve: Callable[..., Served]) -> None:
    key = "correct-horse-battery"
    served = serve(Settings(model="none", api_key=SecretStr(key)))
    path = f"/page-assets/chat/{next((ASSETS / 'chat').rglob('*.js')).relative_to(ASSETS / 'chat').as_posix()}"
    assert served.client.get(path).status_code == 401
    allowed: httpx.Response = served.client.get(path, headers={"X-API-Key": key})
    assert allowed.status_code == 200 and "default-src 'self'" in allowed.headers["content-security-policy"]
