"""A Python annotation as a JSON schema. The source is read, never executed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from openarc_ui.errors import nearest

Schema = dict[str, Any]
PLAIN: dict[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "None": {"type": "null"},
    "NoneType": {"type": "null"},
    "Any": {},
    "object": {},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "Path": {"type": "string"},
}
LISTS = ("list", "List", "Sequence", "Iterable", "Collection", "set", "Set", "frozenset", "tuple", "Tuple")
MAPPINGS = ("dict", "Dict", "Mapping", "MutableMapping")
FORMS = ("Optional", "Union", "Literal", "Annotated")
KNOWN = (*PLAIN, *LISTS, *MAPPINGS, *FORMS)


class UnknownAnnotation(ValueError):
    """An annotation that has no schema; with its place in the source.

    Attributes:
        node: the part that is not known.
        what: what is wrong with it.
        hint: what would be right.
    """

    def __init__(self, node: ast.expr, what: str, hint: str) -> None:
        super().__init__(what)
        self.node, self.what, self.hint = node, what, hint


def schema_of(node: ast.expr) -> Schema:
    """The schema of an annotation: str, int, float, bool, list[T], dict[str, T], Optional, Union, Literal, Annotated, …

    Raises:
        UnknownAnnotation: there is none.
    """
    if isinstance(node, ast.Constant) and node.value is None:
        return dict(PLAIN["None"])
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _quoted(node, node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _any_of([schema_of(node.left), schema_of(node.right)])
    if isinstance(node, ast.Subscript):
        arguments = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _generic(node, _name(node.value), arguments)
    name = _name(node)
    if name in PLAIN:
        return dict(PLAIN[name])
    if name in LISTS:
        return {"type": "array"}
    if name in MAPPINGS:
        return {"type": "object"}
    raise UnknownAnnotation(node, f"'{ast.unparse(node)}' has no JSON schema", nearest(name, KNOWN))


def _generic(node: ast.Subscript, name: str, arguments: list[ast.expr]) -> Schema:
    readers: dict[str, Callable[[], Schema]] = {
        "Optional": lambda: _any_of([schema_of(arguments[0]), dict(PLAIN["None"])]),
        "Union": lambda: _any_of([schema_of(each) for each in arguments]),
        "Literal": lambda: _literal(arguments),
        "Annotated": lambda: _annotated(arguments),
        **dict.fromkeys(LISTS, lambda: _list(name, arguments)),
        **dict.fromkeys(MAPPINGS, lambda: _mapping(arguments)),
    }
    if name not in readers:
        raise UnknownAnnotation(node, f"'{ast.unparse(node)}' has no JSON schema", nearest(name, KNOWN))
    return readers[name]()


def _list(name: str, arguments: list[ast.expr]) -> Schema:
    is_endless = isinstance(arguments[-1], ast.Constant) and arguments[-1].value is ...
    if name in ("tuple", "Tuple") and not is_endless:
        items = [schema_of(each) for each in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    items = [schema_of(arguments[0])]
    unique = {"uniqueItems": True} if name in ("set", "Set", "frozenset") else {}
    return {"type": "array", **({"items": items[0]} if items[0] else {}), **unique}


def _mapping(arguments: list[ast.expr]) -> Schema:
    if _name(arguments[0]) != "str":
        raise UnknownAnnotation(arguments[0], "the names in a JSON object are texts", "Write dict[str, …].")
    values = schema_of(arguments[1]) if len(arguments) > 1 else {}
    return {"type": "object", **({"additionalProperties": values} if values else {})}


def _literal(arguments: list[ast.expr]) -> Schema:
    values = []
    for each in arguments:
        try:
            values.append(ast.literal_eval(each))
        except ValueError:
            raise UnknownAnnotation(each, "a Literal takes texts, numbers, True, False and None", "") from None
        if not isinstance(values[-1], (str, int, bool, type(None))):
            raise UnknownAnnotation(each, "a Literal takes texts, numbers, True, False and None", "")
    kinds = {PLAIN[type(value).__name__]["type"] for value in values}
    return {"type": kinds.pop(), "enum": values} if len(kinds) == 1 else {"enum": values}


def _annotated(arguments: list[ast.expr]) -> Schema:
    """Annotated[T, "what it is"], or with a call that has description=…, such as pydantic's Field."""
    schema = schema_of(arguments[0])
    for each in arguments[1:]:
        keywords = each.keywords if isinstance(each, ast.Call) else []
        told = next((keyword.value for keyword in keywords if keyword.arg == "description"), each)
        if isinstance(told, ast.Constant) and isinstance(told.value, str):
            schema["description"] = told.value
    return schema


def _any_of(options: list[Schema]) -> Schema:
    """One schema for several: a list of types where that is all they say, with null in an enum where it may be."""
    flat = [inner for option in options for inner in (option["anyOf"] if option.keys() == {"anyOf"} else [option])]
    if {} in flat:
        return {}
    others = [each for each in flat if each != PLAIN["None"]]
    if len(others) == 1 and len(flat) > 1:
        (only,) = others
        if "enum" in only and only.keys() <= {"type", "enum"}:
            return {"enum": [*only["enum"], None]}
        if isinstance(only.get("type"), str) and "enum" not in only:
            return {**only, "type": [only["type"], "null"]}
    if all(each.keys() == {"type"} and isinstance(each["type"], str) for each in flat):
        return {"type": list(dict.fromkeys(each["type"] for each in flat))}
    return {"anyOf": flat}


def _quoted(node: ast.Constant, source: str) -> Schema:
    """An annotation in quotes."""
    try:
        inner = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError):
        raise UnknownAnnotation(node, f"'{source[:80]}' is no annotation", "") from None
    for part in ast.walk(inner):
        ast.copy_location(part, node)
    return schema_of(inner)


def _name(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
