"""One guard around everything: host, origin, forwarding headers, key, body size, and what the browser may load.

Pure ASGI, because it must cover the page's own routes (queue, files, uploads) as well as ours. Gradio's own means do not:
see research/gradio, section 8.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from openarc_ui.server.login import login_page
from openarc_ui.settings import Settings, is_loopback

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = frozenset({"/health", "/readyz", "/login", "/favicon.ico"})
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
FORWARDING = (b"forwarded", b"x-gradio-server", b"x-real-ip")
COOKIE = "openarc_session"
SESSION_SECONDS = 7 * 24 * 3600
MAX_BODY_BYTES = 8 * 2**20
MAX_LOGIN_BODY_BYTES = 4096
MAX_FAILED_LOGINS = 10
FAILED_LOGIN_SECONDS = 60.0

PROTECTING_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""Gradio needs inline scripts and eval; nothing else here loosens the policy, and no outside host is allowed."""


class Guard:
    """Wraps an ASGI application; nothing reaches it that the settings do not allow."""

    def __init__(self, application: Application, settings: Settings) -> None:
        self._application = application
        self._local_only = is_loopback(settings.host)
        self._key = settings.api_key.get_secret_value().encode() if settings.api_key is not None else None
        self._sessions: dict[str, float] = {}
        self._failed_logins: deque[float] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None and scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        send = _with_protecting_headers(send)
        if refusal is not None:
            await refusal(scope, receive, send)
        elif scope["path"] == "/login" and self._key is not None:
            response = await self._login(scope, headers, receive)
            await response(scope, receive, send)
        else:
            scope["headers"] = [pair for pair in scope["headers"] if not _is_forwarding(pair[0])]
            await self._application(scope, _at_most(receive, MAX_BODY_BYTES), send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """The response that ends the request here, or None when it may go on."""
        host = headers.get("host", "")
        if not host or (self._local_only and _name_of(host) not in LOCAL_NAMES):
            return _problem(400, "bad_host", "This host name is not served here.", "Use localhost or 127.0.0.1.")
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return _problem(
                403, "cross_origin", "Requests from other sites are not served.", "Call it from a program instead."
            )
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return _problem(413, "too_large", f"The body is larger than {MAX_BODY_BYTES} bytes.", "Send less.")
        if self._key is None or scope["path"] in OPEN_PATHS or self._is_known(headers):
            return None
        if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return RedirectResponse("/login", status_code=303)
        return _problem(401, "unauthorized", "An API key is needed.", "Send it as 'Authorization: Bearer <key>'.")

    def _is_known(self, headers: Headers) -> bool:
        """The request carries the key, or the cookie of a session."""
        bearer = headers.get("authorization", "")
        presented = bearer[7:] if bearer[:7].lower() == "bearer " else headers.get("x-api-key", "")
        if presented and self._is_key(presented):
            return True
        token = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return self._sessions.get(token, 0.0) > time.monotonic()

    def _is_key(self, presented: str) -> bool:
        return self._key is not None and hmac.compare_digest(presented.encode("utf-8", "surrogateescape"), self._key)

    async def _login(self, scope: Scope, headers: Headers, receive: Receive) -> Response:
        if scope["method"] != "POST":
            return HTMLResponse(login_page(""))
        now = time.monotonic()
        while self._failed_logins and self._failed_logins[0] < now - FAILED_LOGIN_SECONDS:
            self._failed_logins.popleft()
        if len(self._failed_logins) >= MAX_FAILED_LOGINS:
            return HTMLResponse(login_page("Too many wrong keys. Wait a minute."), status_code=429)
        fields = parse_qs((await _body(receive, MAX_LOGIN_BODY_BYTES)).decode("utf-8", "replace"))
        if not self._is_key(fields.get("key", [""])[0]):
            self._failed_logins.append(now)
            return HTMLResponse(login_page("That is not the key."), status_code=401)
        token = secrets.token_urlsafe(32)
        self._sessions = {known: until for known, until in self._sessions.items() if until > now}
        self._sessions[token] = now + SESSION_SECONDS
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(COOKIE, token, max_age=SESSION_SECONDS, httponly=True, samesite="strict")
        return response


def _name_of(host: str) -> str:
    """A Host header without its port."""
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]


def _is_forwarding(name: bytes) -> bool:
    return name.startswith(b"x-forwarded-") or name in FORWARDING


def _problem(status: int, code: str, detail: str, hint: str) -> Response:
    return JSONResponse({"detail": detail, "code": code, "hint": hint}, status_code=status)


def _with_protecting_headers(send: Send) -> Send:
    async def protected(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            added = [
                (name.encode(), value.encode())
                for name, value in PROTECTING_HEADERS.items()
                if name.encode() not in present
            ]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return protected


def _at_most(receive: Receive, limit: int) -> Receive:
    """A body without a declared length that grows past the limit is treated as a client that left."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if seen > limit else message

    return limited


async def _body(receive: Receive, limit: int) -> bytes:
    body = b""
    while len(body) <= limit:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body[:limit]
