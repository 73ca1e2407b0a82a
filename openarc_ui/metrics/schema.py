"""The tables, as a list of migrations: each brings a database from one version to the next.

The version is SQLite's own `PRAGMA user_version`. A migration that has shipped is never edited; a new one is added.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

REQUEST_COLUMNS = (
    "request_id",
    "model",
    "backend",
    "device",
    "configuration_id",
    "source",
    "submitted_at",
    "finish_reason",
    "error_code",
    "error_message",
    "seed",
    "queue_seconds",
    "template_seconds",
    "tokenize_seconds",
    "ttft_seconds",
    "prefill_seconds",
    "decode_seconds",
    "detokenize_seconds",
    "total_seconds",
    "prompt_tokens",
    "cached_prompt_tokens",
    "generated_tokens",
    "tpot_seconds",
    "prefill_tokens_per_second",
    "decode_tokens_per_second",
    "inter_token_latencies_seconds",
    "concurrent_requests",
    "dropped_messages",
)
"""The fields of a PerformanceReport, in its order; the latencies are a blob of little-endian float32 seconds."""


def _first_tables(connection: sqlite3.Connection) -> None:
    connection.execute(
        """CREATE TABLE requests (
            id INTEGER PRIMARY KEY,
            request_id TEXT NOT NULL,
            model TEXT NOT NULL,
            backend TEXT NOT NULL,
            device TEXT NOT NULL,
            configuration_id TEXT NOT NULL,
            source TEXT NOT NULL,
            submitted_at REAL NOT NULL,
            finish_reason TEXT NOT NULL,
            error_code TEXT,
            error_message TEXT,
            seed INTEGER,
            queue_seconds REAL,
            template_seconds REAL,
            tokenize_seconds REAL,
            ttft_seconds REAL,
            prefill_seconds REAL,
            decode_seconds REAL,
            total_seconds REAL NOT NULL,
            prompt_tokens INTEGER,
            cached_prompt_tokens INTEGER,
            generated_tokens INTEGER NOT NULL,
            tpot_seconds REAL,
            prefill_tokens_per_second REAL,
            decode_tokens_per_second REAL,
            inter_token_latencies_seconds BLOB NOT NULL,
            concurrent_requests INTEGER NOT NULL
        )"""
    )
    connection.execute("CREATE INDEX requests_by_time ON requests (submitted_at)")
    connection.execute("CREATE INDEX requests_by_model ON requests (model, submitted_at)")
    connection.execute(
        "CREATE TABLE configurations (configuration_id TEXT PRIMARY KEY, recorded_at REAL NOT NULL, description TEXT NOT NULL)"
    )
    connection.execute(
        """CREATE TABLE samples (
            id INTEGER PRIMARY KEY,
            sampled_at REAL NOT NULL,
            worker TEXT,
            processor_percent REAL,
            memory_bytes INTEGER,
            available_memory_bytes INTEGER
        )"""
    )
    connection.execute("CREATE INDEX samples_by_time ON samples (sampled_at)")


def _text_columns(connection: sqlite3.Connection) -> None:
    """What turning ids into text took, and how many messages were left out. NULL in rows from before: nobody measured."""
    connection.execute("ALTER TABLE requests ADD COLUMN detokenize_seconds REAL")
    connection.execute("ALTER TABLE requests ADD COLUMN dropped_messages INTEGER")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first_tables, _text_columns)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest version, one transaction a step.

    Raises:
        sqlite3.DatabaseError: the file is no database.
        sqlite3.OperationalError: a newer OpenArc made it.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise sqlite3.OperationalError(f"the database has version {version}, this OpenArc knows {len(MIGRATIONS)}")
    for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        step(connection)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
