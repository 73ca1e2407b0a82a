"""The list of models, and errors in OpenAI's form wherever they come from."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from openarc_ui.access import Access
from openarc_ui.engine.types import LoadRequest
from openarc_ui.server.openai.errors import OpenAIProblem, path_of
from tests.conftest import write_script
from tests.server.conftest import Served
from tests.server.openai.conftest import says


def test_models_that_answer_are_listed_the_default_one_first(
    client: openai.OpenAI, server: Served, tmp_path: Path
) -> None:
    server.engine.load(LoadRequest(model_path="script", name="other"))
    write_script(tmp_path / "models" / "not loaded")
    models = client.models.list().data
    assert [model.id for model in models] == ["other", "script"]
    assert all((model.object, model.owned_by) == ("model", "openarc") for model in models)
    assert abs(models[0].created - time.time()) < 60
    assert models[0].model_extra == {
        "context_length": 4096,
        "max_model_len": 4096,
        "backend": "scripted",
        "device": "CPU",
    }
    server.engine.unload("other")
    assert [model.id for model in client.models.list().data] == ["script"]


def test_one_model_is_described(client: openai.OpenAI) -> None:
    assert client.models.retrieve("script").id == "script"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("scrpt")
    assert caught.value.code == "model_not_found" and "'script'" in str(caught.value)


def test_head_is_answered_as_get(server: Served) -> None:
    assert server.client.head("/v1/models").status_code == 200


@pytest.mark.parametrize("model", ["default", None])
def test_without_a_name_the_model_that_was_loaded_last_answers(server: Served, model: str | None) -> None:
    server.engine.load(LoadRequest(model_path="script", name="newer"))
    answer = server.client.post("/v1/chat/completions", json={"messages": says("hello"), "model": model}).json()
    assert answer["model"] == "newer"
    server.engine.load(LoadRequest(model_path="script", name="default"))
    server.engine.load(LoadRequest(model_path="script", name="newest"))
    answer = server.client.post("/v1/chat/completions", json={"messages": says("hello"), "model": "default"}).json()
    assert answer["model"] == "default", "a model of that name is meant where there is one"


def test_a_model_that_is_not_loaded_is_told_with_the_nearest_names(client: openai.OpenAI, server: Served) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="sript", messages=says("x"))
    assert (caught.value.code, caught.value.param, caught.value.type) == ("model_not_found", "model", "not_found_error")
    assert "Did you mean 'script'?" in str(caught.value)
    server.engine.unload("script")
    with pytest.raises(
        openai.NotFoundError, match=r"No model is loaded\. Load one with POST /model/load or in the Load tab"
    ):
        client.chat.completions.create(model="default", messages=says("x"))
    assert client.models.list().data == []


def test_a_model_that_is_in_the_folder_and_not_loaded_is_told_with_how_to_load_it(
    client: openai.OpenAI, server: Served, tmp_path: Path
) -> None:
    write_script(tmp_path / "models" / "script-2")
    for create in (
        lambda: client.chat.completions.create(model="script-2", messages=says("x")),
        lambda: client.completions.create(model="script-2", prompt="x"),
        lambda: client.responses.create(model="script-2", input="x"),
    ):
        with pytest.raises(openai.NotFoundError) as caught:
            create()
        assert caught.value.code == "model_not_found"
        assert "The model 'script-2' is in the model folder and not loaded. Load it with POST /model/load" in str(
            caught.value
        )


CHAT = "/v1/chat/completions"
HELLO: dict[str, Any] = {"messages": says("hello")}
CALL: dict[str, Any] = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def with_message(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "x", **fields}]}


@pytest.mark.parametrize(
    ("body", "param", "word"),
    [
        ({}, "messages", "required"),
        ({"messages": []}, "messages", "at least 1"),
        ({"messages": "hello"}, "messages", "messages"),
        ({**HELLO, "temperture": 1}, "temperture", "Did you mean 'temperature'?"),
        ({**HELLO, "max_new_tokens": 5}, "max_new_tokens", "Here it is max_tokens"),
        ({**HELLO, "temperature": "hot"}, "temperature", "number"),
        ({**HELLO, "max_tokens": True}, "max_tokens", "integer"),
        ({**HELLO, "stream": "true"}, "stream", "boolean"),
        ({**HELLO, "temperature": "0.5"}, "temperature", "number"),
        ({**HELLO, "n": 2, "top_k": -2}, "top_k", "greater"),
        ({**HELLO, "min_tokens": 9, "max_tokens": 3}, "min_tokens", "min_tokens (9) is more than max_tokens"),
        ({**HELLO, "chat_template_kwargs": {"nothing": 1}}, "chat_template_kwargs", "never reads 'nothing'"),
        ({**HELLO, "temperature": -1}, "temperature", "greater than or equal to 0"),
        ({**HELLO, "max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens", "differ"),
        ({**HELLO, "user": "a", "safety_identifier": "b"}, "safety_identifier", "differ"),
        ({**HELLO, "top_logprobs": 2}, "top_logprobs", "logprobs to true"),
        ({**HELLO, "stream_options": {"include_usage": True}}, "stream_options", "stream to true"),
        ({**HELLO, "stream": True, "stream_options": {"include_usge": True}}, "stream_options.include_usge", "include_usage"),
        ({**HELLO, "stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation", "false"),
        ({**HELLO, "n": 2, "temperature": 0}, "n", "sampling"),
        ({**HELLO, "tool_choice": "required"}, "tool_choice", "no tools"),
        ({**HELLO, "tool_choice": "always"}, "tool_choice", "Known names"),
        ({**HELLO, "tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0]", "'custom'"),
        ({**HELLO, "tools": [{"type": "function", "function": {}}]}, "tools[0].function.name", "required"),
        ({**HELLO, "tool_format": "hermes"}, "tool_format", "no tools are given"),
        ({**HELLO, "response_format": {"type": "json_schema"}}, "response_format", "json_schema is given"),
        ({**HELLO, "response_format": {"type": "xml"}}, "response_format.type", "json_object"),
        ({**HELLO, "response_format": {"type": "json_object"}, "tools": [{"type": "function", "function": {"name": "f"}}]}, "response_format", "no tool could be called"),
        ({**HELLO, "response_format": {"type": "json_object"}, "structured_output": {"choice": ["a"]}}, "structured_output", "both"),
        ({**HELLO, "reasoning_effort": "low"}, "reasoning_effort", "reasoning_effort"),
        (with_message(role="function", name="f"), "messages[0].role", "role 'tool'"),
        (with_message(role="usr"), "messages[0].role", "'user'"),
        (with_message(content=None), "messages[0]", "has content"),
        (with_message(content=[{"type": "image_url", "image_url": {"url": "x"}}]), "messages[0].content[0]", "the type 'image_url'"),
        (with_message(content=[{"type": "text", "text": "a"}, {"type": "text"}]), "messages[0].content[1]", "has a text"),
        (with_message(content=5), "messages[0].content", "string"),
        (with_message(tool_calls=[CALL]), "messages[0]", "assistant's message"),
        (with_message(role="tool", tool_call_id="c"), "messages[0].tool_call_id", "no message before it"),
        (with_message(role="assistant", refusal="no"), "messages[0].refusal", "refusal"),
        (with_message(role="assistant", audio={"id": "a"}), "messages[0].audio", "not supported"),
        (with_message(role="assistant", function_call={"name": "f", "arguments": "{}"}), "messages[0].function_call", "tool_calls"),
        (with_message(role="assistant", annotations=[{"type": "url_citation"}]), "messages[0].annotations", "[]"),
        (with_message(role="assistant", tool_calls=[{**CALL, "function": {"name": "f", "arguments": "{"}}]), "messages[0].tool_calls[0].function.arguments", "not JSON"),
        (with_message(contnt="x"), "messages[0].contnt", "'content'"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named_with_what_is_right(
    server: Served, body: dict[str, Any], param: str | None, word: str
) -> None:
    response = server.client.post(CHAT, json=body)
    assert response.status_code == 400, response.text
    error = OpenAIProblem.model_validate(response.json(), extra="forbid").error
    assert error.param == param and word in error.message, error
    assert error.type == "invalid_request_error" and error.code


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "code"),
    [
        ("POST", CHAT, "{", 400, "invalid_request"),
        ("POST", CHAT, "[" * 100_000, 400, "http_error"),
        ("POST", CHAT, '{"messages": [{"role": "user", "content": "\\ud83d"}]}', 400, "invalid_request"),
        ("POST", CHAT, '{"\\ud83d": 1, "messages": []}', 400, "invalid_request"),
        ("GET", CHAT, "", 405, "method_not_allowed"),
        ("GET", "/v1/moduls", "", 404, "not_found"),
        ("GET", "/v1/models?x=1", "", 400, "invalid_request"),
        ("GET", "/v1/models/" + "x" * 5000, "", 400, "invalid_request"),
    ],
)
def test_every_error_has_the_form_of_openai(
    server: Served, method: str, path: str, content: str, status: int, code: str
) -> None:
    headers = {"Content-Type": "application/json"} if content else {}
    response = server.client.request(method, path, content=content, headers=headers)
    error = OpenAIProblem.model_validate(response.json(), extra="forbid").error
    assert (response.status_code, error.code) == (status, code), response.text


def test_a_mistake_of_ours_has_the_form_too(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a secret path")

    monkeypatch.setattr(server.engine, "submit", broken)
    response = server.client.post(CHAT, json=HELLO)
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal_error")
    assert "secret" not in response.text


def test_errors_elsewhere_keep_their_own_form(server: Served) -> None:
    assert server.client.post("/generate/text", json={}).json().keys() == {"detail", "code", "hint"}
    assert server.client.get("/models/unknown").json().keys() == {"detail", "code", "hint"}


def test_who_asks_too_often_is_told_when_to_come_back(serve: Callable[..., Served]) -> None:
    served = serve(access=Access(1))
    assert served.client.post(CHAT, json=HELLO).status_code == 200
    response = served.client.post(CHAT, json=HELLO)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["type"]) == (429, "rate_limit_exceeded", "rate_limit_error")
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    other = served.client.post("/generate/text", json={"conversation": says("hello")})
    assert other.status_code == 429 and 1 <= int(other.headers["Retry-After"]) <= 60


def test_a_path_is_written_as_clients_read_it() -> None:
    assert path_of(("body", "messages", 3, "content")) == "messages[3].content"
    assert path_of(("body",)) is None
    assert path_of(("body", "stop", "function-before[f(), tuple]", 2, "constrained-str")) == "stop[2]"
