"""What many clients cost: the health check beside open streams, beside clients that don't read and clients that leave.

The server is a real `python app.py` with the starter model, the clients are sockets in this process, and the health check is
asked from a third one. At the same moments a fourth asks a bare server, which shows what the busy machine takes for itself.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from tests.application import ROOT, Application, free_port
from tests.bench.crowd import CHAT, GENERATE, Crowd, Seen, Way

CROWDS = (1, 8, 16, 32, 64)
MOST = CROWDS[-1]
SECONDS = 10.0
PROMPT_TOKENS = 80
NEW_TOKENS = 64
HEALTH_GOAL_MILLISECONDS = 50.0
IDLE_SECONDS = 60.0
STARTED_SECONDS = 30.0
TOKENS_COUNTER = "openarc:generation_tokens_total"


class Figures(Protocol):
    """What this needs of a bench."""

    def note(self, name: str, value: float, unit: str, goal: float | None = None) -> None: ...

    def keep(self, name: str, value: float) -> None: ...

    def prompt(self, tokens: int) -> str: ...


@dataclass(frozen=True, slots=True)
class Row:
    """What one crowd did to the server; times of the health check in milliseconds."""

    label: str
    seen: Seen
    tokens_per_second: float
    health: list[float]
    bare: list[float]

    def figures(self) -> dict[str, float]:
        """By column, with their units."""
        first = self.seen.first_token_seconds or [0.0]
        return {
            "requests": self.seen.opened,
            "refused": self.seen.refused,
            "broken off": self.seen.broken,
            "tok/s": self.tokens_per_second,
            "TTFT p50 s": statistics.median(first),
            "TTFT p99 s": percentile(first, 99),
            "health p50 ms": statistics.median(self.health),
            "health p99 ms": percentile(self.health, 99),
            "health max ms": max(self.health),
            "bare p99 ms": percentile(self.bare, 99),
            "bare max ms": max(self.bare),
        }


def serving(bench: Figures, server: Application) -> None:
    """Every crowd in turn, over both APIs, as a table; then the health check against its goal."""
    for way in (GENERATE, CHAT):
        crowd = crowd_for(bench, server, way)
        crowd.run(SECONDS / 2, readers=8)
        wait_until_idle(server)
        rows = [_row(server, f"{clients} streams", crowd, readers=clients) for clients in CROWDS]
        half = MOST // 2
        rows.append(_row(server, f"{MOST} streams, half read nothing", crowd, readers=half, stalled=half))
        rows.append(_row(server, f"{MOST} clients that leave", crowd, leavers=MOST))
        _show(way.path, rows)
        for row in rows:
            for column, value in row.figures().items():
                bench.keep(f"{way.path}, {row.label}: {column}", value)
        p99 = percentile(rows[CROWDS.index(MOST)].health, 99)
        name = f"{way.path}, {MOST} streams: {HEALTH_GOAL_MILLISECONDS:.0f} ms / health p99"
        bench.note(name, HEALTH_GOAL_MILLISECONDS / p99, "", 1.0)


def crowd_for(bench: Figures, server: Application, way: Way) -> Crowd:
    """Clients of this server whose prompts share nothing."""
    host, port = _place(server.address)
    return Crowd(host, port, way, lambda: bench.prompt(PROMPT_TOKENS), NEW_TOKENS)


def _row(server: Application, label: str, crowd: Crowd, **clients: int) -> Row:
    before = _generated_tokens(server)
    with ExitStack() as sampled:
        health = sampled.enter_context(_sampled(*_place(server.address)))
        bare = sampled.enter_context(_bare_samples())
        seen = crowd.run(SECONDS, **clients)
    wait_until_idle(server)
    return Row(label, seen, (_generated_tokens(server) - before) / seen.seconds, health, bare)


def _show(path: str, rows: Sequence[Row]) -> None:
    columns = list(rows[0].figures())
    print(f"\n| {path} | {' | '.join(columns)} |")
    print("| --- |" + " ---: |" * len(columns))
    for row in rows:
        values = (f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}" for value in row.figures().values())
        print(f"| {row.label} | {' | '.join(values)} |", flush=True)


@contextmanager
def _sampled(host: str, port: int) -> Iterator[list[float]]:
    """Sample /health from a process of its own; the list is filled at the end, in milliseconds."""
    milliseconds: list[float] = []
    command = [sys.executable, "-m", "tests.bench.health_sampler", host, str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sampler:
        yield milliseconds
        output, _ = sampler.communicate()
    milliseconds += json.loads(output)


@contextmanager
def _bare_samples() -> Iterator[list[float]]:
    """The same of a server that does nothing else."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "tests.bench.bare_server", str(port)], cwd=ROOT) as bare:
        try:
            _wait_for(lambda: httpx.get(f"http://127.0.0.1:{port}").is_success, STARTED_SECONDS, "it did not start")
            with _sampled("127.0.0.1", port) as milliseconds:
                yield milliseconds
        finally:
            bare.terminate()


def wait_until_idle(server: Application) -> float:
    """Until no request runs or waits; how many seconds that took.

    Raises:
        TimeoutError: some stayed.
    """
    return _wait_for(lambda: not in_flight(server), IDLE_SECONDS, "requests stayed after their clients had left")


def in_flight(server: Application) -> int:
    """Requests that run or wait."""
    return sum(model["running"] + model["queued"] for model in server.status()["models"])


def _generated_tokens(server: Application) -> float:
    text = httpx.get(f"{server.address}/metrics", timeout=30).text
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(TOKENS_COUNTER))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def _place(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or 0


def _wait_for(is_true: Callable[[], bool], seconds: float, otherwise: str) -> float:
    began_at = time.perf_counter()
    while True:
        with suppress(httpx.TransportError):
            if is_true():
                return time.perf_counter() - began_at
        if time.perf_counter() - began_at > seconds:
            raise TimeoutError(otherwise)
        time.sleep(0.05)
