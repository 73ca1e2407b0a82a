"""Figures: the numbers in them are numpy's, their units are named, and what is missing is said."""

from __future__ import annotations

import itertools
from typing import Any

import numpy
import pandas
import plotly.graph_objects
import pytest

from openarc_ui.metrics.definitions import STAGES
from openarc_ui.metrics.timeline import Grid
from openarc_ui.ui.metrics import dependence, distributions, request_figures, stages_figure, timeline_figure
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.style import MOST_LINES, Styles
from openarc_ui.ui.metrics.timeline_rows import Readings

STYLES = Styles(["a", "b"])


def sample(requests: int, **columns: Any) -> pandas.DataFrame:
    generator = numpy.random.default_rng(1)
    frame = pandas.DataFrame(
        {
            "request_id": [f"r{place}" for place in range(requests)],
            "model": [("a", "b")[place % 2] for place in range(requests)],
            "prompt_tokens": generator.integers(10, 4000, requests),
            "concurrent_requests": generator.integers(1, 5, requests),
            "ttft_seconds": generator.lognormal(-1, 1.5, requests),
            "decode_tokens_per_second": generator.normal(20, 2, requests),
            **columns,
        }
    )
    frame.attrs["of"] = requests
    return frame


def words(figure: dict[str, Any]) -> str:
    return " ".join(each["text"] for each in figure["layout"].get("annotations", []))


def test_a_histogram_counts_every_request_but_the_slowest_percent_which_it_names() -> None:
    frame = sample(1000)
    figure = distributions.distribution(frame, "ttft_seconds", STYLES)
    plotly.graph_objects.Figure(figure)
    limit = numpy.percentile(frame["ttft_seconds"], 99) * 1000
    assert sum(sum(trace["y"]) for trace in figure["data"]) == (frame["ttft_seconds"] * 1000 <= limit).sum() == 990
    assert "slowest 1% (10 requests)" in words(figure) and "ms not drawn" in words(figure)
    assert figure["layout"]["xaxis"]["type"] == "log", "from a millisecond to a minute"
    assert figure["layout"]["xaxis"]["title"]["text"] == "Time to first token, ms"
    for trace in figure["data"]:
        widths = trace["width"]
        edges = [x - width / 2 for x, width in zip(trace["x"], widths, strict=True)]
        assert all(low < high for low, high in itertools.pairwise(edges))


def test_values_near_each_other_get_linear_bins_from_zero() -> None:
    figure = distributions.distribution(sample(400), "decode_tokens_per_second", STYLES)
    assert "type" not in figure["layout"]["xaxis"] and figure["layout"]["xaxis"]["rangemode"] == "tozero"
    assert "fastest 1%" in words(figure), "the fast end of a throughput is no slow one"


@pytest.mark.parametrize("values", [[5.0], [5.0] * 300, [0.0] * 200, [0.0, 1.0]])
def test_few_or_equal_values_are_bars_too(values: list[float]) -> None:
    frame = sample(len(values), ttft_seconds=values)
    figure = distributions.distribution(frame, "ttft_seconds", STYLES)
    assert sum(sum(trace["y"]) for trace in figure["data"]) == len(values)
    assert all(width > 0 for trace in figure["data"] for width in trace["width"])


def test_a_sample_says_of_how_many_it_is() -> None:
    frame = sample(500)
    frame.attrs["of"] = 1_000_000
    assert "500 requests drawn at random from 1\u202f000\u202f000" in words(
        distributions.distribution(frame, "ttft_seconds", STYLES)
    )


def test_bars_are_told_apart_without_their_colour() -> None:
    first, second = distributions.distribution(sample(100), "ttft_seconds", STYLES)["data"]
    assert first["marker"]["pattern"]["shape"] != second["marker"]["pattern"]["shape"]


@pytest.mark.parametrize(
    "figure",
    [
        distributions.distribution(sample(0), "ttft_seconds", STYLES),
        distributions.distribution(sample(5, ttft_seconds=[None] * 5), "ttft_seconds", STYLES),
        distributions.inter_token(numpy.asarray([]), STYLES),
        dependence.prompt_length(sample(0), STYLES),
        dependence.concurrency(sample(5, decode_tokens_per_second=[None] * 5), STYLES),
        stages_figure.stages(pandas.DataFrame(columns=["model", "configuration_id", "requests"]), {}),
        request_figures.gaps(()),
        request_figures.stages(()),
    ],
)
def test_where_there_is_nothing_words_stand_in_its_place(figure: dict[str, Any]) -> None:
    plotly.graph_objects.Figure(figure)
    assert figure["data"] == [] and words(figure)
    assert figure["layout"]["meta"]["empty"] == words(figure)


def test_prompt_lengths_are_at_most_600_points_and_a_line_of_medians() -> None:
    frame = sample(5000)
    figure = dependence.prompt_length(frame, STYLES)
    plotly.graph_objects.Figure(figure)
    *points, line = figure["data"]
    assert 500 <= sum(len(trace["x"]) for trace in points) <= 600
    assert sum(line["customdata"]) == 5000, "medians are of all that was sampled"
    shortest = frame.sort_values("prompt_tokens").head(line["customdata"][0])
    assert line["y"][0] == pytest.approx(shortest["ttft_seconds"].median() * 1000, rel=1e-3)
    assert "of 5\u202f000 requests" in words(figure)


def test_boxes_are_the_quartiles_of_each_number_of_requests_at_once() -> None:
    frame = sample(800)
    figure = dependence.concurrency(frame, STYLES)
    plotly.graph_objects.Figure(figure)
    box = figure["data"][0]
    three = frame[(frame["model"] == "a") & (frame["concurrent_requests"] == 3)]["decode_tokens_per_second"]
    place = box["x"].index("3")
    for name, percent in (("lowerfence", 5), ("q1", 25), ("median", 50), ("q3", 75), ("upperfence", 95)):
        assert box[name][place] == pytest.approx(numpy.percentile(three, percent), rel=1e-3)


def test_many_numbers_of_requests_at_once_are_put_together() -> None:
    frame = sample(600, concurrent_requests=numpy.arange(600) % 60 + 1)
    order = dependence.concurrency(frame, STYLES)["layout"]["xaxis"]["categoryarray"]
    assert order == ["1", "2", "3–4", "5–8", "9–16", "17–32", "33–64"]


def test_where_the_time_went_adds_up_to_the_whole() -> None:
    names = [stage.name for stage in STAGES]
    values = {name: [0.01 * (place + 1), 0.02] for place, name in enumerate(names)}
    frame = pandas.DataFrame(
        {"model": ["a", "b"], "configuration_id": ["c" * 16, "d" * 16], "requests": [3, 9], **values}
    )
    figure = stages_figure.stages(frame, {"c" * 16: "cccccccc · genai on CPU · NUM_STREAMS=2"})
    plotly.graph_objects.Figure(figure)
    assert [trace["name"] for trace in figure["data"]] == [stage.label for stage in STAGES]
    totals = numpy.sum([trace["x"] for trace in figure["data"]], axis=0)
    by_name = dict(zip(figure["data"][0]["y"], totals, strict=True))
    assert by_name["a<br>cccccccc · genai on CPU<br>NUM_STREAMS=2"] == pytest.approx(
        sum(1000 * values[name][0] for name in names)
    )
    assert by_name["b<br>dddddddd"] == pytest.approx(200.0)
    assert sum(trace["customdata"][0][0] for trace in figure["data"]) == pytest.approx(100, abs=0.1)


def test_a_stage_that_took_no_time_has_no_bar() -> None:
    frame = pandas.DataFrame(
        {"model": ["a"], "configuration_id": ["c"], "requests": [1], **{stage.name: [0.0] for stage in STAGES}}
    )
    frame["prefill"] = 0.2
    assert [trace["name"] for trace in stages_figure.stages(frame, {})["data"]] == ["Prefill"]


def test_more_models_than_can_be_told_apart_are_not_drawn() -> None:
    frame = sample(400, model=[f"m{place % 20}" for place in range(400)])
    for figure in (distributions.distribution(frame, "ttft_seconds", STYLES), dependence.concurrency(frame, STYLES)):
        assert len(figure["data"]) == MOST_LINES


def test_no_pause_of_a_long_answer_is_hidden() -> None:
    gaps = [0.02] * 9999
    gaps[5001] = 1.5
    figure = request_figures.gaps(gaps)
    plotly.graph_objects.Figure(figure)
    trace, median = figure["data"]
    assert len(trace["x"]) <= request_figures.MOST_GAPS and max(trace["y"]) == 1500.0
    assert median["y"] == [20.0, 20.0] and "the longest of every 5" in words(figure)


def test_a_short_answer_shows_each_gap_at_its_token() -> None:
    trace = request_figures.gaps((0.1, 0.05, 0.15))["data"][0]
    assert list(zip(trace["x"], trace["y"], strict=True)) == [(2, 100.0), (3, 50.0), (4, 150.0)]


def test_the_cache_is_shown_in_megabytes_and_its_share_where_it_has_a_bound() -> None:
    told = {"processor_percent": 1.0, "memory_bytes": 1.0, "available_memory_bytes": 1.0, "device_memory_bytes": None}
    machine = pandas.DataFrame(
        [
            {"time": 0.0, "worker": "grows", "kv_cache_bytes": 2e6, "kv_cache_percent": None, **told},
            {"time": 0.0, "worker": "bounded", "kv_cache_bytes": 5e6, "kv_cache_percent": 12.5, **told},
        ]
    )
    series = pandas.DataFrame(columns=["time", "model", "requests", "ttft_seconds", "decode_tokens_per_second"])
    readings = Readings(series, machine, *[pandas.DataFrame()] * 3)
    figure, _ = timeline_figure.whole(readings, Grid(0.0, 1, 2), Clock(0, "UTC"), STYLES)
    plotly.graph_objects.Figure(figure)
    assert "KV cache in use" in words(figure)
    lines = {trace["name"]: trace for trace in figure["data"] if trace["uid"].startswith("kv")}
    shown = {name: (trace["y"][-1], trace["customdata"][-1]) for name, trace in lines.items()}
    assert shown == {"grows": (2e6, "2 MB"), "bounded": (5e6, "5 MB, 12.5% of its room")}
    assert all("%{customdata}" in trace["hovertemplate"] for trace in lines.values())


def test_latency_stands_beside_throughput_against_requests_at_once() -> None:
    frame = sample(800)
    figure = dependence.concurrency_ttft(frame, STYLES)
    plotly.graph_objects.Figure(figure)
    two = frame[(frame["model"] == "b") & (frame["concurrent_requests"] == 2)]["ttft_seconds"] * 1000
    box = next(trace for trace in figure["data"] if trace["name"] == "b")
    assert box["median"][box["x"].index("2")] == pytest.approx(two.median(), rel=1e-3)
    assert figure["layout"]["yaxis"]["title"]["text"] == "Time to first token, ms"


def test_a_note_has_room_for_each_of_its_lines() -> None:
    frame = sample(800)
    one = dependence.concurrency(frame, STYLES)["layout"]
    frame.attrs["of"] = 1_000_000
    two = dependence.concurrency(frame, STYLES)["layout"]
    assert one["annotations"][0]["text"].count("<br>") == 1 and two["annotations"][0]["text"].count("<br>") == 2
    assert two["margin"]["t"] - one["margin"]["t"] >= 14 and one["margin"]["t"] >= 2 * 14
