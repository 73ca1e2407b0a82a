"""The cookie that says whose conversations a browser sees."""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import anyio
import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import PlainTextResponse

from openarc_ui.conversations.owner import COOKIE, owner_of
from openarc_ui.server.owner import OwnerCookie
from openarc_ui.settings import Settings
from tests.server.conftest import Served


async def page(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers the status its path's end asks for, with a cookie of its own."""
    status = int(dict(scope["headers"]).get(b"want", b"200"))
    await PlainTextResponse("page", status, headers={"set-cookie": "other=1"})(scope, receive, send)


def ask(method: str = "GET", path: str = "/", scheme: str = "http", **headers: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(OwnerCookie(page))
        async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://testserver") as client:
            return await client.request(method, path, headers=headers)

    return anyio.run(asked)


def given(response: httpx.Response) -> Any:
    """The owner's cookie in an answer, or None."""
    cookies: SimpleCookie = SimpleCookie()
    for header in response.headers.get_list("set-cookie"):
        cookies.load(header)
    assert "other" in cookies
    return cookies.get(COOKIE)


def test_the_page_comes_with_a_cookie_for_a_year_that_no_script_can_read() -> None:
    morsel = given(ask())
    assert owner_of({COOKIE: morsel.value}) == morsel.value
    assert (morsel["path"], morsel["httponly"], morsel["samesite"], morsel["secure"]) == ("/", True, "lax", "")
    assert int(morsel["max-age"]) == 365 * 24 * 3600
    assert given(ask()).value != morsel.value


def test_over_https_it_never_leaves_https() -> None:
    assert given(ask(scheme="https"))["secure"] is True


@pytest.mark.parametrize(
    "asked",
    [
        {"cookie": f"{COOKIE}={'a' * 32}"},
        {"cookie": f"x=y; {COOKIE}={'a' * 32}"},
        {"method": "POST"},
        {"path": "/status"},
        {"want": "400"},
        {"want": "401"},
    ],
)
def test_nobody_else_gets_one(asked: dict[str, str]) -> None:
    assert given(ask(**asked)) is None


def test_a_cookie_that_is_no_secret_is_given_anew() -> None:
    assert given(ask(cookie=f"{COOKIE}=api")) is not None


def test_it_comes_with_the_way_to_the_login_too(serve: Callable[..., Served]) -> None:
    served = serve(Settings(model="none", api_key=SecretStr("correct-horse-battery")))
    redirect = served.client.get("/", headers={"Accept": "text/html"})
    assert (redirect.status_code, redirect.headers["location"]) == (303, "/login")
    assert COOKIE in redirect.headers["set-cookie"]
    assert served.client.get("/").status_code == 401
    assert (
        served.client.get("/", headers={"Host": "evil.example", "Accept": "text/html"}).headers.get("set-cookie")
        is None
    )
