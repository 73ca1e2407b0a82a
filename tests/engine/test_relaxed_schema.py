"""Schemas in other words, and schemas of tools without what can't be kept to: what is left is taken, and allows no less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from openarc_ui.engine.backends.json_schema import enforceable
from openarc_ui.engine.backends.relaxed_schema import relaxed
from openarc_ui.engine.backends.structure_checker import StructureChecker
from openarc_ui.engine.prompts import StructuredOutput
from openarc_ui.errors import StructureRejected

Schema = dict[str, Any]
UNENFORCED: list[tuple[Schema, Any]] = [
    ({"type": "array", "items": {"type": "string"}, "uniqueItems": True}, ["a", "b"]),
    ({"type": "integer", "multipleOf": 3}, 6),
    ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1.5}, 0.5),
    ({"type": "string", "pattern": "^[a-z]+$", "minLength": 2}, "ab"),
    ({"type": "string", "contentEncoding": "base64", "contentMediaType": "text/plain"}, "YQ=="),
    ({"type": "object", "properties": {"a": {"type": "string"}}, "anyOf": [{"required": ["a"]}]}, {"a": "x"}),
    ({"type": "object", "required": ["x"]}, {"x": 1}),
    ({"type": "object", "properties": {"année": {"type": "integer"}}, "required": ["année"]}, {"année": 3}),
    ({"type": "object", "patternProperties": {"^.*$": {"type": "string"}}}, {"a": "b"}),
    ({"type": "object", "properties": {"a": {"type": "string"}}, "patternProperties": {"^x": {}}}, {"a": "b"}),
    ({"allOf": [{"type": "object"}, {"required": ["b"]}]}, {"b": 1}),
    ({"oneOf": [{"type": "string", "maxLength": 3}, {"type": "string", "minLength": 2}]}, "a"),
    ({"not": {"type": "null"}}, 1),
    ({"type": "string", "enum": ["a", 1]}, "a"),
    ({"enum": [2**70, 1]}, 1),
    ({"type": "object", "properties": {"a": {"type": "integer"}}, "if": {}, "then": {}, "placeholder": "x"}, {"a": 1}),
]


@pytest.mark.parametrize(("schema", "value"), UNENFORCED)
def test_what_can_not_be_kept_to_is_left_out_of_a_tools_schema_and_refused_elsewhere(
    schema: Schema, value: Any
) -> None:
    nested = {"type": "object", "properties": {"p": schema}, "required": ["p"]}
    before = str(nested)
    jsonschema.validate({"p": value}, nested)
    with pytest.raises(StructureRejected):
        enforceable(nested)
    left = enforceable(relaxed(nested))
    jsonschema.validate({"p": value}, left)
    assert str(nested) == before
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, left)


@pytest.mark.model
def test_xgrammar_takes_what_is_left(starter_folder: Path) -> None:
    checker = StructureChecker(str(starter_folder))
    try:
        for schema, _ in (*UNENFORCED, ({"type": "string", "pattern": "^(?!no)\\w+$"}, "yes")):
            checker.check(StructuredOutput(json_schema=relaxed({"type": "object", "properties": {"p": schema}})))
    finally:
        checker.close()


def test_what_can_be_kept_to_stays() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "number", "exclusiveMinimum": 0}, "e": {"enum": ["a", "b"]}},
        "required": ["n"],
        "additionalProperties": False,
    }
    left = relaxed(schema)
    assert left["properties"] == {"n": {"type": "number", "minimum": 0}, "e": {"enum": ["a", "b"]}}
    assert (left["required"], left["additionalProperties"]) == (["n"], False)


def test_a_misspelt_keyword_of_a_tool_is_refused_with_the_right_one() -> None:
    with pytest.raises(StructureRejected) as refused:
        enforceable(relaxed({"type": "object", "properties": {"a": {"type": "string", "maxLenght": 3}}}))
    assert "'maxLength'" in refused.value.hint


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "nullable": True}, "a"),
        ({"type": "string", "enum": ["a"], "nullable": True}, "a"),
        ({"$ref": "#/$defs/n", "nullable": True, "description": "d", "$defs": {"n": {"type": "integer"}}}, 1),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}], "nullable": True}, 1),
        ({"type": "object", "properties": {"a": {"type": "integer", "nullable": False}}, "nullable": True}, {"a": 1}),
    ],
)
def test_nullable_allows_null_beside_the_rest(schema: Schema, value: Any) -> None:
    written = enforceable(schema)
    for each in (value, None):
        jsonschema.validate(each, written)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([], written)


@pytest.mark.parametrize(
    ("schema", "left"),
    [
        ({"type": "integer", "format": "int32"}, {"type": "integer"}),
        ({"type": ["number", "null"], "format": "double"}, {"type": ["number", "null"]}),
        ({"type": "string", "format": "binary"}, {"type": "string"}),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
        ({"type": "string", "example": "a", "x-order": 3, "xml": {}}, {"type": "string"}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        (
            {"type": "object", "properties": {"example": {"type": "string"}, "nullable": {"type": "string"}}},
            {"type": "object", "properties": {"example": {"type": "string"}, "nullable": {"type": "string"}}},
        ),
    ],
)
def test_what_restricts_nothing_is_taken(schema: Schema, left: Schema) -> None:
    assert enforceable(schema) == left


def test_a_keyword_that_exists_is_not_taken_for_another() -> None:
    with pytest.raises(StructureRejected) as refused:
        enforceable({"type": "array", "uniqueItems": True})
    assert "Did you mean" not in refused.value.hint and "look at the answer" in refused.value.hint
