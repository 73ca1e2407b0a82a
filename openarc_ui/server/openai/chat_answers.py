"""What `POST /v1/chat/completions` answers: the whole, and the chunks of a stream.

A chunk is joined from texts that are the same for all: one goes out for every token.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from openarc_ui.server.openai.figures import Timings, Usage, timings_of, usage_of
from openarc_ui.server.openai.logprobs import Logprobs, logprobs_of
from openarc_ui.server.openai.parts import CallArguments, CallBegun, Ended, Part, Parts, Reported, Said, Thought
from openarc_ui.server.sse import frame, to_json

FinishWord = Literal["stop", "length", "tool_calls", "cancelled"]
FINISH = "tool_calls: it ends with calls; cancelled: by POST /generate/cancel."


class AnsweredFunction(BaseModel):
    """What is to be called."""

    name: str = Field(description="Of the function.")
    arguments: str = Field(description="A JSON text.")


class AnsweredCall(BaseModel):
    """A call the model wants made."""

    id: str = Field(description="For the tool message that answers it.")
    type: Literal["function"] = Field("function", description="The only kind there is.")
    function: AnsweredFunction = Field(description="What is to be called, and with what.")


class AnsweredMessage(BaseModel):
    """What the assistant said."""

    role: Literal["assistant"] = Field("assistant", description="Always the assistant.")
    content: str | None = Field(description="Its text; null where there are only calls.")
    reasoning_content: str | None = Field(
        description="What it thought before, where its chat template has marks for that."
    )
    tool_calls: list[AnsweredCall] | None = Field(description="What it wants called.")
    refusal: None = Field(None, description="Always null.")


class ChatChoice(BaseModel):
    """One of the answers."""

    index: int = Field(description="Which of the n choices.")
    message: AnsweredMessage = Field(description="What was answered.")
    logprobs: Logprobs | None = Field(description="With logprobs; else null.")
    finish_reason: FinishWord = Field(description=FINISH)


class ChatAnswer(BaseModel):
    """Answer of `POST /v1/chat/completions`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "chatcmpl-0c8e5a3f7f9d4d1f9a57a5b0c7a2e6d1",
                    "object": "chat.completion",
                    "created": 1767225600,
                    "model": "SmolLM2-135M-Instruct-int4",
                    "choices": [
                        {
                            "index": 0,
                            "message": {
                                "role": "assistant",
                                "content": "The capital of France is Paris.",
                                "reasoning_content": None,
                                "tool_calls": None,
                                "refusal": None,
                            },
                            "logprobs": None,
                            "finish_reason": "stop",
                        }
                    ],
                    "usage": {
                        "prompt_tokens": 37,
                        "completion_tokens": 8,
                        "total_tokens": 45,
                        "prompt_tokens_details": None,
                        "completion_tokens_details": None,
                    },
                    "timings": {
                        "cache_n": None,
                        "prompt_n": 37,
                        "prompt_ms": 74.0,
                        "prompt_per_token_ms": 2.0,
                        "prompt_per_second": 500.0,
                        "predicted_n": 8,
                        "predicted_ms": 140.0,
                        "predicted_per_token_ms": 20.0,
                        "predicted_per_second": 50.0,
                    },
                    "system_fingerprint": "3f9a57a5b0c7",
                }
            ]
        }
    )

    id: str = Field(description="Also the request_id that POST /generate/cancel and the metrics know.")
    object: Literal["chat.completion"] = Field("chat.completion", description="What this is.")
    created: int = Field(description="Seconds since the epoch.")
    model: str = Field(description="Name of the model that answered.")
    choices: list[ChatChoice] = Field(description="The answers, as many as n.")
    usage: Usage = Field(description="Tokens of prompt and answers.")
    timings: Timings = Field(description="How fast it was.")
    system_fingerprint: str = Field(
        description="Id of the model's effective configuration; equal ids are comparable runs."
    )


def chat_answer(
    parts: Sequence[Part], done: Reported, fingerprint: str, alternatives: int | None, is_forced: bool = False
) -> ChatAnswer:
    """The whole answer.

    Args:
        parts: all of it, of every choice.
        alternatives: so many to each token; None: logprobs are not wanted.
        is_forced: a call had to come, so that an answer that ended before has no text.
    """
    result = done.result
    choices = []
    for index in range(len(result.finish_reasons)):
        own = [part for part in parts if part.sequence == index]
        details = [detail for part in own for detail in part.details]
        choices.append(
            ChatChoice(
                index=index,
                message=_message(own, is_forced),
                logprobs=None if alternatives is None else Logprobs(**logprobs_of(details, alternatives)),
                finish_reason=next(part.finish_reason for part in own if isinstance(part, Ended)),
            )
        )
    return ChatAnswer(
        id=result.request_id,
        created=int(result.report.submitted_at),
        model=result.model,
        choices=choices,
        usage=Usage(**usage_of([result.report])),
        timings=Timings(**timings_of(result.report)),
        system_fingerprint=fingerprint,
    )


def _message(parts: Sequence[Part], is_forced: bool) -> AnsweredMessage:
    said = [part.text for part in parts if isinstance(part, Said)]
    thought = [part.text for part in parts if isinstance(part, Thought)]
    calls = [
        AnsweredCall(id=part.id, function=AnsweredFunction(name=part.name, arguments=_arguments(parts, part.index)))
        for part in parts
        if isinstance(part, CallBegun)
    ]
    return AnsweredMessage(
        content="".join(said) if said or not (calls or is_forced) else None,
        reasoning_content="".join(thought) if thought else None,
        tool_calls=calls or None,
    )


def _arguments(parts: Sequence[Part], index: int) -> str:
    return "".join(part.text for part in parts if isinstance(part, CallArguments) and part.index == index)


@dataclasses.dataclass(slots=True)
class ChatChunks:
    """Writes the chunks of one stream.

    Attributes:
        alternatives: so many to each token; None: logprobs are not wanted.
        includes_usage: a last chunk has the usage; the others say null.
    """

    id: str
    model: str
    fingerprint: str
    alternatives: int | None = None
    includes_usage: bool = False
    _created: int = dataclasses.field(default_factory=lambda: int(time.time()))
    _begun: set[int] = dataclasses.field(default_factory=set)
    _head: str = ""

    def __post_init__(self) -> None:
        shared = {**self._shared(), **({"usage": None} if self.includes_usage else {})}
        self._head = f'data: {to_json(shared)[:-1]},"choices":[{{"index":'

    def frames_of(self, parts: Parts) -> str:
        """The frames of what is new. The last of all has the timings: a chunk of its own only where usage is wanted, since
        many clients read `choices[0]` of every chunk.
        """
        done = parts[-1] if parts else None
        if not isinstance(done, Reported):
            return "".join(self._frame_of(part) for part in parts if not isinstance(part, Reported))
        report = done.result.report
        *others, last = [part for part in parts if not isinstance(part, Reported)]
        frames = "".join(map(self._frame_of, others))
        if not self.includes_usage:
            return frames + self._frame_of(last, f',"timings":{to_json(timings_of(report))}')
        end = {**self._shared(), "choices": [], "usage": usage_of([report]), "timings": timings_of(report)}
        return frames + self._frame_of(last) + frame(end)

    def _frame_of(self, part: Part, more: str = "") -> str:
        """The frame or frames of one part; `more` is put behind the choices."""
        if isinstance(part, Said):
            return self._delta(part, {"content": part.text}, more)
        if isinstance(part, Thought):
            return self._delta(part, {"reasoning_content": part.text}, more)
        if isinstance(part, Ended):
            return self._delta(part, {}, more, to_json(part.finish_reason))
        if isinstance(part, CallBegun):
            called = {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": ""}}
        else:
            called = {"function": {"arguments": part.text}}
        return self._delta(part, {"tool_calls": [{"index": part.index, **called}]}, more)

    def _delta(self, part: Part, delta: dict[str, Any], more: str, finish_reason: str = "null") -> str:
        """One chunk, and before a choice's first one that says whose it is."""
        begun = ""
        if part.sequence not in self._begun:
            self._begun.add(part.sequence)
            begun = self._chunk(part.sequence, {"role": "assistant", "content": ""}, "null", "null", "")
        logprobs = "null"
        if part.details and self.alternatives is not None:
            logprobs = to_json(logprobs_of(part.details, self.alternatives))
        return begun + self._chunk(part.sequence, delta, logprobs, finish_reason, more)

    def _chunk(self, index: int, delta: dict[str, Any], logprobs: str, finish_reason: str, more: str) -> str:
        choice = f'{index},"delta":{to_json(delta)},"logprobs":{logprobs},"finish_reason":{finish_reason}'
        return f"{self._head}{choice}}}]{more}}}\n\n"

    def _shared(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }
