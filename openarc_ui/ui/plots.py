"""Frames to plotly figures; pure. Units in the titles, colours that colour-blind readers tell apart, light and dark alike."""

from __future__ import annotations

from typing import Any

import numpy
import pandas
import plotly.graph_objects as go

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito's palette, darkest first."""
GREY = "#7d8896"
GRID = "rgba(125, 136, 150, 0.22)"
HEIGHT = 290
BINS = 40


def throughput_over_time(frame: pandas.DataFrame) -> go.Figure:
    """Decode throughput of each model over time; `frame` is `frames.series`."""
    return _over_time(frame, "decode_tokens_per_second", "Decode throughput over time", "tokens / s", 1.0, "tok/s")


def prefill_over_time(frame: pandas.DataFrame) -> go.Figure:
    """Prefill throughput of each model over time."""
    return _over_time(frame, "prefill_tokens_per_second", "Prefill throughput over time", "tokens / s", 1.0, "tok/s")


def latency_over_time(frame: pandas.DataFrame) -> go.Figure:
    """Time to first token of each model over time."""
    return _over_time(frame, "ttft_seconds", "Time to first token over time", "milliseconds", 1000.0, "ms")


def throughput_distribution(frame: pandas.DataFrame) -> go.Figure:
    """How decode throughput is spread; `frame` is `frames.distribution`."""
    values = {
        str(model): part["decode_tokens_per_second"].dropna().to_numpy() for model, part in frame.groupby("model")
    }
    return _histogram(values, "Decode throughput, latest requests", "tokens / s", "requests")


def ttft_distribution(frame: pandas.DataFrame) -> go.Figure:
    """How the time to first token is spread."""
    values = {str(model): part["ttft_seconds"].dropna().to_numpy() * 1000 for model, part in frame.groupby("model")}
    return _histogram(values, "Time to first token, latest requests", "milliseconds", "requests")


def inter_token_distribution(gaps_seconds: numpy.ndarray[Any, Any]) -> go.Figure:
    """How the gaps between tokens are spread; the slowest percent is cut off and named in the title."""
    title = "Inter-token latency, latest requests"
    if len(gaps_seconds) >= 100:
        limit = float(numpy.percentile(gaps_seconds, 99))
        title += f" (1% above {limit * 1000:.0f} ms left out)"
        gaps_seconds = gaps_seconds[gaps_seconds <= limit]
    return _histogram({"": gaps_seconds * 1000}, title, "milliseconds", "tokens")


def _over_time(frame: pandas.DataFrame, column: str, title: str, unit: str, scale: float, short_unit: str) -> go.Figure:
    figure = _figure(title, "", unit)
    for number, (model, part) in enumerate(frame.dropna(subset=[column]).groupby("model")):
        colour = COLOURS[number % len(COLOURS)]
        figure.add_trace(
            go.Scatter(
                x=part["time"].dt.tz_localize(None),
                y=part[column] * scale,
                name=str(model),
                mode="lines+markers" if len(part) < 80 else "lines",
                line={"color": colour, "width": 2},
                marker={"size": 6},
                customdata=part["requests"],
                hovertemplate=f"%{{y:.1f}} {short_unit}<br>mean of %{{customdata}} requests<br>%{{x|%d %b %H:%M:%S}}<extra>%{{fullData.name}}</extra>",
            )
        )
    figure.update_yaxes(rangemode="tozero")
    return figure


def _histogram(values: dict[str, numpy.ndarray[Any, Any]], title: str, unit: str, counted: str) -> go.Figure:
    figure = _figure(title, unit, counted)
    for number, (name, numbers) in enumerate(values.items()):
        if not len(numbers):
            continue
        counts, edges = numpy.histogram(numbers, bins=min(BINS, max(5, int(len(numbers) ** 0.5) * 2)))
        figure.add_trace(
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=counts,
                width=numpy.diff(edges),
                name=name,
                marker={"color": COLOURS[number % len(COLOURS)], "line": {"width": 0}},
                opacity=0.8,
                customdata=numpy.column_stack([edges[:-1], edges[1:]]),
                hovertemplate=f"%{{y}} {counted}<br>%{{customdata[0]:.1f}} to %{{customdata[1]:.1f}} {unit}<extra>%{{fullData.name}}</extra>",
            )
        )
    tallest = max((float(trace.y.max()) for trace in figure.data), default=0.0)
    figure.update_yaxes(dtick=1 if tallest <= 5 else None, rangemode="tozero")
    figure.update_layout(barmode="overlay", bargap=0.02, showlegend=len(figure.data) > 1)
    return figure


def _figure(title: str, x_title: str, y_title: str) -> go.Figure:
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID, "title_font": {"size": 12}, "automargin": True}
    return go.Figure(
        layout={
            "title": {"text": title, "font": {"size": 14}, "x": 0.02, "y": 0.96},
            "height": HEIGHT,
            "margin": {"l": 56, "r": 16, "t": 48, "b": 44},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "IBM Plex Sans, system-ui, sans-serif", "color": GREY, "size": 12},
            "xaxis": {**axis, "title": {"text": x_title}},
            "yaxis": {**axis, "title": {"text": y_title}},
            "legend": {"orientation": "h", "y": -0.22, "x": 0},
            "showlegend": True,
            "hovermode": "closest",
            "template": None,
        }
    )
