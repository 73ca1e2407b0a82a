"""Questions of the page: what is taken, what is refused and with which words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from openarc_ui.errors import InvalidRequest
from openarc_ui.metrics.filters import Filter
from openarc_ui.ui.metrics.wanted import MOST_CHARACTERS, AskedAgain, AskedComparison, AskedView, View, read


def test_a_view_is_a_filter_whose_span_ends_now() -> None:
    view = View(range="15m", model=("a", "b"), outcome=("error",))
    usual = Filter(leaves_out=("tuning",))
    assert view.filter(1000.0) == replace(usual, since=100.0, model=("a", "b"), outcome=("error",))
    assert View(range="all").filter(1000.0) == usual
    custom = View(range="custom", since=5.0, until=9.0)
    assert custom.filter(1000.0) == replace(usual, since=5.0, until=9.0)
    assert [each.moves for each in (view, View(range="all"), custom)] == [True, False, False]


def test_nothing_said_is_the_last_hour() -> None:
    assert read("{}", AskedView).view == View(range="1h")


@pytest.mark.parametrize(
    ("asked", "kind", "says"),
    [
        (7, AskedView, "one JSON text"),
        ("{", AskedView, "not JSON"),
        ("[1]", AskedView, "object"),
        ('{"veiw": {}}', AskedView, "'veiw'"),
        ('{"view": {"modle": ["x"]}}', AskedView, "'modle'"),
        ('{"view": {"range": "2h"}}', AskedView, "view.range"),
        ('{"view": {"range": "1h", "since": 5}}', AskedView, "custom"),
        ('{"view": {"range": "custom", "since": -5}}', AskedView, "since"),
        ('{"view": {"model": "x"}}', AskedView, "view.model"),
        (json.dumps({"view": {"model": ["x"] * 500}}), AskedView, "view.model"),
        ('{"a": {}}', AskedComparison, "b"),
        ("{}", AskedAgain, "either request_id or cancel"),
        ('{"request_id": "a", "cancel": "b"}', AskedAgain, "either request_id or cancel"),
        ('{"request_id": "a", "prompt": "\\ud800"}', AskedAgain, "not JSON"),
        (" " * (MOST_CHARACTERS + 1), AskedView, "too long"),
    ],
)
def test_what_can_not_be_understood_is_refused_in_one_sentence(asked: Any, kind: Any, says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(asked, kind)
    assert says in f"{caught.value.message} {caught.value.hint}"


def test_a_misspelt_field_is_answered_with_the_right_one() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read('{"view": {"modle": ["x"]}}', AskedView)
    assert "'model'" in caught.value.hint


@pytest.mark.parametrize(
    "view", [{"range": "custom"}, {"range": "custom", "since": 9.0, "until": 5.0}, {"outcome": ("eror",)}]
)
def test_a_filter_that_can_not_be_is_refused(view: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        View(**view).filter(1000.0)
