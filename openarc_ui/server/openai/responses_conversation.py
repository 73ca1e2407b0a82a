"""Items as the messages they are: an answer's thoughts, text and calls become one message of the assistant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from openarc_ui.engine.bounds import check_json
from openarc_ui.engine.message import FunctionCall, Message, ToolCall
from openarc_ui.server.openai.errors import ParameterWrong
from openarc_ui.server.openai.responses_input import (
    CallItem,
    CallOutputItem,
    InputItem,
    MessageItem,
    ReasoningItem,
    text_of,
)

MOST_CALLS = 64
"""Of one message, as `Message` has it."""


@dataclass(slots=True)
class _Answer:
    """One answer of the assistant, while its items are read."""

    thoughts: list[str] = field(default_factory=list)
    content: str | None = None
    calls: list[ToolCall] = field(default_factory=list)

    @property
    def has_begun_to_speak(self) -> bool:
        """Neither thoughts nor another text can follow in the same message."""
        return self.content is not None or bool(self.calls)

    def message(self) -> Message:
        return Message(
            role="assistant",
            content=self.content or "",
            reasoning_content="\n\n".join(self.thoughts) or None,
            tool_calls=tuple(self.calls) or None,
        )


def conversation_of(given: str | Sequence[InputItem], instructions: str | None) -> tuple[Message, ...]:
    """The messages of a request, oldest first.

    `instructions` and the system messages the items begin with become one system message, a blank line between them: many
    chat templates take only one.

    Raises:
        ParameterWrong: a call's arguments are no JSON object, or there is no call for what is to be its result.
    """
    messages = [Message(role="user", content=given)] if isinstance(given, str) else _Reader().messages(given)
    if not instructions:
        return tuple(messages)
    first = next((index for index, each in enumerate(messages) if each.role != "system"), len(messages))
    texts = [instructions, *(each.content for each in messages[:first] if each.content)]
    return (Message(role="system", content="\n\n".join(texts)), *messages[first:])


class _Reader:
    """Reads items in their order."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._answer: _Answer | None = None
        self._called: set[str] = set()

    def messages(self, items: Sequence[InputItem]) -> list[Message]:
        for index, item in enumerate(items):
            if isinstance(item, CallOutputItem):
                self._end_answer()
                self._messages.append(self._result(item, index))
            elif isinstance(item, MessageItem) and item.role != "assistant":
                self._end_answer()
                role = "system" if item.role == "developer" else item.role
                self._messages.append(Message(role=role, content=text_of(item.content)))
            else:
                self._add_to_answer(item, index)
        self._end_answer()
        return self._messages

    def _add_to_answer(self, item: MessageItem | CallItem | ReasoningItem, index: int) -> None:
        """Thoughts come before text, text before calls; what does not fit begins a new answer."""
        current = self._answer or _Answer()
        is_full = len(current.calls) >= MOST_CALLS
        if is_full if isinstance(item, CallItem) else current.has_begun_to_speak:
            self._end_answer()
        answer = self._answer = self._answer or _Answer()
        if isinstance(item, ReasoningItem):
            answer.thoughts.extend(filter(None, [item.text()]))
        elif isinstance(item, MessageItem):
            answer.content = text_of(item.content)
        else:
            answer.calls.append(_call(item, index))
            self._called.add(item.call_id)

    def _result(self, item: CallOutputItem, index: int) -> Message:
        if item.call_id not in self._called:
            raise ParameterWrong(
                f"There is no call '{item.call_id}' before its result.",
                "Send the item function_call of the answer along, with the same call_id.",
                param=f"input[{index}].call_id",
            )
        return Message(role="tool", content=text_of(item.output), tool_call_id=item.call_id, name=item.name)

    def _end_answer(self) -> None:
        if self._answer is not None:
            self._messages.append(self._answer.message())
            self._answer = None


def _call(item: CallItem, index: int) -> ToolCall:
    try:
        arguments = check_json(json.loads(item.arguments)) if item.arguments.strip() else {}
        if not isinstance(arguments, dict):
            raise ValueError("this is none")
        return ToolCall(id=item.call_id, function=FunctionCall(name=item.name, arguments=arguments))
    except (ValueError, RecursionError) as error:
        reason = "half of a surrogate pair is no character" if isinstance(error, ValidationError) else str(error)
        raise ParameterWrong(
            f"A call's arguments are the text of a JSON object: {reason}.",
            'Such as "{\\"city\\": \\"Paris\\"}".',
            param=f"input[{index}].arguments",
        ) from None
