"""Calls that have to come: the form an answer is held to, and reading it back while it grows.

One function by name: the answer is its arguments. Any function: {"name": …, "arguments": {…}}, or a list of these.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from openarc_ui.engine.backends.json_schema import enforceable
from openarc_ui.engine.backends.relaxed_schema import relaxed
from openarc_ui.engine.prompts import StructuredOutput, Tool
from openarc_ui.errors import StructureRejected
from openarc_ui.server.openai.errors import StructureWrong

MOST_CALLS = 64
"""As many as a message takes."""
VALUES = frozenset({"const", "enum", "default", "examples", "example"})
HEAD = re.compile(r'[\s\[\]},]*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*(?=\S)', re.DOTALL)
BETWEEN = re.compile(r"[\s\]},]*")


def structure_for_calls(tools: Sequence[Tool], name: str | None, several: bool) -> StructuredOutput:
    """What an answer that is a call looks like.

    Args:
        name: of the one function to call; None: any of the tools.
        several: a list of calls, at least one.
    """
    if name is not None:
        chosen = next(tool for tool in tools if tool.function.name == name)
        return StructuredOutput(json_schema=_arguments(chosen))
    definitions = {str(n): _moved(_arguments(tool), f"#/$defs/{n}") for n, tool in enumerate(tools)}
    calls: list[Any] = [_call(tool.function.name, f"#/$defs/{n}") for n, tool in enumerate(tools)]
    one = calls[0] if len(calls) == 1 else {"anyOf": calls}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_CALLS}
    return StructuredOutput(json_schema={**(many if several else one), "$defs": definitions})


def _call(name: str, arguments: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"name": {"const": name}, "arguments": {"$ref": arguments}},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _arguments(tool: Tool) -> dict[str, Any]:
    """A tool's parameters; what says no type is an object, since arguments are.

    What can't be kept to is left out, unless the tool is `strict`: it can look at its arguments itself.
    """
    schema = tool.function.parameters
    says_type = schema.keys() & {"type", "$ref", "anyOf", "oneOf", "allOf", "const", "enum"}
    whole = schema if says_type else {"type": "object", **schema}
    return whole if tool.function.strict else relaxed(whole)


def check_tool(tool: Tool, param: str) -> None:
    """See that a call of a tool can be forced.

    Args:
        param: the path of its schema in the body.

    Raises:
        StructureWrong: its schema says something that can't be kept to, with the place in the schema.
    """
    try:
        enforceable(_arguments(tool))
    except StructureRejected as error:
        told = f"The tool '{tool.function.name}' can't be forced to be called: {error.message}"
        hint = error.hint if not tool.function.strict else f"{error.hint} Without strict it is left out by itself."
        raise StructureWrong(told, hint, param=param) from None


def _moved(schema: Any, root: str) -> Any:
    """A schema that stands at `root` now, so that what it refers to within itself is found there."""
    if isinstance(schema, list):
        return [_moved(each, root) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$ref" and isinstance(value, str) and value.startswith("#"):
            found[key] = root + value[1:]
        else:
            found[key] = value if key in VALUES and not isinstance(value, Mapping) else _moved(value, root)
    return found


class ForcedCalls:
    """Reads calls of any function out of a growing text, arguments as they come.

    `feed` returns what is new as (index, name, arguments): `name` is set once, where a call begins; `arguments` is a
    further part of their JSON. Each character is looked at once.
    """

    def __init__(self) -> None:
        self._text = ""
        self._at = 0
        self._calls = 0
        self._is_within = False
        self._depth = 0
        self._is_in_text = False
        self._is_escaped = False

    @property
    def rest(self) -> str:
        """What came and was read as no part of a call."""
        left = self._text[self._at :]
        return "" if BETWEEN.fullmatch(left) or self._is_within else left

    def feed(self, text: str) -> list[tuple[int, str, str]]:
        """What is new with more text."""
        self._text = self._text[self._at :] + text
        self._at = 0
        found: list[tuple[int, str, str]] = []
        while True:
            if not self._is_within:
                head = HEAD.match(self._text, self._at)
                if head is None:
                    return found
                found.append((self._calls, str(json.loads(head[1], strict=False)), ""))
                self._at, self._is_within, self._depth = head.end(), True, 0
            end = self._end_of_arguments()
            if end > self._at:
                found.append((self._calls, "", self._text[self._at : end]))
            self._at = end
            if self._is_within:
                return found
            self._calls += 1

    def _end_of_arguments(self) -> int:
        """Where the arguments end, which ends them; the text's length where they go on."""
        for position in range(self._at, len(self._text)):
            sign = self._text[position]
            if self._is_in_text:
                self._is_in_text = self._is_escaped or sign != '"'
                self._is_escaped = sign == "\\" and not self._is_escaped
            elif sign == '"':
                self._is_in_text = True
            elif sign in "{[":
                self._depth += 1
            elif sign in "}]":
                self._depth -= 1
                if self._depth <= 0:
                    self._is_within = False
                    return position + 1 + self._depth
        return len(self._text)
