"""Requests that come at the same moment begin a few at a time, so that the loop answers others in between.

What a request does before it first waits is about half a millisecond of work; sixty-four at once would do it in one go, and
whoever asks how the server is would wait for all of them.
"""

from __future__ import annotations

import asyncio
from collections import deque

from openarc_ui.server.asgi import Application, Receive, Scope, Send

BEGIN_TOGETHER = 4
AHEAD = frozenset({"/health", "/readyz"})
"""These wait for nobody's beginning."""


class Turns:
    """Wraps an ASGI application: in one round of the loop only so many requests begin, in the order they came."""

    def __init__(self, application: Application, together: int = BEGIN_TOGETHER) -> None:
        self._application = application
        self._together = together
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._begun = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in AHEAD:
            await self._turn()
        await self._application(scope, receive, send)

    async def _turn(self) -> None:
        """Return at once while few have begun in this round, else in a later one."""
        loop = asyncio.get_running_loop()
        if self._begun == 0:
            loop.call_soon(self._next_round)
        if self._begun < self._together and not self._waiting:
            self._begun += 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next_round(self) -> None:
        self._begun = 0
        while self._waiting and self._begun < self._together:
            turn = self._waiting.popleft()
            # A client that left meanwhile needs none.
            if not turn.done():
                turn.set_result(None)
                self._begun += 1
        if self._begun:
            asyncio.get_running_loop().call_soon(self._next_round)
