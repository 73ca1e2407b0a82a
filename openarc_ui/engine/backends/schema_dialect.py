"""JSON schemas as OpenAPI and the generators of schemas write them, in the words of JSON Schema 2020-12.

What only says something about a value, and restricts nothing, is left out; `nullable` becomes a type.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

from openarc_ui.engine.formats.keywords import schemas_below

Schema = dict[str, Any]
SAYS_NOTHING = ("example", "xml", "externalDocs")
"""OpenAPI's words about a schema, beside every one that begins with x-."""
STAYS_OUTSIDE = frozenset({"$defs", "definitions", "$schema", "$id", "$anchor", "title", "description", "default"})
"""What goes on saying something of the whole when null is added to it."""


def in_plain_words(schema: Schema, formats: Collection[str]) -> Schema:
    """A copy of a schema that says the same in fewer words.

    Args:
        formats: those that can be kept to. By JSON Schema every other one is an annotation, and so is one of a number.
    """
    root: Schema = copy.deepcopy(schema)
    _rewrite(root, formats)
    return root


def _rewrite(schema: Any, formats: Collection[str]) -> None:
    if not isinstance(schema, dict):
        return
    for below in schemas_below(schema):
        _rewrite(below, formats)
    for name in [name for name in schema if name in SAYS_NOTHING or name.startswith("x-")]:
        del schema[name]
    given = schema.get("type", [])
    types = given if isinstance(given, list) else [given]
    if "format" in schema and (str(schema["format"]) not in formats or (types and "string" not in types)):
        del schema["format"]
    if schema.pop("nullable", None) is True and "null" not in types:
        _allow_null(schema, types)


def _allow_null(schema: Schema, types: list[Any]) -> None:
    """Let it be null too. One that has no type and no other keyword is null already."""
    if types and not schema.keys() & {"$ref", "const", "anyOf", "oneOf", "allOf"}:
        schema["type"] = [*types, "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return
    inner = {name: schema.pop(name) for name in list(schema) if name not in STAYS_OUTSIDE}
    if inner:
        schema["anyOf"] = [inner, {"type": "null"}]
