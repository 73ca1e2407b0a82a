"""How long a request's body is waited for, and how large it may grow. The connection's own bounds are in protocol.py."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from starlette.requests import ClientDisconnect

from openarc_ui.server.asgi import Application, Message, Receive, Scope, Send
from openarc_ui.server.refusals import TOO_LARGE, TOO_SLOW, Refusal


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds on the way in.

    Attributes:
        stall_seconds: without a byte.
        whole_seconds: for a body of any size, and one second more for each `bytes_a_second`.
    """

    stall_seconds: float = 30.0
    whole_seconds: float = 60.0
    bytes_a_second: int = 1024


class Exchange:
    """One request and its answer. To the application a body beyond its bounds looks as if its sender had left."""

    def __init__(self, receive: Receive, send: Send, most_bytes: int, patience: Patience) -> None:
        self._receive = receive
        self._send = send
        self._most_bytes = most_bytes
        self._patience = patience
        self._began_at = asyncio.get_running_loop().time()
        self._seen_bytes = 0
        self._is_whole = False
        self._is_answered = False
        self._refusal: Refusal | None = None

    async def run(self, application: Application, scope: Scope) -> None:
        """Have it answered by an application, or refused."""
        with contextlib.suppress(ClientDisconnect):
            await application(scope, self._bounded_receive, self._unless_refused)
        if self._refusal is not None and not self._is_answered:
            await self._refusal.response(scope["path"])(scope, self._receive, self._send)

    async def _bounded_receive(self) -> Message:
        if self._refusal is not None:
            return {"type": "http.disconnect"}
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout(self._seconds_left()):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(TOO_SLOW)
        self._seen_bytes += len(message.get("body", b""))
        if self._seen_bytes > self._most_bytes:
            return self._refuse(TOO_LARGE)
        self._is_whole = not message.get("more_body", False)
        return message

    async def _unless_refused(self, message: Message) -> None:
        if self._refusal is None or self._is_answered:
            self._is_answered = True
            await self._send(message)

    def _refuse(self, refusal: Refusal) -> Message:
        self._refusal = refusal
        return {"type": "http.disconnect"}

    def _seconds_left(self) -> float:
        whole = self._patience.whole_seconds + self._seen_bytes / self._patience.bytes_a_second
        passed = asyncio.get_running_loop().time() - self._began_at
        return max(0.0, min(self._patience.stall_seconds, whole - passed))
