"""Gradio's queue with bounds: how many calls wait, how much they hold, and how long results are kept that nobody reads.

Gradio keeps every result until somebody asks for it, and asks nobody how many there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import fastapi
import orjson
from gradio.block_function import BlockFunction
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, Queue
from gradio.server_messages import EventMessage
from gradio.utils import run_coro_in_background

from openarc_ui.access import CALLER_HEADER
from openarc_ui.ids import new_id

RETRY_AFTER_SECONDS = 5
LOOK_SECONDS = 5.0


class Unread(asyncio.Queue[EventMessage]):
    """What a session was not told yet.

    Attributes:
        size_bytes: of its results, as JSON.
        asked_at: when its reader last came for more; a reader that is there comes every ten seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.size_bytes = 0
        self.asked_at = time.monotonic()
        self._sizes: deque[int] = deque()

    async def get(self) -> EventMessage:
        self.asked_at = time.monotonic()
        return await super().get()

    def get_nowait(self) -> EventMessage:
        message = super().get_nowait()
        self.size_bytes -= self._sizes.popleft()
        return message

    def put_nowait(self, message: EventMessage) -> None:
        super().put_nowait(message)
        self._sizes.append(_size_of(message))
        self.size_bytes += self._sizes[-1]


class BoundedQueue(Queue):  # type: ignore[misc]
    """The queue.

    Attributes:
        most_waiting: calls that were not begun, and results that were not read, in all.
        most_of_a_session: of these, for one session.
        most_of_a_caller: of these, for one key from one address.
        most_waiting_bytes: of the bodies of calls that are not done.
        most_unread_bytes: of results; beyond it those go first that nobody asked for longest.
        unread_seconds: for which results wait for a reader.
    """

    most_waiting = 512
    most_of_a_session = 64
    most_of_a_caller = 256
    most_waiting_bytes = 32 * 2**20
    most_unread_bytes = 32 * 2**20
    unread_seconds = 300.0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._callers: dict[str, str] = {}
        self._body_bytes: dict[str, int] = {}
        self._brief: set[str] = set()

    def start(self) -> None:
        super().start()
        run_coro_in_background(self._look_now_and_then)

    async def push(self, body: PredictBodyInternal, request: fastapi.Request, username: str | None) -> Any:
        """As Gradio's; 503 when a bound is reached."""
        caller = f"{request.headers.get(CALLER_HEADER, '')} {request.client.host if request.client else ''}"
        size_bytes = int(request.headers.get("content-length", "0"))
        is_brief = body.session_hash is None
        session = body.session_hash or new_id()
        self._refuse_too_many(session, caller, size_bytes)
        body.session_hash = session
        if session not in self.pending_messages_per_session:
            self.pending_messages_per_session[session] = Unread()
        answer = await super().push(body, request, username)
        if answer[0]:
            self._callers[str(answer[1])] = caller
            self._body_bytes[str(answer[1])] = size_bytes
            if is_brief:
                self._brief.add(session)
        return answer

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        if event.alive and event.session_hash in self.pending_messages_per_session:
            super().send_message(event, event_message)

    async def process_events(self, events: list[Event], batch: bool, begin_time: float, fn: BlockFunction) -> None:
        try:
            await super().process_events(events, batch, begin_time, fn)
        finally:
            for event in events:
                self._body_bytes.pop(event._id, None)
                event.data = None
                if event.session_hash in self._brief and self.server_app is not None:
                    self._brief.discard(event.session_hash)
                    self.server_app.state_holder.session_data.pop(event.session_hash, None)
                    self.server_app.state_holder.time_last_used.pop(event.session_hash, None)
            await self._drop_what_nobody_reads()

    def _refuse_too_many(self, session: str, caller: str, size_bytes: int) -> None:
        pending = {event for ids in self.pending_event_ids_session.values() for event in ids}
        self._callers = {event: name for event, name in self._callers.items() if event in pending}
        self._body_bytes = {event: size for event, size in self._body_bytes.items() if event in pending}
        of_caller = sum(1 for name in self._callers.values() if name == caller)
        waiting_bytes = sum(self._body_bytes.values())
        if (
            len(pending) >= self.most_waiting
            or len(self.pending_event_ids_session.get(session, ())) >= self.most_of_a_session
            or of_caller >= self.most_of_a_caller
            or (waiting_bytes and waiting_bytes + size_bytes > self.most_waiting_bytes)
        ):
            raise fastapi.HTTPException(
                503,
                "Too many calls wait, or their results were not read.",
                {"Retry-After": str(RETRY_AFTER_SECONDS)},
            )

    async def _look_now_and_then(self) -> None:
        while not self.stopped:
            await asyncio.sleep(LOOK_SECONDS)
            await self._drop_what_nobody_reads()

    async def _drop_what_nobody_reads(self) -> None:
        now = time.monotonic()
        unread = sorted(self._unread(), key=lambda pair: pair[1].asked_at)
        too_many_bytes = sum(waiting.size_bytes for _, waiting in unread) - self.most_unread_bytes
        for session, waiting in unread:
            if too_many_bytes > 0 and waiting.size_bytes:
                too_many_bytes -= waiting.size_bytes
                await self._drop(session)
            elif now - waiting.asked_at > self.unread_seconds:
                await self._drop(session)

    def _unread(self) -> Iterator[tuple[str, Unread]]:
        for session, waiting in self.pending_messages_per_session.items():
            if isinstance(waiting, Unread) and not waiting.empty():
                yield session, waiting

    async def _drop(self, session: str) -> None:
        """Its calls end, its results are forgotten; a reader that comes is told that there is no such session."""
        await self.clean_events(session_hash=session)
        self.pending_messages_per_session.pop(session, None)
        self.pending_event_ids_session.pop(session, None)


def _size_of(message: EventMessage) -> int:
    output = getattr(message, "output", None)
    if not output:
        return 0
    with contextlib.suppress(orjson.JSONEncodeError):
        return len(orjson.dumps(output.get("data"), default=str))
    return 0
