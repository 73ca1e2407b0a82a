"""Means over time: against pandas over the raw rows, at every width, and the same whether read whole or from a bucket on."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openarc_ui.metrics import timeline
from openarc_ui.metrics.definitions import FIGURES
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.timeline import WIDTHS_SECONDS, Grid
from tests.metrics.filling import START, fill, fill_samples
from tests.metrics.test_frames import chosen_of, edges, filters

NAMES = [figure.name for figure in FIGURES]
MACHINE = {
    "processor_percent": "mean",
    "memory_bytes": "max",
    "available_memory_bytes": "min",
    "device_memory_bytes": "max",
    "kv_cache_percent": "max",
    "kv_cache_bytes": "max",
}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """4000 requests and samples every ten seconds, in nine hours."""
    path = tmp_path_factory.mktemp("metrics") / "m.sqlite3"
    fill(path, 4000, days=9 / 24)
    fill_samples(path, days=9 / 24)
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def raw(connection: sqlite3.Connection) -> pandas.DataFrame:
    return pandas.read_sql_query("SELECT * FROM requests", connection)


def grid_of(width: int) -> Grid:
    first = math.floor((START - 3600) / width)
    return Grid(float(first * width), width, math.ceil((START + 10 * 3600) / width) - first)


def held_against(found: pandas.DataFrame, expected: pandas.DataFrame, keys: list[str]) -> None:
    """The same groups in the same order, and the same values."""
    expected = expected.reset_index()
    assert [found[key].tolist() for key in keys] == [expected[key].tolist() for key in keys]
    for name in expected.columns.drop(keys):
        numpy.testing.assert_allclose(
            found[name].astype(float), expected[name].astype(float), rtol=1e-9, err_msg=str(name)
        )


@settings(max_examples=120, deadline=None)
@given(chosen=filters(), width=st.sampled_from(WIDTHS_SECONDS))
def test_a_series_is_the_means_of_the_rows_in_each_bucket(
    connection: sqlite3.Connection, raw: pandas.DataFrame, chosen: Filter, width: int
) -> None:
    grid = grid_of(width)
    rows = chosen_of(raw, chosen).assign(time=lambda each: each["submitted_at"] // width * width)
    grouped = rows.groupby(["time", "model"])
    expected = grouped[NAMES].mean().assign(requests=grouped.size())
    held_against(timeline.series(connection, chosen, grid), expected, ["time", "model"])


@settings(max_examples=60, deadline=None)
@given(since=edges(), until=edges(), width=st.sampled_from(WIDTHS_SECONDS))
def test_the_machine_and_its_power_are_those_of_the_samples(
    connection: sqlite3.Connection, since: float | None, until: float | None, width: int
) -> None:
    chosen = Filter(since=since, until=until)
    span = Filter(since=since, until=until)
    samples = pandas.read_sql_query("SELECT *, sampled_at AS submitted_at FROM samples", connection)
    samples["worker"] = samples["worker"].fillna("")
    rows = chosen_of(samples, span).assign(time=lambda each: each["submitted_at"] // width * width)
    expected = rows.groupby(["time", "worker"]).agg(MACHINE)
    held_against(timeline.machine(connection, chosen, grid_of(width)), expected, ["time", "worker"])
    watts = pandas.read_sql_query("SELECT *, sampled_at AS submitted_at FROM power", connection)
    rows = chosen_of(watts, span).assign(time=lambda each: each["submitted_at"] // width * width)
    expected = rows.groupby(["time", "source"]).agg({"watts": "mean"})
    held_against(timeline.power(connection, chosen, grid_of(width)), expected, ["time", "source"])


READERS = [timeline.series, timeline.machine, timeline.power]
Reader = Callable[[sqlite3.Connection, Filter, Grid, float | None], pandas.DataFrame]


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=30, deadline=None)
@given(chosen=filters(), width=st.sampled_from(WIDTHS_SECONDS), moment=st.floats(START - 7200, START + 11 * 3600))
def test_reading_on_from_a_moment_is_the_end_of_the_whole(
    connection: sqlite3.Connection, reader: Reader, chosen: Filter, width: int, moment: float
) -> None:
    whole = reader(connection, chosen, grid_of(width), None)
    later = reader(connection, chosen, grid_of(width), moment)
    expected = whole[whole["time"] >= moment // width * width].reset_index(drop=True)
    pandas.testing.assert_frame_equal(later, expected, rtol=1e-9, check_dtype=False)


@pytest.mark.parametrize(("width", "reader"), [(15, timeline.series), (600, timeline.series), (15, timeline.machine)])
def test_reading_on_costs_a_fraction_of_the_whole(connection: sqlite3.Connection, width: int, reader: Reader) -> None:
    steps = {"whole": 0, "later": 0}
    for name, since in (("whole", None), ("later", START + 9 * 3600 - 2 * width)):

        def count(name: str = name) -> None:
            steps[name] += 1

        connection.set_progress_handler(count, 10)
        reader(connection, Filter(), grid_of(width), since)
        connection.set_progress_handler(None, 0)
    assert steps["later"] < steps["whole"] / 20


def test_a_wanted_model_shows_its_worker_and_the_machine(connection: sqlite3.Connection) -> None:
    for width in (60, 600):
        found = timeline.machine(connection, Filter(model=("phi-4-mini-int8",)), grid_of(width))
        assert set(found["worker"]) == {"", "phi-4-mini-int8"}


@settings(max_examples=150, deadline=None)
@given(chosen=filters(), points=st.integers(1, 2000))
def test_a_grid_holds_the_span_in_few_buckets(
    connection: sqlite3.Connection, raw: pandas.DataFrame, chosen: Filter, points: int
) -> None:
    grid = timeline.grid_for(connection, chosen, points, now=START + 9 * 3600)
    moments = chosen_of(raw, chosen)["submitted_at"]
    if grid is None:
        assert None in (chosen.since, chosen.until)
        assert moments.empty
        return
    assert grid.width_seconds in WIDTHS_SECONDS
    assert grid.start % grid.width_seconds == 0
    assert 1 <= grid.points <= points + 2
    if len(moments):
        assert grid.start <= moments.min()
    if len(moments) and chosen.until is not None:
        assert moments.max() < grid.start + grid.points * grid.width_seconds


def test_widths_are_from_the_ladder_and_no_wider_than_needed(connection: sqlite3.Connection) -> None:
    for hours, width in ((0.25, 5), (1, 15), (6, 120), (24, 600), (7 * 24, 3600), (30 * 24, 21600), (300 * 24, 172800)):
        grid = timeline.grid_for(connection, Filter(since=START), now=START + hours * 3600)
        assert grid is not None
        assert grid.width_seconds == width, hours
        assert grid.points <= 241


def test_an_open_span_reaches_from_the_first_to_the_last_request(
    connection: sqlite3.Connection, raw: pandas.DataFrame
) -> None:
    for chosen in (Filter(), Filter(outcome=("error",)), Filter(configuration=("11" * 8,))):
        moments = chosen_of(raw, chosen)["submitted_at"]
        grid = timeline.grid_for(connection, chosen, now=START + 10**9)
        assert grid is not None
        assert 0 <= moments.min() - grid.start < grid.width_seconds
        assert 0 <= grid.start + grid.points * grid.width_seconds - moments.max() <= grid.width_seconds


def test_a_span_without_a_request_has_a_grid_only_where_it_is_bounded(connection: sqlite3.Connection) -> None:
    nobody = Filter(model=("nobody",))
    assert timeline.grid_for(connection, nobody) is None
    assert timeline.grid_for(connection, Filter(until=START - 10)) is None
    bounded = Filter(model=("nobody",), since=START, until=START + 3600)
    grid = timeline.grid_for(connection, bounded)
    assert grid is not None
    assert timeline.series(connection, bounded, grid).empty
    backwards = timeline.grid_for(connection, Filter(since=START, until=START - 3600))
    assert backwards is not None
    assert backwards.points == 1


def test_many_requests_in_a_short_span_are_read_from_the_sums(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timeline.grid_for(connection, Filter(since=START), now=START + 3600).width_seconds == 15  # type: ignore[union-attr]
    monkeypatch.setattr(timeline, "MOST_ROWS", 100)
    assert timeline.grid_for(connection, Filter(since=START), now=START + 3600).width_seconds == 300  # type: ignore[union-attr]
