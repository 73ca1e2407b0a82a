"""One real `python app.py` with the starter model and two keys, for clients that others wrote; and a look at what they connect to."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.application import Application

USE_KEY = "a-key-for-use-only"
ADMIN_KEY = "a-key-for-administration"
KEYS = {"OPENARC_API_KEY": USE_KEY, "OPENARC_ADMIN_KEY": ADMIN_KEY}
REQUESTS_PER_MINUTE = 12
NO_ROW_WAITS = "\nopenarc:metrics_rows_waiting 0.0\n"
LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})
AGENT = {
    "replies": [
        {
            "when": "The sum is 42",
            "text": "Thought: It is known now.\n<code>\nfinal_answer(42)\n</code>",
        },
        {"text": 'Thought: I add them.\n<code>\nprint("The sum is", 19 + 23)\n</code>'},
    ],
    "context_length": 100_000,
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running OpenArc as its clients know it."""

    address: str
    model: str
    application: Application

    @property
    def openai_address(self) -> str:
        """What OpenAI's clients call the base URL."""
        return f"{self.address}/v1"

    def newest_id(self) -> str:
        """Of the newest request that has ended; "" where none has."""
        listed = self._newest()
        return str(listed[0]["request_id"]) if listed else ""

    def wait_until_cancelled(self, newest_before: str) -> None:
        """The next request after `newest_before` ends, and not by coming to its end."""
        until = time.perf_counter() + 60
        while self.newest_id() == newest_before:
            assert time.perf_counter() < until, "a request goes on though its client has left"
            time.sleep(0.05)
        assert self._newest()[0]["finish_reason"] == "cancelled"

    def wait_until_measured(self) -> None:
        """What the last request cost is in the database, which a thread of its own writes."""
        until = time.perf_counter() + 30
        while NO_ROW_WAITS not in httpx.get(f"{self.address}/metrics", headers=self.application.headers).text:
            assert time.perf_counter() < until, "what was measured is not written"
            time.sleep(0.05)

    def last_request(self) -> dict[str, Any]:
        """What the newest request was measured to be."""
        self.wait_until_measured()
        return self._newest()[0]

    def _newest(self) -> list[dict[str, Any]]:
        headers = self.application.headers
        answer = httpx.get(f"{self.address}/metrics/requests?limit=1", headers=headers, timeout=30)
        listed: list[dict[str, Any]] = answer.json()["requests"]
        return listed


@pytest.fixture(scope="package", autouse=True)
def outside() -> Iterator[list[str]]:
    """Hosts other than this machine that a client wanted to reach; there must be none."""
    reached: list[str] = []
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and str(address[0]) not in LOCAL:
            reached.append(str(address[0]))
            raise OSError("the tests have no other host")
        connect(self, address)

    def guarded_resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        if str(host) not in LOCAL:
            reached.append(str(host))
            raise socket.gaierror("the tests have no other host")
        return resolve(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        yield reached


@pytest.fixture(autouse=True)
def _nobody_else_is_called(outside: list[str]) -> Iterator[None]:
    outside.clear()
    yield
    assert outside == []


@pytest.fixture(scope="package")
def server(starter_folder: Path) -> Iterator[Server]:
    """The starter model behind two keys, with MCP."""
    with Application(starter_folder.parent, "--model", starter_folder.name, "--mcp", environment=KEYS) as application:
        application.wait()
        yield Server(application.address, starter_folder.name, application)


@pytest.fixture(scope="package")
def scripted_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A script that answers as a good agent would, behind the same keys, which may ask only so often."""
    models = tmp_path_factory.mktemp("scripted")
    (models / "agent").mkdir()
    (models / "agent" / "script.json").write_text(json.dumps(AGENT))
    limit = {"OPENARC_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE)}
    flags = ["--model", "agent", "--backend", "scripted"]
    with Application(models, *flags, environment=KEYS | limit) as application:
        application.wait()
        yield Server(application.address, "agent", application)
