"""A schema without what GenAI's structured output can't keep to: for the arguments of a call, which a tool checks anyway.

What is left allows every value the whole schema allows, and others. What is broken stays, for `enforceable` to refuse.
"""

from __future__ import annotations

import re
from typing import Any

from openarc_ui.engine.backends.json_schema import (
    ANNOTATIONS,
    FORMATS,
    LARGEST_WHOLE_NUMBER,
    LEADING,
    MISREAD,
    OF_TYPE,
    ONE_AT_A_TIME,
    exclude_each_other,
    has_only,
    types_of,
)
from openarc_ui.engine.backends.regex_text import pattern_in_json
from openarc_ui.engine.backends.schema_dialect import in_plain_words
from openarc_ui.engine.formats.keywords import is_misspelt, schemas_below
from openarc_ui.errors import StructureRejected

Schema = dict[str, Any]
BEYOND_XGRAMMAR = re.compile(r"\(\?(?!:)|\\[1-9bBpPkAzZ]")
"""Lookarounds, named groups, back references, edges of words, Unicode classes."""
BOUNDS = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


def relaxed(schema: Schema) -> Schema:
    """A copy of a schema without the keywords, or the uses of keywords, that `enforceable` refuses.

    A misspelt keyword stays, so that it is refused with the right name.
    """
    root = in_plain_words(schema, FORMATS)
    _relax(root)
    _part_of_each_other(root, root)
    return root


def _relax(schema: Any) -> None:
    if not isinstance(schema, dict):
        return
    _choose_lead(schema)
    lead = next((name for name in LEADING if name in schema), None)
    if lead is None:
        _keep_to_types(schema)
    else:
        _keep(schema, {lead, "type"} if lead in ("const", "enum") and has_only(schema, lead) else {lead})
    for below in schemas_below(schema):
        _relax(below)


def _choose_lead(schema: Schema) -> None:
    """Let one keyword stand where xgrammar looks at one only: properties tell more than alternatives beside them."""
    if isinstance(schema.get("properties"), dict) and schema["properties"]:
        for name in ("anyOf", "oneOf", "allOf"):
            schema.pop(name, None)
    if isinstance(schema.get("allOf"), list) and len(schema["allOf"]) > 1:
        schema["allOf"] = schema["allOf"][:1]
    for name in ("const", "enum"):
        values = schema.get(name)
        if any(map(_is_unwritable, values if name == "enum" and isinstance(values, list) else [values])):
            del schema[name]


def _is_unwritable(value: Any) -> bool:
    """A number of more than 64 bits, or a list or object with a text that would be misread."""
    if isinstance(value, (list, dict)):
        return bool(MISREAD.search(str(value)))
    return isinstance(value, int) and abs(value) > LARGEST_WHOLE_NUMBER


def _keep_to_types(schema: Schema) -> None:
    types = types_of(schema)
    if "number" in types:
        for name, weaker in BOUNDS.items():
            if name in schema:
                schema.setdefault(weaker, schema.pop(name))
    if "object" in types:
        _relax_object(schema)
    if isinstance(schema.get("pattern"), str) and not _is_matchable(schema["pattern"]):
        del schema["pattern"]
    _keep(schema, {"type"}.union(*(OF_TYPE.get(each, frozenset()) for each in types)))
    for row in ONE_AT_A_TIME:
        given = [name for name in row if name in schema and schema[name] is not False]
        for name in given[1:]:
            del schema[name]


def _relax_object(schema: Schema) -> None:
    properties = schema.get("properties")
    if isinstance(properties, dict) and any(map(MISREAD.search, properties)):
        for name in ("properties", "required", "additionalProperties", "unevaluatedProperties"):
            schema.pop(name, None)
    patterns = schema.get("patternProperties")
    is_written = not isinstance(patterns, dict) or all(map(_is_name_pattern, patterns))
    if schema.keys() & {"properties", "required"} or not is_written:
        for name in ("patternProperties", "propertyNames"):
            if schema.pop(name, None) is not None and schema.get("additionalProperties") is False:
                del schema["additionalProperties"]
    required = schema.get("required")
    if isinstance(required, list) and isinstance(schema.setdefault("properties", {}), dict):
        for name in [each for each in required if isinstance(each, str)]:
            schema["properties"].setdefault(name, {})


def _is_matchable(pattern: str) -> bool:
    try:
        pattern_in_json(pattern)
    except StructureRejected:
        return False
    return not BEYOND_XGRAMMAR.search(pattern)


def _is_name_pattern(pattern: str) -> bool:
    return _is_matchable(pattern) and pattern_in_json(pattern) == pattern


def _keep(schema: Schema, known: set[str] | frozenset[str]) -> None:
    for name in [name for name in schema if name not in known and name not in ANNOTATIONS and not is_misspelt(name)]:
        del schema[name]


def _part_of_each_other(root: Schema, schema: Any) -> None:
    """Let more than one of a oneOf be satisfied where they do not exclude each other."""
    if not isinstance(schema, dict):
        return
    if "oneOf" in schema and not exclude_each_other(schema["oneOf"], root):
        schema["anyOf"] = schema.pop("oneOf")
    for below in schemas_below(schema):
        _part_of_each_other(root, below)
