"""What is too old or too much goes away: whole periods, oldest first, from rows and sums alike, while others write."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from openarc_ui.engine.types import GenerationRequest
from openarc_ui.metrics.power import Power
from openarc_ui.metrics.retention import CHUNK_PAGES, CHUNK_ROWS, Retention, Step, delete_some, give_back, used_bytes
from openarc_ui.metrics.rollups import PERIOD_SECONDS
from openarc_ui.metrics.sampler import Sample
from openarc_ui.metrics.store import MetricsStore
from tests.metrics.files import check_sums, names, rows, running, wait_until
from tests.reports import report

DAY = 86_400.0
GAPS = tuple(0.01 for _ in range(128))
DETAILED = "SELECT requests.* FROM requests JOIN details USING (id)"
SECRET = b"xylophonic"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.sqlite3"


def fill(path: Path, moments: dict[str, float]) -> None:
    """A request and a sample of the machine at each moment."""
    store = MetricsStore(path)
    for name, moment in moments.items():
        each = report(request_id=name, submitted_at=moment, inter_token_latencies_seconds=GAPS)
        store.record(each)
        store.record_answer(GenerationRequest(conversation=({"role": "user", "content": "a"},)), (), each)
        store.record_sample(Sample(moment, 1.0, 1, (), (), (Power("dram", 1.0),)))
    store.close(timeout=300)


def periods(path: Path, table: str) -> list[int]:
    return sorted({row["period"] for row in rows(path, f"SELECT period FROM {table}")})


def clean(path: Path, retention: Retention, now: float) -> int:
    """Every step there is to do; how many it took."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        steps = 1
        while retention.step(connection, now) is not Step.NOTHING:
            steps += 1
        return steps


def test_what_is_older_than_the_limit_is_gone_from_rows_and_sums_alike(path: Path) -> None:
    now = 1_800_000_000.0
    fill(path, {"old": now - 11 * DAY, "at the limit": now - 10 * DAY + PERIOD_SECONDS, "new": now - DAY})
    clean(path, Retention(max_age_days=10), now)
    assert names(path) == ["at the limit", "new"]
    assert [row["request_id"] for row in rows(path, f"{DETAILED} ORDER BY id")] == ["at the limit", "new"]
    for table in ("samples", "power"):
        assert len(rows(path, f"SELECT * FROM {table}")) == 2
    assert periods(path, "rollups") == periods(path, "sample_rollups") == periods(path, "power_rollups")
    assert len(periods(path, "rollups")) == 2
    check_sums(path)


def test_a_period_is_kept_while_any_of_it_is_young_enough(path: Path) -> None:
    end = (int(1_800_000_000 / PERIOD_SECONDS) + 1) * PERIOD_SECONDS
    fill(path, {"first": end - PERIOD_SECONDS, "last": end - 1})
    clean(path, Retention(max_age_days=1), end + DAY - 1)
    assert names(path) == ["first", "last"]
    clean(path, Retention(max_age_days=1), end + DAY)
    assert names(path) == []


def test_without_limits_nothing_is_deleted(path: Path) -> None:
    fill(path, {"ancient": 1.0})
    clean(path, Retention(), time.time())
    assert names(path) == ["ancient"]


def test_moments_before_the_epoch_end_the_cleaning_too(path: Path) -> None:
    fill(path, {"wrong clock": -5000.0, "zero": 0.0})
    clean(path, Retention(max_age_days=1), time.time())
    assert names(path) == []
    assert periods(path, "rollups") == []


def test_too_large_a_file_loses_its_oldest_and_gives_the_room_back(path: Path) -> None:
    now = time.time()
    fill(path, {str(number): now - DAY + number * 20 for number in range(3000)})
    before = path.stat().st_size
    limit = before // 2
    clean(path, Retention(max_bytes=limit), now)
    left = [int(name) for name in names(path)]
    assert left == list(range(left[0], 3000))
    assert 500 < len(left) < 2000
    with closing(sqlite3.connect(path)) as connection:
        assert used_bytes(connection) <= limit
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size <= limit + 4096
    check_sums(path)


def test_the_period_that_is_running_is_never_deleted_for_its_size(path: Path) -> None:
    now = time.time()
    fill(path, {"before": now - 2 * PERIOD_SECONDS, "now": now})
    clean(path, Retention(max_bytes=1), now)
    assert names(path) == ["now"]


def test_half_a_deleted_period_has_sums_that_agree(path: Path) -> None:
    fill(path, {str(number): 1000.0 for number in range(CHUNK_ROWS + 20)})
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        delete_some(connection, 3)
    assert len(names(path)) == 20
    check_sums(path)


def test_of_two_requests_of_one_id_each_takes_its_own_details_along(path: Path) -> None:
    now = 1_800_000_000.0
    fill(path, {"twice": now - 5 * DAY})
    fill(path, {"twice": now})
    clean(path, Retention(max_age_days=1), now)
    assert [row["submitted_at"] for row in rows(path, DETAILED)] == [now]
    clean(path, Retention(max_age_days=1), now + 5 * DAY)
    assert rows(path, "SELECT * FROM details") == []


def test_a_start_deletes_what_is_too_old_while_new_reports_wait_for_a_step_of_it_and_not_for_all(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that the 36 steps are not over before somebody who is late has come between some of them.
    monkeypatch.setattr("openarc_ui.metrics.writer.PAUSE_SECONDS", 0.1)
    long_ago = time.time() - 30 * DAY
    fill(path, {f"old {number}": long_ago + number * 0.01 for number in range(9_000)})
    store = MetricsStore(path, max_age_days=7)
    seen = store.revision()
    waits: list[float] = []
    while len(rows(path, "SELECT 1 FROM requests WHERE request_id LIKE 'old%' LIMIT 1")):
        store.record(report(request_id="new", submitted_at=time.time()))
        began_at = time.perf_counter()
        assert store.flush()
        waits.append(time.perf_counter() - began_at)
    assert len(waits) > 3
    assert sorted(waits)[len(waits) // 2] < 1.0, "a tenth of a second on a machine that has nothing else to do"
    wait_until(lambda: store.revision() != seen)
    store.close()
    assert set(names(path)) == {"new"}
    check_sums(path)


KILLED = """
import os, signal, sys, time
from pathlib import Path
from openarc_ui.metrics import retention
from openarc_ui.metrics.store import MetricsStore
step, steps = retention.Retention.step, []
def held(*given):
    # After five steps the cleaning waits for the end, within the sixth.
    if len(steps) == 5:
        connection = given[1]
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM requests WHERE id IN (SELECT id FROM requests LIMIT 100)")
        print("deleting", flush=True)
        time.sleep(600)
    steps.append(None)
    return step(*given)
retention.Retention.step = held
store = MetricsStore(Path(sys.argv[1]), max_age_days=7)
time.sleep(600)
"""


def test_a_kill_in_the_middle_of_deleting_leaves_sums_that_agree(path: Path) -> None:
    long_ago = time.time() - 30 * DAY
    fill(path, {str(number): long_ago + number * 0.01 for number in range(9_000)})
    with running(KILLED, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "deleting\n"
        process.kill()
    assert 0 < len(names(path)) < 9_000
    check_sums(path)
    assert rows(path, "PRAGMA integrity_check")[0][0] == "ok"
    assert len(rows(path, "SELECT * FROM details")) == len(names(path))


def free_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def test_a_step_gives_back_many_pages_at_once(path: Path) -> None:
    fill(path, {str(number): 1000.0 for number in range(2000)})
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM requests")
        before = free_pages(connection)
        assert before > 2 * CHUNK_PAGES
        assert give_back(connection)
        assert before - free_pages(connection) >= CHUNK_PAGES
        assert not connection.in_transaction
        while give_back(connection):
            continue
        assert free_pages(connection) == 0


def test_giving_room_back_is_no_news_for_who_reads(path: Path) -> None:
    fill(path, {str(number): time.time() for number in range(1500)})
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM requests WHERE id > 1")
        assert free_pages(connection) > CHUNK_PAGES
        store = MetricsStore(path)
        # Opening the file is news; what follows is not.
        wait_until(lambda: free_pages(connection) == 0)
        assert (store.revision(), store.sample_revision()) == (1, 1)
        store.close()


def test_no_row_number_comes_twice_after_everything_was_deleted(path: Path) -> None:
    now = 1_800_000_000.0
    fill(path, {"a": now - 5 * DAY, "b": now - 5 * DAY})
    clean(path, Retention(max_age_days=1), now)
    assert names(path) == []
    fill(path, {"c": now, "d": now, "e": now})
    assert [(row["id"], row["request_id"]) for row in rows(path)] == [(3, "c"), (4, "d"), (5, "e")]
    clean(path, Retention(max_age_days=1), now + 5 * DAY)
    fill(path, {"f": now + 5 * DAY})
    assert [row["id"] for row in rows(path)] == [6]
    check_sums(path)


def keep_a_secret(path: Path, submitted_at: float) -> MetricsStore:
    """A store with a text on disk."""
    store = MetricsStore(path, keep_texts=True, max_age_days=7)
    each = report(submitted_at=submitted_at)
    store.record(each)
    request = GenerationRequest(conversation=({"role": "user", "content": SECRET.decode() * 500},))
    store.record_answer(request, (SECRET.decode(),), each)
    assert store.flush()
    return store


def is_in_a_file(path: Path) -> bool:
    return any(SECRET in file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


def test_a_deleted_text_is_in_no_file_while_the_program_runs_on(path: Path) -> None:
    keep_a_secret(path, time.time() - 6.9 * DAY).close()
    assert is_in_a_file(path)
    with closing(sqlite3.connect(path)) as connection:
        # A connection beside it, so that no end empties the write-ahead log.
        connection.execute("UPDATE requests SET submitted_at = submitted_at - 86400.0")
        connection.commit()
        store = MetricsStore(path, keep_texts=True, max_age_days=7)
        wait_until(lambda: not names(path) and not is_in_a_file(path))
        store.close()


def test_a_deleted_text_goes_from_the_files_as_soon_as_no_reader_needs_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openarc_ui.metrics.writer.CHECKPOINT_SECONDS", 0.1)
    monkeypatch.setattr("openarc_ui.metrics.database.BUSY_SECONDS", 0.1)
    store = keep_a_secret(path, time.time() - 30 * DAY)
    with store.reading() as connection:
        connection.execute("SELECT count(*) FROM details").fetchall()
        store._writer._retention_due_at = 0.0
        store.record(report(request_id="new", submitted_at=time.time()))
        wait_until(lambda: names(path) == ["new"])
        assert is_in_a_file(path)
    wait_until(lambda: not is_in_a_file(path))
    store.close()
