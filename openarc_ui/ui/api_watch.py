"""A load for one of Gradio's clients: stages while it goes on, and cancelled when the client leaves.

Gradio looks whether a client is still there only between two values of a generator, so the stages are also the heartbeat.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import anyio

from openarc_ui.engine.answers import cache_note
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, LoadStage, ModelInfo
from openarc_ui.ui.api_shown import shown_load

LOADS_AT_ONCE = 4
HEARTBEAT_SECONDS = 0.5
WAITING = LoadStage("Waiting", 0.0)


class LoadWatch:
    """Loads for the endpoints of one page, at most four at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._limiter = anyio.CapacityLimiter(LOADS_AT_ONCE)

    async def load(self, order: LoadRequest) -> AsyncIterator[dict[str, Any]]:
        """{"state": "loading", "stage", "fraction"} while it loads, then the loaded model with the state "ready".

        Closing the generator, or cancelling the task that reads it, ends this load and no other.

        Raises:
            OpenArcError: as `Engine.load` does.
        """
        stages = [WAITING]
        cancel = threading.Event()
        work = partial(self._engine.load, order, stages.append, cancel)
        loading = asyncio.ensure_future(anyio.to_thread.run_sync(work, limiter=self._limiter))
        loading.add_done_callback(_seen)
        try:
            while not (await asyncio.wait({loading}, timeout=HEARTBEAT_SECONDS))[0]:
                yield {"state": "loading", "stage": stages[-1].label, "fraction": stages[-1].fraction}
            info = loading.result()
        finally:
            cancel.set()
        note = await anyio.to_thread.run_sync(cache_note, self._engine, info)
        yield shown_load(self._engine, info, note)


def _seen(loading: asyncio.Future[ModelInfo]) -> None:
    """An error that nobody waits for any more is no mistake of ours to be logged."""
    if not loading.cancelled():
        loading.exception()
