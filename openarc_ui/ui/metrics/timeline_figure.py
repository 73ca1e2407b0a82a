"""The figure over time: stacked plots on one time axis, and what has to be appended to it when something new came.

Rows without data are left out. Both the whole and the appended part come from the same traces, so appending leads to
the same figure as drawing it anew.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas

from openarc_ui.metrics.timeline import Grid
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.style import (
    GREY,
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

ROW_PIXELS = 110
ROW_GAP_PIXELS = 34
TOP_PIXELS = 30
BOTTOM_PIXELS = 106
LEGEND_PIXELS = 60
"""Below the last plot, under the ticks and the title of the time axis."""
BREAK_BUCKETS = 4
BREAK_SECONDS = 60.0
"""A line is broken where nothing was measured for longer than both."""
MACHINE = "machine"
AVAILABLE = "available"


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read for the figure; the frames are those of `metrics.timeline`."""

    series: pandas.DataFrame
    machine: pandas.DataFrame
    power: pandas.DataFrame

    def names(self) -> list[str]:
        """Everything a line may be about, those with the most requests first."""
        told = self.series.groupby("model")["requests"].sum() if len(self.series) else pandas.Series(dtype=float)
        models = [str(name) for name in told.sort_values(ascending=False).index]
        workers = sorted({str(each) for each in self.machine["worker"] if each}) if len(self.machine) else []
        sources = sorted({str(each) for each in self.power["source"]}) if len(self.power) else []
        return list(dict.fromkeys([*models, *workers, *sources]))


@dataclass(frozen=True, slots=True)
class Row:
    """One of the stacked plots: where its values are, and their unit."""

    id: str
    title: str
    unit: str
    frame: Callable[[Readings], pandas.DataFrame]
    key: str
    column: str
    scale: float
    digits: int
    is_of_requests: bool = False


def _memory(readings: Readings) -> pandas.DataFrame:
    """What the workers hold, and what the machine has left as a line of its own."""
    frame = readings.machine
    if frame.empty:
        return frame.assign(bytes=[])
    is_machine = frame["worker"] == ""
    held = frame["memory_bytes"].where(~is_machine, frame["available_memory_bytes"])
    return frame.assign(bytes=held, worker=frame["worker"].where(~is_machine, AVAILABLE))


def _processor(readings: Readings) -> pandas.DataFrame:
    frame = readings.machine
    return frame.assign(worker=frame["worker"].where(frame["worker"] != "", MACHINE)) if len(frame) else frame


def _device(readings: Readings) -> pandas.DataFrame:
    frame = readings.machine
    return frame[frame["worker"] != ""] if len(frame) else frame


ROWS: tuple[Row, ...] = (
    Row("decode", "Decode throughput of a request", "tok/s", lambda told: told.series, "model", "decode_tokens_per_second", 1.0, 1, True),
    Row("ttft", "Time to first token", "ms", lambda told: told.series, "model", "ttft_seconds", 1000.0, 0, True),
    Row("processor", "Processor (a worker: 100% a core)", "%", _processor, "worker", "processor_percent", 1.0, 0),
    Row("memory", "Memory: workers, and what is available", "GB", _memory, "worker", "bytes", 1e-9, 2),
    Row("device", "Device memory", "GB", _device, "worker", "device_memory_bytes", 1e-9, 2),
    Row("kv", "KV cache in use", "%", _device, "worker", "kv_cache_percent", 1.0, 1),
    Row("power", "Power", "W", lambda told: told.power, "source", "watts", 1.0, 1),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which points: from when on (None: all), how a moment is written, and after how long a line is broken."""

    text: Callable[[float], str]
    break_seconds: float
    since: float | None


def whole(readings: Readings, grid: Grid, clock: Clock, styles: Styles) -> tuple[Figure, list[str]]:
    """The figure, and the uids of traces that were left out because a plot would have had too many lines."""
    wanted = _Wanted(functools.cache(clock.axis), break_seconds(grid), None)
    every = [(row, list(_lines(row, readings, wanted))) for row in ROWS]
    found = [(row, _largest(lines)) for row, lines in every if lines]
    if not found:
        return nothing("Nothing was measured in this range."), []
    shown = {trace["uid"] for _, lines in found for _, trace in lines}
    left_out = [trace["uid"] for _, lines in every for _, trace in lines if trace["uid"] not in shown]
    return _stacked(found, grid, clock, styles), left_out


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
        limits = {"range": [0, 105]} if row.id == "kv" else {"rangemode": "tozero"}
        figure_layout[_axis(place, "yaxis")] = axis(
            domain=[round(bottom, 5), round(top, 5)], anchor="x", nticks=5, **limits
        )
        annotations.append(
            note(f"{row.title}, {row.unit}", x=0, y=round(top, 5), xanchor="left", yshift=3, font={"size": 12})
        )
        for name, trace in traces:
            data.append(
                {**trace, **_look(name, row, styles), "yaxis": _axis(place, "y"), "showlegend": name not in named}
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
                traces[trace["uid"]] = {part: trace.get(part, []) for part in ("x", "y", "customdata")}
            elif trace["uid"] not in left_out:
                return None
    return {"from": clock.axis(since), "traces": traces}


def break_seconds(grid: Grid) -> float:
    """How long nothing has to be measured for a line to be broken."""
    return float(max(BREAK_BUCKETS * grid.width_seconds, BREAK_SECONDS))


def last_moment(readings: Readings) -> float | None:
    """The start of the newest bucket in which anything was measured."""
    moments = [
        float(frame["time"].max()) for frame in (readings.series, readings.machine, readings.power) if len(frame)
    ]
    return max(moments, default=None)


def _lines(row: Row, readings: Readings, wanted: _Wanted) -> Iterator[tuple[str, Trace]]:
    """(what it is about, its trace) for each line of a plot that has a wanted point."""
    frame = row.frame(readings)
    if row.column not in frame or frame.empty:
        return
    known = frame.dropna(subset=[row.column])
    for name, part in sorted(((str(name), part) for name, part in known.groupby(row.key)), key=lambda group: group[0]):
        counts = part["requests"].tolist() if row.is_of_requests else None
        points = _points(part["time"].tolist(), (part[row.column] * row.scale).tolist(), counts, wanted)
        if points["x"]:
            yield name, {**points, "uid": uid(row.id, name), "hovertemplate": _hover(row)}


def _largest(lines: list[tuple[str, Trace]]) -> list[tuple[str, Trace]]:
    """Those with the most points where there are too many, in the order they came."""
    wanted = sorted(lines, key=lambda line: -len(line[1]["x"]))[:MOST_LINES]
    return [line for line in lines if any(line is each for each in wanted)]


def _points(times: list[float], values: list[float], counts: list[int] | None, wanted: _Wanted) -> dict[str, Any]:
    x: list[str] = []
    y: list[float | None] = []
    told: list[int | None] = []
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
        told.append(int(counts[place]) if counts is not None else None)
    return {"x": x, "y": y, **({"customdata": told} if counts is not None else {})}


def _look(name: str, row: Row, styles: Styles) -> Mapping[str, Any]:
    is_grey = name in (MACHINE, AVAILABLE)
    line = {"color": GREY, "dash": "solid", "width": 1.5} if is_grey else styles.line(name)
    marker = {"color": GREY, "symbol": "circle", "size": 3} if is_grey else styles.marker(name)
    return {
        "type": "scatter",
        "name": name,
        "legendgroup": name,
        "mode": "lines+markers",
        "line": line,
        "marker": marker,
        "connectgaps": False,
        "xaxis": "x",
    }


def _hover(row: Row) -> str:
    of = " (mean of %{customdata:,} requests)" if row.is_of_requests else ""
    return f"%{{y:,.{row.digits}f}} {row.unit}{of}<extra>%{{fullData.name}}</extra>"


def _axis(place: int, prefix: str) -> str:
    return prefix if place == 1 else f"{prefix}{place}"


def _width(seconds: float) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = seconds / size
            return f"one {unit}" if count == 1 else f"{count:g} {unit}s"
    return f"{seconds:g} seconds"
