"""Tools from what people type: read where it is right, and where it is wrong told with its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openarc_ui.engine.formats import tool_from_signature, tools_from_json, tools_from_text
from openarc_ui.engine.formats.places import offset_of
from openarc_ui.errors import InvalidRequest

FUNCTION = {"name": "f", "description": "Does it.", "parameters": {"type": "object", "properties": {}}}
TOOL = {"type": "function", "function": FUNCTION}


@pytest.mark.parametrize("value", [TOOL, [TOOL], FUNCTION, [FUNCTION], {"type": "function", **FUNCTION}])
def test_tools_are_read_in_each_form(value: object) -> None:
    (tool,) = tools_from_json(json.dumps(value))
    assert tool.model_dump(exclude_none=True) == TOOL


@pytest.mark.parametrize("text", ["", " \n", "[]"])
def test_nothing_is_no_tool(text: str) -> None:
    assert tools_from_text(text) == ()


@pytest.mark.parametrize(
    ("text", "told", "hint"),
    [
        (
            '[{"type": "function",\n  "function": {"name": "f", "desciption": ""}}]',
            "Line 2, column 29: There is no field 'desciption' in 'function'.",
            "Did you mean 'description'?",
        ),
        ('{"fucntion": {"name": "f"}}', "Line 1, column 2: There is no field 'fucntion'.", "Did you mean 'function'?"),
        ('[{"name": "f"},\n {"description": ""}]', "Line 2, column 2: name: Field required.", "A list of"),
        ("[3]", "Line 1, column 2: a tool is a JSON object.", "A list of"),
        ("{'name': 'f'}", "Line 1, column 2: the tools are not JSON: a name in double quotes", "A list of"),
        ('[{"name": "f"},]', "Line 1, column 1", "A list of"),
        ('[{"name": "f"},\n{"name": "f"}]', "Line 2, column 11: there are two tools 'f'.", "Rename"),
        (
            '{"name": "f", "parameters": {"type": "object", "properties": {\n"a": {"type": "strng"}}}}',
            "Line 2, column 15: there is no type 'strng'.",
            "Did you mean 'string'?",
        ),
        (
            '{"name": "f", "parameters": {"type": "object", "properties": {\n"a": {"desciption": ""}}}}',
            "Line 2, column 7: a JSON schema has no 'desciption'.",
            "Did you mean 'description'",
        ),
        (
            '{"name": "f", "parameters": {"city": {"type": "str"}}}',
            "Line 1, column 29: the parameters are no JSON schema.",
            "Write",
        ),
        (
            '{"name": "f", "parameters": {"type": "array"}}',
            "Line 1, column 38: the type of the parameters has to be 'object'.",
            "Write",
        ),
        (
            '{"name": "f", "parameters": {"properties": {"a": {"pattern": "("}}}}',
            "Line 1, column 62: the pattern can't be used",
            "",
        ),
        (
            '{"name": "f", "parameters": {"properties": {"a": {"minimum": "1"}}}}',
            "Line 1, column 62: properties.a.minimum: '1' is not of type 'number'.",
            "See",
        ),
        ("[" * 100_000, "The tools are too deep", "A list of"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, told: str, hint: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        tools_from_text(text)
    assert caught.value.message.startswith(told)
    assert caught.value.hint.startswith(hint)


def test_a_parameter_may_be_called_as_a_keyword_almost_is() -> None:
    properties = {"desciption": {"type": "string"}, "type": {"type": "string"}, "pattern": {"default": {"requird": 1}}}
    (tool,) = tools_from_json(json.dumps({"name": "f", "parameters": {"type": "object", "properties": properties}}))
    assert tool.function.parameters["properties"] == properties


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(JSON, st.sampled_from([None, 2]))
def test_a_place_is_where_the_value_is(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)

    def check(inner: object, path: tuple[str | int, ...]) -> None:
        assert json.JSONDecoder().raw_decode(text, offset_of(text, path))[0] == inner
        members = inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
        for key, each in members:
            check(each, (*path, key))
            if isinstance(key, str):
                at = offset_of(text, (*path, key), of_key=True)
                assert json.JSONDecoder().raw_decode(text, at)[0] == key

    check(value, ())


def schema_of(annotation: str) -> object:
    return tool_from_signature(f"def f(x: {annotation}): ...").function.parameters["properties"]["x"]


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        ("str", {"type": "string"}),
        ("int", {"type": "integer"}),
        ("float", {"type": "number"}),
        ("bool", {"type": "boolean"}),
        ("list", {"type": "array"}),
        ("list[str]", {"type": "array", "items": {"type": "string"}}),
        ("typing.List[list[int]]", {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
        ("tuple[float, ...]", {"type": "array", "items": {"type": "number"}}),
        (
            "tuple[int, str]",
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        ),
        ("set[str]", {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        ("dict", {"type": "object"}),
        ("dict[str, Any]", {"type": "object"}),
        ("Dict[str, int]", {"type": "object", "additionalProperties": {"type": "integer"}}),
        ("Optional[str]", {"type": ["string", "null"]}),
        ("list[str] | None", {"type": ["array", "null"], "items": {"type": "string"}}),
        ("Union[int, str]", {"type": ["integer", "string"]}),
        ("int | list[int]", {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
        ("Literal['a', 'b']", {"type": "string", "enum": ["a", "b"]}),
        ("Literal[1, 'b']", {"enum": [1, "b"]}),
        ("Literal['a'] | None", {"enum": ["a", None]}),
        ("Annotated[str, 'A city.']", {"type": "string", "description": "A city."}),
        ("Annotated[str, Field(description='A city.')]", {"type": "string", "description": "A city."}),
        ("'list[int]'", {"type": "array", "items": {"type": "integer"}}),
        ("datetime.date", {"type": "string", "format": "date"}),
        ("Any", {}),
    ],
)
def test_an_annotation_becomes_a_schema(annotation: str, schema: object) -> None:
    assert schema_of(annotation) == schema


GOOGLE = '''
    """Look the weather up.

    For any city on earth.

    Args:
        city (str): Where,
            in full.
        days: How many.

    Returns:
        city: a text.
    """
'''
NUMPY = '''
    """Look the weather up.

    For any city on earth.

    Parameters
    ----------
    city : str
        Where,
        in full.
    days : int, optional
        How many.

    Returns
    -------
    str
        A text.
    """
'''
SPHINX = '''
    """Look the weather up.

    For any city on earth.

    :param city: Where,
        in full.
    :param int days: How many.
    :returns: A text.
    """
'''


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, SPHINX])
def test_a_function_becomes_a_tool_with_the_descriptions_of_its_docstring(docstring: str) -> None:
    (tool,) = tools_from_text(f"@tool\nasync def get_weather(city: str, *, days: int = 1) -> str:{docstring}")
    assert tool.function.model_dump(exclude_none=True) == {
        "name": "get_weather",
        "description": "Look the weather up.\n\nFor any city on earth.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Where, in full."},
                "days": {"type": "integer", "description": "How many.", "default": 1},
            },
            "required": ["city"],
        },
    }


def test_a_body_may_be_missing_and_further_names_may_be_allowed() -> None:
    assert (
        tool_from_signature("def f(a: int)")
        == tool_from_signature("def f(a: int):")
        == tool_from_signature("    def f(self, a: int):\n        return open('/')\n")
    )
    assert tool_from_signature("def f(**rest: int): ...").function.parameters["additionalProperties"] == {
        "type": "integer"
    }


def test_several_functions_are_several_tools_and_one_is_demanded_of_a_signature() -> None:
    text = "from typing import Any\ndef f(a=None): ...\ndef g(b=open('x')): ...\n"
    f, g = tools_from_text(text)
    assert f.function.parameters == {"type": "object", "properties": {"a": {}}}
    assert g.function.parameters == {"type": "object", "properties": {"b": {}}}
    with pytest.raises(InvalidRequest, match="One function is expected, got 2"):
        tool_from_signature(text)


@pytest.mark.parametrize(
    ("source", "told", "hint"),
    [
        (
            "def f(\n    a: str,\n    b: Flot): ...",
            "Line 3, column 8: 'Flot' has no JSON schema.",
            "Did you mean 'float'?",
        ),
        ("def f(é: 'lst[int]'): ...", "Line 1, column 10: 'lst[int]' has no JSON schema.", "Did you mean 'list'"),
        ("def f(a: dict[int, str]): ...", "Line 1, column 15: the names in a JSON object are texts.", "Write"),
        ("def f(a: Literal[g()]): ...", "Line 1, column 18: a Literal takes", ""),
        ("def f(*rest: str): ...", "Line 1, column 8: *rest can't be given by name.", "Write a list"),
        ("def f(a: str", "Line 1, column 6: this is neither JSON nor Python: '(' was never closed.", "Write"),
        ("get_weather", "Line 1, column 1: only functions and imports are expected.", "Write"),
        ("import os", "Line 1, column 1: a Python function is expected.", "Write"),
        (
            'def f(location: str):\n    """F.\n\n    Args:\n        loction: Where.\n    """',
            "Line 2, column 5: the docstring describes 'loction', which is no parameter of 'f'.",
            "Did you mean 'location'?",
        ),
        ("def f(): ...\ndef f(): ...", "Line 2, column 5: there are two tools 'f'.", "Rename"),
        ("def f(a: " + "(" * 5000, "", "Write"),
    ],
)
def test_what_is_wrong_with_a_signature_is_told_with_its_place(source: str, told: str, hint: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        tools_from_text(source)
    assert caught.value.message.startswith(told)
    assert caught.value.hint.startswith(hint)


def test_a_signature_is_never_executed(tmp_path: object) -> None:
    trap = f"__import__('pathlib').Path({str(tmp_path)!r}, 'executed').touch()"
    source = f"@({trap})\ndef f(a: Literal['x'] = {trap}) -> {trap}:\n    {trap}\n"
    assert tool_from_signature(source).function.name == "f"
    from pathlib import Path

    assert list(Path(str(tmp_path)).iterdir()) == []
