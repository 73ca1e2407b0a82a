"""The requests of a filter as a file: CSV, JSON, JSON lines or Parquet, in pieces of bounded size.

All columns, oldest first; those that were kept when it began. Each piece is read by a connection of its own, so a slow
receiver holds nothing open. It knows no HTTP.
"""

from __future__ import annotations

import csv
import io
import json
import math
import sqlite3
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy

from openarc_ui.engine.types import FinishReason, PerformanceReport
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.schema import REQUEST_COLUMNS

ExportFormat = Literal["csv", "json", "jsonl", "parquet"]
Row = tuple[Any, ...]

LATENCIES = REQUEST_COLUMNS.index("inter_token_latencies_seconds")
PIECE_ROWS = 2000
PIECE_LATENCY_BYTES = 2 * 2**20
"""Of the latencies as they are kept; as text they are three times as many."""
PARQUET_PIECES = 10
"""How many pieces a row group has; small groups make a large file."""
PAGE = f"""SELECT id, {", ".join(REQUEST_COLUMNS)} FROM requests INDEXED BY requests_by_time
    WHERE {{where}} AND id <= ? AND (submitted_at, id) > (?, ?) ORDER BY submitted_at, id"""


@dataclass(frozen=True, slots=True)
class FileKind:
    """How a format is called where a file is sent or kept."""

    media_type: str
    ending: str


KINDS: dict[ExportFormat, FileKind] = {
    "csv": FileKind("text/csv; charset=utf-8", "csv"),
    "json": FileKind("application/json", "json"),
    "jsonl": FileKind("application/x-ndjson", "jsonl"),
    "parquet": FileKind("application/vnd.apache.parquet", "parquet"),
}


def export(
    reading: Callable[[], AbstractContextManager[sqlite3.Connection]], chosen: Filter, form: ExportFormat
) -> Iterator[bytes]:
    """The file in pieces, made while they are taken; to be taken on a thread.

    Args:
        reading: opens a connection, once for each piece.

    Raises:
        MetricsUnreadable: as `reading` does, at any piece.
    """
    encoder = ENCODERS[form]()
    yield encoder.begin()
    for rows in _pieces(reading, chosen):
        yield encoder.rows(rows)
    yield encoder.end()


def _pieces(
    reading: Callable[[], AbstractContextManager[sqlite3.Connection]], chosen: Filter
) -> Iterator[Sequence[Row]]:
    """Rows in the order of their submission; later ones than the last at the beginning do not count."""
    where, values = chosen.where()
    with reading() as connection:
        (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM requests").fetchone()
    after: tuple[float, int] = (-math.inf, 0)
    while True:
        with reading() as connection:
            cursor = connection.execute(PAGE.format(where=where), (*values, newest, *after))
            found = _piece(cursor)
        if not found:
            return
        after = (found[-1][1 + REQUEST_COLUMNS.index("submitted_at")], found[-1][0])
        yield [row[1:] for row in found]


def _piece(cursor: sqlite3.Cursor) -> list[Row]:
    """The next rows, until there are enough of them or of their latencies."""
    found: list[Row] = []
    latency_bytes = 0
    for row in cursor:
        found.append(row)
        latency_bytes += len(row[1 + LATENCIES])
        if len(found) >= PIECE_ROWS or latency_bytes >= PIECE_LATENCY_BYTES:
            break
    return found


class Encoder(Protocol):
    """Rows to bytes of one file."""

    def begin(self) -> bytes: ...

    def rows(self, rows: Sequence[Row]) -> bytes: ...

    def end(self) -> bytes: ...


class CsvEncoder:
    """A line a request; what was not measured is empty, the latencies are separated by spaces."""

    def begin(self) -> bytes:
        return f"{','.join(REQUEST_COLUMNS)}\n".encode()

    def rows(self, rows: Sequence[Row]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        latencies = _latency_texts(rows, " ")
        writer.writerows(
            (*row[:LATENCIES], gaps, *row[LATENCIES + 1 :]) for row, gaps in zip(rows, latencies, strict=True)
        )
        return text.getvalue().encode()

    def end(self) -> bytes:
        return b""


class JsonLinesEncoder:
    """An object a request and line; what was not measured is null."""

    separator = "\n"

    def begin(self) -> bytes:
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        objects = (_object(row, gaps) for row, gaps in zip(rows, _latency_texts(rows, ","), strict=True))
        return (self.separator.join(objects) + self.separator).encode()

    def end(self) -> bytes:
        return b""


class JsonEncoder(JsonLinesEncoder):
    """One list of these objects."""

    separator = ",\n"

    def __init__(self) -> None:
        self._is_first = True

    def begin(self) -> bytes:
        return b"[\n"

    def rows(self, rows: Sequence[Row]) -> bytes:
        text = super().rows(rows).removesuffix(self.separator.encode())
        before, self._is_first = (b"" if self._is_first else self.separator.encode()), False
        return before + text

    def end(self) -> bytes:
        return b"\n]\n"


class ParquetEncoder:
    """Row groups, written as they are full; the latencies are lists of float32."""

    def __init__(self) -> None:
        import pyarrow.parquet

        self._sink = io.BytesIO()
        self._taken = 0
        self._tables: list[Any] = []
        self._schema = pyarrow.schema([(name, _arrow_type(name)) for name in REQUEST_COLUMNS])
        self._writer = pyarrow.parquet.ParquetWriter(_Forwards(self._sink), self._schema, compression="zstd")

    def begin(self) -> bytes:
        return self._news()

    def rows(self, rows: Sequence[Row]) -> bytes:
        self._tables.append(_table(rows, self._schema))
        if len(self._tables) >= PARQUET_PIECES:
            self._write()
        return self._news()

    def end(self) -> bytes:
        self._write()
        self._writer.close()
        return self._news()

    def _write(self) -> None:
        import pyarrow

        if self._tables:
            table = pyarrow.concat_tables(self._tables)
            self._writer.write_table(table, row_group_size=len(table))
            self._tables.clear()

    def _news(self) -> bytes:
        """What was written since last time; it is kept no longer."""
        news = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return news


class _Forwards(io.RawIOBase):
    """A file that is only written to its end and emptied meanwhile; it knows how far it came."""

    def __init__(self, sink: io.BytesIO) -> None:
        self._sink = sink
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, news: Any) -> int:
        self._written += len(news)
        return self._sink.write(news)


ENCODERS: dict[ExportFormat, Callable[[], Encoder]] = {
    "csv": CsvEncoder,
    "json": JsonEncoder,
    "jsonl": JsonLinesEncoder,
    "parquet": ParquetEncoder,
}


def _object(row: Row, latencies: str) -> str:
    """One request as a JSON object in ASCII, since some readers take more than a line feed for the end of a line.

    Args:
        latencies: JSON already, but for its brackets.
    """
    before = json.dumps(dict(zip(REQUEST_COLUMNS[:LATENCIES], row, strict=False)))
    after = json.dumps(dict(zip(REQUEST_COLUMNS[LATENCIES + 1 :], row[LATENCIES + 1 :], strict=True)))
    middle = f'"{REQUEST_COLUMNS[LATENCIES]}": [{latencies}]'
    return f"{before[:-1]}, {middle}, {after[1:]}"


def _latencies(rows: Sequence[Row]) -> tuple[Any, Any]:
    """All latencies of these rows one after another, and where each row's begin."""
    lengths = [len(row[LATENCIES]) // 4 for row in rows]
    values = numpy.frombuffer(b"".join(row[LATENCIES] for row in rows), dtype="<f4")
    return values, numpy.concatenate(([0], numpy.cumsum(lengths, dtype=numpy.int32))).astype(numpy.int32)


def _latency_texts(rows: Sequence[Row], separator: str) -> list[str]:
    """The latencies of each row, each as the shortest text that is the same float32."""
    import pyarrow
    import pyarrow.compute

    values, offsets = _latencies(rows)
    lists = pyarrow.ListArray.from_arrays(pyarrow.array(offsets), pyarrow.array(values).cast(pyarrow.string()))
    joined: list[str] = pyarrow.compute.binary_join(lists, separator).to_pylist()
    return joined


def _table(rows: Sequence[Row], schema: Any) -> Any:
    import pyarrow

    values, offsets = _latencies(rows)
    columns = [
        pyarrow.ListArray.from_arrays(pyarrow.array(offsets), pyarrow.array(values))
        if place == LATENCIES
        else pyarrow.array([row[place] for row in rows], type=field.type)
        for place, field in enumerate(schema)
    ]
    return pyarrow.Table.from_arrays(columns, schema=schema)


def _arrow_type(column: str) -> Any:
    """A field of the report as a type of a column; all but the latencies may be null."""
    import pyarrow

    if REQUEST_COLUMNS[LATENCIES] == column:
        return pyarrow.list_(pyarrow.float32())
    kind = typing.get_type_hints(PerformanceReport)[column]
    if isinstance(kind, types.UnionType):
        (kind,) = (each for each in typing.get_args(kind) if each is not type(None))
    return {str: pyarrow.string(), FinishReason: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}[kind]
