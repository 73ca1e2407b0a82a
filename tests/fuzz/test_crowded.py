"""Bodies that are wrong, or right, a hundred thousand times: each is answered soon, and nobody else waits for it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest

from tests.fuzz.conftest import ANSWER, QUESTION, Fuzzed
from tests.fuzz.routes import JSON

MANY = 200_000
BUSY_SECONDS = 0.5
"""What the program may compute at the worst while somebody else waits; reading some megabytes of JSON alone takes 0.1 s on a
slow core. It is its own processor time: a busy machine makes the wait longer, and not this."""
WAIT_SECONDS = 20.0
"""What somebody else may wait at the worst on a busy machine, for something that waits without computing."""
ASK = "/generate/text"
CHAT = "/v1/chat/completions"
MESSAGE = {"role": "user", "content": "x"}
CROWDED: dict[str, tuple[str, Callable[[], Any]]] = {
    "unknown fields": (ASK, lambda: {**QUESTION, **{f"field {number}": number for number in range(MANY)}}),
    "wrong messages": (ASK, lambda: {"conversation": [{"role": 1}] * MANY}),
    "wrong messages of a chat": (CHAT, lambda: {"messages": [{"role": 1}] * MANY}),
    "wrong stop texts": (CHAT, lambda: {"messages": [MESSAGE], "stop": [1] * MANY}),
    "wrong token ids": ("/detokenize", lambda: {"tokens": ["x"] * MANY}),
    "short messages": (ASK, lambda: {"conversation": [MESSAGE] * MANY}),
    "short conversations": (ASK, lambda: {"conversation": [[MESSAGE]] * MANY}),
    "short messages of a chat": (CHAT, lambda: {"messages": [MESSAGE] * MANY}),
}


class Others(threading.Thread):
    """Somebody who looks at the health and asks a question, over and over.

    Attributes:
        worst_seconds: the longest wait of each kind.
        worst_busy_seconds: the most processor time that the program took during one.
    """

    def __init__(self, fuzzed: Fuzzed) -> None:
        super().__init__(daemon=True)
        self._address = fuzzed.address
        self._process = psutil.Process(fuzzed.application.process.pid)
        self._enough = threading.Event()
        self.worst_seconds = {"health": 0.0, "answer": 0.0}
        self.worst_busy_seconds = {"health": 0.0, "answer": 0.0}
        self.wrong: list[str] = []

    def run(self) -> None:
        with httpx.Client(base_url=self._address, timeout=60) as client:
            while not self._enough.is_set():
                self._note("health", lambda: client.get("/health"), "ok")
                self._note("answer", lambda: client.post(ASK, json=QUESTION), ANSWER)
                time.sleep(0.02)

    def leave(self) -> None:
        """Stop, after the question that is under way."""
        self._enough.set()
        self.join()

    def _note(self, kind: str, ask: Callable[[], httpx.Response], expected: str) -> None:
        began_at, busy_before = time.perf_counter(), self._busy_seconds()
        answer = ask()
        self.worst_seconds[kind] = max(self.worst_seconds[kind], time.perf_counter() - began_at)
        self.worst_busy_seconds[kind] = max(self.worst_busy_seconds[kind], self._busy_seconds() - busy_before)
        if expected not in answer.text:
            self.wrong.append(answer.text)

    def _busy_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


@pytest.mark.parametrize("name", CROWDED)
def test_a_crowded_body_holds_nobody_up(fuzzed: Fuzzed, name: str) -> None:
    path, make = CROWDED[name]
    body = json.dumps(make()).encode()
    others = Others(fuzzed)
    others.start()
    answer = httpx.post(fuzzed.address + path, content=body, headers={"content-type": JSON}, timeout=60)
    others.leave()
    assert answer.status_code in (400, 413, 422) and len(answer.content) < 2000
    assert others.wrong == []
    assert max(others.worst_busy_seconds.values()) < BUSY_SECONDS, others.worst_busy_seconds
    assert max(others.worst_seconds.values()) < WAIT_SECONDS, others.worst_seconds
