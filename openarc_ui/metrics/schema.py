"""The tables, as a list of migrations: each brings a database from one version to the next.

The version is SQLite's own `PRAGMA user_version`. A migration that has shipped is never edited; a new one is added.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from openarc_ui.metrics import rollups
from openarc_ui.metrics.definitions import FIGURES
from openarc_ui.metrics.rollups import STAGE_SQL as STAGE_SQL

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
    "decode_inference_seconds",
    "decode_sampling_seconds",
    "stream_seconds",
    "kv_cache_percent",
)
"""The fields of a PerformanceReport, in its order; the latencies are a blob of little-endian float32 seconds."""
SAMPLE_KEYS = 1024
RANDOM_KEY = f"abs(random() % {SAMPLE_KEYS})"
"""SQL of a row's `sample_key`: rows with a key below k are a random k/1024 of all, found by an index."""


SAMPLED_KEYS = 128
"""Requests with a key below this are in an index of their own, with all that a sample is asked for, so that it is read in one piece."""
SAMPLED_COLUMNS = (
    "sample_key",
    "submitted_at",
    "request_id",
    "model",
    "configuration_id",
    "finish_reason",
    "prompt_tokens",
    "generated_tokens",
    "concurrent_requests",
    *(figure.name for figure in FIGURES),
    "backend",
    "device",
    "source",
)


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


def _sums_and_details(connection: sqlite3.Connection) -> None:
    """The parts of decoding, sums of five minutes, details of a request, power, bandwidths, and a key to draw samples by."""
    for column in ("decode_inference_seconds", "decode_sampling_seconds", "stream_seconds", "kv_cache_percent"):
        connection.execute(f"ALTER TABLE requests ADD COLUMN {column} REAL")
    connection.execute("ALTER TABLE requests ADD COLUMN sample_key INTEGER NOT NULL DEFAULT 0")
    connection.execute(f"UPDATE requests SET sample_key = {RANDOM_KEY}")
    connection.execute(
        f"CREATE INDEX requests_sampled ON requests ({', '.join(SAMPLED_COLUMNS)}) WHERE sample_key < {SAMPLED_KEYS}"
    )
    connection.execute("CREATE INDEX requests_by_outcome ON requests (finish_reason, submitted_at)")
    connection.execute("CREATE INDEX requests_by_request_id ON requests (request_id)")
    for column, kind in (
        ("cores", "BLOB"),
        ("device_memory_bytes", "INTEGER"),
        ("kv_cache_percent", "REAL"),
        ("kv_cache_bytes", "INTEGER"),
    ):
        connection.execute(f"ALTER TABLE samples ADD COLUMN {column} {kind}")
    connection.execute(
        "CREATE TABLE details (request_id TEXT PRIMARY KEY, settings TEXT NOT NULL, messages TEXT, answers TEXT)"
    )
    connection.execute("CREATE TABLE power (sampled_at REAL NOT NULL, source TEXT NOT NULL, watts REAL NOT NULL)")
    connection.execute("CREATE INDEX power_by_time ON power (sampled_at)")
    connection.execute(
        """CREATE TABLE bandwidths (
            device TEXT NOT NULL, device_name TEXT NOT NULL, bytes_per_second REAL NOT NULL, measured_at REAL NOT NULL,
            method TEXT NOT NULL, PRIMARY KEY (device, device_name))"""
    )
    connection.execute("CREATE TABLE spills_read (spill_id TEXT PRIMARY KEY, read_at REAL NOT NULL)")
    for statement in rollups.statements():
        connection.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first_tables, _text_columns, _sums_and_details)


def is_behind(connection: sqlite3.Connection) -> bool:
    """Whether it is a database of an older OpenArc.

    Raises:
        sqlite3.DatabaseError: the file is no database.
        sqlite3.OperationalError: a newer OpenArc made it.
    """
    return 0 < _version(connection) < len(MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest version, one transaction a step; who else does it at this moment is waited for.

    Raises:
        sqlite3.DatabaseError: the file is no database.
        sqlite3.OperationalError: a newer OpenArc made it.
    """
    while _version(connection) < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection)
            if version < len(MIGRATIONS):
                MIGRATIONS[version](connection)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise sqlite3.OperationalError(f"the database has version {version}, this OpenArc knows {len(MIGRATIONS)}")
    return int(version)
