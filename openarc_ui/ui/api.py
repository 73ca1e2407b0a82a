"""The page's actions as named Gradio endpoints with typed parameters, for gradio_client and, later, MCP.

`gr.api` validates nothing itself, so every call goes through `endpoint` and the engine's own request models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import gradio as gr

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import ProfileStore
from openarc_ui.ui.api_answers import answer_endpoints
from openarc_ui.ui.api_conversations import conversation_endpoints
from openarc_ui.ui.api_errors import endpoint
from openarc_ui.ui.api_loads import load_endpoints
from openarc_ui.ui.api_metrics import metrics_endpoints
from openarc_ui.ui.api_profiles import profile_endpoints
from openarc_ui.ui.api_prompts import prompt_endpoints
from openarc_ui.ui.api_shown import shown
from openarc_ui.ui.api_watch import LoadWatch


def add_endpoints(
    engine: Engine,
    store: MetricsStore,
    profiles: ProfileStore,
    conversations: ConversationStore,
    *,
    needs_key: bool = False,
) -> None:
    """Register the endpoints, inside open gr.Blocks.

    Args:
        needs_key: the server wants a key, so code to copy says where to get it.
    """
    watch = LoadWatch(engine)
    for each in (
        *answer_endpoints(engine, conversations),
        *_models(engine),
        *prompt_endpoints(engine),
        *conversation_endpoints(conversations),
        *load_endpoints(engine, watch),
        *profile_endpoints(engine, profiles, watch, needs_key),
        *metrics_endpoints(engine, store),
    ):
        gr.api(endpoint(each), api_name=each.__name__, concurrency_limit=None)


def _models(engine: Engine) -> list[Callable[..., Any]]:
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
        body: dict[str, Any] = engine.places.hidden(
            {"models": models, "default_model": now.default_model, "queue_size": now.queue_size}
        )
        return body

    return [unload_model, status]
