"""smolagents' CodeAgent: the loop of thought, code and observation, over OpenAI's API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.clients.conftest import ADMIN_KEY, Server

TASK = "What is the sum of 19 and 23?"


def agent_of(server: Server, max_steps: int, **options: Any) -> Any:
    """A CodeAgent without tools of its own."""
    from smolagents import CodeAgent, OpenAIServerModel

    model = OpenAIServerModel(
        model_id=server.model, api_base=server.openai_address, api_key=ADMIN_KEY, client_kwargs={"max_retries": 0},
        **options,
    )  # fmt: skip
    return CodeAgent(tools=[], model=model, max_steps=max_steps, verbosity_level=0)


def stops_of_last_request(server: Server) -> int:
    """How many texts were to end the newest answer; the texts themselves are nobody's to read."""
    request_id = server.last_request()["request_id"]
    told = httpx.get(f"{server.address}/metrics/requests/{request_id}", headers=server.application.headers).json()
    return int(told["settings"]["texts"]["stop"])


def test_an_agent_that_answers_well_comes_to_the_right_end(scripted_server: Server) -> None:
    result = agent_of(scripted_server, max_steps=4).run(TASK, return_full_result=True)
    assert result.output == 42 and result.state == "success"
    assert len([step for step in result.steps if step.get("code_action")]) == 2
    assert result.token_usage.input_tokens > 0 and result.token_usage.output_tokens > 0
    assert stops_of_last_request(scripted_server) == 3


def test_an_agent_that_streams_comes_to_the_same_end(scripted_server: Server) -> None:
    agent = agent_of(scripted_server, max_steps=4)
    agent.stream_outputs = True
    assert agent.run(TASK) == 42


@pytest.mark.model
def test_the_loop_runs_with_a_model_too_small_to_be_right(server: Server) -> None:
    from smolagents import ActionStep

    agent = agent_of(server, max_steps=2, max_tokens=24, temperature=0)
    agent.run(TASK)
    steps = [step for step in agent.memory.steps if isinstance(step, ActionStep)]
    assert len(steps) >= 2
    assert all(step.token_usage is not None and step.token_usage.input_tokens > 100 for step in steps[:2])
    usage = agent.monitor.get_total_token_counts()
    assert usage.input_tokens > 200 and usage.output_tokens > 0


@pytest.mark.model
def test_no_request_of_an_agent_with_an_optional_argument_fails(server: Server) -> None:
    from smolagents import ActionStep, OpenAIServerModel, ToolCallingAgent, tool

    @tool
    def place(city: str, country: str | None = None, numbers: list[int] | None = None) -> str:
        """Looks a city up.

        Args:
            city: Its name.
            country: Where it is.
            numbers: Of its districts.
        """
        return f"{city} is known."

    model = OpenAIServerModel(
        model_id=server.model, api_base=server.openai_address, api_key=ADMIN_KEY, client_kwargs={"max_retries": 0},
        max_tokens=48, temperature=0,
    )  # fmt: skip
    agent = ToolCallingAgent(tools=[place], model=model, max_steps=2, verbosity_level=0)
    agent.run("Is Paris known?")
    steps = [step for step in agent.memory.steps if isinstance(step, ActionStep)]
    assert steps and all(step.token_usage is not None and step.token_usage.output_tokens > 0 for step in steps)
