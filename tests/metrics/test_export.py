"""The requests of a filter as a file: every format has the same rows and numbers, and a million rows need little memory."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy
import pytest

from openarc_ui.metrics import export as exporting
from openarc_ui.metrics.export import KINDS, ExportFormat, export
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.schema import REQUEST_COLUMNS, migrate
from tests.metrics.filling import COLUMNS, START, fill

LATENCIES = "inter_token_latencies_seconds"
Reading = Callable[[], AbstractContextManager[sqlite3.Connection]]


def opened(path: Path) -> AbstractContextManager[sqlite3.Connection]:
    return closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """5000 requests of three models within a day: more than one piece."""
    path = tmp_path_factory.mktemp("export") / "m.sqlite3"
    fill(path, 5000)
    return path


@pytest.fixture
def kept(path: Path) -> list[dict[str, Any]]:
    """The rows as they are in the database, the latencies as float32."""
    with opened(path) as connection:
        rows = connection.execute(f"SELECT {', '.join(REQUEST_COLUMNS)} FROM requests ORDER BY submitted_at, id")
        found = [dict(zip(REQUEST_COLUMNS, row, strict=True)) for row in rows]
    for row in found:
        row[LATENCIES] = numpy.frombuffer(row[LATENCIES], "<f4")
    return found


def read(form: ExportFormat, data: bytes) -> list[dict[str, Any]]:
    """A file's rows, as a program would read them."""
    if form == "csv":
        return list(csv.DictReader(io.StringIO(data.decode())))
    if form == "json":
        rows: list[dict[str, Any]] = json.loads(data)
        return rows
    if form == "jsonl":
        return [json.loads(line) for line in data.decode().splitlines()]
    import pyarrow.parquet

    found: list[dict[str, Any]] = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    return found


def whole(path: Path, form: ExportFormat, chosen: Filter | None = None) -> list[dict[str, Any]]:
    return read(form, b"".join(export(partial(opened, path), chosen or Filter(), form)))


def same(form: ExportFormat, name: str, value: Any, kept: Any) -> bool:
    """A value of a file is what is kept; CSV has texts, and nothing for what is null."""
    if name == LATENCIES:
        numbers = value.split() if form == "csv" else value
        return numpy.array_equal(numpy.asarray(numbers, dtype="<f4"), kept)
    if form != "csv":
        return bool(value == kept and type(value) is type(kept))
    return bool(value == "" if kept is None else type(kept)(value) == kept)


@pytest.mark.parametrize("form", list(KINDS))
def test_every_format_has_every_column_of_every_request_unchanged(
    form: ExportFormat, path: Path, kept: list[dict[str, Any]]
) -> None:
    rows = whole(path, form)
    assert len(rows) == len(kept) == 5000
    assert set(rows[0]) == set(REQUEST_COLUMNS)
    for row, right in zip(rows, kept, strict=True):
        wrong = [name for name in REQUEST_COLUMNS if not same(form, name, row[name], right[name])]
        assert not wrong, (wrong, row)


@pytest.mark.parametrize("form", list(KINDS))
def test_what_is_filtered_is_exported_and_nothing_else(
    form: ExportFormat, path: Path, kept: list[dict[str, Any]]
) -> None:
    chosen = Filter(
        since=START + 10_000, until=START + 60_000, model=("qwen3-4b-int4", "no such"), outcome=("stop", "length")
    )
    right = [
        row["request_id"]
        for row in kept
        if START + 10_000 <= row["submitted_at"] < START + 60_000
        and row["model"] == "qwen3-4b-int4"
        and row["finish_reason"] in chosen.outcome
    ]
    assert 0 < len(right) < 4000
    assert [row["request_id"] for row in whole(path, form, chosen)] == right


@pytest.mark.parametrize("form", list(KINDS))
def test_no_request_is_a_file_without_rows(form: ExportFormat, path: Path) -> None:
    assert whole(path, form, Filter(model=("nobody",))) == []


def test_what_a_person_or_a_library_said_comes_through_as_it_was(tmp_path: Path) -> None:
    said = 'a "quoted", =1+1\nnew line, é🙂\u2028'
    path = tmp_path / "m.sqlite3"
    fill(path, 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE requests SET error_message = ?, seed = ?", (said, 2**63 - 1))
        connection.commit()
    for form in KINDS:
        (row,) = whole(path, form)
        assert (row["error_message"], int(row["seed"])) == (said, 2**63 - 1), form


def test_requests_of_the_same_moment_come_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PIECE_ROWS", 7)
    path = tmp_path / "m.sqlite3"
    fill(path, 50)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE requests SET submitted_at = 5.0")
        connection.commit()
    found = [row["request_id"] for row in whole(path, "jsonl")]
    assert found == [f"request-{number}" for number in range(50)]


def test_what_comes_while_it_is_exported_is_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PIECE_ROWS", 10)
    path = tmp_path / "m.sqlite3"
    fill(path, 30)
    pieces = export(partial(opened, path), Filter(), "jsonl")
    begun = [next(pieces), next(pieces)]
    fill(path, 10, start=START + 100_000)
    assert len(read("jsonl", b"".join([*begun, *pieces]))) == 30


def test_nothing_is_open_between_two_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PIECE_ROWS", 100)
    is_open: list[bool] = []

    def watched() -> Any:
        class Watched:
            def __enter__(self) -> sqlite3.Connection:
                is_open.append(True)
                self._connection = sqlite3.connect(path)
                return self._connection

            def __exit__(self, *_: object) -> None:
                is_open.pop()
                self._connection.close()

        return Watched()

    for number, _ in enumerate(export(watched, Filter(), "csv")):
        assert not is_open
        if number == 5:
            break


def test_long_answers_make_pieces_smaller(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        migrate(connection)
    fill(path, 20, most_gaps=1)
    with closing(sqlite3.connect(path)) as connection:
        blob = numpy.full(200_000, 0.0125, "<f4").tobytes()
        connection.execute("UPDATE requests SET inter_token_latencies_seconds = ?", (blob,))
        connection.commit()
    sizes = [len(piece) for piece in export(partial(opened, path), Filter(), "csv")]
    assert len(sizes) > 5 and max(sizes) < 10 * exporting.PIECE_LATENCY_BYTES


def test_the_order_of_time_is_read_from_an_index(path: Path) -> None:
    with opened(path) as connection:
        for chosen in (Filter(), Filter(since=1.0, model=("a", "b"), source=("rest",))):
            where, values = chosen.where()
            plan = connection.execute(
                "EXPLAIN QUERY PLAN " + exporting.PAGE.format(where=where), (*values, 5, -1.0, 0)
            ).fetchall()
            assert not any("TEMP B-TREE" in step[-1] for step in plan), plan


MEASURE = """
import resource, sqlite3, sys
from contextlib import closing
from functools import partial
from pathlib import Path
import pyarrow.compute, pyarrow.parquet
from openarc_ui.metrics.export import export
from openarc_ui.metrics.filters import Filter
path, form = Path(sys.argv[1]), sys.argv[2]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
opened = lambda: closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True))
size = sum(len(piece) for piece in export(opened, Filter(), form))
print(size, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts in Linux's units")
@pytest.mark.parametrize("form", list(KINDS))
def test_many_rows_need_no_more_memory_than_few(form: ExportFormat, many: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(many), form], capture_output=True, text=True, timeout=200, check=True
    )
    size_bytes, more_megabytes = done.stdout.split()
    assert int(size_bytes) > 25_000_000
    assert float(more_megabytes) < 150


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """100,000 requests, 200 MB as text: ten times what may be held."""
    path = tmp_path_factory.mktemp("many") / "m.sqlite3"
    fill(path, 100_000, most_gaps=128)
    assert set(REQUEST_COLUMNS) <= set(COLUMNS)
    yield path
    path.unlink()
