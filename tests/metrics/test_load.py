"""What all requests together asked over time, and how busy the cores were: sums that agree, and zeros that are measured."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from openarc_ui.metrics import frames, timeline
from openarc_ui.metrics.cores import cores
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.load import load
from openarc_ui.metrics.schema import migrate
from openarc_ui.metrics.timeline import Grid
from tests.metrics.filling import DAY_SECONDS, START, fill


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path: Path = tmp_path_factory.mktemp("load") / "m.sqlite3"
    fill(path, 2000, days=1.0, start=START)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def empty() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


@pytest.mark.parametrize(
    "chosen",
    [
        Filter(since=START, until=START + DAY_SECONDS),
        Filter(since=START + 1000.5, until=START + 5000.5),
        Filter(since=START, until=START + 30_000, outcome=("error", "stop"), model=("phi-4-mini-int8",)),
        Filter(),
    ],
)
def test_buckets_add_up_to_the_totals(connection: sqlite3.Connection, chosen: Filter) -> None:
    grid = timeline.grid_for(connection, chosen)
    assert grid is not None
    found, counted = load(connection, chosen, grid), frames.totals(connection, chosen)
    assert found["requests"].sum() == counted.requests > 0
    assert found["failed"].sum() == counted.failed
    assert found["generated_tokens"].sum() == counted.generated_tokens
    assert (found["generated_tokens_per_second"] * grid.width_seconds).sum() == pytest.approx(counted.generated_tokens)
    assert (found["requests_per_minute"] * grid.width_seconds / 60).sum() == pytest.approx(counted.requests)


def test_a_bucket_without_requests_is_zero_from_the_first_request_to_the_grids_end(
    connection: sqlite3.Connection,
) -> None:
    chosen = Filter(since=START - 600, until=START + 3600)
    grid = Grid(float((START - 600) // 15 * 15), 15, 280)
    found = load(connection, chosen, grid)
    assert numpy.diff(found["time"]).tolist() == [15.0] * (len(found) - 1)
    assert found["requests"].iloc[0] > 0 and (found["requests"] == 0).any()
    assert found["time"].iloc[0] >= START - 15 and found["time"].iloc[-1] == grid.start + 279 * 15


def test_what_is_read_since_a_moment_is_the_end_of_the_whole(connection: sqlite3.Connection) -> None:
    chosen = Filter(since=START, until=START + 3600)
    grid = timeline.grid_for(connection, chosen)
    assert grid is not None
    whole, since = load(connection, chosen, grid), START + 1807.0
    part = load(connection, chosen, grid, since)
    expected = whole[whole["time"] >= since // grid.width_seconds * grid.width_seconds]
    assert part.to_dict("records") == expected.to_dict("records")


def test_without_a_request_there_is_no_line(empty: sqlite3.Connection) -> None:
    assert load(empty, Filter(since=0.0, until=60.0), Grid(0.0, 1, 60)).empty


def put(connection: sqlite3.Connection, moment: float, percents: list[float] | None, worker: str | None = None) -> None:
    blob = numpy.asarray(percents, "<f4").tobytes() if percents is not None else None
    connection.execute(
        "INSERT INTO samples (sampled_at, worker, processor_percent, cores) VALUES (?, ?, 10, ?)",
        (moment, worker, blob),
    )


def test_cores_are_means_of_each_and_the_least_and_most_busy_of_them(empty: sqlite3.Connection) -> None:
    put(empty, 100.0, [0.0, 50.0, 100.0])
    put(empty, 104.0, [20.0, 50.0, 60.0])
    put(empty, 104.0, None, "model")
    put(empty, 111.0, None)
    put(empty, 121.0, [1.0, 2.0, 3.0])
    chosen, grid = Filter(since=95.0, until=125.0), Grid(90.0, 10, 4)
    found = cores(empty, chosen, grid)
    assert found["time"].tolist() == [100.0, 120.0]
    assert found["percent"].tolist() == [[10.0, 50.0, 80.0], [1.0, 2.0, 3.0]]
    assert (found["least"].tolist(), found["most"].tolist()) == ([10.0, 1.0], [80.0, 3.0])
    assert cores(empty, chosen, grid, since=112.0)["time"].tolist() == [120.0]
    assert cores(empty, chosen, replace(grid, width_seconds=300)).empty, "sums of five minutes know no cores"


def test_a_machine_that_lost_a_core_is_told_as_it_is(empty: sqlite3.Connection) -> None:
    put(empty, 1.0, [1.0, 1.0, 1.0])
    put(empty, 2.0, [5.0, 7.0])
    assert cores(empty, Filter(), Grid(0.0, 10, 1))["percent"].tolist() == [[5.0, 7.0]]
