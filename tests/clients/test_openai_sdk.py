"""The official openai package, as its users use it."""

from __future__ import annotations

import json
from typing import Any

import anyio
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.clients.conftest import REQUESTS_PER_MINUTE, USE_KEY, Server

pytestmark = pytest.mark.model

QUESTION: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
ENDLESS: list[Any] = [{"role": "user", "content": "Tell a very long story about a dog."}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class City(BaseModel):
    """What an answer with a structure has."""

    name: str
    is_capital: bool


@pytest.fixture(scope="module")
def client(server: Server) -> OpenAI:
    return OpenAI(base_url=server.openai_address, api_key=USE_KEY, max_retries=0)


def test_a_chat_is_answered_with_usage_and_timings(client: OpenAI, server: Server) -> None:
    answer = client.chat.completions.create(model=server.model, messages=QUESTION, max_tokens=16, temperature=0)
    (choice,) = answer.choices
    assert answer.id.startswith("chatcmpl-") and answer.model == server.model
    assert choice.message.role == "assistant" and "Paris" in str(choice.message.content)
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage is not None and answer.usage.total_tokens == (
        answer.usage.prompt_tokens + answer.usage.completion_tokens
    )
    timings = answer.model_extra["timings"] if answer.model_extra else {}
    assert timings["predicted_per_second"] > 0 and timings["predicted_n"] == answer.usage.completion_tokens


def test_the_default_model_needs_no_name(client: OpenAI, server: Server) -> None:
    answer = client.chat.completions.create(model="default", messages=QUESTION, max_tokens=1)
    assert answer.model == server.model


def test_a_stream_is_the_same_text_in_pieces(client: OpenAI, server: Server) -> None:
    options: Any = {"model": server.model, "messages": QUESTION, "max_tokens": 12, "temperature": 0}
    client.chat.completions.create(**options)
    whole = client.chat.completions.create(**options).choices[0].message.content
    chunks = list(client.chat.completions.create(**options, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant" and len(chunks) > 5
    assert "".join(each.choices[0].delta.content or "" for each in chunks) == whole
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")
    assert len({each.id for each in chunks}) == 1


def test_a_stream_ends_with_its_usage_when_asked(client: OpenAI, server: Server) -> None:
    stream = client.chat.completions.create(
        model=server.model, messages=QUESTION, max_tokens=8, stream=True, stream_options={"include_usage": True}
    )
    *before, last = list(stream)
    assert all(each.usage is None for each in before)
    assert last.choices == [] and last.usage is not None and last.usage.completion_tokens <= 8


def test_two_answers_to_one_question(client: OpenAI, server: Server) -> None:
    answer = client.chat.completions.create(model=server.model, messages=QUESTION, max_tokens=6, n=2, temperature=1.5)
    assert [each.index for each in answer.choices] == [0, 1]
    assert all(each.message.content for each in answer.choices)


def test_a_stop_text_ends_the_answer_and_is_not_in_it(client: OpenAI, server: Server) -> None:
    answer = client.chat.completions.create(
        model=server.model, messages=QUESTION, max_tokens=30, temperature=0, stop=["Paris"]
    )
    assert answer.choices[0].finish_reason == "stop" and "Paris" not in str(answer.choices[0].message.content)


def test_a_seed_repeats_an_answer(client: OpenAI, server: Server) -> None:
    options: Any = {"model": server.model, "messages": QUESTION, "max_tokens": 12, "temperature": 1.2, "seed": 7}
    client.chat.completions.create(**options)  # the prompt is kept from here on, so both below begin alike
    first, second = (client.chat.completions.create(**options).choices[0].message.content for _ in range(2))
    other = client.chat.completions.create(**{**options, "seed": 8}).choices[0].message.content
    assert first == second != other


def test_the_log_probabilities_are_those_of_the_text(client: OpenAI, server: Server) -> None:
    answer = client.chat.completions.create(
        model=server.model, messages=QUESTION, max_tokens=6, temperature=0, logprobs=True
    )
    told = answer.choices[0].logprobs
    assert told is not None and told.content is not None
    assert "".join(each.token for each in told.content) == answer.choices[0].message.content
    assert all(each.logprob <= 0 for each in told.content)


def test_an_answer_is_parsed_into_a_model(client: OpenAI, server: Server) -> None:
    answer = client.chat.completions.parse(
        model=server.model,
        messages=[{"role": "user", "content": "Paris as JSON."}],
        response_format=City,
        max_tokens=60,
        temperature=0,
    )
    parsed = answer.choices[0].message.parsed
    assert isinstance(parsed, City)


def test_a_tool_that_must_be_called_is_called(client: OpenAI, server: Server) -> None:
    chosen: Any = {"type": "function", "function": {"name": "weather"}}
    answer = client.chat.completions.create(
        model=server.model, messages=QUESTION, tools=[WEATHER], tool_choice=chosen, max_tokens=60, temperature=0
    )
    message = answer.choices[0].message
    assert message.content is None and message.tool_calls is not None
    (call,) = message.tool_calls
    assert call.type == "function" and call.function.name == "weather" and call.id
    assert list(json.loads(call.function.arguments)) == ["city"]
    assert answer.choices[0].finish_reason in ("tool_calls", "stop")
    back: list[Any] = [
        *QUESTION,
        message,
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    again = client.chat.completions.create(model=server.model, messages=back, tools=[WEATHER], max_tokens=8)
    assert again.choices[0].finish_reason


def test_a_call_is_streamed_as_deltas_that_join(client: OpenAI, server: Server) -> None:
    stream = client.chat.completions.create(
        model=server.model, messages=QUESTION, tools=[WEATHER], tool_choice="required", max_tokens=60, stream=True,
        temperature=0,
    )  # fmt: skip
    deltas = [each for chunk in stream for choice in chunk.choices for each in choice.delta.tool_calls or []]
    first = deltas[0]
    assert first.index == 0 and first.id and first.function is not None and first.function.name == "weather"
    text = "".join((each.function.arguments or "") for each in deltas if each.function is not None)
    assert "city" in json.loads(text)


def test_the_sdks_own_stream_helper_gathers_the_answer(client: OpenAI, server: Server) -> None:
    with client.chat.completions.stream(model=server.model, messages=QUESTION, max_tokens=8) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert "content.delta" in kinds and final.choices[0].message.content


def test_a_raw_prompt_is_completed(client: OpenAI, server: Server) -> None:
    answer = client.completions.create(
        model=server.model, prompt="The capital of France is", max_tokens=5, temperature=0
    )
    assert answer.choices[0].text and answer.choices[0].finish_reason == "length"
    several = client.completions.create(model=server.model, prompt=["One,", "Two,"], max_tokens=2, echo=True)
    assert [each.text[:4] for each in several.choices] == ["One,", "Two,"]
    pieces = [each.choices[0].text for each in client.completions.create(
        model=server.model, prompt="The capital of France is", max_tokens=5, temperature=0, stream=True
    ) if each.choices]  # fmt: skip
    assert "".join(pieces).strip()


def test_the_loaded_model_is_listed(client: OpenAI, server: Server) -> None:
    assert [each.id for each in client.models.list()] == [server.model]
    assert client.models.retrieve(server.model).owned_by == "openarc"


def test_a_response_is_created_and_streamed(client: OpenAI, server: Server) -> None:
    answer = client.responses.create(model=server.model, input="What is the capital of France?", max_output_tokens=16)
    assert answer.output_text and answer.usage is not None and answer.usage.output_tokens <= 16
    with client.responses.create(
        model=server.model, instructions="Be brief.", input="Hello", max_output_tokens=16, stream=True
    ) as stream:
        events = list(stream)
    text = "".join(each.delta for each in events if each.type == "response.output_text.delta")
    last: Any = events[-1]
    assert last.type in ("response.completed", "response.incomplete") and last.response.output_text == text


def test_each_refusal_is_the_sdks_exception_for_it(client: OpenAI, server: Server) -> None:
    options: Any = {"model": server.model, "messages": QUESTION, "max_tokens": 2}
    with pytest.raises(openai.AuthenticationError, match="key"):
        OpenAI(base_url=server.openai_address, api_key="wrong-key", max_retries=0).models.list()
    with pytest.raises(openai.NotFoundError) as not_found:
        client.chat.completions.create(**{**options, "model": server.model[:-1]})
    assert not_found.value.code == "model_not_found" and server.model in str(not_found.value)
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(**options, temperature=-1)
    assert wrong.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**options, logit_bias={"1": 5})
    assert refused.value.param == "logit_bias"
    with pytest.raises(openai.BadRequestError) as misspelt:
        client.chat.completions.create(**options, extra_body={"temprature": 1})
    assert "temperature" in str(misspelt.value)
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(**{**options, "messages": [{"role": "user", "content": "word " * 20_000}]})
    assert long.value.code == "context_length_exceeded"


def test_a_key_that_asks_too_often_is_told_so(scripted_server: Server) -> None:
    client = OpenAI(base_url=scripted_server.openai_address, api_key=USE_KEY, max_retries=0)

    def ask_once_too_often() -> None:
        for _ in range(REQUESTS_PER_MINUTE + 1):
            client.chat.completions.create(model="default", messages=QUESTION, max_tokens=1)

    with pytest.raises(openai.RateLimitError) as limited:
        ask_once_too_often()
    assert 1 <= int(limited.value.response.headers["retry-after"]) <= 60


def test_the_async_client_asks_several_at_once(server: Server) -> None:
    async def ask() -> list[str]:
        async with AsyncOpenAI(base_url=server.openai_address, api_key=USE_KEY) as client:
            answers: list[str] = []

            async def one() -> None:
                stream = await client.chat.completions.create(
                    model=server.model, messages=QUESTION, max_tokens=6, stream=True
                )
                answers.append("".join([chunk.choices[0].delta.content or "" async for chunk in stream]))

            async with anyio.create_task_group() as group:
                for _ in range(4):
                    group.start_soon(one)
            return answers

    assert all(anyio.run(ask))


def test_leaving_a_stream_ends_its_generation(client: OpenAI, server: Server) -> None:
    server.wait_until_measured()
    before = server.newest_id()
    stream = client.chat.completions.create(
        model=server.model, messages=ENDLESS, max_tokens=4000, stream=True, extra_body={"ignore_eos": True}
    )
    next(iter(stream))
    stream.close()
    server.wait_until_cancelled(before)


def test_a_client_that_does_not_want_to_wait_ends_its_generation(client: OpenAI, server: Server) -> None:
    server.wait_until_measured()
    before = server.newest_id()
    hasty = client.with_options(timeout=0.7)
    with pytest.raises(openai.APITimeoutError):
        hasty.chat.completions.create(
            model=server.model, messages=ENDLESS, max_tokens=4000, extra_body={"ignore_eos": True}
        )
    server.wait_until_cancelled(before)
