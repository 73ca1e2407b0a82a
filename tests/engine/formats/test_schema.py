"""A call's arguments against its tool's schema: each mistake a sentence, and nothing fetched."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from openarc_ui.engine.formats import check_arguments, tool_from_signature
from openarc_ui.engine.prompts import Tool, ToolFunction

WEATHER = tool_from_signature("def get_weather(city: str, days: int = 1, unit: Literal['c', 'f'] = 'c')")


def tool(parameters: dict[str, Any]) -> Tool:
    return Tool(function=ToolFunction(name="f", parameters=parameters))


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        ({"city": "Paris", "days": 2, "unit": "c"}, ()),
        ({}, ("'city' is a required property",)),
        ({"city": "Paris", "days": "two"}, ("days: 'two' is not of type 'integer'",)),
        ({"city": "Paris", "unit": "k"}, ("unit: 'k' is not one of ['c', 'f']",)),
        ({"city": "Paris", "dasy": 2}, ("There is no argument 'dasy'. Did you mean 'days'?",)),
        (
            {"citi": "Paris"},
            ("'city' is a required property", "There is no argument 'citi'. Did you mean 'city'?"),
        ),
    ],
)
def test_each_mistake_is_a_sentence(arguments: dict[str, Any], problems: tuple[str, ...]) -> None:
    assert check_arguments(WEATHER, arguments) == problems


def test_further_arguments_are_right_where_the_schema_says_so() -> None:
    assert check_arguments(tool_from_signature("def f(a: int = 1, **rest: str)"), {"b": "x"}) == ()
    assert check_arguments(tool_from_signature("def f(a: int = 1, **rest: str)"), {"b": 1}) == (
        "b: 1 is not of type 'string'",
    )
    assert check_arguments(tool({}), {"anything": 1}) == ()


def test_a_long_value_is_cut_in_the_sentence() -> None:
    (problem,) = check_arguments(WEATHER, {"city": ["x" * 5000]})
    assert problem.startswith("city: ['xxx")
    assert len(problem) < 400


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"$ref": "#"}, "The tool's schema refers to itself without end."),
        ({"$ref": "#/$defs/none"}, "The tool's schema refers to"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, "The tool's schema can't be used"),
        ({"type": "objekt"}, "The tool's schema can't be used"),
    ],
)
def test_a_schema_that_cannot_be_used_is_told(parameters: dict[str, Any], problem: str) -> None:
    (told,) = check_arguments(tool(parameters), {"a": "1"})
    assert told.startswith(problem)


def test_a_reference_to_another_host_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_: asked.append(arguments) or [])
    told = check_arguments(tool({"$ref": "http://schemas.invalid/x.json"}), {"a": 1})
    assert told == ("The tool's schema refers to 'http://schemas.invalid/x.json', which is not in it.",)
    assert asked == []
