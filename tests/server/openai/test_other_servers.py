"""What clients of other servers send and expect: "off" values, null and empty, an id on every answer, an address without /v1."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.server.conftest import Served
from tests.server.openai.conftest import WEATHER, says

CHAT = "/v1/chat/completions"
HELLO: dict[str, Any] = {"messages": says("Hello")}
FORCED: dict[str, Any] = {"messages": says("any"), "tool_choice": "required"}


@pytest.mark.parametrize(
    "more",
    [
        {"top_k": -1, "seed": -1, "max_tokens": -1, "stop": ""},
        {"logit_bias": {}, "functions": [], "web_search_options": {}},
        {"messages": [{**says("Hello")[0], "provider_specific_fields": None}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}
            ]
        },
    ],
)
def test_what_asks_for_nothing_is_let_through(server: Served, more: dict[str, Any]) -> None:
    response = server.client.post(CHAT, json={**HELLO, **more})
    assert response.status_code == 200, response.text
    assert response.json()["choices"][0]["finish_reason"] == "stop"


def test_a_response_takes_off_values_too(server: Served) -> None:
    body = {"input": "Hello", "max_output_tokens": -1, "top_k": -1, "stop": "", "functions": []}
    assert server.client.post("/v1/responses", json=body).json()["status"] == "completed"


def test_every_answer_has_the_id_of_its_request(client: openai.OpenAI, server: Served) -> None:
    chat = client.chat.completions.create(model="script", messages=says("Hello"))
    assert chat._request_id == chat.id
    response = client.responses.create(model="script", input="Hello")
    assert response._request_id == response.id
    stream = server.client.post(CHAT, json={**HELLO, "stream": True})
    assert stream.headers["x-request-id"] in stream.text
    for refused in (server.client.post(CHAT, content="{"), server.client.get("/v1/nothing")):
        assert refused.headers["x-request-id"].startswith("req_")
    assert "x-request-id" not in server.client.get("/status").headers


@pytest.mark.parametrize("path", ["/chat/completions", "/completions", "/responses"])
def test_an_address_without_v1_is_told_to_add_it(server: Served, path: str) -> None:
    response = server.client.post(path, json=HELLO)
    assert response.status_code == 404 and "Add /v1 to the base URL" in response.json()["error"]["message"]


def test_v1_alone_and_a_slash_at_the_end_are_refused_in_openais_form(server: Served) -> None:
    assert "/v1/models" in server.client.get("/v1").json()["error"]["hint"]
    assert f"'{CHAT}'" in server.client.post(f"{CHAT}/", json=HELLO).json()["error"]["hint"]


def test_a_body_that_is_no_json_blames_no_parameter(server: Served) -> None:
    headers = {"Content-Type": "application/json"}
    error = server.client.post(CHAT, content='{"a": }', headers=headers).json()["error"]
    assert error["param"] is None and "not JSON" in error["message"]


def with_parameters(parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    function = {"name": "visit", "parameters": {"type": "object", "properties": parameters}, **more}
    return {"type": "function", "function": function}


def test_a_schema_that_can_not_be_kept_to_names_tool_place_and_parameter(server: Served) -> None:
    bad = {"days": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}}
    tools = [WEATHER, with_parameters(bad, strict=True)]
    error = server.client.post(CHAT, json={**FORCED, "tools": tools}).json()["error"]
    assert (error["param"], error["code"]) == ("tools[1].function.parameters", "structure_rejected")
    assert "'visit'" in error["message"] and "'uniqueItems' at /properties/days" in error["message"]
    flat = {"type": "function", "name": "visit", "strict": True, "parameters": {"type": "object", "properties": bad}}
    body = {"input": "any", "tools": [flat], "tool_choice": "required"}
    assert server.client.post("/v1/responses", json=body).json()["error"]["param"] == "tools[0].parameters"
    lax = server.client.post(CHAT, json={**FORCED, "tools": [WEATHER, with_parameters(bad)]})
    assert lax.status_code == 200 and lax.json()["choices"][0]["message"]["tool_calls"]


def test_a_forced_call_that_is_cut_has_no_text(server: Served) -> None:
    for most, calls in ((1, 0), (4, 1)):
        body = {**FORCED, "tools": [WEATHER], "max_tokens": most, "parallel_tool_calls": False}
        choice = server.client.post(CHAT, json=body).json()["choices"][0]
        assert choice["finish_reason"] == "length" and choice["message"]["content"] is None
        assert len(choice["message"]["tool_calls"] or []) == calls


@pytest.mark.parametrize("stream", [False, True])
def test_a_strict_tools_call_with_wrong_arguments_is_no_call(server: Served, stream: bool) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "integer"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "parameters": parameters, "strict": True}}
    body = {"messages": says("weather"), "tools": [tool], "stream": stream}
    text = server.client.post(CHAT, json=body).text
    assert 'tool_calls":[' not in text and "Paris" in text
    loose = {**tool, "function": {**tool["function"], "strict": False}}
    assert 'tool_calls":[' in server.client.post(CHAT, json={**body, "tools": [loose]}).text


def test_after_the_only_model_died_the_next_request_says_so(server: Served) -> None:
    assert server.client.post(CHAT, json={"messages": says("late")}).status_code == 502
    for model in ({}, {"model": "default"}, {"model": "script"}):
        error = server.client.post(CHAT, json={**HELLO, **model}).json()["error"]
        assert "script died: the worker process" in error["message"] and error["param"] == "model"
