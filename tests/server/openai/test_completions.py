"""Completions: a prompt as it is, in each of its forms, whole and streamed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from openarc_ui.engine.types import FinishReason, GenerationRequest, PerformanceReport
from openarc_ui.server.openai.completion_answers import CompletionAnswer
from tests.server.conftest import Served
from tests.server.openai.conftest import says
from tests.server.openai.test_chat import seen
from tests.server.test_streams import send


def texts_of(client: openai.OpenAI, **options: Any) -> dict[int, str]:
    """Index -> text of a stream."""
    texts: dict[int, str] = {}
    for chunk in client.completions.create(model="default", stream=True, **options):
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + choice.text
    return texts


def test_an_answer_says_everything_a_client_reads(client: openai.OpenAI, reports: list[PerformanceReport]) -> None:
    answer = client.completions.create(model="script", prompt="hello", max_tokens=5)
    assert (answer.object, answer.choices[0].text, answer.choices[0].finish_reason) == (
        "text_completion", "The capital of France is", "length",
    )  # fmt: skip
    assert answer.usage is not None and answer.usage.completion_tokens == 5 and answer.usage.prompt_tokens == 1
    assert answer.id == reports[0].request_id and answer.model_extra is not None
    assert answer.model_extra["timings"]["predicted_n"] == 5


def test_sixteen_tokens_are_generated_where_nothing_is_said(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="default", prompt="slow")
    assert answer.usage is not None and answer.usage.completion_tokens == 16


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("one", ["one"]),
        (["one", "two"], ["one", "two"]),
        ([5, 6], [(5, 6)]),
        ([[5, 6], [7]], [(5, 6), (7,)]),
    ],
)
def test_a_prompt_comes_in_four_forms(
    client: openai.OpenAI, server: Served, monkeypatch: pytest.MonkeyPatch, prompt: Any, expected: list[Any]
) -> None:
    client.completions.create(model="default", prompt="one two three four five six seven eight", max_tokens=1)
    requests: list[GenerationRequest] = seen(server.engine, monkeypatch)
    answer = client.completions.create(model="default", prompt=prompt, n=2, temperature=1, max_tokens=3)
    assert [request.prompt for request in requests] == expected
    assert [choice.index for choice in answer.choices] == list(range(2 * len(expected)))
    assert answer.usage is not None and answer.usage.completion_tokens == 6 * len(expected)


def test_several_prompts_stream_side_by_side(client: openai.OpenAI) -> None:
    texts = texts_of(client, prompt=["hello", "json", "accent"], max_tokens=50)
    assert texts == {0: "The capital of France is Paris.", 1: '{"answer": 42}', 2: "Ça va? 🙂 naïve"}
    both = texts_of(client, prompt=["hello", "json"], n=2, temperature=1, max_tokens=50)
    assert [both[index][:3] for index in range(4)] == ["The", "The", '{"a', '{"a']


def test_the_prompt_is_echoed_before_what_follows(client: openai.OpenAI) -> None:
    assert client.completions.create(model="default", prompt="hello", echo=True, max_tokens=2).choices[0].text == (
        "helloThe capital"
    )
    assert texts_of(client, prompt=["hello", "json"], echo=True, max_tokens=20)[1] == 'json{"answer": 42}'
    ids = client.completions.create(model="default", prompt=[4, 5], echo=True, max_tokens=1).choices[0].text
    assert ids.endswith("The") and len(ids) > len("The")


def test_probabilities_have_the_old_form(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="default", prompt="hello", logprobs=2, max_tokens=3).choices[0]
    assert answer.logprobs is not None
    assert answer.logprobs.tokens == ["The", " capital", " of"] and answer.logprobs.text_offset == [0, 3, 11]
    assert answer.logprobs.token_logprobs is not None and answer.logprobs.top_logprobs is not None
    assert answer.logprobs.top_logprobs[0]["The"] == answer.logprobs.token_logprobs[0]
    streamed = list(client.completions.create(model="default", prompt="hello", logprobs=0, max_tokens=3, stream=True))
    offsets = [
        offset for chunk in streamed if (found := chunk.choices[0].logprobs) for offset in found.text_offset or ()
    ]
    assert offsets == [0, 3, 11]


def test_usage_and_timings_end_a_stream(client: openai.OpenAI) -> None:
    options: Any = {"model": "default", "prompt": "hello", "max_tokens": 3, "stream": True}
    *_, last = client.completions.create(**options)
    assert last.choices[0].finish_reason == "length" and last.model_extra["timings"]["predicted_n"] == 3
    *chunks, last = client.completions.create(**options, stream_options={"include_usage": True})
    assert last.choices == [] and last.usage.completion_tokens == 3
    assert all(chunk.usage is None for chunk in chunks)
    *_, last = client.completions.create(**{**options, "prompt": ["a", "b"]}, stream_options={"include_usage": True})
    assert last.usage.completion_tokens == 6 and last.model_extra["timings"] is None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": "a", "suffix": "b"}, "suffix"),
        ({"prompt": "a", "logit_bias": {"5": 1}}, "logit_bias"),
        ({"prompt": "a", "best_of": 2}, "best_of"),
        ({"prompt": "a", "n": 2, "temperature": 1, "best_of": 1}, "best_of"),
        ({"prompt": "a", "echo": True, "logprobs": 1}, "echo"),
        ({"prompt": "a", "logprobs": 6}, "logprobs"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": ["a", 5]}, "prompt"),
        ({"prompt": [True]}, "prompt"),
        ({"prompt": {"text": "a"}}, "prompt"),
        ({"prompt": ["a"] * 65}, "prompt"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "a", "messages": []}, "messages"),
        ({"prompt": "word " * 5000}, "prompt"),
        ({}, "prompt"),
    ],
)
def test_what_can_not_be_had_is_refused_by_name(server: Served, body: dict[str, Any], param: str) -> None:
    response = server.client.post("/v1/completions", json=body)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param), response.text


def test_of_several_prompts_all_end_when_one_fails(server: Served) -> None:
    for stream in (False, True):
        body = {"prompt": ["slow", "fail"], "max_tokens": 400, "stream": stream}
        response = server.client.post("/v1/completions", json=body)
        assert "the script fails here" in response.text
        server.wait_for(lambda: server.running() == 0)


def test_cancelling_the_answer_by_its_id_ends_every_prompt(client: openai.OpenAI, server: Served) -> None:
    reasons: dict[int, str] = {}
    for chunk in client.completions.create(model="default", prompt=["slow"] * 3, max_tokens=400, stream=True):
        if not reasons:
            assert server.client.post(f"/generate/cancel/{chunk.id}").json() == {"cancelled": True}
        reasons |= {choice.index: choice.finish_reason for choice in chunk.choices if choice.finish_reason}
        reasons.setdefault(-1, "asked")
    assert reasons == {-1: "asked", 0: "cancelled", 1: "cancelled", 2: "cancelled"}
    assert server.client.post(f"/generate/cancel/{chunk.id}").json() == {"cancelled": False}


def test_a_failure_in_mid_stream_shows_no_path_of_this_machine(serve: Callable[..., Served], tmp_path: Path) -> None:
    torn = f"{tmp_path}/models/script/weights.bin is torn"
    replies = [
        {"when": "fail", "error": torn, "prefill_seconds": 1.5},
        {"text": "word " * 400, "token_seconds": 0.02},
    ]
    client = serve(script={"replies": replies}).client
    body = {"prompt": ["go on", "fail"], "max_tokens": 400, "stream": True}
    told = client.post("/v1/completions", json=body).text
    assert told.startswith('data: {"id"') and "weights.bin is torn" in told and str(tmp_path) not in told
    said_of = {"conversation": says("fail")}
    told = client.post("/generate/stream", json=said_of).text
    assert "event: error" in told and "weights.bin is torn" in told and str(tmp_path) not in told
    told = client.post("/v1/responses", json={"input": "fail", "stream": True}).text
    assert "weights.bin is torn" in told and str(tmp_path) not in told


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_every_prompt(server: Served, reports: list[PerformanceReport], stream: bool) -> None:
    connection = send(server, "/v1/completions", {"prompt": ["slow"] * 3, "max_tokens": 400, "stream": stream})
    server.wait_for(lambda: server.running() == 3)
    connection.close()
    server.wait_for(lambda: server.running() == 0 and len(reports) == 3)
    assert [report.finish_reason for report in reports] == [FinishReason.CANCELLED] * 3


def test_nothing_is_begun_where_not_all_prompts_find_room(serve: Callable[..., Served]) -> None:
    served = serve(script={"max_running": 1}, queue_size=1)
    response = served.client.post("/v1/completions", json={"prompt": ["slow"] * 3})
    assert response.status_code == 503 and response.headers["Retry-After"] == "1"
    served.wait_for(lambda: served.running() == 0)


def test_the_documented_answer_is_what_is_answered(server: Served) -> None:
    body = {"prompt": ["hello", "json"], "logprobs": 1, "n": 2, "temperature": 1}
    answer = server.client.post("/v1/completions", json=body).json()
    assert CompletionAnswer.model_validate(answer, extra="forbid").model_dump() == answer
