"""Faults of the disk, on real files and with real other processes: nothing acknowledged is lost, nothing holds up a request."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.types import Bandwidth, GenerationRequest
from openarc_ui.errors import MetricsUnreadable, RequestNotFound
from openarc_ui.metrics import detail
from openarc_ui.metrics.database import DatabaseFile
from openarc_ui.metrics.sampler import Sample
from openarc_ui.metrics.spill import spill_path
from openarc_ui.metrics.store import MetricsStore
from tests.metrics.files import check_sums, locked_by_another_process, names, rows, running, wait_until
from tests.reports import WHOLE, report

GARBAGE = b"this is no database at all, " * 2000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "metrics.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[MetricsStore]:
    """With one report on disk."""
    store = MetricsStore(path)
    store.record(report(request_id="first"))
    assert store.flush()
    yield store
    store.close(timeout=0)


def damaged(path: Path) -> list[Path]:
    return sorted(file for file in path.parent.glob("*.damaged-*") if not file.name.endswith(("-wal", "-shm")))


def test_a_lock_held_for_seconds_holds_up_nobody_and_loses_nothing(store: MetricsStore, path: Path) -> None:
    with locked_by_another_process(path) as unlock:
        began_at = time.perf_counter()
        for number in range(50):
            store.record(report(request_id=str(number)))
        assert time.perf_counter() - began_at < 5, "it waits for no lock: this one is held until it is given back below"
        assert not store.flush(timeout=2.5)
        wait_until(lambda: "held by another program" in (store.health().problem or ""))
        health = store.health()
        assert (health.waiting, health.dropped) == (50, 0)
        with store.reading() as connection:
            assert connection.execute("SELECT count(*) FROM requests").fetchone() == (1,)
        unlock()
        assert store.flush()
    assert names(path) == ["first", *map(str, range(50))]
    assert store.health().problem is None
    check_sums(path)


def test_closing_while_locked_spills_and_the_next_start_reads_each_row_once(store: MetricsStore, path: Path) -> None:
    with locked_by_another_process(path):
        store.record(report(request_id="spilled", inter_token_latencies_seconds=(0.5, 0.25)))
        store.record_sample(Sample(1.0, 2.0, 3, (), (4.0,)))
        began_at = time.perf_counter()
        store.close(timeout=0.5)
        assert time.perf_counter() - began_at < 15
    spill = spill_path(path)
    assert spill.stat().st_mode & 0o077 == 0
    kept = spill.read_bytes()
    for _ in range(2):
        # The second time as if the end had come between reading it in and deleting it.
        spill.write_bytes(kept)
        again = MetricsStore(path)
        wait_until(lambda: not spill.exists())
        again.close()
    assert names(path) == ["first", "spilled"]
    assert len(rows(path, "SELECT * FROM samples")) == 1
    assert rows(path)[1]["inter_token_latencies_seconds"] == b"\0\0\0?\0\0\x80>"
    check_sums(path)


def test_two_ends_while_locked_spill_into_one_file(store: MetricsStore, path: Path) -> None:
    with locked_by_another_process(path):
        store.record(report(request_id="one"))
        store.close(timeout=0)
        second = MetricsStore(path)
        second.record(report(request_id="two"))
        second.close(timeout=0)
    third = MetricsStore(path)
    wait_until(lambda: not spill_path(path).exists())
    third.close()
    assert names(path) == ["first", "one", "two"]


def test_a_spoilt_line_of_a_spill_costs_that_line_and_is_kept(store: MetricsStore, path: Path) -> None:
    with locked_by_another_process(path):
        store.record(report(request_id="good"))
        store.close(timeout=0)
    spill = spill_path(path)
    wrong = '{"block": "b", "table": "sqlite_master", "values": {}}\n{"block": "b", "table": "requests", "values": {"x": 1}}\n{"blo'
    spill.write_text(spill.read_text() + wrong, encoding="utf-8")
    again = MetricsStore(path)
    wait_until(lambda: again.health().notice is not None)
    assert "3 lines" in (again.health().notice or "")
    again.close()
    assert names(path) == ["first", "good"]
    assert len(list(path.parent.glob("*.unwritten-unreadable-*"))) == 1


def test_too_many_waiting_are_counted_and_samples_push_no_report_out(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openarc_ui.metrics.store.MAX_WAITING", 5)
    monkeypatch.setattr("openarc_ui.metrics.store.MAX_WAITING_SAMPLES", 3)
    path.parent.mkdir()
    with locked_by_another_process(path) as unlock:
        store = MetricsStore(path)
        for _ in range(10):
            store.record_sample(Sample(1.0, 2.0, 3, ()))
        for number in range(8):
            store.record(report(request_id=str(number)))
        health = store.health()
        assert (health.waiting, health.dropped, health.capacity) == (5 + 3, 3 + 7, 5)
        unlock()
        assert store.flush()
    store.close()
    assert names(path) == ["0", "1", "2", "3", "4"]
    assert len(rows(path, "SELECT * FROM samples")) == 3


def test_what_waits_is_bounded_in_bytes_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openarc_ui.metrics.store.MAX_WAITING_BYTES", 100_000)
    path.parent.mkdir()
    with locked_by_another_process(path):
        store = MetricsStore(path)
        for _ in range(8):
            store.record(report(inter_token_latencies_seconds=(0.1,) * 5000))
        assert (store.health().waiting, store.health().dropped) == (4, 4)
        store.close(timeout=0)


def test_a_full_disk_costs_no_report(store: MetricsStore, path: Path) -> None:
    """SQLite's own bound on pages stands in for a disk: the same error, at a moment that can be chosen."""
    with closing(sqlite3.connect(path)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    writer = store._writer._connection
    assert writer is not None
    writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    for number in range(40):
        store.record(report(request_id=str(number), inter_token_latencies_seconds=(0.1,) * 2000))
    wait_until(lambda: "full" in (store.health().problem or ""))
    # The connection is made anew after such a fault, which lifts the bound: room was made.
    assert store.flush()
    assert names(path) == ["first", *map(str, range(40))]
    assert store.health().dropped == 0
    check_sums(path)


FULL = """
import resource, sys, time
from pathlib import Path
from openarc_ui.metrics.store import MetricsStore
from tests.reports import report
path = Path(sys.argv[1])
store = MetricsStore(path)
store.record(report(request_id="first"))
assert store.flush()
most = max(file.stat().st_size for file in path.parent.iterdir()) + 20_000
resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
for number in range(200):
    store.record(report(request_id=str(number), inter_token_latencies_seconds=(0.1,) * 500))
assert not store.flush(timeout=2)
while store.health().problem is None:
    time.sleep(0.01)
print(store.health().waiting, store.health().problem, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(store.flush(), store.health().problem, flush=True)
store.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_file_that_can_not_grow_costs_no_report(path: Path) -> None:
    with running(FULL, str(path)) as process:
        said, _ = process.communicate(timeout=120)
    full, after = said.splitlines()
    assert full.startswith("200 The metrics database")
    assert after == "True None"
    assert names(path) == ["first", *map(str, range(200))]
    check_sums(path)


@pytest.mark.parametrize("content", [GARBAGE, b"SQLite format 3\0" + GARBAGE], ids=["text", "header"])
def test_a_damaged_file_is_set_aside_at_the_start_and_told(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    store = MetricsStore(path)
    store.record(WHOLE)
    assert store.flush()
    notice = store.health().notice or ""
    store.close()
    (aside,) = damaged(path)
    assert aside.name in notice
    assert aside.read_bytes() == content
    assert names(path) == ["r"]


def test_two_damaged_files_within_a_second_are_both_kept(path: Path) -> None:
    path.parent.mkdir()
    for content in (b"one" * 1000, b"two" * 1000):
        path.write_bytes(content)
        DatabaseFile(path).set_aside()
    assert sorted(file.read_bytes()[:3] for file in damaged(path)) == [b"one", b"two"]


def test_a_file_overwritten_while_running_is_noticed_by_a_reader_and_set_aside(store: MetricsStore, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.write(GARBAGE)
    with pytest.raises(MetricsUnreadable, match="damaged") as refused, store.reading():
        pass
    assert refused.value.code == "metrics_unreadable"
    wait_until(lambda: len(damaged(path)) == 1)
    store.record(report(request_id="later"))
    assert store.flush()
    with store.reading() as connection:
        assert connection.execute("SELECT request_id FROM requests").fetchall() == [("later",)]
    assert "set aside" in (store.health().notice or "")


def test_damage_deep_in_the_file_is_met_by_who_reads_there(path: Path) -> None:
    store = MetricsStore(path)
    for number in range(500):
        store.record(report(request_id=str(number), inter_token_latencies_seconds=(0.1,) * 500))
    assert store.flush()
    store.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 65536)
    store = MetricsStore(path)
    with pytest.raises(MetricsUnreadable), store.reading() as connection:
        connection.execute(
            "SELECT sum(length(inter_token_latencies_seconds)), max(total_seconds) FROM requests"
        ).fetchall()
    wait_until(lambda: len(damaged(path)) == 1)
    store.record(report(request_id="later"))
    assert store.flush()
    store.close()
    assert names(path) == ["later"]


def test_an_error_of_the_reader_itself_is_no_damage(store: MetricsStore, path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such column"), store.reading() as connection:
        connection.execute("SELECT nothing_of_that_name FROM requests")
    assert not damaged(path)


def test_a_folder_deleted_while_running_is_made_again(store: MetricsStore, path: Path) -> None:
    shutil.rmtree(path.parent)
    with store.reading() as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)
    store.record(report(request_id="later"))
    assert store.flush()
    assert names(path) == ["later"]
    assert "deleted or replaced" in (store.health().notice or "")


def test_a_file_replaced_while_running_is_the_one_that_is_written(store: MetricsStore, path: Path) -> None:
    other = MetricsStore(path.parent / "other.sqlite3")
    other.record(report(request_id="of the other"))
    other.close()
    other.path.replace(path)
    for file in (f"{path.name}-wal", f"{path.name}-shm"):
        (path.parent / file).unlink()
    store.record(report(request_id="later"))
    assert store.flush()
    assert names(path) == ["of the other", "later"]


def test_a_folder_that_is_no_folder_waits_until_it_is_one(path: Path) -> None:
    path.parent.write_text("in the way")
    store = MetricsStore(path)
    store.record(WHOLE)
    assert not store.flush(timeout=0.5)
    wait_until(lambda: store.health().problem is not None)
    path.parent.unlink()
    assert store.flush()
    store.close()
    assert names(path) == ["r"]


READ_ONLY = """
import os, sys, time
from pathlib import Path
from openarc_ui.metrics.store import MetricsStore
from tests.reports import report
if os.geteuid() == 0:
    os.setuid(65534)
store = MetricsStore(Path(sys.argv[1]))
store.record(report(request_id="later"))
is_written = store.flush(timeout=1.5)
while store.health().problem is None:
    time.sleep(0.01)
print(is_written, store.health().waiting, store.health().problem, flush=True)
with store.reading() as connection:
    print(connection.execute("SELECT request_id FROM requests").fetchall(), flush=True)
store.close(timeout=0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs the permissions of Unix")
def test_a_file_that_may_not_be_written_is_said_and_left_as_it_is() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "metrics.sqlite3"
        store = MetricsStore(path)
        store.record(WHOLE)
        store.close()
        path.chmod(0o444)
        folder.chmod(0o555)
        before = path.read_bytes()
        with running(READ_ONLY, str(path)) as process:
            said, _ = process.communicate(timeout=120)
        assert said.startswith("False 1 The metrics database"), said
        assert said.splitlines()[1:] == ["[('r',)]"], "what is there can be read all the same"
        assert path.read_bytes() == before
        assert [file.name for file in folder.iterdir()] == [path.name]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


KILLED = """
import itertools, sys
from pathlib import Path
from openarc_ui.metrics.store import MetricsStore
from tests.reports import report
store = MetricsStore(Path(sys.argv[1]))
seen = store.revision()
for number in itertools.count():
    store.record(report(request_id=str(number), submitted_at=1.7e9 + number, inter_token_latencies_seconds=(0.01,) * 128))
    if number % 50 == 49:
        assert store.flush()
        assert store.revision() != seen
        seen = store.revision()
        print(number, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [49, 449, 1949])
def test_what_was_acknowledged_survives_a_kill_in_the_middle_of_writing(path: Path, acknowledged: int) -> None:
    with running(KILLED, str(path)) as process:
        assert process.stdout is not None
        last = -1
        while last < acknowledged:
            last = int(process.stdout.readline())
        process.kill()
        rest = process.stdout.read().split()
    last = int(rest[-1]) if rest else last
    store = MetricsStore(path)
    store.record(report(request_id="after"))
    assert store.flush()
    store.close()
    kept = names(path)
    assert kept[: last + 1] == [str(number) for number in range(last + 1)]
    assert len(set(kept)) == len(kept)
    assert rows(path, "PRAGMA integrity_check")[0][0] == "ok"
    assert not damaged(path)
    check_sums(path)


def test_the_writer_outlives_what_nobody_thought_of(store: MetricsStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    with monkeypatch.context() as patch:
        patch.setattr(store._writer, "_write", fail)
        store.record(WHOLE)
        wait_until(lambda: store.health().problem is not None)
    assert store.flush()
    assert store.health().problem is None


def test_details_never_overtake_the_requests_they_belong_to(store: MetricsStore, path: Path) -> None:
    """More than a transaction takes, with rows of other kinds between them, and a report more for each answer at first."""
    asked = GenerationRequest.model_validate({"conversation": [{"role": "user", "content": "a"}]})
    with locked_by_another_process(path) as unlock:
        for number in range(3000):
            each = report(request_id=str(number))
            store.record(each)
            if number < 1500:
                store.record(report(request_id=f"without details {number}"))
            store.record_answer(asked, (), each)
            if number % 100 == 0:
                store.record_bandwidth(Bandwidth(f"GPU.{number}", "a card", 1e9, 5.0, "copying"))
        unlock()
        assert store.flush(timeout=30)
    assert len(rows(path, "SELECT * FROM details")) == 3000
    assert len(rows(path, "SELECT * FROM bandwidths")) == 30
    assert len(names(path)) == 4501
    assert store.health().dropped == 0


def test_many_reports_push_out_no_configuration(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openarc_ui.metrics.store.MAX_WAITING", 5)
    path.parent.mkdir()
    with locked_by_another_process(path) as unlock:
        store = MetricsStore(path)
        for number in range(8):
            store.record(report(request_id=str(number)))
        store.record_bandwidth(Bandwidth("CPU", "a processor", 1e9, 5.0, "copying"))
        unlock()
        assert store.flush()
    store.close()
    assert len(rows(path, "SELECT * FROM bandwidths")) == 1


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"block": "b", "table": "requests", "values": {"request_id": ["a list"]}}),
        json.dumps({"block": "b", "table": "requests", "values": {"request_id": "half a pair \ud800"}}),
        json.dumps({"block": "b", "table": "requests", "values": {"seed": 2**70}}),
        json.dumps({"block": "b", "table": "requests", "values": ["a list"]}),
        json.dumps(["a list"]),
        "[" * 100_000,
    ],
    ids=["list", "surrogate", "large", "list of values", "list of all", "deep"],
)
def test_a_bad_line_of_a_spill_stops_nothing(path: Path, line: str) -> None:
    path.parent.mkdir()
    spill_path(path).write_text(line + "\n", encoding="utf-8")
    store = MetricsStore(path)
    store.record(WHOLE)
    assert store.flush()
    assert "1 lines" in (store.health().notice or "")
    store.close()
    assert names(path) == ["r"]


def test_a_row_that_can_not_be_kept_is_counted_once_though_the_disk_fails_meanwhile(
    store: MetricsStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, failures = store._writer._write_singly, iter([True, True])

    def fail_at_the_end(*arguments: Any) -> list[str]:
        lost = write(*arguments)
        if next(failures, False):
            raise sqlite3.OperationalError("the disk failed")
        return lost

    monkeypatch.setattr(store._writer, "_write_singly", fail_at_the_end)
    store.record(report(request_id="wrong", seed=2**70))
    store.record(report(request_id="right"))
    assert store.flush()
    assert names(path) == ["first", "right"]
    assert store.health().dropped == 1


def test_a_bug_in_the_writer_is_told_once(
    store: MetricsStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[object] = []

    def fail(*_: object) -> None:
        calls.append(None)
        raise RuntimeError(f"nobody thought of this: {len(calls)}")

    with monkeypatch.context() as patch:
        patch.setattr(store._writer, "_write", fail)
        store.record(WHOLE)
        wait_until(lambda: len(calls) > 4)
    assert store.flush()
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 1
    assert told[0].exc_info is not None


def test_a_disk_that_hangs_does_not_keep_the_program_from_ending(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("openarc_ui.metrics.writer.HANGING_SECONDS", 0.5)
    works_again = threading.Event()
    store = MetricsStore(path)
    monkeypatch.setattr(store._writer, "_write", lambda *_: works_again.wait())
    store.record(WHOLE)
    began_at = time.monotonic()
    store.close(timeout=0.2)
    assert time.monotonic() - began_at < 15
    assert "the disk hangs: 1 rows" in caplog.text
    works_again.set()


def test_a_damaged_file_that_was_set_aside_is_no_problem_any_more(store: MetricsStore, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.write(GARBAGE)
    store.record(report(request_id="later"))
    wait_until(lambda: store.health().notice is not None)
    wait_until(lambda: store.health().problem is None)
    assert store.flush()
    assert store.health().problem is None


def test_a_damaged_file_with_nothing_to_write_is_set_aside_and_no_problem(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(GARBAGE)
    store = MetricsStore(path)
    wait_until(lambda: store.health().notice is not None)
    time.sleep(0.5)
    assert store.health().problem is None
    assert "set aside" in (store.health().notice or "")
    store.close()


def test_a_new_file_goes_on_with_the_row_numbers_of_the_one_before(store: MetricsStore, path: Path) -> None:
    shutil.rmtree(path.parent)
    for name in ("second", "third"):
        store.record(report(request_id=name))
        assert store.flush()
    # The first of them was written to the deleted file before that was noticed.
    assert [(row["id"], row["request_id"]) for row in rows(path)] == [(3, "second"), (4, "third")]


def test_a_file_that_another_program_has_set_aside_already_is_followed_and_its_new_one_left_alone(
    store: MetricsStore, path: Path
) -> None:
    """Two servers on one database: the first has begun a new file, the second meets the damage of the old one."""
    DatabaseFile(path).set_aside()
    first = MetricsStore(path)
    first.record(report(request_id="of the first"))
    assert first.flush()
    damage = sqlite3.DatabaseError("database disk image is malformed")
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    store._writer._recover(damage)
    store.record(report(request_id="of the second"))
    assert store.flush()
    first.close()
    assert len(damaged(path)) == 1
    assert names(path) == ["of the first", "of the second"]


def test_what_only_seems_damaged_is_not_set_aside(
    store: MetricsStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, errors = store._writer._write, iter([sqlite3.DatabaseError("malformed")])

    def fail_once(*arguments: Any) -> None:
        error = next(errors, None)
        if error is not None:
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        write(*arguments)

    monkeypatch.setattr(store._writer, "_write", fail_once)
    store.record(report(request_id="later"))
    assert store.flush()
    assert not damaged(path)
    assert names(path) == ["first", "later"]
    assert (store.health().problem, store.health().notice) == (None, None)


@pytest.mark.parametrize("lost", ["set aside", "replaced"])
def test_configurations_and_bandwidths_of_now_are_in_the_file_that_is_begun(path: Path, lost: str) -> None:
    store = MetricsStore(path)
    for speed in (1e9, 2e9):
        store.record_bandwidth(Bandwidth("CPU", "a processor", speed, 5.0, "copying"))
        assert store.flush()
    if lost == "replaced":
        shutil.rmtree(path.parent)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            file.write(GARBAGE)
        with pytest.raises(MetricsUnreadable), store.reading():
            pass
        wait_until(lambda: len(damaged(path)) == 1)
    store.record(WHOLE)
    assert store.flush()
    store.close()
    assert [row["bytes_per_second"] for row in rows(path, "SELECT * FROM bandwidths")] == [2e9]


def test_what_another_program_measured_meanwhile_is_not_put_back_over(store: MetricsStore, path: Path) -> None:
    store.record_bandwidth(Bandwidth("CPU", "a processor", 1e9, 5.0, "copying"))
    assert store.flush()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE bandwidths SET bytes_per_second = 3e9")
        connection.commit()
    store._writer._facts.suspect()
    store.record(WHOLE)
    assert store.flush()
    assert [row["bytes_per_second"] for row in rows(path, "SELECT * FROM bandwidths")] == [3e9]


def test_a_request_that_is_only_in_memory_is_said_to_wait(store: MetricsStore, path: Path) -> None:
    with locked_by_another_process(path) as unlock:
        store.record(report(request_id="waits"))
        wait_until(lambda: store.health().problem is not None)
        with pytest.raises(RequestNotFound, match="waits in memory") as refused, store.reading() as connection:
            detail.request(connection, "waits")
        assert "held by another program" in refused.value.hint
        with pytest.raises(RequestNotFound, match="is kept"), store.reading() as connection:
            detail.request(connection, "unknown")
        unlock()
        assert store.flush()
    with store.reading() as connection:
        assert detail.request(connection, "waits").row["request_id"] == "waits"
