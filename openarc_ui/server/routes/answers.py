"""Answering a conversation that is kept: `/conversations/{conversation_id}/answer`. The answer becomes a message of it.

It is kept while it grows. A client that leaves ends it; what had come stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import anyio
from fastapi import APIRouter, Request, Response

from openarc_ui.conversations.asking import BegunAnswer, begin_answer
from openarc_ui.conversations.kept import KeptGeneration
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.not_loaded import BY_ROUTE, saying_how_to_load
from openarc_ui.engine.types import GenerationResult
from openarc_ui.server.disconnect import wait_for_results
from openarc_ui.server.ending import ending_of
from openarc_ui.server.problems import CLIENT_LEFT, documented
from openarc_ui.server.routes.conversations import ConversationId, owner_from
from openarc_ui.server.routes.generate import EVENT_STREAM
from openarc_ui.server.routes.prompts import QUESTIONS_AT_ONCE
from openarc_ui.server.schemas import AnswerConversationBody, ConversationAnswerBody, answer_of, one_or_all
from openarc_ui.server.sse import EventStream, events

ANSWER_RESPONSES: dict[int | str, dict[str, Any]] = {
    **documented(404, 409, 429, 502, 503, 504),
    200: {
        "model": ConversationAnswerBody,
        "description": "The answer; with `stream` a text/event-stream that ends with it.",
        "content": EVENT_STREAM,
    },
}


def answer_routes(engine: Engine, conversations: ConversationStore) -> APIRouter:
    """The route, bound to an engine and a store."""
    router = APIRouter(tags=["conversations"])
    limiter = anyio.CapacityLimiter(QUESTIONS_AT_ONCE)
    under_way: set[KeptGeneration] = set()

    @router.post(
        "/conversations/{conversation_id}/answer",
        summary="Answer a conversation",
        responses=ANSWER_RESPONSES,
        response_model=None,
    )
    async def answer(conversation_id: ConversationId, body: AnswerConversationBody, request: Request) -> Response:
        """Generate the next message and keep it, as a new version where there is one already.

        After tool calls, add the results as messages of the role tool and answer again.
        """
        beginning = partial(begin_answer, engine, conversations, owner_from(request), conversation_id, body, "rest")
        with saying_how_to_load(engine, body.model, BY_ROUTE):
            begun = await anyio.to_thread.run_sync(beginning, limiter=limiter)
        kept = cast("Sequence[Generation]", [KeptGeneration(begun.generation, begun.keeper, under_way)])
        make_answer = partial(_answer, begun)
        if body.stream:
            return EventStream(events(kept, make_answer, ending_of(request.scope)), kept)
        results = await wait_for_results(kept, request)
        if results is None:
            return Response(status_code=CLIENT_LEFT)
        whole = ConversationAnswerBody(**make_answer(results))
        return Response(whole.model_dump_json(), media_type="application/json")

    return router


def _answer(begun: BegunAnswer, results: Sequence[GenerationResult]) -> dict[str, Any]:
    """The answer to the call: `generated_text` is what is new, the rest is what the messages hold now."""
    nodes = begun.keeper.nodes
    problems = [[node.answer.problem] if node.answer and node.answer.problem else [] for node in nodes]
    return {
        **answer_of(results, [begun.form], is_batch=False),
        "content": one_or_all([node.content for node in nodes]),
        "reasoning_content": one_or_all([node.reasoning for node in nodes]),
        "tool_calls": one_or_all([[call.model_dump() for call in node.tool_calls] or None for node in nodes]),
        "problems": one_or_all(problems),
        "conversation_id": begun.keeper.conversation_id,
        "message_ids": [node.id for node in nodes],
    }
