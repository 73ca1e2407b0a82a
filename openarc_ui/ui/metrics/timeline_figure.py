"""The figure over time: stacked plots on one time axis, and what has to be appended to it when something new came.

Rows without data are left out. Both the whole and the appended part come from the same traces, so appending leads to
the same figure as drawing it anew.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas

from openarc_ui.metrics.timeline import Grid
from openarc_ui.ui.html import number
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.style import (
    MOST_LINES,
    Figure,
    Styles,
    Trace,
    axis,
    layout,
    note,
    nothing,
    rounded,
    uid,
)
from openarc_ui.ui.metrics.timeline_rows import CORES, ROWS, Readings, Row, hover, is_idle, look, told_of

ROW_PIXELS = 110
ROW_GAP_PIXELS = 34
TOP_PIXELS = 30
BOTTOM_PIXELS = 106
LEGEND_PIXELS = 60
"""Below the last plot, under the ticks and the title of the time axis."""
BREAK_BUCKETS = 4
BREAK_SECONDS = 60.0
"""A line is broken where nothing was measured for longer than both."""
EXTENSION_PARTS = ("x", "y", "customdata")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which points: from when on (None: all), how a moment is written, and after how long a line is broken."""

    text: Callable[[float], str]
    break_seconds: float
    since: float | None


def whole(
    readings: Readings, grid: Grid, clock: Clock, styles: Styles, spans_all: bool = False
) -> tuple[Figure, list[str]]:
    """The figure, and the uids of traces that were left out because a plot would have had too many lines.

    Args:
        spans_all: the time axis goes from the grid's beginning to its end, whatever was measured.
    """
    wanted = _Wanted(functools.cache(clock.axis), break_seconds(grid), None)
    every = [(row, [line for line in _lines(row, readings, wanted) if not is_idle(row, line[1])]) for row in ROWS]
    found = [(row, _largest(lines)) for row, lines in every if lines]
    if not found:
        return nothing("Nothing was measured in this range."), []
    shown = {trace["uid"] for _, lines in found for _, trace in lines}
    left_out = [trace["uid"] for _, lines in every for _, trace in lines if trace["uid"] not in shown]
    figure = _stacked(found, grid, clock, styles)
    if spans_all:
        ends = [clock.axis(grid.start), clock.axis(grid.start + grid.points * grid.width_seconds)]
        figure["layout"]["xaxis"]["autorangeoptions"] = {"include": ends}
    return figure, left_out


def _stacked(found: list[tuple[Row, list[tuple[str, Trace]]]], grid: Grid, clock: Clock, styles: Styles) -> Figure:
    rows = len(found)
    inner = rows * ROW_PIXELS + (rows - 1) * ROW_GAP_PIXELS
    figure_layout = layout("", "", hovermode="x unified", hoversubplots="axis", showlegend=True)
    figure_layout |= {
        "height": inner + TOP_PIXELS + BOTTOM_PIXELS,
        "margin": {"l": 62, "r": 16, "t": TOP_PIXELS, "b": BOTTOM_PIXELS},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": -LEGEND_PIXELS / inner,
            "yanchor": "top",
            "groupclick": "togglegroup",
        },
        "xaxis": axis(f"{clock.words}; a point is {_width(grid.width_seconds)}", type="date", anchor=_axis(rows, "y")),
    }
    del figure_layout["yaxis"]
    data: list[Trace] = []
    annotations = []
    named: set[str] = set()
    for place, (row, traces) in enumerate(found, start=1):
        top = 1 - (place - 1) * (ROW_PIXELS + ROW_GAP_PIXELS) / inner
        bottom = max(0.0, top - ROW_PIXELS / inner)
        figure_layout[_axis(place, "yaxis")] = axis(
            domain=[round(bottom, 5), round(top, 5)], anchor="x", nticks=5, rangemode="tozero", showspikes=False
        ) | ({"tickformat": "~s", "ticksuffix": "B"} if row.is_of_bytes else {})
        title = row.title if row.is_of_bytes else f"{row.title}, {row.unit}"
        annotations.append(note(title, x=0, y=round(top, 5), xanchor="left", yshift=3, font={"size": 12}))
        for name, trace in traces:
            data.append(
                {**trace, **look(name, row, styles), "yaxis": _axis(place, "y"), "showlegend": name not in named}
            )
            named.add(name)
    figure_layout["annotations"] = annotations
    return {"data": data, "layout": figure_layout}


def extension(
    readings: Readings, grid: Grid, clock: Clock, since: float, known: Sequence[str], left_out: Sequence[str]
) -> dict[str, Any] | None:
    """What to put in the place of all points from `since` on; None when a trace came that the page does not know.

    Args:
        readings: read from `since - break_seconds(grid)` on, so that it can be told where a line breaks.
        known: uids of the traces the page has.
        left_out: uids of those it was not given, because there were too many.
    """
    traces: dict[str, dict[str, list[Any]]] = {uid: {"x": [], "y": [], "customdata": []} for uid in known}
    wanted = _Wanted(functools.cache(clock.axis), break_seconds(grid), since)
    for row in ROWS:
        for _, trace in _lines(row, readings, wanted):
            if trace["uid"] in traces:
                traces[trace["uid"]] = {part: trace.get(part, []) for part in EXTENSION_PARTS}
            elif trace["uid"] not in left_out and not is_idle(row, trace):
                return None
    return {"from": clock.axis(since), "traces": traces}


def break_seconds(grid: Grid) -> float:
    """How long nothing has to be measured for a line to be broken."""
    return float(max(BREAK_BUCKETS * grid.width_seconds, BREAK_SECONDS))


def last_moment(readings: Readings) -> float | None:
    """The start of the newest bucket in which anything was measured."""
    moments = [
        float(frame["time"].max())
        for frame in (readings.series, readings.machine, readings.power, readings.load, readings.cores)
        if len(frame)
    ]
    return max(moments, default=None)


def _lines(row: Row, readings: Readings, wanted: _Wanted) -> Iterator[tuple[str, Trace]]:
    """(what it is about, its trace) for each line of a plot that has a wanted point."""
    if row.id == "processor":
        yield from _cores(readings.cores, wanted)
    frame = row.frame(readings)
    if row.column not in frame or frame.empty:
        return
    known = frame.dropna(subset=[row.column])
    for name, part in sorted(((str(name), part) for name, part in known.groupby(row.key)), key=lambda group: group[0]):
        points = _points(part["time"].tolist(), (part[row.column] * row.scale).tolist(), told_of(row, part), wanted)
        if points["x"]:
            yield name, {**points, "uid": uid(row.id, name), "hovertemplate": hover(row)}


def _cores(frame: pandas.DataFrame, wanted: _Wanted) -> Iterator[tuple[str, Trace]]:
    """A stroke a bucket, from the least to the most busy core; together they are a band that can be appended to."""
    known = frame if wanted.since is None else frame[frame["time"] >= wanted.since]
    if known.empty:
        return
    points: dict[str, list[Any]] = {part: [] for part in EXTENSION_PARTS}
    for time, least, most in zip(known["time"].tolist(), known["least"].tolist(), known["most"].tolist(), strict=True):
        points["x"] += [wanted.text(time)] * 3
        points["y"] += [rounded(least), rounded(most), None]
        points["customdata"] += [f"{number(least, 0)} to {number(most, 0)}%"] * 3
    yield (
        CORES,
        {**points, "uid": uid("cores"), "hovertemplate": "cores, least to most busy: %{customdata}<extra></extra>"},
    )


def _largest(lines: list[tuple[str, Trace]]) -> list[tuple[str, Trace]]:
    """Those with the most points where there are too many, in the order they came."""
    wanted = sorted(lines, key=lambda line: -len(line[1]["x"]))[:MOST_LINES]
    return [line for line in lines if any(line is each for each in wanted)]


def _points(times: list[float], values: list[float], besides: list[Any] | None, wanted: _Wanted) -> dict[str, Any]:
    x: list[str] = []
    y: list[float | None] = []
    told: list[Any] = []
    before: float | None = None
    for place, (moment, value) in enumerate(zip(times, values, strict=True)):
        is_after_a_break = before is None or moment - before > wanted.break_seconds
        before = moment
        if wanted.since is not None and moment < wanted.since:
            continue
        if is_after_a_break:
            x.append(wanted.text(moment))
            y.append(None)
            told.append(None)
        x.append(wanted.text(moment))
        y.append(rounded(float(value)))
        told.append(besides[place] if besides is not None else None)
    return {"x": x, "y": y, **({"customdata": told} if besides is not None else {})}


def _axis(place: int, prefix: str) -> str:
    return prefix if place == 1 else f"{prefix}{place}"


def _width(seconds: float) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = seconds / size
            return f"one {unit}" if count == 1 else f"{count:g} {unit}s"
    return f"{seconds:g} seconds"
