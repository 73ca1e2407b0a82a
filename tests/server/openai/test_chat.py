"""Chat completions, whole and streamed, as the official client sees them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from openarc_ui.engine.types import FinishReason, GenerationRequest, PerformanceReport
from openarc_ui.server.openai.chat_answers import ChatAnswer
from tests.server.conftest import Served
from tests.server.openai.conftest import WEATHER, says
from tests.server.test_streams import send

NAMED: Any = {"type": "function", "function": {"name": "weather"}}


def chunks_of(client: openai.OpenAI, text: str, **options: Any) -> list[Any]:
    return list(client.chat.completions.create(model="default", messages=says(text), stream=True, **options))


def seen(engine: Any, monkeypatch: pytest.MonkeyPatch) -> list[GenerationRequest]:
    """The requests that reach the engine from here on."""
    requests: list[GenerationRequest] = []
    submit = engine.submit
    monkeypatch.setattr(engine, "submit", lambda request: requests.append(request) or submit(request))
    return requests


def test_an_answer_says_everything_a_client_reads(client: openai.OpenAI, server: Served) -> None:
    answer = client.chat.completions.create(model="script", messages=says("hello"))
    choice = answer.choices[0]
    assert (choice.message.role, choice.message.content) == ("assistant", "The capital of France is Paris.")
    assert (choice.finish_reason, choice.index, choice.logprobs, choice.message.refusal) == ("stop", 0, None, None)
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.completion_tokens == 7
    assert answer.model == "script" and answer.object == "chat.completion"
    info = server.engine.status().models[0].info
    assert info is not None and answer.system_fingerprint == info.configuration_id


def test_what_the_backend_does_not_tell_is_null_and_never_zero(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="script", messages=says("hello"))
    assert answer.usage is not None and answer.usage.prompt_tokens_details is None
    assert answer.usage.completion_tokens_details is None
    assert answer.model_extra is not None and answer.model_extra["timings"]["cache_n"] is None


def test_timings_are_those_of_the_report(client: openai.OpenAI, reports: list[PerformanceReport]) -> None:
    answer = client.chat.completions.create(model="script", messages=says("hello"))
    (report,) = reports
    assert answer.id == report.request_id and answer.id.startswith("chatcmpl-")
    assert report.source == "openai"
    assert answer.model_extra is not None
    timings = answer.model_extra["timings"]
    assert timings["predicted_n"] == report.generated_tokens
    assert timings["predicted_per_second"] == pytest.approx(report.decode_tokens_per_second)
    assert timings["prompt_ms"] == pytest.approx(1000 * (report.prefill_seconds or 0))
    assert timings["prompt_per_second"] == pytest.approx(1000 * timings["prompt_n"] / timings["prompt_ms"])


def test_a_stream_begins_with_the_role_and_ends_with_the_reason(client: openai.OpenAI) -> None:
    chunks = chunks_of(client, "hello")
    assert (chunks[0].choices[0].delta.role, chunks[0].choices[0].delta.content) == ("assistant", "")
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "The capital of France is Paris."
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert len({(chunk.id, chunk.created, chunk.model, chunk.system_fingerprint) for chunk in chunks}) == 1
    assert chunks[-1].model_extra["timings"]["predicted_n"] == 7
    assert all(chunk.choices for chunk in chunks), "many clients read choices[0] of every chunk"


def test_usage_comes_in_a_chunk_of_its_own_where_it_is_asked_for(client: openai.OpenAI) -> None:
    *chunks, last = chunks_of(client, "hello", stream_options={"include_usage": True})
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in chunks)
    assert last.choices == [] and last.usage.completion_tokens == 7
    assert last.model_extra["timings"]["predicted_n"] == 7


def test_the_lines_of_a_stream_end_with_done(server: Served) -> None:
    response = server.client.post("/v1/chat/completions", json={"messages": says("hello"), "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = response.text.strip().split("\n\n")
    assert blocks[-1] == "data: [DONE]"
    assert all(block.startswith("data: {") for block in blocks[:-1]), "no keep-alive where there is news"


def test_every_choice_is_told_apart(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="default", messages=says("hello"), n=2, temperature=1)
    assert [choice.index for choice in answer.choices] == [0, 1]
    chunks = chunks_of(client, "hello", n=2, temperature=1)
    for index in (0, 1):
        own = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == index]
        assert own[0].delta.role == "assistant" and own[-1].finish_reason == "stop"
        assert "".join(each.delta.content or "" for each in own) == answer.choices[index].message.content


def test_stop_and_length_are_told_as_they_were(client: openai.OpenAI) -> None:
    cut = client.chat.completions.create(model="default", messages=says("hello"), max_completion_tokens=3)
    assert (cut.choices[0].finish_reason, cut.choices[0].message.content) == ("length", "The capital of")
    stopped = client.chat.completions.create(model="default", messages=says("hello"), stop=" is")
    assert (stopped.choices[0].finish_reason, stopped.choices[0].message.content) == ("stop", "The capital of France")


def test_an_answer_goes_on_until_the_model_ends_where_no_limit_is_given(
    client: openai.OpenAI, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = seen(server.engine, monkeypatch)
    client.chat.completions.create(model="default", messages=says("hello"))
    assert requests[0].max_new_tokens == 4096


def test_the_limit_of_the_model_counts_where_it_has_one(serve: Callable[..., Served]) -> None:
    served = serve(script={"generation_config": {"max_new_tokens": 2}})
    answer = served.client.post("/v1/chat/completions", json={"messages": says("hello")}).json()
    assert answer["choices"][0]["finish_reason"] == "length" and answer["usage"]["completion_tokens"] == 2


def test_calls_of_tools_are_read_whole_and_streamed(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="default", messages=says("weather"), tools=[WEATHER])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content == "I look."
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in choice.message.tool_calls or ()]
    assert calls == [("weather", {"city": "Paris"}), ("weather", {"city": "Rome"})]
    with client.chat.completions.stream(model="default", messages=says("weather"), tools=[WEATHER]) as stream:
        final = stream.get_final_completion().choices[0]
    streamed = [(call.function.name, json.loads(call.function.arguments)) for call in final.message.tool_calls or ()]
    assert (streamed, final.message.content, final.finish_reason) == (calls, "I look.", "tool_calls")


def test_the_result_of_a_call_is_sent_back_with_the_message_as_the_client_has_it(client: openai.OpenAI) -> None:
    message = (
        client.chat.completions.create(model="default", messages=says("weather"), tools=[WEATHER]).choices[0].message
    )
    assert message.tool_calls is not None
    sent_back = message.model_dump() | {"annotations": [], "audio": None, "function_call": None}
    results = [{"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in message.tool_calls]
    messages: Any = [*says("weather"), sent_back, *results]
    answer = client.chat.completions.create(model="default", messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content == "Take no umbrella."


def test_only_the_first_call_counts_where_calls_must_not_be_parallel(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="default", messages=says("weather"), tools=[WEATHER], parallel_tool_calls=False
    )
    assert len(answer.choices[0].message.tool_calls or ()) == 1


def test_no_call_is_looked_for_and_no_tool_shown_with_tool_choice_none(
    client: openai.OpenAI, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = seen(server.engine, monkeypatch)
    answer = client.chat.completions.create(
        model="default", messages=says("weather"), tools=[WEATHER], tool_choice="none"
    )
    assert answer.choices[0].message.tool_calls is None and "<tool_call>" in (answer.choices[0].message.content or "")
    assert requests[0].tools is None


@pytest.mark.parametrize(
    ("says_what", "choice", "parallel", "cities"),
    [
        ("named", NAMED, True, ["Paris"]),
        ("any", "required", False, ["Paris"]),
        ("several", "required", True, ["Paris", "Rome"]),
    ],
)
def test_a_call_that_is_forced_comes(
    client: openai.OpenAI, says_what: str, choice: Any, parallel: bool, cities: list[str]
) -> None:
    options: Any = {"tools": [WEATHER], "tool_choice": choice, "parallel_tool_calls": parallel}
    answer = client.chat.completions.create(model="default", messages=says(says_what), **options).choices[0]
    assert answer.message.content is None and answer.finish_reason == "tool_calls"
    calls = answer.message.tool_calls or []
    assert [json.loads(call.function.arguments)["city"] for call in calls] == cities
    assert {call.function.name for call in calls} == {"weather"} and len({call.id for call in calls}) == len(cities)
    with client.chat.completions.stream(model="default", messages=says(says_what), **options) as stream:
        streamed = stream.get_final_completion().choices[0].message
    assert [json.loads(call.function.arguments)["city"] for call in streamed.tool_calls or ()] == cities


def test_the_form_of_a_forced_call_reaches_the_engine(
    client: openai.OpenAI, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = seen(server.engine, monkeypatch)
    client.chat.completions.create(model="default", messages=says("named"), tools=[WEATHER], tool_choice=NAMED)
    assert requests[0].structured_output is not None and requests[0].tools is not None
    assert requests[0].structured_output.json_schema == WEATHER["function"]["parameters"]


class Answer(BaseModel):
    """What the official client parses an answer into."""

    answer: int


def test_answers_are_parsed_into_a_model_of_the_client(client: openai.OpenAI) -> None:
    parsed = client.chat.completions.parse(model="default", messages=says("json"), response_format=Answer)
    assert parsed.choices[0].message.parsed == Answer(answer=42)
    free = client.chat.completions.create(
        model="default", messages=says("json"), response_format={"type": "json_object"}
    )
    assert json.loads(free.choices[0].message.content or "") == {"answer": 42}


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"tools": [WEATHER], "tool_choice": "required"}, "tool_choice"),
        ({"structured_output": {"choice": ["a"]}}, "structured_output"),
    ],
)
def test_a_form_is_refused_by_name_where_the_backend_has_none(
    serve: Callable[..., Served], options: dict[str, Any], param: str
) -> None:
    served = serve(script={"lacks": ["structured_output"]})
    response = served.client.post("/v1/chat/completions", json={"messages": says("x"), **options})
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (400, param, "parameter_not_supported")
    assert "genai" in error["message"]


def test_probabilities_are_told_with_their_alternatives(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="default", messages=says("hello"), logprobs=True, top_logprobs=2)
    assert answer.choices[0].logprobs is not None and answer.choices[0].logprobs.content is not None
    tokens = answer.choices[0].logprobs.content
    assert "".join(token.token for token in tokens) == answer.choices[0].message.content
    assert tokens[0].logprob == pytest.approx(-0.1053605) and tokens[0].bytes == list(b"The")
    assert [other.token for other in tokens[0].top_logprobs] == ["The", "<|end|>"]
    chunks = chunks_of(client, "hello", logprobs=True, top_logprobs=2)
    streamed = [
        token for chunk in chunks if chunk.choices[0].logprobs for token in chunk.choices[0].logprobs.content or ()
    ]
    assert streamed == tokens
    assert all(
        "".join(token.token for token in chunk.choices[0].logprobs.content) == chunk.choices[0].delta.content
        for chunk in chunks
        if chunk.choices[0].logprobs and chunk.choices[0].delta.content
    )


@pytest.mark.parametrize(
    ("lacks", "options", "param"),
    [
        (["probabilities"], {"logprobs": True}, "logprobs"),
        (["alternatives"], {"logprobs": True, "top_logprobs": 1}, "top_logprobs"),
        ([], {"logprobs": True, "top_logprobs": 3}, "top_logprobs"),
        (["min_p"], {"min_p": 0.1}, "min_p"),
        (["num_return_sequences"], {"n": 2}, "n"),
    ],
)
def test_what_the_backend_lacks_is_refused_by_name(
    serve: Callable[..., Served], lacks: list[str], options: dict[str, Any], param: str
) -> None:
    served = serve(script={"lacks": lacks})
    response = served.client.post("/v1/chat/completions", json={"messages": says("x"), **options})
    assert response.status_code == 400 and response.json()["error"]["param"] == param
    assert "0 or less" not in response.json()["error"]["message"]
    neutral = {"n": 1, "min_p": 0, "presence_penalty": 0, "frequency_penalty": 0}
    assert served.client.post("/v1/chat/completions", json={"messages": says("x"), **neutral}).status_code == 200


def test_thoughts_are_apart_from_the_answer(client: openai.OpenAI) -> None:
    template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{# <think> </think> #}"
    extra = {"chat_template": template}
    answer = client.chat.completions.create(model="default", messages=says("think"), extra_body=extra)
    message: Any = answer.choices[0].message
    assert (message.reasoning_content, message.content) == ("Hm, Paris.", "It is Paris.")
    deltas: list[Any] = [chunk.choices[0].delta for chunk in chunks_of(client, "think", extra_body=extra)]
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas) == "Hm, Paris."
    assert "".join(delta.content or "" for delta in deltas) == "It is Paris."


OPENS_THOUGHTS = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<think>\n{# </think> #}"


def test_an_answer_held_to_a_form_is_that_form_also_where_the_prompt_opens_thoughts(
    serve: Callable[..., Served],
) -> None:
    client = serve(script={"replies": [{"text": '{"answer": 42}'}]}).client
    body = {"messages": says("x"), "chat_template": OPENS_THOUGHTS}
    for form, expected in (("text", ("", '{"answer": 42}')), ("json_object", ('{"answer": 42}', None))):
        answer = client.post("/v1/chat/completions", json={**body, "response_format": {"type": form}}).json()
        message = answer["choices"][0]["message"]
        assert (message["content"], message["reasoning_content"]) == expected


def test_parts_null_and_developer_are_read_as_they_are_meant(
    client: openai.OpenAI, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = seen(server.engine, monkeypatch)
    messages: Any = [
        {"role": "developer", "content": "Be short."},
        {"role": "user", "content": [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}], "name": "Ann"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]  # fmt: skip
    client.chat.completions.create(
        model="default", messages=messages, stop=None, temperature=None, tools=None, logit_bias=None, seed=7, user="ann",
        extra_body={"functions": None, "reasoning_effort": None},
    )  # fmt: skip
    system, user, call, result = requests[0].conversation
    assert (system.role, user.content, user.name, result.tool_call_id) == ("system", "one \ntwo", "Ann", "c1")
    assert call.tool_calls is not None and call.tool_calls[0].function.arguments == {"city": "Rome"}
    assert (requests[0].seed, requests[0].user, requests[0].temperature) == (7, "ann", None)


def test_every_parameter_reaches_the_engine(
    client: openai.OpenAI, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = seen(server.engine, monkeypatch)
    client.chat.completions.create(
        model="default", messages=says("hello"), max_tokens=5, temperature=0.5, top_p=0.8, n=2, stop=["x", "y"],
        presence_penalty=0.1, frequency_penalty=0.2, safety_identifier="bob", store=False, service_tier="auto",
        modalities=["text"], metadata={}, parallel_tool_calls=True, prompt_cache_key="k",
        extra_body={"top_k": 3, "min_p": 0.1, "repetition_penalty": 1.1, "ignore_eos": True, "min_tokens": 1,
                    "stop_token_ids": [5], "structured_output": {"choice": ["a", "b"]}, "cache_prompt": True,
                    "when_too_long": "shorten", "chat_template_kwargs": {"enable_thinking": False},
                    "chat_template": "{{ messages }}{{ enable_thinking }}{{ documents }}", "documents": [{"a": 1}]},
    )  # fmt: skip
    told = requests[0].model_dump(exclude_none=True)
    assert told["max_new_tokens"] == 5 and told["num_return_sequences"] == 2 and told["stop"] == ("x", "y")
    assert (told["temperature"], told["top_p"], told["top_k"], told["min_p"]) == (0.5, 0.8, 3, 0.1)
    assert (told["presence_penalty"], told["frequency_penalty"], told["repetition_penalty"]) == (0.1, 0.2, 1.1)
    assert told["ignore_eos"] and told["min_new_tokens"] == 1 and told["stop_token_ids"] == (5,)
    assert told["structured_output"] == {"choice": ("a", "b")} and told["when_too_long"] == "shorten"
    assert told["template_arguments"] == {"enable_thinking": False} and told["documents"] == ({"a": 1},)
    assert told["user"] == "bob" and told["source"] == "openai" and told["model"] == "script"


def test_an_answer_can_be_gone_on_with(client: openai.OpenAI, server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = seen(server.engine, monkeypatch)
    messages: Any = [*says("hello"), {"role": "assistant", "content": "The"}]
    client.chat.completions.create(model="default", messages=messages, extra_body={"continue_final_message": True})
    assert requests[0].continue_final_message


@pytest.mark.parametrize("effort", ["none", "low", "xhigh", "max"])
def test_effort_goes_to_the_chat_template_that_knows_it(
    client: openai.OpenAI, server: Served, monkeypatch: pytest.MonkeyPatch, effort: Any
) -> None:
    requests = seen(server.engine, monkeypatch)
    extra = {"chat_template": "{{ messages }}{{ reasoning_effort }}"}
    client.chat.completions.create(model="default", messages=says("x"), reasoning_effort=effort, extra_body=extra)
    assert requests[0].template_arguments == {"reasoning_effort": effort}


def test_a_request_that_was_cancelled_says_so(client: openai.OpenAI, server: Served) -> None:
    stream = client.chat.completions.create(model="default", messages=says("slow"), stream=True)
    chunks = []
    for chunk in stream:
        if not chunks:
            assert server.client.post(f"/generate/cancel/{chunk.id}").json() == {"cancelled": True}
        chunks.append(chunk)
    assert chunks[-1].choices[0].finish_reason == "cancelled"
    server.wait_for(lambda: server.running() == 0)
    found: list[Any] = []
    asking = threading.Thread(
        target=lambda: found.append(client.chat.completions.create(model="default", messages=says("slow")))
    )
    asking.start()
    server.wait_for(lambda: server.running() == 1)
    (generation,) = server.engine._hosts["script"]._generations.values()
    server.engine.cancel(generation.request_id)
    asking.join(20)
    assert found[0].choices[0].finish_reason == "cancelled"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("text", ["slow", "a long prompt"])
def test_a_client_that_leaves_ends_its_request(
    server: Served, reports: list[PerformanceReport], stream: bool, text: str
) -> None:
    connection = send(server, "/v1/chat/completions", {"messages": says(text), "stream": stream})
    server.wait_for(lambda: server.running() == 1)
    connection.close()
    server.wait_for(lambda: server.running() == 0 and len(reports) == 1)
    assert reports[-1].finish_reason is FinishReason.CANCELLED


def test_leaving_the_stream_of_the_official_client_ends_it(client: openai.OpenAI, server: Served) -> None:
    stream = client.chat.completions.create(model="default", messages=says("slow"), stream=True)
    next(iter(stream))
    stream.close()
    server.wait_for(lambda: server.running() == 0)


def test_what_fails_before_the_first_token_has_its_own_status_although_it_is_a_stream(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError, match="the script fails here"):
        chunks_of(client, "fail")
    with pytest.raises(openai.BadRequestError) as caught:
        chunks_of(client, "word " * 5000)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


def test_what_fails_in_the_middle_of_a_stream_is_told_in_it(client: openai.OpenAI, server: Served) -> None:
    with pytest.raises(openai.APIError, match="worker process"):
        chunks_of(client, "late")
    server.engine.unload("script")


def test_a_full_queue_says_when_to_come_back(serve: Callable[..., Served]) -> None:
    served = serve(script={"max_running": 1}, queue_size=0)
    connection = send(served, "/v1/chat/completions", {"messages": says("slow"), "stream": True})
    served.wait_for(lambda: served.running() == 1)
    response = served.client.post("/v1/chat/completions", json={"messages": says("hello")})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "engine_busy")
    assert response.headers["Retry-After"] == "1"
    connection.close()


def test_a_stream_is_kept_alive_while_a_call_is_held_back(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openarc_ui.server.openai.reader.HEARTBEAT_SECONDS", 0.1)
    long_call = '<tool_call>{"name": "weather", "arguments": {"city": "' + "very " * 40 + 'far"}}</tool_call>'
    served = serve(script={"replies": [{"text": long_call, "token_seconds": 0.02}]})
    body = {"messages": says("x"), "tools": [WEATHER], "stream": True}
    began_at = time.perf_counter()
    blocks = served.client.post("/v1/chat/completions", json=body).text.strip().split("\n\n")
    assert 3 <= blocks.count(": keep-alive") <= (time.perf_counter() - began_at) / 0.1
    assert json.loads(blocks[-2].removeprefix("data: "))["choices"][0]["finish_reason"] == "tool_calls"


def test_characters_of_several_bytes_come_whole(client: openai.OpenAI) -> None:
    assert "".join(c.choices[0].delta.content or "" for c in chunks_of(client, "accent")) == "Ça va? 🙂 naïve"


def test_the_documented_answer_is_what_is_answered(server: Served) -> None:
    body = {"messages": says("weather"), "tools": [WEATHER], "logprobs": True, "n": 2, "temperature": 1}
    answer = server.client.post("/v1/chat/completions", json=body).json()
    assert ChatAnswer.model_validate(answer, extra="forbid").model_dump() == answer


@pytest.mark.parametrize(
    "message",
    [{"role": "\ud800", "content": "x"}, {"role": "user", "content": [{"type": "\ud800", "text": "x"}]}],
    ids=["role", "type"],
)
def test_half_a_surrogate_pair_in_a_message_is_a_mistake_of_the_client(served: Served, message: dict[str, Any]) -> None:
    body = json.dumps({"messages": [message]})
    answer = served.client.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "'?'" in answer.json()["error"]["message"]
