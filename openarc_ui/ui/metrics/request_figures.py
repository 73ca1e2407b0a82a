"""Two figures of one request: its gaps token by token, and its stages one after the other. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from openarc_ui.metrics.definitions import STAGES
from openarc_ui.ui.html import number
from openarc_ui.ui.metrics.stages_figure import stage_style
from openarc_ui.ui.metrics.style import COLOURS, Figure, axis, layout, noted, nothing, rounded, uid

MOST_GAPS = 2000
LABELS = {stage.name: stage for stage in STAGES}


def gaps(gaps_seconds: Sequence[float]) -> Figure:
    """The inter-token latency before each token but the first, and its median. Where there are more than a plot can show,
    the longest of neighbours stands for them, so that no pause is hidden."""
    if not gaps_seconds:
        return nothing("This request has no inter-token latencies: it brought fewer than two tokens.")
    every = numpy.asarray(gaps_seconds, dtype=float) * 1000
    together = -(-len(every) // MOST_GAPS)
    starts = numpy.arange(0, len(every), together)
    shown = numpy.maximum.reduceat(every, starts)
    median = float(numpy.median(every))
    trace = {
        "type": "scatter",
        "uid": uid("gaps"),
        "name": "inter-token latency",
        "mode": "lines+markers" if len(shown) <= 120 else "lines",
        "x": [int(start) + 2 for start in starts],
        "y": [rounded(float(value)) for value in shown],
        "line": {"color": COLOURS[0], "width": 1.5},
        "marker": {"size": 4, "color": COLOURS[0]},
        "hovertemplate": "token %{x:,}: %{y:,.1f} ms after the one before<extra></extra>",
    }
    middle = {
        "type": "scatter",
        "uid": uid("median"),
        "name": "median",
        "mode": "lines",
        "x": [2, len(every) + 1],
        "y": [rounded(median)] * 2,
        "line": {"color": COLOURS[5], "width": 2, "dash": "dash"},
        "hovertemplate": "median %{y:,.1f} ms<extra></extra>",
    }
    figure_layout = layout("Step of the answer", "Inter-token latency, ms", showlegend=True)
    words = f"median {number(median)} ms, longest {number(float(every.max()))} ms"
    noted(figure_layout, words, f"the longest of every {together}" if together > 1 else "")
    return {"data": [trace, middle], "layout": figure_layout}


def stages(parts: Sequence[tuple[str, float]]) -> Figure:
    """One bar: the stages one after the other, in milliseconds."""
    known = [(name, seconds * 1000) for name, seconds in parts if seconds > 0]
    if not known:
        return nothing("Nothing was measured of this request.", 150)
    total = sum(milliseconds for _, milliseconds in known)
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "uid": uid(f"stage-{name}"),
            "name": LABELS[name].label,
            "x": [rounded(milliseconds)],
            "y": [""],
            "marker": stage_style(name),
            "customdata": [rounded(100 * milliseconds / total)],
            "hovertemplate": f"{LABELS[name].label}: %{{x:,.1f}} ms, %{{customdata:.1f}}%<br>{LABELS[name].meaning}<extra></extra>",
        }
        for name, milliseconds in known
    ]
    figure_layout = layout("Time since it was submitted, ms", "", barmode="stack", showlegend=True)
    figure_layout |= {"height": 170, "yaxis": axis("", visible=False)}
    figure_layout["xaxis"]["rangemode"] = "tozero"
    figure_layout["legend"] = {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom", "traceorder": "normal"}
    figure_layout["margin"] |= {"l": 16, "t": 56}
    return {"data": traces, "layout": figure_layout}
