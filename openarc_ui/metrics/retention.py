"""What is deleted, and when: whole periods, oldest first, by age and by size, in transactions short enough to wait for.

`rollups` follow each deleted row by a trigger, so at any moment, and after any end, they agree with the rows.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import Enum

from openarc_ui.metrics.database import transaction
from openarc_ui.metrics.rollups import PERIOD_SECONDS

CHUNK_ROWS = 250
CHUNK_PAGES = 250
DAY_SECONDS = 86_400


class Step(Enum):
    """What a step did."""

    DELETED = "deleted"
    GAVE_BACK = "gave back"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Retention:
    """How long and how much is kept; 0 is no limit.

    Attributes:
        max_age_days: a period that ended before this is deleted.
        max_bytes: of pages in use; beyond it the oldest periods are deleted, but never the one that is running.
    """

    max_age_days: float = 0
    max_bytes: int = 0

    def step(self, connection: sqlite3.Connection, now: float) -> Step:
        """Delete a little of what is too much, or give a little room back to the disk.

        Returns:
            What it did; after anything but NOTHING there may be more to do.

        Raises:
            sqlite3.Error: nothing was deleted.
        """
        period = oldest_period(connection)
        if period is None or not self._is_too_much(connection, period, now):
            return Step.GAVE_BACK if give_back(connection) else Step.NOTHING
        with transaction(connection):
            delete_some(connection, period)
        return Step.DELETED

    def _is_too_much(self, connection: sqlite3.Connection, period: int, now: float) -> bool:
        if period >= int(now / PERIOD_SECONDS):
            return False
        ended_at = (period + 1) * PERIOD_SECONDS
        is_old = bool(self.max_age_days) and ended_at <= now - self.max_age_days * DAY_SECONDS
        return is_old or (bool(self.max_bytes) and used_bytes(connection) > self.max_bytes)


def oldest_period(connection: sqlite3.Connection) -> int | None:
    """The first period that has anything, or None."""
    moments = connection.execute(
        "SELECT (SELECT min(submitted_at) FROM requests), (SELECT min(sampled_at) FROM samples), "
        "(SELECT min(sampled_at) FROM power)"
    ).fetchone()
    known = [moment for moment in moments if moment is not None]
    return int(min(known) / PERIOD_SECONDS) if known else None


def delete_some(connection: sqlite3.Connection, period: int) -> None:
    """At most `CHUNK_ROWS` requests of the oldest period; when they are all gone, its samples and their sums too."""
    end = (period + 1) * PERIOD_SECONDS
    deleted = connection.execute(
        "DELETE FROM requests WHERE id IN (SELECT id FROM requests WHERE submitted_at < ? LIMIT ?)", (end, CHUNK_ROWS)
    ).rowcount
    if deleted == CHUNK_ROWS:
        return
    for table in ("samples", "power"):
        connection.execute(f"DELETE FROM {table} WHERE sampled_at < ?", (end,))
    for table in ("rollups", "sample_rollups", "power_rollups"):
        connection.execute(f"DELETE FROM {table} WHERE period <= ?", (period,))


def used_bytes(connection: sqlite3.Connection) -> int:
    """Pages that hold something; free ones are used again, or given back."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def give_back(connection: sqlite3.Connection) -> bool:
    """Return some free pages to the disk, where the file was made for that; True: there are more."""
    (mode,) = connection.execute("PRAGMA auto_vacuum").fetchone()
    (before,) = connection.execute("PRAGMA freelist_count").fetchone()
    if not before or mode != 2:
        return False
    # A step of this statement frees one page. Python takes one step where a statement has no columns, but a script to its end.
    connection.executescript(f"PRAGMA incremental_vacuum({CHUNK_PAGES})")
    (after,) = connection.execute("PRAGMA freelist_count").fetchone()
    return bool(0 < after < before)
