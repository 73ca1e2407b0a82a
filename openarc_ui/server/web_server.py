"""uvicorn's server, with an end in form: who is cut off is told so, and nobody can keep the program from ending.

What runs has some time to finish; then the models are closed and the routes tell their clients; who is still there is hung up.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import uvicorn

from openarc_ui.server.ending import ENDING, Ending
from openarc_ui.server.protocol import PatientProtocol

FINISHING_SECONDS = 2.0
"""How long answers under way may still take; then the models are closed."""
LAST_WORDS_SECONDS = 1.0
"""How long after that clients may be told so; an open page's event stream never ends by itself and is hung up."""
HUNG_UP_SECONDS = 2
"""How long what was hung up may take to notice; then its task is cancelled."""


class WebServer(uvicorn.Server):
    """Serves one application until the process is told to end.

    Args:
        on_ready: called once it answers.
        close_models: frees every reader, then ends the workers; called on a thread of its own, and not at all where everything
            has finished in time.
    """

    def __init__(self, application: Any, on_ready: Callable[[], None], close_models: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=PatientProtocol,
                ws="none",
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=round(FINISHING_SECONDS + LAST_WORDS_SECONDS) + HUNG_UP_SECONDS,
            )
        )
        self._on_ready = on_ready
        self._closing = threading.Thread(target=close_models, name="close-models", daemon=True)
        self._ending = Ending()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take requests."""
        await super().startup(sockets)
        self.lifespan.state[ENDING] = self._ending
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, and return when none is left and the models are gone where they had to be closed."""
        cutting_off = asyncio.create_task(self._cut_off())
        try:
            await super().shutdown(sockets)
        finally:
            cutting_off.cancel()
            if self._ending.has_begun:
                await asyncio.to_thread(self._closing.join)

    async def _cut_off(self) -> None:
        await asyncio.sleep(FINISHING_SECONDS)
        self._ending.begin()
        self._closing.start()
        await asyncio.sleep(LAST_WORDS_SECONDS)
        self._hang_up()

    def _hang_up(self) -> None:
        """To the routes this looks as if their readers had left, so they end cleanly."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
