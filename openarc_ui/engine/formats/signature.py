"""Tools from Python functions: annotations become a JSON schema, the docstring the descriptions.

The source is parsed and never executed; a body is not looked at, and may be left out.
"""

from __future__ import annotations

import ast
import difflib
import inspect
from typing import Any

from pydantic import ValidationError

from openarc_ui.engine.formats.annotations import Schema, UnknownAnnotation, schema_of
from openarc_ui.engine.formats.docstrings import Documented, read_docstring
from openarc_ui.engine.formats.places import error_at
from openarc_ui.engine.prompts import Tool, ToolFunction
from openarc_ui.errors import InvalidRequest, nearest

EXPECTED = "Write a function such as: def get_weather(city: str, days: int = 1) -> str:"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def tool_from_signature(source: str) -> Tool:
    """The tool that one Python function describes.

    Raises:
        InvalidRequest: it is no Python, not exactly one function, or an annotation has no schema; with line and column.
    """
    tools = tools_from_python(source)
    if len(tools) != 1:
        raise InvalidRequest(f"One function is expected, got {len(tools)}.", EXPECTED)
    return tools[0]


def tools_from_python(source: str) -> tuple[Tool, ...]:
    """The tools that Python functions describe, one each. Imports among them are passed over.

    Raises:
        InvalidRequest: with line and column.
    """
    tools = []
    text = inspect.cleandoc("\n" + source)
    for node in _parse(text).body:
        if isinstance(node, Function):
            tools.append(_tool(text, node))
        elif not isinstance(node, (ast.Import, ast.ImportFrom)):
            raise _error(text, node, "only functions and imports are expected.")
    if not tools:
        raise error_at(text, 0, "a Python function is expected.", EXPECTED)
    return tuple(tools)


def _parse(text: str) -> ast.Module:
    """The source's tree; a last function without a body gets one.

    Raises:
        InvalidRequest: it is no Python.
    """
    first: SyntaxError | None = None
    for tail in ("", "\n    ...", ":\n    ..."):
        try:
            return ast.parse(text.rstrip() + tail)
        except SyntaxError as error:
            first = first or error
        except (ValueError, MemoryError, RecursionError):
            raise InvalidRequest("The tools can't be read as Python.", EXPECTED) from None
    assert first is not None
    lines = text.splitlines(keepends=True)
    offset = sum(map(len, lines[: (first.lineno or 1) - 1])) + max(0, (first.offset or 1) - 1)
    raise error_at(text, min(offset, len(text)), f"this is neither JSON nor Python: {first.msg}.", EXPECTED)


def _tool(text: str, node: Function) -> Tool:
    documented = read_docstring(ast.get_docstring(node) or "")
    properties, required = _properties(text, node, documented)
    _check_documented(text, node, documented, [*properties, *_catch_all(node)])
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = required
    if node.args.kwarg:
        parameters["additionalProperties"] = _schema(text, node.args.kwarg) or True
    try:
        return Tool(function=ToolFunction(name=node.name, description=documented.summary, parameters=parameters))
    except ValidationError as error:
        raise _error(text, node, error.errors()[0]["msg"].removeprefix("Value error, ") + ".") from None


def _properties(text: str, node: Function, documented: Documented) -> tuple[dict[str, Schema], list[str]]:
    """Schemas of the parameters, and which have no default."""
    arguments = node.args
    if arguments.vararg:
        raise _error(text, arguments.vararg, f"*{arguments.vararg.arg} can't be given by name.", "Write a list[…].")
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults = [*missing, *arguments.defaults, *arguments.kw_defaults]
    properties: dict[str, Schema] = {}
    required = []
    for index, (argument, default) in enumerate(zip([*positional, *arguments.kwonlyargs], defaults, strict=True)):
        if index == 0 and argument.arg in ("self", "cls") and argument.annotation is None:
            continue
        schema = _schema(text, argument)
        if documented.parameters.get(argument.arg):
            schema["description"] = documented.parameters[argument.arg]
        if default is None:
            required.append(argument.arg)
        else:
            schema |= _default(default)
        properties[argument.arg] = schema
    return properties, required


def _schema(text: str, argument: ast.arg) -> Schema:
    if argument.annotation is None:
        return {}
    try:
        return schema_of(argument.annotation)
    except UnknownAnnotation as error:
        raise _error(text, error.node, f"{error.what}.", error.hint) from None


def _default(node: ast.expr) -> Schema:
    """{"default": …} where it is a literal that JSON has, and not None."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return {}
    if isinstance(value, tuple):
        value = list(value)
    return {"default": value} if isinstance(value, (str, int, float, bool, list, dict)) else {}


def _catch_all(node: Function) -> list[str]:
    return [node.args.kwarg.arg] if node.args.kwarg else []


def _check_documented(text: str, node: Function, documented: Documented, names: list[str]) -> None:
    """A parameter that only the docstring has, and that is spelt almost like one of the function's, is a misspelling.

    Raises:
        InvalidRequest: with the right name.
    """
    silent = [name for name in names if name not in documented.parameters]
    for name in documented.parameters:
        if name not in names and difflib.get_close_matches(name, silent, n=1, cutoff=0.7):
            what = f"the docstring describes '{name}', which is no parameter of '{node.name}'."
            raise _error(text, node.body[0], what, nearest(name, silent))


def _error(text: str, node: ast.AST, what: str, hint: str = EXPECTED) -> InvalidRequest:
    """An error at a node. Python counts columns in bytes; people count characters."""
    lines = text.splitlines(keepends=True)
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    inside = len(lines[line - 1].encode()[:column].decode(errors="ignore"))
    return error_at(text, sum(map(len, lines[: line - 1])) + inside, what, hint)
