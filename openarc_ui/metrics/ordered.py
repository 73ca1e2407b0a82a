"""Requests in another order than that of time: the slowest first, page by page. Pure reads."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

import pandas

from openarc_ui.metrics import frames
from openarc_ui.metrics.definitions import INTER_TOKEN
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.schema import REQUEST_COLUMNS

Sort = Literal["newest", "ttft", "total", "decode"]


@dataclass(frozen=True, slots=True)
class Order:
    """By which column, and whether its greatest value is the slowest request."""

    column: str
    is_greatest_first: bool


ORDERS: dict[Sort, Order] = {
    "ttft": Order("ttft_seconds", True),
    "total": Order("total_seconds", True),
    "decode": Order("decode_tokens_per_second", False),
}
"""All but the newest first."""
COLUMNS = ["id", *(name for name in REQUEST_COLUMNS if name != INTER_TOKEN.name)]


def ordered(
    connection: sqlite3.Connection, chosen: Filter, sort: Sort, limit: int, before_id: int | None = None
) -> pandas.DataFrame:
    """The first requests in that order, all columns but the latencies; requests without the figure are not in it.

    Of a figure the slowest come first, and of equally slow ones the last recorded.

    Args:
        before_id: only those that come after the one of that `id`; none when it is not kept any more.
    """
    if sort == "newest":
        return frames.requests(connection, chosen, limit, before_id)
    order = ORDERS[sort]
    # Turned around, so that one comparison of pairs says what comes after.
    place = order.column if order.is_greatest_first else f"-{order.column}"
    where, values = chosen.where()
    if before_id is not None:
        where += f" AND ({place}, id) < (SELECT {place}, id FROM requests WHERE id = ?)"
        values = (*values, before_id)
    rows = connection.execute(
        f"""SELECT {", ".join(COLUMNS)} FROM requests WHERE {where} AND {order.column} IS NOT NULL
            ORDER BY {place} DESC, id DESC LIMIT ?""",
        (*values, max(limit, 0)),
    ).fetchall()
    return pandas.DataFrame.from_records(rows, columns=COLUMNS)
