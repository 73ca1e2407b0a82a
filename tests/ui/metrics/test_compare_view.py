"""Two groups of requests as the page shows them."""

from __future__ import annotations

import json
import time

import plotly.graph_objects
import pytest

from openarc_ui.metrics.compare import compare
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.html import number
from openarc_ui.ui.metrics import compare_view
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.compare_view import label, signed
from openarc_ui.ui.metrics.wanted import AskedComparison, View

FAST, SLOW = View(range="all", device=("GPU.0",)), View(range="all", device=("CPU",))


def test_the_faster_device_is_better_with_an_interval_and_words(filled: MetricsStore) -> None:
    now = time.time()
    answer = compare_view.answer(filled, AskedComparison(a=SLOW, b=FAST), now)
    json.dumps(answer, allow_nan=False)
    with filled.reading() as connection:
        found = compare(connection, SLOW.filter(now), FAST.filter(now))
    assert answer["a"] == {"label": "CPU · all time", "requests": number(found.a.requests, 0)}
    decode = next(row for row in answer["rows"] if row["id"] == "decode_tokens_per_second")
    expected = next(each for each in found.figures if each.name == "decode_tokens_per_second")
    assert decode["verdict"] == "better" and decode["unit"] == "tok/s"
    assert decode["difference"] == signed(expected.difference_percent) and decode["difference"].startswith("+")
    assert decode["interval"] == f"{signed(expected.low_percent)} to {signed(expected.high_percent)}"
    assert decode["words"] and "Higher is better." in decode["title"]


def test_the_figure_has_each_interval_around_its_difference(filled: MetricsStore) -> None:
    figure = compare_view.answer(filled, AskedComparison(a=SLOW, b=FAST), time.time())["figure"]
    plotly.graph_objects.Figure(figure)
    assert sum(len(trace["x"]) for trace in figure["data"]) >= 6
    for trace in figure["data"]:
        assert all(value >= 0 for value in trace["error_x"]["array"] + trace["error_x"]["arrayminus"])
    symbols = [trace["marker"]["symbol"] for trace in figure["data"]]
    assert len(set(symbols)) == len(symbols), "verdicts are told apart without their colour"


def test_a_group_against_itself_has_no_real_difference(filled: MetricsStore) -> None:
    rows = compare_view.answer(filled, AskedComparison(a=SLOW, b=SLOW), time.time())["rows"]
    assert {row["verdict"] for row in rows} == {"no real difference"}


def test_too_few_requests_show_words_and_no_number(filled: MetricsStore) -> None:
    nobody = View(range="all", model=("nobody",))
    answer = compare_view.answer(filled, AskedComparison(a=SLOW, b=nobody), time.time())
    assert answer["b"]["requests"] == "0" and answer["figure"]["data"] == []
    assert "Too few" in answer["figure"]["layout"]["annotations"][0]["text"]
    assert {row["difference"] for row in answer["rows"]} == {"–"}


@pytest.mark.parametrize(
    ("percent", "text"), [(None, "–"), (12.34, "+12.3%"), (-5.0, "−5.0%"), (0.01, "0.0%"), (-0.01, "0.0%")]
)
def test_a_difference_has_its_sign(percent: float | None, text: str) -> None:
    assert signed(percent) == text


def test_a_group_is_called_by_its_filters_and_its_span() -> None:
    clock = Clock(3600, "CET")
    assert label(View(range="1h"), clock) == "everything · 1 hour"
    assert label(View(range="7d", model=("a", "b"), outcome=("stop",)), clock) == "a, b · stop · 7 days"
    assert label(View(range="custom", since=0.0), clock) == "everything · 1 Jan 01:00:00 to now"
