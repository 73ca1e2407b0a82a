"""What a model sees: `/tokenize`, `/detokenize`, `/apply-template`, `/chat-template`, and what it can be held to,
`/check-structure`. None of them waits for a generation.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import anyio
from fastapi import APIRouter, Query, Response

from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.not_loaded import BY_ROUTE, saying_how_to_load
from openarc_ui.engine.prompts import MAX_LISTED_TOKENS
from openarc_ui.errors import InvalidRequest, ParameterNotSupported, StructureRejected
from openarc_ui.server.problems import documented
from openarc_ui.server.prompt_bodies import (
    MODEL,
    NAME,
    ApplyTemplateBody,
    ChatTemplateBody,
    CheckedStructureBody,
    CheckStructureBody,
    DetokenizeBody,
    RenderedBody,
    TextBody,
    TokenizeBody,
    TokensBody,
)

QUESTIONS_AT_ONCE = 16
"""A worker that hangs keeps its questions for half a minute; they must not take every thread there is."""
QUESTION_ERRORS = documented(409, 502, 503)


def prompt_routes(engine: Engine) -> APIRouter:
    """The routes, bound to an engine."""
    router = APIRouter(tags=["prompts"])
    limiter = anyio.CapacityLimiter(QUESTIONS_AT_ONCE)

    @router.post(
        "/tokenize", summary="Turn a text into tokens", responses={200: {"model": TokensBody}, **QUESTION_ERRORS},
        response_model=None,
    )  # fmt: skip
    async def tokenize(body: TokenizeBody) -> Response:
        """Each token with its part of the text and its entry of the vocabulary; the ids are those a model would get."""
        with saying_how_to_load(engine, body.model, BY_ROUTE):
            return await anyio.to_thread.run_sync(_tokenized, engine, body, limiter=limiter)

    @router.post("/detokenize", summary="Turn tokens into a text", responses=QUESTION_ERRORS)
    async def detokenize(body: DetokenizeBody) -> TextBody:
        """Special tokens are spelled out, unless they are skipped."""
        asking = partial(engine.detokenize, body.tokens, body.model, skip_special_tokens=body.skip_special_tokens)
        with saying_how_to_load(engine, body.model, BY_ROUTE):
            model, text = await anyio.to_thread.run_sync(asking, limiter=limiter)
        return TextBody(model=model, text=text)

    @router.post(
        "/apply-template", summary="Render a conversation", response_model=None,
        responses={200: {"model": RenderedBody}, **QUESTION_ERRORS},
    )  # fmt: skip
    async def apply_template(body: ApplyTemplateBody) -> Response:
        """The prompt that `/generate/text` would give the model for it, as text and tokens, without generating."""
        with saying_how_to_load(engine, body.model, BY_ROUTE):
            return await anyio.to_thread.run_sync(_rendered, engine, body, limiter=limiter)

    @router.get("/chat-template", summary="Read a model's chat template", responses=QUESTION_ERRORS)
    async def chat_template(
        model: Annotated[str | None, Query(max_length=LONGEST_NAME, description=MODEL, examples=[NAME])] = None,
    ) -> ChatTemplateBody:
        """Its Jinja source and where it comes from; of a model without one, the plain one that is used instead."""
        with saying_how_to_load(engine, model, BY_ROUTE):
            return ChatTemplateBody.of(await anyio.to_thread.run_sync(engine.chat_template, model, limiter=limiter))

    @router.post("/check-structure", summary="Try out a structured output", responses=QUESTION_ERRORS)
    async def check_structure(body: CheckStructureBody) -> CheckedStructureBody:
        """Whether a model's answers can be made to look so, without generating; what can't be held to is named."""
        asking = partial(engine.check_structure, body.structured_output, body.model)
        try:
            with saying_how_to_load(engine, body.model, BY_ROUTE):
                await anyio.to_thread.run_sync(asking, limiter=limiter)
        except (StructureRejected, ParameterNotSupported) as error:
            return CheckedStructureBody(is_possible=False, problem=error.message, hint=error.hint)
        return CheckedStructureBody(is_possible=True, problem="", hint="")

    return router


def _tokenized(engine: Engine, body: TokenizeBody) -> Response:
    """The whole answer on this thread: a long text's would hold up everybody else for seconds."""
    found = TokensBody.json_of(engine.tokenize(body.text, body.model))
    return Response(found, media_type="application/json")


def _rendered(engine: Engine, body: ApplyTemplateBody) -> Response:
    """The whole answer on this thread too.

    Raises:
        InvalidRequest: there are more tokens than can be listed.
    """
    rendered = engine.render(body, MAX_LISTED_TOKENS if body.tokens else 0)
    if body.tokens and rendered.token_count > MAX_LISTED_TOKENS:
        raise InvalidRequest(
            f"The prompt has {rendered.token_count:,} tokens; at most {MAX_LISTED_TOKENS:,} are listed.",
            'Send "tokens": false for the text and the count.',
        )
    return Response(RenderedBody.json_of(rendered, body.tokens), media_type="application/json")
