"""Many clients at once: nobody waits for somebody else's slowness, who leaves is forgotten, and nothing leaks.

The model is scripted, so that only the server costs anything; the bounds are wide, since the machine may be busy. How fast
it is with a real model is for `make bench` to say.
"""

from __future__ import annotations

import gc
import json
import signal
import socket
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from openarc_ui.engine.types import FinishReason, PerformanceReport
from tests.application import Application
from tests.bench.crowd import CHAT, GENERATE, Crowd, Way
from tests.conftest import write_script
from tests.server.conftest import Served
from tests.workers import worker_processes

HEALTH_SECONDS = 3.0
"""What a health check may take here beside anything; in the bench it is 0.05."""
ANSWER_SECONDS = 8.0
"""What a short answer may take here beside clients that read nothing, whose connections are kept for a minute."""
LEFT_SECONDS = 5.0
"""So soon a client that has left is forgotten here; on a machine that has nothing else to do, within a second."""
POOL_THREADS = 20
"""Threads for blocking calls come and go by how many are wanted at once; one for every fiftieth stream would show."""
ENDLESS: dict[str, Any] = {"replies": [{"text": "word " * 2000, "token_seconds": 0.02}]}
ONE_MESSAGE = [{"role": "user", "content": "go on"}]


@dataclass(frozen=True, slots=True)
class Call:
    """One way to ask for an answer."""

    path: str
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.path}{'-stream' if self.body.get('stream') else ''}"


CALLS = [
    Call("/generate/stream", {"conversation": ONE_MESSAGE}),
    Call("/generate/stream", {"prompt": "go on"}),
    *(
        Call(path, {**body, "stream": stream})
        for path, body in (
            ("/generate/text", {"conversation": ONE_MESSAGE}),
            ("/v1/chat/completions", {"model": "script", "messages": ONE_MESSAGE}),
            ("/v1/completions", {"model": "script", "prompt": "go on", "max_tokens": 2000}),
            ("/v1/responses", {"model": "script", "input": "go on"}),
        )
        for stream in (True, False)
    ),
]


def send(port: int, path: str, body: dict[str, Any], receive_buffer_bytes: int | None = None) -> socket.socket:
    """Ask on a bare socket and leave the answer unread."""
    connection = socket.socket()
    if receive_buffer_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    connection.connect(("127.0.0.1", port))
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += f"Connection: close\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)
    return connection


def running(served: Served) -> int:
    return served.engine.status().models[0].running


def queued(served: Served) -> int:
    return served.engine.status().models[0].queued


def crowd_of(served: Served, way: Way, tokens: int = 1000) -> Crowd:
    return Crowd("127.0.0.1", served.port, way, lambda: "go on", tokens)


def health_seconds(served: Served, samples: int = 40) -> list[float]:
    """How long the health check took, asked again and again."""
    seconds = []
    for _ in range(samples):
        began_at = time.perf_counter()
        assert served.client.get("/health").status_code == 200
        seconds.append(time.perf_counter() - began_at)
        time.sleep(0.02)
    return seconds


@pytest.mark.parametrize("way", [GENERATE, CHAT], ids=lambda way: way.path)
def test_64_streams_are_held_while_the_health_check_answers(serve: Callable[..., Served], way: Way) -> None:
    served = serve(script={"max_running": 32, "replies": [{"text": "word " * 2000, "token_seconds": 0.1}]})
    with ExitStack() as connections:
        streams = [
            connections.enter_context(send(served.port, way.path, way.body("go on", 2000))) for _ in range(2 * 32)
        ]
        served.wait_for(lambda: (running(served), queued(served)) == (32, 32), 60)
        seconds = health_seconds(served)
        assert statistics.median(seconds) < HEALTH_SECONDS / 10 and max(seconds) < HEALTH_SECONDS, seconds
        served.wait_for(lambda: sum(_texts(stream, way) > 0 for stream in streams) == 32, 60)
        assert (running(served), queued(served)) == (32, 32)
    served.wait_for(lambda: served.running() == 0)


def test_a_full_queue_is_said_and_nobody_else_suffers(serve: Callable[..., Served]) -> None:
    served = serve(script={"max_running": 2, "replies": [{"text": "word " * 60, "token_seconds": 0.05}]}, queue_size=2)
    first = [send(served.port, "/generate/stream", {"conversation": ONE_MESSAGE}) for _ in range(4)]
    served.wait_for(lambda: (running(served), queued(served)) == (2, 2))
    served.engine.chat_template()
    worker = psutil.Process(worker_processes(served.engine)["script"])
    worker.suspend()  # so that nothing ends meanwhile, however long the ten calls take
    for call in CALLS:
        refused = served.client.post(call.path, json=call.body)
        assert (refused.status_code, refused.headers.get("Retry-After")) == (503, "1"), call
        assert "engine_busy" in refused.text, call
    assert (running(served), queued(served)) == (2, 2)
    worker.resume()
    for connection in first:
        assert whole_answer(connection).count('"text":" word"') == 59
    assert served.client.post("/generate/text", json={"conversation": ONE_MESSAGE}).status_code == 200


def test_a_client_that_reads_nothing_delays_no_other(serve: Callable[..., Served]) -> None:
    """Its answer is 16 MB, which fits into no buffer between the two."""
    long_word, tokens = "x" * 20_000 + " ", 400
    replies = [{"when": "much", "text": long_word * tokens, "token_seconds": 0.002}, {"text": "Here I am."}]
    served = serve(script={"replies": replies})
    much = {"conversation": [{"role": "user", "content": "much"}], "max_new_tokens": tokens}
    stalled = [send(served.port, "/generate/stream", much, receive_buffer_bytes=4096) for _ in range(4)]
    served.wait_for(lambda: all(_texts(each, GENERATE) for each in stalled))
    for _ in range(5):
        began_at = time.perf_counter()
        answer = served.client.post("/generate/text", json={"conversation": ONE_MESSAGE})
        assert answer.json()["generated_text"] == "Here I am."
        assert time.perf_counter() - began_at < ANSWER_SECONDS
    assert max(health_seconds(served, 10)) < HEALTH_SECONDS
    served.wait_for(lambda: served.running() == 0, 60)
    assert whole_answer(stalled[0]).count('"tokens":1') == tokens
    for connection in stalled[1:]:
        connection.close()


def test_who_leaves_while_it_runs_or_waits_is_forgotten_soon(
    serve: Callable[..., Served], reports: list[PerformanceReport]
) -> None:
    served = serve(script={**ENDLESS, "max_running": 1})
    for call in CALLS:
        reports.clear()
        running_client = send(served.port, call.path, call.body)
        served.wait_for(lambda: running(served) == 1)
        queued_client = send(served.port, call.path, call.body)
        served.wait_for(lambda: queued(served) == 1)
        queued_client.close()
        assert served.wait_for(lambda: served.running() == 1) < LEFT_SECONDS, call
        running_client.close()
        assert served.wait_for(lambda: served.running() == 0) < LEFT_SECONDS, call
        served.wait_for(lambda: len(reports) == 2)
        assert [report.finish_reason for report in reports] == [FinishReason.CANCELLED] * 2, call
        assert reports[0].generated_tokens == 0, call


def test_who_leaves_before_anything_came_is_forgotten_soon(
    serve: Callable[..., Served], reports: list[PerformanceReport]
) -> None:
    served = serve(
        script={"replies": [{"when": "go on", "prefill_seconds": 60.0, "text": "At last."}, {"text": "Hi."}]}
    )
    for call in CALLS:
        reports.clear()
        client = send(served.port, call.path, call.body)
        served.wait_for(lambda: running(served) == 1)
        client.close()
        assert served.wait_for(lambda: served.running() == 0) < LEFT_SECONDS, call
        served.wait_for(lambda: len(reports) == 1)
        assert (reports[0].finish_reason, reports[0].generated_tokens) == (FinishReason.CANCELLED, 0), call


def test_who_leaves_at_once_is_forgotten_too(serve: Callable[..., Served]) -> None:
    served = serve(script=ENDLESS)
    for call in CALLS:
        for number in range(20):
            connection = send(served.port, call.path, call.body)
            time.sleep(number / 4000)
            connection.close()
        assert served.client.get("/health").status_code == 200
        assert served.wait_for(lambda: served.running() == 0) < LEFT_SECONDS, call


@pytest.mark.parametrize("way", [GENERATE, CHAT], ids=lambda way: way.path)
def test_1000_cancelled_streams_leave_nothing(serve: Callable[..., Served], way: Way) -> None:
    served = serve(script={**ENDLESS, "max_running": 32})
    crowd = crowd_of(served, way)
    crowd.leave(100, 32, 0.3)
    before = Held.now(served)
    seen = crowd.leave(1000, 32, 0.3)
    assert (seen.opened, seen.broken) == (1000, 0)
    assert len(seen.first_token_seconds) > 20, "some have to leave in mid-stream"
    served.wait_for(lambda: served.running() == 0)
    after = Held.now(served)
    until = time.perf_counter() + 20
    while time.perf_counter() < until and not after.is_no_more_than(before):
        after = Held.now(served)
    assert after.threads <= before.threads + POOL_THREADS
    assert after.descriptors <= before.descriptors + 2
    assert after.memory_bytes < before.memory_bytes + 40 * 2**20
    assert after.worker_threads <= before.worker_threads
    assert after.worker_descriptors <= before.worker_descriptors
    assert after.worker_memory_bytes < before.worker_memory_bytes + 20 * 2**20
    assert (
        served.client.post("/generate/text", json={"conversation": ONE_MESSAGE, "max_new_tokens": 1}).status_code == 200
    )


def test_ending_the_server_reports_what_streamed_and_what_waited(tmp_path: Path) -> None:
    write_script(tmp_path / "script", **ENDLESS, max_running=20)
    with Application(tmp_path, "--model", "script") as server, ExitStack() as connections:
        server.wait()
        port, opened = int(server.address.rpartition(":")[2]), list[socket.socket]()
        for number in range(40):
            body = {"conversation": ONE_MESSAGE, "request_id": f"load-{number}"}
            path = ("/generate/stream", "/generate/text")[number % 2]
            opened.append(connections.enter_context(send(port, path, body)))
        wait_until(lambda: _in_flight(server) == (20, 20))
        # A step gives a token to every request that runs, so each has one when the streams among them have three more.
        streams = opened[::2]
        before = sum(_texts(each, GENERATE) for each in streams)
        wait_until(lambda: sum(_texts(each, GENERATE) for each in streams) >= before + 30)
        assert server.end(signal.SIGTERM) == 0
        with closing(sqlite3.connect(server.database)) as kept:
            rows = kept.execute("SELECT request_id, generated_tokens FROM requests").fetchall()
    assert {request_id for request_id, _ in rows} == {f"load-{number}" for number in range(40)}
    assert sum(tokens > 0 for _, tokens in rows) == 20


@dataclass(frozen=True, slots=True)
class Held:
    """What this process, with the server in it, and the worker hold."""

    threads: int
    descriptors: int
    memory_bytes: int
    worker_threads: int
    worker_descriptors: int
    worker_memory_bytes: int

    @classmethod
    def now(cls, served: Served) -> Held:
        """After what is let go was let go: connections close a moment after their answers."""
        time.sleep(0.5)
        gc.collect()
        own, worker = psutil.Process(), psutil.Process(worker_processes(served.engine)["script"])
        return cls(
            threading.active_count(), own.num_fds(), own.memory_info().rss,
            worker.num_threads(), worker.num_fds(), worker.memory_info().rss,
        )  # fmt: skip

    def is_no_more_than(self, before: Held) -> bool:
        """Of what takes a moment to be let go."""
        return (
            self.threads <= before.threads + POOL_THREADS
            and self.descriptors <= before.descriptors + 2
            and self.worker_threads <= before.worker_threads
            and self.worker_descriptors <= before.worker_descriptors
        )


def whole_answer(connection: socket.socket) -> str:
    """Everything a server sends until it closes the connection."""
    with connection, connection.makefile("rb") as answer:
        return answer.read().decode()


def _texts(connection: socket.socket, way: Way) -> int:
    """How many pieces of the answer are there to be read; they stay there."""
    try:
        return len(way.text.findall(connection.recv(65_536, socket.MSG_PEEK | socket.MSG_DONTWAIT)))
    except BlockingIOError:
        return 0


def wait_until(is_true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Poll until something is true."""
    deadline = time.perf_counter() + seconds
    while not is_true():
        assert time.perf_counter() < deadline, "it did not become true in time"
        time.sleep(0.02)


def _in_flight(server: Application) -> tuple[int, int]:
    model = server.status()["models"][0]
    return model["running"], model["queued"]
