"""What `POST /v1/completions` answers: the whole, and the chunks of a stream."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from openarc_ui.engine.types import ModelInfo, PerformanceReport
from openarc_ui.server.openai.answering import Whole
from openarc_ui.server.openai.figures import Timings, Usage, timings_of, usage_of
from openarc_ui.server.openai.logprobs import LegacyLogprobs, legacy_logprobs_of
from openarc_ui.server.openai.parts import Ended, Part, Parts, Reported, Said
from openarc_ui.server.sse import frame, to_json


class CompletionChoice(BaseModel):
    """One of the answers."""

    index: int = Field(description="prompt * n + number.")
    text: str = Field(description="What was generated; with echo its prompt first.")
    logprobs: LegacyLogprobs | None = Field(description="With logprobs; else null.")
    finish_reason: Literal["stop", "length", "cancelled"] = Field(description="cancelled: by POST /generate/cancel.")


class CompletionAnswer(BaseModel):
    """Answer of `POST /v1/completions`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "cmpl-0c8e5a3f7f9d4d1f9a57a5b0c7a2e6d1",
                    "object": "text_completion",
                    "created": 1767225600,
                    "model": "SmolLM2-135M-Instruct-int4",
                    "choices": [{"index": 0, "text": " Paris.", "logprobs": None, "finish_reason": "stop"}],
                    "usage": {
                        "prompt_tokens": 5,
                        "completion_tokens": 3,
                        "total_tokens": 8,
                        "prompt_tokens_details": None,
                        "completion_tokens_details": None,
                    },
                    "timings": None,
                    "system_fingerprint": "3f9a57a5b0c7",
                }
            ]
        }
    )

    id: str = Field(
        description="Also the request_id of POST /generate/cancel; with several prompts -0, -1, … follow it."
    )
    object: Literal["text_completion"] = Field("text_completion", description="What this is.")
    created: int = Field(description="Seconds since the epoch.")
    model: str = Field(description="Name of the model that answered.")
    choices: list[CompletionChoice] = Field(description="The answers, n to each prompt.")
    usage: Usage = Field(description="Tokens of all prompts and answers.")
    timings: Timings | None = Field(description="Null with several prompts, which run side by side.")
    system_fingerprint: str = Field(
        description="Id of the model's effective configuration; equal ids are comparable runs."
    )


def completion_answer(
    found: Sequence[Whole], call_id: str, info: ModelInfo, alternatives: int | None, echoed: Sequence[str]
) -> CompletionAnswer:
    """The whole answer.

    Args:
        found: one for each prompt.
        alternatives: so many to each token; None: logprobs are not wanted.
        echoed: what each prompt's texts begin with.
    """
    choices: list[CompletionChoice] = []
    for whole, before in zip(found, echoed, strict=True):
        for sequence in range(len(whole.result.finish_reasons)):
            own = [part for part in whole.parts if part.sequence == sequence]
            choices.append(_choice(own, len(choices), alternatives, before))
    reports = [each.result.report for each in found]
    return CompletionAnswer(
        id=call_id,
        created=int(reports[0].submitted_at),
        model=info.name,
        choices=choices,
        usage=Usage(**usage_of(reports)),
        timings=Timings(**timings_of(reports[0])) if len(reports) == 1 else None,
        system_fingerprint=info.configuration_id,
    )


def _choice(parts: Sequence[Part], index: int, alternatives: int | None, before: str) -> CompletionChoice:
    details = [detail for part in parts for detail in part.details]
    return CompletionChoice(
        index=index,
        text=before + "".join(part.text for part in parts if isinstance(part, Said)),
        logprobs=None if alternatives is None else LegacyLogprobs(**legacy_logprobs_of(details, alternatives, 0)),
        finish_reason=next(part.finish_reason for part in parts if isinstance(part, Ended)),
    )


@dataclass(slots=True)
class CompletionChunks:
    """Writes the chunks of one stream.

    Attributes:
        sequences: how many choices each prompt has.
        alternatives: so many to each token; None: logprobs are not wanted.
        includes_usage: a last chunk has the usage; the others say null.
        echoed: what each prompt's texts begin with.
    """

    id: str
    info: ModelInfo
    sequences: int
    alternatives: int | None
    includes_usage: bool
    echoed: Sequence[str]
    _created: int = field(default_factory=lambda: int(time.time()))
    _reports: list[PerformanceReport] = field(default_factory=list)
    _offsets: dict[int, int] = field(default_factory=dict)
    _head: str = ""

    def __post_init__(self) -> None:
        shared = {**self._shared(), **({"usage": None} if self.includes_usage else {})}
        self._head = f'data: {to_json(shared)[:-1]},"choices":[{{"index":'

    def frames_of(self, prompt: int, parts: Parts) -> str:
        """The frames of what is new of one prompt."""
        frames = []
        done = parts[-1] if parts and isinstance(parts[-1], Reported) else None
        timings = ""
        if done is not None:
            self._reports.append(done.result.report)
            if not self.includes_usage and len(self.echoed) == 1:
                timings = f',"timings":{to_json(timings_of(done.result.report))}'
        last = parts[-2] if done is not None and len(parts) > 1 else None
        for part in parts:
            index = prompt * self.sequences + (0 if isinstance(part, Reported) else part.sequence)
            if isinstance(part, Said):
                frames.append(self._chunk(index, prompt, part.text, part))
            elif isinstance(part, Ended):
                more = timings if part is last else ""
                frames.append(self._chunk(index, prompt, "", part, to_json(part.finish_reason), more))
        return "".join(frames)

    def end(self) -> str:
        """The chunk with the usage, where it is wanted."""
        if not self.includes_usage:
            return ""
        timings = timings_of(self._reports[0]) if len(self.echoed) == 1 else None
        return frame({**self._shared(), "choices": [], "usage": usage_of(self._reports), "timings": timings})

    def _chunk(self, index: int, prompt: int, text: str, part: Part, reason: str = "null", more: str = "") -> str:
        """One chunk; a choice's first one begins with what is echoed."""
        offset = self._offsets.get(index)
        before = self.echoed[prompt] if offset is None else ""
        self._offsets[index] = (offset or 0) + len(text)
        logprobs = "null"
        if part.details and self.alternatives is not None:
            logprobs = to_json(legacy_logprobs_of(part.details, self.alternatives, offset or 0))
        told = f'{index},"text":{to_json(before + text)},"logprobs":{logprobs},"finish_reason":{reason}'
        return f"{self._head}{told}}}]{more}}}\n\n"

    def _shared(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self._created,
            "model": self.info.name,
            "system_fingerprint": self.info.configuration_id,
        }
