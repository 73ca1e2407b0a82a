"""One tool call from the value a model wrote, whatever it calls the fields. It knows no marks and no text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from openarc_ui.engine.formats.scan import read_json
from openarc_ui.engine.message import FunctionCall, ToolCall

ARGUMENT_KEYS = ("arguments", "parameters")
CALL_KEYS = frozenset({"name", "type", "function", "id", *ARGUMENT_KEYS})
"""What the first key of a call can be."""


class UnreadableCall(ValueError):
    """Why a value is no tool call: half a sentence that follows "A tool call can't be read: "."""


def calls_of(value: object, *, needs_arguments: bool) -> tuple[ToolCall, ...]:
    """The calls in a JSON value: an object, or a list of them.

    Args:
        needs_arguments: an object without arguments is no call, as where no mark says that it is one.

    Raises:
        UnreadableCall: one of them is no call, or there is none.
    """
    values = value if isinstance(value, list) else [value]
    if not values:
        raise UnreadableCall("the list is empty")
    return tuple(call_of(each, needs_arguments=needs_arguments) for each in values)


def call_of(value: object, *, needs_arguments: bool) -> ToolCall:
    """The call in one JSON object: {"name", "arguments" | "parameters", "id"}, alone or below "function".

    Raises:
        UnreadableCall: with the reason.
    """
    if not isinstance(value, dict):
        raise UnreadableCall("it is no JSON object")
    function = value.get("function")
    fields = function if isinstance(function, dict) else value
    name = fields.get("name", function)
    if not isinstance(name, str) or not name.strip():
        raise UnreadableCall("it has no name")
    key = next((key for key in ARGUMENT_KEYS if key in fields), None)
    if key is None and needs_arguments:
        raise UnreadableCall(f"'{name}' has no arguments")
    return make_call(name.strip(), fields[key] if key else None, value.get("id"))


def make_call(name: str, arguments: object, call_id: object = None) -> ToolCall:
    """A call of checked parts.

    Args:
        arguments: an object, its JSON text (even a text of that text), or None for no arguments.
        call_id: kept when it is a text that can be an id.

    Raises:
        UnreadableCall: the arguments are none, or a bound is passed.
    """
    is_id = isinstance(call_id, str) and 0 < len(call_id) <= 200
    try:
        function = FunctionCall(name=name, arguments=_as_object(name, arguments))
        return ToolCall(id=str(call_id) if is_id else None, function=function)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UnreadableCall(f"the arguments of '{name[:80]}' can't be used: {problem}") from None


def _as_object(name: str, arguments: object) -> Mapping[str, Any]:
    for _ in range(2):
        if isinstance(arguments, str):
            try:
                arguments = read_json(arguments) if arguments.strip() else {}
            except ValueError as error:
                raise UnreadableCall(f"the arguments of '{name}' are a text that is no JSON: {error}") from None
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise UnreadableCall(f"the arguments of '{name}' are no JSON object")
    return arguments
