"""Chat completions and completions with the real starter model: what the model's own backend has to do for them."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from jsonschema import Draft202012Validator

from openarc_ui.engine.types import LoadRequest
from tests.server.conftest import Served
from tests.server.openai.conftest import WEATHER, says

PLACE: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "visit",
        "parameters": {
            "type": "object",
            "properties": {"place": {"$ref": "#/$defs/Place"}},
            "required": ["place"],
            "additionalProperties": False,
            "$defs": {"Place": {"type": "string", "enum": ["Paris", "Rome"]}},
        },
    },
}
ANSWER = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Rome"]}, "is_capital": {"type": "boolean"}},
    "required": ["city", "is_capital"],
    "additionalProperties": False,
}


@pytest.fixture
def served_starter(serve: Callable[..., Served], starter_folder: Path, tmp_path: Path) -> Served:
    shutil.copytree(starter_folder, tmp_path / "models" / "starter")
    served = serve(load=False)
    served.engine.load(LoadRequest(model_path="starter", ov_config={"KV_CACHE_PRECISION": "f16"}))
    return served


@pytest.mark.model
def test_the_starter_answers_as_the_official_client_asks(served_starter: Served) -> None:
    client = openai.OpenAI(base_url=f"{served_starter.address}/v1", api_key="unused", max_retries=0)
    ask: Callable[..., Any] = client.chat.completions.create

    answer = ask(model="starter", messages=says("What is the capital of France?"), temperature=0, max_tokens=16)
    assert "Paris" in answer.choices[0].message.content
    assert answer.timings["prompt_per_second"] > 0 and answer.timings["predicted_per_second"] > 0

    likely = ask(model="starter", messages=says("Say yes."), logprobs=True, temperature=0, max_tokens=4)
    tokens = likely.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == likely.choices[0].message.content
    assert all(0 < math.exp(token.logprob) <= 1.0001 and token.top_logprobs == [] for token in tokens)
    with pytest.raises(openai.BadRequestError, match="optimum backend does"):
        ask(model="starter", messages=says("x"), logprobs=True, top_logprobs=1)

    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": ANSWER, "strict": True}}
    formed = ask(model="starter", messages=says("Which city?"), response_format=form, max_tokens=64)
    Draft202012Validator(ANSWER).validate(json.loads(formed.choices[0].message.content))

    for choice, parallel in (("required", False), ({"type": "function", "function": {"name": "visit"}}, True)):
        options = {"tools": [WEATHER, PLACE], "tool_choice": choice, "parallel_tool_calls": parallel, "max_tokens": 64}
        called = ask(model="starter", messages=says("Visit Rome."), **options).choices[0]
        (call,) = called.message.tool_calls
        assert called.finish_reason == "tool_calls" and called.message.content is None
        tool = {"visit": PLACE, "weather": WEATHER}[call.function.name]
        Draft202012Validator(tool["function"]["parameters"]).validate(json.loads(call.function.arguments))
    many = {"tools": [WEATHER, PLACE], "tool_choice": "required", "max_tokens": 64, "stream": True}
    chunks = list(ask(model="starter", messages=says("Visit Rome."), **many))
    begun = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or () if call.id]
    assert begun and [call.index for call in begun] == list(range(len(begun)))

    text = client.completions.create(model="starter", prompt="The capital of France is", max_tokens=4, temperature=0)
    assert "Paris" in text.choices[0].text
    tokens = served_starter.engine.tokenize("The capital of France is", "starter").tokens
    same = client.completions.create(model="starter", prompt=[each.id for each in tokens], max_tokens=4, temperature=0)
    assert same.choices[0].text == text.choices[0].text
