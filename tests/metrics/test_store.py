"""The store: real files, real locks, a real kill. Nothing that was flushed is lost, nothing recorded blocks."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from openarc_ui.engine.types import FinishReason
from openarc_ui.metrics import frames, schema
from openarc_ui.metrics.sampler import Sample, Sampler, WorkerSample
from openarc_ui.metrics.store import MetricsStore, pack_seconds, unpack_seconds
from tests.reports import WHOLE, report, unmeasured

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[MetricsStore]:
    store = MetricsStore(path)
    yield store
    store.close()


def rows(path: Path, query: str = "SELECT * FROM requests ORDER BY id") -> list[sqlite3.Row]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def test_every_field_of_a_report_comes_back(store: MetricsStore, path: Path) -> None:
    store.record(WHOLE)
    assert store.flush()
    (row,) = rows(path)
    for name in schema.REQUEST_COLUMNS:
        expected = getattr(WHOLE, name)
        if name == "inter_token_latencies_seconds":
            assert unpack_seconds(row[name]) == pytest.approx(expected)
        else:
            assert row[name] == expected, name


def test_what_was_not_measured_is_null_and_not_zero(store: MetricsStore, path: Path) -> None:
    store.record(unmeasured(finish_reason=FinishReason.CANCELLED))
    store.flush()
    (row,) = rows(path)
    assert [row[name] for name in ("ttft_seconds", "tpot_seconds", "prompt_tokens", "decode_tokens_per_second")] == [
        None
    ] * 4
    assert row["finish_reason"] == "cancelled"


def test_the_table_has_a_column_for_every_field_of_a_report() -> None:
    assert list(schema.REQUEST_COLUMNS) == list(WHOLE.__dataclass_fields__)


def test_recording_from_many_threads_loses_nothing(store: MetricsStore, path: Path) -> None:
    def record(thread: int) -> None:
        for number in range(200):
            store.record(report(request_id=f"{thread}-{number}"))

    threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.flush()
    assert len({row["request_id"] for row in rows(path)}) == 1600
    assert store.health().dropped == 0


def test_a_locked_database_holds_up_nobody_and_loses_nothing(store: MetricsStore, path: Path) -> None:
    store.record(WHOLE)
    store.flush()
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    began_at = time.perf_counter()
    for number in range(50):
        store.record(report(request_id=str(number)))
    assert time.perf_counter() - began_at < 0.1
    assert not store.flush(timeout=1.5)
    assert store.health().waiting == 50
    assert "locked" in (store.health().problem or "")
    lock.execute("ROLLBACK")
    lock.close()
    assert store.flush()
    assert len(rows(path)) == 51
    assert store.health().problem is None


def test_a_damaged_file_is_set_aside_and_told(path: Path) -> None:
    path.write_bytes(b"this is no database at all, " * 200)
    store = MetricsStore(path)
    store.record(WHOLE)
    assert store.flush()
    notice = store.health().notice or ""
    store.close()
    assert len(rows(path)) == 1
    (aside,) = path.parent.glob("metrics.sqlite3.damaged-*")
    assert aside.name in notice
    assert aside.read_bytes().startswith(b"this is no database")


def test_a_database_of_the_first_openarc_is_brought_up_to_date_before_anything_is_written(path: Path) -> None:
    old = sqlite3.connect(path, isolation_level=None)
    schema.MIGRATIONS[0](old)
    old.execute("PRAGMA user_version = 1")
    known = [name for (_, name, *_) in old.execute("PRAGMA table_info(requests)") if name != "id"]
    values = [b"" if name == "inter_token_latencies_seconds" else getattr(WHOLE, name) for name in known]
    old.execute(f"INSERT INTO requests ({', '.join(known)}) VALUES ({', '.join('?' * len(known))})", values)
    old.close()
    store = MetricsStore(path)
    deadline = time.monotonic() + 10
    while store.health().problem is None and time.monotonic() < deadline:
        with store.reading() as connection:
            if connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),):
                break
        time.sleep(0.01)
    with store.reading() as connection:
        assert connection.execute(
            "SELECT request_id, detokenize_seconds, dropped_messages FROM requests"
        ).fetchall() == [("r", None, None)]
        assert frames.recent_requests(connection, frames.Filter())["request_id"].tolist() == ["r"]
    store.record(report(request_id="new", detokenize_seconds=0.25, dropped_messages=3))
    assert store.flush()
    store.close()
    assert [(row["request_id"], row["detokenize_seconds"], row["dropped_messages"]) for row in rows(path)] == [
        ("r", None, None),
        ("new", 0.25, 3),
    ]


def test_a_database_of_a_newer_openarc_is_left_alone(path: Path) -> None:
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    newer.close()
    store = MetricsStore(path)
    store.record(WHOLE)
    assert not store.flush(timeout=0.5)
    assert "version" in (store.health().problem or "")
    store.close(timeout=3)
    assert not list(path.parent.glob("*.damaged-*"))


def test_what_was_flushed_survives_a_kill(path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from openarc_ui.metrics.store import MetricsStore; from tests.reports import report\n"
        f"store = MetricsStore(Path({str(path)!r}))\n"
        "for number in range(100): store.record(report(request_id=str(number)))\n"
        "print(store.flush(), flush=True); time.sleep(60)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline().strip() == "True"
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert len(rows(path)) == 100


def test_reports_are_there_after_a_restart(path: Path) -> None:
    for name in ("first", "second"):
        store = MetricsStore(path)
        store.record(report(request_id=name))
        store.close()
    assert [row["request_id"] for row in rows(path)] == ["first", "second"]


def test_the_revision_changes_with_every_write_and_only_then(store: MetricsStore) -> None:
    before = store.revision()
    assert store.revision() == before
    store.record(WHOLE)
    store.flush()
    assert store.revision() != before


def test_reading_before_anything_was_written_finds_nothing(store: MetricsStore) -> None:
    with store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)


def test_a_reader_can_not_write(store: MetricsStore) -> None:
    store.record(WHOLE)
    store.flush()
    with store.reading() as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM requests")


def test_too_many_waiting_are_counted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openarc_ui.metrics.store.MAX_WAITING", 5)
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    store = MetricsStore(path)
    for _ in range(8):
        store.record(WHOLE)
    assert (store.health().waiting, store.health().dropped) == (5, 3)
    lock.execute("ROLLBACK")
    store.close()


def test_seconds_pack_to_four_bytes_each() -> None:
    packed = pack_seconds((0.5, 0.25))
    assert (len(packed), unpack_seconds(packed)) == (8, (0.5, 0.25))


def test_samples_are_kept_and_a_process_that_is_gone_is_absent(store: MetricsStore, path: Path) -> None:
    store.record_sample(Sample(1.0, 12.5, 1000, (WorkerSample("model", 150.0, 500),)))
    taken: list[Sample] = []
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    sampler = Sampler(taken.append, lambda: {"alive": os.getpid(), "gone": gone.pid}, interval_seconds=0.05)
    sampler.start()
    while len(taken) < 2:
        time.sleep(0.02)
    sampler.stop()
    assert [worker.name for worker in taken[0].workers] == ["alive"]
    assert taken[0].workers[0].memory_bytes > 1_000_000
    store.flush()
    found = rows(path, "SELECT * FROM samples ORDER BY id")
    assert [(row["worker"], row["memory_bytes"]) for row in found] == [(None, None), ("model", 500)]
