"""Server-sent events: a Generation as frames. Leaving the stream cancels the generation.

data: {"text": " Paris", "sequence_index": 0, "tokens": 1}     new text; "details" of its tokens where they were asked for
: keep-alive                                                   nothing new for a while
event: done   data: the answer as the blocking call gives it
event: error  data: the error body
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from openarc_ui.engine.generation import Generation
from openarc_ui.engine.types import GenerationResult, TextDelta
from openarc_ui.errors import GenerationFailed, OpenArcError
from openarc_ui.server.ending import Ending, cut_off
from openarc_ui.server.problems import problem_of

T = TypeVar("T")
HEARTBEAT_SECONDS = 2.0
REPORT_SECONDS = 30.0
LAST_REPORT_SECONDS = 0.3
"""The same at the server's end: the client is told so in any case, and the report is written without it."""
KEEP_ALIVE = ": keep-alive\n\n"
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Made once: `json.dumps` with options makes an encoder for every token."""


def frame(data: object, event: str | None = None) -> str:
    """One event; JSON has no line breaks, so one data line is enough."""
    text = to_json(data)
    return f"event: {event}\ndata: {text}\n\n" if event else f"data: {text}\n\n"


async def events(
    generations: Sequence[Generation],
    answer: Callable[[Sequence[GenerationResult]], dict[str, Any]],
    ending: Ending | None = None,
) -> AsyncIterator[str]:
    """The frames of one or several generations of one call, ended by `done` or `error`.

    Deltas of several carry `conversation_index`.
    """
    try:
        if len(generations) == 1:
            async for batch in generations[0].async_batches(HEARTBEAT_SECONDS):
                yield _frames(batch) or KEEP_ALIVE
        else:
            streams = [each.async_batches(HEARTBEAT_SECONDS) for each in generations]
            async for index, batch in interleaved(streams):
                yield _frames(batch, conversation_index=index) or KEEP_ALIVE
        results = await results_of(generations, ending)
        yield frame(answer(results), "done")
    except OpenArcError as error:
        yield frame(problem_of(error), "error")
    finally:
        for generation in generations:
            generation.cancel()


async def results_of(generations: Sequence[Generation], ending: Ending | None = None) -> list[GenerationResult]:
    """The results of generations that have been read to their end.

    Raises:
        GenerationFailed: one of them failed, or its model does not come out of the step it was cancelled in.
        EngineClosed: the end of the server cut one of them off.
    """
    ending = ending or Ending()
    seconds = LAST_REPORT_SECONDS if ending.has_begun else REPORT_SECONDS
    try:
        results = [await generation.async_result(seconds) for generation in generations]
        ending.require_whole(results)
        return results
    except TimeoutError:
        if ending.has_begun:
            raise cut_off() from None
        raise GenerationFailed(
            "The request was ended, but the model is still busy with its current step.",
            "Its figures will be in the metrics once it has finished.",
        ) from None


def _frames(batch: Sequence[TextDelta], **more: int) -> str:
    return "".join(frame({**_delta(delta), **more}) for delta in batch)


def _delta(delta: TextDelta) -> dict[str, Any]:
    told = {"text": delta.text, "sequence_index": delta.sequence_index, "tokens": delta.tokens}
    return {**told, "details": [dataclasses.asdict(each) for each in delta.details]} if delta.details else told


async def interleaved(streams: Sequence[AsyncIterator[T]]) -> AsyncIterator[tuple[int, T]]:
    """What several streams bring, as it comes, with the number of its stream. The first error ends all."""
    if len(streams) == 1:
        async for only in streams[0]:
            yield 0, only
        return
    news: asyncio.Queue[tuple[int, T] | OpenArcError | None] = asyncio.Queue()

    async def pump(index: int, stream: AsyncIterator[T]) -> None:
        try:
            async for item in stream:
                await news.put((index, item))
            await news.put(None)
        except OpenArcError as error:
            await news.put(error)

    pumps = [asyncio.create_task(pump(index, stream)) for index, stream in enumerate(streams)]
    try:
        running = len(pumps)
        while running:
            item = await news.get()
            if isinstance(item, OpenArcError):
                raise item
            if item is None:
                running -= 1
            else:
                yield item
    finally:
        for task in pumps:
            task.cancel()


class EventStream(StreamingResponse):
    """Frames as an answer. When it is over its generations are cancelled, also where the client left before the first frame."""

    def __init__(self, frames: AsyncIterator[str], generations: Sequence[Generation]) -> None:
        super().__init__(frames, media_type="text/event-stream", headers=STREAM_HEADERS)
        self._generations = generations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            for generation in self._generations:
                generation.cancel()
