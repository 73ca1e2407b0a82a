"""`POST /v1/completions`: from the body to the answer or the stream. A choice's index is prompt * n + its number."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Request, Response

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import ModelInfo
from openarc_ui.errors import OpenArcError
from openarc_ui.ids import new_id
from openarc_ui.server.openai.answering import Answering, PartsOfAll, Running
from openarc_ui.server.openai.asked import ready_model
from openarc_ui.server.openai.chat import DONE
from openarc_ui.server.openai.completion_answers import CompletionChunks, completion_answer
from openarc_ui.server.openai.completion_bodies import CALL_PREFIX, CompletionBody, OnePrompt
from openarc_ui.server.openai.request_ids import note_request_id
from openarc_ui.server.problems import CLIENT_LEFT, openai_body_of
from openarc_ui.server.sse import KEEP_ALIVE, EventStream, frame


class Completions:
    """Completions of one engine."""

    def __init__(self, engine: Engine, answering: Answering) -> None:
        self._engine = engine
        self._answering = answering

    async def answer(self, body: CompletionBody, client: Request) -> Response:
        """The answer, whole or as a stream; a client that leaves ends it.

        Raises:
            OpenArcError: it can't be answered; also of a stream that has brought nothing yet.
        """
        info = ready_model(self._engine, body.model)
        call_id = f"{CALL_PREFIX}{new_id()}"
        note_request_id(client, call_id)
        order = body.order(info, call_id)
        echoed = await self._echoed(body, info, client)
        running = await self._answering.begin(order, client) if echoed is not None else None
        if running is None or echoed is None:
            return Response(status_code=CLIENT_LEFT)
        return await self._reply(body, info, running, call_id, echoed, client)

    async def _reply(
        self, body: CompletionBody, info: ModelInfo, running: Running, call_id: str, echoed: list[str], client: Request
    ) -> Response:
        if not body.stream:
            found = await self._answering.whole(running, client)
            if found is None:
                return Response(status_code=CLIENT_LEFT)
            answer = completion_answer(found, call_id, info, body.logprobs, echoed)
            return Response(answer.model_dump_json(), media_type="application/json")
        opened = await self._answering.opened(running, client)
        if opened is None:
            return Response(status_code=CLIENT_LEFT)
        chunks = CompletionChunks(call_id, info, body.n or 1, body.logprobs, body.includes_usage, echoed)
        return EventStream(_frames(opened, chunks), running.generations)

    async def _echoed(self, body: CompletionBody, info: ModelInfo, client: Request) -> list[str] | None:
        """The prompts as texts where they are to be echoed, else a "" for each; None when the client has left."""
        if not body.echo:
            return [""] * len(body.prompt)
        return await self._answering.ask(lambda: [self._text(each, info.name) for each in body.prompt], client)

    def _text(self, prompt: OnePrompt, model: str) -> str:
        return prompt if isinstance(prompt, str) else self._engine.detokenize(prompt, model)[1]


async def _frames(parts_of_all: PartsOfAll, chunks: CompletionChunks) -> AsyncIterator[str]:
    try:
        async for index, parts in parts_of_all:
            yield chunks.frames_of(index, parts) or KEEP_ALIVE
        yield chunks.end() + DONE
    except OpenArcError as error:
        yield frame(openai_body_of(error))
