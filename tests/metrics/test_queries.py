"""What a question to the metrics may say, and a file that can't be read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from openarc_ui.errors import InvalidRequest, MetricsUnreadable
from openarc_ui.metrics.filters import DIMENSIONS, Filter
from openarc_ui.metrics.queries import CUSTOM, RANGES, answer, filter_of, pair_of, reading
from openarc_ui.metrics.store import MetricsStore
from tests.metrics.filling import fill

NOW = 1_700_000_000.0


USUAL = Filter(leaves_out=("tuning",))


def test_nothing_said_is_everything_but_the_requests_of_tuning_runs() -> None:
    empty: dict[str, Any] = dict.fromkeys(DIMENSIONS, "")
    assert filter_of() == filter_of(range=None, since="", until=None, **empty) == filter_of(range="all") == USUAL
    assert filter_of(source="tuning") == Filter(source=("tuning",))
    assert filter_of(source=["chat", "tuning"]).leaves_out == (), "who names sources gets these and no others"
    with pytest.raises(InvalidRequest, match="nothing to compare"):
        pair_of({}, {"source": ""})
    assert pair_of({}, {"source": "tuning"})[0] == USUAL


@pytest.mark.parametrize("name", [name for name in RANGES if name != "all"])
def test_a_range_ends_now(name: str) -> None:
    assert filter_of(range=name, now=NOW) == replace(USUAL, since=NOW - (RANGES[name] or 0.0))
    assert RANGES["24h"] == 86400 and RANGES["15m"] == 900


def test_one_value_and_several_are_taken_each_once() -> None:
    assert filter_of(model="a", outcome=["stop", "length", "stop"]) == replace(
        USUAL, model=("a",), outcome=("stop", "length")
    )
    assert filter_of(configuration=["", "x"]).configuration == ("x",)


@pytest.mark.parametrize(
    "moment", [NOW, int(NOW), str(NOW), "1.7e9", "2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00"]
)
def test_a_moment_is_seconds_or_a_time_with_its_zone(moment: Any) -> None:
    assert filter_of(since=moment).since == NOW
    assert filter_of(range=CUSTOM, until=moment) == replace(USUAL, until=NOW)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"range": "1hour"}, "Known names: 15m, 1h"),
        ({"range": "1H"}, "Did you mean '1h'"),
        ({"range": CUSTOM}, "needs since, until or both"),
        ({"range": "1h", "since": 5}, "exclude each other"),
        ({"modle": "x"}, "Did you mean 'model'"),
        ({"finish_reason": "stop"}, "There is no filter"),
        ({"outcome": "stopped"}, "Did you mean 'stop'"),
        ({"source": ["rest", "web"]}, "There is no source 'web'"),
        ({"backend": "auto"}, "There is no backend 'auto'"),
        ({"model": 5}, "model must be a text"),
        ({"model": [5]}, "model must be a text"),
        ({"model": ["x"] * 101 + [str(number) for number in range(100)]}, "At most 100"),
        ({"model": "x" * 201}, "model can't be"),
        ({"model": "a\x00b"}, "model can't be"),
        ({"model": "\ud83d"}, "model can't be"),
        ({"since": "yesterday"}, "since is no moment"),
        ({"since": "2023-11-14T22:13:20"}, "no time zone"),
        ({"since": "2023-11-14T22:13:20 01:00"}, "%2B"),
        ({"since": "nan"}, "since is no moment"),
        ({"until": float("inf")}, "until is no moment"),
        ({"until": True}, "until is no moment"),
        ({"since": NOW * 1000}, "Milliseconds are too many"),
        ({"since": 10**400}, "since is no moment"),
        ({"since": 10, "until": 10}, "until is not after since"),
    ],
)
def test_what_can_not_be_is_refused_with_the_nearest(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        filter_of(**asked)
    assert says in f"{caught.value.message} {caught.value.hint}"


@pytest.fixture
def store(tmp_path: Path) -> MetricsStore:
    """A store that has written nothing yet."""
    return MetricsStore(tmp_path / "m.sqlite3")


def test_a_store_without_a_file_is_read_as_empty(store: MetricsStore) -> None:
    assert answer(store, lambda connection: connection.execute("SELECT count(*) FROM requests").fetchone()) == (0,)
    store.close()


def test_a_locked_file_is_said_in_words(store: MetricsStore) -> None:
    def busy(_: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    with pytest.raises(MetricsUnreadable, match="held by another program"):
        answer(store, busy)
    store.close()


def test_a_mistake_in_a_question_stays_a_mistake(store: MetricsStore) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such column"), reading(store) as connection:
        connection.execute("SELECT no_such_column FROM requests")
    store.close()


def test_a_file_that_is_damaged_under_way_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "damaged.sqlite3"
    fill(path, 2000)
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\xff" * (len(data) - 8192))

    class Damaged:
        """A store whose file went bad after it was opened, without a writer that would set it aside."""

        def reading(self) -> Any:
            return closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True))

    with pytest.raises(MetricsUnreadable), reading(cast(MetricsStore, Damaged())) as connection:
        connection.execute("SELECT * FROM requests").fetchall()
