"""Noticing that the client of a request has left, while the answer is still being made."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

import anyio
from fastapi import Request

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.types import GenerationResult, LoadRequest, ModelInfo
from openarc_ui.errors import OpenArcError
from openarc_ui.server.ending import ending_of
from openarc_ui.server.sse import HEARTBEAT_SECONDS, results_of

T = TypeVar("T")


async def until_disconnected(request: Request) -> None:
    """Return when the client is gone. Only after the body was read."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return


async def unless_disconnected(work: Coroutine[Any, Any, T], request: Request) -> T | None:
    """What the work comes to; None when the client has left first, which ends it. The body must have been read.

    A connection that is watched here can be watched again afterwards: a disconnect is told for ever.
    """
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(until_disconnected(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        watching.cancel()
        working.cancel()


async def wait_for_results(generations: Sequence[Generation], request: Request) -> list[GenerationResult] | None:
    """The results of all generations; None when the client has left, which cancels them.

    Raises:
        GenerationFailed: one of them failed; the others are cancelled.
        EngineClosed: the end of the server cut one of them off.
    """
    watching = asyncio.ensure_future(until_disconnected(request))
    drains = [asyncio.ensure_future(_drain(generation)) for generation in generations]
    reading = asyncio.ensure_future(asyncio.wait(drains, return_when=asyncio.FIRST_EXCEPTION))
    try:
        await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            return None
        for drain in drains:
            if drain.done():
                drain.result()
        return await results_of(generations, ending_of(request.scope))
    finally:
        watching.cancel()
        for generation in generations:
            generation.cancel()
        await asyncio.gather(*drains, return_exceptions=True)


async def load_for_client(
    engine: Engine, order: LoadRequest, request: Request, limiter: anyio.CapacityLimiter
) -> ModelInfo | None:
    """Load on a thread; None when the client has left, which ends this load and no other.

    Raises:
        OpenArcError: as `Engine.load` does.
    """
    cancel = threading.Event()
    loading = asyncio.ensure_future(
        anyio.to_thread.run_sync(partial(engine.load, order, cancel=cancel), limiter=limiter)
    )
    loading.add_done_callback(_seen)
    watching = asyncio.ensure_future(until_disconnected(request))
    try:
        await asyncio.wait({loading, watching}, return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            return loading.result()
        cancel.set()
        await asyncio.wait({loading})
        if isinstance(loading.exception(), OpenArcError | None):
            return None
        return loading.result()
    finally:
        cancel.set()
        watching.cancel()


def _seen(loading: asyncio.Future[ModelInfo]) -> None:
    """An error that nobody waits for any more is no mistake of ours to be logged."""
    if not loading.cancelled():
        loading.exception()


async def _drain(generation: Generation) -> None:
    """Until its end. Nobody sees the parts, so they may come together rarely."""
    async for _ in generation.async_batches(HEARTBEAT_SECONDS, lambda: HEARTBEAT_SECONDS):
        pass
