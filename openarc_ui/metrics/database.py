"""The SQLite file of the metrics: opened for its one writer or for a reader, named, measured, and set aside when damaged.

What SQLite says becomes words here. It knows no table and no row.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from openarc_ui.errors import MetricsUnreadable
from openarc_ui.metrics.schema import MIGRATIONS, is_behind, is_derived, is_foreign, migrate
from openarc_ui.sqlite_file import DAMAGED, FileId, primary_code, set_aside, with_companions

logger = logging.getLogger(__name__)

UNSHARED = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
BUSY_SECONDS = 1.0
READ_SECONDS = 2.0
LARGEST_JOURNAL_BYTES = 64 * 1024 * 1024
"""After a long transaction the write-ahead log is cut back to this."""
INCREMENTAL = 2
"""SQLite's number of the mode in which deleted rows give their room back."""
FOREIGN = "it is a database of another program, which is left as it is: name another one with --database"
REASONS = {
    sqlite3.SQLITE_BUSY: "is held by another program",
    sqlite3.SQLITE_LOCKED: "is held by another program",
    sqlite3.SQLITE_FULL: "has no room: the disk is full",
    sqlite3.SQLITE_IOERR: "can't be read or written: the disk is full, or fails",
    sqlite3.SQLITE_READONLY: "may not be written",
    sqlite3.SQLITE_PERM: "may not be read or written",
    sqlite3.SQLITE_CANTOPEN: "can't be opened: see its folder and permissions",
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_NOTADB: "is damaged",
}


class DatabaseFile:
    """One path, and what is there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open_to_write(
        self, before_migration: Callable[[sqlite3.Connection], None]
    ) -> tuple[sqlite3.Connection, FileId | None]:
        """The writer's connection, to a database of this version; made where there is none.

        Args:
            before_migration: called when a database of another OpenArc is about to be brought up to date, which may take a while.

        Raises:
            sqlite3.Error, OSError: as they come; a database of a newer OpenArc or of another program is left as it is.
        """
        self._make_file()
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            if is_foreign(connection):
                raise sqlite3.OperationalError(FOREIGN)
            self._make_private()
            if is_behind(connection):
                before_migration(connection)
            # An empty database takes this at once, another one when it is copied; deleted rows then give their room back.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA journal_size_limit = {LARGEST_JOURNAL_BYTES}")
            migrate(connection)
            if connection.execute("PRAGMA auto_vacuum").fetchone() != (INCREMENTAL,):
                before_migration(connection)
                self._copy(connection)
            return connection, self.file_id()
        except BaseException:
            connection.close()
            raise

    def _copy(self, connection: sqlite3.Connection) -> None:
        """One whole copy, after which the file can shrink; where there is no room for it, it stays as it is."""
        size = self.size_bytes()
        if shutil.disk_usage(self.path.parent).free < 3 * size:
            logger.warning("no room to copy %s, so it can't shrink; the next start tries again", self.path.name)
            return
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            if primary_code(error) not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
                raise
            logger.warning("%s was not copied, so it can't shrink: %s", self.path.name, error)

    def open_to_read(self) -> sqlite3.Connection:
        """A reader's connection, within a transaction, so that all it reads is of one moment.

        Raises:
            MetricsUnreadable: it can't be read, is not ours, or is not of this version (yet).
        """
        connection = self._connect_to_read()
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if is_foreign(connection):
                raise MetricsUnreadable(
                    f"{self.path.name} is a database of another program.", "Name another one with --database."
                )
            if version == len(MIGRATIONS) and is_derived(connection):
                connection.execute("BEGIN")
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        if version == 0:
            return empty()
        if version > len(MIGRATIONS):
            raise MetricsUnreadable(
                "The metrics are from a newer OpenArc.", "Start that one, or name another --database."
            )
        raise MetricsUnreadable(
            "The metrics of another OpenArc are being brought up to date.", "They show as soon as that is done."
        )

    def _connect_to_read(self) -> sqlite3.Connection:
        """In a folder that may not be written SQLite can't make what readers and a writer share; without a writer it need not."""
        address = f"{self.path.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(address, uri=True, timeout=READ_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA schema_version")
            return connection
        except sqlite3.OperationalError as error:
            connection.close()
            has_writer = any(file.exists() for file in with_companions(self.path)[1:])
            if primary_code(error) not in UNSHARED or has_writer or self.file_id() is None:
                raise
        except BaseException:
            connection.close()
            raise
        return sqlite3.connect(f"{address}&immutable=1", uri=True, isolation_level=None)

    def file_id(self) -> FileId | None:
        """Which file is at the path; None: none that we can see, and opening it says why."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def size_bytes(self) -> int:
        """Of the file and its companions."""
        total = 0
        for file in with_companions(self.path):
            try:
                total += file.stat().st_size
            except OSError:
                # Not there, or not to be looked at: then it is nothing that we hold.
                continue
        return total

    def is_damaged(self) -> bool:
        """Look through the whole file, with a connection of its own.

        Raises:
            sqlite3.Error: it could not be looked through, which does not say that it is damaged.
        """
        if self.file_id() is None:
            return False
        connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True, timeout=READ_SECONDS)
        try:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
        except sqlite3.DatabaseError as error:
            if primary_code(error) in DAMAGED:
                return True
            raise
        finally:
            connection.close()

    def set_aside(self) -> str:
        """Rename the file and its companions, so that a new one can be begun and nothing is deleted; the new name."""
        return set_aside(self.path)

    def _make_file(self) -> None:
        """The file, for its owner only; SQLite gives its companions the same mode.

        It is opened by us only when it is new: closing any handle of a file drops all locks this process has on it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            return

    def _make_private(self) -> None:
        for file in with_companions(self.path):
            try:
                if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
                    file.chmod(0o600)
            except PermissionError as error:
                logger.warning("others may read the metrics: %s", error)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Committed on leaving, rolled back on leaving with an error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def emptied(connection: sqlite3.Connection) -> bool:
    """Move the write-ahead log into the file, so that what was deleted is in neither; False while a reader needs it."""
    (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


def empty() -> sqlite3.Connection:
    """A database in memory with nothing in it."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    return connection


def words_of(error: Exception) -> str:
    """What keeps the database from being used now, in one sentence."""
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"The metrics database {REASONS.get(primary_code(error), 'can not be used')} ({said})."
