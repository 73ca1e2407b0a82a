"""A conversation as Markdown that reads well, and back to the same messages.

Each message is a heading with its role, then its content as it is. What could be taken for our own marks gets a
backslash, which Markdown does not show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from openarc_ui.conversations.node import message_from
from openarc_ui.conversations.openai_form import plain_message
from openarc_ui.engine.message import Message
from openarc_ui.errors import InvalidRequest, nearest

QUOTED = r'"(?:[^"\\]|\\.)*"'
HEADING = re.compile(rf"## (System|User|Assistant|Tool)(?: ({QUOTED}))?(?: for ({QUOTED}))?[ \t\r]*\Z", re.IGNORECASE)
"""A role; which of several speak, or which tool; the call that is answered. The two are texts of JSON."""
REASONING = "> **Reasoning**"
CALLS = "```json tool calls"
CALLS_END = "```"
MARK = re.compile(rf"\\*(?:{HEADING.pattern}|{re.escape(REASONING)}[ \t\r]*\Z|{CALLS}[ \t\r]*\Z)", re.IGNORECASE)
ROLES = ("System", "User", "Assistant", "Tool")
HINT = 'A message begins with a heading such as "## User" or "## Assistant".'


def markdown_of(title: str, messages: Sequence[Message]) -> str:
    """A title and messages as Markdown."""
    lines = [f"# {title}", ""]
    for message in messages:
        lines += [_heading(message), "", *_body(message), ""]
    return "\n".join(lines)


def read_markdown(text: str) -> tuple[str, list[Message]]:
    """Title ("" when there is none) and messages.

    Raises:
        InvalidRequest: there is no message, or one is wrong; with the line.
    """
    lines = text.split("\n")
    if any(HEADING.match(line) and line.endswith("\r") for line in lines):
        lines = text.replace("\r\n", "\n").split("\n")
    headings = [number for number, line in enumerate(lines) if HEADING.match(line)]
    title = _title(lines[: headings[0] if headings else len(lines)], has_messages=bool(headings))
    ends = [*headings, len(lines)][1:]
    return title, [_message(lines, begin, end) for begin, end in zip(headings, ends, strict=True)]


def _heading(message: Message) -> str:
    name = f" {_quoted(message.name)}" if message.name is not None else ""
    call = f" for {_quoted(message.tool_call_id)}" if message.tool_call_id is not None else ""
    return f"## {message.role.capitalize()}{name}{call}"


def _body(message: Message) -> Iterator[str]:
    if message.reasoning_content is not None:
        yield REASONING
        yield from (f"> {line}" if line else ">" for line in message.reasoning_content.split("\n"))
        yield ""
    if message.tool_calls:
        yield CALLS
        yield json.dumps(_readable_calls(message), ensure_ascii=False, indent=2)
        yield CALLS_END
        yield ""
    for line in message.content.split("\n"):
        yield f"\\{line}" if MARK.match(line) else line


def _readable_calls(message: Message) -> list[dict[str, Any]]:
    """The calls with their arguments as objects: a text of JSON within JSON is hard to read."""
    calls: list[dict[str, Any]] = plain_message(message)["tool_calls"]
    for call, known in zip(calls, message.tool_calls or (), strict=True):
        call["function"]["arguments"] = known.function.arguments
    return calls


def _title(lines: Sequence[str], *, has_messages: bool) -> str:
    """The title among the lines before the first message.

    Raises:
        InvalidRequest: something else is there, or there is neither a title nor a message.
    """
    title = ""
    for number, line in enumerate(lines, start=1):
        if line.startswith("# ") and not title:
            title = line[2:].strip()
        elif line.startswith("## "):
            word = line[3:].strip()[:80]
            raise InvalidRequest(f"Line {number}: there is no role '{word}'.", nearest(word, ROLES))
        elif line.strip():
            raise InvalidRequest(f"Line {number}: this text belongs to no message.", HINT)
    if not title and not has_messages:
        raise InvalidRequest("There is no message in this text.", HINT)
    return title


def _message(lines: Sequence[str], begin: int, end: int) -> Message:
    heading = HEADING.match(lines[begin])
    assert heading is not None
    role, name, call_id = heading.groups()
    values: dict[str, Any] = {"role": role.lower()}
    try:
        if name is not None:
            values["name"] = json.loads(name)
        if call_id is not None:
            values["tool_call_id"] = json.loads(call_id)
        body = _without_spacing(lines[begin + 1 : end])
        body = _take_reasoning(body, values)
        body = _take_calls(body, values)
        values["content"] = "\n".join(line[1:] if line.startswith("\\") and MARK.match(line) else line for line in body)
        return message_from(values)
    except ValueError as error:
        raise InvalidRequest(f"Line {begin + 1}: this heading or its tool calls are not JSON: {error}.", HINT) from None
    except InvalidRequest as error:
        raise InvalidRequest(f"Line {begin + 1}: {error.message}", error.hint) from None


def _without_spacing(body: Sequence[str]) -> Sequence[str]:
    """Without the empty line after the heading and the one before the next."""
    if body and not body[0]:
        body = body[1:]
    if body and not body[-1]:
        body = body[:-1]
    return body


def _take_reasoning(body: Sequence[str], values: dict[str, Any]) -> Sequence[str]:
    if not body or body[0].rstrip() != REASONING:
        return body
    end = next((number for number, line in enumerate(body) if not line.startswith(">")), len(body))
    values["reasoning_content"] = "\n".join(line[1:].removeprefix(" ") for line in body[1:end])
    return body[end + 1 :]


def _take_calls(body: Sequence[str], values: dict[str, Any]) -> Sequence[str]:
    """
    Raises:
        ValueError: they are not JSON, or do not end.
    """
    if not body or body[0].rstrip() != CALLS:
        return body
    end = next((number for number, line in enumerate(body) if line.rstrip() == CALLS_END), None)
    if end is None:
        raise ValueError("the tool calls do not end")
    values["tool_calls"] = json.loads("\n".join(body[1:end]))
    return body[end + 2 :]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
