"""The tables: what is measured, as a list of migrations, and what is derived from it, as it is defined today.

A migration brings the plain tables from one version, SQLite's own `PRAGMA user_version`, to the next; one that has shipped is
never edited. Sums, their triggers and the index for samples follow the definitions: where a database has them by others,
which the digest in `derived` tells, they are dropped and made anew from the rows.
"""

from __future__ import annotations

import hashlib
import sqlite3
from functools import cache

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
APPLICATION_ID = 0x4F415243
"""In the header of each of our files from version 3 on: "OARC"."""
FIRST_TABLES = frozenset({"requests", "configurations", "samples"})
"""What a file of ours had before that."""
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


MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
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
        )""",
        "CREATE INDEX requests_by_time ON requests (submitted_at)",
        "CREATE INDEX requests_by_model ON requests (model, submitted_at)",
        "CREATE TABLE configurations (configuration_id TEXT PRIMARY KEY, recorded_at REAL NOT NULL, description TEXT NOT NULL)",
        """CREATE TABLE samples (
            id INTEGER PRIMARY KEY,
            sampled_at REAL NOT NULL,
            worker TEXT,
            processor_percent REAL,
            memory_bytes INTEGER,
            available_memory_bytes INTEGER
        )""",
        "CREATE INDEX samples_by_time ON samples (sampled_at)",
    ),
    # What turning ids into text took, and how many messages were left out; NULL in rows from before: nobody measured.
    (
        "ALTER TABLE requests ADD COLUMN detokenize_seconds REAL",
        "ALTER TABLE requests ADD COLUMN dropped_messages INTEGER",
    ),
    # The parts of decoding, details of a request, power, bandwidths, a key to draw samples by, and an outcome for requests that
    # were wrong themselves. By which definitions the derived tables were made; the highest row number, so that none comes twice.
    (
        "ALTER TABLE requests ADD COLUMN decode_inference_seconds REAL",
        "ALTER TABLE requests ADD COLUMN decode_sampling_seconds REAL",
        "ALTER TABLE requests ADD COLUMN stream_seconds REAL",
        "ALTER TABLE requests ADD COLUMN kv_cache_percent REAL",
        "ALTER TABLE requests ADD COLUMN sample_key INTEGER NOT NULL DEFAULT 0",
        "UPDATE requests SET sample_key = abs(random() % 1024)",
        "CREATE INDEX requests_by_outcome ON requests (finish_reason, submitted_at)",
        "CREATE INDEX requests_by_request_id ON requests (request_id)",
        "ALTER TABLE samples ADD COLUMN cores BLOB",
        "ALTER TABLE samples ADD COLUMN device_memory_bytes INTEGER",
        "ALTER TABLE samples ADD COLUMN kv_cache_percent REAL",
        "ALTER TABLE samples ADD COLUMN kv_cache_bytes INTEGER",
        """CREATE TABLE details (
            id INTEGER PRIMARY KEY REFERENCES requests (id), settings TEXT NOT NULL, messages TEXT, answers TEXT)""",
        "CREATE TABLE power (sampled_at REAL NOT NULL, source TEXT NOT NULL, watts REAL NOT NULL)",
        "CREATE INDEX power_by_time ON power (sampled_at)",
        """CREATE TABLE bandwidths (
            device TEXT NOT NULL, device_name TEXT NOT NULL, bytes_per_second REAL NOT NULL, measured_at REAL NOT NULL,
            method TEXT NOT NULL, PRIMARY KEY (device, device_name))""",
        "CREATE TABLE spills_read (spill_id TEXT PRIMARY KEY, read_at REAL NOT NULL)",
        """UPDATE requests SET finish_reason = 'refused' WHERE finish_reason = 'error' AND error_code IN (
            'invalid_request', 'parameter_not_supported', 'prompt_too_long', 'property_rejected', 'structure_rejected',
            'template_refused')""",
        "CREATE TABLE derived (digest TEXT NOT NULL)",
        "CREATE TABLE row_numbers (highest INTEGER NOT NULL)",
        "INSERT INTO row_numbers SELECT coalesce(max(id), 0) FROM requests",
        "PRAGMA application_id = 1329680963",
    ),
)
"""Statements that bring a database from version n to n + 1. They name no definition, which may change; these may not."""
ROW_NUMBERS = (
    """CREATE TRIGGER requests_numbered AFTER INSERT ON requests WHEN NEW.id <= (SELECT highest FROM row_numbers) BEGIN
        UPDATE requests SET id = (SELECT highest FROM row_numbers) + 1 WHERE id = NEW.id;
    END""",
    """CREATE TRIGGER requests_unnumbered AFTER DELETE ON requests BEGIN
        UPDATE row_numbers SET highest = OLD.id WHERE highest < OLD.id;
    END""",
)
"""SQLite takes the number after the highest there is, which begins anew when the newest rows were deleted."""


@cache
def derived_statements() -> tuple[str, ...]:
    """What makes the derived layer: tables that are filled from the rows there are, triggers that follow them, an index."""
    sampled = (
        f"CREATE INDEX requests_sampled ON requests ({', '.join(SAMPLED_COLUMNS)}) WHERE sample_key < {SAMPLED_KEYS}"
    )
    return (sampled, *rollups.statements(), *ROW_NUMBERS)


@cache
def derived_digest() -> str:
    """Names these definitions; other ones have another."""
    return hashlib.sha256("\n".join(derived_statements()).encode()).hexdigest()


def is_foreign(connection: sqlite3.Connection) -> bool:
    """Whether it is a database of another program. An empty one is nobody's.

    Raises:
        sqlite3.DatabaseError: the file is no database.
    """
    # In this order, since another process may just begin the file.
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application or version > len(MIGRATIONS):
        return application not in (0, APPLICATION_ID)
    return bool(tables) and (version == 0 or not tables >= FIRST_TABLES)


def is_behind(connection: sqlite3.Connection) -> bool:
    """Whether it is a database of another OpenArc, which is to be brought up to date.

    Raises:
        sqlite3.DatabaseError: the file is no database.
        sqlite3.OperationalError: a newer OpenArc made it.
    """
    version = _version(connection)
    return version > 0 and (version < len(MIGRATIONS) or not is_derived(connection))


def is_derived(connection: sqlite3.Connection) -> bool:
    """Whether what is derived was made by today's definitions; asked of a database of the newest version."""
    return bool(connection.execute("SELECT digest FROM derived").fetchall() == [(derived_digest(),)])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest version, one transaction a step; who else does it at this moment is waited for.

    Raises:
        sqlite3.DatabaseError: the file is no database.
        sqlite3.OperationalError: a newer OpenArc made it.
    """
    while _version(connection) < len(MIGRATIONS) or not is_derived(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection)
            if version < len(MIGRATIONS):
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            elif not is_derived(connection):
                _derive(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _derive(connection: sqlite3.Connection) -> None:
    """Drop all that is derived, which its names tell, and make it by today's definitions."""
    for kind, name in connection.execute(
        """SELECT type, name FROM sqlite_master WHERE type = 'trigger' OR (type = 'table' AND name LIKE '%rollups')
            OR (type = 'index' AND name LIKE '%\\_sampled' ESCAPE '\\') ORDER BY type = 'table'"""
    ).fetchall():
        connection.execute(f'DROP {kind} "{name}"')
    for statement in derived_statements():
        connection.execute(statement)
    connection.execute("DELETE FROM derived")
    connection.execute("INSERT INTO derived VALUES (?)", (derived_digest(),))


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise sqlite3.OperationalError(f"the database has version {version}, this OpenArc knows {len(MIGRATIONS)}")
    return int(version)
