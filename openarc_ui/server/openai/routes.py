"""`/v1/models`, `/v1/chat/completions` and `/v1/completions`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.engine import Engine
from openarc_ui.server.openai.answering import Answering
from openarc_ui.server.openai.chat import ChatCompletions
from openarc_ui.server.openai.chat_answers import ChatAnswer
from openarc_ui.server.openai.chat_bodies import ChatBody
from openarc_ui.server.openai.completion_answers import CompletionAnswer
from openarc_ui.server.openai.completion_bodies import CompletionBody
from openarc_ui.server.openai.completions import Completions
from openarc_ui.server.openai.models import ModelList, ModelObject, model_list, model_object
from openarc_ui.server.problems import documented_for_openai
from openarc_ui.server.queries import NO_BODY
from openarc_ui.server.routes.heads import add_heads

STREAM: dict[str, Any] = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'data: {"id":"chatcmpl-0c8e","object":"chat.completion.chunk","created":1767225600,'
        '"model":"SmolLM2-135M-Instruct-int4","system_fingerprint":"3f9a57a5b0c7","choices":[{"index":0,'
        '"delta":{"content":" Paris"},"logprobs":null,"finish_reason":null}]}\n\ndata: [DONE]\n\n',
    }
}
STREAMED = "The answer; with `stream` its chunks as server-sent events, ended by `data: [DONE]`."


def _answered(model: type[Any]) -> dict[int | str, dict[str, Any]]:
    return {
        **documented_for_openai(404, 502, 503, 504),
        200: {"model": model, "description": STREAMED, "content": STREAM},
    }


def openai_routes(engine: Engine) -> APIRouter:
    """The routes, bound to an engine."""
    router = APIRouter(tags=["openai"])
    answering = Answering(engine)
    chat, completions = ChatCompletions(engine, answering), Completions(engine, answering)

    @router.get(
        "/v1/models", summary="List the models that answer", responses=documented_for_openai(), dependencies=[NO_BODY]
    )
    def list_models() -> ModelList:
        """The models that are loaded and ready. What could be loaded is in GET /models."""
        return model_list(engine)

    @router.get(
        "/v1/models/{model}",
        summary="Describe a model that answers",
        responses=documented_for_openai(404),
        dependencies=[NO_BODY],
    )
    def one_model(
        model: Annotated[
            str,
            Path(max_length=LONGEST_NAME, description="Its name.", examples=["SmolLM2-135M-Instruct-int4"]),
        ],
    ) -> ModelObject:
        """One of those that are loaded and ready."""
        return model_object(engine, model)

    add_heads(router)

    @router.post(
        "/v1/chat/completions", summary="Answer a conversation", responses=_answered(ChatAnswer), response_model=None
    )
    async def chat_completions(body: ChatBody, request: Request) -> Response:
        """OpenAI's Chat Completions. What can't be honoured is refused by name; [openai](/docs/openai) lists every parameter."""
        return await chat.answer(body, request)

    @router.post(
        "/v1/completions", summary="Go on with a text", responses=_answered(CompletionAnswer), response_model=None
    )
    async def text_completions(body: CompletionBody, request: Request) -> Response:
        """OpenAI's Completions: the model goes on with a prompt as it is, without a chat template."""
        return await completions.answer(body, request)

    return router
