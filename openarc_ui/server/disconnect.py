"""Noticing that the client of a request has left, while the answer is still being made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import Request

from openarc_ui.engine.generation import Generation
from openarc_ui.engine.types import GenerationResult
from openarc_ui.server.sse import HEARTBEAT_SECONDS, results_of


async def until_disconnected(request: Request) -> None:
    """Return when the client is gone. Only after the body was read."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return


async def wait_for_results(generations: Sequence[Generation], request: Request) -> list[GenerationResult] | None:
    """The results of all generations; None when the client has left, which cancels them.

    Raises:
        GenerationFailed: one of them failed; the others are cancelled.
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
        return await results_of(generations)
    finally:
        watching.cancel()
        for generation in generations:
            generation.cancel()
        await asyncio.gather(*drains, return_exceptions=True)


async def _drain(generation: Generation) -> None:
    """Until its end. Nobody sees the parts, so they may come together rarely."""
    async for _ in generation.async_batches(HEARTBEAT_SECONDS, lambda: HEARTBEAT_SECONDS):
        pass
