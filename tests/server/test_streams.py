"""Server-sent events, and what happens when the client leaves: a socket is really closed."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from openarc_ui.engine.types import FinishReason, PerformanceReport
from tests.server.conftest import HELLO, PREFILL, SLOW, Served
from tests.workers import worker_processes

SOON_SECONDS = 4.0
"""Half a second on a machine that has nothing else to do; what is ended would go on for longer than this."""


def events_of(text: str) -> list[tuple[str, Any]]:
    """(event, data) of a whole stream; a comment is ("comment", text)."""
    events = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in fields:
            events.append((fields.get("event", "message"), json.loads(fields["data"])))
        else:
            events.append(("comment", block))
    return events


def send(served: Served, path: str, body: dict[str, Any] | None) -> socket.socket:
    """Send a request on a bare socket and leave the answer unread; None: it has no body."""
    data = json.dumps(body).encode() if body is not None else b""
    connection = socket.create_connection(("127.0.0.1", served.port))
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)
    return connection


def test_a_stream_has_the_text_and_ends_with_the_answer(served: Served) -> None:
    response = served.client.post("/generate/text", json={**HELLO, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response.text)
    text = "".join(data["text"] for event, data in events if event == "message")
    assert text == "The capital of France is Paris."
    last_event, answer = events[-1]
    assert (last_event, answer["generated_text"], answer["finish_reason"]) == ("done", text, "stop")
    assert (
        sum(data["tokens"] for event, data in events if event == "message")
        == answer["performance_metrics"]["generated_tokens"]
    )


def test_several_conversations_stream_interleaved(served: Served) -> None:
    conversations = [[{"role": "user", "content": "hello"}], [{"role": "user", "content": "stop"}]]
    events = events_of(served.client.post("/generate/stream", json={"conversation": conversations}).text)
    texts = ["", ""]
    for event, data in events:
        if event == "message":
            texts[data["conversation_index"]] += data["text"]
    assert texts == ["The capital of France is Paris.", "one two STOP three"] == events[-1][1]["generated_text"]


def test_an_error_before_the_first_byte_has_its_status(served: Served) -> None:
    response = served.client.post("/generate/stream", json={**HELLO, "model": "nobody"})
    assert response.status_code == 409


def test_an_error_in_mid_stream_is_an_event(served: Served) -> None:
    events = events_of(
        served.client.post("/generate/stream", json={"conversation": [{"role": "user", "content": "crash"}]}).text
    )
    assert events[0][0] == "message"
    assert (events[-1][0], events[-1][1]["code"]) == ("error", "worker_died")


def test_a_kill_in_mid_stream_is_told_at_once(served: Served) -> None:
    with served.client.stream("POST", "/generate/stream", json=SLOW) as response:
        chunks = response.iter_text()
        next(chunks)
        os.kill(worker_processes(served.engine)["script"], signal.SIGKILL)
        began_at = time.perf_counter()
        rest = "".join(chunks)
    assert time.perf_counter() - began_at < SOON_SECONDS
    assert "event: error" in rest and "worker_died" in rest


def test_a_silent_prefill_keeps_the_connection_alive(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openarc_ui.server.sse.HEARTBEAT_SECONDS", 0.05)
    with served.client.stream("POST", "/generate/stream", json=PREFILL) as response:
        assert next(response.iter_text()).startswith(": keep-alive")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("body", [SLOW, PREFILL])
def test_a_client_that_leaves_ends_its_generation(
    serve: Callable[..., Served], reports: list[PerformanceReport], stream: bool, body: dict[str, Any]
) -> None:
    replies = [
        {"when": "slow", "text": "word " * 4000, "token_seconds": 0.02},
        {"when": "prompt", "text": "At last.", "prefill_seconds": 60.0},
    ]
    served = serve(script={"replies": replies})
    connection = send(served, "/generate/text", {**body, "max_new_tokens": 4000, "stream": stream})
    served.wait_for(lambda: served.engine.status().models[0].running == 1)
    connection.close()
    took = served.wait_for(lambda: served.running() == 0)
    assert took < SOON_SECONDS
    served.wait_for(lambda: bool(reports))
    assert reports[0].finish_reason is FinishReason.CANCELLED


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_the_queue_runs_no_token(
    serve: Callable[..., Served], reports: list[PerformanceReport], stream: bool
) -> None:
    served = serve(script={"max_running": 1})
    first = send(served, "/generate/text", SLOW)
    served.wait_for(lambda: served.engine.status().models[0].running == 1)
    second = send(served, "/generate/text", {**SLOW, "stream": stream, "request_id": "second"})
    served.wait_for(lambda: served.engine.status().models[0].queued == 1)
    second.close()
    served.wait_for(lambda: len(reports) == 1)
    assert (reports[0].request_id, reports[0].generated_tokens) == ("second", 0)
    first.close()


def test_a_client_that_leaves_a_load_cancels_it(serve: Callable[..., Served]) -> None:
    served = serve(script={"load_seconds": 30}, load=False)
    connection = send(served, "/model/load", {"load_config": {"id_model": "script"}})
    served.wait_for(lambda: bool(served.engine.status().models))
    connection.close()
    served.wait_for(lambda: not served.engine.status().models)
