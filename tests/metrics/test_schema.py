"""Databases of before come through whole, and the sums that triggers keep are those of the rows."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openarc_ui.metrics import schema
from openarc_ui.metrics.database import MetricsUnreadable
from openarc_ui.metrics.definitions import STAGES
from openarc_ui.metrics.store import MetricsStore
from tests.metrics.files import check_sums, names, rows, wait_until
from tests.reports import WHOLE, report, unmeasured

LATENCIES = "inter_token_latencies_seconds"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.sqlite3"


def make_old(path: Path, version: int, requests: int = 1) -> None:
    """A database as an OpenArc of that version left it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        for step in schema.MIGRATIONS[:version]:
            step(old)
        old.execute(f"PRAGMA user_version = {version}")
        known = [name for (_, name, *_) in old.execute("PRAGMA table_info(requests)") if name != "id"]
        values = {name: b"\0" * 512 if name == LATENCIES else getattr(WHOLE, name) for name in known}
        places = ", ".join("?" * len(known))
        old.execute("BEGIN")
        old.executemany(
            f"INSERT INTO requests ({', '.join(known)}) VALUES ({places})",
            (
                [{**values, "request_id": str(number), "submitted_at": 1.7e9 + number}[name] for name in known]
                for number in range(requests)
            ),
        )
        old.execute("INSERT INTO samples (sampled_at, processor_percent) VALUES (600.0, 25.0)")
        old.execute("COMMIT")


@pytest.mark.parametrize("version", [1, 2])
def test_an_old_database_is_brought_up_to_date_before_anything_is_written(path: Path, version: int) -> None:
    make_old(path, version, requests=700)
    store = MetricsStore(path)
    with store.reading() as connection:
        assert connection.execute("SELECT count(*), sum(kv_cache_percent) FROM requests").fetchone() == (700, None)
        assert connection.execute("SELECT sum(requests), count(*) FROM rollups").fetchone() == (700, 3)
        assert connection.execute("SELECT worker, samples FROM sample_rollups").fetchall() == [("", 1)]
        (kinds,) = connection.execute("SELECT count(DISTINCT sample_key) FROM requests").fetchone()
    assert kinds > 300
    store.record(report(request_id="new", detokenize_seconds=0.25, dropped_messages=3))
    assert store.flush()
    store.close()
    assert names(path)[-1] == "new"
    assert rows(path)[0]["detokenize_seconds"] == (None if version == 1 else WHOLE.detokenize_seconds)
    check_sums(path)


def test_a_large_old_database_holds_up_neither_start_nor_reports(path: Path) -> None:
    make_old(path, 2, requests=60_000)
    began_at = time.perf_counter()
    store = MetricsStore(path)
    store.record(report(request_id="new"))
    assert time.perf_counter() - began_at < 0.5
    wait_until(lambda: "up to date" in (store.health().problem or ""))
    assert store.health().waiting == 1
    assert store.flush(timeout=60)
    assert store.health().problem is None
    store.close()
    assert len(names(path)) == 60_001
    check_sums(path)


def test_an_end_in_the_middle_of_bringing_up_to_date_loses_nothing(path: Path) -> None:
    make_old(path, 2, requests=60_000)
    store = MetricsStore(path)
    store.record(report(request_id="new"))
    wait_until(lambda: "up to date" in (store.health().problem or ""))
    store.close(timeout=0)
    assert rows(path, "PRAGMA user_version")[0][0] == 2
    again = MetricsStore(path)
    again.record(report(request_id="newer"))
    assert again.flush(timeout=60)
    again.close()
    assert names(path)[60_000:] == ["new", "newer"]


def test_readers_of_an_old_database_are_told_to_wait(path: Path) -> None:
    make_old(path, 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        store = MetricsStore(path)
        with pytest.raises(MetricsUnreadable), store.reading():
            pass
    with closing(sqlite3.connect(path, isolation_level=None)) as lock:
        wait_until(lambda: store.health().problem is None)
    store.close()


def test_a_database_of_a_newer_openarc_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    before = path.read_bytes()
    store = MetricsStore(path)
    store.record(WHOLE)
    assert not store.flush(timeout=0.5)
    assert "version" in (store.health().problem or "")
    with pytest.raises(MetricsUnreadable, match="newer"), store.reading():
        pass
    store.close(timeout=0.5)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.damaged-*"))


def test_two_processes_that_begin_one_file_do_not_collide(path: Path) -> None:
    failures: list[Exception] = []

    def begin() -> None:
        try:
            with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
                schema.migrate(connection)
        except sqlite3.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        yield connection


def stages_of(path: Path, **changes: object) -> dict[str, float]:
    store = MetricsStore(path)
    store.record(unmeasured(**{"total_seconds": 10.0, **changes}))
    store.close()
    columns = ", ".join(f"{sql} AS {name}" for name, sql in schema.STAGE_SQL.items())
    return dict(rows(path, f"SELECT {columns} FROM requests")[0])


def test_every_stage_has_its_sql_in_order() -> None:
    assert list(schema.STAGE_SQL) == [stage.name for stage in STAGES]


def test_the_stages_of_a_divided_decode_add_up_to_the_total(path: Path) -> None:
    stages = stages_of(
        path,
        queue_seconds=1.0,
        template_seconds=0.25,
        tokenize_seconds=0.5,
        prefill_seconds=2.0,
        decode_seconds=5.0,
        decode_inference_seconds=3.0,
        decode_sampling_seconds=0.5,
        detokenize_seconds=0.125,
        stream_seconds=0.25,
    )
    assert (stages["inference"], stages["sampling"], stages["decode"], stages["stream"]) == (3.0, 0.5, 0.0, 0.25)
    assert stages["other"] == pytest.approx(2.375)
    assert sum(stages.values()) == pytest.approx(10.0)


def test_a_decode_that_is_not_told_in_parts_is_one_stage(path: Path) -> None:
    stages = stages_of(path, decode_seconds=5.0, detokenize_seconds=0.5)
    assert (stages["inference"], stages["decode"], stages["other"]) == (0.0, 4.5, 5.0)


def test_a_request_that_measured_nothing_is_all_other(path: Path) -> None:
    stages = stages_of(path)
    assert {name for name, seconds in stages.items() if seconds} == {"other"}


def test_stages_longer_than_the_total_leave_nothing_below_zero(path: Path) -> None:
    stages = stages_of(path, decode_seconds=1.0, detokenize_seconds=2.0, queue_seconds=20.0)
    assert (stages["decode"], stages["other"]) == (0.0, 0.0)


def test_prompt_tokens_are_told_only_where_the_cache_is(path: Path) -> None:
    store = MetricsStore(path)
    store.record(report(prompt_tokens=50, cached_prompt_tokens=None))
    store.record(report(prompt_tokens=30, cached_prompt_tokens=10))
    store.record(report(prompt_tokens=20, cached_prompt_tokens=0))
    store.close()
    query = "SELECT requests, prompt_tokens, cached_prompt_tokens, told_prompt_tokens FROM rollups"
    assert tuple(rows(path, query)[0]) == (3, 100, 10, 50)
