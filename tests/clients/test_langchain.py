"""langchain-openai, as applications and agents built on LangChain use it."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from pydantic import BaseModel, Field

from tests.clients.conftest import USE_KEY, Server

pytestmark = pytest.mark.model

QUESTION = "What is the capital of France?"


class City(BaseModel):
    """A city."""

    name: str = Field(description="Its name")
    is_capital: bool = Field(description="Whether it is a capital")


@pytest.fixture(scope="module")
def chat(server: Server) -> Any:
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    return ChatOpenAI(
        base_url=server.openai_address,
        api_key=SecretStr(USE_KEY),
        model=server.model,
        max_completion_tokens=24,
        temperature=0,
        max_retries=0,
    )


def test_a_question_is_answered_with_usage(chat: Any) -> None:
    answer = chat.invoke(QUESTION)
    assert "Paris" in answer.content
    usage = answer.usage_metadata
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert answer.response_metadata["finish_reason"] in ("stop", "length")


def test_a_stream_ends_with_its_usage(chat: Any) -> None:
    pieces = list(chat.stream(QUESTION, stream_usage=True))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    assert "Paris" in whole.content and len(pieces) > 3
    assert whole.usage_metadata["output_tokens"] > 0


def test_several_questions_are_asked_at_once(chat: Any) -> None:
    answers = chat.batch([QUESTION, "What is the capital of Spain?", "Say hello."])
    assert len(answers) == 3 and all(answer.content for answer in answers)


def test_a_question_is_asked_without_blocking(chat: Any) -> None:
    async def ask() -> tuple[str, list[str]]:
        answer = await chat.ainvoke([("system", "Be brief."), ("user", QUESTION)])
        return answer.content, [piece.content async for piece in chat.astream(QUESTION)]

    whole, pieces = anyio.run(ask)
    assert whole and "".join(pieces)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_an_answer_is_an_instance_of_a_model(chat: Any, method: str) -> None:
    answer = chat.bind(max_completion_tokens=80).bound.with_structured_output(City, method=method)
    found = answer.invoke("Paris is the capital of France.", max_completion_tokens=80)
    assert isinstance(found, City)


def test_a_tool_that_must_be_called_is_called(chat: Any) -> None:
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.tools import tool

    @tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    bound = chat.bind_tools([weather], tool_choice="weather")
    asked = [HumanMessage("How is the weather in Paris?")]
    answer = bound.invoke(asked, max_completion_tokens=80)
    (call,) = answer.tool_calls
    assert call["name"] == "weather" and list(call["args"]) == ["city"]
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    assert chat.bind_tools([weather]).invoke([*asked, answer, result]).response_metadata["finish_reason"]
    streamed = None
    for piece in bound.stream(asked, max_completion_tokens=80):
        streamed = piece if streamed is None else streamed + piece
    assert streamed is not None and [each["name"] for each in streamed.tool_calls] == ["weather"]


def test_a_completion_model_goes_on(server: Server) -> None:
    from langchain_openai import OpenAI
    from pydantic import SecretStr

    model = OpenAI(
        base_url=server.openai_address,
        api_key=SecretStr(USE_KEY),
        model=server.model,
        max_tokens=6,
        temperature=0,
        max_retries=0,
    )
    assert model.invoke("The capital of France is").strip()


def test_the_responses_api_can_be_chosen(chat: Any) -> None:
    answer = chat.model_copy(update={"use_responses_api": True}).invoke(QUESTION)
    assert answer.text and answer.usage_metadata["output_tokens"] > 0
