"""A generation whose answer is kept in a conversation while a client reads it, and to its end when the client has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import anyio

from openarc_ui.conversations.answering import AnswerKeeper
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.types import GenerationResult, TextDelta
from openarc_ui.errors import OpenArcError

HEARTBEAT_SECONDS = 1.0
REPORT_SECONDS = 20.0
"""How long a model may stay in the step in which its request was ended."""


class KeptGeneration:
    """What a Generation is to its reader. A task of its own reads the real one and keeps what comes.

    Make it on the event loop. It ends by itself when the generation does, or when `cancel` was called.

    Args:
        under_way: it is in there until it has ended, so that it lives on when its reader has left.
    """

    def __init__(self, generation: Generation, keeper: AnswerKeeper, under_way: set[KeptGeneration]) -> None:
        self._generation = generation
        self._keeper = keeper
        self._new: list[TextDelta] = []
        self._news = asyncio.Event()
        self._error: OpenArcError | None = None
        self._result: GenerationResult | None = None
        self._task = asyncio.create_task(self._read())
        under_way.add(self)
        self._task.add_done_callback(lambda _: under_way.discard(self))

    async def async_batches(
        self, interval: float, pause_seconds: Callable[[], float] = lambda: 0.0
    ) -> AsyncIterator[tuple[TextDelta, ...]]:
        """As `Generation.async_batches`; it ends when the answer is kept.

        Raises:
            OpenArcError: the request failed, or its answer can't be kept.
        """
        is_over = False
        while not is_over:
            if not self._new and not self._task.done():
                heartbeat = asyncio.get_running_loop().call_later(interval, self._news.set)
                await self._news.wait()
                heartbeat.cancel()
            self._news.clear()
            is_over = self._task.done()
            deltas, self._new = tuple(self._new), []
            if deltas or not is_over:
                yield deltas
            if not is_over and deltas and (pause := pause_seconds()) > 0:
                await asyncio.wait({self._task}, timeout=pause)
        if self._error is not None:
            raise self._error

    async def async_result(self, timeout: float) -> GenerationResult:
        """As `Generation.async_result`.

        Raises:
            OpenArcError: the request failed, or its answer can't be kept.
            TimeoutError: it has not ended within `timeout` seconds.
        """
        await asyncio.wait_for(asyncio.shield(self._task), timeout)
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise TimeoutError("the model is still busy with its current step")
        return self._result

    def cancel(self) -> None:
        """End the generation; what came is kept."""
        self._generation.cancel()

    async def _read(self) -> None:
        """Until the end, whoever reads; only the end of the program cuts it short."""
        try:
            error = await self._read_all()
            if error is None:
                await anyio.to_thread.run_sync(self._keeper.finish, self._result)
            else:
                await anyio.to_thread.run_sync(self._keeper.fail, error)
            self._error = error
        except asyncio.CancelledError:
            self._keeper.finish(None)
            raise
        except OpenArcError as error:
            self._error = error
        finally:
            self._generation.cancel()
            self._news.set()

    async def _read_all(self) -> OpenArcError | None:
        """Every batch into the keeper, and the result; returns the error that the request ended in.

        Raises:
            OpenArcError: what came can't be kept.
        """
        batches = self._generation.async_batches(HEARTBEAT_SECONDS)
        while True:
            try:
                batch = await anext(batches, None)
                if batch is None:
                    self._result = await self._generation.async_result(REPORT_SECONDS)
                    return None
            except TimeoutError:
                return None
            except OpenArcError as error:
                return error
            self._keeper.push(batch)
            self._new.extend(batch)
            if batch:
                self._news.set()
            if self._keeper.is_due:
                await anyio.to_thread.run_sync(self._keeper.keep)
