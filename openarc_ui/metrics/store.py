"""MetricsStore: one SQLite file, one thread that writes it, readers that open it read-only.

Recording never blocks and never fails: what can't be written yet waits in memory, bounded and counted. Prompts and
answers are not kept. The engine knows this room only as a plain callable.
"""

from __future__ import annotations

import array
import dataclasses
import json
import logging
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openarc_ui.engine.types import ModelInfo, PerformanceReport
from openarc_ui.metrics.sampler import Sample
from openarc_ui.metrics.schema import REQUEST_COLUMNS, migrate

logger = logging.getLogger(__name__)

MAX_WAITING = 10_000
RETRY_SECONDS = 0.2
INSERT_REQUEST = f"INSERT INTO requests ({', '.join(REQUEST_COLUMNS)}) VALUES ({', '.join('?' * len(REQUEST_COLUMNS))})"
INSERT_SAMPLE = "INSERT INTO samples (sampled_at, worker, processor_percent, memory_bytes, available_memory_bytes) VALUES (?, ?, ?, ?, ?)"
INSERT_CONFIGURATION = (
    "INSERT OR IGNORE INTO configurations (configuration_id, recorded_at, description) VALUES (?, ?, ?)"
)

Row = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """How the store is doing.

    Attributes:
        waiting: rows not on disk yet.
        dropped: rows lost because `MAX_WAITING` were waiting; 0 unless the disk refused for long.
        problem: why nothing can be written now, or None.
        notice: something that happened once and should be known (a damaged file was set aside), or None.
    """

    waiting: int
    dropped: int
    problem: str | None
    notice: str | None


class MetricsStore:
    """Keeps every PerformanceReport. Thread-safe; `close` it to be sure that all is on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: deque[Row] = deque()
        self._changed = threading.Condition()
        self._dropped = 0
        self._written = 0
        self._problem: str | None = None
        self._notice: str | None = None
        self._closing = False
        self._writer = threading.Thread(target=self._run, name="metrics-writer", daemon=True)
        self._writer.start()

    def record(self, report: PerformanceReport) -> None:
        """Keep one report. Returns at once."""
        values = {field.name: getattr(report, field.name) for field in dataclasses.fields(report)}
        values["inter_token_latencies_seconds"] = pack_seconds(report.inter_token_latencies_seconds)
        values["finish_reason"] = report.finish_reason.value
        self._put((INSERT_REQUEST, tuple(values[name] for name in REQUEST_COLUMNS)))

    def record_model(self, info: ModelInfo) -> None:
        """Keep the configuration that a loaded model's reports refer to. Returns at once."""
        description = json.dumps(
            {**dataclasses.asdict(info), "request": info.request.model_dump(mode="json")}, default=str
        )
        self._put((INSERT_CONFIGURATION, (info.configuration_id, time.time(), description)))

    def record_sample(self, sample: Sample) -> None:
        """Keep one sample: a row for the machine, one for each worker. Returns at once."""
        whole = (sample.sampled_at, None, sample.processor_percent, None, sample.available_memory_bytes)
        self._put((INSERT_SAMPLE, whole))
        for worker in sample.workers:
            self._put(
                (INSERT_SAMPLE, (sample.sampled_at, worker.name, worker.processor_percent, worker.memory_bytes, None))
            )

    def health(self) -> StoreHealth:
        """How the store is doing now; never blocks."""
        return StoreHealth(len(self._waiting), self._dropped, self._problem, self._notice)

    def revision(self) -> int:
        """A number that is another one whenever new rows can be read; costs nothing."""
        return self._written

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until all that was recorded is on disk; False when it took longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout)

    def close(self, timeout: float = 10.0) -> None:
        """Write what waits and stop. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join(timeout)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection of the caller's own; an empty database in memory while there is no file yet."""
        uri = f"{self.path.resolve().as_uri()}?mode=ro"
        try:
            connection = sqlite3.connect(uri, uri=True, timeout=2.0)
            connection.execute("SELECT 1 FROM requests LIMIT 1")
        except sqlite3.OperationalError:
            connection = sqlite3.connect(":memory:", isolation_level=None)
            migrate(connection)
        with closing(connection):
            yield connection

    def _put(self, row: Row) -> None:
        with self._changed:
            if len(self._waiting) >= MAX_WAITING:
                self._dropped += 1
                return
            self._waiting.append(row)
            self._changed.notify_all()

    def _run(self) -> None:
        """Write what waits, in one transaction, for as long as there is something; then wait for more."""
        connection = self._open_existing()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    break
                batch = list(self._waiting)
            try:
                connection = connection or self._open()
                self._write(connection, batch)
            except sqlite3.Error as error:
                connection = self._recover(connection, error)
                if self._closing:
                    break
                time.sleep(RETRY_SECONDS)
        if connection is not None:
            connection.close()

    def _write(self, connection: sqlite3.Connection, batch: list[Row]) -> None:
        """One transaction; the rows leave the memory only after it is committed."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement, values in batch:
                connection.execute(statement, values)
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        with self._changed:
            for _ in batch:
                self._waiting.popleft()
            self._written += len(batch)
            self._problem = None
            self._changed.notify_all()

    def _open_existing(self) -> sqlite3.Connection | None:
        """A database of before is brought up to date at once, so that readers find every column in it."""
        if not self.path.exists():
            return None
        try:
            return self._open()
        except sqlite3.Error as error:
            return self._recover(None, error)

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=1.0, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            migrate(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _recover(self, connection: sqlite3.Connection | None, error: sqlite3.Error) -> sqlite3.Connection | None:
        """After a failed write: a damaged file is set aside, anything else (locked, full) is tried again."""
        logger.warning("metrics wait in memory: %s", error)
        self._problem = str(error)
        if getattr(error, "sqlite_errorcode", None) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return connection
        if connection is not None:
            connection.close()
        self._set_aside()
        return None

    def _set_aside(self) -> None:
        """Rename the damaged file and its companions, so that a new one can be begun and nothing is deleted."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        for suffix in ("", "-wal", "-shm"):
            file = self.path.with_name(self.path.name + suffix)
            if file.exists():
                file.replace(self.path.with_name(f"{self.path.name}.damaged-{stamp}{suffix}"))
        self._notice = f"The metrics database was damaged; it was set aside as {self.path.name}.damaged-{stamp} and a new one begun."


def pack_seconds(seconds: tuple[float, ...]) -> bytes:
    """Seconds as little-endian float32, four bytes each."""
    packed = array.array("f", seconds)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_seconds(blob: bytes) -> tuple[float, ...]:
    """The inverse of `pack_seconds`."""
    unpacked = array.array("f", blob)
    if sys.byteorder == "big":
        unpacked.byteswap()
    return tuple(unpacked)
