"""HTTP by hand: bytes as no client library would send them, and what comes back."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


def request(
    method: str, path: str, body: bytes = b"", headers: tuple[str, ...] = (), length: int | str | None = None
) -> bytes:
    """A request as bytes.

    Args:
        length: what Content-Length says, where it lies; negative: there is none.
    """
    said = len(body) if length is None else length
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    if not isinstance(said, int) or said >= 0:
        lines.append(f"Content-Length: {said}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


@contextmanager
def connection(port: int, seconds: float = 30.0) -> Iterator[socket.socket]:
    """A connection that is closed afterwards, whatever state it is in."""
    made = socket.create_connection(("127.0.0.1", port), timeout=seconds)
    try:
        yield made
    finally:
        made.close()


def send(made: socket.socket, data: bytes) -> bool:
    """Send all of it; False when the other side closes in between, which is its right."""
    try:
        made.sendall(data)
    except (ConnectionError, TimeoutError):
        return False
    return True


def received(made: socket.socket, quiet_seconds: float = 0.3, seconds: float = 30.0, statuses: int = 1) -> bytes:
    """What comes until so many answers began and then nothing came for a while, or the other side closed."""
    answer, until = b"", time.perf_counter() + seconds
    while time.perf_counter() < until:
        enough = len(STATUS_LINE.findall(answer)) >= statuses
        made.settimeout(quiet_seconds if enough else max(0.01, until - time.perf_counter()))
        try:
            piece = made.recv(65536)
        except TimeoutError:
            break
        except ConnectionError:
            break
        if not piece:
            break
        answer += piece
    return answer


def statuses_of(answer: bytes) -> list[int]:
    """The status of every answer in what came."""
    return [int(status) for status in STATUS_LINE.findall(answer)]
