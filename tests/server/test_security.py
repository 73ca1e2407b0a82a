"""The guard: who gets in, from where, and that the key is never told."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from openarc_ui.server.security import MAX_BODY_BYTES, MAX_FAILED_LOGINS
from openarc_ui.settings import Settings
from tests.server.conftest import HELLO, Served

KEY = "correct-horse-battery"


@pytest.fixture
def locked(serve: Callable[..., Served]) -> Served:
    """A server that wants a key."""
    return serve(Settings(model="none", api_key=SecretStr(KEY)))


def test_every_route_is_closed_without_the_key(locked: Served) -> None:
    document = locked.client.get("/openapi.json", headers={"X-API-Key": KEY}).json()
    closed = [("GET", "/openapi.json"), ("GET", "/"), ("POST", "/gradio_api/queue/join")]
    closed += [(method.upper(), path) for path, operations in document["paths"].items() for method in operations]
    for method, path in closed:
        response = locked.client.request(method, path.replace("{request_id}", "x"))
        expected = 200 if path in ("/health", "/readyz") else 401
        assert response.status_code in (expected, 503 if path == "/readyz" else expected), f"{method} {path}"


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY}"}, {"X-API-Key": KEY}]
)
def test_the_key_opens(locked: Served, headers: dict[str, str]) -> None:
    assert locked.client.post("/generate/text", json=HELLO, headers=headers).status_code == 200


@pytest.mark.parametrize("wrong", ["", "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer \xff"])
def test_a_wrong_key_does_not(locked: Served, wrong: str) -> None:
    response = locked.client.get("/status", headers={"Authorization": wrong.encode("latin-1")})
    assert response.status_code == 401
    assert response.json()["code"] == "unauthorized"


def test_a_browser_logs_in_once_and_has_a_session(locked: Served) -> None:
    page = locked.client.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    form = locked.client.get("/login")
    assert form.status_code == 200 and "API key" in form.text
    assert locked.client.post("/login", data={"key": "wrong"}).status_code == 401
    entered = locked.client.post("/login", data={"key": KEY})
    assert entered.status_code == 303
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and KEY not in cookie
    assert locked.client.get("/status").status_code == 200
    locked.client.cookies.clear()
    assert locked.client.get("/status").status_code == 401


def test_guessing_at_the_login_is_slowed_down(locked: Served) -> None:
    answers = [
        locked.client.post("/login", data={"key": f"guess{n}"}).status_code for n in range(MAX_FAILED_LOGINS + 1)
    ]
    assert answers == [401] * MAX_FAILED_LOGINS + [429]
    assert locked.client.post("/login", data={"key": KEY}).status_code == 429


def test_the_key_is_in_no_log(locked: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for key in (KEY, "almost-" + KEY):
        locked.client.get("/status", headers={"Authorization": f"Bearer {key}"})
        locked.client.post("/login", data={"key": key})
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert KEY not in "\n".join(ours)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "localhost.evil"])
def test_another_host_name_is_refused(served: Served, host: str) -> None:
    assert served.client.get("/status", headers={"Host": host}).json()["code"] == "bad_host"


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1", "[::1]:7860"])
def test_names_of_this_machine_are_served(served: Served, host: str) -> None:
    assert served.client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil"])
def test_another_origin_is_refused(served: Served, origin: str) -> None:
    response = served.client.post("/generate/text", json=HELLO, headers={"Origin": origin})
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


def test_the_pages_own_origin_is_served(served: Served) -> None:
    assert served.client.post("/generate/text", json=HELLO, headers={"Origin": served.address}).status_code == 200


def test_a_body_beyond_the_limit_is_refused(served: Served) -> None:
    response = served.client.post("/generate/text", content=b"x" * (MAX_BODY_BYTES + 1))
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_answers_carry_the_protecting_headers(served: Served) -> None:
    headers = served.client.get("/status").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


def test_another_host_needs_a_key() -> None:
    with pytest.raises(ValueError, match="API key"):
        Settings(host="0.0.0.0")
