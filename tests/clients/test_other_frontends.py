"""What other programs send, request by request: Open WebUI, and clients written for llama.cpp's server."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.clients.conftest import USE_KEY, Server

pytestmark = pytest.mark.model

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
def http(server: Server) -> Any:
    headers = {"Authorization": f"Bearer {USE_KEY}"}
    with httpx.Client(base_url=server.openai_address, headers=headers, timeout=60) as client:
        yield client


def events_of(http: httpx.Client, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The chunks of a streamed chat, which ends with [DONE]."""
    with http.stream("POST", "/chat/completions", json=body) as answer:
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_open_webui_lists_the_models_and_streams_a_chat_with_usage(http: httpx.Client, server: Server) -> None:
    listed = http.get("/models").json()
    assert listed["object"] == "list" and [each["id"] for each in listed["data"]] == [server.model]
    body = {"model": server.model, "messages": QUESTION, "stream": True, "stream_options": {"include_usage": True}}
    chunks = events_of(http, {**body, "max_tokens": 12, "temperature": 0})
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert "Paris" in text
    assert chunks[-1]["usage"]["completion_tokens"] <= 12 and chunks[-1]["timings"]["predicted_per_second"] > 0


def test_open_webui_asks_for_a_title_without_a_stream(http: httpx.Client, server: Server) -> None:
    prompt = [{"role": "user", "content": "### Task:\nGenerate a concise title for the chat.\n### Chat:\nHello"}]
    body = {"model": server.model, "messages": prompt, "stream": False, "max_completion_tokens": 20}
    answer = http.post("/chat/completions", json=body)
    assert answer.status_code == 200 and answer.json()["choices"][0]["message"]["content"]


def test_open_webui_sends_a_picture_as_parts_and_is_told_that_only_text_is_read(
    http: httpx.Client, server: Server
) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]
    answer = http.post(
        "/chat/completions", json={"model": server.model, "messages": [{"role": "user", "content": parts}]}
    )
    assert answer.status_code == 400 and "text" in answer.json()["error"]["message"]
    only_text = [{"role": "user", "content": parts[:1]}]
    assert http.post(
        "/chat/completions", json={"model": server.model, "messages": only_text, "max_tokens": 2}
    ).is_success


def test_a_client_of_llama_cpp_uses_its_own_parameters(http: httpx.Client, server: Server) -> None:
    body = {
        "messages": QUESTION,
        "max_tokens": 6,
        "cache_prompt": True,
        "top_k": 40,
        "min_p": 0.05,
        "repeat_penalty": 1.1,
        "chat_template_kwargs": {},
        "seed": 1,
    }
    answer = http.post("/chat/completions", json=body)
    if answer.status_code == 400:
        assert answer.json()["error"]["param"] == "repeat_penalty"
        assert "repetition_penalty" in answer.json()["error"]["message"]
        del body["repeat_penalty"]
        answer = http.post("/chat/completions", json=body)
    timings = answer.json()["timings"]
    wanted = {
        "prompt_n",
        "prompt_ms",
        "prompt_per_second",
        "predicted_n",
        "predicted_ms",
        "predicted_per_second",
        "cache_n",
    }
    assert wanted <= timings.keys() and timings["prompt_n"] > 0


def test_a_client_without_any_model_name_or_limit_is_answered(http: httpx.Client) -> None:
    answer = http.post("/chat/completions", json={"messages": [{"role": "user", "content": "Say only: yes"}]})
    assert answer.status_code == 200 and answer.json()["choices"][0]["finish_reason"] == "stop"


def test_a_browser_of_another_origin_is_refused(http: httpx.Client, server: Server) -> None:
    answer = http.get("/models", headers={"Origin": "http://elsewhere.example"})
    assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers
