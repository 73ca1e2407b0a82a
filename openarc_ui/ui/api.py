"""The page's actions as named Gradio endpoints with typed parameters, for gradio_client and, later, MCP.

`gr.api` validates nothing itself, so every call goes through `endpoint` and the engine's own request models.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import gradio as gr
from pydantic import TypeAdapter, ValidationError

from openarc_ui.engine.answers import Places
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import GenerationRequest, Message
from openarc_ui.errors import InvalidRequest
from openarc_ui.profiles import ProfileStore
from openarc_ui.ui.api_errors import endpoint
from openarc_ui.ui.api_loads import load_endpoints
from openarc_ui.ui.api_profiles import profile_endpoints
from openarc_ui.ui.api_shown import shown
from openarc_ui.ui.api_watch import LoadWatch
from openarc_ui.ui.chat_stream import InFlight, stream_answer

CONVERSATION = TypeAdapter(tuple[Message, ...])


def add_endpoints(engine: Engine, profiles: ProfileStore, needs_key: bool = False) -> None:
    """Register the endpoints, inside open gr.Blocks.

    Args:
        needs_key: the server wants a key, so code to copy says where to get it.
    """
    watch = LoadWatch(engine)
    for each in (
        *_answering(engine),
        *load_endpoints(engine, watch),
        *profile_endpoints(engine, profiles, watch, needs_key),
    ):
        gr.api(endpoint(each), api_name=each.__name__, concurrency_limit=None)


def _answering(engine: Engine) -> list[Callable[..., Any]]:
    in_flight = InFlight()

    async def chat(
        message: str,
        conversation: list[dict[str, Any]] | str = "[]",
        system_prompt: str = "",
        model: str | None = None,
        max_new_tokens: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        repetition_penalty: float | None = None,
        presence_penalty: float | None = None,
        frequency_penalty: float | None = None,
        do_sample: bool | None = None,
        seed: int | None = None,
        stop: str | None = None,
        ignore_eos: bool | None = None,
    ) -> AsyncIterator[str]:
        """Continue a conversation; streams the answer as it grows.

        Args:
            message: What the user says now.
            conversation: The messages before it, a list of {"role", "content"} or its JSON text.
            system_prompt: Put in front when not empty.
            model: Name of a loaded model; left out: the one loaded last.
            max_new_tokens: Most tokens to generate.
            temperature: Spread of the choice; 0 means greedy.
            top_k: Choose among this many most likely tokens; 0: no limit.
            top_p: Choose among the most likely tokens that make up this probability.
            min_p: Drop tokens below this share of the most likely one's probability.
            repetition_penalty: Above 1: make tokens used before less likely.
            presence_penalty: Subtracted once from each token already in the answer.
            frequency_penalty: Subtracted for each time a token is in the answer.
            do_sample: False: always take the most likely token.
            seed: Same seed, same answer.
            stop: End the answer before this text.
            ignore_eos: Go on to max_new_tokens past the end-of-text token.
        """
        given = {
            name: value
            for name, value in locals().items()
            if name in GenerationRequest.model_fields and name != "conversation"
        }
        request = GenerationRequest(
            conversation=_messages(conversation, system_prompt, message),
            source="gradio",
            **{name: value for name, value in given.items() if value is not None},
        )
        async for progress in stream_answer(engine, request, in_flight, request.request_id):
            if progress.text or progress.result is not None:
                yield progress.text

    async def unload_model(model: str | None = None) -> dict[str, Any]:
        """Unload a model: its requests are cancelled, its process ends.

        Args:
            model: Which; left out: the one loaded last.
        """
        return shown(await anyio.to_thread.run_sync(engine.unload, model))

    async def status() -> dict[str, Any]:
        """Every loaded model with state, memory, running and queued requests."""
        now = engine.status()
        models = [{"name": each.name, "state": each.state.value, "device": each.request.device, "backend": each.info and each.info.backend,
                   "memory_bytes": each.memory_bytes, "running": each.running, "queued": each.queued, "failure": each.failure,
                   "last_decode_tokens_per_second": each.last_decode_tokens_per_second} for each in now.models]  # fmt: skip
        body: dict[str, Any] = Places.of(engine).hidden(
            {"models": models, "default_model": now.default_model, "queue_size": now.queue_size}
        )
        return body

    return [chat, unload_model, status]


def _messages(conversation: list[dict[str, Any]] | str, system_prompt: str, message: str) -> tuple[Message, ...]:
    try:
        if isinstance(conversation, str):
            before = CONVERSATION.validate_json(conversation or "[]")
        else:
            before = CONVERSATION.validate_python(conversation)
    except ValidationError as error:
        raise InvalidRequest(
            f"conversation: {error.errors()[0]['msg'].rstrip('.')}.", 'Send a JSON list of {"role", "content"}.'
        ) from None
    system = (Message(role="system", content=system_prompt),) if system_prompt.strip() else ()
    return (*system, *before, Message(role="user", content=message))
