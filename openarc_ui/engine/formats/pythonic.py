"""Calls written in Python, as Llama 3.2 and 4 do: [get_weather(city="Paris"), now()]. Nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from openarc_ui.engine.formats.calls import UnreadableCall, make_call
from openarc_ui.engine.formats.scan import MAX_PYTHON_CHARACTERS
from openarc_ui.engine.message import ToolCall
from openarc_ui.engine.prompts import Tool

JSON_NAMES = {"true": True, "false": False, "null": None}


def python_calls(source: str, tools: Mapping[str, Tool]) -> tuple[ToolCall, ...]:
    """The calls in a Python list of calls, or in one call.

    Args:
        tools: by name; where arguments have no names, theirs are taken in the order of the schema.

    Raises:
        UnreadableCall: it is something else, or an argument is no literal.
    """
    if len(source) > MAX_PYTHON_CHARACTERS:
        raise UnreadableCall("it is too long for a call in Python")
    try:
        body = ast.parse(source.strip(), mode="eval").body
        parts = body.elts if isinstance(body, (ast.List, ast.Tuple)) else [body]
        if not parts:
            raise UnreadableCall("the list is empty")
        return tuple(_call(part, tools) for part in parts)
    except UnreadableCall:
        raise
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise UnreadableCall(f"it is no Python call with literal arguments ({type(error).__name__})") from None


def _call(node: ast.expr, tools: Mapping[str, Tool]) -> ToolCall:
    if not isinstance(node, ast.Call):
        raise UnreadableCall("it is no call")
    name = ast.unparse(node.func)
    if name not in tools:
        name = name.removesuffix(".call")
    if any(keyword.arg is None for keyword in node.keywords):
        raise UnreadableCall(f"'{name}' is called with **")
    properties = tools[name].function.parameters.get("properties", {}) if name in tools else {}
    if len(node.args) > len(properties):
        raise UnreadableCall(f"'{name}' has arguments without names")
    values = dict(zip(properties, node.args, strict=False))
    values |= {str(keyword.arg): keyword.value for keyword in node.keywords}
    return make_call(name, {key: ast.literal_eval(_JsonNames().visit(value)) for key, value in values.items()})


class _JsonNames(ast.NodeTransformer):
    """true, false and null, which models write as in JSON."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(JSON_NAMES[node.id]) if node.id in JSON_NAMES else node
