"""One guard around everything: host, origin, forwarding headers, keys and roles, body size, and what the browser may load.

Pure ASGI, because it must cover the page's own routes (queue, files, uploads) as well as ours; Gradio's own means do not.
docs/security.md says what is promised.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse, Response

from openarc_ui.access import CALLER_HEADER, ROLE_HEADER
from openarc_ui.addresses import is_ip_address, is_loopback, name_of
from openarc_ui.server.asgi import Application, Message, Receive, Scope, Send
from openarc_ui.server.keys import EVERYBODY, LET_IN, STRANGER, Guesses, Keys, Visitor
from openarc_ui.server.login import LOGIN_PATH, Login
from openarc_ui.server.patience import Exchange, Patience
from openarc_ui.server.permissions import OPEN
from openarc_ui.server.refusals import (
    BAD_HOST,
    CROSS_ORIGIN,
    NOT_SERVED,
    TOO_LARGE,
    TOO_MANY_GUESSES,
    UNAUTHORIZED,
    WRONG_KEY,
    Refusal,
)
from openarc_ui.settings import Settings

OPEN_PATHS = frozenset({path for _, path in OPEN} | {LOGIN_PATH, "/favicon.ico"})
"""Answered without a key."""
SHUT = (
    "/gradio_api/vibe-",
    "/gradio_api/undo-vibe-edit",
    "/gradio_api/dev/",
    "/gradio_api/proxy=",
    "/gradio_api/process_recording",
    "/gradio_api/deep_link",
    "/gradio_api/custom_component/",
    "/monitoring",
)
"""What Gradio would serve and this page never asks for: writing its source, fetching from elsewhere, keeping a session on disk."""
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
FORWARDING = (b"forwarded", b"x-gradio-server", b"x-real-ip", b"x-original-host", b"x-original-url", b"x-rewrite-url")
OUR_OWN = (ROLE_HEADER.encode(), CALLER_HEADER.encode())
KEY_HEADERS = ("x-api-key", "api-key")
"""Beside `Authorization: Bearer`; the second is what clients made for Azure's OpenAI send."""
BROWSERS_OWN = (b"cookie", b"origin")
NO_LENGTH_DIGITS = 19
NOT_FROM_A_SITE = ("", "same-origin", "none")
"""What `Sec-Fetch-Site` says of this page's own requests, of an address that was typed, and of programs."""

PROTECTING_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Gradio needs inline scripts and eval; nothing else here loosens the policy, and no outside host is allowed."""


class Guard:
    """Wraps an ASGI application; nothing reaches it that the settings do not allow.

    What does carries two headers of the guard's own, in place of any it came with: the role of its key and a name for it.
    """

    def __init__(self, application: Application, settings: Settings, patience: Patience | None = None) -> None:
        self._application = application
        self._patience = patience or Patience()
        self._most_body_bytes = settings.max_body_megabytes * 2**20
        self._names = _names(settings)
        self._origins = frozenset(settings.allowed_origins)
        self._keys = Keys(settings.api_key, settings.admin_key)
        self._guesses = Guesses()
        self._login = Login(self._keys, self._guesses, settings.port)
        # It answers what a browser asks before it calls another site, and says in each answer that this site may read it.
        self._for_other_sites = CORSMiddleware(
            self._from_another_site,
            allow_origins=settings.allowed_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Retry-After", "x-request-id"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
        elif scope["type"] != "http":  # Nothing here speaks over a WebSocket.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._answer(scope, receive, _with_protecting_headers(send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        host, origins = headers.get("host", ""), headers.getlist("origin")
        if not self._names.include(host) or len(headers.getlist("host")) > 1:
            await BAD_HOST.response(scope["path"])(scope, receive, send)
        elif all(_is_own(origin, host, scope) for origin in origins[:1]) and not _is_sent_by_a_site(scope, headers):
            await self._let_in(scope, receive, send)
        elif len(origins) == 1 and origins[0] in self._origins:
            await self._for_other_sites(scope, receive, send)
        else:
            await CROSS_ORIGIN.response(scope["path"])(scope, receive, send)

    async def _from_another_site(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A page of an allowed origin has what it sends itself, and nothing of what the browser keeps for this one."""
        if scope["path"] == LOGIN_PATH:
            await CROSS_ORIGIN.response(LOGIN_PATH)(scope, receive, send)
            return
        headers = [pair for pair in scope["headers"] if pair[0] not in BROWSERS_OWN]
        await self._let_in({**scope, "headers": headers}, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if (
            not length.isascii()
            or not length.isdigit()
            or len(length) > NO_LENGTH_DIGITS
            or int(length) > self._most_body_bytes
        ):
            await TOO_LARGE.response(scope["path"])(scope, receive, send)
            return
        exchange = Exchange(receive, _without_cors(send), self._most_body_bytes, self._patience)
        if scope["path"] == LOGIN_PATH:
            await exchange.run(self._login, scope)
            return
        visitor = self._visitor(scope, headers)
        if isinstance(visitor, Visitor) and scope["path"].startswith(SHUT):
            await NOT_SERVED.response(scope["path"])(scope, receive, send)
        elif isinstance(visitor, Visitor):
            if visitor is not STRANGER:
                scope.setdefault("state", {})[LET_IN] = True
            await exchange.run(self._application, {**scope, "headers": _told(scope, visitor)})
        else:
            await visitor(scope, receive, send)

    def _visitor(self, scope: Scope, headers: Headers) -> Visitor | Response:
        """Who it is, or the answer that sends him away. A key that is shown counts, whatever the cookie says."""
        if not self._keys.are_needed:
            return EVERYBODY
        if scope["path"] in OPEN_PATHS:
            return STRANGER
        key = _key_shown(headers)
        if not key:
            return self._keys.in_session(self._login.word_in(headers)) or _without_key(scope, headers)
        address = _address(scope)
        seconds = self._guesses.seconds_to_wait(address)
        if seconds:
            return TOO_MANY_GUESSES.response(scope["path"], {"Retry-After": str(seconds)})
        visitor = self._keys.visitor(key)
        if visitor is None:
            self._guesses.count(address)
            return _asking_for_a_key(WRONG_KEY, scope)
        return visitor


@dataclass(frozen=True, slots=True)
class _Names:
    """What this server may be called in a Host header.

    Attributes:
        known: the names; None: any.
        are_numbers_fine: so is every address in numbers.
    """

    known: frozenset[str] | None
    are_numbers_fine: bool = False

    def include(self, host: str) -> bool:
        name = name_of(host)
        is_known = self.known is None or name in self.known or (self.are_numbers_fine and is_ip_address(name))
        return bool(name) and is_known


def _names(settings: Settings) -> _Names:
    """Where no key is needed, a page could have its own name lead here and so pass for this server's page. Then only names
    are answered that can't be somebody else's. With a key any name will do, since none opens anything.
    """
    if settings.allowed_hosts:
        return _Names(LOCAL_NAMES | {_bracketed(name) for name in settings.allowed_hosts})
    if is_loopback(settings.host):
        return _Names(LOCAL_NAMES | {_bracketed(settings.host.lower())})
    if settings.needs_key:
        return _Names(None)
    here = socket.gethostname().lower()
    return _Names(frozenset({"localhost", settings.host.lower(), here, f"{here}.local"}), are_numbers_fine=True)


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name and not name.startswith("[") else name


def _is_own(origin: str, host: str, scope: Scope) -> bool:
    """A page of this server sent it. Where a proxy adds TLS the scheme is not this server's, so either will do."""
    scheme, _, rest = origin.partition("://")
    known = ("https",) if scope.get("scheme") == "https" else ("http", "https")
    return scheme in known and rest.lower() == host.lower()


def _is_sent_by_a_site(scope: Scope, headers: Headers) -> bool:
    """The browser says that another site's page wants it, and not that somebody follows a link here.

    Pictures, scripts and the like are asked for without an Origin, and cookies go along between the ports of a host.
    """
    if len(headers.getlist("origin")) > 1:
        return True
    is_link = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
    is_link = is_link and headers.get("sec-fetch-dest", "document") == "document"
    return headers.get("sec-fetch-site", "") not in NOT_FROM_A_SITE and not is_link


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _key_shown(headers: Headers) -> str:
    bearer = headers.get("authorization", "")
    shown = [bearer[7:] if bearer[:7].lower() == "bearer " else "", *(headers.get(name, "") for name in KEY_HEADERS)]
    return next((key.strip() for key in shown if key.strip()), "")


def _without_key(scope: Scope, headers: Headers) -> Response:
    if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        return RedirectResponse(LOGIN_PATH, status_code=303)
    return _asking_for_a_key(UNAUTHORIZED, scope)


def _asking_for_a_key(refusal: Refusal, scope: Scope) -> Response:
    return refusal.response(scope["path"], {"WWW-Authenticate": "Bearer"})


def _told(scope: Scope, visitor: Visitor) -> list[tuple[bytes, bytes]]:
    """The headers with what the guard says of the sender, and without what only a proxy or the guard may say."""
    kept = [pair for pair in scope["headers"] if not _is_forwarding(pair[0]) and pair[0] not in OUR_OWN]
    return [*kept, (OUR_OWN[0], visitor.role.value.encode()), (OUR_OWN[1], visitor.name.encode())]


def _is_forwarding(name: bytes) -> bool:
    return name.startswith(b"x-forwarded-") or name in FORWARDING


def _without_cors(send: Send) -> Send:
    """Gradio lets any origin in, with its cookies; who may come from elsewhere is said here alone."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return sent


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
