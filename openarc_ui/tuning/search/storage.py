"""Where a search is kept: Optuna's SQLite file in the run's folder, and its errors in the words of that folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from openarc_ui.errors import TuningFolderUnusable

if TYPE_CHECKING:
    import optuna

BUSY_SECONDS = 30.0
"""How long a locked database is waited for."""


def storage_of(file: Path) -> optuna.storages.BaseStorage:
    """SQLite, by a connection of our own: a path in an address would need escapes that SQLAlchemy does not have."""
    import optuna

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(file, timeout=BUSY_SECONDS)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    return optuna.storages.RDBStorage("sqlite://", engine_kwargs={"creator": connect})


@contextmanager
def as_folder_error() -> Iterator[None]:
    """What SQLite, SQLAlchemy and Optuna say of a file that can't be read or written: a full disk, no permission, no search.

    Raises:
        TuningFolderUnusable.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, StorageInternalError, sqlite3.Error, OSError) as error:
        raise TuningFolderUnusable(
            f"The search of this run can't be kept: {_reason(error)}.",
            "See that the disk has room and the tuning folder can be written, then resume the run, or start it anew.",
        ) from error


def _reason(error: BaseException) -> str:
    """SQLite's own words, which name no file ("database or disk is full"); else the kind of error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, sqlite3.Error) and str(cause):
            return str(cause)
        cause = cause.__cause__ or getattr(cause, "orig", None)
    return type(error).__name__
