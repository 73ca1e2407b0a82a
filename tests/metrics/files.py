"""What the tests of the store share: rows of a file, a lock by another process, and that sums agree with rows."""

from __future__ import annotations

import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.metrics.rollups import KEYS, ROLLUP_SUMS, contributions, period_sql

ROOT = Path(__file__).parent.parent.parent


def rows(path: Path, query: str = "SELECT * FROM requests ORDER BY id") -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query).fetchall()


def names(path: Path) -> list[str]:
    """The ids of the requests, in the order they were written."""
    return [row["request_id"] for row in rows(path)]


def unpacked(blob: bytes) -> tuple[float, ...]:
    """The numbers of a blob of little-endian float32."""
    return struct.unpack(f"<{len(blob) // 4}f", blob)


def wait_until(is_so: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.01)


def check_sums(path: Path) -> None:
    """Fail where a row of `rollups` is not what the requests of its period add up to, or there is one too many."""
    with closing(sqlite3.connect(path)) as connection:
        sums = ", ".join(f"sum({added})" for added in contributions().values())
        keys = f"{period_sql('submitted_at')}, {', '.join(KEYS)}"
        expected = connection.execute(f"SELECT {keys}, {sums} FROM requests GROUP BY {keys} ORDER BY {keys}").fetchall()
        order = f"period, {', '.join(KEYS)}"
        kept = connection.execute(f"SELECT {order}, {', '.join(ROLLUP_SUMS)} FROM rollups ORDER BY {order}").fetchall()
    width = len(KEYS) + 1
    assert [row[:width] for row in kept] == [row[:width] for row in expected]
    for mine, right in zip(kept, expected, strict=True):
        assert mine[width:] == pytest.approx(right[width:], abs=1e-6)


@contextmanager
def running(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another process, killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def locked_by_another_process(path: Path) -> Iterator[Callable[[], None]]:
    """A process that holds the write lock until what is yielded is called."""
    with running(LOCK, str(path)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield lambda: process.communicate("\n", timeout=60) and None
