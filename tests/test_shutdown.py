"""The end of the program as its clients see it: what runs is finished within the grace or told that it was cut off."""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.application import Application
from tests.conftest import write_script

REPLIES = [
    {"when": "short", "text": "word " * 40, "token_seconds": 0.02},
    {"when": "endless", "text": "word " * 4000, "token_seconds": 0.02},
]
BOUND_SECONDS = 10.0
"""Two for finishing, one for telling, two for hanging up, three for a worker that does not look up, and the databases."""


def body(text: str) -> dict[str, object]:
    return {"conversation": [{"role": "user", "content": text}], "max_new_tokens": 4000}


def chat(text: str, **more: object) -> dict[str, object]:
    return {"model": "script", "messages": [{"role": "user", "content": text}], "max_tokens": 4000, **more}


class Reader(threading.Thread):
    """A client that asks and keeps what comes until the end, whichever it is."""

    def __init__(self, address: str, path: str, sent: dict[str, object] | None) -> None:
        super().__init__(daemon=True)
        self._url, self._sent = address + path, sent
        self.received = ""
        self.status: int | None = None
        self.headers = httpx.Headers()
        self.broke_off: httpx.TransportError | None = None
        self.began = threading.Event()
        self.start()

    def run(self) -> None:
        method, accept = ("GET" if self._sent is None else "POST"), {"Accept": "text/event-stream"}
        headers = accept if self._sent is None else {}
        try:
            with httpx.stream(method, self._url, json=self._sent, headers=headers, timeout=120) as answer:
                self.status, self.headers = answer.status_code, answer.headers
                if self._sent is None:
                    self.began.set()
                for piece in answer.iter_text():
                    self.received += piece
                    self.began.set()
        except httpx.TransportError as error:
            self.broke_off = error

    @property
    def last_data(self) -> Any:
        """Of the last `data:` line, what it holds."""
        return json.loads([line for line in self.received.splitlines() if line.startswith("data: ")][-1][6:])


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of a program that has ended."""

    said: str
    seconds: float
    finish_reasons: list[str]


class Running:
    """A program with a scripted model, and its end."""

    def __init__(self, program: Application) -> None:
        self.program = program
        self.address = program.address

    def wait_for(self, running: int, queued: int) -> None:
        deadline = time.monotonic() + 60
        model = self.program.status()["models"][0]
        while (model["running"], model["queued"]) != (running, queued):
            assert time.monotonic() < deadline
            time.sleep(0.02)
            model = self.program.status()["models"][0]

    def end(self, readers: list[Reader], signal_number: int = signal.SIGTERM) -> Ended:
        began_at = time.monotonic()
        assert self.program.end(signal_number) == 0, "it is killed where it does not end by itself within 15 seconds"
        seconds = time.monotonic() - began_at
        for reader in readers:
            reader.join(30)
            assert not reader.is_alive()
        with closing(sqlite3.connect(self.program.database)) as database:
            rows = database.execute("SELECT finish_reason FROM requests ORDER BY submitted_at").fetchall()
        return Ended(self.program.log.read_text(), seconds, [row[0] for row in rows])


@contextmanager
def running(folder: Path, *flags: str, max_running: int) -> Iterator[Running]:
    write_script(folder / "models" / "script", replies=REPLIES, max_running=max_running)
    with Application(folder / "models", "--model", "script", *flags) as program:
        program.wait()
        yield Running(program)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_is_finished_or_cancelled_and_every_report_is_written(tmp_path: Path, signal_number: int) -> None:
    with running(tmp_path, max_running=2) as server:
        endless = Reader(server.address, "/generate/stream", body("endless"))
        assert endless.began.wait(60)
        short = Reader(server.address, "/generate/stream", body("short"))
        assert short.began.wait(60)
        queued = [Reader(server.address, path, body("endless")) for path in ("/generate/stream", "/generate/text")]
        server.wait_for(running=2, queued=len(queued))
        ended = server.end([endless, short, *queued], signal_number)
    assert "event: done" in short.received and "event: done" not in endless.received
    assert ended.finish_reasons == ["cancelled", "stop", "cancelled", "cancelled"]
    assert "Traceback" not in ended.said


def test_who_is_cut_off_is_told_so_in_the_form_of_its_route(tmp_path: Path) -> None:
    with running(tmp_path, max_running=8) as server:
        stream = Reader(server.address, "/v1/chat/completions", chat("endless", stream=True))
        whole = Reader(server.address, "/v1/chat/completions", chat("endless"))
        prompts = {"model": "script", "prompt": ["endless", "endless"], "max_tokens": 4000, "stream": True}
        completions = Reader(server.address, "/v1/completions", prompts)
        events = {"model": "script", "input": "endless", "max_output_tokens": 4000, "stream": True}
        response = Reader(server.address, "/v1/responses", events)
        own_stream = Reader(server.address, "/generate/stream", body("endless"))
        own_whole = Reader(server.address, "/generate/text", body("endless"))
        readers = [stream, whole, completions, response, own_stream, own_whole]
        server.wait_for(running=7, queued=0)
        for reader in (stream, completions, response, own_stream):
            assert reader.began.wait(60)
        ended = server.end(readers)
    assert [reader.broke_off for reader in readers] == [None] * len(readers), "each answer has a proper end"
    for reader in (stream, completions):
        assert reader.status == 200 and reader.last_data["error"]["code"] == "engine_closed"
        assert "[DONE]" not in reader.received
    assert response.last_data["type"] == "response.failed" and "shutting down" in response.received
    last_event = own_stream.received.strip().split("\n\n")[-1]
    assert last_event.startswith("event: error\n") and own_stream.last_data["code"] == "engine_closed"
    assert whole.status == own_whole.status == 503 and whole.headers["retry-after"] == own_whole.headers["retry-after"]
    assert json.loads(whole.received)["error"]["code"] == json.loads(own_whole.received)["code"] == "engine_closed"
    assert ended.finish_reasons == ["cancelled"] * 7
    assert ended.seconds < BOUND_SECONDS
    assert "Traceback" not in ended.said and "ERROR" not in ended.said


def test_the_openai_sdk_raises_instead_of_taking_a_part_for_the_answer(tmp_path: Path) -> None:
    errors: list[openai.APIError] = []
    began = threading.Event()

    def read(address: str) -> None:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        try:
            for _ in client.chat.completions.create(**chat("endless", stream=True)):  # type: ignore[call-overload]
                began.set()
        except openai.APIError as error:
            errors.append(error)

    with running(tmp_path, max_running=1) as server:
        reading = threading.Thread(target=read, args=(server.address,), daemon=True)
        reading.start()
        assert began.wait(60)
        server.end([])
        reading.join(30)
    assert [error.code for error in errors] == ["engine_closed"]


def test_streams_without_an_end_are_ended_and_nothing_is_said_of_them(tmp_path: Path) -> None:
    with running(tmp_path, "--mcp", max_running=1) as server:
        listening = Reader(server.address, "/mcp", None)
        assert listening.began.wait(60) and listening.status == 200
        page = Reader(server.address, "/gradio_api/heartbeat/some-session", None)
        assert page.began.wait(60)
        ended = server.end([listening, page])
    assert listening.broke_off is None
    assert ended.seconds < BOUND_SECONDS
    assert "without completing" not in ended.said and "Traceback" not in ended.said and "ERROR" not in ended.said
