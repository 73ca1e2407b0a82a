"""A SQLite file as a thing in a folder: its companions, which file it is, and setting it aside when it is damaged.

Both databases use it. It opens nothing and knows no table.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
FileId = tuple[int, int]


def primary_code(error: BaseException | None) -> int:
    """SQLite's error code without its details; 0 where the error comes from elsewhere."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def with_companions(path: Path) -> tuple[Path, ...]:
    """The file, its write-ahead log, and what its readers and its writer share."""
    return tuple(path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm"))


def set_aside(path: Path) -> str:
    """Rename the file and its companions, so that a new one can be begun and nothing is deleted; the new name.

    Raises:
        OSError: the folder does not allow it.
    """
    stamp = f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    name, number = stamp, 2
    while path.with_name(name).exists():
        name, number = f"{stamp}-{number}", number + 1
    for file in with_companions(path):
        if file.exists():
            file.replace(path.with_name(name + file.name.removeprefix(path.name)))
    return name
