"""The answer to `metrics_compare`: two groups of requests, the difference of each figure with its interval, and words."""

from __future__ import annotations

from typing import Any

from openarc_ui.metrics.compare import Comparison, Difference, compare
from openarc_ui.metrics.definitions import BY_NAME, Definition
from openarc_ui.metrics.filters import DIMENSIONS
from openarc_ui.metrics.queries import reading
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.html import NOT_MEASURED, number
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.style import COLOURS, GREY, Figure, axis, layout, nothing, rounded, uid
from openarc_ui.ui.metrics.tiles import value_of
from openarc_ui.ui.metrics.wanted import AskedComparison, View

LOOKS = {
    "better": (COLOURS[2], "triangle-up"),
    "worse": (COLOURS[5], "triangle-down"),
    "no real difference": (GREY, "circle"),
}
"""Verdict -> colour and marker; told apart without the colour too."""
SPANS = {
    "15m": "15 minutes",
    "1h": "1 hour",
    "6h": "6 hours",
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
    "all": "all time",
}


def answer(store: MetricsStore, asked: AskedComparison, now: float) -> dict[str, Any]:
    """Both groups and what differs. It runs in a thread.

    Raises:
        InvalidRequest: a filter that can't be.
        MetricsUnreadable: the database can't be read now.
    """
    a, b = asked.a.filter(now), asked.b.filter(now)
    with reading(store) as connection:
        found = compare(connection, a, b)
    return shown(found, asked, Clock.at(now))


def shown(found: Comparison, asked: AskedComparison, clock: Clock) -> dict[str, Any]:
    """A comparison as the page shows it."""
    return {
        "a": {"label": label(asked.a, clock), "requests": number(found.a.requests, 0)},
        "b": {"label": label(asked.b, clock), "requests": number(found.b.requests, 0)},
        "rows": [_row(each) for each in found.figures],
        "figure": figure(found),
    }


def label(view: View, clock: Clock) -> str:
    """What a group is, in words: its filters, then its span."""
    said = [", ".join(getattr(view, name)) for name in DIMENSIONS if getattr(view, name)]
    if view.range in SPANS:
        span = SPANS[view.range]
    else:
        begin = clock.shown(view.since) if view.since is not None else "the beginning"
        span = f"{begin} to {clock.shown(view.until) if view.until is not None else 'now'}"
    return " · ".join([*said, span] if said else ["everything", span])


def _row(each: Difference) -> dict[str, Any]:
    definition = BY_NAME[each.name]
    return {
        "id": each.name,
        "label": definition.label,
        "unit": definition.unit,
        "a": value_of(definition, each.median_a),
        "b": value_of(definition, each.median_b),
        "difference": signed(each.difference_percent),
        "interval": interval(each),
        "percent": each.difference_percent,
        "low": each.low_percent,
        "high": each.high_percent,
        "verdict": each.verdict,
        "words": each.words,
        "title": _title(definition),
    }


def signed(percent: float | None) -> str:
    """+12.3%."""
    if percent is None:
        return NOT_MEASURED
    text = number(abs(percent), 1)
    return f"{'' if float(f'{percent:.1f}') == 0 else '+' if percent > 0 else '−'}{text}%"


def interval(each: Difference) -> str:
    """From where to where the difference may lie, 95 times of 100."""
    if each.low_percent is None or each.high_percent is None:
        return NOT_MEASURED
    return f"{signed(each.low_percent)} to {signed(each.high_percent)}"


def _title(definition: Definition) -> str:
    better = {True: "Higher is better.", False: "Lower is better.", None: ""}[definition.is_better_higher]
    return f"{definition.words}: {definition.formula}, in {definition.unit}. Medians of both groups. {better}".strip()


def figure(found: Comparison) -> Figure:
    """Intervals around zero; better and worse have their own markers."""
    known = [each for each in found.figures if each.difference_percent is not None]
    if not known:
        return nothing("Too few requests in one of the groups to tell a difference.")
    traces = []
    for verdict, (colour, symbol) in LOOKS.items():
        rows = [each for each in reversed(known) if each.verdict == verdict]
        if not rows:
            continue
        above = [(each.high_percent or 0.0) - (each.difference_percent or 0.0) for each in rows]
        below = [(each.difference_percent or 0.0) - (each.low_percent or 0.0) for each in rows]
        traces.append(
            {
                "type": "scatter",
                "uid": uid("compare", verdict),
                "name": verdict,
                "mode": "markers",
                "x": [rounded(each.difference_percent) for each in rows],
                "y": [BY_NAME[each.name].label for each in rows],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [rounded(value) for value in above],
                    "arrayminus": [rounded(value) for value in below],
                    "color": colour,
                    "thickness": 3,
                    "width": 6,
                },
                "marker": {"color": colour, "symbol": symbol, "size": 11},
                "customdata": [interval(each) for each in rows],
                "hovertemplate": f"%{{y}}: %{{x:+.1f}}%<br>95% interval %{{customdata}}<br>{verdict}<extra></extra>",
            }
        )
    figure_layout = layout("Difference of medians, B against A, %", "", showlegend=True)
    figure_layout["height"] = 120 + 36 * len(known)
    figure_layout["yaxis"] = axis("", type="category", categoryorder="array")
    figure_layout["yaxis"]["categoryarray"] = [BY_NAME[each.name].label for each in reversed(known)]
    figure_layout["xaxis"] |= {"zeroline": True, "zerolinewidth": 2, "ticksuffix": "%"}
    figure_layout["legend"] = {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"}
    return {"data": traces, "layout": figure_layout}
