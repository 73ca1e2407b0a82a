"""The words of JSON schemas: which there are, and where one schema stands in another. It imports no library."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

ALIKE = 0.85
"""How alike two names are, by difflib, when one is taken for a misspelling of the other."""
KEYWORDS = frozenset(
    {
        *("$anchor", "$comment", "$defs", "$id", "$ref", "$schema", "additionalProperties", "allOf"),
        *("anyOf", "const", "contains", "contentEncoding", "contentMediaType", "default", "definitions"),
        *("dependentRequired", "dependentSchemas", "deprecated", "description", "discriminator", "else"),
        *("enum", "example", "examples", "exclusiveMaximum", "exclusiveMinimum", "format", "if", "items"),
        *("maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains", "minItems"),
        *("minLength", "minProperties", "minimum", "multipleOf", "not", "nullable", "oneOf", "pattern"),
        *("patternProperties", "prefixItems", "properties", "propertyNames", "readOnly", "required"),
        *("strict", "then", "title", "type", "unevaluatedItems", "unevaluatedProperties", "uniqueItems"),
        *("writeOnly", "xml"),
    }
)
"""JSON Schema 2020-12, and what OpenAPI adds."""
SCHEMAS_BY_NAME = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
SCHEMAS_IN_A_LIST = ("prefixItems", "anyOf", "oneOf", "allOf")
SCHEMAS = (
    *("items", "unevaluatedItems", "additionalProperties", "unevaluatedProperties", "propertyNames"),
    *("contains", "not", "if", "then", "else"),
)


def is_misspelt(name: str) -> bool:
    """It is no keyword, and so like one that it is taken for it."""
    return name not in KEYWORDS and bool(difflib.get_close_matches(name, KEYWORDS, n=1, cutoff=ALIKE))


def schemas_below(schema: Mapping[str, Any]) -> Iterator[Any]:
    """What stands in a schema where a schema is expected."""
    for name in SCHEMAS_BY_NAME:
        if isinstance(schema.get(name), dict):
            yield from schema[name].values()
    for name in SCHEMAS_IN_A_LIST:
        if isinstance(schema.get(name), list):
            yield from schema[name]
    for name in SCHEMAS:
        if name in schema:
            yield schema[name]
