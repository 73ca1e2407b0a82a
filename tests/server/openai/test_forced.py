"""The form of an answer that has to be a call."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from openarc_ui.engine.backends.json_schema import enforceable
from openarc_ui.engine.prompts import Tool, ToolFunction
from openarc_ui.server.openai.asked import CallChoice, effort_arguments, tool_use
from openarc_ui.server.openai.errors import ParameterRefused, ParameterWrong
from openarc_ui.server.openai.forced import structure_for_calls


def tool(name: str, parameters: dict[str, Any]) -> Tool:
    return Tool(function=ToolFunction(name=name, parameters=parameters))


PLACE = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
TOOLS = (
    tool(
        "visit",
        {
            "type": "object",
            "properties": {"place": {"$ref": "#/$defs/Place"}, "days": {"type": "integer"}},
            "required": ["place"],
            "$defs": {"Place": PLACE, "Tree": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Place"}]}},
        },
    ),
    tool("stop", {}),
    tool("look up", {"type": "object", "properties": {"$ref": {"type": "string"}, "const": PLACE}}),
)


def is_valid(schema: dict[str, Any], value: Any) -> bool:
    return bool(Draft202012Validator(schema).is_valid(value))


@pytest.mark.parametrize("several", [False, True])
def test_any_tool_may_be_called_and_no_other(several: bool) -> None:
    schema = structure_for_calls(TOOLS, None, several).json_schema
    assert schema is not None

    def allows(name: str, arguments: Any) -> bool:
        call = {"name": name, "arguments": arguments}
        return is_valid(schema, [call, call] if several else call)

    assert allows("visit", {"place": {"name": "Paris"}, "days": 2})
    assert allows("stop", {})
    assert allows("look up", {"$ref": "x", "const": {"name": "y"}})
    assert not allows("visit", {"place": {"name": 5}})
    assert not allows("visit", {"days": 2})
    assert not allows("go", {})
    assert not allows("stop", "now")
    assert not is_valid(schema, [] if several else {"name": "stop"})


@pytest.mark.parametrize("several", [False, True])
def test_references_of_each_tool_stay_its_own(several: bool) -> None:
    other = tool(
        "other",
        {"type": "object", "properties": {"p": {"$ref": "#/$defs/Place"}}, "$defs": {"Place": {"type": "integer"}}},
    )
    recursive = tool("tree", {"type": "object", "properties": {"below": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}})
    schema = structure_for_calls((TOOLS[0], other, recursive), None, several).json_schema
    assert schema is not None
    enforceable(schema)
    for call in (
        {"name": "other", "arguments": {"p": 3}},
        {"name": "visit", "arguments": {"place": {"name": "x"}}},
        {"name": "tree", "arguments": {"below": {"below": None}}},
    ):
        assert is_valid(schema, [call] if several else call)
    wrong = {"name": "tree", "arguments": {"below": {"below": 3}}}
    assert not is_valid(schema, [wrong] if several else wrong)


def test_one_function_by_name_is_held_to_its_own_parameters() -> None:
    assert structure_for_calls(TOOLS, "visit", False).json_schema == TOOLS[0].function.parameters
    assert structure_for_calls(TOOLS, "stop", False).json_schema == {"type": "object"}


def test_a_choice_has_to_fit_the_tools() -> None:
    with pytest.raises(ParameterWrong, match="no tools") as caught:
        tool_use((), CallChoice("required"), True)
    assert caught.value.param == "tool_choice"
    with pytest.raises(ParameterWrong, match="no tool 'vist'") as caught:
        tool_use(TOOLS, CallChoice("named", "vist"), True)
    assert "visit" in caught.value.hint
    with pytest.raises(ParameterWrong, match="two tools 'stop'"):
        tool_use((*TOOLS, TOOLS[1]), CallChoice(), True)


def test_no_tool_is_shown_where_none_may_be_called() -> None:
    assert tool_use(TOOLS, CallChoice("none"), True).tools == ()
    free = tool_use(TOOLS, CallChoice(), False)
    assert (free.tools, free.forced, free.most_calls, free.structure) == (TOOLS, None, 1, None)


def test_effort_is_told_in_the_words_of_the_template() -> None:
    assert effort_arguments("{{ reasoning_effort }}", "high") == {"reasoning_effort": "high"}
    assert effort_arguments("{% if enable_thinking %}", "none") == {"enable_thinking": False}
    for template, effort in (("{% if enable_thinking %}", "high"), ("{{ messages }}", "none")):
        with pytest.raises(ParameterRefused, match="reasoning_effort"):
            effort_arguments(template, effort)
