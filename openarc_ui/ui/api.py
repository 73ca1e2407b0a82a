"""The page's actions as named Gradio endpoints with typed parameters, for gradio_client and, later, MCP.

`gr.api` validates nothing itself, so every call goes through the engine's own request models.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr
from pydantic import TypeAdapter, ValidationError

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import GenerationRequest, Message
from openarc_ui.errors import InvalidRequest
from openarc_ui.profiles import ProfileStore
from openarc_ui.ui.api_errors import as_gradio_error
from openarc_ui.ui.api_loads import load_endpoints
from openarc_ui.ui.api_shown import shown
from openarc_ui.ui.chat_stream import InFlight, stream_answer

CONVERSATION = TypeAdapter(tuple[Message, ...])


def add_endpoints(engine: Engine, profiles: ProfileStore) -> None:
    """Register the endpoints, inside open gr.Blocks."""
    in_flight = InFlight()

    async def chat(
        message: str,
        conversation: str = "[]",
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
            conversation: The messages before it, as a JSON list of {"role", "content"}.
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
        with as_gradio_error():
            request = GenerationRequest(
                conversation=_messages(conversation, system_prompt, message),
                source="gradio",
                **{name: value for name, value in given.items() if value is not None},
            )
            session = request.request_id
            async for progress in stream_answer(engine, request, in_flight, session):
                if progress.text or progress.result is not None:
                    yield progress.text

    async def unload_model(model: str | None = None) -> dict[str, Any]:
        """Unload a model: its requests are cancelled, its process ends.

        Args:
            model: Which; left out: the one loaded last.
        """
        with as_gradio_error():
            return shown(await asyncio.to_thread(engine.unload, model))

    async def status() -> dict[str, Any]:
        """Every loaded model with state, memory, running and queued requests."""
        now = engine.status()
        models = [{"name": each.name, "state": each.state.value, "device": each.request.device, "backend": each.info and each.info.backend,
                   "memory_bytes": each.memory_bytes, "running": each.running, "queued": each.queued, "failure": each.failure,
                   "last_decode_tokens_per_second": each.last_decode_tokens_per_second} for each in now.models]  # fmt: skip
        return {"models": models, "default_model": now.default_model, "queue_size": now.queue_size}

    for endpoint in (chat, unload_model, status, *load_endpoints(engine, profiles)):
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)


def _messages(conversation: str, system_prompt: str, message: str) -> tuple[Message, ...]:
    try:
        before = CONVERSATION.validate_json(conversation or "[]")
    except ValidationError as error:
        raise InvalidRequest(
            f"conversation: {error.errors()[0]['msg']}.", 'Send a JSON list of {"role", "content"}.'
        ) from None
    system = (Message(role="system", content=system_prompt),) if system_prompt.strip() else ()
    return (*system, *before, Message(role="user", content=message))
