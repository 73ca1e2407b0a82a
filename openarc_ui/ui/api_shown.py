"""What goes to Gradio's clients as JSON, and objects that come from them, as such or as a text."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from openarc_ui.conversations.shown import conversation_json, message_json
from openarc_ui.conversations.tree import Conversation, Node
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, ModelInfo
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.load_form import read_object

JsonObject = dict[str, Any] | str
"""A JSON object, or one as a text; an empty text where none is given."""
JsonList = list[dict[str, Any]] | str
"""A JSON list of objects, or one as a text; an empty text where none is given."""


def shown(value: Any) -> dict[str, Any]:
    """A dataclass as JSON. Gradio's clients take whatever has a `path` for a file to fetch, so that key stays behind."""
    fields = {name: field for name, field in dataclasses.asdict(value).items() if name != "path"}
    return {name: field.model_dump() if isinstance(field, LoadRequest) else field for name, field in fields.items()}


def shown_load(engine: Engine, info: ModelInfo, note: Any) -> dict[str, Any]:
    """A loaded model as JSON, without paths of this machine.

    Args:
        note: what the compile cache did for it, or None.
    """
    body = {"state": "ready", **shown(info), "compile_cache": None if note is None else dataclasses.asdict(note)}
    hidden: dict[str, Any] = engine.places.hidden(body)
    return hidden


def shown_conversation(conversation: Conversation, **more: Any) -> dict[str, Any]:
    """A conversation as JSON, as `shown_message` shows its messages; its settings as the text of their object.

    Args:
        more: what else is to be in it.
    """
    whole = conversation_json(conversation, **more)
    messages = [_without_objects(each) for each in whole["messages"]]
    return {**whole, "settings": as_text(whole["settings"]), "messages": messages}


def shown_message(conversation: Conversation, node: Node) -> dict[str, Any]:
    """A message as JSON. Arguments of tool calls are texts, as OpenAI writes them: a `path` among them is no file."""
    return _without_objects(message_json(conversation, node))


def as_text(value: Any) -> str:
    """JSON in one line."""
    return json.dumps(value, ensure_ascii=False)


def _without_objects(message: dict[str, Any]) -> dict[str, Any]:
    calls = [
        {**call, "function": {**call["function"], "arguments": as_text(call["function"]["arguments"])}}
        for call in message["tool_calls"] or ()
    ]
    return {**message, "tool_calls": calls or None}


def as_object(given: JsonObject | None, what: str) -> dict[str, Any]:
    """A parameter that is an object or its text, as the object; nothing and an empty text are an empty one.

    Raises:
        InvalidRequest: it is no JSON object.
    """
    if not isinstance(given, str):
        return given or {}
    try:
        return read_object(given, what)
    except (RecursionError, ValueError):
        raise InvalidRequest(
            f"{what} is nested too deeply, or has a number that is too long.", 'For example {"NUM_STREAMS": 1}.'
        ) from None


def as_list(given: JsonList | None, what: str) -> list[Any]:
    """A parameter that is a list or its text, as the list; nothing and an empty text are an empty one.

    Raises:
        InvalidRequest: it is no JSON list; with line and column.
    """
    if not isinstance(given, str):
        return given or []
    try:
        value = json.loads(given) if given.strip() else []
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"{what} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.", "Check quotes and commas."
        ) from None
    except (RecursionError, ValueError):
        raise InvalidRequest(f"{what} is nested too deeply, or has a number that is too long.") from None
    if not isinstance(value, list):
        raise InvalidRequest(f"{what} must be a list in brackets.")
    return value


def is_given(value: JsonObject | JsonList | None) -> bool:
    """Something was said, be it an empty object; an empty text says nothing."""
    return value is not None and (not isinstance(value, str) or bool(value.strip()))
