"""`/v1/responses`: OpenAI's Responses API for text and tools. A client that leaves cancels, whole or streaming."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import OpenArcError
from openarc_ui.server.openai.answering import Answering, Order
from openarc_ui.server.openai.asked import ready_model
from openarc_ui.server.openai.request_ids import note_request_id
from openarc_ui.server.openai.responses_answer import (
    ResponseTeller,
    in_words_of_responses,
    response_frames,
    whole_response,
)
from openarc_ui.server.openai.responses_body import ResponseBody
from openarc_ui.server.openai.responses_object import ResponseAnswer, begun_response
from openarc_ui.server.openai.responses_request import needs_template, order_of
from openarc_ui.server.problems import CLIENT_LEFT, documented_for_openai
from openarc_ui.server.sse import EventStream

STREAM: dict[str, Any] = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":4,'
        '"item_id":"msg_5b0c7a2e","output_index":0,"delta":" Paris","content_index":0,"logprobs":[]}\n\n',
    }
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    **documented_for_openai(404, 502, 503, 504),
    200: {
        "model": ResponseAnswer,
        "description": "The response; with `stream` the official SDK's events, of which the last has it.",
        "content": STREAM,
    },
}


def responses_routes(engine: Engine) -> APIRouter:
    """The routes, bound to an engine."""
    router = APIRouter(tags=["openai"])
    answering = Answering(engine)

    @router.post("/v1/responses", summary="Make a response", responses=RESPONSES, response_model=None)
    async def create_response(body: ResponseBody, request: Request) -> Response:
        """OpenAI's Responses API for text and function tools, whole or with `stream` as server-sent events.

        Nothing is kept: send the whole conversation as `input`. docs/responses.md lists every parameter.
        """
        info = ready_model(engine, body.model)
        template = await answering.template(info.name, request) if needs_template(body) else ""
        if template is None:
            return Response(status_code=CLIENT_LEFT)
        order = order_of(body, info, template)
        note_request_id(request, order.requests[0].request_id)
        try:
            return await _answer(answering, order, body, request)
        except OpenArcError as error:
            raise in_words_of_responses(error) from None

    return router


async def _answer(answering: Answering, order: Order, body: ResponseBody, client: Request) -> Response:
    """Submit and answer, whole or streaming.

    Raises:
        OpenArcError: it failed before its first token, or at all where it is answered whole.
    """
    asked = order.requests[0]
    head = begun_response(body, asked.request_id, str(asked.model), time.time())
    running = await answering.begin(order, client)
    if running is None:
        return Response(status_code=CLIENT_LEFT)
    has_thoughts = running.readings[0].form.reasoning is not None
    teller = ResponseTeller(head, has_thoughts, (body.top_logprobs or 0) if body.include else None)
    if body.stream:
        parts = await answering.opened(running, client)
        if parts is None:
            return Response(status_code=CLIENT_LEFT)
        return EventStream(response_frames(teller, parts), running.generations)
    whole = await answering.whole(running, client)
    if whole is None:
        return Response(status_code=CLIENT_LEFT)
    return JSONResponse(whole_response(teller, whole[0]))
