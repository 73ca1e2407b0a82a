"""`python -m tests.bench.health_sampler HOST PORT`: how long `GET /health` takes, asked every 20 ms until standard input ends.

A process of its own, so that what the bench does never delays a sample. Each sample has a new connection and starts on
time whether or not the one before has been answered; what is printed at the end is a JSON list of milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

EVERY_SECONDS = 0.02
PATIENCE_SECONDS = 30.0
REQUEST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


async def sample(host: str, port: int) -> float:
    """Milliseconds from opening the connection to the whole answer.

    Raises:
        RuntimeError: the answer was not 200.
    """
    began_at = time.perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(REQUEST)
        answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"/health answered {answer[:100]!r}")
    return (time.perf_counter() - began_at) * 1000


async def watch(host: str, port: int) -> list[float]:
    """Sample until standard input ends, then wait for the answers that are still to come."""
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    samples: list[asyncio.Task[float]] = []
    began_at = time.perf_counter()
    while not ended.done():
        samples.append(asyncio.create_task(sample(host, port)))
        due = began_at + len(samples) * EVERY_SECONDS
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    return list(await asyncio.gather(*samples))


def main() -> None:
    """Entry of the process."""
    host, port = sys.argv[1], int(sys.argv[2])
    print(json.dumps(asyncio.run(watch(host, port))))


if __name__ == "__main__":
    main()
