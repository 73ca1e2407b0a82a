"""The typed parts of an answer: thoughts, text, calls with their arguments, the end; and how an answer is to be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from openarc_ui.conversations.answer_format import AnswerFormat
from openarc_ui.engine.prompts import TokenDetail
from openarc_ui.engine.types import GenerationResult
from openarc_ui.server.openai.asked import Forced


@dataclass(frozen=True, slots=True)
class Thought:
    """More of what the model thinks before it answers."""

    sequence: int
    text: str
    details: tuple[TokenDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """More of the answer's text; `details` of the tokens that came since the part before, where they were asked for."""

    sequence: int
    text: str
    details: tuple[TokenDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class CallBegun:
    """A call begins. `index` counts the calls of the sequence."""

    sequence: int
    index: int
    id: str
    name: str
    details: tuple[TokenDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class CallArguments:
    """More of the JSON of a call's arguments."""

    sequence: int
    index: int
    text: str
    details: tuple[TokenDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """The sequence is over: "stop", "length", "tool_calls" or "cancelled". `details` of tokens that no part before had."""

    sequence: int
    finish_reason: str
    details: tuple[TokenDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class Reported:
    """The last of all: the result, with its report."""

    result: GenerationResult


Part = Thought | Said | CallBegun | CallArguments | Ended
Parts = Sequence[Part | Reported]


@dataclass(frozen=True, slots=True)
class Reading:
    """How the answers to one request are read.

    Attributes:
        form: which thoughts and calls may be in them, where no call is forced.
        forced, name: the answer is one or several calls; of `name`, for "named".
        most_calls: further calls are left out; None: all count.
        id_prefix: what the ids of calls begin with where the model gives none.
    """

    form: AnswerFormat = field(default_factory=AnswerFormat)
    forced: Forced | None = None
    name: str = ""
    most_calls: int | None = None
    id_prefix: str = "call"
