"""Requests drawn at random: few enough to look at one by one, and the same ones at every refresh.

Each request has a random `sample_key`; those below k are a random k in SAMPLE_KEYS of all. A share that is small enough is
read from one index that holds such requests alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy

from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.rollups import PERIOD_SECONDS
from openarc_ui.metrics.schema import SAMPLE_KEYS, SAMPLED_KEYS
from openarc_ui.metrics.spans import count, periods

LOOKED_THROUGH = 150
"""So many rows of the span are looked through for each one wanted, where that index holds too few: 0.2 µs each, 0.2 s for
10,000 out of a million. In a longer span those of the index have to do, which are an eighth."""
ENOUGH = 0.85
"""That share of what is wanted is enough."""
FEW = 2_000
"""So few requests are looked for in the periods that have them, by the rollups, instead of in all."""


def draw(
    connection: sqlite3.Connection, chosen: Filter, columns: Sequence[str], limit: int, of: int, also: str = "1"
) -> list[tuple[Any, ...]]:
    """`columns` of all requests of the filter when `of`, which is how many there are, is at most `limit`; else of at most
    so many, at random. In the order of time. `also`: a condition on the rows that are worth to be drawn."""
    if of <= 0 or limit <= 0:
        return []
    names = f"submitted_at, id, {', '.join(columns)}"
    where, values = chosen.where()
    keys = SAMPLE_KEYS if of <= limit else max(1, SAMPLE_KEYS * limit // of)
    if SAMPLED_KEYS < keys < SAMPLE_KEYS:
        is_enough = of * SAMPLED_KEYS >= ENOUGH * limit * SAMPLE_KEYS
        if is_enough or count(connection, Filter(chosen.since, chosen.until)) > LOOKED_THROUGH * limit:
            keys = SAMPLED_KEYS
    if keys <= SAMPLED_KEYS:
        wanted = ", ".join(str(key) for key in range(keys))
        statement = f"SELECT {names} FROM requests INDEXED BY requests_sampled WHERE sample_key < {SAMPLED_KEYS} AND sample_key IN ({wanted})"
        found = connection.execute(f"{statement} AND {where} AND {also}", values).fetchall()
    elif of <= FEW and chosen.dimensions()[1]:
        found = _few(connection, chosen, names, also)
    else:
        part = "1" if keys == SAMPLE_KEYS else f"+sample_key < {keys}"
        found = connection.execute(
            f"SELECT {names} FROM requests WHERE {part} AND {where} AND {also}", values
        ).fetchall()
    found.sort()
    if len(found) > limit:
        kept = numpy.random.default_rng(0).choice(len(found), limit, replace=False)
        found = [found[place] for place in sorted(kept.tolist())]
    return [row[2:] for row in found]


def _few(connection: sqlite3.Connection, chosen: Filter, names: str, also: str) -> list[tuple[Any, ...]]:
    """All of them, out of the periods in which the rollups know at least one."""
    where, values = chosen.where()
    dimensions, wanted = chosen.dimensions()
    span, bounds = periods(chosen)
    return connection.execute(
        f"""SELECT {names} FROM (SELECT DISTINCT period FROM rollups WHERE {dimensions} AND {span}) AS held
            CROSS JOIN requests
            ON submitted_at >= period * {PERIOD_SECONDS}.0 AND submitted_at < (period + 1) * {PERIOD_SECONDS}.0
            WHERE {where} AND {also}""",
        (*wanted, *bounds, *values),
    ).fetchall()


def newest(
    connection: sqlite3.Connection, chosen: Filter, columns: Sequence[str], limit: int, before_id: int | None
) -> list[tuple[Any, ...]]:
    """`columns` of at most `limit` requests, by when they were submitted, newest first; after the one with `before_id`.

    Where a dimension is wanted, only the periods are looked through in which the rollups know such a request: the
    three errors of a month are found as quickly as the last three requests.
    """
    where, values = chosen.where()
    dimensions, wanted = chosen.dimensions()
    if before_id is not None:
        before = connection.execute("SELECT submitted_at, id FROM requests WHERE id = ?", (before_id,)).fetchone()
        if before is None:
            return []
        where, values = f"{where} AND (submitted_at, id) < (?, ?)", (*values, *before)
        chosen = replace(chosen, until=before[0] if chosen.until is None else min(before[0], chosen.until))
    statement = f"SELECT {', '.join(columns)} FROM requests WHERE {where}"
    order = "ORDER BY submitted_at DESC, id DESC LIMIT ?"
    if not wanted:
        return connection.execute(f"{statement} {order}", (*values, max(limit, 0))).fetchall()
    held, bounds = periods(chosen)
    found: list[tuple[Any, ...]] = []
    for (period,) in connection.execute(
        f"SELECT DISTINCT period FROM rollups WHERE {dimensions} AND {held} ORDER BY period DESC", (*wanted, *bounds)
    ):
        if len(found) >= limit:
            break
        span = (period * PERIOD_SECONDS, (period + 1) * PERIOD_SECONDS)
        found += connection.execute(
            f"{statement} AND submitted_at >= ? AND submitted_at < ? {order}", (*values, *span, limit - len(found))
        ).fetchall()
    return found
