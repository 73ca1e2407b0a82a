"""One answer from request to page: what both the Chat tab and the chat endpoint stream. No Gradio component here.

The registry holds what each browser session has in flight, so that Stop and a closed page find it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.types import GenerationRequest, GenerationResult
from openarc_ui.ui.streaming import LONGEST_SECONDS, Pacer

REPORT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Progress:
    """One moment of an answer: the text so far, and what to say while there is none; at the end the result."""

    text: str
    note: str
    result: GenerationResult | None = None


class InFlight:
    """Session -> the generation it waits for. One a session."""

    def __init__(self) -> None:
        self._generations: dict[str, Generation] = {}

    def put(self, session: str, generation: Generation) -> None:
        """A session began to wait for this one."""
        self._generations[session] = generation

    def drop(self, session: str, generation: Generation) -> None:
        """It does not any more."""
        if self._generations.get(session) is generation:
            del self._generations[session]

    def cancel(self, session: str) -> bool:
        """End what a session waits for; False when it waits for nothing."""
        generation = self._generations.get(session)
        if generation is None:
            return False
        generation.cancel()
        return True


async def stream_answer(
    engine: Engine, request: GenerationRequest, in_flight: InFlight, session: str
) -> AsyncIterator[Progress]:
    """Yield the answer as it grows, the first text at once and then as often as the page can bear; the last has the result.

    Leaving it in any way cancels the request.

    Raises:
        OpenArcError: the engine does not take the request, or it failed.
    """
    text, pacer, began_at = "", Pacer(), time.perf_counter()
    with engine.submit(request) as generation:
        in_flight.put(session, generation)
        try:
            async for batch in generation.async_batches(LONGEST_SECONDS):
                text += "".join(delta.text for delta in batch)
                pacer.handing_over()
                yield Progress(text, "" if text else _note(generation, time.perf_counter() - began_at))
                pacer.resumed()
                if text:
                    await asyncio.sleep(pacer.wait_seconds)
            result = await generation.async_result(REPORT_SECONDS)
        finally:
            in_flight.drop(session, generation)
    yield Progress(result.texts[0], "", result)


def _note(generation: Generation, waited_seconds: float) -> str:
    doing = "Reading the prompt" if generation.started else "Waiting in the queue"
    return f"{doing} … {waited_seconds:.1f} s"
