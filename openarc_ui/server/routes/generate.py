"""Generating text: `/generate/*`. A client that leaves cancels, streaming or not, running or queued."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from openarc_ui.conversations.answer_format import AnswerFormat, answer_formats, check_tool_format, formats_at_hand
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.not_loaded import BY_ROUTE, saying_how_to_load
from openarc_ui.server.disconnect import unless_disconnected, wait_for_results
from openarc_ui.server.ending import ending_of
from openarc_ui.server.openai.completion_bodies import requests_of_call
from openarc_ui.server.problems import CLIENT_LEFT, documented
from openarc_ui.server.queries import NO_BODY
from openarc_ui.server.routes.prompts import QUESTIONS_AT_ONCE
from openarc_ui.server.schemas import AnswerBody, GenerateBody, answer_of
from openarc_ui.server.sse import EventStream, events

EVENT_STREAM: dict[str, Any] = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'data: {"text":" Paris","sequence_index":0,"tokens":1}\n\n',
    }
}
GENERATE_ERRORS = documented(409, 429, 502, 503, 504)
GENERATE_RESPONSES: dict[int | str, dict[str, Any]] = {
    **GENERATE_ERRORS,
    200: {
        "model": AnswerBody,
        "description": "The answer; with `stream` a text/event-stream that ends with it.",
        "content": EVENT_STREAM,
    },
}
STREAM_RESPONSES: dict[int | str, dict[str, Any]] = {
    **GENERATE_ERRORS,
    200: {"description": "Its events; the last has the answer.", "content": EVENT_STREAM},
}


class CancelledBody(BaseModel):
    """Answer of `/generate/cancel`."""

    cancelled: bool = Field(description="False when no such request was in flight.")


def generate_routes(engine: Engine) -> APIRouter:
    """The routes, bound to an engine."""
    router = APIRouter(tags=["generate"])
    limiter = anyio.CapacityLimiter(QUESTIONS_AT_ONCE)

    async def answer(body: GenerateBody, request: Request, stream: bool) -> Response:
        check_tool_format(body.tool_format, body.tools)
        generations = _submit_all(engine, body)
        forms = await _forms(engine, generations, body.tool_format, limiter, request)
        if forms is None:
            return Response(status_code=CLIENT_LEFT)
        make_answer = partial(answer_of, forms=forms, is_batch=body.is_batch)
        if stream:
            return EventStream(events(generations, make_answer, ending_of(request.scope)), generations)
        results = await wait_for_results(generations, request)
        if results is None:
            return Response(status_code=CLIENT_LEFT)
        return Response(AnswerBody(**make_answer(results)).model_dump_json(), media_type="application/json")

    @router.post("/generate/text", summary="Continue a conversation", responses=GENERATE_RESPONSES, response_model=None)
    async def generate_text(body: GenerateBody, request: Request) -> Response:
        """Answer whole, or as server-sent events with `stream`. Values left out take the model's own defaults.

        A `prompt` in place of a conversation goes to the model as it is, and its answer is not searched for tool calls.
        """
        return await answer(body, request, body.stream)

    @router.post(
        "/generate/stream",
        summary="Continue a conversation as a stream",
        responses=STREAM_RESPONSES,
        response_model=None,
        response_class=StreamingResponse,
    )
    async def generate_stream(body: GenerateBody, request: Request) -> Response:
        """`/generate/text` with `stream` on."""
        return await answer(body, request, stream=True)

    @router.post(
        "/generate/cancel/{request_id}", summary="Cancel a request", responses=documented(), dependencies=[NO_BODY]
    )
    async def cancel(
        request_id: Annotated[
            str,
            Path(
                max_length=64,
                description="The id the request was sent with; of /v1, the answer's: chatcmpl-…, cmpl-…, resp_….",
                examples=["my-request"],
            ),
        ],
    ) -> CancelledBody:
        """End a request at its next token. Its reader gets what was generated so far.

        The id of an answer of /v1/completions ends the requests of all its prompts.
        """
        ended = [engine.cancel(each) for each in requests_of_call(request_id)]
        return CancelledBody(cancelled=any(ended))

    router.add_api_route(
        "/optimum/generate", generate_text, methods=["POST"], summary="Continue a conversation (older path)", deprecated=True,
        responses=GENERATE_RESPONSES, response_model=None, name="older_generate",
    )  # fmt: skip
    return router


def _submit_all(engine: Engine, body: GenerateBody) -> list[Generation]:
    """Submit every conversation, or none."""
    generations: list[Generation] = []
    try:
        with saying_how_to_load(engine, body.model, BY_ROUTE):
            for request in body.requests():
                generations.append(engine.submit(request))  # noqa: PERF401 - what was submitted before an error is needed
    except BaseException:
        for generation in generations:
            generation.cancel()
        raise
    return generations


async def _forms(
    engine: Engine, generations: list[Generation], tool_format: str, limiter: anyio.CapacityLimiter, client: Request
) -> list[AnswerFormat] | None:
    """How the answers are to be read, found out while they are being made; None when the client has left, which ends them."""
    requests = [each.request.model_copy(update={"model": each.model}) for each in generations]
    asking = partial(
        anyio.to_thread.run_sync, answer_formats, engine, requests, tool_format, limiter=limiter, abandon_on_cancel=True
    )
    found = None
    try:
        found = formats_at_hand(engine, requests, tool_format)
        if found is None:
            found = await unless_disconnected(asking(), client)
    finally:
        if found is None:
            for generation in generations:
                generation.cancel()
    return found
