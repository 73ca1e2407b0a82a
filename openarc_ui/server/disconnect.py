"""Noticing that the client of a request has left, while the answer is still being made."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import Request

from openarc_ui.engine.generation import Generation
from openarc_ui.engine.types import GenerationResult
from openarc_ui.server.sse import HEARTBEAT_SECONDS, REPORT_SECONDS


async def until_disconnected(request: Request) -> None:
    """Return when the client is gone. Only after the body was read."""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return


async def wait_for_results(generations: Sequence[Generation], request: Request) -> list[GenerationResult]:
    """The results of all generations; when the client leaves they are cancelled and end at once.

    Raises:
        GenerationFailed: one of them failed; the others are cancelled.
    """
    watching = asyncio.ensure_future(until_disconnected(request))
    reading = [asyncio.ensure_future(_drain(generation)) for generation in generations]
    try:
        everything: asyncio.Future[list[None]] = asyncio.gather(*reading)
        both: set[asyncio.Future[Any]] = {everything, watching}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not everything.done():
            for generation in generations:
                generation.cancel()
        await everything
        return [await generation.async_result(REPORT_SECONDS) for generation in generations]
    finally:
        watching.cancel()
        for generation in generations:
            generation.cancel()


async def _drain(generation: Generation) -> None:
    """Until its end. Nobody sees the parts, so they may come together rarely."""
    async for _ in generation.async_batches(HEARTBEAT_SECONDS, lambda: HEARTBEAT_SECONDS):
        pass
