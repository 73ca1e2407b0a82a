"""What models and devices told of themselves: told once, so that it is put back where its file was lost while OpenArc runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from openarc_ui.metrics.database import transaction
from openarc_ui.metrics.rows import TABLES, Row

KEYS = {"configurations": 1, "bandwidths": 2}
"""Table -> how many of its first columns name a row."""


class Facts:
    """The newest row of each that was written. Of the writer's thread."""

    def __init__(self) -> None:
        self._rows: dict[Row, Row] = {}
        self._may_be_missing = False

    def remember(self, rows: Iterable[Row]) -> None:
        """Those among the rows that were written."""
        self._rows |= {(table, values[: KEYS[table]]): (table, values) for table, values in rows if table in KEYS}

    def suspect(self) -> None:
        """The file that is open from now on may be a new one."""
        self._may_be_missing = bool(self._rows)

    def put_back(self, connection: sqlite3.Connection) -> None:
        """Where they may be missing; what is there stays."""
        if not self._may_be_missing:
            return
        with transaction(connection):
            for table, values in self._rows.values():
                TABLES[table].put_back(connection, values)
        self._may_be_missing = False
