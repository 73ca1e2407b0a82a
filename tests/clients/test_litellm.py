"""litellm, as proxies and frameworks use it: the provider openai/ with our address, and nothing dropped."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from tests.clients.conftest import USE_KEY, Server

pytestmark = pytest.mark.model

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def litellm(outside: list[str]) -> Any:
    """The package, which takes seconds to import and would look for prices elsewhere without the switches of `outside`."""
    import litellm

    assert litellm.drop_params is False
    return litellm


@pytest.fixture(scope="module")
def options(server: Server) -> dict[str, Any]:
    """What says where to ask, and all that callers usually set."""
    return {
        "model": f"openai/{server.model}",
        "api_base": server.openai_address,
        "api_key": USE_KEY,
        "max_tokens": 12,
        "temperature": 0,
        "top_p": 0.9,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.1,
        "seed": 5,
        "stop": ["###"],
        "user": "somebody",
        "num_retries": 0,
    }


def test_a_question_is_answered_with_usage(litellm: Any, options: dict[str, Any]) -> None:
    answer = litellm.completion(messages=QUESTION, **options)
    assert answer.choices[0].message.content and answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_what_it_costs_is_nothing_it_knows_and_no_error(litellm: Any, options: dict[str, Any]) -> None:
    answer = litellm.completion(messages=QUESTION, **options)
    assert not answer._hidden_params.get("response_cost")


def test_a_stream_ends_with_its_usage(litellm: Any, options: dict[str, Any]) -> None:
    pieces = list(litellm.completion(messages=QUESTION, stream=True, stream_options={"include_usage": True}, **options))
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert litellm.stream_chunk_builder(pieces).usage.completion_tokens > 0


def test_a_question_is_asked_without_blocking(litellm: Any, options: dict[str, Any]) -> None:
    async def ask() -> tuple[Any, str]:
        answer = await litellm.acompletion(messages=QUESTION, **options)
        stream = await litellm.acompletion(messages=QUESTION, stream=True, **options)
        return answer, "".join([piece.choices[0].delta.content or "" async for piece in stream])

    answer, text = anyio.run(ask)
    assert answer.choices[0].message.content and text


def test_a_tool_that_must_be_called_is_called(litellm: Any, options: dict[str, Any]) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "description": "Weather", "parameters": parameters}}
    answer = litellm.completion(
        messages=QUESTION, tools=[tool], tool_choice="required", **{**options, "max_tokens": 80, "stop": None}
    )
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"


def test_a_raw_prompt_is_completed(litellm: Any, options: dict[str, Any]) -> None:
    where = {name: options[name] for name in ("api_base", "api_key", "max_tokens", "temperature")}
    model = options["model"].replace("openai/", "text-completion-openai/")
    assert litellm.text_completion(model=model, prompt="The capital of France is", **where).choices[0].text


def test_each_refusal_is_its_exception_for_it(litellm: Any, options: dict[str, Any]) -> None:
    with pytest.raises(litellm.AuthenticationError):
        litellm.completion(messages=QUESTION, **{**options, "api_key": "wrong-key"})
    with pytest.raises(litellm.NotFoundError):
        litellm.completion(messages=QUESTION, **{**options, "model": "openai/no-such-model"})
    with pytest.raises(litellm.ContextWindowExceededError):
        litellm.completion(messages=[{"role": "user", "content": "word " * 20_000}], **options)
    with pytest.raises(litellm.BadRequestError, match="logit_bias"):
        litellm.completion(messages=QUESTION, logit_bias={"1": 5}, **options)
