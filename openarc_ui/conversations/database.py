"""The SQLite file of the conversations: connections, transactions, and what happens when it is locked or damaged.

One writer at a time, in this process by a lock and among processes by SQLite; readers never wait for it (WAL). What
SQLite says is translated here and nowhere else. It knows no table.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from openarc_ui.conversations.schema import known_version, migrate
from openarc_ui.errors import ConversationsUnusable
from openarc_ui.sqlite_file import DAMAGED, LOCKED, FileId, primary_code, set_aside, with_companions

logger = logging.getLogger(__name__)

WAIT_SECONDS = 5.0
RETRY_SECONDS = 0.05
MAX_IDLE_CONNECTIONS = 4
HINTS = {
    sqlite3.SQLITE_FULL: "The disk is full: make room.",
    sqlite3.SQLITE_READONLY: "OpenArc may not write the file: see who owns it.",
    sqlite3.SQLITE_CANTOPEN: "See that its folder exists and that OpenArc may write there.",
    sqlite3.SQLITE_PERM: "See that OpenArc may read and write the file.",
}


class Database:
    """Connections to one file, made when they are needed. Thread-safe.

    Attributes:
        notice: that a damaged file was set aside, where that happened; else None.
    """

    def __init__(self, path: Path, wait_seconds: float = WAIT_SECONDS) -> None:
        self.path = path
        self.notice: str | None = None
        self._wait_seconds = wait_seconds
        self._idle: list[tuple[sqlite3.Connection, FileId]] = []
        self._idle_lock = threading.Lock()
        self._writing = threading.Lock()
        self._writing_thread: int | None = None
        self._is_closed = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the database, whatever is written meanwhile.

        Raises:
            ConversationsUnusable.
        """
        with self._connection() as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed on leaving, rolled back on leaving with an error.

        Raises:
            ConversationsUnusable: also when another writer did not end within the wait.
            RuntimeError: this thread is within a transaction already.
        """
        if self._writing_thread == threading.get_ident():
            raise RuntimeError("a change within a change would wait for itself")
        if not self._writing.acquire(timeout=self._wait_seconds):
            raise _locked()
        try:
            self._writing_thread = threading.get_ident()
            with self._connection() as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        finally:
            self._writing_thread = None
            self._writing.release()

    def close(self) -> None:
        """Close what is not in use; the rest closes when it is given back. Idempotent."""
        with self._idle_lock:
            self._is_closed = True
        self._close_idle()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection of the caller's own, outside any transaction before and after."""
        connection, file_id = self._translated(self._borrow)
        is_sound = False
        try:
            yield connection
            is_sound = True
        except sqlite3.Error as error:
            raise self._unusable(error, file_id) from error
        except BaseException:
            is_sound = True
            raise
        finally:
            self._give_back(connection, file_id, is_sound)

    def _borrow(self) -> tuple[sqlite3.Connection, FileId]:
        """An idle connection to the file that is at the path now, or a new one."""
        with self._idle_lock:
            if self._is_closed:
                raise ConversationsUnusable("The conversations are closed: OpenArc is shutting down.")
            idle = self._idle.pop() if self._idle else None
        if idle is not None:
            if idle[1] == self._file_id():
                return idle
            idle[0].close()
            self._close_idle()
        return self._open()

    def _give_back(self, connection: sqlite3.Connection, file_id: FileId, is_sound: bool) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            logger.warning("a transaction could not be rolled back: %s", error)
            is_sound = False
        with self._idle_lock:
            if is_sound and not self._is_closed and len(self._idle) < MAX_IDLE_CONNECTIONS:
                self._idle.append((connection, file_id))
                return
        connection.close()

    def _open(self) -> tuple[sqlite3.Connection, FileId]:
        """A new connection. While another process makes the file, wait for it; a damaged file is set aside first."""
        deadline = time.monotonic() + self._wait_seconds
        while True:
            self._make_file()
            file_id = self._file_id()
            connection = sqlite3.connect(
                self.path, timeout=self._wait_seconds, isolation_level=None, check_same_thread=False
            )
            try:
                known_version(connection)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA secure_delete = ON")
                migrate(connection)
            except sqlite3.Error as error:
                connection.close()
                if time.monotonic() > deadline or primary_code(error) not in DAMAGED | LOCKED:
                    raise
                if primary_code(error) in DAMAGED:
                    self._set_aside(file_id)
                time.sleep(RETRY_SECONDS)
            except BaseException:
                connection.close()
                raise
            else:
                assert file_id is not None
                return connection, file_id

    def _make_file(self) -> None:
        """The file, for its owner only. SQLite gives its companions the same mode.

        It is opened by us only when it is new: closing any handle of a file drops all locks this process has on it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            for file in with_companions(self.path):
                if file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
                    file.chmod(0o600)

    def _translated(self, step: Callable[[], tuple[sqlite3.Connection, FileId]]) -> tuple[sqlite3.Connection, FileId]:
        try:
            return step()
        except sqlite3.Error as error:
            raise self._unusable(error, None) from error
        except OSError as error:
            raise ConversationsUnusable(
                f"The database of conversations can't be opened: {error.strerror}.",
                "See that its folder exists and that OpenArc may write there.",
            ) from error

    def _unusable(self, error: sqlite3.Error, file_id: FileId | None) -> ConversationsUnusable:
        """What an error of SQLite means, after a damaged file was set aside."""
        logger.warning("the database of conversations: %s", error)
        code = primary_code(error)
        if code in LOCKED:
            return _locked()
        if code in DAMAGED and file_id is not None:
            try:
                self._set_aside(file_id)
            except OSError as problem:
                logger.warning("the damaged file could not be set aside: %s", problem)
                return ConversationsUnusable(
                    "The database of conversations is damaged and can't be set aside.",
                    f"Move {self.path.name} and its companions away.",
                )
            return ConversationsUnusable(
                self.notice or "The database of conversations was damaged.",
                "Try again: new conversations are kept. `sqlite3 FILE .recover` may read the old ones.",
            )
        return ConversationsUnusable(
            f"The database of conversations can't be used: {error}.", HINTS.get(code, "Try again, or look at the log.")
        )

    def _set_aside(self, file_id: FileId | None) -> None:
        """Rename the damaged file and its companions, unless another process did; a new one is begun when it is needed."""
        self._close_idle()
        if file_id is None or self._file_id() != file_id:
            return
        name = set_aside(self.path)
        self.notice = f"The database of conversations was damaged; it was set aside as {name} and a new one begun."

    def _file_id(self) -> FileId | None:
        """Which file is at the path: another one when it was set aside or deleted by somebody else."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _close_idle(self) -> None:
        with self._idle_lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()


def _locked() -> ConversationsUnusable:
    return ConversationsUnusable(
        "The database of conversations is in use by another program.", "Try again; if it stays so, end that program."
    )
