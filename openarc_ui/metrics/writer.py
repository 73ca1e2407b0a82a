"""The one thread that writes the metrics: what waits, in transactions of many rows, and between them what is to be deleted.

Rows leave the memory only after they are committed to the file that is at the path. Every fault of the disk ends here.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from openarc_ui.metrics.bugs import Bugs
from openarc_ui.metrics.database import DatabaseFile, emptied, transaction, words_of
from openarc_ui.metrics.facts import Facts
from openarc_ui.metrics.retention import Retention, Step
from openarc_ui.metrics.rows import TABLES, UNWRITABLE
from openarc_ui.metrics.spill import read_spill, spill_path, write_spill
from openarc_ui.metrics.waiting import BATCH_ROWS, Batch, Waiting
from openarc_ui.sqlite_file import DAMAGED, LOCKED, FileId, primary_code

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.005
"""Between two steps of a long cleaning."""
RETRY_SECONDS = 0.2
RETENTION_SECONDS = 300.0
CHECKPOINT_SECONDS = 10.0
"""So long after a reader kept deleted rows in the write-ahead log it is tried again to empty that."""
HANGING_SECONDS = 10.0
"""So long after the end was to come the thread is still waited for: for a rollback, or the spill file."""


class Writer:
    """Attributes:
    problem: why nothing can be written now, in a sentence, or None.
    notice: what happened once and should be known, or None.
    revision, sample_revision: other numbers whenever rows of that kind came or went.
    is_migrating: a database of another OpenArc is being brought up to date.
    """

    def __init__(self, file: DatabaseFile, waiting: Waiting, retention: Retention) -> None:
        self.problem: str | None = None
        self.notice: str | None = None
        self.revision = 0
        self.sample_revision = 0
        self.is_migrating = file.file_id() is not None
        self._file = file
        self._waiting = waiting
        self._retention = retention
        self._connection: sqlite3.Connection | None = None
        self._migrating: sqlite3.Connection | None = None
        self._file_id: FileId | None = None
        self._spill = spill_path(file.path)
        self._has_spill: bool | None = None
        self._is_suspect = False
        self._highest_row = 0
        self._facts = Facts()
        self._has_deleted = False
        self._bugs = Bugs()
        self._retention_due_at = time.monotonic()
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._run, name="metrics-writer", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def suspect(self) -> None:
        """A reader met damage: look at the file."""
        self._is_suspect = True
        self._waiting.call()

    def close(self, timeout: float) -> None:
        """End after everything is written, at most `timeout` seconds from now; then what is left goes to the spill file.

        A disk that hangs holds the thread and not this program: after some seconds more it is no longer waited for.
        """
        self._deadline = min(self._deadline, time.monotonic() + timeout)
        self._waiting.close()
        self._thread.join(timeout + 2 * RETRY_SECONDS)
        given_up_at = time.monotonic() + HANGING_SECONDS
        while self._thread.is_alive():
            if time.monotonic() > given_up_at:
                logger.error("the disk hangs: %d rows of metrics are lost", self._waiting.rows)
                return
            # It waits for a lock, or is in the middle of something long, which is rolled back.
            self._interrupt()
            self._thread.join(RETRY_SECONDS)

    def _run(self) -> None:
        has_more = True
        while True:
            until_retention = max(0.0, self._retention_due_at - time.monotonic())
            self._waiting.wait(PAUSE_SECONDS if has_more else until_retention)
            if self._waiting.is_closing and (not self._waiting.rows or time.monotonic() > self._deadline):
                break
            try:
                has_more = self._work()
            except (sqlite3.Error, OSError) as error:
                self._recover(error)
                has_more = True
                time.sleep(RETRY_SECONDS)
            except Exception as error:
                if self._bugs.is_new(error):
                    logger.exception("writing the metrics failed; the same is not told again")
                self.problem = "Writing the metrics failed; the log has the reason."
                time.sleep(RETRY_SECONDS)
        self._spill_rest()
        self._disconnect()

    def _work(self) -> bool:
        """Write a batch and delete a little; True: there is more to be done at once."""
        if self._is_suspect:
            self._look_for_damage()
        if self._has_spill is None:
            self._has_spill = self._spill.exists()
        if self._connection is None:
            if not (self._waiting.rows or self._has_spill or self._file.file_id()):
                self.is_migrating = False
                self._retention_due_at = time.monotonic() + RETENTION_SECONDS
                return False
            self._connect()
        connection = self._connection
        assert connection is not None
        self._facts.put_back(connection)
        if self._has_spill:
            self._read_spill(connection)
        batch = self._waiting.batch(BATCH_ROWS)
        if batch.rows:
            self._write(connection, batch)
        self.problem = None
        return self._clean(connection) if self._connection is connection else True

    def _connect(self) -> None:
        """Open the file, bring it up to date, and read in what an earlier end left over."""

        def before_migration(connection: sqlite3.Connection) -> None:
            self._migrating = connection
            self.is_migrating = True
            self.problem = "The metrics of another OpenArc are being brought up to date; new ones wait in memory."

        was_there = self._file.file_id() is not None
        try:
            self._connection, self._file_id = self._file.open_to_write(before_migration)
        finally:
            self._migrating = None
            self.is_migrating = False
        self._facts.suspect()
        # Who had it before may have ended in the middle of deleting.
        self._has_deleted |= was_there
        self._changed()

    def _write(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """One transaction; the rows leave the memory only after it is committed to the file that is at the path."""
        lost: list[str] = []
        try:
            with self._numbering(connection):
                for name, table in TABLES.items():
                    lost += [name] * table.add(connection, [values for kind, values in batch.rows if kind == name])
        except UNWRITABLE as error:
            with self._numbering(connection):
                lost = self._write_singly(connection, batch)
            logger.warning("%d rows can't be kept: %s", len(lost), error)
        if self._file.file_id() != self._file_id:
            self._disconnect()
            self.notice = f"{self._file.path.name} was deleted or replaced while OpenArc ran; it goes on in a new one."
            return
        self.revision += bool(batch.counts["facts"] + batch.counts["reports"] + batch.counts["details"])
        self.sample_revision += bool(batch.counts["samples"])
        self._facts.remember(batch.rows)
        self.problem = None  # before who waits for these rows is told
        self._waiting.written(batch, lost)

    @contextmanager
    def _numbering(self, connection: sqlite3.Connection) -> Iterator[None]:
        """A transaction. A new file goes on where the one before it ended: who reads on from a row number misses nothing."""
        newest = "(SELECT coalesce(max(id), 0) FROM requests)"
        with transaction(connection):
            connection.execute(
                f"UPDATE row_numbers SET highest = ?1 WHERE highest < ?1 AND {newest} < ?1", (self._highest_row,)
            )
            yield
            self._highest_row = max(self._highest_row, connection.execute(f"SELECT {newest}").fetchone()[0])

    def _write_singly(self, connection: sqlite3.Connection, batch: Batch) -> list[str]:
        """The same row by row: one that the database will never take keeps no other from its place; the tables of those."""
        lost: list[str] = []
        for name, values in batch.rows:
            connection.execute("SAVEPOINT row")
            try:
                lost += [name] * TABLES[name].add(connection, [values])
            except UNWRITABLE:
                connection.execute("ROLLBACK TO row")
                lost.append(name)
            connection.execute("RELEASE row")
        return lost

    def _clean(self, connection: sqlite3.Connection) -> bool:
        if time.monotonic() < self._retention_due_at or self._waiting.is_closing:
            return False
        step = self._retention.step(connection, time.time())
        if step is Step.DELETED:
            self._changed()
            self._has_deleted = True
        if step is not Step.NOTHING:
            return True
        is_kept = self._has_deleted and not emptied(connection)
        self._has_deleted = is_kept
        self._retention_due_at = time.monotonic() + (CHECKPOINT_SECONDS if is_kept else RETENTION_SECONDS)
        return False

    def _read_spill(self, connection: sqlite3.Connection) -> None:
        try:
            unreadable = read_spill(self._spill, connection)
        except OSError as error:
            logger.warning("%s can't be read in: %s", self._spill.name, error)
            self.notice = f"{self._spill.name} can't be read in: {error.strerror or error}. The next start tries again."
        else:
            if unreadable:
                self.notice = f"{unreadable} lines of {self._spill.name} can't be read; it was kept under another name."
        self._has_spill = False
        self._changed()

    def _recover(self, error: sqlite3.Error | OSError) -> None:
        """After a fault: a file that may be damaged is looked at, anything else (locked, full) is tried again."""
        words = words_of(error)
        if words != self.problem:
            logger.warning("%s", words)
        self.problem = words
        if primary_code(error) in DAMAGED:
            # Another program may have set it aside already: then what is at the path is a healthy one.
            self._disconnect()
            self._is_suspect = True
        elif primary_code(error) not in LOCKED:
            self._disconnect()

    def _look_for_damage(self) -> None:
        """What is at the path is set aside only where a look through all of it says so."""
        seen = self._file.file_id()
        is_damaged = self._file.is_damaged()
        self._is_suspect = False
        if is_damaged and self._file.file_id() == seen:
            self._set_aside()

    def _set_aside(self) -> None:
        self._disconnect()
        try:
            name = self._file.set_aside()
        except OSError as error:
            self.problem = f"The metrics database is damaged and can't be set aside: {error.strerror or error}."
            return
        self.notice = f"The metrics database was damaged; it was set aside as {name} and a new one begun."
        logger.warning("%s", self.notice)
        self.problem = None
        self._changed()

    def _changed(self) -> None:
        self.revision += 1
        self.sample_revision += 1

    def _spill_rest(self) -> None:
        """What the database did not take: to a file that the next start reads in."""
        batch = self._waiting.batch(None)
        if not batch.rows:
            return
        try:
            write_spill(self._spill, batch.rows)
        except OSError as error:
            logger.error("%d rows of metrics are lost: %s can't be written: %s", len(batch.rows), self._spill, error)
            return
        logger.warning("%d rows of metrics wait in %s for the next start", len(batch.rows), self._spill.name)
        self._waiting.written(batch)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error as error:
                logger.warning("closing the metrics database: %s", error)

    def _interrupt(self) -> None:
        connection = self._connection or self._migrating
        try:
            if connection is not None:
                connection.interrupt()
        except sqlite3.ProgrammingError as error:
            logger.debug("it was closed at this moment: %s", error)
