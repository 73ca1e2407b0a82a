"""Messages in the form of OpenAI's API, and ShareGPT's, and back; what is not taken over is named."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from openarc_ui.conversations.json_text import JsonText, Path
from openarc_ui.conversations.node import ROLES, checked_message
from openarc_ui.engine.message import Message, joined_parts
from openarc_ui.errors import InvalidRequest, nearest

OTHER_ROLES = {"developer": "system", "function": "tool"}
"""Roles of OpenAI's API that we have under another name."""
SHAREGPT_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "assistant": "assistant",
    "system": "system",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
    "function_call": "assistant",
}
TEXT_PARTS = frozenset({"text", "input_text", "output_text"})
NOT_KEPT = frozenset(
    [
        "annotations",
        "audio",
        "created",
        "created_at",
        "date",
        "finish_reason",
        "id",
        "images",
        "index",
        "logprobs",
        "metadata",
        "model",
        "object",
        "refusal",
        "reasoning_details",
        "status",
        "timestamp",
        "weight",
    ]
)
"""Fields that others put into messages and that a Message has no place for."""
KNOWN_FIELDS = frozenset({*Message.model_fields, "reasoning", "function_call"})
CALL_HINT = 'A tool call is {"id", "type": "function", "function": {"name", "arguments"}}.'


def plain_message(message: Message) -> dict[str, Any]:
    """A message as OpenAI's API writes it: what is not set is left out, a call's arguments are a text of JSON."""
    plain: dict[str, Any] = {"role": message.role}
    if message.name is not None:
        plain["name"] = message.name
    if message.tool_call_id is not None:
        plain["tool_call_id"] = message.tool_call_id
    if message.reasoning_content is not None:
        plain["reasoning_content"] = message.reasoning_content
    plain["content"] = message.content
    if message.tool_calls:
        plain["content"] = message.content or None
        plain["tool_calls"] = [
            {
                **({"id": call.id} if call.id is not None else {}),
                "type": call.type,
                "function": {
                    "name": call.function.name,
                    "arguments": json.dumps(call.function.arguments, ensure_ascii=False),
                },
            }
            for call in message.tool_calls
        ]
    return plain


class MessageReader:
    """Reads messages out of a text of JSON.

    Attributes:
        notes: what was not taken over, or only in another form; one sentence each.
    """

    def __init__(self, source: JsonText) -> None:
        self._source = source
        self.notes: list[str] = []

    def messages(self, items: Any, path: Path) -> list[Message]:
        """A list of messages of either form.

        Raises:
            InvalidRequest: one is wrong, with line and column.
        """
        if not isinstance(items, list):
            self._source.refuse(path, "here a list of messages is expected.")
        return [self._either(item, (*path, index)) for index, item in enumerate(items)]

    def message(self, item: Any, path: Path) -> Message:
        """One message of OpenAI's form.

        Raises:
            InvalidRequest: with line and column.
        """
        if not isinstance(item, dict):
            self._source.refuse(path, "here a message is expected.", 'A message is {"role", "content"}.')
        values = {name: value for name, value in item.items() if name in Message.model_fields}
        self._name_the_rest(item, path)
        values["role"] = self._role(item.get("role"), path)
        if isinstance(values.get("content"), list):
            values["content"] = self._joined(values["content"], (*path, "content"))
        if "reasoning_content" not in item and isinstance(item.get("reasoning"), str):
            values["reasoning_content"] = item["reasoning"]
        if item.get("function_call") and not values.get("tool_calls"):
            values["tool_calls"] = [{"function": item["function_call"]}]
            self._note(path, "the old function_call became a tool call")
        return self._checked(values, path)

    def note_repeated(self) -> None:
        """Name what the text has twice."""
        for name in self._source.repeated:
            self.notes.append(f"'{name[:80]}' stands twice in one object; the last one counts.")

    def _either(self, item: Any, path: Path) -> Message:
        is_sharegpt = isinstance(item, dict) and "from" in item and "role" not in item
        return self._from_sharegpt(item, path) if is_sharegpt else self.message(item, path)

    def _from_sharegpt(self, item: dict[str, Any], path: Path) -> Message:
        speaker, value = item["from"], item.get("value")
        if speaker not in SHAREGPT_ROLES:
            self._source.refuse(
                (*path, "from"), f"there is no speaker '{str(speaker)[:80]}'.", nearest(str(speaker), SHAREGPT_ROLES)
            )
        if not isinstance(value, str):
            self._source.refuse((*path, "value"), "a message's value is a text.")
        self._leave_out(item.keys() - {"from", "value"}, item, path)
        if speaker == "function_call" and (call := _call_in(value)) is not None:
            return self._checked({"role": "assistant", "tool_calls": [{"function": call}]}, path)
        return self._checked({"role": SHAREGPT_ROLES[speaker], "content": value}, (*path, "value"))

    def _role(self, role: Any, path: Path) -> str:
        if isinstance(role, str) and role in OTHER_ROLES:
            self._note(path, f"the role '{role}' became '{OTHER_ROLES[role]}'")
            return OTHER_ROLES[role]
        if role is None:
            self._source.refuse(path, "this message has no role.", nearest("", ROLES))
        if role not in ROLES:
            self._source.refuse((*path, "role"), f"there is no role '{str(role)[:80]}'.", nearest(str(role), ROLES))
        return str(role)

    def _joined(self, parts: list[Any], path: Path) -> str:
        """The text of content in parts; other parts are named."""
        texts = []
        for index, part in enumerate(parts):
            kind = part.get("type", "text") if isinstance(part, dict) else "text"
            text = part.get("text") if isinstance(part, dict) else part
            if not isinstance(kind, str) or kind not in TEXT_PARTS:
                self._note((*path, index), f"a part of the kind '{str(kind)[:80]}' was left out; only text is kept")
            elif isinstance(text, str):
                texts.append(text)
                if isinstance(part, dict):
                    self._leave_out(part.keys() - {"type", "text", "annotations"}, part, (*path, index))
            else:
                self._source.refuse((*path, index), "this part of a message has no text.")
        return joined_parts(texts)

    def _name_the_rest(self, item: dict[str, Any], path: Path) -> None:
        others = item.keys() - KNOWN_FIELDS
        for name in sorted(others - NOT_KEPT):
            self._source.refuse((*path, name), f"a message has no '{name[:80]}'.", nearest(name, Message.model_fields))
        self._leave_out(others, item, path)
        if item.get("function_call") and item.get("tool_calls"):
            self._leave_out({"function_call"}, item, path)
        if item.get("reasoning") and ("reasoning_content" in item or not isinstance(item["reasoning"], str)):
            self._leave_out({"reasoning"}, item, path)

    def _leave_out(self, names: Iterable[str], item: dict[str, Any], path: Path) -> None:
        said = [name for name in sorted(names) if item[name] not in (None, "", [], {})]
        if said:
            self._note(path, f"not taken over: {', '.join(name[:80] for name in said)}")

    def _note(self, path: Path, what: str) -> None:
        line, _ = self._source.place(path)
        self.notes.append(f"Line {line}: {what}.")

    def _checked(self, values: dict[str, Any], path: Path) -> Message:
        try:
            return checked_message(Message.model_validate(values))
        except ValidationError as error:
            self._source.refuse_invalid(path, error, Message, CALL_HINT if values.get("tool_calls") else "")
        except InvalidRequest as error:
            self._source.refuse(path, error.message, error.hint)


def _call_in(value: str) -> dict[str, Any] | None:
    """The call a text is, where it is one."""
    try:
        call = json.loads(value)
    except ValueError:
        return None
    return call if isinstance(call, dict) and call.keys() == {"name", "arguments"} else None
