"""The answer to a request for a response, whole and as events. Both come from the same items, so they say the same."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from openarc_ui import errors
from openarc_ui.engine.prompts import TokenDetail
from openarc_ui.engine.types import GenerationResult
from openarc_ui.errors import OpenArcError
from openarc_ui.server.openai.answering import PartsOfAll, Whole
from openarc_ui.server.openai.errors import ParameterWrong, openai_problem
from openarc_ui.server.openai.figures import timings_of
from openarc_ui.server.openai.logprobs import logprob_of
from openarc_ui.server.openai.parts import (
    CallArguments,
    CallBegun,
    Part,
    Parts,
    Reported,
    Said,
    Thought,
)
from openarc_ui.server.openai.responses_events import Event, ResponseOutput
from openarc_ui.server.sse import KEEP_ALIVE, frame

STATUSES = {"length": "incomplete", "cancelled": "cancelled"}
"""Finish reason -> status of the response; every other one is completed."""


class ResponseTeller:
    """Turns the parts of one answer into events.

    Args:
        head: the response without output.
        has_thoughts: the model has marks for thoughts.
        alternatives: how many are told of each token; None: nothing is told of tokens.
    """

    def __init__(self, head: dict[str, Any], has_thoughts: bool, alternatives: int | None) -> None:
        self._output = ResponseOutput(head)
        self._has_thoughts = has_thoughts
        self._alternatives = alternatives
        self._finish_reason = "stop"
        self._has_said = False

    def begin(self) -> list[Event]:
        """The first events."""
        return self._output.begin()

    def tell(self, parts: Parts) -> list[Event]:
        """The events of what is new."""
        events: list[Event] = []
        details: tuple[TokenDetail, ...] = ()
        for part in parts:
            if isinstance(part, Reported):
                events += self._end(part.result)
                continue
            details += part.details
            events += self._part(part, details)
            if isinstance(part, Said | CallBegun):
                details = ()
        return events

    def fail(self, error: OpenArcError) -> list[Event]:
        """The last events of an answer that broke off."""
        return self._output.end("failed", error=failure_of(error))

    def _part(self, part: Part, details: Sequence[TokenDetail]) -> list[Event]:
        if isinstance(part, Thought):
            return self._output.thought(part.text)
        if isinstance(part, Said):
            return self._output.said(part.text, self._logprobs(part.text, details)) if part.text else []
        if isinstance(part, CallBegun):
            return self._output.call_begun(part.id, part.name)
        if isinstance(part, CallArguments):
            return self._output.call_arguments(part.text)
        self._finish_reason = part.finish_reason
        return []

    def _logprobs(self, text: str, details: Sequence[TokenDetail]) -> list[dict[str, Any]]:
        """What is told of the tokens of a text; of those of thoughts before it nothing."""
        if self._alternatives is None:
            return []
        said = [each for each in details if not each.is_special]
        if not self._has_said and self._has_thoughts:
            said = _last_of(said, len(text))
        self._has_said = True
        return [logprob_of(each, self._alternatives) for each in said]

    def _end(self, result: GenerationResult) -> list[Event]:
        status = STATUSES.get(self._finish_reason, "completed")
        return self._output.end(
            status,
            completed_at=int(time.time()) if status == "completed" else None,
            incomplete_details={"reason": "max_output_tokens"} if status == "incomplete" else None,
            usage=usage_of(result, has_thoughts=self._has_thoughts),
            timings=timings_of(result.report),
        )


def whole_response(teller: ResponseTeller, whole: Whole) -> dict[str, Any]:
    """The response of an answer that is over."""
    teller.begin()
    last: dict[str, Any] = teller.tell([*whole.parts, Reported(whole.result)])[-1]["response"]
    return last


async def response_frames(teller: ResponseTeller, parts: PartsOfAll) -> AsyncIterator[str]:
    """The frames of a response, ended by its last event."""
    try:
        yield _frames(teller.begin())
        async for _, news in parts:
            yield _frames(teller.tell(news)) or KEEP_ALIVE
    except OpenArcError as error:
        yield _frames(teller.fail(in_words_of_responses(error)))


def failure_of(error: OpenArcError) -> dict[str, Any]:
    """An error as the `error` of a response. OpenAI's clients know a few codes only; `type` is ours."""
    code = "invalid_prompt" if isinstance(error, errors.InvalidRequest) else "server_error"
    return {"code": code, "message": openai_problem(error, 500)["error"]["message"], "type": error.code}


def in_words_of_responses(error: OpenArcError) -> OpenArcError:
    """An error of the engine, with the parameters that a request for a response has."""
    if not isinstance(error, errors.PromptTooLong):
        return error
    wrong = ParameterWrong(
        error.message, 'Shorten the input, or set truncation to "auto" to leave out its oldest messages.', param="input"
    )
    wrong.code = "context_length_exceeded"
    return wrong


def usage_of(result: GenerationResult, has_thoughts: bool) -> dict[str, Any]:
    """Tokens, as far as they were counted.

    Without a count of cached tokens their details are empty: the official SDK reads None from that and wants an object;
    LiteLLM takes no null within it.
    """
    report, cached = result.report, result.report.cached_prompt_tokens
    return {
        "input_tokens": report.prompt_tokens,
        "input_tokens_details": {} if cached is None else {"cached_tokens": cached},
        "output_tokens": report.generated_tokens,
        "output_tokens_details": {"reasoning_tokens": None if has_thoughts else 0},
        "total_tokens": None if report.prompt_tokens is None else report.prompt_tokens + report.generated_tokens,
    }


def _last_of(details: Sequence[TokenDetail], characters: int) -> list[TokenDetail]:
    """The last tokens that make up so many characters."""
    kept: list[TokenDetail] = []
    for each in reversed(details):
        if characters <= 0:
            break
        kept.append(each)
        characters -= len(each.text)
    return kept[::-1]


def _frames(events: Sequence[Event]) -> str:
    return "".join(frame(event, event["type"]) for event in events)
