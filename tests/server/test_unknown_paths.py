"""A path that nothing serves is answered in our words also where the page is below everything, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.responses import JSONResponse, PlainTextResponse, Response

from openarc_ui.server.gradio_inputs import GradioInputs
from openarc_ui.server.reference.application import bare_api
from openarc_ui.server.unknown_paths import ELSEWHERE, GRADIOS

NOT_FOUND = {"detail": "Not Found"}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """An application in place of the page, with routes that answer 404 in their own ways."""
    page = FastAPI()
    page.add_api_route("/own", lambda: JSONResponse({"detail": "No such file"}, 404))
    page.add_api_route("/text", lambda: PlainTextResponse("x" * len(GRADIOS), 404))
    page.add_api_route("/gradio_api/theirs", lambda: JSONResponse(NOT_FOUND, 404))
    page.add_api_route("/found", lambda: Response(GRADIOS, media_type="application/json"))
    page.add_middleware(GradioInputs, folder=tmp_path)
    return TestClient(page)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_has_our_body(client: TestClient, method: str) -> None:
    answer = client.request(method, "/nope")
    assert answer.status_code == 404 and answer.headers["content-length"] == str(len(answer.content))
    assert answer.json() == {
        "detail": "There is no route '/nope'.",
        "code": "not_found",
        "hint": "/openapi.json lists every route, /docs explains them.",
    }


def test_paths_of_other_servers_say_what_serves_them_here(client: TestClient) -> None:
    for path, hint in ELSEWHERE.items():
        assert client.get(path).json()["hint"] == client.post(f"{path}/", json={}).json()["hint"] == hint


def test_what_they_name_is_there() -> None:
    with bare_api() as api:
        paths = set(api.openapi()["paths"]) | {"/openapi.json", "/v1"}
    for hint in ELSEWHERE.values():
        named = {word.strip(".,;") for word in hint.split() if word.startswith("/")}
        assert named <= paths, hint


def test_other_answers_go_through_as_they_are(client: TestClient) -> None:
    assert client.get("/own").json() == {"detail": "No such file"}
    assert client.get("/text").text == "x" * len(GRADIOS)
    assert client.get("/gradio_api/theirs").json() == NOT_FOUND
    assert client.get("/found").content == GRADIOS
    assert client.head("/nope").status_code == 404
