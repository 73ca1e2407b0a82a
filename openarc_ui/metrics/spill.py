"""Rows that could not be written before the end: a file of JSON lines beside the database, which the next start reads in.

Each block has an id, which the database remembers, so that every row is read in once, whatever ends in between.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from openarc_ui.metrics.database import transaction
from openarc_ui.metrics.rows import TABLES, UNWRITABLE, Row

logger = logging.getLogger(__name__)


def spill_path(database: Path) -> Path:
    """Where the rows of a database wait for the next start."""
    return database.with_name(f"{database.name}.unwritten")


def write_spill(file: Path, rows: Iterable[Row]) -> None:
    """Add a block of rows to the file, and see that it is on disk.

    Raises:
        OSError: it can't be written.
    """
    block = uuid.uuid4().hex
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"block": block, "table": table, "values": _to_json(table, row)}) for table, row in rows]
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8") as target:
        # A line that an earlier end broke off is ended here, so that it spoils no line but itself.
        target.write("\n" + "\n".join(lines) + "\n")
        target.flush()
        os.fsync(target.fileno())


def read_spill(file: Path, connection: sqlite3.Connection) -> int:
    """Put the rows of the file into the database and delete it; rows of a block that is in there are not put again.

    Returns:
        How many lines could not be read; the file is then kept under another name.

    Raises:
        sqlite3.Error, OSError: the database did not take them, or the file can't be read; both are as before.
    """
    unreadable = 0
    with transaction(connection):
        known = {block for (block,) in connection.execute("SELECT spill_id FROM spills_read")}
        blocks: set[str] = set()
        for line in _lines(file):
            try:
                block, table, values = _from_json(line)
                if block not in known:
                    connection.execute(TABLES[table].insert, values)
                    blocks.add(block)
            except (ValueError, KeyError, TypeError, RecursionError, *UNWRITABLE) as error:
                logger.warning("a line of %s can't be read: %s", file.name, error)
                unreadable += 1
        connection.executemany("INSERT INTO spills_read VALUES (?, ?)", [(block, time.time()) for block in blocks])
    if unreadable:
        file.replace(file.with_name(f"{file.name}-unreadable-{time.time_ns()}"))
    else:
        file.unlink()
    return unreadable


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="replace") as source:
        for line in source:
            if line.strip():
                yield line


def _to_json(table: str, values: tuple[Any, ...]) -> dict[str, Any]:
    return {
        column: {"base64": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value
        for column, value in zip(TABLES[table].columns, values, strict=True)
    }


def _from_json(line: str) -> tuple[str, str, tuple[Any, ...]]:
    """Block, table and values; a column that is missing is from before there was one, so it is NULL."""
    read = json.loads(line)
    block, table, values = str(read["block"]), str(read["table"]), dict(read["values"])
    unknown = values.keys() - set(TABLES[table].columns)
    if unknown:
        raise KeyError(f"'{min(unknown)}' is no column of {table}")
    return block, table, tuple(_value(values.get(column)) for column in TABLES[table].columns)


def _value(value: Any) -> Any:
    return base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else value
