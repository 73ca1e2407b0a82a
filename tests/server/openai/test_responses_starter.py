"""POST /v1/responses with the real starter model: the page's examples, a forced call and a form that really hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from openai.types.responses import ResponseFunctionToolCall

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, PerformanceReport
from tests.server.conftest import Served

PAGE = Path(__file__).parents[3] / "docs" / "responses.md"
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"enum": ["Paris", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


@pytest.fixture
def make_engine(starter_folder: Path, reports: list[PerformanceReport]) -> Iterator[Callable[..., Engine]]:
    """An engine over the folder that has the starter model."""
    with Engine(starter_folder.parent, on_report=reports.append) as engine:
        yield lambda: engine


def test_the_starter_model_answers(
    serve: Callable[..., Served], starter_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = serve(load=False)
    served.engine.load(LoadRequest(model_path=starter_folder.name, backend="genai"))
    with OpenAI(base_url=f"{served.address}/v1", api_key="none", max_retries=0) as client:
        run_the_page(served.address)
        assert "Paris" in capsys.readouterr().out
        check_forced_calls(client)
        check_form_in_a_stream(client)
        check_probabilities(client)


def run_the_page(address: str) -> None:
    """Run every Python example of the page, one after another as a reader would."""
    namespace: dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(example.replace("http://127.0.0.1:7860", address), namespace)
    assert namespace["response"].status in ("completed", "incomplete")


def check_forced_calls(client: OpenAI) -> None:
    choices: list[Any] = ["required", {"type": "function", "name": "weather"}]
    for choice in choices:
        response = client.responses.create(
            model="default", input="Rome, please.", tools=[WEATHER], tool_choice=choice,
            parallel_tool_calls=False, max_output_tokens=64, temperature=0,
        )  # fmt: skip
        [call] = response.output
        assert isinstance(call, ResponseFunctionToolCall)
        assert call.name == "weather"
        assert json.loads(call.arguments)["city"] in ("Paris", "Rome")


def check_form_in_a_stream(client: OpenAI) -> None:
    form: Any = {"type": "json_schema", "name": "city", "schema": WEATHER["parameters"]}
    with client.responses.create(
        model="default", input="Which city?", text={"format": form}, stream=True, max_output_tokens=64, temperature=0
    ) as stream:
        events: list[Any] = list(stream)
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert events[-1].type == "response.completed"
    assert text == events[-1].response.output_text
    assert json.loads(text)["city"] in ("Paris", "Rome")
    assert events[-1].response.usage.output_tokens > 1


def check_probabilities(client: OpenAI) -> None:
    message: Any = client.responses.create(
        model="default", input="Say hi.", include=["message.output_text.logprobs"], max_output_tokens=8, temperature=0
    ).output[0]
    part = message.content[0]
    assert "".join(each.token for each in part.logprobs) == part.text
    assert all(each.logprob <= 0 for each in part.logprobs)
