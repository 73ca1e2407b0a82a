"""The handle of one request: read what is new, cancel, or wait for the result.

It knows no model and no process; the host pushes into it, one reader reads from it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType

from openarc_ui.engine.prompts import TokenDetail
from openarc_ui.engine.types import FinishReason, GenerationRequest, GenerationResult, PerformanceReport, TextDelta
from openarc_ui.errors import OpenArcError


class Generation:
    """One request in flight. A context manager: leaving it cancels what still runs.

    `batches` (or its asynchronous form) yields what is new since last time: a tuple of deltas, or an empty tuple as a
    heartbeat when nothing came for `interval` seconds, so that a reader notices a closed browser during a long prompt.
    """

    def __init__(self, request: GenerationRequest, model: str, send_cancel: Callable[[str], None]) -> None:
        self.request = request
        self.request_id = request.request_id
        self.model = model
        self.started = False
        self._send_cancel = send_cancel
        self._condition = threading.Condition()
        self._new: list[TextDelta] = []
        self._texts: dict[int, list[str]] = {}
        self._details: dict[int, list[TokenDetail]] = {}
        self._reading = False
        self._cancelled = False
        self._error: OpenArcError | None = None
        self._report: PerformanceReport | None = None
        self._finish_reasons: tuple[FinishReason, ...] = ()
        self._listener: Callable[[], None] | None = None
        self._listens_for_end_only = False

    @property
    def is_finished(self) -> bool:
        """The worker is done with it and the report is there."""
        return self._report is not None

    @property
    def is_cancelled(self) -> bool:
        """Its reader left, or somebody cancelled it."""
        return self._cancelled

    def batches(self, interval: float) -> Iterator[tuple[TextDelta, ...]]:
        """Yield new deltas, or () after `interval` seconds without any, until the request ends or is cancelled.

        Raises:
            GenerationFailed: the request failed; deltas that came before are yielded first.
        """
        self._claim()
        while True:
            with self._condition:
                self._condition.wait_for(self._has_news, timeout=interval)
            deltas, is_over = self._take()
            if deltas or not is_over:
                yield deltas
            if is_over:
                return

    async def async_batches(
        self, interval: float, pause_seconds: Callable[[], float] = lambda: 0.0
    ) -> AsyncIterator[tuple[TextDelta, ...]]:
        """`batches` for an event loop: waiting takes no thread.

        Args:
            pause_seconds: asked after each batch for how long to collect before the next; the end cuts a pause short.
        """
        self._claim()
        news = asyncio.Event()
        self._listen(news)
        try:
            while True:
                if not self._has_news():
                    # A timer that sets the event: `wait_for` would make a task for every token.
                    heartbeat = asyncio.get_running_loop().call_later(interval, news.set)
                    await news.wait()
                    heartbeat.cancel()
                news.clear()
                deltas, is_over = self._take()
                if deltas or not is_over:
                    yield deltas
                if is_over:
                    return
                await self._collect(news, pause_seconds() if deltas else 0.0)
        finally:
            self._listener = None

    def cancel(self) -> None:
        """End it at the next token. The reader is free at once; the report follows when the worker has stopped."""
        with self._condition:
            if self._cancelled or self.is_finished:
                return
            self._cancelled = True
            self._wake(is_end=True)
        self._send_cancel(self.request_id)

    def result(self, timeout: float | None = None) -> GenerationResult:
        """Wait for the end: texts, finish reasons and the report; also of a cancelled request.

        Raises:
            GenerationFailed: the request failed.
            TimeoutError: it has not ended within `timeout` seconds.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: self.is_finished, timeout):
                raise TimeoutError(f"request {self.request_id} has not ended within {timeout} seconds")
            return self._result()

    async def async_result(self, timeout: float) -> GenerationResult:
        """`result` for an event loop. Only after `async_batches` has ended.

        Raises:
            GenerationFailed: the request failed.
            TimeoutError: it has not ended within `timeout` seconds.
        """
        news = asyncio.Event()
        self._listen(news)
        await asyncio.wait_for(self._until_finished(news), timeout)
        return self._result()

    def texts(self, sequences: int) -> tuple[str, ...]:
        """What came so far of that many sequences, a cancelled reader's too."""
        with self._condition:
            return tuple("".join(self._texts.get(index, ())) for index in range(sequences))

    def _listen(self, news: asyncio.Event) -> None:
        """Set `news` on the running loop whenever something is pushed."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            try:
                loop.call_soon_threadsafe(news.set)
            except RuntimeError:
                # A closed loop has no reader any more. Asked before, it could still close between question and call.
                if not loop.is_closed():
                    raise

        with self._condition:
            self._listener = wake

    async def _collect(self, news: asyncio.Event, seconds: float) -> None:
        """Let deltas come together; not one of them wakes the loop, the end does."""
        if seconds <= 0:
            return
        self._listens_for_end_only = True
        try:
            async with asyncio.timeout(seconds):
                while not (self.is_finished or self._cancelled):
                    news.clear()
                    await news.wait()
        except TimeoutError:
            return
        finally:
            self._listens_for_end_only = False

    async def _until_finished(self, news: asyncio.Event) -> None:
        while not self.is_finished:
            await news.wait()
            news.clear()

    def __enter__(self) -> Generation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def push(self, delta: TextDelta) -> None:
        """New text (the host's receiving thread)."""
        with self._condition:
            self._texts.setdefault(delta.sequence_index, []).append(delta.text)
            if delta.details:
                self._details.setdefault(delta.sequence_index, []).extend(delta.details)
            if not self._cancelled:
                self._new.append(delta)
            self._wake(is_end=False)

    def end(self, reasons: tuple[FinishReason, ...], report: PerformanceReport, error: OpenArcError | None) -> None:
        """The last word of the worker, or of the host about a dead worker. A second end changes nothing."""
        with self._condition:
            if self.is_finished:
                return
            self._finish_reasons, self._report, self._error = reasons, report, error
            self._wake(is_end=True)

    def _claim(self) -> None:
        if self._reading:
            raise RuntimeError("a generation has one reader; batches() was called before")
        self._reading = True

    def _has_news(self) -> bool:
        return bool(self._new) or self.is_finished or self._cancelled

    def _take(self) -> tuple[tuple[TextDelta, ...], bool]:
        """What is new, and whether the reader is done. Raises the error once nothing is left to read."""
        with self._condition:
            deltas, self._new = tuple(self._new), []
            if self._cancelled:
                return (), True
            if self.is_finished and self._error is not None and not deltas:
                raise self._error
            return deltas, self.is_finished and self._error is None

    def _wake(self, is_end: bool) -> None:
        self._condition.notify_all()
        if self._listener is not None and (is_end or not self._listens_for_end_only):
            self._listener()

    def _result(self) -> GenerationResult:
        if self._error is not None:
            raise self._error
        if self._report is None:
            raise RuntimeError("the result is read before the end")
        sequences = range(len(self._finish_reasons))
        texts = tuple("".join(self._texts.get(index, ())) for index in sequences)
        details = (
            tuple(tuple(self._details.get(index, ())) for index in sequences) if self.request.token_details else ()
        )
        return GenerationResult(self.request_id, self.model, texts, self._finish_reasons, self._report, details)
