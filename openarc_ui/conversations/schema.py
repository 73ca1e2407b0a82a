"""The tables, as a list of migrations: each brings a database from one version to the next.

The version is SQLite's own `PRAGMA user_version`. A migration that has shipped is never edited; a new one is added.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from openarc_ui.errors import ConversationsUnusable


def _first_tables(connection: sqlite3.Connection) -> None:
    connection.execute(
        """CREATE TABLE conversations (
            key INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            owner BLOB NOT NULL,
            title TEXT NOT NULL,
            shown_title TEXT NOT NULL,
            folded_title TEXT,
            settings TEXT NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            messages INTEGER NOT NULL,
            revision INTEGER NOT NULL
        )"""
    )
    connection.execute("CREATE INDEX conversations_of_owner ON conversations (owner, updated_at)")
    connection.execute(
        """CREATE TABLE messages (
            key INTEGER PRIMARY KEY,
            conversation INTEGER NOT NULL REFERENCES conversations (key) ON DELETE CASCADE,
            id TEXT NOT NULL,
            parent_id TEXT,
            position INTEGER NOT NULL,
            is_selected INTEGER NOT NULL,
            role TEXT NOT NULL,
            name TEXT,
            tool_call_id TEXT,
            created_at REAL NOT NULL,
            tokens_id TEXT NOT NULL,
            tool_calls TEXT,
            answer TEXT,
            reasoning TEXT,
            folded TEXT,
            content TEXT NOT NULL,
            UNIQUE (conversation, id)
        )"""
    )
    connection.execute(
        """CREATE TABLE tokens (
            conversation INTEGER NOT NULL REFERENCES conversations (key) ON DELETE CASCADE,
            id TEXT NOT NULL,
            details BLOB NOT NULL,
            PRIMARY KEY (conversation, id)
        )"""
    )
    connection.execute(
        """CREATE TABLE presets (
            owner BLOB NOT NULL,
            name TEXT NOT NULL,
            sampling TEXT NOT NULL,
            PRIMARY KEY (owner, name)
        )"""
    )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first_tables,)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest version, all steps in one transaction; another process may be at it too.

    Raises:
        sqlite3.DatabaseError: the file is no database.
        ConversationsUnusable: a newer OpenArc made it.
    """
    if known_version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[known_version(connection) :]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def known_version(connection: sqlite3.Connection) -> int:
    """The version a database has; 0: it is new. Nothing is written.

    Raises:
        as `migrate`.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise ConversationsUnusable(
            f"The database of conversations has version {version}; this OpenArc knows {len(MIGRATIONS)}.",
            "A newer OpenArc made it: use that one, or name another file.",
        )
    return int(version)
