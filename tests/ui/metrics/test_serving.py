"""The component over a real server, asked as Gradio's page asks it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from openarc_ui.engine.engine import Engine
from openarc_ui.ui.metrics.tab import build_metrics_tab
from openarc_ui.ui.rights import Rights
from tests.ui.metrics.conftest import Kept


class Served:
    """A page with nothing but the tab."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        with gr.Blocks(analytics_enabled=False) as page:
            self.component = build_metrics_tab(kept.engine, kept.store, Rights())
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        application = gr.mount_gradio_app(FastAPI(), page, path="/", ssr_mode=False)
        self.server = uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listening]}, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.02)

    def begin(self, name: str, question: dict[str, Any]) -> http.client.HTTPConnection:
        """Ask, and leave it to the caller to go away before the answer."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=60)
        headers = {"Content-Type": "application/json"}
        connection.request(
            "POST", "/gradio_api/component_server", json.dumps(self._body(name, question)), headers=headers
        )
        return connection

    def ask(self, name: str, question: dict[str, Any], seconds: float = 20.0) -> dict[str, Any]:
        """The answer to one question."""
        body = self._body(name, question)
        answer = httpx.post(f"{self.address}/gradio_api/component_server", json=body, timeout=seconds)
        return dict(json.loads(answer.raise_for_status().json()))

    def _body(self, name: str, question: dict[str, Any]) -> dict[str, Any]:
        return {
            "session_hash": "page",
            "component_id": self.component._id,
            "fn_name": name,
            "data": json.dumps(question),
        }


@pytest.fixture
def served(keep: Callable[[bool], Kept]) -> Iterator[Served]:
    served = Served(keep(True))
    yield served
    served.server.should_exit = True
    served.thread.join(timeout=5)


def wait_for(is_true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < until
        time.sleep(0.02)


def running(engine: Engine) -> int:
    return engine.status().models[0].running


def test_the_page_asks_and_is_answered_and_a_page_that_leaves_ends_what_it_began(served: Served) -> None:
    original = served.kept.run("hello")
    answer = served.ask("metrics", {"view": {"range": "15m"}})
    assert answer["requests"][0]["request_id"] == original
    while answer.get("more"):
        answer = served.ask("metrics", {"view": {"range": "15m"}, "seen": answer["seen"]})
    assert served.ask("metrics", {"view": {"range": "15m"}, "seen": answer["seen"]}).keys() <= {"seen", "extend"}
    assert served.ask("metrics_requests", {"sort": "total"})["requests"][0]["request_id"] == original
    assert served.address in served.ask("metrics_request", {"request_id": original})["request"]["curl"]
    assert served.ask("metrics_again", {"request_id": original})["answer"] == "The capital of France is Paris."
    leaving = served.begin("metrics_again", {"request_id": original, "prompt": "slow"})
    wait_for(lambda: running(served.kept.engine) == 1)
    leaving.close()
    wait_for(lambda: running(served.kept.engine) == 0)
    served.kept.store.flush()
    newest = served.ask("metrics_requests", {"sort": "newest"})["requests"][0]
    assert newest["outcome"] == "cancelled", "it would have come to its 128 tokens"
