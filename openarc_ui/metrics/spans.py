"""Sums over any span of time: whole hours and whole periods from the rollups, what is left at the edges from rows.

Only SQL is made and run here; what the sums mean is the business of frames.py and timeline.py.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.rollups import KEYS, PERIOD_SECONDS, SAMPLE_SUMS, TABLES, contributions

FARTHEST_SECONDS = 1e12
"""Bounds are cut to plus and minus this: tens of thousands of years, and still an exact integer for SQLite."""

Values = tuple[float | str, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """A table in which a row stands for a span of time; `seconds` is the length of that span, 0 for a moment."""

    table: str
    seconds: int
    moment: str = ""


@dataclass(frozen=True, slots=True)
class Levels:
    """The same facts in one or several lengths of time, longest first; rows of moments come last.

    Attributes:
        keys: name of a key -> its SQL in the table of moments.
        sums: name of a value -> what one moment adds to it.
        extremes: of these names, the ones that are not added up but kept as "max" or "min".
    """

    levels: tuple[Level, ...]
    keys: Mapping[str, str]
    sums: Mapping[str, str]
    extremes: Mapping[str, str]


REQUESTS = Levels(
    (*(Level(table, seconds) for table, seconds in TABLES.items()), Level("requests", 0, "submitted_at")),
    {key: key for key in KEYS},
    contributions(),
    {},
)
"""What rollups.py adds up of each request."""
SAMPLES = Levels(
    (Level("sample_rollups", PERIOD_SECONDS), Level("samples", 0, "sampled_at")),
    {"worker": "coalesce(worker, '')"},
    {"samples": "1", "processor_percent_sum": "processor_percent"}
    | {column: column.rpartition("_")[0] for column in SAMPLE_SUMS},
    SAMPLE_SUMS,
)
POWER = Levels(
    (Level("power_rollups", PERIOD_SECONDS), Level("power", 0, "sampled_at")),
    {"source": "source"},
    {"samples": "1", "watts_sum": "watts"},
    {},
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a span that one table answers. `first` is inclusive, `end` exclusive, None: without bound."""

    level: Level
    first: float | None
    end: float | None

    def where(self) -> tuple[str, Values]:
        """The SQL condition on the table's own column of time."""
        column, unit = ("period", self.level.seconds) if self.level.seconds else (self.level.moment, 1)
        bounds = [
            (f"{column} {comparison} ?", bound if unit == 1 else int(bound // unit))
            for bound, comparison in ((self.first, ">="), (self.end, "<"))
            if bound is not None
        ]
        return " AND ".join(["1", *(condition for condition, _ in bounds)]), tuple(value for _, value in bounds)

    def bucket(self, width_seconds: int) -> str:
        """SQL of the number of the bucket that a row lies in; the width is a multiple of the level's seconds."""
        if self.level.seconds:
            return f"period / {width_seconds // self.level.seconds}"
        return f"CAST({self.level.moment} / {width_seconds} AS INTEGER)"


def pieces(since: float | None, until: float | None, levels: Sequence[Level]) -> list[Piece]:
    """The span cut so that each part is answered by the table with the fewest rows; together exactly the span."""
    level, rest = levels[0], levels[1:]
    since, until = _bounded(since), _bounded(until)
    if not level.seconds:
        return [Piece(level, since, until)]
    first = None if since is None else float(math.ceil(since / level.seconds) * level.seconds)
    end = None if until is None else float(math.floor(until / level.seconds) * level.seconds)
    if first is not None and end is not None and first >= end:
        return pieces(since, until, rest)
    found = [Piece(level, first, end)]
    if since is not None and first is not None and since < first:
        found += pieces(since, first, rest)
    if until is not None and end is not None and end < until:
        found += pieces(end, until, rest)
    return found


def periods(chosen: Filter) -> tuple[str, Values]:
    """The SQL condition on `period` of the periods that the span touches, at its edges in part."""
    bounds = [
        (f"period {comparison} ?", math.floor(bound / PERIOD_SECONDS))
        for bound, comparison in ((_bounded(chosen.since), ">="), (_bounded(chosen.until), "<="))
        if bound is not None
    ]
    return " AND ".join(["1", *(condition for condition, _ in bounds)]), tuple(value for _, value in bounds)


def summed(
    connection: sqlite3.Connection,
    levels: Levels,
    chosen: Filter,
    names: Sequence[str],
    by: Sequence[str] = (),
    width_seconds: int | None = None,
    condition: tuple[str, Values] = ("1", ()),
) -> list[tuple[Any, ...]]:
    """One row a group: the number of the bucket if there is a width, the values of `by`, then the sums of `names`.

    Without `by` and width there is one row, of NULLs when nothing was found. `condition` is on the columns that
    all the tables have alike.
    """
    usable = [
        level for level in levels.levels if not width_seconds or width_seconds % (level.seconds or width_seconds) == 0
    ]
    keys = [*(["bucket"] if width_seconds else []), *by]
    parts: list[str] = []
    values: list[float | str] = []
    for piece in pieces(chosen.since, chosen.until, usable):
        where, bounds = piece.where()
        groups = [f"{piece.bucket(width_seconds)} AS bucket"] if width_seconds else []
        groups += [f"{name if piece.level.seconds else levels.keys[name]} AS {name}" for name in by]
        measured = [
            f"{levels.extremes.get(name, 'sum')}({name if piece.level.seconds else levels.sums[name]}) AS {name}"
            for name in names
        ]
        numbers = ", ".join(str(place) for place in range(1, len(keys) + 1))
        parts.append(
            f"SELECT {', '.join(groups + measured)} FROM {piece.level.table} WHERE {condition[0]} AND {where}"
            + (f" GROUP BY {numbers}" if keys else "")
        )
        values += [*condition[1], *bounds]
    if len(parts) == 1:
        return connection.execute(parts[0], values).fetchall()
    outer = ", ".join([*keys, *(f"{levels.extremes.get(name, 'sum')}({name})" for name in names)])
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    return connection.execute(f"SELECT {outer} FROM ({' UNION ALL '.join(parts)}){grouped}", values).fetchall()


def count(connection: sqlite3.Connection, chosen: Filter) -> int:
    """How many requests a filter has."""
    ((number,),) = summed(connection, REQUESTS, chosen, ("requests",), condition=chosen.dimensions())
    return number or 0


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, -FARTHEST_SECONDS), FARTHEST_SECONDS)
