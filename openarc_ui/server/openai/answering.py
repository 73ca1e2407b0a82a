"""From a request to its answer over HTTP, the same for every route of OpenAI's: submit, find out how to read, answer.

What fails before the first token is answered with its own status, also where a stream was asked for. A client that leaves
cancels, at any moment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import anyio
from fastapi import Request

from openarc_ui.conversations.answer_format import AUTOMATIC, NO_TOOLS, answer_formats, formats_at_hand
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.types import GenerationRequest, GenerationResult
from openarc_ui.errors import OpenArcError
from openarc_ui.server.disconnect import unless_disconnected, wait_for_results
from openarc_ui.server.ending import ending_of
from openarc_ui.server.openai.asked import ToolUse
from openarc_ui.server.openai.parts import Part, Parts, Reading
from openarc_ui.server.openai.reader import ends_of, parts_of
from openarc_ui.server.openai.words import Words
from openarc_ui.server.routes.prompts import QUESTIONS_AT_ONCE
from openarc_ui.server.sse import interleaved

T = TypeVar("T")
PartsOfAll = AsyncIterator[tuple[int, Parts]]


@dataclass(frozen=True, slots=True)
class Order:
    """What a call comes to.

    Attributes:
        requests: one for each prompt; their `model` is set.
        use: what is wanted of tools.
        tool_format: how calls are written, "auto" by the template.
        words: how its errors are said.
    """

    requests: tuple[GenerationRequest, ...]
    use: ToolUse = field(default_factory=ToolUse)
    tool_format: str = AUTOMATIC
    words: Words = field(default_factory=Words)


@dataclass(frozen=True, slots=True)
class Running:
    """An order under way."""

    generations: tuple[Generation, ...]
    readings: tuple[Reading, ...]
    words: Words = field(default_factory=Words)

    def cancel(self) -> None:
        """End all of it."""
        for generation in self.generations:
            generation.cancel()


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer that is over: its parts, all sequences after one another, and its result."""

    parts: list[Part]
    result: GenerationResult


class Answering:
    """Orders to one engine. Whatever returns None found that the client has left, and has ended what was running."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._limiter = anyio.CapacityLimiter(QUESTIONS_AT_ONCE)

    async def template(self, model: str, client: Request) -> str | None:
        """The text of a model's chat template.

        Raises:
            ModelNotLoaded, WorkerDied, EngineBusy.
        """
        return await self.ask(lambda: self._engine.chat_template(model).text, client)

    async def begin(self, order: Order, client: Request) -> Running | None:
        """Submit everything, or nothing, and find out how the answers are to be read while they are being made.

        Raises:
            ModelNotLoaded, EngineBusy, EngineClosed, InvalidRequest.
        """
        with order.words.spoken():
            generations = self._submit(order.requests)
        running = None
        try:
            readings = await self._readings(order, client)
            if readings is not None:
                running = Running(tuple(generations), readings, order.words)
        finally:
            if running is None:
                for generation in generations:
                    generation.cancel()
        return running

    async def whole(self, running: Running, client: Request) -> list[Whole] | None:
        """The answers when they are over.

        Raises:
            OpenArcError: one of them failed; the others are cancelled.
        """
        with running.words.spoken():
            results = await wait_for_results(running.generations, client)
        if results is None:
            return None
        pairs = zip(results, running.readings, strict=True)
        return [Whole(ends_of(result, reading), result) for result, reading in pairs]

    async def opened(self, running: Running, client: Request) -> PartsOfAll | None:
        """The parts as they come, once the first of them (or a heartbeat) is there. Each with the number of its request.

        Raises:
            OpenArcError: a request failed before anything came.
        """
        pairs, ending = zip(running.generations, running.readings, strict=True), ending_of(client.scope)
        parts = interleaved([parts_of(*each, ending=ending) for each in pairs])
        first = None
        try:
            with running.words.spoken():
                first = await unless_disconnected(_next(parts), client)
        finally:
            if first is None:
                running.cancel()
        return None if first is None else _again(first, parts)

    def _submit(self, requests: Sequence[GenerationRequest]) -> list[Generation]:
        generations: list[Generation] = []
        try:
            for request in requests:
                generations.append(self._engine.submit(request))  # noqa: PERF401 - what came before an error is needed
        except OpenArcError:
            for generation in generations:
                generation.cancel()
            raise
        return generations

    async def _readings(self, order: Order, client: Request) -> tuple[Reading, ...] | None:
        use = order.use
        # A forced call is read by its form, which is known, whatever the template says of calls.
        tool_format = order.tool_format if use.forced is None else NO_TOOLS
        forms = formats_at_hand(self._engine, order.requests, tool_format)
        if forms is None:
            forms = await self.ask(partial(answer_formats, self._engine, order.requests, tool_format), client)
        if forms is None:
            return None
        return tuple(
            Reading(form, use.forced, use.name, use.most_calls, f"call_{request.request_id[-12:]}")
            for form, request in zip(forms, order.requests, strict=True)
        )

    async def ask(self, question: Callable[[], T], client: Request) -> T | None:
        """The answer of a loaded model, asked on a thread."""
        asking = anyio.to_thread.run_sync(question, limiter=self._limiter, abandon_on_cancel=True)
        return await unless_disconnected(asking, client)


async def _next(parts: PartsOfAll) -> tuple[int, Parts]:
    return await anext(parts)


async def _again(first: tuple[int, Parts], rest: PartsOfAll) -> PartsOfAll:
    yield first
    async for each in rest:
        yield each
