"""`x-request-id` on every answer below /v1: the id of the request that was made, which the metrics and a cancel know; else one
of its own, so that a refusal can be spoken of too.
"""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openarc_ui.ids import new_id
from openarc_ui.server.openai.errors import is_openai

HEADER = "x-request-id"
KEY = "openai_request_id"


def note_request_id(client: Request, request_id: str) -> None:
    """From now on the answer carries this id."""
    setattr(client.state, KEY, request_id)


class RequestIds:
    """Puts the header on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_openai(scope["path"]):
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault(HEADER, state.get(KEY) or f"req_{new_id()}")
            await send(message)

        await self._app(scope, receive, told)
