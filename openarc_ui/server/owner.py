"""The cookie that says whose conversations a browser sees. It is given out with the page and read by everybody else.

Pure ASGI around the guard, so that the login's redirect carries it too.
"""

from __future__ import annotations

import secrets
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import Response

from openarc_ui.conversations.owner import API_OWNER, COOKIE, owner_of
from openarc_ui.server.asgi import Application, Receive, Scope, Send

PAGE = "/"
YEAR_SECONDS = 365 * 24 * 3600
GIVEN_WITH = frozenset({200, 303})
"""Answers to `GET /` that carry it: the page, and the way to the login."""


class OwnerCookie:
    """Wraps an ASGI application: a browser that opens the page without the cookie gets one."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._application(scope, receive, _giving(send, scope) if _opens_the_page(scope) else send)


def _opens_the_page(scope: Scope) -> bool:
    """Somebody without a cookie of use asks for the page."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != PAGE:
        return False
    return owner_of(cookie_parser(Headers(scope=scope).get("cookie", ""))) == API_OWNER


def _giving(send: Send, scope: Scope) -> Send:
    async def given(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] in GIVEN_WITH:
            headers = MutableHeaders(raw=list(message["headers"]))
            headers.append("set-cookie", _cookie(is_secure=scope.get("scheme") == "https"))
            message = {**message, "headers": headers.raw}
        await send(message)

    return given


def _cookie(is_secure: bool) -> str:
    """The header. A browser leaves a strict cookie out when another site links to the page, and would be given a new one,
    with which all its conversations were gone: so it is lax. Nothing is changed by GET, and the guard refuses other origins.
    """
    made = Response()
    made.set_cookie(
        COOKIE,
        secrets.token_urlsafe(24),
        max_age=YEAR_SECONDS,
        path=PAGE,
        secure=is_secure,
        httponly=True,
        samesite="lax",
    )
    return made.headers["set-cookie"]
