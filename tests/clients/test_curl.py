"""curl, as the documentation's examples and shell scripts use it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.clients.conftest import USE_KEY, Server

pytestmark = pytest.mark.model

QUESTION: dict[str, Any] = {
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "max_tokens": 8,
    "temperature": 0,
}


def curl(server: Server, path: str, body: object = None, *options: str, key: str = USE_KEY) -> tuple[int, str, str]:
    """Status, content type and body of what curl gets."""
    data = [] if body is None else ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    written = "\n%{http_code} %{content_type}"
    command = ["curl", "-sS", "--max-time", "60", "-w", written, "-H", f"Authorization: Bearer {key}", *data, *options]
    answer = subprocess.run([*command, server.address + path], capture_output=True, text=True, check=True).stdout
    text, _, last = answer.rpartition("\n")
    status, _, content_type = last.partition(" ")
    return int(status), content_type, text


def test_a_question_is_answered(server: Server) -> None:
    status, content_type, text = curl(server, "/v1/chat/completions", QUESTION)
    assert (status, content_type) == (200, "application/json")
    assert "Paris" in json.loads(text)["choices"][0]["message"]["content"]


def test_an_answer_comes_as_it_is_made(server: Server) -> None:
    command = ["curl", "-sSN", "-H", f"Authorization: Bearer {USE_KEY}", "-H", "Content-Type: application/json"]
    endless = {**QUESTION, "max_tokens": 4000, "stream": True, "ignore_eos": True}
    command += ["-d", json.dumps(endless), f"{server.openai_address}/chat/completions"]
    server.wait_until_measured()
    before = server.newest_id()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        first = [running.stdout.readline() for _ in range(6)]
        running.kill()
    assert [line[:6] for line in first[::2]] == ["data: "] * 3 and set(first[1::2]) == {"\n"}
    server.wait_until_cancelled(before)


def test_a_stream_ends_with_done(server: Server) -> None:
    status, content_type, text = curl(server, "/v1/chat/completions", {**QUESTION, "stream": True}, "-N")
    assert status == 200 and content_type.startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    assert all(json.loads(event)["object"] == "chat.completion.chunk" for event in events[:-1])


def test_errors_have_a_body_that_says_what_to_do(server: Server) -> None:
    status, _, text = curl(server, "/v1/models", key="wrong-key")
    assert status == 401 and "key" in json.loads(text)["error"]["message"]
    status, _, text = curl(server, "/v1/chat/completions", {**QUESTION, "max_token": 5})
    error = json.loads(text)["error"]
    assert status == 400 and error["param"] == "max_token" and "'max_tokens'" in error["message"]
    status, _, text = curl(server, "/v1/chat/completions", None, "-d", "{", "-H", "Content-Type: application/json")
    assert status == 400 and json.loads(text)["error"]["type"] == "invalid_request_error"
    status, _, text = curl(server, "/v1/chat/completion", QUESTION)
    assert status == 404 and "/v1/chat/completions" in json.loads(text)["error"]["message"]
    status, _, text = curl(server, "/generate/text", {"conversation": [], "max_new_token": 5})
    assert status == 422 and "max_new_tokens" in json.loads(text)["hint"]


def test_the_same_question_on_our_own_route(server: Server) -> None:
    body = {"conversation": QUESTION["messages"], "max_new_tokens": 8, "temperature": 0}
    status, _, text = curl(server, "/generate/text", body)
    assert status == 200 and "Paris" in json.loads(text)["generated_text"]
