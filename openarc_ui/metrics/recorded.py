"""What was recorded at all, and since when: three questions that cost next to nothing. Pure reads.

Row numbers grow in the order of recording; a request is recorded when it ends.
"""

from __future__ import annotations

import sqlite3


def newest_row(connection: sqlite3.Connection) -> int:
    """The row that was recorded last; 0 where there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM requests").fetchone()[0])


def began_since(connection: sqlite3.Connection, row: int) -> float | None:
    """When the first of the requests began that were recorded after a row; None where there is none."""
    (began,) = connection.execute("SELECT min(submitted_at) FROM requests WHERE id > ?", (row,)).fetchone()
    return None if began is None else float(began)


def everything(connection: sqlite3.Connection) -> tuple[int, float | None]:
    """How many requests are kept, and when the oldest of them began."""
    (oldest,) = connection.execute("SELECT min(submitted_at) FROM requests").fetchone()
    (requests,) = connection.execute("SELECT count(*) FROM requests").fetchone()
    return int(requests), oldest
