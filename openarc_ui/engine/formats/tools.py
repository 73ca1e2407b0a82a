"""Tools from what a person types: OpenAI's JSON, bare functions, or Python signatures."""

from __future__ import annotations

import difflib
import json
from typing import Any

from pydantic import ValidationError

from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.formats.places import Path, error_at, offset_of
from openarc_ui.engine.formats.schema import check_schema
from openarc_ui.engine.formats.signature import tools_from_python
from openarc_ui.engine.prompts import Tool, ToolFunction
from openarc_ui.errors import InvalidRequest

EXPECTED = 'A list of {"type": "function", "function": {"name": …, "description": …, "parameters": {…}}}, or of functions alone.'
MOST_TOOLS = 256
"""As many as a request takes."""


def tools_from_text(text: str) -> tuple[Tool, ...]:
    """Tools from JSON or from Python functions; () from an empty text.

    Raises:
        InvalidRequest: with line, column and what is expected.
    """
    if text.lstrip()[:1] in ("[", "{", '"', ""):
        return tools_from_json(text)
    return _checked(text, tools_from_python(text))


def tools_from_json(text: str) -> tuple[Tool, ...]:
    """Tools from JSON: a list or one, each as OpenAI's API has it, or only its function; () from an empty text.

    Raises:
        InvalidRequest: with line, column and what is expected; a misspelt name with the nearest right one.
    """
    if not text.strip():
        return ()
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise error_at(text, error.pos, f"the tools are not JSON: {_expectation(error.msg)}.", EXPECTED) from None
    except (RecursionError, ValueError):
        raise InvalidRequest("The tools are too deep, or have a number that is too large.", EXPECTED) from None
    items: list[tuple[Path, Any]] = [((i,), each) for i, each in enumerate(value)] if isinstance(value, list) else []
    return _checked(text, tuple(_tool(text, item, path) for path, item in items or [((), value)] if value != []))


def _checked(text: str, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
    """The tools, if there are not too many and each has a name of its own.

    Raises:
        InvalidRequest: otherwise.
    """
    if len(tools) > MOST_TOOLS:
        raise InvalidRequest(f"At most {MOST_TOOLS} tools, got {len(tools)}.", "Leave some out.")
    names = [tool.function.name for tool in tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise error_at(text, max(0, text.rfind(twice)), f"there are two tools '{twice}'.", "Rename one of them.")
    return tools


def _tool(text: str, item: Any, path: Path) -> Tool:
    """One tool from its JSON.

    Raises:
        InvalidRequest: with its place in the text.
    """
    if not isinstance(item, dict):
        raise error_at(text, offset_of(text, path), "a tool is a JSON object.", EXPECTED)
    is_flat = item.get("type") == "function" and "name" in item and "function" not in item
    fields = {key: value for key, value in item.items() if key != "type"} if is_flat else item
    is_whole = not is_flat and _has_function(item)
    model = Tool if is_whole else ToolFunction
    try:
        found = model.model_validate(fields)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        first = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
        at = offset_of(text, (*path, *first["loc"]), of_key=first["type"] == "extra_forbidden")
        told = explain(problems, fields_by_path(model), hint=EXPECTED)
        raise error_at(text, at, told.message, told.hint) from None
    tool = found if isinstance(found, Tool) else Tool(function=found)
    problem = check_schema(tool.function.parameters)
    if problem:
        where, of_key, what, hint = problem
        inside: Path = ("function", "parameters") if is_whole else ("parameters",)
        raise error_at(text, offset_of(text, (*path, *inside, *where), of_key=of_key), f"{what}.", hint)
    return tool


def _has_function(item: dict[str, Any]) -> bool:
    """It is a tool and no bare function, perhaps with a misspelt name."""
    if "function" in item or "type" in item:
        return True
    return "name" not in item and bool(difflib.get_close_matches("function", map(str, item), n=1, cutoff=0.7))


def _expectation(message: str) -> str:
    """The JSON reader's words about an error, with what most people mean by it."""
    if message.startswith("Expecting property name"):
        return "a name in double quotes is expected (single quotes, and a comma before }, are no JSON)"
    if message == "Expecting value":
        return "a value is expected (None, True, single quotes, and a comma before ], are no JSON)"
    return message[:1].lower() + message[1:]
