"""Reading the figure over time: only what came since, where that is enough; else all of it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from openarc_ui.metrics import cores, load, recorded, timeline
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.timeline import Grid
from openarc_ui.ui.metrics.clock import Clock
from openarc_ui.ui.metrics.seen import Seen, Shown
from openarc_ui.ui.metrics.style import Figure, Styles, nothing
from openarc_ui.ui.metrics.timeline_figure import (
    break_seconds,
    extension,
    last_moment,
    whole,
)
from openarc_ui.ui.metrics.timeline_rows import Readings

MOST_DRIFT = 0.05
"""How much of its width the figure may hold of what left the span since; then it is drawn anew."""
LONGEST_WHOLE_SECONDS = 86_401.0
"""Of a span that ends now, up to a day, the time axis shows all, also where nothing was measured."""
NO_REQUESTS = "No request in this range yet."


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole figure, or what is to be appended to the one the page has, or neither; and what the page then has."""

    figure: Figure | None
    extension: dict[str, Any] | None
    shown: Shown | None


def read_timeline(
    connection: sqlite3.Connection, chosen: Filter, seen: Seen, is_first: bool, clock: Clock, styles: Styles, now: float
) -> Timeline:
    """What the page lacks of the figure."""
    spans_all = chosen.until is None and chosen.since is not None and now - chosen.since <= LONGEST_WHOLE_SECONDS
    grid = timeline.grid_for(connection, chosen, now=now)
    if grid is None:
        return Timeline(nothing(NO_REQUESTS), None, None)
    before = seen.timeline
    if not is_first and before is not None and _continues(before, grid, clock):
        appended = _appended(connection, chosen, seen.newest_id, before, grid, clock)
        if appended is not None:
            return appended
    readings = read(connection, chosen, grid, None)
    figure, left_out = whole(readings, grid, clock, styles.joined_by(readings.names()), spans_all)
    last = last_moment(readings)
    if last is None:
        return Timeline(figure, None, None)
    shown = Shown(
        start=grid.start,
        width_seconds=grid.width_seconds,
        last=last,
        offset_seconds=clock.offset_seconds,
        traces=tuple(trace["uid"] for trace in figure["data"]),
        left_out=tuple(left_out),
    )
    return Timeline(figure, None, shown)


def read(connection: sqlite3.Connection, chosen: Filter, grid: Grid, since: float | None) -> Readings:
    """What the figure is made of."""
    return Readings(
        timeline.series(connection, chosen, grid, since),
        timeline.machine(connection, chosen, grid, since),
        timeline.power(connection, chosen, grid, since),
        load.load(connection, chosen, grid, since),
        cores.cores(connection, chosen, grid, since),
    )


def _continues(before: Shown, grid: Grid, clock: Clock) -> bool:
    """The page's figure has the same buckets, and hardly any that left the span."""
    drift = grid.start - before.start
    is_same = (before.width_seconds, before.offset_seconds) == (grid.width_seconds, clock.offset_seconds)
    return is_same and 0 <= drift <= MOST_DRIFT * grid.width_seconds * grid.points


def _appended(
    connection: sqlite3.Connection, chosen: Filter, newest_id: int, before: Shown, grid: Grid, clock: Clock
) -> Timeline | None:
    """None where the figure has to be drawn anew."""
    # A request is recorded when it ends and shown where it began, which may be long ago.
    began = recorded.began_since(connection, newest_id)
    since = before.last if began is None else min(before.last, began // grid.width_seconds * grid.width_seconds)
    readings = read(connection, chosen, grid, since - break_seconds(grid))
    found = extension(readings, grid, clock, since, before.traces, before.left_out)
    if found is None:
        return None
    last = max(before.last, last_moment(readings) or before.last)
    return Timeline(None, found, before.model_copy(update={"last": last}))
