"""Which part of a rendered prompt is whose words: spans of text with a role, and tokens that lie in them.

A template may strip a message, write it twice or take it apart, so the conversation is rendered once more with marks around
what each message says. Where the marks changed what the template did, the words are looked for instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from openarc_ui.engine.message import Message, ToolCall
from openarc_ui.engine.prompts import PromptToken
from openarc_ui.errors import OpenArcError

MARK_BEGIN, MARK_END = "\ue000", "\ue001"
"""Of Unicode's private use: no template strips them, and JSON leaves them as they are."""
MARK = re.compile(f"{MARK_BEGIN}(\\d+){MARK_END}")
JSON_FORMS: tuple[Mapping[str, Any], ...] = ({}, {"indent": 4}, {"indent": 2}, {"separators": (",", ":")})
JSON_DISTANCE = 64
"""Characters between a function's name and its arguments in every known format, with much to spare."""

Render = Callable[[Sequence[Message]], str]


class Span(NamedTuple):
    """A part of the prompt, from `start` to before `end`, in characters."""

    start: int
    end: int
    role: str


Group = tuple[int, int | None]
"""A message by its index, and one of its calls, where it is a call's words."""


def content_spans(text: str, conversation: Sequence[Message], render: Render) -> list[Span]:
    """Where each message's words are, in order; parts of no message are in no span.

    Args:
        text: the prompt, as `render` gave it for this conversation.
        render: the same again for a conversation that differs in its words alone.
    """
    if MARK_BEGIN not in text:
        for is_inside, with_calls in ((False, True), (True, True), (True, False)):
            spans = _by_marks(text, conversation, render, _Marker(is_inside, with_calls))
            if spans is not None:
                return spans
    return _by_search(text, conversation)


def with_roles(tokens: Iterable[PromptToken], spans: Sequence[Span]) -> tuple[PromptToken, ...]:
    """The tokens of a prompt, each with the role of the span that its text is in, wholly or in part.

    A token without text is a later part of the character before it, and has its role.
    """
    found: list[PromptToken] = []
    at, index, role = 0, 0, None
    for token in tokens:
        end = at + len(token.text)
        if token.text:
            while index < len(spans) and spans[index].end <= at:
                index += 1
            role = spans[index].role if index < len(spans) and spans[index].start < end else None
        found.append(PromptToken(token.id, token.text, token.piece, token.is_special, role))
        at = end
    return tuple(found)


class _Marker:
    """Puts a pair of marks around each text of a conversation, and remembers whose it is.

    Args:
        is_inside: marks inside a text's white space, for a template that strips it.
        with_calls: the names and the arguments of calls too.
    """

    def __init__(self, is_inside: bool, with_calls: bool) -> None:
        self._is_inside = is_inside
        self._with_calls = with_calls
        self.groups: list[Group] = []

    def message(self, index: int, message: Message) -> Message:
        """A message with marks."""
        changes: dict[str, Any] = {"content": self._text(message.content, (index, None))}
        if message.reasoning_content:
            changes["reasoning_content"] = self._text(message.reasoning_content, (index, None))
        if message.tool_calls and self._with_calls:
            changes["tool_calls"] = tuple(
                self._call(call, (index, number)) for number, call in enumerate(message.tool_calls)
            )
        return message.model_copy(update=changes)

    def _call(self, call: ToolCall, group: Group) -> ToolCall:
        """Marks around the name, and around the arguments that are texts."""
        name = self._text(call.function.name, group)
        arguments = {
            key: self._text(value, group) if isinstance(value, str) else value
            for key, value in call.function.arguments.items()
        }
        return call.model_copy(
            update={"function": call.function.model_copy(update={"name": name, "arguments": arguments})}
        )

    def _text(self, text: str, group: Group) -> str:
        core = text.strip() if self._is_inside else text
        if not core:
            return text
        at, number = text.index(core), 2 * len(self.groups)
        self.groups.append(group)
        begin, end = (f"{MARK_BEGIN}{each}{MARK_END}" for each in (number, number + 1))
        return f"{text[:at]}{begin}{core}{end}{text[at + len(core) :]}"


def _by_marks(text: str, conversation: Sequence[Message], render: Render, marker: _Marker) -> list[Span] | None:
    """Spans from a rendering with marks; None where that is not the same prompt with marks in it."""
    try:
        rendered = render([marker.message(index, message) for index, message in enumerate(conversation)])
    except OpenArcError:
        return None
    places: dict[Group, list[tuple[int, int]]] = {}
    open_at: dict[int, int] = {}
    parts, length, read = [], 0, 0
    for mark in MARK.finditer(rendered):
        parts.append(rendered[read : mark.start()])
        length, read = length + mark.start() - read, mark.end()
        number, is_end = divmod(int(mark.group(1)), 2)
        if not is_end:
            open_at[number] = length
        elif number in open_at:
            places.setdefault(marker.groups[number], []).append((open_at[number], length))
    if "".join([*parts, rendered[read:]]) != text:
        return None
    return _merged(text, conversation, places)


def _merged(text: str, conversation: Sequence[Message], places: Mapping[Group, list[tuple[int, int]]]) -> list[Span]:
    """Spans in order; a call's parts and its arguments as JSON are one."""
    spans: list[Span] = []
    for (index, number), found in places.items():
        message = conversation[index]
        if number is not None and message.tool_calls:
            start, end = min(start for start, _ in found), max(end for _, end in found)
            found = [(start, _end_of_call(text, min(end for _, end in found), end, message.tool_calls[number]))]
        spans += [Span(start, end, message.role) for start, end in found if end > start]
    spans.sort()
    apart: list[Span] = []
    for span in spans:
        start = max(span.start, apart[-1].end) if apart else span.start
        if span.end > start:
            apart.append(span._replace(start=start))
    return apart


def _end_of_call(text: str, name_end: int, end: int, call: ToolCall) -> int:
    for form in JSON_FORMS:
        written = json.dumps(call.function.arguments, ensure_ascii=False, **form)
        at = text.find(written, name_end, name_end + JSON_DISTANCE + len(written))
        if at >= 0:
            return max(end, at + len(written))
    return end


def _by_search(text: str, conversation: Sequence[Message]) -> list[Span]:
    """Each message's words without the white space around, after those of the one before; what is not found is left out."""
    spans: list[Span] = []
    at = 0
    for message in conversation:
        for words in filter(None, (message.reasoning_content, message.content)):
            core = words.strip()
            start = text.find(core, at) if core else -1
            if start >= 0:
                at = start + len(core)
                spans.append(Span(start, at, message.role))
    return spans
