"""What a refresh of the Metrics tab costs with a million requests in the database, spread over a month or all in one day."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from openarc_ui.metrics import frames, timeline
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.queries import LEFT_OUT
from openarc_ui.metrics.timeline import Grid
from tests.metrics.filling import DAY_SECONDS, START, fill, fill_samples

REQUESTS = 1_000_000
REFRESHES = 15
GOAL_MILLISECONDS = 300.0


class Notes(Protocol):
    """The part of a Bench that is needed."""

    def note(self, name: str, value: float, unit: str, goal: float | None = None) -> None: ...


def reading(bench: Notes, requests: int = REQUESTS) -> None:
    """Milliseconds of a whole refresh and of one that reads on, each with a connection of its own as the page does it."""
    for days in (30, 1):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "metrics.sqlite3"
            fill(path, requests, days=days)
            fill_samples(path, days=days)
            _read(bench, path, f"{requests:,} requests in {days} days", START + days * DAY_SECONDS)


def _read(bench: Notes, path: Path, label: str, end: float) -> None:
    shown = Filter(leaves_out=LEFT_OUT)  # as the page asks where nothing is chosen
    spans = {"all": shown, "last day": replace(shown, since=end - DAY_SECONDS)}
    spans |= {"last hour": replace(shown, since=end - 3600), "all, tuning too": Filter()}
    spans |= {"one model": Filter(model=("phi-4-mini-int8",)), "errors": Filter(outcome=("error",))}
    for span, chosen in spans.items():
        whole = _measured(path, partial(whole_refresh, chosen=chosen, now=end))
        _note(bench, f"{label}: refresh, {span}", whole)
    with closing(_opened(path)) as connection:
        grid = timeline.grid_for(connection, Filter(), now=end)
    assert grid is not None
    _note(bench, f"{label}: reading on", _measured(path, partial(reading_on, chosen=Filter(), grid=grid, now=end)))


def whole_refresh(connection: sqlite3.Connection, chosen: Filter, now: float) -> None:
    """All that the page shows of a filter."""
    frames.totals(connection, chosen)
    rows = frames.sample(connection, chosen)
    frames.summary(connection, chosen, rows)
    frames.stages(connection, chosen)
    frames.requests(connection, chosen)
    frames.options(connection, chosen)
    grid = timeline.grid_for(connection, chosen, now=now)
    if grid is not None:
        timeline.series(connection, chosen, grid)
        timeline.machine(connection, chosen, grid)
        timeline.power(connection, chosen, grid)


def reading_on(connection: sqlite3.Connection, chosen: Filter, grid: Grid, now: float) -> None:
    """What is read while requests come in: totals, the newest requests, the last bucket."""
    frames.totals(connection, chosen)
    frames.requests(connection, chosen)
    since = now - 2.0
    timeline.series(connection, chosen, grid, since)
    timeline.machine(connection, chosen, grid, since)
    timeline.power(connection, chosen, grid, since)


def _measured(path: Path, read: Callable[[sqlite3.Connection], None]) -> list[float]:
    milliseconds = []
    for _ in range(REFRESHES + 1):
        with closing(_opened(path)) as connection:
            begun = time.perf_counter()
            read(connection)
            milliseconds.append((time.perf_counter() - begun) * 1000)
    return milliseconds[1:]


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)


def _note(bench: Notes, name: str, milliseconds: list[float]) -> None:
    """The bench's goals are reached from below, so what is held against one is goal over median."""
    median = statistics.median(milliseconds)
    bench.note(f"{name}, p50", median, "ms")
    bench.note(f"{name}, slowest of {len(milliseconds)}", max(milliseconds), "ms")
    bench.note(f"{name}: {GOAL_MILLISECONDS:.0f} ms / p50", GOAL_MILLISECONDS / median, "", 1.0)
