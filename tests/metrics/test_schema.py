"""Databases of before come through whole, and the sums that triggers keep are those of the rows."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import pytest

from openarc_ui.errors import MetricsUnreadable
from openarc_ui.metrics import schema
from openarc_ui.metrics.definitions import FIGURES, STAGES
from openarc_ui.metrics.store import MetricsStore
from tests.metrics.files import check_sums, names, rows, running, wait_until
from tests.reports import WHOLE, report, unmeasured

LATENCIES = "inter_token_latencies_seconds"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.sqlite3"


def make_old(path: Path, version: int, requests: int = 1) -> None:
    """A database as an OpenArc of that version left it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        for statement in chain.from_iterable(schema.MIGRATIONS[:version]):
            old.execute(statement)
        old.execute(f"PRAGMA user_version = {version}")
        known = [
            name for (_, name, *_) in old.execute("PRAGMA table_info(requests)") if name not in ("id", "sample_key")
        ]
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


def test_a_large_old_database_holds_up_neither_start_nor_reports(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old(path, 2, requests=60_000)
    begun, goes_on = threading.Event(), threading.Event()

    def held(connection: sqlite3.Connection) -> None:
        begun.set()
        assert goes_on.wait(60)
        schema.migrate(connection)

    monkeypatch.setattr("openarc_ui.metrics.database.migrate", held)
    store = MetricsStore(path)
    store.record(report(request_id="new"))
    assert begun.wait(30), "it waits for nobody to be brought up to date, who waits for this test"
    assert "up to date" in (store.health().problem or "")
    assert store.health().waiting == 1
    goes_on.set()
    assert store.flush(timeout=120)
    assert store.health().problem is None
    store.close()
    assert len(names(path)) == 60_001
    check_sums(path)


def test_an_end_in_the_middle_of_bringing_up_to_date_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old(path, 2, requests=5_000)
    begun = threading.Event()

    def slowly(connection: sqlite3.Connection) -> None:
        """Takes a minute, in small steps."""

        def step() -> int:
            begun.set()
            time.sleep(0.01)
            return 0

        connection.set_progress_handler(step, 100)
        schema.migrate(connection)

    with monkeypatch.context() as patch:
        patch.setattr("openarc_ui.metrics.database.migrate", slowly)
        store = MetricsStore(path)
        store.record(report(request_id="new"))
        assert begun.wait(30)
        store.close(timeout=0)
    with closing(sqlite3.connect(path)) as connection:
        assert schema.is_behind(connection)
    again = MetricsStore(path)
    again.record(report(request_id="newer"))
    assert again.flush(timeout=120)
    again.close()
    assert names(path)[5_000:] == ["new", "newer"]


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
    wait_until(lambda: "version" in (store.health().problem or ""))
    with pytest.raises(MetricsUnreadable, match="newer"), store.reading():
        pass
    store.close(timeout=0.5)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.damaged-*"))


def test_two_processes_that_begin_one_file_do_not_collide(path: Path) -> None:
    failures: list[Exception] = []

    def begin() -> None:
        try:
            with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
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


def test_a_prompt_that_was_never_read_is_no_tokens(path: Path) -> None:
    store = MetricsStore(path)
    store.record(report(prompt_tokens=30, cached_prompt_tokens=10))
    store.record(unmeasured(prompt_tokens=5000, cached_prompt_tokens=40))
    store.close()
    query = "SELECT sum(requests), sum(prompt_tokens), sum(cached_prompt_tokens), sum(told_prompt_tokens) FROM rollups"
    assert tuple(rows(path, query)[0]) == (2, 30, 10, 30)
    assert [row["prompt_tokens"] for row in rows(path)] == [30, 5000]
    check_sums(path)


FROZEN = (
    "8a2f159ed7e02cd5",
    "322f51bc7c24fdbe",
    "b4a3513c60b16cb3",
)
"""A digest of each migration that has shipped. A new one adds a line; none of these lines ever changes."""


def test_a_migration_that_has_shipped_is_never_edited() -> None:
    digests = [hashlib.sha256("\n".join(statements).encode()).hexdigest()[:16] for statements in schema.MIGRATIONS]
    assert tuple(digests) == FROZEN


OTHER_FIGURES = """
import sys
from pathlib import Path
from openarc_ui.metrics import definitions
definitions.FIGURES = definitions.FIGURES[:-1]
from openarc_ui.metrics import rollups
from openarc_ui.metrics.sampler import Sample
from openarc_ui.metrics.store import MetricsStore
from tests.reports import report
assert len(rollups.FIGURE_SUMS) == 2 * len(definitions.FIGURES)
store = MetricsStore(Path(sys.argv[1]))
with store.reading() as connection:
    columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(rollups)")}
for number in range(300):
    store.record(report(request_id=f"{sys.argv[2]} {number}", submitted_at=1.7e9 + number))
    store.record_sample(Sample(1.7e9 + number, 50.0, 1000, ()))
assert store.flush()
with store.reading() as connection:
    columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(rollups)")}
    assert not any(name.startswith(sys.argv[3]) for name in columns), columns
    assert connection.execute("SELECT sum(requests) FROM rollups").fetchone() == connection.execute(
        "SELECT count(*) FROM requests").fetchone()
store.close()
print("written", flush=True)
"""


def written_by_another_openarc(path: Path, name: str) -> None:
    """300 requests, by one that knows one figure fewer."""
    with running(OTHER_FIGURES, str(path), name, FIGURES[-1].name) as process:
        said, _ = process.communicate(timeout=120)
    assert said == "written\n"


def test_sums_follow_the_definitions_though_the_file_was_made_with_one_figure_fewer(path: Path) -> None:
    written_by_another_openarc(path, "before")
    store = MetricsStore(path)
    wait_until(lambda: store.revision() > 0)
    with store.reading() as connection:
        (counted,) = connection.execute(f"SELECT sum({FIGURES[-1].name}_count) FROM rollups").fetchone()
        assert connection.execute("SELECT sum(samples) FROM sample_rollups").fetchone() == (300,)
    assert counted == 300
    store.record(report(request_id="after", submitted_at=1.7e9))
    assert store.flush()
    store.close()
    check_sums(path)
    written_by_another_openarc(path, "between")
    MetricsStore(path).close()
    store = MetricsStore(path)
    wait_until(lambda: store.revision() > 0)
    store.close()
    check_sums(path)
    assert len(names(path)) == 601


def test_what_is_derived_is_made_anew_only_where_the_definitions_differ(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.migrate(connection)
        before = connection.execute("PRAGMA schema_version").fetchone()
        assert not schema.is_behind(connection)
        schema.migrate(connection)
        assert connection.execute("PRAGMA schema_version").fetchone() == before
        connection.execute("CREATE TABLE older_rollups (period INTEGER)")
        connection.execute(
            "CREATE TRIGGER older AFTER INSERT ON requests BEGIN INSERT INTO older_rollups VALUES (1); END"
        )
        connection.execute("UPDATE derived SET digest = 'of others'")
        assert schema.is_behind(connection)
        schema.migrate(connection)
        found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert not found & {"older", "older_rollups"}
    assert {"rollups", "hourly_rollups", "requests_added", "requests_sampled"} <= found


def test_sums_of_the_time_before_they_were_told_apart_are_made_anew(path: Path) -> None:
    """Sums by the definitions of another day, without a word of which."""
    make_old(path, 3, requests=10)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        for statement in schema.derived_statements():
            if "row_numbers" not in statement:
                old.execute(statement)
        old.execute("UPDATE rollups SET requests = 7")
        old.execute("DROP TABLE hourly_rollups")
        old.execute("CREATE TABLE hourly_rollups (period INTEGER)")
    store = MetricsStore(path)
    store.record(report(request_id="new"))
    assert store.flush()
    store.close()
    assert len(names(path)) == 11
    check_sums(path)


@pytest.mark.parametrize("version", [1, 2])
def test_requests_of_before_that_were_wrong_themselves_are_refused_ones(path: Path, version: int) -> None:
    make_old(path, version, requests=3)
    with closing(sqlite3.connect(path)) as old:
        old.execute("UPDATE requests SET finish_reason = 'error', error_code = 'prompt_too_long' WHERE id = 1")
        old.execute("UPDATE requests SET finish_reason = 'error', error_code = 'worker_died' WHERE id = 2")
        old.commit()
    MetricsStore(path).close()
    store = MetricsStore(path)
    store.record(WHOLE)
    assert store.flush()
    store.close()
    assert [row["finish_reason"] for row in rows(path)] == ["refused", "error", "stop", "stop"]


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_before_can_shrink_once_it_is_up_to_date(path: Path, version: int) -> None:
    make_old(path, version, requests=5000)
    store = MetricsStore(path, max_bytes=1_000_000)
    store.record(report(request_id="new", submitted_at=time.time()))
    assert store.flush(timeout=120)
    wait_until(lambda: path.stat().st_size < 1_500_000)
    store.close()
    assert rows(path, "PRAGMA auto_vacuum")[0][0] == 2
    assert rows(path, "PRAGMA integrity_check")[0][0] == "ok"
    assert 0 < len(names(path)) < 5001
    check_sums(path)


def test_without_room_for_a_copy_a_file_of_before_stays_as_large_as_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_old(path, 2, requests=10)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=path.stat().st_size))
        store = MetricsStore(path)
        store.record(report(request_id="new"))
        assert store.flush()
        store.close()
    assert rows(path, "PRAGMA auto_vacuum")[0][0] == 0
    assert "no room" in caplog.text
    again = MetricsStore(path)
    wait_until(lambda: again.revision() > 0)
    again.close()
    assert rows(path, "PRAGMA auto_vacuum")[0][0] == 2
    assert len(names(path)) == 11


OTHERS = {
    "no version": ("PRAGMA user_version = 0", "CREATE TABLE notes (text)"),
    "a version that we know": ("PRAGMA user_version = 1", "CREATE TABLE notes (text)"),
    "another id": ("PRAGMA application_id = 1234", "PRAGMA user_version = 99"),
    "another id and our tables": (*schema.MIGRATIONS[0], "PRAGMA application_id = 1234", "PRAGMA user_version = 1"),
}


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("made_by", OTHERS.values(), ids=OTHERS)
def test_a_database_of_another_program_is_refused_and_not_touched(
    path: Path, made_by: tuple[str, ...], journal: str
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode = {journal}")
        for statement in made_by:
            other.execute(statement)
    path.chmod(0o644)
    before = path.read_bytes()
    store = MetricsStore(path)
    store.record(WHOLE)
    assert not store.flush(timeout=0.5)
    wait_until(lambda: "database of another program" in (store.health().problem or ""))
    with pytest.raises(MetricsUnreadable, match="another program"), store.reading():
        pass
    store.close(timeout=0)
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o644
    assert not list(path.parent.glob("*.damaged-*"))


def test_our_files_say_in_their_header_whose_they_are(path: Path) -> None:
    make_old(path, 2)
    assert rows(path, "PRAGMA application_id")[0][0] == 0
    store = MetricsStore(path)
    store.record(WHOLE)
    assert store.flush()
    store.close()
    assert rows(path, "PRAGMA application_id")[0][0] == schema.APPLICATION_ID
    assert path.read_bytes()[68:72] == b"OARC"
