"""JSON schemas as xgrammar reads them: a keyword it would ignore is refused, a value it would misread is rewritten.

xgrammar turns a schema into a grammar. It drops what it does not know without a word, so an answer could break its schema
and nobody be told. What is enforced here was found in its source (0.1.31, the one in GenAI 2026.4) and by running it.
Whether a schema is well-formed, and its limits go together, xgrammar says itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from openarc_ui.engine.backends.regex_text import literal, pattern_in_json
from openarc_ui.engine.backends.schema_dialect import in_plain_words
from openarc_ui.engine.formats.keywords import KEYWORDS
from openarc_ui.errors import StructureRejected, nearest

Schema = dict[str, Any]

ANNOTATIONS = frozenset(
    [
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "discriminator",
        "$comment",
        "$schema",
        "$id",
        "$anchor",
        "$defs",
        "definitions",
    ]
)
"""What says something about a schema and restricts nothing."""
FORMATS = frozenset(
    [
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "json-pointer",
        "relative-json-pointer",
        "time",
        "uri",
        "uri-reference",
        "uri-template",
        "uuid",
    ]
)
LEADING = ("$ref", "const", "enum", "anyOf", "oneOf", "allOf")
"""The first of these that is there is what counts; xgrammar looks at nothing beside it."""
OF_TYPE: Mapping[str, frozenset[str]] = {
    "string": frozenset({"format", "pattern", "minLength", "maxLength"}),
    "integer": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "number": frozenset({"minimum", "maximum"}),
    "boolean": frozenset(),
    "null": frozenset(),
    "array": frozenset({"items", "prefixItems", "unevaluatedItems", "minItems", "maxItems"}),
    "object": frozenset(
        [
            "properties",
            "required",
            "additionalProperties",
            "unevaluatedProperties",
            "patternProperties",
            "propertyNames",
            "minProperties",
            "maxProperties",
        ]
    ),
}
PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
IMPLY_OBJECT = ("properties", "additionalProperties", "unevaluatedProperties")
IMPLY_ARRAY = ("items", "prefixItems", "unevaluatedItems")
ONE_AT_A_TIME = (
    ("format", "pattern", "minLength"),
    ("format", "pattern", "maxLength"),
    ("additionalProperties", "unevaluatedProperties"),
    ("items", "unevaluatedItems"),
    ("patternProperties", "propertyNames"),
    *(
        (first, second)
        for first in ("patternProperties", "propertyNames")
        for second in ("properties", "required", "additionalProperties", "unevaluatedProperties")
    ),
)
"""xgrammar keeps to the first of a row that is there and drops the others."""
MISREAD = re.compile("[\x80-\xff][0-9a-fA-F]")
"""In a value or a name xgrammar would read the second character as a part of the first."""
LARGEST_WHOLE_NUMBER = 2**63 - 1


def enforceable(schema: Schema) -> Schema:
    """The same schema, written so that xgrammar keeps to all of it.

    Raises:
        StructureRejected: it says something xgrammar would ignore or misread, or no answer could ever satisfy it.
    """
    root = in_plain_words(schema, FORMATS)
    _Writer(root).visit(root, "")
    if not _Ends(root).can_end(root):
        raise StructureRejected(
            "No answer could satisfy the schema: it refers to itself without an end.",
            "Let the part that refers back be left out (not required), or be null.",
        )
    return root


class _Writer:
    """Goes through what can be reached from the root, and rewrites it in place, so that every `$ref` finds it so."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._visited: set[int] = set()

    def visit(self, schema: Any, place: str) -> None:
        """One schema and all below it. `place` says where it stands, for a message."""
        if not isinstance(schema, dict) or id(schema) in self._visited:
            return
        self._visited.add(id(schema))
        lead = next((name for name in LEADING if name in schema), None)
        if lead is not None:
            self._visit_leading(schema, lead, place)
            return
        types = types_of(schema)
        known = frozenset({"type"}).union(*(OF_TYPE.get(each, frozenset()) for each in types))
        _refuse_others(schema, known, place, "" if types else " without a type")
        for row in ONE_AT_A_TIME:
            given = [name for name in row if name in schema and schema[name] is not False]
            if len(given) > 1:
                raise _refused(f"'{given[1]}' beside '{given[0]}'", place)
        if "object" in types:
            self._visit_object(schema, place)
        if "string" in types:
            _write_string(schema)
        for name in ("items", "unevaluatedItems"):
            self.visit(schema.get(name), f"{place}/{name}")
        self._visit_all(schema.get("prefixItems"), f"{place}/prefixItems")

    def _visit_leading(self, schema: Schema, lead: str, place: str) -> None:
        values = [schema["const"]] if lead == "const" else schema.get("enum") if lead == "enum" else None
        is_typed = lead in ("const", "enum") and has_only(schema, lead)
        _refuse_others(schema, frozenset({lead, "type"} if is_typed else {lead}), place, f" beside '{lead}'")
        if lead == "$ref":
            self.visit(_resolve(self._root, schema["$ref"]), str(schema["$ref"]).removeprefix("#"))
        elif values is not None:
            _write_values(schema, lead, values, place)
        elif lead == "allOf" and isinstance(schema[lead], list) and len(schema[lead]) > 1:
            raise _refused("'allOf' of several schemas", place, "Write them as one schema.")
        else:
            if lead == "oneOf" and not exclude_each_other(schema[lead], self._root):
                raise _refused("'oneOf' of schemas that do not exclude each other by type or by a constant", place)
            self._visit_all(schema[lead], f"{place}/{lead}")

    def _visit_all(self, schemas: Any, place: str) -> None:
        for index, each in enumerate(schemas if isinstance(schemas, list) else ()):
            self.visit(each, f"{place}/{index}")

    def _visit_object(self, schema: Schema, place: str) -> None:
        properties = _object(schema.get("properties"))
        for name in schema.get("required") or ():
            if name not in properties:
                raise _refused(f"'required' of '{name}', which is not among the properties", place)
        for name, each in properties.items():
            if MISREAD.search(name):
                raise _refused(
                    f"the property '{name}', whose name has an accented letter before a digit or one of a to f,",
                    place,
                    "Give it another name.",
                )
            self.visit(each, f"{place}/properties/{name}")
        for pattern, each in _object(schema.get("patternProperties")).items():
            if pattern_in_json(pattern) != pattern:
                raise _refused(f"the pattern '{pattern}' of names, in which a quote or a dot stands", place)
            self.visit(each, f"{place}/patternProperties/{pattern}")
        if isinstance(schema.get("propertyNames"), dict):
            schema["propertyNames"].setdefault("type", "string")
        for name in ("additionalProperties", "unevaluatedProperties", "propertyNames"):
            self.visit(schema.get(name), f"{place}/{name}")


class _Ends:
    """Whether a schema has an answer of finite length: one that needs itself has none."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._open: set[int] = set()
        self._ending: set[int] = set()

    def can_end(self, schema: Any) -> bool:
        """True also where it can't be told."""
        if not isinstance(schema, dict) or id(schema) in self._ending:
            return True
        if id(schema) in self._open:
            return False
        self._open.add(id(schema))
        ends = self._ask(schema)
        self._open.discard(id(schema))
        if ends:
            self._ending.add(id(schema))
        return ends

    def _ask(self, schema: Schema) -> bool:
        if "$ref" in schema:
            return self.can_end(_resolve(self._root, schema["$ref"]))
        if "const" in schema or "enum" in schema:
            return True
        for name in ("anyOf", "oneOf"):
            if isinstance(schema.get(name), list):
                return any(self.can_end(each) for each in schema[name])
        if isinstance(schema.get("allOf"), list):
            return all(self.can_end(each) for each in schema["allOf"])
        if types_of(schema) == ["object"]:
            properties = _object(schema.get("properties"))
            return all(self.can_end(properties[name]) for name in schema.get("required") or () if name in properties)
        if types_of(schema) == ["array"] and schema.get("minItems"):
            return all(self.can_end(each) for each in (schema.get("items"), *(schema.get("prefixItems") or ())))
        return True


def _write_string(schema: Schema) -> None:
    if isinstance(schema.get("pattern"), str):
        schema["pattern"] = pattern_in_json(schema["pattern"])


def _write_values(schema: Schema, lead: str, values: Any, place: str) -> None:
    """Texts that would be misread are put as patterns, which are not; the others stay."""
    if not isinstance(values, list) or not values:
        raise StructureRejected(f"'enum'{_at(place)} is no list of values.", "Write at least one.")
    misread = [each for each in values if isinstance(each, str) and MISREAD.search(each)]
    others = [each for each in values if each not in misread]
    for each in others:
        if MISREAD.search(json.dumps(each, ensure_ascii=False)):
            raise _refused("a list or object with an accented letter before a digit or one of a to f", place)
        if isinstance(each, int) and abs(each) > LARGEST_WHOLE_NUMBER:
            raise _refused(f"the number {each}, which needs more than 64 bits,", place)
    if misread:
        del schema[lead]
        schema.pop("type", None)
        written: list[Schema] = [
            {"type": "string", "pattern": literal(json.dumps(each, ensure_ascii=False)[1:-1])} for each in misread
        ]
        schema["anyOf"] = [*written, {"enum": others}] if others else written


def types_of(schema: Schema) -> list[str]:
    """What xgrammar takes a schema without a leading keyword for; [] for any JSON."""
    given = schema.get("type")
    if given is not None:
        return [str(each) for each in given] if isinstance(given, list) else [str(given)]
    if any(name in schema for name in IMPLY_OBJECT):
        return ["object"]
    return ["array"] if any(name in schema for name in IMPLY_ARRAY) else []


def has_only(schema: Schema, lead: str) -> bool:
    """Whether every value of a const or an enum is of the type beside it, so that the type says nothing more."""
    values = [schema["const"]] if lead == "const" else schema["enum"]
    return isinstance(values, list) and all(_is_one_of(each, schema) for each in values)


def _is_one_of(value: Any, schema: Schema) -> bool:
    """Whether a value of an enum is of the type beside it; an enum without one takes any."""
    types = types_of(schema) or list(PYTHON_TYPES)
    is_flag = isinstance(value, bool)
    return any(isinstance(value, PYTHON_TYPES.get(each, ())) and (each == "boolean" or not is_flag) for each in types)


def _resolve(root: Schema, reference: Any) -> Any:
    """What a `$ref` points at; None where xgrammar will say that there is nothing."""
    if not isinstance(reference, str) or not re.match(r"#(/|$)", reference):
        raise StructureRejected(f"The $ref '{reference}' does not begin with '#/'.", "Put what it means under $defs.")
    found: Any = root
    for part in filter(None, reference[1:].split("/")):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def exclude_each_other(schemas: Any, root: Schema) -> bool:
    """Whether at most one of a oneOf can be satisfied: by their types, or by a required property's constants."""
    if not isinstance(schemas, list):
        return True
    targets = [_resolve(root, each["$ref"]) if isinstance(each, dict) and "$ref" in each else each for each in schemas]
    objects = [each for each in targets if isinstance(each, dict) and types_of(each) == ["object"]]
    types = [each for target in targets for each in (types_of(target) if isinstance(target, dict) else [])]
    others = [each for each in types if each != "object"]
    is_plain = all(isinstance(each, dict) and types_of(each) for each in targets)
    has_distinct_types = len(set(others)) == len(others) and not {"integer", "number"} <= set(others)
    if not is_plain or not has_distinct_types:
        return False
    return len(objects) < 2 or any(
        _are_distinct([_constant(each, name) for each in objects]) for name in _object(objects[0].get("properties"))
    )


def _constant(schema: Schema, name: str) -> str | None:
    """The only value of a required property, as JSON; None where there is no such."""
    part = _object(schema.get("properties")).get(name)
    if not isinstance(part, dict) or name not in (schema.get("required") or ()):
        return None
    values = [part["const"]] if "const" in part else part.get("enum")
    return json.dumps(values[0]) if isinstance(values, list) and len(values) == 1 else None


def _are_distinct(values: list[str | None]) -> bool:
    return None not in values and len(set(values)) == len(values)


def _object(value: Any) -> Schema:
    return value if isinstance(value, dict) else {}


def _refuse_others(schema: Schema, known: frozenset[str], place: str, where: str = "") -> None:
    """See that a schema has no keyword but those.

    Raises:
        StructureRejected: naming the first one.
    """
    for name in schema:
        if name not in known and name not in ANNOTATIONS:
            # A keyword that exists is no misspelling of another one.
            guess = "" if name in KEYWORDS else nearest(name, ANNOTATIONS.union({*LEADING, "type"}, *OF_TYPE.values()))
            raise _refused(f"'{name}'{where}", place, *([guess] if guess.startswith("Did") else []))


def _refused(
    what: str, place: str, hint: str = "Leave it out, and look at the answer for it yourself."
) -> StructureRejected:
    return StructureRejected(f"GenAI's structured output does not keep to {what}{_at(place)}.".replace(",.", "."), hint)


def _at(place: str) -> str:
    return f" at {place}" if place else ""
