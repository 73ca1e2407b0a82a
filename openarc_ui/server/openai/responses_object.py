"""The `response` object as the official SDK reads it: its parts as models for the documentation, and how one is made."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from openarc_ui.server.openai.figures import Timings
from openarc_ui.server.openai.logprobs import Logprob
from openarc_ui.server.openai.responses_body import ResponseBody
from openarc_ui.server.openai.responses_tools import plain

ItemStatus = Literal["in_progress", "completed", "incomplete"]


class OutputText(BaseModel):
    """What is said."""

    type: Literal["output_text"]
    text: str = Field(description="What is said.")
    annotations: list[Any] = Field(description="Always empty.")
    logprobs: list[Logprob] = Field(description="With include=message.output_text.logprobs; else empty.")


class OutputMessage(BaseModel):
    """An answer's text."""

    type: Literal["message"]
    id: str = Field(description="Of this item.")
    role: Literal["assistant"]
    status: ItemStatus = Field(description="incomplete: it was cut off.")
    content: list[OutputText]


class OutputCall(BaseModel):
    """A function the model wants called."""

    type: Literal["function_call"]
    id: str = Field(description="Of this item.")
    call_id: str = Field(description="For the function_call_output that brings the result.")
    name: str = Field(description="Of the function.")
    arguments: str = Field(description="A text of JSON.")
    status: ItemStatus = Field(description="incomplete: it was cut off.")


class ReasoningText(BaseModel):
    """A part of the thoughts."""

    type: Literal["reasoning_text"]
    text: str = Field(description="What was thought.")


class OutputReasoning(BaseModel):
    """What the model thought before it answered, where its chat template has marks for that."""

    type: Literal["reasoning"]
    id: str = Field(description="Of this item.")
    summary: list[Any] = Field(description="Always empty: the thoughts themselves are in content.")
    content: list[ReasoningText]
    status: ItemStatus = Field(description="incomplete: it was cut off.")


class InputDetails(BaseModel):
    """Of the prompt's tokens."""

    cached_tokens: int | None = Field(
        None, description="From the prefix cache; left out where the backend does not tell."
    )


class OutputDetails(BaseModel):
    """Of the answer's tokens."""

    reasoning_tokens: int | None = Field(
        description="0 where the model has no marks for thoughts; else null: not counted."
    )


class ResponseUsage(BaseModel):
    """Tokens."""

    input_tokens: int | None = Field(description="Of the prompt; null where it ended before the prompt was read.")
    input_tokens_details: InputDetails = Field(description="Of the prompt; empty where the backend does not tell.")
    output_tokens: int = Field(description="Of the answer, thoughts and end-of-text included.")
    output_tokens_details: OutputDetails
    total_tokens: int | None = Field(description="Both together.")


class ResponseFailure(BaseModel):
    """Why a response failed, in a stream."""

    code: Literal["server_error", "invalid_prompt", "rate_limit_exceeded"] = Field(
        description="As OpenAI's clients know it."
    )
    message: str = Field(description="What went wrong, and what to do.")


class Incomplete(BaseModel):
    """Why a response is incomplete."""

    reason: Literal["max_output_tokens"]


class ResponseAnswer(BaseModel):
    """Answer of `POST /v1/responses`, and the `response` of the events created, in_progress, completed, incomplete and failed."""

    id: str = Field(description="Also the id to cancel it by.", examples=["resp_67cb32528d6881909eb2859a55e18a85"])
    object: Literal["response"]
    created_at: int = Field(description="Seconds since the epoch.")
    completed_at: int | None = Field(description="Seconds since the epoch; null of what is not completed.")
    status: Literal["in_progress", "completed", "incomplete", "failed", "cancelled"] = Field(
        description="incomplete: max_output_tokens or the context is used up; cancelled: by POST /generate/cancel/{id}."
    )
    error: ResponseFailure | None
    incomplete_details: Incomplete | None
    model: str = Field(description="Name of the model that answers.")
    output: list[OutputReasoning | OutputMessage | OutputCall] = Field(
        description="Thoughts, text and calls as they came."
    )
    usage: ResponseUsage | None
    timings: Timings | None
    instructions: str | None = Field(description="As given.")
    max_output_tokens: int | None = Field(description="As given.")
    metadata: dict[str, str] = Field(description="As given.")
    parallel_tool_calls: bool = Field(description="As given.")
    previous_response_id: None = Field(description="Always null: responses are not kept.")
    prompt_cache_key: str | None = Field(description="As given.")
    reasoning: dict[str, Any] = Field(description="As given: how hard to think.")
    safety_identifier: str | None = Field(description="As given.")
    service_tier: Literal["default"]
    store: Literal[False]
    background: Literal[False]
    temperature: float | None = Field(description="As given; null: the model's own.")
    text: dict[str, Any] = Field(description="As given: what the answer looks like.")
    tool_choice: str | dict[str, Any] = Field(description="As given.")
    tools: list[dict[str, Any]] = Field(description="As given.")
    top_logprobs: int | None = Field(description="As given.")
    top_p: float | None = Field(description="As given; null: the model's own.")
    truncation: Literal["auto", "disabled"] = Field(description="As given.")
    user: str | None = Field(description="As given.")


def begun_response(body: ResponseBody, response_id: str, model: str, created_at: float) -> dict[str, Any]:
    """A response that has no output yet, with everything that was asked for told back."""
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(created_at),
        "completed_at": None,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "usage": None,
        "timings": None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata,
        "parallel_tool_calls": body.parallel_tool_calls,
        "previous_response_id": None,
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": {"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
        "safety_identifier": body.safety_identifier,
        "service_tier": "default",
        "store": False,
        "background": False,
        "temperature": body.temperature,
        "text": {"format": plain(body.text.format)},
        "tool_choice": body.tool_choice if isinstance(body.tool_choice, str) else plain(body.tool_choice),
        "tools": [plain(tool) for tool in body.tools],
        "top_logprobs": body.top_logprobs,
        "top_p": body.top_p,
        "truncation": body.truncation,
        "user": body.user,
    }
