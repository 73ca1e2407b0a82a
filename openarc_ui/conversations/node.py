"""One message in its place in a conversation, and what is known of it where a model generated it.

Everything here is immutable: a change makes another node, so what changed can be told by looking.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from pydantic import ValidationError

from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.message import Message, Role, ToolCall
from openarc_ui.engine.types import FinishReason
from openarc_ui.errors import InvalidRequest, nearest

ROLES: tuple[str, ...] = get_args(Role)

MAX_MESSAGE_BYTES = 1_000_000
"""Of a message's content, reasoning and tool calls together, in UTF-8."""


def new_id() -> str:
    """An id for a node or a group of answers: 12 hexadecimal digits."""
    return secrets.token_hex(6)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a message that a model generated.

    Attributes:
        model: name of the model it came from.
        figures: the fields of its PerformanceReport that were measured, without the latencies.
        finish_reason: why it ended; None while it is running.
        prefill_characters: `content[:prefill_characters]` was given by the user, not generated.
        reasoning_tokens, reasoning_seconds: what the reasoning took; None where there is none or it was not measured.
        problem: why it failed, one sentence; "" when it did not.
        group: an id that answers made side by side share (several sequences, two models); None for one alone.
        is_running: it is still being generated.
        tokens_id: where the store keeps the details of its tokens; "" when there are none. Set by the store.
    """

    model: str
    request_id: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    finish_reason: str | None = None
    seed: int | None = None
    prefill_characters: int = 0
    reasoning_tokens: int | None = None
    reasoning_seconds: float | None = None
    problem: str = ""
    group: str | None = None
    is_running: bool = False
    tokens_id: str = ""

    @property
    def has_tokens(self) -> bool:
        """The store has details of its tokens."""
        return bool(self.tokens_id)


@dataclass(frozen=True, slots=True)
class Node:
    """A message in its place: below the message it follows, beside its other versions.

    Attributes:
        parent_id: the message it follows; None for the first of a conversation.
        created_at: seconds since the epoch.
        answer: None for what nobody generated.
    """

    id: str
    parent_id: str | None
    message: Message
    created_at: float
    answer: Answer | None = None

    @property
    def role(self) -> Role:
        return self.message.role

    @property
    def content(self) -> str:
        return self.message.content

    @property
    def name(self) -> str | None:
        return self.message.name

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls of an assistant's message; () when there are none."""
        return self.message.tool_calls or ()

    @property
    def tool_call_id(self) -> str | None:
        return self.message.tool_call_id

    @property
    def reasoning(self) -> str | None:
        return self.message.reasoning_content


@dataclass(frozen=True, slots=True)
class Placement:
    """A node with where it stands among its versions, and whether the path goes through it when it gets there."""

    node: Node
    position: int
    is_selected: bool


def ended(answer: Answer | None) -> Answer | None:
    """What a copy of an answer has: it is not the one that goes on, so it ends with what it is so far."""
    if answer is None or not answer.is_running:
        return answer
    return replace(answer, is_running=False, finish_reason=FinishReason.CANCELLED.value, figures={})


def is_hollow(node: Node) -> bool:
    """An answer that is being generated and says nothing yet: a copy of it would be no message."""
    is_running = node.answer is not None and node.answer.is_running
    return is_running and not (node.content or node.reasoning or node.tool_calls)


def checked_message(message: Message) -> Message:
    """The message as a node keeps it: an empty list of tool calls is none.

    Raises:
        InvalidRequest: it is larger than `MAX_MESSAGE_BYTES`, or no text.
    """
    try:
        size = len(message.content.encode()) + len((message.reasoning_content or "").encode())
        if message.tool_calls:
            calls = [call.model_dump(mode="json") for call in message.tool_calls]
            size += len(json.dumps(calls, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        raise InvalidRequest("Half of a surrogate pair is no character; the message has one.") from None
    if message.tool_calls == ():
        message = message.model_copy(update={"tool_calls": None})
    if size > MAX_MESSAGE_BYTES:
        raise InvalidRequest(
            f"A message has at most {MAX_MESSAGE_BYTES:,} bytes; this one has {size:,}.",
            "Split it, or leave out what the model does not need.",
        )
    return message


def message_from(values: Mapping[str, Any]) -> Message:
    """A message from outside.

    Raises:
        InvalidRequest: what is wrong with it, one sentence; an unknown role or field with the nearest right name.
    """
    role = values.get("role")
    if isinstance(role, str) and role not in ROLES:
        raise InvalidRequest(f"There is no role '{role[:80]}'.", nearest(role, ROLES))
    try:
        return Message.model_validate(dict(values))
    except ValidationError as error:
        raise explain(
            error.errors(), fields_by_path(Message), what="The message", hint='A message is {"role", "content"}.'
        ) from None
