"""POST /v1/responses with the official client: text, thoughts, tools, forms, whole and streamed."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from openai import OpenAI
from openai.types.responses import Response, ResponseFunctionToolCall, ResponseOutputMessage, ResponseReasoningItem
from pydantic import SecretStr

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import FinishReason, GenerationResult, LoadRequest, PerformanceReport
from openarc_ui.server.openai.responses_answer import usage_of
from openarc_ui.server.openai.responses_routes import responses_routes
from openarc_ui.server.problems import install_handlers
from openarc_ui.server.routes.generate import generate_routes
from tests.conftest import write_script

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": True,
}
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
THOUGHTS = "<think>\nParis is the capital.\n</think>\n\n"
REPLIES: list[dict[str, Any]] = [
    {"text": "The capital of France is Paris.", "token_seconds": 0.002},
    {"when": "sunny", "text": "It is sunny in Paris.", "token_seconds": 0.002},
    {"when": "think", "text": THOUGHTS + "It is Paris.", "token_seconds": 0.002},
    {"when": "weather", "text": f"I look it up.\n{CALL}", "token_seconds": 0.002},
    {"when": "both", "text": f"{CALL}\n{CALL.replace('Paris', 'Rome')}", "token_seconds": 0.002},
    {"when": "form", "text": '{"city": "Paris"}', "token_seconds": 0.002},
    {"when": "forced", "text": '[{"name": "weather", "arguments": {"city": "Oslo"}}]', "token_seconds": 0.002},
    {"when": "slow", "text": "word " * 400, "token_seconds": 0.02},
    {"when": "prefill", "text": "At last.", "prefill_seconds": 60.0},
    {"when": "fail", "error": "the script fails here"},
    {"when": "crash", "text": "one two three four five", "token_seconds": 0.02, "crash_after_tokens": 3},
    {"when": "silence", "text": ""},
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Engine, list[PerformanceReport]]]:
    """One server for all tests here, since none leaves it changed: its address, its engine, and what that reports."""
    folder = tmp_path_factory.mktemp("responses")
    write_script(folder / "script", replies=REPLIES)
    reports: list[PerformanceReport] = []
    with Engine(folder, on_report=reports.append) as engine:
        engine.load(LoadRequest(model_path="script"))
        api = FastAPI()
        api.include_router(responses_routes(engine))
        api.include_router(generate_routes(engine))
        install_handlers(api)
        config = uvicorn.Config(api, port=0, log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        wait_for(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", engine, reports
        server.should_exit = True
        thread.join(timeout=5)


@pytest.fixture
def address(shared: tuple[str, Engine, list[PerformanceReport]]) -> str:
    """Where the server is."""
    return shared[0]


@pytest.fixture
def reports(shared: tuple[str, Engine, list[PerformanceReport]]) -> list[PerformanceReport]:
    """What the engine reports from now on."""
    shared[2].clear()
    return shared[2]


@pytest.fixture
def openai(address: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


def wait_for(is_true: Callable[[], bool], seconds: float = 30.0) -> None:
    """Poll until something is true."""
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until, "it did not become true in time"
        time.sleep(0.01)


def in_flight(engine: Engine) -> int:
    """Requests that run or wait."""
    return sum(model.running + model.queued for model in engine.status().models)


def events_of(openai: OpenAI, **asked: Any) -> list[Any]:
    """Every event of a stream."""
    with openai.responses.create(model="script", stream=True, **asked) as stream:
        return list(stream)


def test_a_text_is_answered(openai: OpenAI) -> None:
    response = openai.responses.create(model="script", input="hello")
    assert response.output_text == "The capital of France is Paris."
    assert (response.status, response.object, response.model) == ("completed", "response", "script")
    assert response.id.startswith("resp_")
    assert abs(response.created_at - time.time()) < 60
    [message] = response.output
    assert isinstance(message, ResponseOutputMessage)
    assert (message.role, message.status, message.content[0].type) == ("assistant", "completed", "output_text")


def test_usage_and_timings_are_measured_ones(openai: OpenAI, reports: list[PerformanceReport]) -> None:
    response = openai.responses.create(model="script", input="hello")
    report = reports[-1]
    assert response.usage is not None
    assert response.usage.input_tokens == report.prompt_tokens
    assert response.usage.output_tokens == report.generated_tokens
    assert response.usage.total_tokens == (report.prompt_tokens or 0) + report.generated_tokens
    assert report.cached_prompt_tokens is None
    assert response.usage.input_tokens_details.cached_tokens is None
    assert response.usage.output_tokens_details.reasoning_tokens is None
    timings: Any = response.to_dict()["timings"]
    assert timings["predicted_n"] == report.generated_tokens
    assert (report.source, report.request_id) == ("openai", response.id)


def test_cached_tokens_are_told_where_they_are_known(openai: OpenAI, reports: list[PerformanceReport]) -> None:
    openai.responses.create(model="script", input="hello")
    report = dataclasses.replace(reports[-1], cached_prompt_tokens=3)
    result = GenerationResult(report.request_id, "script", ("Hi.",), (FinishReason.STOP,), report)
    usage = usage_of(result, has_thoughts=False)
    assert usage["input_tokens_details"] == {"cached_tokens": 3}
    assert usage["output_tokens_details"] == {"reasoning_tokens": 0}


def test_what_was_asked_for_is_told_back(openai: OpenAI) -> None:
    response = openai.responses.create(
        model="script", input="hello", instructions="Be short.", metadata={"run": "7"}, temperature=0.5, top_p=0.8,
        max_output_tokens=50, tools=[WEATHER], tool_choice="none", truncation="auto", user="ann",
        text={"format": {"type": "text"}}, parallel_tool_calls=False,
    )  # fmt: skip
    told = response.to_dict()
    assert told["tools"] == [WEATHER]
    assert told["metadata"] == {"run": "7"}
    assert (told["instructions"], told["temperature"], told["top_p"]) == ("Be short.", 0.5, 0.8)
    assert (told["max_output_tokens"], told["truncation"], told["user"]) == (50, "auto", "ann")
    assert (told["text"], told["tool_choice"], told["store"]) == ({"format": {"type": "text"}}, "none", False)
    assert told["parallel_tool_calls"] is False


def test_a_limit_makes_it_incomplete(openai: OpenAI) -> None:
    response = openai.responses.create(model="script", input="hello", max_output_tokens=2)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.output_text == "The capital"
    assert response.output[0].to_dict()["status"] == "incomplete"


def test_an_answer_without_a_word_is_a_message_without_one(openai: OpenAI) -> None:
    response = openai.responses.create(model="script", input="silence")
    assert (response.status, response.output_text, len(response.output)) == ("completed", "", 1)


def test_thoughts_are_an_item_of_their_own(openai: OpenAI) -> None:
    response = openai.responses.create(model="script", input="think")
    reasoning, message = response.output
    assert isinstance(reasoning, ResponseReasoningItem)
    assert reasoning.content is not None
    assert reasoning.content[0].text == "Paris is the capital."
    assert message.type == "message"
    assert response.output_text == "It is Paris."


def test_a_call_goes_round(openai: OpenAI) -> None:
    question: Any = {"role": "user", "content": "weather in Paris?"}
    response = openai.responses.create(model="script", input=[question], tools=[WEATHER])
    message, call = response.output
    assert message.type == "message"
    assert response.output_text == "I look it up."
    assert isinstance(call, ResponseFunctionToolCall)
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Paris"})
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    sent_back: Any = [question, *response.output, result]
    after = openai.responses.create(model="script", input=sent_back, tools=[WEATHER])
    assert after.output_text == "It is sunny in Paris."


def test_several_calls_have_ids_of_their_own(openai: OpenAI) -> None:
    response = openai.responses.create(model="script", input="both", tools=[WEATHER])
    calls = [each for each in response.output if isinstance(each, ResponseFunctionToolCall)]
    assert [json.loads(call.arguments)["city"] for call in calls] == ["Paris", "Rome"]
    assert len({call.call_id for call in calls}) == len({call.id for call in calls}) == 2


def test_without_parallel_calls_there_is_one(openai: OpenAI) -> None:
    response = openai.responses.create(model="script", input="both", tools=[WEATHER], parallel_tool_calls=False)
    assert [each.type for each in response.output] == ["function_call"]


def test_no_tool_choice_means_no_tools(openai: OpenAI) -> None:
    response = openai.responses.create(model="script", input="weather", tools=[WEATHER], tool_choice="none")
    assert [each.type for each in response.output] == ["message"]
    assert "<tool_call>" in response.output_text


def test_a_required_call_is_read_back(openai: OpenAI) -> None:
    response = openai.responses.create(model="script", input="forced", tools=[WEATHER], tool_choice="required")
    [call] = response.output
    assert isinstance(call, ResponseFunctionToolCall)
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Oslo"})


def test_a_named_call_is_read_back(openai: OpenAI) -> None:
    response = openai.responses.create(
        model="script", input="form", tools=[WEATHER], tool_choice={"type": "function", "name": "weather"}
    )
    [call] = response.output
    assert isinstance(call, ResponseFunctionToolCall)
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Paris"})
    assert response.to_dict()["tool_choice"] == {"type": "function", "name": "weather"}


def test_a_form_is_asked_of_the_engine(openai: OpenAI) -> None:
    schema: Any = {"type": "json_schema", "name": "city", "schema": WEATHER["parameters"], "strict": True}
    response = openai.responses.create(model="script", input="form", text={"format": schema})
    assert json.loads(response.output_text) == {"city": "Paris"}
    assert response.to_dict()["text"] == {"format": schema}


def test_probabilities_come_where_they_are_wanted(openai: OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "script", "input": "hello", "top_logprobs": 1, "include": ["message.output_text.logprobs"]
    }  # fmt: skip
    message: Any = openai.responses.create(**asked).output[0]
    logprobs = message.content[0].logprobs
    assert "".join(each.token for each in logprobs) == message.content[0].text
    assert all(each.logprob < 0 and len(each.top_logprobs) == 1 for each in logprobs)
    assert bytes(logprobs[0].bytes).decode() == logprobs[0].token
    events = events_of(openai, **{name: value for name, value in asked.items() if name != "model"})
    streamed = [each for event in events if event.type == "response.output_text.delta" for each in event.logprobs]
    assert [each.token for each in streamed] == [each.token for each in logprobs]


def test_probabilities_are_of_the_text_and_not_of_thoughts(openai: OpenAI) -> None:
    response = openai.responses.create(model="script", input="think", include=["message.output_text.logprobs"])
    message: Any = response.output[1]
    assert "".join(each.token for each in message.content[0].logprobs).strip() == "It is Paris."


def test_the_stream_tells_everything_in_order(openai: OpenAI) -> None:
    events = events_of(openai, input="hello")
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[4 : 4 + len(deltas)] == ["response.output_text.delta"] * len(deltas)
    assert kinds[4 + len(deltas) :] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert len(deltas) > 1
    assert "".join(deltas) == "The capital of France is Paris." == events[-1].response.output_text
    assert (events[0].response.status, events[0].response.output) == ("in_progress", [])


def test_the_stream_has_an_event_line_for_each_event(address: str) -> None:
    answer = httpx.post(f"{address}/v1/responses", json={"input": "hello", "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    for block in answer.text.strip().split("\n\n"):
        if not block.startswith(":"):
            first, second = block.splitlines()
            assert first.removeprefix("event: ") == json.loads(second.removeprefix("data: "))["type"]


@pytest.mark.parametrize("question", ["hello", "think", "weather", "both"])
def test_streamed_and_whole_are_the_same(openai: OpenAI, question: str) -> None:
    asked: dict[str, Any] = {"input": question, "tools": [WEATHER]}
    whole = _without_ids(openai.responses.create(model="script", **asked))
    events = events_of(openai, **asked)
    assert _without_ids(events[-1].response) == whole
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert [each.to_dict() for each in done] == [each.to_dict() for each in events[-1].response.output]


def _without_ids(response: Response) -> list[dict[str, Any]]:
    unequal = ("id", "call_id")
    return [{name: each for name, each in item.to_dict().items() if name not in unequal} for item in response.output]


def test_thoughts_are_streamed_before_the_text(openai: OpenAI) -> None:
    events = events_of(openai, input="think")
    thoughts = "".join(event.delta for event in events if event.type == "response.reasoning_text.delta")
    assert thoughts == "Paris is the capital."
    kinds = list(dict.fromkeys(event.type for event in events))
    assert kinds.index("response.reasoning_text.done") < kinds.index("response.output_text.delta")
    items = [event.output_index for event in events if event.type == "response.output_item.added"]
    assert items == [0, 1]


def test_calls_are_streamed_with_their_arguments(openai: OpenAI) -> None:
    events = events_of(openai, input="both", tools=[WEATHER])
    added = [event.item for event in events if event.type == "response.output_item.added"]
    assert [(item.type, item.name, item.arguments) for item in added] == [("function_call", "weather", "")] * 2
    for item in added:
        deltas = [
            event.delta
            for event in events
            if event.type == "response.function_call_arguments.delta" and event.item_id == item.id
        ]
        [done] = [
            event
            for event in events
            if event.type == "response.function_call_arguments.done" and event.item_id == item.id
        ]
        assert "".join(deltas) == done.arguments
        assert json.loads(done.arguments)["city"] in ("Paris", "Rome")


def test_the_sdks_own_stream_helper_reads_it(openai: OpenAI) -> None:
    with openai.responses.stream(model="script", input="weather", tools=[WEATHER]) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()
    assert [each.type for each in final.output] == ["message", "function_call"]


def test_a_stream_at_its_limit_ends_incomplete(openai: OpenAI) -> None:
    last = events_of(openai, input="hello", max_output_tokens=2)[-1]
    assert (last.type, last.response.status) == ("response.incomplete", "incomplete")
    assert last.response.incomplete_details.reason == "max_output_tokens"


def test_an_error_in_mid_stream_is_a_failed_response(
    openai: OpenAI, shared: tuple[str, Engine, list[PerformanceReport]]
) -> None:
    events = events_of(openai, input="crash")
    shared[1].load(LoadRequest(model_path="script"))
    assert any(event.type == "response.output_text.delta" for event in events)
    last = events[-1]
    assert (last.type, last.response.status, last.response.error.code) == ("response.failed", "failed", "server_error")
    assert last.response.error.message
    assert last.response.output[0].status == "incomplete"
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta").startswith("one two")


def test_a_cancelled_response_says_so(address: str, openai: OpenAI) -> None:
    with openai.responses.create(model="script", input="slow", stream=True) as stream:
        response_id, last = "", None
        for event in stream:
            if event.type == "response.created":
                response_id = event.response.id
            if event.type == "response.output_text.delta" and response_id:
                httpx.post(f"{address}/generate/cancel/{response_id}")
                response_id = ""
            last = event
    assert last is not None
    assert last.type == "response.incomplete"
    assert last.response.status == "cancelled"
    assert last.response.output_text.startswith("word")


def test_leaving_a_stream_cancels(openai: OpenAI, reports: list[PerformanceReport]) -> None:
    with openai.responses.create(model="script", input="slow", stream=True) as stream:
        next(event for event in stream if event.type == "response.output_text.delta")
    wait_for(lambda: bool(reports))
    assert reports[-1].finish_reason is FinishReason.CANCELLED


def test_leaving_while_the_prompt_is_read_cancels(
    shared: tuple[str, Engine, list[PerformanceReport]], address: str, reports: list[PerformanceReport]
) -> None:
    for stream in (True, False):
        connection = HTTPConnection(address.removeprefix("http://"))
        body = json.dumps({"model": "script", "input": "prefill", "stream": stream})
        connection.request("POST", "/v1/responses", body, {"Content-Type": "application/json"})
        wait_for(lambda: in_flight(shared[1]) == 1)
        connection.close()
        wait_for(lambda: bool(reports))
        assert in_flight(shared[1]) == 0
        assert reports.pop().finish_reason is FinishReason.CANCELLED


def test_items_of_the_sdk_come_back_as_dictionaries_too(openai: OpenAI) -> None:
    answer = openai.responses.create(model="script", input="weather", tools=[WEATHER])
    items: list[Any] = [item.model_dump() for item in answer.output]
    items.insert(0, {"role": "user", "content": "x"})
    items.append({"type": "function_call_output", "call_id": items[-1]["call_id"], "output": "sunny"})
    after = openai.responses.create(model="script", input=items)
    assert after.output_text == "It is sunny in Paris."


def test_langchain_goes_round_with_calls_and_thoughts(address: str) -> None:
    model = ChatOpenAI(model="script", base_url=f"{address}/v1", api_key=SecretStr("none"), use_responses_api=True)
    question = HumanMessage("weather in Paris?")
    tools = model.bind_tools([WEATHER])
    answer = tools.invoke([question])
    assert [call["args"] for call in answer.tool_calls] == [{"city": "Paris"}]
    result = ToolMessage("sunny", tool_call_id=answer.tool_calls[0]["id"])
    assert tools.invoke([question, answer, result]).text == "It is sunny in Paris."
    thoughtful = model.invoke("think")
    assert model.invoke([HumanMessage("think"), thoughtful, HumanMessage("hello")]).text.startswith("The capital")
    assert "".join(chunk.text for chunk in model.stream("hello")) == "The capital of France is Paris."
