"""A connection that is not waited for without end, as uvicorn's own protocol with bounds.

It ends one that sends no headers, too many of them, or does not read what it asked for. When too many are open, one that
waits for nothing goes for a new one, and there is some room for the health check. To the application each is a client that left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from openarc_ui.addresses import is_loopback, neighbourhood
from openarc_ui.server.asgi import Application, Receive, Scope, Send
from openarc_ui.server.keys import LET_IN
from openarc_ui.server.permissions import OPEN
from openarc_ui.server.refusals import TOO_MANY_CONNECTIONS

TOO_LARGE_HEADERS = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 27\r\nconnection: close\r\n\r\n"
    b"These headers are too long."
)
HEALTH_PATHS = frozenset(path for _, path in OPEN)


class PatientProtocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        header_seconds: for the headers of a request, from its first byte or, for the first one, from the connection's begin.
        unread_seconds: for a client to take something of what waits for it.
        linger_seconds: for the rest of a body that was answered already; what comes is thrown away.
        most_connections: that are served; some more are told to come back, or how the server is.
        most_of_one_address: of these, from one address.
        most_of_this_machine: from this machine itself, where a proxy may stand for many.
        more_connections: how many more; beyond that a connection is closed at once.
        crowded_seconds: `header_seconds` of these.
        most_header_bytes: of one request, and of what carries no body within one.
    """

    header_seconds = 20.0
    unread_seconds = 60.0
    linger_seconds = 5.0
    most_connections = 512
    most_of_one_address = 128
    most_of_this_machine = 384
    more_connections = 64
    crowded_seconds = 1.0
    most_header_bytes = 65_536

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._bytes_beside = 0
        self._header_patience = self.header_seconds
        self._sender = ""
        self._began_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # As uvicorn's own does it, but that one asks the system for both addresses, and every question lets all other threads
        # go first: beside many streams the loop lost five milliseconds to each connection.
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        local, remote = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        self.server = (local, None) if isinstance(local, str) else _host_and_port(local)
        self.client = _host_and_port(remote)
        self.scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self._sender = neighbourhood(self.client[0] if self.client else "")
        self._began_at = time.perf_counter()  # uvloop has one time for all that come together
        beyond = self._beyond_what_is_served()
        if beyond > self.more_connections:
            transport.abort()
            return
        if beyond > 0:
            self.app = _only_health(self.app)
            self._header_patience = self.crowded_seconds
        self._after("headers", self._header_patience, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for name in list(self._timers):
            self._stop(name)

    def data_received(self, data: bytes) -> None:
        if not self._is_busy() and "linger" not in self._timers:
            self._after("headers", self._header_patience, self._close, again=False)
        before, was_lingering = self._body_so_far(), "linger" in self._timers
        super().data_received(data)
        if self._body_so_far() != before or was_lingering or "linger" in self._timers:
            self._bytes_beside = 0
        elif not self.transport.is_closing():
            self._bytes_beside += len(data)
            if self._bytes_beside > self.most_header_bytes:
                self._refuse_headers()

    def on_headers_complete(self) -> None:
        self._stop("headers")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if "linger" in self._timers:
            self._stop("linger")
            self._after("headers", self._header_patience, self._close)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._end_unless_read("closing")
        elif self._is_answered_early():
            self._after("linger", self.linger_seconds, self._close)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._end_unless_read("unread")

    def resume_writing(self) -> None:
        self._stop("unread")
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def _unsupported_upgrade_warning(self) -> None:
        """The request is answered without the upgrade, which is all there is to say."""

    def _beyond_what_is_served(self) -> int:
        """How many there are too many with this one, after one that waits for nothing went for it; not above 0: none.

        One that was never let in goes before one that was, and of these the oldest.
        """
        connections = [each for each in self.connections if isinstance(each, PatientProtocol)]
        open_now = [each for each in connections if not each.transport.is_closing()]
        near = [each for each in open_now if each._sender == self._sender]
        is_here = not self._sender or is_loopback(self._sender)
        most_near = self.most_of_this_machine if is_here else self.most_of_one_address
        crowd, most = (near, most_near) if len(near) > most_near else (open_now, self.most_connections)
        if len(crowd) <= most:
            return 0
        idle = [each for each in crowd if each is not self and not each._is_at_work()]
        if idle:
            min(idle, key=lambda each: (each._was_let_in(), each._began_at)).transport.abort()
        return len(crowd) - most - bool(idle)

    def _was_let_in(self) -> bool:
        return self.cycle is not None and LET_IN in self.cycle.scope["state"]

    def _is_at_work(self) -> bool:
        """It answers somebody who was let in."""
        return self._is_busy() and self._was_let_in()

    def _close(self) -> None:
        """Close when what was written is read; at once when it is not read in time."""
        if not self.transport.is_closing():
            self.transport.close()
            self._end_unless_read("closing")

    def _end_unless_read(self, name: str) -> None:
        """Look now and then whether less waits than before; where it does not, nobody reads."""
        waiting_bytes = self.transport.get_write_buffer_size()

        def look() -> None:
            if self.transport.get_write_buffer_size() < waiting_bytes:
                self._end_unless_read(name)
            else:
                self.transport.abort()

        self._after(name, self.unread_seconds, look)

    def _refuse_headers(self) -> None:
        if self._is_busy():
            self.transport.abort()
            return
        self.transport.write(TOO_LARGE_HEADERS)
        self._close()

    def _is_busy(self) -> bool:
        """A request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _is_answered_early(self) -> bool:
        return self.cycle is not None and self.cycle.response_complete and self.cycle.more_body

    def _body_so_far(self) -> tuple[object, int]:
        return self.cycle, len(self.cycle.body) if self.cycle is not None else 0

    def _after(self, name: str, seconds: float, action: Callable[[], None], again: bool = True) -> None:
        """Do something unless it is stopped; a timer of that name begins anew, or goes on without `again`."""
        if name in self._timers and not again:
            return
        self._stop(name)
        self._timers[name] = self.loop.call_later(seconds, action)

    def _stop(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()


def _only_health(application: Application) -> Application:
    """The application for connections beyond those that are served."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in HEALTH_PATHS:
            await application(scope, receive, send)
            return
        headers = {"Retry-After": "1", "Connection": "close"}
        await TOO_MANY_CONNECTIONS.response(scope["path"], headers)(scope, receive, send)

    return answer


def _host_and_port(address: Any) -> tuple[str, int] | None:
    """Of a socket's address; None for one that has no port."""
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) and len(address) > 1 else None
