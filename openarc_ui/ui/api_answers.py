"""Answers as named Gradio endpoints: /chat to a conversation that the client keeps, /answer to one that is kept here, and
ending either."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any, Literal

import anyio
import gradio as gr
from pydantic import Field, ValidationError

from openarc_ui.conversations.asking import AnswerWish, begin_answer
from openarc_ui.conversations.kept import KeptGeneration
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.message import Message
from openarc_ui.engine.not_loaded import BY_ENDPOINT, saying_how_to_load
from openarc_ui.engine.types import GenerationRequest
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.api_errors import endpoint
from openarc_ui.ui.api_requests import owner_from, prompt_fields, read_messages
from openarc_ui.ui.api_sampling import with_sampling
from openarc_ui.ui.api_shown import JsonList, JsonObject, as_object, is_given, shown_message
from openarc_ui.ui.rights import Rights
from openarc_ui.ui.streaming import LONGEST_SECONDS, Pacer

REPORT_SECONDS = 20.0
RequestId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


def answer_endpoints(engine: Engine, store: ConversationStore, rights: Rights) -> list[Callable[..., Any]]:
    """The three endpoints, in the order of the documentation."""
    answering = [rights.counts(endpoint(each)) for each in (*_chatting(engine), *_answering(engine, store))]
    return [*answering, *_cancelling(engine)]


def _chatting(engine: Engine) -> list[Callable[..., Any]]:
    async def chat(
        message: str,
        conversation: JsonList | None = None,
        system_prompt: str = "",
        model: str | None = None,
        *,
        prefill: str = "",
        tools: JsonList | None = None,
        documents: JsonList | None = None,
        template_arguments: JsonObject | None = None,
        chat_template: str | None = None,
        structured_output: JsonObject | None = None,
        when_too_long: Literal["refuse", "shorten"] = "refuse",
        request_id: RequestId | None = None,
        **sampling: Any,
    ) -> AsyncIterator[str]:
        """Continue a conversation; streams the answer as it grows, exactly as the model writes it.

        Args:
            message: What the user says now; empty: the conversation is answered as it stands.
            conversation: The messages before it, a list of {"role", "content"} or its JSON text.
            system_prompt: Put in front when not empty.
            model: Name of a loaded model; left out: the one loaded last.
            prefill: What the answer begins with; only what is new is streamed.
            tools: Tools in OpenAI's form, a list or its JSON text; as a text also Python signatures.
            documents: Documents for the chat template, a list of objects or its JSON text.
            template_arguments: More arguments of the chat template, such as enable_thinking; an object or its JSON text.
            chat_template: A Jinja template in place of the model's.
            structured_output: One of json_schema, regex, grammar and choice, as an object or its JSON text.
            when_too_long: shorten leaves out the oldest messages of a conversation that does not fit.
            request_id: Your own id, to cancel it by with /cancel_request.

        Returns:
            The answer so far; the last one is the whole.
        """
        given = {name: value for name, value in sampling.items() if value is not None}
        given |= {name: value for name, value in (("model", model), ("request_id", request_id)) if value is not None}
        given |= prompt_fields(tools, documents, template_arguments, chat_template)
        if is_given(structured_output):
            given["structured_output"] = as_object(structured_output, "structured_output")
        messages = _conversation(system_prompt, read_messages(conversation, "conversation"), message)
        if prefill:
            messages = (*messages, Message(role="assistant", content=prefill))
            given["continue_final_message"] = True
        request = GenerationRequest(conversation=messages, source="gradio", when_too_long=when_too_long, **given)
        async for text in _streamed(engine, request):
            yield text

    return [with_sampling(chat, left_out={"num_return_sequences"})]


def _conversation(system_prompt: str, before: tuple[Message, ...], message: str) -> tuple[Message, ...]:
    system = (Message(role="system", content=system_prompt),) if system_prompt.strip() else ()
    last = (Message(role="user", content=message),) if message or not before else ()
    return (*system, *before, *last)


async def _streamed(engine: Engine, request: GenerationRequest) -> AsyncIterator[str]:
    """The text so far, the first at once and then as often as Gradio can bear. Leaving it cancels the request."""
    text, pacer = "", Pacer()
    with saying_how_to_load(engine, request.model, BY_ENDPOINT):
        begun = engine.submit(request)
    with begun as generation:
        async for batch in generation.async_batches(LONGEST_SECONDS, lambda: pacer.wait_seconds):
            text += "".join(delta.text for delta in batch if delta.sequence_index == 0)
            if text:
                pacer.handing_over()
                yield text
                pacer.resumed()
        result = await generation.async_result(REPORT_SECONDS)
    yield result.texts[0]


def _answering(engine: Engine, store: ConversationStore) -> list[Callable[..., Any]]:
    under_way: set[KeptGeneration] = set()

    async def answer(
        conversation_id: Annotated[str, Field(max_length=64)],
        request: gr.Request,
        options: JsonObject | None = None,
        prefill: str = "",
        parent_id: Annotated[str, Field(max_length=64)] | None = None,
        continue_final_message: bool = False,
        model: str | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Answer a kept conversation as it stands; streams the answer, which becomes a message of it.

        While it grows: {"state": "running", "answers": [{"id", "content", "reasoning_content"}]}; at the end the same
        with the state "done" and the whole messages, tool calls and figures included. After tool calls, add their
        results with /add_message and the role tool, and answer again.

        Args:
            conversation_id: Which.
            options: Sampling, tools, documents, template_arguments, chat_template, structured_output, tool_format,
                when_too_long, token_details, request_id, as an object or its JSON text.
            prefill: What the answer begins with.
            parent_id: Id of the message to answer; left out: the last of the path.
            continue_final_message: Go on with the answer the path ends with, as a new version of it.
            model: Name of a loaded model; left out: the one loaded last.

        Returns:
            The answers so far; the last one has the state done, and the messages as they are kept.
        """
        own = {
            "prefill": prefill,
            "parent_id": parent_id,
            "continue_final_message": continue_final_message,
            "model": model,
        }
        wish = _wish(as_object(options, "options"), own)
        owner = owner_from(request)
        beginning = partial(begin_answer, engine, store, owner, conversation_id, wish, "gradio")
        begun = await anyio.to_thread.run_sync(beginning)
        kept, keeper, pacer = KeptGeneration(begun.generation, begun.keeper, under_way), begun.keeper, Pacer()
        try:
            async for _ in kept.async_batches(LONGEST_SECONDS, lambda: pacer.wait_seconds):
                growing = [{"id": node_id, "content": parsed.content, "reasoning_content": parsed.reasoning}
                           for node_id, parsed in ((each, keeper.parsed(n)) for n, each in enumerate(keeper.node_ids))]  # fmt: skip
                pacer.handing_over()
                yield {"state": "running", "conversation_id": conversation_id, "answers": growing}
                pacer.resumed()
            await kept.async_result(REPORT_SECONDS)
        finally:
            kept.cancel()
        now = await anyio.to_thread.run_sync(store.get, owner, conversation_id)
        answers = [shown_message(now, now.node(node_id)) for node_id in keeper.node_ids]
        yield {"state": "done", "conversation_id": conversation_id, "answers": answers}

    return [answer]


def _cancelling(engine: Engine) -> list[Callable[..., Any]]:
    async def cancel_request(request_id: RequestId) -> dict[str, bool]:
        """Cancel a request that runs or waits, whoever sent it. What it wrote so far is its answer.

        Args:
            request_id: The id it was given, or that /metrics_requests shows.

        Returns:
            Whether there was such a request.
        """
        return {"cancelled": await anyio.to_thread.run_sync(engine.cancel, request_id)}

    return [cancel_request]


def _wish(options: dict[str, Any], own: dict[str, Any]) -> AnswerWish:
    """What was said of an answer.

    Raises:
        InvalidRequest: an option is unknown, wrong, or has a parameter of its own.
    """
    given = {name: value for name, value in own.items() if value}
    twice = sorted(given.keys() & options.keys())
    if twice:
        raise InvalidRequest(f"{twice[0]} is there twice.", "Leave it out of options.")
    try:
        return AnswerWish.model_validate({**options, **given})
    except ValidationError as error:
        raise explain(error.errors(include_url=False), fields_by_path(AnswerWish), hint="") from None
