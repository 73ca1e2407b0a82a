"""What the store writes: one `Table` a kind of row, and from values of the engine to such rows. Opens nothing."""

from __future__ import annotations

import array
import dataclasses
import json
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any

from openarc_ui.engine.types import Bandwidth, GenerationRequest, ModelInfo, PerformanceReport
from openarc_ui.metrics.kept_paths import is_absolute, without_paths
from openarc_ui.metrics.kept_request import kept_request, settings_of
from openarc_ui.metrics.outcomes import outcome_of
from openarc_ui.metrics.sampler import Sample
from openarc_ui.metrics.schema import RANDOM_KEY, REQUEST_COLUMNS

FREE_OF_QUOTES = frozenset(
    {
        "prompt_too_long",
        "parameter_not_supported",
        "engine_busy",
        "engine_closed",
        "worker_died",
        "model_not_found",
        "model_not_loaded",
        "model_already_loading",
        "model_load_failed",
        "does_not_fit",
        "load_cancelled",
        "device_unavailable",
        "backend_unavailable",
    }
)
"""Errors whose sentence never quotes a request. Any other may: a template's own words, a piece of a grammar, a library's."""
NOT_KEPT = "Not kept: the sentence may quote the request, and texts are not kept."
ROW_BYTES = 1500
"""About what a row of figures takes in memory, its blob and its texts aside."""

UNWRITABLE = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
    OverflowError,
    UnicodeError,
)
"""It is the row that is wrong, not the database: trying again changes nothing."""
MANY = 50
"""Rows in one statement."""
Row = tuple[str, tuple[Any, ...]]
"""Name of a table, and values for its columns."""


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of row.

    Attributes:
        insert: the statement that adds one.
        insert_many: the same for `MANY` at once, where there is one.
    """

    name: str
    columns: tuple[str, ...]
    insert: str
    insert_many: str | None = None

    def add(self, connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Insert rows within the caller's transaction; how many the database did not take, without an error.

        Python's lock is handed over once a statement, so one that adds many costs the other threads less.
        """
        whole = len(rows) - len(rows) % MANY if self.insert_many is not None else 0
        taken = 0
        for first in range(0, whole, MANY):
            values = tuple(chain.from_iterable(rows[first : first + MANY]))
            taken += connection.execute(self.insert_many or "", values).rowcount
        if rows[whole:]:
            taken += connection.executemany(self.insert, rows[whole:]).rowcount
        return len(rows) - taken

    def put_back(self, connection: sqlite3.Connection, row: tuple[Any, ...]) -> None:
        """Insert a row unless there is one in its place."""
        places = ", ".join("?" * len(self.columns))
        connection.execute(f"INSERT OR IGNORE INTO {self.name} ({', '.join(self.columns)}) VALUES ({places})", row)


def _table(name: str, columns: tuple[str, ...], verb: str = "INSERT", also: tuple[tuple[str, str], ...] = ()) -> Table:
    names = ", ".join([*columns, *(column for column, _ in also)])
    values = ", ".join(["?"] * len(columns) + [value for _, value in also])
    head = f"{verb} INTO {name} ({names}) VALUES "
    return Table(name, columns, f"{head}({values})", head + ", ".join([f"({values})"] * MANY))


_DETAILS = Table(
    "details",
    ("request_id", "submitted_at", "settings", "messages", "answers"),
    """INSERT INTO details (id, settings, messages, answers)
        SELECT max(id), ?3, ?4, ?5 FROM requests WHERE request_id = ?1 AND submitted_at = ?2 HAVING count(*)
        ON CONFLICT DO UPDATE SET settings = excluded.settings, messages = excluded.messages, answers = excluded.answers""",
)
"""Under the row number of their request, found by its id and moment since an id may come twice; none for one that is not kept."""
TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _table("configurations", ("configuration_id", "recorded_at", "description"), "INSERT OR REPLACE"),
        _table("requests", REQUEST_COLUMNS, also=(("sample_key", RANDOM_KEY),)),
        _table(
            "bandwidths",
            ("device", "device_name", "bytes_per_second", "measured_at", "method"),
            "INSERT OR REPLACE",
        ),
        _DETAILS,
        _table(
            "samples",
            (
                "sampled_at",
                "worker",
                "processor_percent",
                "memory_bytes",
                "available_memory_bytes",
                "cores",
                "device_memory_bytes",
                "kv_cache_percent",
                "kv_cache_bytes",
            ),
        ),
        _table("power", ("sampled_at", "source", "watts")),
    )
}
"""In the order in which a transaction writes them: a request before its details."""
_LATENCIES = REQUEST_COLUMNS.index("inter_token_latencies_seconds")
_OUTCOME = REQUEST_COLUMNS.index("finish_reason")
_CODE, _MESSAGE = REQUEST_COLUMNS.index("error_code"), REQUEST_COLUMNS.index("error_message")
_fields_of = attrgetter(*REQUEST_COLUMNS)


def request_row(report: PerformanceReport, keep_texts: bool) -> Row:
    """A report as a row."""
    values = list(_fields_of(report))
    values[_LATENCIES] = pack_seconds(report.inter_token_latencies_seconds)
    values[_OUTCOME] = outcome_of(report)
    if not keep_texts and values[_MESSAGE] is not None and values[_CODE] not in FREE_OF_QUOTES:
        values[_MESSAGE] = NOT_KEPT
    return "requests", tuple(values)


def details_row(request: GenerationRequest, texts: tuple[str, ...], report: PerformanceReport, keep_texts: bool) -> Row:
    """What is kept of a request beside its figures; texts only where they are wanted."""
    messages, answers = (kept_request(request), json.dumps(texts)) if keep_texts else (None, None)
    settings = json.dumps(settings_of(request, report))
    return "details", (report.request_id, report.submitted_at, settings, messages, answers)


def configuration_row(info: ModelInfo) -> Row:
    """The configuration that a loaded model's reports refer to, without a path of this machine."""
    described = {**dataclasses.asdict(info), "request": info.request.model_dump(mode="json")}
    asked = info.request.model_path
    described["path"] = info.name if is_absolute(asked) else asked
    return "configurations", (info.configuration_id, time.time(), json.dumps(without_paths(described), default=str))


def bandwidth_row(bandwidth: Bandwidth) -> Row:
    """A measured bandwidth; the next one of the same device takes its place."""
    return "bandwidths", attrgetter(*TABLES["bandwidths"].columns)(bandwidth)


def sample_rows(sample: Sample) -> Iterator[Row]:
    """A row for the machine, one for each worker, one for each source of power."""
    cores = pack_seconds(sample.cores) if sample.cores else None
    machine = (None, sample.processor_percent, None, sample.available_memory_bytes, cores, None, None, None)
    yield "samples", (sample.sampled_at, *machine)
    for worker in sample.workers:
        measured = (worker.name, worker.processor_percent, worker.memory_bytes, None, None)
        gauges = (worker.device_memory_bytes, worker.kv_cache_percent, worker.kv_cache_bytes)
        yield "samples", (sample.sampled_at, *measured, *gauges)
    for power in sample.power:
        yield "power", (sample.sampled_at, power.source, power.watts)


def size_of(row: Row) -> int:
    """About how many bytes a row takes in memory."""
    return ROW_BYTES + sum(len(value) for value in row[1] if isinstance(value, str | bytes))


def pack_seconds(seconds: tuple[float, ...]) -> bytes:
    """Numbers as little-endian float32, four bytes each."""
    packed = array.array("f", seconds)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()
