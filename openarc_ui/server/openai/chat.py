"""`POST /v1/chat/completions`: from the body to the answer or the stream."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Request, Response

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import ModelInfo
from openarc_ui.errors import OpenArcError
from openarc_ui.ids import new_id
from openarc_ui.server.openai.answering import Answering, PartsOfAll, Running
from openarc_ui.server.openai.asked import ready_model
from openarc_ui.server.openai.chat_answers import ChatChunks, chat_answer
from openarc_ui.server.openai.chat_bodies import ChatBody
from openarc_ui.server.openai.parts import Reported
from openarc_ui.server.openai.request_ids import note_request_id
from openarc_ui.server.problems import CLIENT_LEFT, openai_body_of
from openarc_ui.server.sse import KEEP_ALIVE, EventStream, frame

DONE = "data: [DONE]\n\n"


class ChatCompletions:
    """Chat completions of one engine."""

    def __init__(self, engine: Engine, answering: Answering) -> None:
        self._engine = engine
        self._answering = answering

    async def answer(self, body: ChatBody, client: Request) -> Response:
        """The answer, whole or as a stream; a client that leaves ends it.

        Raises:
            OpenArcError: it can't be answered; also of a stream that has brought nothing yet.
        """
        info = ready_model(self._engine, body.model)
        template = await self._answering.template(info.name, client) if body.needs_template else ""
        if template is None:
            return Response(status_code=CLIENT_LEFT)
        request_id = f"chatcmpl-{new_id()}"
        note_request_id(client, request_id)
        order = body.order(info, request_id, template)
        running = await self._answering.begin(order, client)
        if running is None:
            return Response(status_code=CLIENT_LEFT)
        return (
            await self._stream(body, info, running, client)
            if body.stream
            else await self._whole(body, info, running, client, order.use.forced is not None)
        )

    async def _whole(
        self, body: ChatBody, info: ModelInfo, running: Running, client: Request, is_forced: bool
    ) -> Response:
        found = await self._answering.whole(running, client)
        if found is None:
            return Response(status_code=CLIENT_LEFT)
        done = Reported(found[0].result)
        answer = chat_answer(found[0].parts, done, info.configuration_id, body.alternatives, is_forced)
        return Response(answer.model_dump_json(), media_type="application/json")

    async def _stream(self, body: ChatBody, info: ModelInfo, running: Running, client: Request) -> Response:
        opened = await self._answering.opened(running, client)
        if opened is None:
            return Response(status_code=CLIENT_LEFT)
        generation = running.generations[0]
        chunks = ChatChunks(
            generation.request_id, generation.model, info.configuration_id, body.alternatives, body.includes_usage
        )
        return EventStream(_frames(opened, chunks), running.generations)


async def _frames(parts_of_all: PartsOfAll, chunks: ChatChunks) -> AsyncIterator[str]:
    try:
        async for _, parts in parts_of_all:
            yield chunks.frames_of(parts) or KEEP_ALIVE
        yield DONE
    except OpenArcError as error:
        yield frame(openai_body_of(error))
