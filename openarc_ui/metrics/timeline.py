"""The same requests, samples and watts over time: means in buckets of one width, as few as a plot can show.

Pure reads. A bucket begins at a multiple of the grid's width, so the same bucket is the same row at every refresh.
"""

from __future__ import annotations

import math
import sqlite3
import time
from dataclasses import dataclass, replace
from typing import Any

import pandas

from openarc_ui.metrics.definitions import FIGURES
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.rollups import FIGURE_SUMS, PERIOD_SECONDS
from openarc_ui.metrics.spans import POWER, REQUESTS, SAMPLES, count, periods, summed

WIDTHS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
POINTS = 240
MOST_ROWS = 50_000
"""So many requests in a span are still added up row by row at every refresh."""
EXTREMES = {
    "memory_bytes": "memory_bytes_max",
    "available_memory_bytes": "available_memory_bytes_min",
    "device_memory_bytes": "device_memory_bytes_max",
    "kv_cache_percent": "kv_cache_percent_max",
    "kv_cache_bytes": "kv_cache_bytes_max",
}
"""Column of `machine` -> column of `sample_rollups`."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Buckets on a time axis.

    Attributes:
        start: of the first bucket, seconds since the epoch; a multiple of the width.
        width_seconds: one of WIDTHS_SECONDS, or whole days where these are not enough.
        points: how many buckets there are.
    """

    start: float
    width_seconds: int
    points: int


def grid_for(
    connection: sqlite3.Connection, chosen: Filter, points: int = POINTS, now: float | None = None
) -> Grid | None:
    """The grid of a span in at most about `points` buckets; None where there is no request in an open span.

    An open end is `now`, or the last request where the beginning is open too. Where requests are many, buckets are so
    wide that they come from the rollups.
    """
    start, end = chosen.since, chosen.until
    if start is None:
        start = _edge(connection, chosen, "min")
    if end is None:
        last = _edge(connection, chosen, "max") if chosen.since is None else (time.time() if now is None else now)
        end = last
    if start is None or end is None:
        return None
    span = max(end - start, 0.0)
    least = span / max(points, 1)
    if least < PERIOD_SECONDS and count(connection, chosen) > MOST_ROWS:
        least = PERIOD_SECONDS
    days = math.ceil(least / WIDTHS_SECONDS[-1]) * WIDTHS_SECONDS[-1]
    width = next((width for width in WIDTHS_SECONDS if width >= least), days)
    first = math.floor(start / width)
    return Grid(float(first * width), width, max(1, math.ceil(end / width) - first))


def series(connection: sqlite3.Connection, chosen: Filter, grid: Grid, since: float | None = None) -> pandas.DataFrame:
    """Columns time (of the bucket's start), model, requests, and the mean of each figure; from the bucket of `since` on."""
    part = _from(chosen, grid, since)
    names = [figure.name for figure in FIGURES]
    wanted = ["requests", *FIGURE_SUMS]
    found = summed(connection, REQUESTS, part, wanted, ("model",), grid.width_seconds, chosen.dimensions())
    frame = _frame(found, ["model", *wanted], grid)
    for name in names:
        frame[name] = frame[f"{name}_sum"].astype(float) / frame[f"{name}_count"].where(frame[f"{name}_count"] > 0)
    return frame[["time", "model", "requests", *names]]


def machine(connection: sqlite3.Connection, chosen: Filter, grid: Grid, since: float | None = None) -> pandas.DataFrame:
    """The machine (worker '') and the workers of the wanted models: processor_percent is a mean, available_memory_bytes
    the least in its bucket; memory_bytes, device_memory_bytes, kv_cache_percent and kv_cache_bytes (in use) are the most.
    NaN where nobody told."""
    workers = (
        ("1", ())
        if not chosen.model
        else (f"coalesce(worker, '') IN ('', {', '.join('?' * len(chosen.model))})", chosen.model)
    )
    part = _from(chosen, grid, since)
    found = summed(connection, SAMPLES, part, [*SAMPLES.sums], ("worker",), grid.width_seconds, workers)
    frame = _frame(found, ["worker", *SAMPLES.sums], grid)
    frame["processor_percent"] = frame["processor_percent_sum"].astype(float) / frame["samples"]
    for name, column in EXTREMES.items():
        frame[name] = frame[column].astype(float)
    return frame[["time", "worker", "processor_percent", *EXTREMES]]


def power(connection: sqlite3.Connection, chosen: Filter, grid: Grid, since: float | None = None) -> pandas.DataFrame:
    """Columns time, source, watts (the mean of its samples)."""
    part = _from(chosen, grid, since)
    found = summed(connection, POWER, part, ("samples", "watts_sum"), ("source",), grid.width_seconds)
    frame = _frame(found, ["source", "samples", "watts_sum"], grid)
    frame["watts"] = frame["watts_sum"].astype(float) / frame["samples"]
    return frame[["time", "source", "watts"]]


def _from(chosen: Filter, grid: Grid, since: float | None) -> Filter:
    """The filter's span, from the grid's beginning or the beginning of the bucket of `since` on."""
    start = (
        grid.start if since is None else max(grid.start, math.floor(since / grid.width_seconds) * grid.width_seconds)
    )
    return replace(chosen, since=start if chosen.since is None else max(chosen.since, start))


def _frame(found: list[tuple[Any, ...]], columns: list[str], grid: Grid) -> pandas.DataFrame:
    frame = pandas.DataFrame.from_records(found, columns=["time", *columns])
    frame["time"] = frame["time"].astype(float) * grid.width_seconds
    return frame.sort_values(["time", columns[0]], ignore_index=True)


def _edge(connection: sqlite3.Connection, chosen: Filter, which: str) -> float | None:
    """When the first ("min") or the last ("max") request of the filter was submitted."""
    dimensions, wanted = chosen.dimensions()
    where, values = chosen.where()
    span, bounds = periods(chosen)
    order = "DESC" if which == "max" else ""
    for (period,) in connection.execute(
        f"SELECT DISTINCT period FROM rollups WHERE {dimensions} AND {span} ORDER BY period {order}", (*wanted, *bounds)
    ):
        edges = (period * PERIOD_SECONDS, (period + 1) * PERIOD_SECONDS)
        found: float | None
        (found,) = connection.execute(
            f"SELECT {which}(submitted_at) FROM requests WHERE {where} AND submitted_at >= ? AND submitted_at < ?",
            (*values, *edges),
        ).fetchone()
        if found is not None:
            return found
    return None
