"""The official client against a real server with the scripted backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from tests.server.conftest import Served

CALL = '<tool_call>{"name": "weather", "arguments": {"city": "Paris"}}</tool_call>'
FORCED = '{"name": "weather", "arguments": {"city": "Paris"}}'
REPLIES: list[dict[str, Any]] = [
    {"text": "The capital of France is Paris.", "token_seconds": 0.001},
    {"when": "slow", "text": "word " * 400, "token_seconds": 0.02},
    {"when": "long prompt", "text": "At last.", "prefill_seconds": 5.0},
    {"when": "fail", "error": "the script fails here"},
    {"when": "late", "text": "one two three four five", "token_seconds": 0.02, "crash_after_tokens": 3},
    {"when": "sunny", "text": "Take no umbrella."},
    {"when": "weather", "text": f"I look.\n{CALL}\n{CALL.replace('Paris', 'Rome')}", "token_seconds": 0.001},
    {"when": "think", "text": "<think>\nHm, Paris.\n</think>\n\nIt is Paris.", "token_seconds": 0.001},
    {"when": "named", "text": '{"city": "Paris"}'},
    {"when": "any", "text": FORCED},
    {"when": "several", "text": f"[{FORCED}, {FORCED.replace('Paris', 'Rome')}]"},
    {"when": "json", "text": '{"answer": 42}'},
    {"when": "accent", "text": "Ça va? 🙂 naïve", "token_seconds": 0.001},
]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def says(text: str) -> list[Any]:
    """A conversation of one message."""
    return [{"role": "user", "content": text}]


@pytest.fixture
def server(serve: Callable[..., Served]) -> Served:
    """A server whose model plays REPLIES."""
    return serve(script={"replies": REPLIES})


@pytest.fixture
def client(server: Served) -> Iterator[openai.OpenAI]:
    """The official client of it; nothing is tried twice."""
    with openai.OpenAI(base_url=f"{server.address}/v1", api_key="unused", max_retries=0) as found:
        yield found
