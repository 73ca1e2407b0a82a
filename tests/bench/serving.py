"""What many clients cost: the health check beside open streams, slow and leaving clients, and what 1,000 cancelled streams leave.

The server is a real `python app.py` with the starter model, the clients are sockets in this process, and the health check
is asked from a third one.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import psutil

from tests.application import ROOT, Application
from tests.bench.crowd import CHAT, GENERATE, Crowd, Seen, Way

CROWDS = (1, 8, 16, 32, 64)
MOST = CROWDS[-1]
SECONDS = 10.0
PROMPT_TOKENS = 80
NEW_TOKENS = 64
HEALTH_GOAL_MILLISECONDS = 50.0
WARM_UP_STREAMS = 100
CANCELLED_STREAMS = 1000
CANCELLED_AT_ONCE = 32
STAY_SECONDS = 1.0
IDLE_SECONDS = 60.0


class Figures(Protocol):
    """What this needs of a bench."""

    def note(self, name: str, value: float, unit: str, goal: float | None = None) -> None: ...

    def prompt(self, tokens: int) -> str: ...


@dataclass(frozen=True, slots=True)
class Held:
    """What a server and its worker hold at a moment."""

    threads: int
    descriptors: int
    memory_bytes: int
    worker_threads: int
    worker_descriptors: int
    worker_memory_bytes: int


def serving(bench: Figures, server: Application) -> None:
    """Every part in turn, over both APIs."""
    for way in (GENERATE, CHAT):
        crowd = _crowd(bench, server, way)
        crowd.run(SECONDS / 3, readers=8)
        for clients in CROWDS:
            _row(bench, server, f"{way.path}, {clients} streams", crowd, readers=clients)
        _row(
            bench, server, f"{way.path}, {MOST} streams, half read nothing", crowd, readers=MOST // 2, stalled=MOST // 2
        )
        _row(bench, server, f"{way.path}, {MOST} clients that leave", crowd, leavers=MOST)
    _leftovers(bench, server)


def _crowd(bench: Figures, server: Application, way: Way) -> Crowd:
    host, port = _place(server)
    return Crowd(host, port, way, lambda: bench.prompt(PROMPT_TOKENS), NEW_TOKENS)


def _row(bench: Figures, server: Application, label: str, crowd: Crowd, **clients: int) -> None:
    with health(server) as milliseconds:
        seen = crowd.run(SECONDS, **clients)
    _note_seen(bench, label, seen)
    p99 = percentile(milliseconds, 99)
    bench.note(f"{label}: health p50", statistics.median(milliseconds), "ms")
    bench.note(f"{label}: health p99", p99, "ms")
    bench.note(f"{label}: health max of {len(milliseconds)}", max(milliseconds), "ms")
    bench.note(f"{label}: {HEALTH_GOAL_MILLISECONDS:.0f} ms / health p99", HEALTH_GOAL_MILLISECONDS / p99, "", 1.0)
    wait_until_idle(server)


def _note_seen(bench: Figures, label: str, seen: Seen) -> None:
    bench.note(f"{label}: in total", seen.tokens_per_second, "tok/s")
    bench.note(f"{label}: refused with 503", seen.refused, "")
    bench.note(f"{label}: broken off", seen.broken, "")
    if seen.first_token_seconds:
        bench.note(f"{label}: TTFT p50", statistics.median(seen.first_token_seconds), "s")
        bench.note(f"{label}: TTFT p99", percentile(seen.first_token_seconds, 99), "s")


def _leftovers(bench: Figures, server: Application) -> None:
    """What more is held after 1,000 cancelled streams than after 100."""
    crowd = _crowd(bench, server, GENERATE)
    crowd.leave(WARM_UP_STREAMS, CANCELLED_AT_ONCE, STAY_SECONDS)
    wait_until_idle(server)
    before = held(server)
    seen = crowd.leave(CANCELLED_STREAMS, CANCELLED_AT_ONCE, STAY_SECONDS)
    idle_seconds = wait_until_idle(server)
    after = held(server)
    label = f"after {CANCELLED_STREAMS} cancelled streams"
    bench.note(f"{label}: cancelled with a token", len(seen.first_token_seconds), "")
    bench.note(f"{label}: idle again within", idle_seconds, "s")
    bench.note(f"{label}: threads more", after.threads - before.threads, "")
    bench.note(f"{label}: file descriptors more", after.descriptors - before.descriptors, "")
    bench.note(f"{label}: memory more", (after.memory_bytes - before.memory_bytes) / 2**20, "MiB")
    bench.note(f"{label}: worker's threads more", after.worker_threads - before.worker_threads, "")
    bench.note(f"{label}: worker's file descriptors more", after.worker_descriptors - before.worker_descriptors, "")
    bench.note(
        f"{label}: worker's memory more", (after.worker_memory_bytes - before.worker_memory_bytes) / 2**20, "MiB"
    )
    bench.note(f"{label}: memory of the server", after.memory_bytes / 2**20, "MiB")
    bench.note(f"{label}: memory of the worker", after.worker_memory_bytes / 2**20, "MiB")


@contextmanager
def health(server: Application) -> Iterator[list[float]]:
    """Sample /health from a process of its own; the list is filled at the end, in milliseconds."""
    host, port = _place(server)
    milliseconds: list[float] = []
    command = [sys.executable, "-m", "tests.bench.health_sampler", host, str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sampler:
        yield milliseconds
        output, _ = sampler.communicate()
    milliseconds += json.loads(output)


def wait_until_idle(server: Application) -> float:
    """Until no request runs or waits; how long that took.

    Raises:
        TimeoutError: some stayed.
    """
    began_at = time.perf_counter()
    while any(model["running"] or model["queued"] for model in server.status()["models"]):
        if time.perf_counter() - began_at > IDLE_SECONDS:
            raise TimeoutError("requests stayed after their clients had left")
        time.sleep(0.05)
    return time.perf_counter() - began_at


def held(server: Application) -> Held:
    """What the server's process and its worker hold now."""
    main = psutil.Process(server.process.pid)
    worker = next(child for child in main.children() if "openarc_ui.engine.worker" in child.cmdline())
    return Held(
        main.num_threads(), main.num_fds(), main.memory_info().rss,
        worker.num_threads(), worker.num_fds(), worker.memory_info().rss,
    )  # fmt: skip


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def _place(server: Application) -> tuple[str, int]:
    address = urlsplit(server.address)
    return address.hostname or "", address.port or 0
