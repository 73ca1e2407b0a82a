"""What is wrong with what came in, in JSON's words and not in Python's."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field, ValidationError

from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.frozen import Frozen
from openarc_ui.errors import InvalidRequest


class Inner(Frozen):
    text: str = ""


class Outer(Frozen):
    several: tuple[int, ...] = Field((), max_length=2)
    named: dict[str, int] = Field(default_factory=dict)
    inner: Inner = Field(default_factory=Inner)
    max_new_tokens: int = 1
    kinds: tuple[str, ...] = Field(("a",), min_length=1)


def said(value: Any) -> InvalidRequest:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(value)
    return explain(caught.value.errors(), fields_by_path(Outer))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"several": 5}, "several: must be a list."),
        ({"several": [1, 2, 3]}, "several: must have at most 2 items, not 3."),
        ({"kinds": []}, "kinds: must have at least 1 item, not 0."),
        ({"named": 5}, "named: must be an object."),
        ({"inner": 5}, "inner: must be an object."),
        ([], "The body must be an object."),
        ({"several": ["x"]}, "several.0: Input should be a valid integer, unable to parse string as an integer."),
    ],
)
def test_a_wrong_type_is_told_as_json_has_it(value: Any, words: str) -> None:
    assert said(value).message == words


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ({"max_tokens": 5}, "It is called 'max_new_tokens' here."),
        ({"n_predict": 5}, "It is called 'max_new_tokens' here."),
        ({"inner": {"content": "x"}}, "It is called 'text' here."),
        ({"content": "x"}, "Known names: inner, kinds, max_new_tokens, named, several."),
        ({"nmaed": 5}, "Did you mean 'named'?"),
    ],
)
def test_a_name_that_other_servers_have_is_told_by_its_name_here(value: Any, hint: str) -> None:
    assert said(value).hint == hint
