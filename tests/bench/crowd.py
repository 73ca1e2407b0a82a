"""Many streaming clients at once, on bare sockets so that they cost little: those that read, those that don't, those that leave.

Each client sends its next request when the last one has ended, until the time is over; what it saw is kept as `Seen`.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

STALLED_BUFFER_BYTES = 4096
BUSY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Way:
    """How a stream is asked for, and what its first text looks like."""

    path: str
    body: Callable[[str, int], dict[str, Any]]
    text: re.Pattern[bytes]


def _generate(prompt: str, tokens: int) -> dict[str, Any]:
    conversation = [{"role": "user", "content": prompt}]
    return {"conversation": conversation, "max_new_tokens": tokens, "do_sample": False, "ignore_eos": True}


def _chat(prompt: str, tokens: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"messages": messages, "max_tokens": tokens, "temperature": 0, "stream": True, "ignore_eos": True}


GENERATE = Way("/generate/stream", _generate, re.compile(rb'"text":"[^"]'))
CHAT = Way("/v1/chat/completions", _chat, re.compile(rb'"content":"[^"]'))


@dataclass(slots=True)
class Seen:
    """What a crowd saw until its time was over.

    Attributes:
        refused: told to come back, with 503.
        broken: connections that ended within an answer.
        first_token_seconds: of each request that got so far, from its sending.
    """

    began_at: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
    opened: int = 0
    finished: int = 0
    refused: int = 0
    broken: int = 0
    first_token_seconds: list[float] = field(default_factory=list)


class Crowd:
    """Clients of one server.

    Args:
        way: what they call.
        make_prompt: a new prompt for each request, so that no cache helps one and not the next.
        tokens: how many each answer has.
    """

    def __init__(self, host: str, port: int, way: Way, make_prompt: Callable[[], str], tokens: int) -> None:
        self._host, self._port = host, port
        self._way = way
        self._make_prompt = make_prompt
        self._tokens = tokens
        self._random = random.Random(1)

    def run(self, seconds: float, *, readers: int = 0, stalled: int = 0, leavers: int = 0) -> Seen:
        """So many clients of each kind for so long; then all hang up."""
        return asyncio.run(self._run(seconds, readers, stalled, leavers))

    def leave(self, streams: int, at_once: int, within_seconds: float) -> Seen:
        """Open so many streams one after another, some at a time, and leave each at a random moment."""
        return asyncio.run(self._leave(streams, at_once, within_seconds))

    async def _run(self, seconds: float, readers: int, stalled: int, leavers: int) -> Seen:
        seen = Seen()
        kinds = [self._read] * readers + [self._stall] * stalled + [self._come_and_go] * leavers
        clients = [asyncio.create_task(kind(seen)) for kind in kinds]
        done, _ = await asyncio.wait(clients, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        seen.seconds = time.perf_counter() - seen.began_at
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        for client in done:
            client.result()
        return seen

    async def _leave(self, streams: int, at_once: int, within_seconds: float) -> Seen:
        seen, places = Seen(), asyncio.Semaphore(at_once)

        async def one() -> None:
            async with places:
                await self._stay(seen, self._random.uniform(0, within_seconds))

        await asyncio.gather(*(one() for _ in range(streams)))
        seen.seconds = time.perf_counter() - seen.began_at
        return seen

    async def _read(self, seen: Seen) -> None:
        while True:
            await self._stream(seen)

    async def _come_and_go(self, seen: Seen) -> None:
        while True:
            await self._stay(seen, self._random.uniform(0, 3))

    async def _stay(self, seen: Seen, seconds: float) -> None:
        """Leave so long after the request was sent, whether or not anything has come."""
        async with self._asked(seen) as reader:
            try:
                async with asyncio.timeout(seconds):
                    await self._read_answer(seen, reader)
            except TimeoutError:
                return

    async def _stall(self, seen: Seen) -> None:
        """Ask, and never read."""
        with socket.create_connection((self._host, self._port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STALLED_BUFFER_BYTES)
            connection.sendall(self._request())
            seen.opened += 1
            await asyncio.Event().wait()

    async def _stream(self, seen: Seen) -> None:
        async with self._asked(seen) as reader:
            await self._read_answer(seen, reader)

    @asynccontextmanager
    async def _asked(self, seen: Seen) -> AsyncIterator[asyncio.StreamReader]:
        """A connection on which a request was sent; it is cut at the end."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(self._request())
            seen.opened += 1
            yield reader
        finally:
            writer.transport.abort()

    async def _read_answer(self, seen: Seen, reader: asyncio.StreamReader) -> None:
        began_at, is_first = time.perf_counter(), True
        while data := await reader.read(65536):
            if is_first and data.startswith(b"HTTP/1.1 503"):
                seen.refused += 1
                await asyncio.sleep(BUSY_SECONDS)
                return
            if is_first and self._way.text.search(data):
                is_first = False
                seen.first_token_seconds.append(time.perf_counter() - began_at)
            if data.endswith(b"0\r\n\r\n"):
                seen.finished += 1
                return
        seen.broken += 1

    def _request(self) -> bytes:
        data = json.dumps(self._way.body(self._make_prompt(), self._tokens)).encode()
        head = f"POST {self._way.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        return f"{head}Connection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
