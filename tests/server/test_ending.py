"""What the server's end makes of answers, without a server."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import pytest

from openarc_ui.engine.generation import Generation
from openarc_ui.errors import EngineClosed, GenerationFailed
from openarc_ui.server import sse
from openarc_ui.server.asgi import Message, Receive, Scope, Send
from openarc_ui.server.ending import ENDING, Ending, WholeStreams, ending_of


class Stuck:
    """A generation that was cancelled, whose worker does not come out of its step."""

    async def async_result(self, timeout: float) -> None:
        await asyncio.wait_for(asyncio.Event().wait(), timeout)


def test_a_worker_that_does_not_look_up_is_not_waited_for_at_the_end() -> None:
    ending = Ending()
    ending.begin()
    began_at = time.monotonic()
    with pytest.raises(EngineClosed):
        asyncio.run(sse.results_of(cast("list[Generation]", [Stuck()]), ending))
    assert time.monotonic() - began_at < sse.REPORT_SECONDS / 3


def test_before_the_end_it_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "REPORT_SECONDS", 0.01)
    with pytest.raises(GenerationFailed, match="still busy"):
        asyncio.run(sse.results_of(cast("list[Generation]", [Stuck()]), Ending()))


def test_a_request_finds_the_end_of_its_server_and_none_where_nothing_was_said() -> None:
    ending = Ending()
    assert ending_of({"type": "http", "state": {ENDING: ending}}) is ending
    assert not ending_of({"type": "http"}).has_begun


def sent_by(path: str, *, breaks: bool) -> list[Message]:
    """What a client gets of a stream whose application stops, or breaks, in its middle."""
    sent: list[Message] = []

    async def stops(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        if breaks:
            raise ValueError

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    asyncio.run(WholeStreams(stops, "/mcp")({"type": "http", "path": path}, receive, send))
    return sent


def test_a_stream_below_the_path_gets_an_end_and_no_other() -> None:
    assert sent_by("/mcp", breaks=False)[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert len(sent_by("/mcpx", breaks=False)) == len(sent_by("/generate/stream", breaks=False)) == 2


def test_a_stream_that_breaks_looks_broken() -> None:
    with pytest.raises(ValueError):
        sent_by("/mcp", breaks=True)
