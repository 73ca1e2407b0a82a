"""JSON schemas of tools: whether one can be used, and what is wrong with a call's arguments by it.

Nothing is fetched: a reference that leads out of the schema is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError, best_match  # type: ignore[import-untyped]
from referencing import Registry
from referencing.exceptions import Unresolvable

from openarc_ui.engine.formats.keywords import KEYWORDS, SCHEMAS_BY_NAME, is_misspelt
from openarc_ui.engine.formats.places import Path
from openarc_ui.engine.prompts import Tool
from openarc_ui.errors import nearest

MOST_PROBLEMS = 10
TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


def check_schema(parameters: Mapping[str, Any]) -> tuple[Path, bool, str, str] | None:
    """The first thing that is wrong with a tool's parameters.

    Returns:
        Where (whether of the name or of the value there), what, and a hint; None where nothing is wrong.
    """
    if parameters and not KEYWORDS & parameters.keys():
        what = "the parameters are no JSON schema"
        return (), False, what, 'Write {"type": "object", "properties": {…}}.'
    if parameters.get("type", "object") != "object":
        return ("type",), False, "the type of the parameters has to be 'object'", 'Write "type": "object".'
    for path, key, value in _keywords(parameters):
        if is_misspelt(key):
            return (*path, key), True, f"a JSON schema has no '{key}'", nearest(key, KEYWORDS)
        if key == "type" and isinstance(value, str) and value not in TYPES:
            return (*path, key), False, f"there is no type '{value}'", nearest(value, TYPES)
        if key == "pattern" and isinstance(value, str) and (problem := _pattern_problem(value)):
            return (*path, key), False, f"the pattern can't be used: {problem}", ""
    try:
        Draft202012Validator.check_schema(parameters)
    except SchemaError as error:
        return tuple(error.path), False, _told(error), "See JSON Schema 2020-12."
    return None


def check_arguments(tool: Tool, arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """What is wrong with a call's arguments by its tool's schema, a sentence each; () where nothing is.

    An argument that the schema does not name is wrong too, unless it allows further ones in so many words.
    """
    schema = tool.function.parameters
    unusable = check_schema(schema)
    if unusable:
        return (f"The tool's schema can't be used: {unusable[2]}.",)
    try:
        validator = Draft202012Validator(schema, registry=Registry())
        found = [_sentence(error) for error in islice(validator.iter_errors(dict(arguments)), MOST_PROBLEMS)]
    except Unresolvable as error:
        return (f"The tool's schema refers to '{error.ref}', which is not in it.",)
    except RecursionError:
        return ("The tool's schema refers to itself without end.",)
    properties = schema.get("properties")
    if isinstance(properties, dict) and not {"additionalProperties", "patternProperties", "$ref"} & schema.keys():
        unknown = [name for name in arguments if name not in properties]
        found += [f"There is no argument '{name[:80]}'. {nearest(name, properties)}".strip() for name in unknown]
    return tuple(found)


def _sentence(error: Any) -> str:
    """One of jsonschema's errors; where alternatives fail, what is wrong with the likeliest."""
    return _told(best_match([error]) or error)


def _told(error: Any) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    message = error.message if len(error.message) <= 300 else error.message[:299] + "…"
    return f"{where}: {message}" if where else str(message)


def _pattern_problem(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return ""


def _keywords(schema: Any, path: Path = ()) -> Iterator[tuple[Path, str, Any]]:
    """(path, name, value) of everything in a schema and those below it that stands where a keyword is expected."""
    if isinstance(schema, list):
        for index, each in enumerate(schema):
            yield from _keywords(each, (*path, index))
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        yield path, key, value
        if key in SCHEMAS_BY_NAME and isinstance(value, dict):
            for name, each in value.items():
                yield from _keywords(each, (*path, key, name))
        elif key not in ("const", "default", "enum", "example", "examples", "required"):
            yield from _keywords(value, (*path, key))
