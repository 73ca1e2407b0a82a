"""The end of the server, as answers under way are told of it.

When the time for finishing is over, the models are closed, which frees every reader at once. What was cut off by that is an
error to its client, not an answer that is merely short. Knows no engine; whoever serves says when.
"""

from __future__ import annotations

from collections.abc import Iterable

from openarc_ui.engine.types import FinishReason, GenerationResult
from openarc_ui.errors import EngineClosed
from openarc_ui.server.asgi import Application, Message, Receive, Scope, Send

ENDING = "openarc_ending"
"""Its place in a request's state, which uvicorn copies for each from the server's."""


class Ending:
    """Whether what still runs is being cut off. Begins once, on the event loop, and is never over."""

    def __init__(self) -> None:
        self._has_begun = False

    @property
    def has_begun(self) -> bool:
        """From now on nobody is waited for."""
        return self._has_begun

    def begin(self) -> None:
        """Say that what is cancelled now was cut off by the server."""
        self._has_begun = True

    def require_whole(self, results: Iterable[GenerationResult]) -> None:
        """Accept results unless the server's end cut one of them off.

        Raises:
            EngineClosed: it did.
        """
        if self._has_begun and any(FinishReason.CANCELLED in result.finish_reasons for result in results):
            raise cut_off()


def ending_of(scope: Scope) -> Ending:
    """The end of the server that serves this request; one that never begins where nothing was said of it."""
    found = scope.get("state", {}).get(ENDING)
    return found if isinstance(found, Ending) else Ending()


def cut_off() -> EngineClosed:
    """The error of an answer that the server's end did not wait for."""
    return EngineClosed("OpenArc is shutting down, and this answer was cut off.", "Ask again when it is back.")


class WholeStreams:
    """Wraps an ASGI application: streams below a path are ended in form where their library stops in their middle.

    The library behind MCP does so the moment the server is told to end.
    """

    def __init__(self, application: Application, path: str) -> None:
        self._application = application
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{self._path}/"):
            await self._application(scope, receive, send)
            return
        is_open = False

        async def noting(message: Message) -> None:
            nonlocal is_open
            is_open = message["type"] == "http.response.start" or bool(message.get("more_body", False))
            await send(message)

        await self._application(scope, receive, noting)
        if is_open:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
