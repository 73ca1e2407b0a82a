"""How figures are spread: frames to histograms; pure. Units in every title and hover."""

from __future__ import annotations

import itertools
from typing import Any

import numpy
import pandas

from openarc_ui.metrics.definitions import BY_NAME, INTER_TOKEN, Definition
from openarc_ui.ui.html import number
from openarc_ui.ui.metrics.style import (
    COLOURS,
    MOST_LINES,
    Figure,
    Styles,
    Trace,
    layout,
    noted,
    nothing,
    rounded,
    spans_orders,
    uid,
)

BINS = 40
PLAIN_BAR: dict[str, Any] = {"color": COLOURS[0], "line": {"width": 0}}


def distribution(sample: pandas.DataFrame, name: str, styles: Styles) -> Figure:
    """How one figure is spread over requests, a histogram for each model."""
    known = sample.dropna(subset=[name]) if name in sample else sample.head(0)
    scale = BY_NAME[name].scale
    groups = {str(model): part[name].to_numpy(dtype=float) * scale for model, part in known.groupby("model")}
    return histogram(groups, BY_NAME[name], "requests", styles, of_how_many(sample, len(known)))


def inter_token(gaps_seconds: numpy.ndarray[Any, Any], styles: Styles) -> Figure:
    """How the gaps between tokens are spread, over all sampled requests."""
    groups = {"": numpy.asarray(gaps_seconds, dtype=float) * INTER_TOKEN.scale} if len(gaps_seconds) else {}
    return histogram(groups, INTER_TOKEN, "gaps", styles)


def histogram(
    groups: dict[str, numpy.ndarray[Any, Any]], definition: Definition, counted: str, styles: Styles, words: str = ""
) -> Figure:
    """Bars a group over shared bins, with logarithmic ones where the values span orders; the slowest percent is named, not drawn."""
    groups = dict(sorted(groups.items(), key=lambda group: -len(group[1]))[:MOST_LINES])
    if not groups:
        return nothing(f"No request has a {definition.words[:1].lower()}{definition.words[1:]} yet.")
    every = numpy.concatenate(list(groups.values()))
    limit = float(numpy.percentile(every, 99)) if len(every) >= 100 else float(every.max())
    edges, is_log = _edges(every[every <= limit])
    above = int((every > limit).sum())
    if above:
        cut = f"slowest 1% ({number(above, 0)} {counted}) above {number(limit, definition.digits)} {definition.unit} not drawn"
        if definition.is_better_higher:
            cut = cut.replace("slowest", "fastest")
    else:
        cut = ""
    figure_layout = layout(f"{definition.words}, {definition.unit}", counted, barmode="overlay", bargap=0.02)
    figure_layout["xaxis"] |= {"type": "log"} if is_log else {"rangemode": "tozero"}
    figure_layout["showlegend"] = len(groups) > 1
    noted(figure_layout, words, cut)
    traces = [_bars(name, values, edges, definition, counted, styles) for name, values in groups.items()]
    if max(max(trace["y"]) for trace in traces) <= 5:
        figure_layout["yaxis"]["dtick"] = 1
    return {"data": traces, "layout": figure_layout}


def _edges(values: numpy.ndarray[Any, Any]) -> tuple[numpy.ndarray[Any, Any], bool]:
    bins = min(BINS, max(5, int(len(values) ** 0.5) * 2))
    least, most = float(values.min()), float(values.max())
    low = float(numpy.percentile(values, 1))
    if spans_orders(low, most):
        return numpy.geomspace(max(least, low / 2), most * 1.0001, bins + 1), True
    if most - least < 1e-9 * max(1.0, abs(most)):
        half = max(abs(most) * 0.05, 1e-6)
        return numpy.linspace(most - half, most + half, 6), False
    return numpy.linspace(least, most, bins + 1), False


def _bars(
    name: str,
    values: numpy.ndarray[Any, Any],
    edges: numpy.ndarray[Any, Any],
    definition: Definition,
    counted: str,
    styles: Styles,
) -> Trace:
    inside = numpy.clip(values[values <= edges[-1]], edges[0], None)
    counts, _ = numpy.histogram(inside, bins=edges)
    ranges = [[rounded(float(low)), rounded(float(high))] for low, high in itertools.pairwise(edges)]
    digits = max(definition.digits, 1)
    return {
        "type": "bar",
        "uid": uid(definition.name, name),
        "name": name or "all",
        "x": [rounded(float(value), 6) for value in (edges[:-1] + edges[1:]) / 2],
        "y": [int(count) for count in counts],
        "width": [rounded(float(value), 6) for value in numpy.diff(edges)],
        "marker": styles.bar(name) if name else dict(PLAIN_BAR),
        "opacity": 0.78,
        "customdata": ranges,
        "hovertemplate": f"%{{y:,}} {counted}<br>%{{customdata[0]:,.{digits}f}} to %{{customdata[1]:,.{digits}f}} {definition.unit}"
        "<extra>%{fullData.name}</extra>",
    }


def of_how_many(sample: pandas.DataFrame, shown: int) -> str:
    """From how many requests a sample was drawn, in words; "" where it is all of them."""
    of = int(sample.attrs.get("of", len(sample)))
    return f"{number(shown, 0)} requests drawn at random from {number(of, 0)}" if of > len(sample) else ""
