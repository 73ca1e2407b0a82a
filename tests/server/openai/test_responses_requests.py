"""What can be asked of POST /v1/responses: items become the conversation the model sees, and what can't be had is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from pydantic import ValidationError

from openarc_ui.engine.message import Message
from openarc_ui.server.openai.asked import ready_model
from openarc_ui.server.openai.errors import ParameterRefused, ParameterWrong
from openarc_ui.server.openai.responses_body import ResponseBody
from openarc_ui.server.openai.responses_conversation import conversation_of
from openarc_ui.server.openai.responses_request import order_of
from tests.server.conftest import Served

CALL = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Paris"}'}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": None}
USER = {"role": "user", "content": "Weather?"}


def messages_of(items: Any, instructions: str | None = None) -> tuple[Message, ...]:
    body = ResponseBody.model_validate({"input": items, "instructions": instructions})
    return conversation_of(body.input, body.instructions)


def roles_and_texts(items: Any, instructions: str | None = None) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages_of(items, instructions)]


def test_a_text_is_a_users_message() -> None:
    assert roles_and_texts("hello") == [("user", "hello")]
    assert roles_and_texts("hello", "Be short.") == [("system", "Be short."), ("user", "hello")]


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "input_text", "text": "one "}, {"type": "input_text", "text": "two"}]
    assert roles_and_texts([{"type": "message", "role": "user", "content": parts}]) == [("user", "one \ntwo")]


def test_instructions_and_leading_system_messages_are_one() -> None:
    items = [{"role": "developer", "content": "B"}, {"role": "system", "content": "C"}, USER]
    assert roles_and_texts(items, "A") == [("system", "A\n\nB\n\nC"), ("user", "Weather?")]
    assert roles_and_texts(items)[:2] == [("system", "B"), ("system", "C")]


def test_thoughts_text_and_calls_of_an_answer_are_one_message() -> None:
    items = [
        USER,
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Look."}]},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
         "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}]},
        CALL,
        {**CALL, "call_id": "call_2", "arguments": "{}"},
        RESULT,
        {**RESULT, "call_id": "call_2", "output": [{"type": "input_text", "text": "rain"}]},
    ]  # fmt: skip
    _, answer, first, second = messages_of(items)
    assert (answer.role, answer.reasoning_content, answer.content) == ("assistant", "Look.", "I look.")
    assert [(call.id, call.function.arguments) for call in answer.tool_calls or ()] == [
        ("call_1", {"city": "Paris"}),
        ("call_2", {}),
    ]
    assert (first.role, first.tool_call_id, first.content) == ("tool", "call_1", "sunny")
    assert (second.role, second.tool_call_id, second.content) == ("tool", "call_2", "rain")


def test_two_answers_in_a_row_stay_two() -> None:
    items = [USER, {"role": "assistant", "content": "one"}, {"role": "assistant", "content": "two"}]
    assert roles_and_texts(items)[1:] == [("assistant", "one"), ("assistant", "two")]


def test_a_summary_stands_for_thoughts_that_are_not_there() -> None:
    summary = [{"type": "summary_text", "text": "In short."}]
    items = [
        USER,
        {"type": "reasoning", "summary": summary, "encrypted_content": None},
        {"role": "assistant", "content": "A"},
    ]
    assert messages_of(items)[1].reasoning_content == "In short."


def test_null_is_left_out_everywhere() -> None:
    values = {
        "input": [{**USER, "type": None, "phase": None}, {**CALL, "caller": None, "namespace": None, "async_": None}]
    }
    left_out = dict.fromkeys(set(ResponseBody.model_fields) - {"input"})
    never = dict.fromkeys(["previous_response_id", "conversation", "prompt", "max_tool_calls"])
    body = ResponseBody.model_validate({**values, **left_out, **never})
    assert body == ResponseBody.model_validate({"input": [USER, CALL]})


def order(served: Served, **asked: Any) -> Any:
    info = ready_model(served.engine, None)
    return order_of(ResponseBody.model_validate({"input": "hello", **asked}), info, "")


def test_parameters_reach_the_engine(served: Served) -> None:
    request = order(
        served, max_output_tokens=7, temperature=0.3, top_p=0.5, top_k=3, min_p=0.1, seed=5, stop="END", truncation="auto",
        user="ann", tools=[TOOL], chat_template_kwargs={"enable_thinking": False}, presence_penalty=1, frequency_penalty=1,
        repetition_penalty=1.1, include=["message.output_text.logprobs"], metadata={"a": "b"},
    ).requests[0]  # fmt: skip
    assert (request.max_new_tokens, request.temperature, request.top_p, request.top_k) == (7, 0.3, 0.5, 3)
    assert (request.min_p, request.seed, request.stop, request.when_too_long) == (0.1, 5, ("END",), "shorten")
    assert (request.presence_penalty, request.frequency_penalty, request.repetition_penalty) == (1, 1, 1.1)
    assert (request.user, request.token_details, request.source) == ("ann", True, "openai")
    assert request.template_arguments == {"enable_thinking": False}
    assert [tool.function.name for tool in request.tools] == ["weather"]


def test_an_answer_may_be_as_long_as_the_context(served: Served) -> None:
    request = order(served).requests[0]
    assert request.max_new_tokens == ready_model(served.engine, None).context_length
    assert request.temperature is None


def test_effort_goes_to_a_template_that_knows_it(served: Served) -> None:
    body = ResponseBody.model_validate({"input": "hello", "reasoning": {"effort": "low"}})
    info = ready_model(served.engine, None)
    asked = order_of(body, info, "{{ reasoning_effort }}").requests[0]
    assert asked.template_arguments == {"reasoning_effort": "low"}
    with pytest.raises(ParameterRefused) as refused:
        order_of(body, info, "{{ messages }}")
    assert refused.value.param == "reasoning.effort"
    twice = body.model_copy(update={"chat_template_kwargs": {"reasoning_effort": "high"}})
    with pytest.raises(ParameterWrong):
        order_of(twice, info, "{{ reasoning_effort }}")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"background": True}, "background"),
    ({"store": True}, "store"),
    ({"prompt": {"id": "p"}}, "prompt"),
    ({"max_tool_calls": 3}, "max_tool_calls"),
    ({"service_tier": "flex"}, "service_tier"),
    ({"include": ["reasoning.encrypted_content"]}, "include"),
    ({"text": {"verbosity": "low"}}, "text.verbosity"),
    ({"reasoning": {"summary": "auto"}}, "reasoning.summary"),
    ({"reasoning": {"effort": "low"}}, "reasoning.effort"),
    ({"tools": [{"type": "web_search"}]}, "tools[0]"),
    ({"tool_choice": {"type": "web_search_preview"}}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}, "tool_choice"),
    ({"stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input[0].content[0]"),
    ({"input": [USER, {"type": "item_reference", "id": "msg_1"}]}, "input[1]"),
    ({"input": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}]}, "input[0].content[0]"),
    ({"input": [{"type": "reasoning", "encrypted_content": "x"}]}, "input[0].encrypted_content"),
    ({"input": [{**USER, "phase": "commentary"}]}, "input[0].phase"),
]
WRONG: list[tuple[dict[str, Any], str | None, str]] = [
    ({"input": ""}, "input", "a text, or a list"),
    ({"input": []}, "input", "a text, or a list"),
    ({"input": [USER] * 10_001}, "input", "at most 10000"),
    ({"input": 7}, "input", "a text or a list"),
    ({"input": ["hello"]}, "input[0]", "an object is expected"),
    ({"input": [{"role": "tool", "content": "x"}]}, "input[0]", "function_call_output"),
    ({"input": [{"role": "user"}]}, "input[0].content", "required"),
    ({"input": [{**USER, "contant": "x"}]}, "input[0].contant", "Did you mean 'content'?"),
    ({"tools": [{**TOOL, "parametres": {}}]}, "tools[0].parametres", "Did you mean 'parameters'?"),
    ({"input": [USER, RESULT]}, "input[1].call_id", "no call 'call_1'"),
    ({"input": [{**CALL, "arguments": "[1]"}]}, "input[0].arguments", "JSON object"),
    ({"input": [{**CALL, "arguments": '{"a": '}]}, "input[0].arguments", "JSON object"),
    ({"input": [{**CALL, "arguments": '{"a": "\\ud800"}'}]}, "input[0].arguments", "surrogate"),
    ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "input[0].content[0]", "input_text"),
    ({"messages": [USER]}, "messages", "Here it is input."),
    ({"max_tokens": 5}, "max_tokens", "Here it is max_output_tokens."),
    ({"max_output_token": 5}, "max_output_token", "'max_output_tokens'"),
    ({"max_output_tokens": 0}, "max_output_tokens", "greater than"),
    ({"temperature": "hot"}, "temperature", "number"),
    ({"truncation": "middle"}, "truncation", "'disabled'"),
    ({"metadata": {"a": 1}}, "metadata.a", "string"),
    ({"metadata": {str(n): "" for n in range(17)}}, "metadata", "16"),
    ({"top_logprobs": 2}, "top_logprobs", "include"),
    ({"include": ["message.output_text.logprobs"], "top_logprobs": 9}, "top_logprobs", "at most 2"),
    ({"stream_options": {}}, "stream_options", "for a stream"),
    ({"user": "a", "safety_identifier": "b"}, "safety_identifier", "differ"),
    ({"tools": [{"type": "function", "function": {"name": "a"}}]}, "tools[0]", "Chat Completions"),
    ({"tools": [TOOL, TOOL]}, "tools", "two tools 'weather'"),
    ({"tool_choice": "required"}, "tool_choice", "no tools"),
    ({"tool_choice": "sometimes"}, "tool_choice", "Known names: auto, none, required."),
    ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "wether"}}, "tool_choice", "'weather'"),
    ({"tools": [TOOL], "text": {"format": {"type": "json_object"}}}, "text.format", "no tool could be called"),
    ({"text": {"format": {"type": "json"}}}, "text.format", "json_object"),
    ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema", "required"),
    ({"chat_template_kwargs": {"messages": []}}, "chat_template_kwargs", "messages"),
]


def refusal(served: Served, asked: dict[str, Any]) -> dict[str, Any]:
    answer = served.client.post("/v1/responses", json={"input": "hello", **asked})
    assert answer.status_code == 400, (asked, answer.text)
    assert answer.json().keys() == {"error"}
    error: dict[str, Any] = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    return error


def test_what_can_not_be_honoured_is_refused_by_name(served: Served) -> None:
    for asked, param in REFUSED:
        error = refusal(served, asked)
        assert (error["param"], error["code"]) == (param, "parameter_not_supported"), asked
        assert error["message"]


def test_what_is_wrong_is_named_with_what_is_right(served: Served) -> None:
    for asked, param, words in WRONG:
        error = refusal(served, asked)
        assert words in error["message"], (asked, error)
        assert error["param"] == param, (asked, error)
    assert served.running() == 0


def test_half_of_a_surrogate_pair_is_refused(served: Served) -> None:
    for body in (
        '{"input": "\\ud800"}',
        '{"input": [{"role": "user", "content": [{"type": "input_text", "text": "\\ud800"}]}]}',
    ):
        answer = served.client.post("/v1/responses", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert "unicode" in answer.json()["error"]["message"]


def test_a_body_that_is_none_is_refused(served: Served) -> None:
    for body in ("", "{", "[]", '"text"', "null"):
        answer = served.client.post("/v1/responses", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400, body
        assert answer.json()["error"]["message"], body


def test_the_official_client_reads_the_errors(served: Served) -> None:
    with OpenAI(base_url=f"{served.address}/v1", api_key="none", max_retries=0) as client:
        with pytest.raises(NotFoundError) as missing:
            client.responses.create(model="scrip", input="hello")
        assert missing.value.code == "model_not_found"
        assert "'script'" in missing.value.message
        with pytest.raises(BadRequestError) as refused:
            client.responses.create(model="script", input="hello", previous_response_id="resp_1")
        assert refused.value.param == "previous_response_id"


def test_a_prompt_that_is_too_long_is_told_before_a_stream_begins(serve: Callable[..., Served]) -> None:
    served = serve(script={"context_length": 20})
    for stream in (False, True):
        answer = served.client.post("/v1/responses", json={"input": "word " * 50, "stream": stream})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (400, "context_length_exceeded", "input")
        assert "truncation" in error["hint"]


def test_the_oldest_messages_are_left_out_where_that_was_asked_for(serve: Callable[..., Served]) -> None:
    served = serve(script={"context_length": 35})
    items = [
        {"role": "user", "content": "word " * 30},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "hello"},
    ]
    assert served.client.post("/v1/responses", json={"input": items}).status_code == 400
    answer = served.client.post("/v1/responses", json={"input": items, "truncation": "auto"})
    assert answer.json()["status"] == "completed"


LACKING: list[tuple[dict[str, Any], str]] = [
    ({"text": {"format": {"type": "json_object"}}}, "text.format"),
    ({"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
    ({"include": ["message.output_text.logprobs"]}, "include"),
    ({"min_p": 0.1}, "min_p"),
]


def test_what_the_backend_lacks_is_refused_by_name(serve: Callable[..., Served]) -> None:
    served = serve(script={"lacks": ["structured_output", "probabilities", "min_p"]})
    for asked, param in LACKING:
        error = refusal(served, asked)
        assert (error["param"], error["code"]) == (param, "parameter_not_supported")


def test_alternatives_are_refused_where_only_probabilities_are_told(serve: Callable[..., Served]) -> None:
    served = serve(script={"lacks": ["alternatives"]})
    asked: dict[str, Any] = {"input": "hello", "include": ["message.output_text.logprobs"]}
    assert refusal(served, {**asked, "top_logprobs": 1})["param"] == "top_logprobs"
    assert served.client.post("/v1/responses", json=asked).status_code == 200


def test_a_value_that_asks_for_nothing_is_taken_by_every_backend(serve: Callable[..., Served]) -> None:
    served = serve(script={"lacks": ["min_p", "presence_penalty"]})
    answer = served.client.post("/v1/responses", json={"input": "hello", "min_p": 0, "presence_penalty": 0.0})
    assert answer.json()["status"] == "completed"


def test_a_form_the_backend_rejects_is_the_clients_mistake(serve: Callable[..., Served]) -> None:
    served = serve(script={"rejects_structure": "not this one"})
    for stream in (False, True):
        error = refusal(served, {"text": {"format": {"type": "json_object"}}, "stream": stream})
        assert error["code"] == "structure_rejected"


def test_a_full_queue_says_when_to_come_again(serve: Callable[..., Served]) -> None:
    served = serve(script={"max_running": 1}, queue_size=1)
    body = {"input": "slow"}
    with (
        served.client.stream("POST", "/v1/responses", json={**body, "stream": True}) as running,
        served.client.stream("POST", "/v1/responses", json={**body, "stream": True}),
    ):
        assert running.status_code == 200
        answer = served.client.post("/v1/responses", json=body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (503, "server_error")
        assert int(answer.headers["retry-after"]) >= 1


def test_the_documentation_has_models_an_example_and_both_kinds_of_answer(served: Served) -> None:
    described = served.client.get("/openapi.json").json()
    operation = described["paths"]["/v1/responses"]["post"]
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    body = described["components"]["schemas"]["ResponseBody"]
    ResponseBody.model_validate(body["examples"][0])
    assert all("description" in each for name, each in body["properties"].items()), body["properties"]
    answer = served.client.post("/v1/responses", json={"input": "hello"}).json()
    assert answer.keys() == described["components"]["schemas"]["ResponseAnswer"]["properties"].keys()


def test_nothing_unknown_gets_through() -> None:
    with pytest.raises(ValidationError):
        ResponseBody.model_validate({"input": "hello", "temprature": 1})
