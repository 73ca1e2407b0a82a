"""What latency and throughput depend on: the length of the prompt, and how many requests run at once. Frames to figures; pure."""

from __future__ import annotations

from typing import Any

import numpy
import pandas

from openarc_ui.metrics.definitions import BY_NAME
from openarc_ui.ui.html import number
from openarc_ui.ui.metrics.distributions import of_how_many
from openarc_ui.ui.metrics.style import (
    GREY,
    MOST_LINES,
    Figure,
    Styles,
    Trace,
    counted,
    layout,
    noted,
    nothing,
    rounded,
    spans_orders,
    uid,
)

SCATTER_POINTS = 600
MEDIAN_BINS = 12
MOST_LEVELS = 12
"""Of requests at once, each with a box of its own; more are put together."""


def prompt_length(sample: pandas.DataFrame, styles: Styles) -> Figure:
    """TTFT against the length of the prompt: a point a request, and the median of requests with prompts of like length."""
    known = sample.dropna(subset=["prompt_tokens", "ttft_seconds"]) if len(sample) else sample
    known = known[known["prompt_tokens"] > 0] if len(known) else known
    if known.empty:
        return nothing("No request has both a prompt length and a time to first token yet.")
    known = known.assign(milliseconds=known["ttft_seconds"].astype(float) * 1000)
    shown = known.iloc[:: -(-len(known) // SCATTER_POINTS)]
    traces = [_points(str(model), part, styles) for model, part in _largest(shown)]
    line = _median_line(known)
    if line is not None:
        traces.append(line)
    figure_layout = layout("Prompt length, tokens", "Time to first token, ms", showlegend=True)
    lengths, times = known["prompt_tokens"], known["milliseconds"]
    if spans_orders(float(lengths.min()), float(lengths.max())):
        figure_layout["xaxis"]["type"] = "log"
    if spans_orders(float(times.min()), float(times.max())):
        figure_layout["yaxis"] |= {"type": "log", "rangemode": "normal"}
    of = int(sample.attrs.get("of", len(sample)))
    noted(figure_layout, f"{number(len(shown), 0)} of {number(of, 0)} requests" if len(shown) < of else "")
    return {"data": traces, "layout": figure_layout}


def _points(model: str, part: pandas.DataFrame, styles: Styles) -> Trace:
    return {
        "type": "scatter",
        "uid": uid("prompt_length", model),
        "name": model,
        "mode": "markers",
        "x": [int(value) for value in part["prompt_tokens"]],
        "y": [rounded(float(value)) for value in part["milliseconds"]],
        "marker": {**styles.marker(model, 6), "opacity": 0.55},
        "customdata": [str(value) for value in part["request_id"]],
        "hovertemplate": "%{x:,} prompt tokens<br>TTFT %{y:,.0f} ms<br>request %{customdata}<extra>%{fullData.name}</extra>",
    }


def _median_line(known: pandas.DataFrame) -> Trace | None:
    """Medians of parts with the same number of requests each, so that none is made of two points."""
    ordered = known.sort_values("prompt_tokens")
    parts = min(MEDIAN_BINS, len(ordered) // 5, int(ordered["prompt_tokens"].nunique()))
    if parts < 2:
        return None
    places = numpy.array_split(numpy.arange(len(ordered)), parts)
    medians = [
        (ordered.iloc[place]["prompt_tokens"].median(), ordered.iloc[place]["milliseconds"].median())
        for place in places
    ]
    return {
        "type": "scatter",
        "uid": uid("prompt_length_median"),
        "name": "median",
        "mode": "lines",
        "x": [rounded(float(length)) for length, _ in medians],
        "y": [rounded(float(milliseconds)) for _, milliseconds in medians],
        "line": {"color": GREY, "width": 3},
        "customdata": [len(place) for place in places],
        "hovertemplate": "median TTFT %{y:,.0f} ms<br>of %{customdata:,} requests near %{x:,.0f} prompt tokens<extra></extra>",
    }


def concurrency(sample: pandas.DataFrame, styles: Styles) -> Figure:
    """Decode throughput of a request against how many ran at once: quartiles, and from the 5th to the 95th percentile."""
    return _against_concurrency(
        sample,
        styles,
        "decode_tokens_per_second",
        "concurrency",
        "Decode throughput of a request, tok/s",
        "No request decoded two tokens yet, so there is no decode throughput.",
    )


def concurrency_ttft(sample: pandas.DataFrame, styles: Styles) -> Figure:
    """Time to first token against how many ran at once, as `concurrency` does."""
    return _against_concurrency(
        sample,
        styles,
        "ttft_seconds",
        "concurrency_ttft",
        "Time to first token, ms",
        "No request brought a token yet, so there is no time to first token.",
    )


def _against_concurrency(
    sample: pandas.DataFrame, styles: Styles, column: str, kind: str, title: str, missing: str
) -> Figure:
    known = sample.dropna(subset=[column]) if len(sample) else sample
    if known.empty:
        return nothing(missing)
    labels = _levels(known["concurrent_requests"].astype(int))
    shown = known[column].astype(float) * BY_NAME[column].scale
    known = known.assign(level=[labels[int(value)] for value in known["concurrent_requests"]], shown=shown)
    order = list(dict.fromkeys(labels[key] for key in sorted(labels)))
    traces = [_boxes(kind, str(model), part, order, styles) for model, part in _largest(known)]
    figure_layout = layout("Requests at once (most, while the request ran)", title, boxmode="group")
    figure_layout["xaxis"] |= {"type": "category", "categoryorder": "array", "categoryarray": order}
    figure_layout["yaxis"]["ticksuffix"] = ""
    least, most = (function(value for trace in traces for value in trace["median"]) for function in (min, max))
    if spans_orders(float(least), float(most)):
        figure_layout["yaxis"] |= {"type": "log", "rangemode": "normal"}
    figure_layout["showlegend"] = len(traces) > 1
    noted(figure_layout, "box: half of the requests; whiskers: 5% to 95%", of_how_many(sample, len(known)))
    return {"data": traces, "layout": figure_layout}


def _levels(running: pandas.Series[Any]) -> dict[int, str]:
    """What each number of requests at once is called: itself, or where there are many "5–8", "9–16", ..."""
    numbers = sorted({int(value) for value in running})
    if len(numbers) <= MOST_LEVELS:
        return {value: str(value) for value in numbers}
    ends = {value: 1 << max(0, value - 1).bit_length() for value in numbers}
    return {value: str(end) if end <= 2 else f"{end // 2 + 1}–{end}" for value, end in ends.items()}


def _boxes(kind: str, model: str, part: pandas.DataFrame, order: list[str], styles: Styles) -> Trace:
    groups = {str(level): each["shown"].to_numpy(dtype=float) for level, each in part.groupby("level")}
    levels = [level for level in order if level in groups]
    places = {
        name: [rounded(float(numpy.percentile(groups[level], percent))) for level in levels]
        for name, percent in (("lowerfence", 5), ("q1", 25), ("median", 50), ("q3", 75), ("upperfence", 95))
    }
    return {
        "type": "box",
        "uid": uid(kind, model),
        "name": model,
        "x": levels,
        **places,
        "marker": {"color": styles.line(model)["color"]},
        "line": {"width": 2},
        "hoverinfo": "y+name",
        "yhoverformat": ",.1f",
        "text": [counted(len(groups[level]), "request") for level in levels],
    }


def _largest(frame: pandas.DataFrame) -> list[tuple[Any, pandas.DataFrame]]:
    groups = sorted(frame.groupby("model"), key=lambda group: -len(group[1]))[:MOST_LINES]
    return sorted(groups, key=lambda group: str(group[0]))
