"""One answer from request to page: what both the Chat tab and the chat endpoint stream. No Gradio component here.

The registry holds what each browser session has in flight, so that Stop and a closed page find it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.types import GenerationRequest, GenerationResult, ModelState
from openarc_ui.startup import Startup
from openarc_ui.ui.streaming import LONGEST_SECONDS, Pacer

REPORT_SECONDS = 20.0
LATE_REPORT = "Ended; the model is still finishing its step. The figures will be in the Metrics tab."


@dataclass(frozen=True, slots=True)
class Progress:
    """One moment of an answer: the text so far, and what to say while there is none; at the end the result."""

    text: str
    note: str
    result: GenerationResult | None = None


class Cancellable(Protocol):
    """What a session may wait for."""

    def cancel(self) -> None: ...


class InFlight:
    """Session -> what it waits for: a generation, or the start-up. One a session."""

    def __init__(self) -> None:
        self._waits: dict[str, Cancellable] = {}

    def put(self, session: str, wait: Cancellable) -> None:
        """A session began to wait for this."""
        self._waits[session] = wait

    def drop(self, session: str, wait: Cancellable) -> None:
        """It does not any more."""
        if self._waits.get(session) is wait:
            del self._waits[session]

    def cancel(self, session: str) -> bool:
        """End what a session waits for; False when it waits for nothing."""
        wait = self._waits.get(session)
        if wait is None:
            return False
        wait.cancel()
        return True


class ModelWait:
    """A message sent before the first model is ready waits for it, and says so."""

    def __init__(self, engine: Engine, startup: Startup) -> None:
        self._engine = engine
        self._startup = startup
        self.is_cancelled = False

    def cancel(self) -> None:
        """Wait no longer."""
        self.is_cancelled = True

    def _is_over(self) -> bool:
        has_model = any(model.state is ModelState.READY for model in self._engine.status().models)
        return has_model or self.is_cancelled or not self._startup.status().is_under_way

    async def notes(self, in_flight: InFlight, session: str) -> AsyncIterator[str]:
        """What to say meanwhile; ends when a model is ready, the start-up is over, or the wait was cancelled."""
        in_flight.put(session, self)
        try:
            while not self._is_over():
                stage = self._startup.status().stage
                yield "Waiting for the model …" + (f" {stage.fraction:.0%} · {stage.label}" if stage else "")
                await asyncio.sleep(LONGEST_SECONDS)
        finally:
            in_flight.drop(session, self)


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
            async for batch in generation.async_batches(LONGEST_SECONDS, lambda: pacer.wait_seconds):
                text += "".join(delta.text for delta in batch)
                pacer.handing_over()
                yield Progress(text, "" if text else _note(generation, time.perf_counter() - began_at))
                pacer.resumed()
            result = await generation.async_result(REPORT_SECONDS)
        except TimeoutError:
            result = None
        finally:
            in_flight.drop(session, generation)
    yield Progress(text, LATE_REPORT) if result is None else Progress(result.texts[0], "", result)


def _note(generation: Generation, waited_seconds: float) -> str:
    doing = "Reading the prompt" if generation.started else "Waiting in the queue"
    return f"{doing} … {waited_seconds:.1f} s"
