"""What is read back of the requests: every sum and mean against pandas over the raw rows, whatever the filter and the span."""

from __future__ import annotations

import dataclasses
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openarc_ui.metrics import drawing, frames
from openarc_ui.metrics.definitions import FIGURES, INTER_TOKEN, STAGES
from openarc_ui.metrics.filters import DIMENSIONS, Filter
from openarc_ui.metrics.frames import FigureSummary, Totals
from openarc_ui.metrics.rollups import TABLES
from tests.metrics.filling import START, fill

HOURS = 9
NUMBER = 6000
NAMES = [figure.name for figure in FIGURES]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6000 requests in nine hours; of the last 1000 two each began in the same moment; some exactly where a period begins."""
    path = tmp_path_factory.mktemp("metrics") / "m.sqlite3"
    fill(path, NUMBER - 1040, days=8 / 24)
    fill(path, 500, days=1 / 24, start=START + 8 * 3600, seed=1)
    fill(path, 500, days=1 / 24, start=START + 8 * 3600, seed=1)
    for number in range(40):
        fill(path, 1, days=0, start=float(math.ceil(START / 3600) * 3600 + number * 300), seed=number)
    return path


@pytest.fixture(scope="module")
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def raw(connection: sqlite3.Connection) -> pandas.DataFrame:
    return pandas.read_sql_query("SELECT * FROM requests", connection)


def chosen_of(raw: pandas.DataFrame, chosen: Filter) -> pandas.DataFrame:
    """The rows of a filter, by pandas alone."""
    keep = pandas.Series(True, index=raw.index)
    if chosen.since is not None:
        keep &= raw["submitted_at"] >= chosen.since
    if chosen.until is not None:
        keep &= raw["submitted_at"] < chosen.until
    for name, column in DIMENSIONS.items():
        if getattr(chosen, name):
            keep &= raw[column].isin(getattr(chosen, name))
    return without_left_out(raw[keep], chosen)


def without_left_out(rows: pandas.DataFrame, chosen: Filter) -> pandas.DataFrame:
    """A source that is left out counts where sources are named."""
    is_all = bool(chosen.source) or not chosen.leaves_out
    return rows if is_all else rows[~rows["source"].isin(chosen.leaves_out)]


def stage_seconds(rows: pandas.DataFrame) -> dict[str, Any]:
    """The seconds of each stage of each row, written down once more from the contract's words."""
    known = {
        "queue": rows["queue_seconds"],
        "template": rows["template_seconds"],
        "tokenize": rows["tokenize_seconds"],
        "prefill": rows["prefill_seconds"],
        "inference": rows["decode_inference_seconds"],
        "sampling": rows["decode_sampling_seconds"],
        "detokenize": rows["detokenize_seconds"],
        "stream": rows["stream_seconds"],
    }
    found = {name: column.astype(float).fillna(0.0) for name, column in known.items()}
    undivided = rows["decode_seconds"].astype(float).fillna(0.0) - found["detokenize"] - found["stream"]
    found["decode"] = undivided.clip(lower=0.0).where(rows["decode_inference_seconds"].isna(), 0.0)
    found["other"] = (rows["total_seconds"] - sum(found.values())).clip(lower=0.0)
    return found


def edges() -> st.SearchStrategy[float | None]:
    """Bounds anywhere, in the middle of periods, and exactly on their edges and beside them."""
    first, last = START - 4000, START + HOURS * 3600 + 4000
    on_edge = st.sampled_from([1, 300, 3600]).flatmap(
        lambda unit: st.integers(int(first // unit), int(last // unit)).map(lambda number: float(number * unit))
    )
    beside = on_edge.flatmap(lambda edge: st.sampled_from([math.nextafter(edge, 0.0), math.nextafter(edge, math.inf)]))
    return st.none() | st.floats(first, last) | on_edge | beside


def filters() -> st.SearchStrategy[Filter]:
    """Filters of one, several or no value in each dimension, one of which nobody has."""

    def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
        return st.just(()) | st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)

    return st.builds(
        Filter,
        since=edges(),
        until=edges(),
        model=some("qwen3-4b-int4", "phi-4-mini-int8", "nobody"),
        backend=some("genai", "optimum"),
        device=some("CPU", "GPU.0"),
        configuration=some("00" * 8, "11" * 8, "20" * 8),
        outcome=some("stop", "length", "cancelled", "error"),
        source=some("rest", "chat", "again"),
        leaves_out=some("chat", "again", "nobody"),
    )


@settings(max_examples=150, deadline=None)
@given(chosen=filters())
def test_totals_and_means_are_those_of_the_rows(
    connection: sqlite3.Connection, raw: pandas.DataFrame, chosen: Filter
) -> None:
    rows = chosen_of(raw, chosen)
    told = rows[rows["cached_prompt_tokens"].notna()]
    assert frames.totals(connection, chosen) == Totals(
        requests=len(rows),
        failed=int((rows["finish_reason"] == "error").sum()),
        cancelled=int((rows["finish_reason"] == "cancelled").sum()),
        prompt_tokens=int(rows["prompt_tokens"].sum()),
        cached_prompt_tokens=int(told["cached_prompt_tokens"].sum()) if len(told) else None,
        told_prompt_tokens=int(told["prompt_tokens"].sum()),
        generated_tokens=int(rows["generated_tokens"].sum()),
    )
    found = frames.summary(connection, chosen)
    measured = {name: rows[name].dropna() for name in NAMES}
    assert [name for name in found if name != INTER_TOKEN.name] == [name for name in NAMES if len(measured[name])]
    for name in NAMES:
        if len(measured[name]):
            assert found[name].count == len(measured[name])
            assert found[name].mean == pytest.approx(measured[name].mean(), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(chosen=filters())
def test_stages_are_means_over_the_rows_of_each_configuration(
    connection: sqlite3.Connection, raw: pandas.DataFrame, chosen: Filter
) -> None:
    rows = chosen_of(raw, chosen)
    found = frames.stages(connection, chosen)
    groups = dict(iter(rows.groupby(["model", "configuration_id"])))
    assert list(zip(found["model"], found["configuration_id"], strict=True)) == sorted(groups)
    for row in found.to_dict("records"):
        group = groups[row["model"], row["configuration_id"]]
        assert row["requests"] == len(group)
        expected = stage_seconds(group)
        for stage in STAGES:
            assert row[stage.name] == pytest.approx(expected[stage.name].mean(), rel=1e-9, abs=1e-12), stage.name


def test_the_stages_of_a_request_add_up_to_its_time(connection: sqlite3.Connection, raw: pandas.DataFrame) -> None:
    found = frames.stages(connection, Filter())
    added = (found[[stage.name for stage in STAGES]].sum(axis=1) * found["requests"]).sum()
    assert added == pytest.approx(raw["total_seconds"].sum(), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(chosen=filters())
def test_options_are_what_the_span_holds_whatever_else_is_wanted(
    connection: sqlite3.Connection, raw: pandas.DataFrame, chosen: Filter
) -> None:
    rows = chosen_of(raw, Filter(since=chosen.since, until=chosen.until))
    counted = without_left_out(rows, chosen)
    expected = {name: sorted(set(counted[column])) for name, column in DIMENSIONS.items()}
    expected["source"] = sorted(set(rows["source"]))  # so that what is left out can be chosen
    assert frames.options(connection, chosen) == expected


@settings(max_examples=60, deadline=None)
@given(chosen=filters())
def test_what_is_left_out_is_counted_apart(
    connection: sqlite3.Connection, raw: pandas.DataFrame, chosen: Filter
) -> None:
    others = len(chosen_of(raw, dataclasses.replace(chosen, leaves_out=()))) - len(chosen_of(raw, chosen))
    assert frames.left_out(connection, chosen) == others


@settings(max_examples=60, deadline=None)
@given(chosen=filters(), limit=st.sampled_from([0, 1, 50, 300, 2000, 10_000]))
def test_a_sample_is_all_there_is_or_no_more_than_asked(
    connection: sqlite3.Connection, raw: pandas.DataFrame, chosen: Filter, limit: int
) -> None:
    rows = chosen_of(raw, chosen)
    found = frames.sample(connection, chosen, limit)
    assert found.attrs["of"] == len(rows)
    assert set(found["id"]) <= set(rows["id"])
    assert len(found) == len(rows) if len(rows) <= limit else len(found) <= limit
    assert found["submitted_at"].is_monotonic_increasing
    expected = rows.set_index("id").loc[found["id"]]
    for name in found.columns.drop("id"):
        same = found[name].fillna(-1).tolist() == expected[name].fillna(-1).tolist()
        assert same, name


@pytest.mark.parametrize("limit", [120, 300, 3000])
def test_a_sample_is_uniform_over_time_and_the_same_at_every_refresh(
    connection: sqlite3.Connection, raw: pandas.DataFrame, limit: int
) -> None:
    found = frames.sample(connection, Filter(), limit)
    assert limit * 0.7 <= len(found) <= limit
    assert found["id"].tolist() == frames.sample(connection, Filter(), limit)["id"].tolist()
    deciles = numpy.searchsorted(numpy.quantile(raw["submitted_at"], numpy.arange(0.1, 1, 0.1)), found["submitted_at"])
    expected = len(found) / 10
    assert all(abs(part - expected) < 5 * math.sqrt(expected) for part in numpy.bincount(deciles, minlength=10))


def test_of_a_few_among_many_nearly_as_many_are_drawn_as_were_asked_for(tmp_path: Path) -> None:
    fill(tmp_path / "m.sqlite3", 40_000, most_gaps=1)
    connection = sqlite3.connect(tmp_path / "m.sqlite3")
    found = frames.sample(connection, Filter(source=("chat",)), 7000)
    connection.close()
    assert 9000 < found.attrs["of"] < 11_000
    assert 6500 < len(found) <= 7000


def test_of_a_span_with_very_many_requests_a_smaller_share_is_drawn_and_just_as_uniform(
    connection: sqlite3.Connection, raw: pandas.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "LOOKED_THROUGH", 1)
    found = frames.sample(connection, Filter(), 3000)
    expected = NUMBER * drawing.SAMPLED_KEYS / 1024
    assert abs(len(found) - expected) < 5 * math.sqrt(expected)
    assert abs(found["submitted_at"].mean() - raw["submitted_at"].mean()) < 5 * raw["submitted_at"].std() / math.sqrt(
        expected
    )
    chosen = Filter(outcome=("error",))
    assert len(frames.sample(connection, chosen)) == len(chosen_of(raw, chosen))


def test_what_few_requests_have_is_found_with_and_without_the_rollups(
    connection: sqlite3.Connection, raw: pandas.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chosen in (Filter(outcome=("error",)), Filter(outcome=("error",), since=START + 1000.5, until=START + 9000.5)):
        ids = []
        for few in (drawing.FEW, 0):
            monkeypatch.setattr(drawing, "FEW", few)
            ids.append(frames.sample(connection, chosen)["id"].tolist())
        assert ids[0] == ids[1]
        assert sorted(ids[0]) == chosen_of(raw, chosen)["id"].tolist()


def test_percentiles_of_few_requests_are_numpys(connection: sqlite3.Connection, raw: pandas.DataFrame) -> None:
    chosen = Filter(model=("qwen3-4b-int4",), since=START + 1234.5)
    found = frames.summary(connection, chosen)
    for name in NAMES:
        measured = chosen_of(raw, chosen)[name].dropna().to_numpy(dtype=float)
        p50, p90, p99 = numpy.percentile(measured, (50, 90, 99))
        assert dataclasses.astuple(found[name])[3:] == pytest.approx(
            (p50, p90, p99, measured.min(), measured.max(), len(measured))
        )


def test_percentiles_of_many_come_from_a_sample_that_says_so(
    connection: sqlite3.Connection, raw: pandas.DataFrame
) -> None:
    found = frames.summary(connection, Filter(), frames.sample(connection, Filter(), 2000))["total_seconds"]
    assert found.count == NUMBER
    assert 1700 < found.sampled <= 2000
    assert found.mean == pytest.approx(raw["total_seconds"].mean(), rel=1e-9)
    for percent, value in ((50, found.p50), (90, found.p90), (99, found.p99)):
        assert abs((raw["total_seconds"] <= value).mean() - percent / 100) < 0.05


def test_inter_token_latencies_are_counted_over_all_gaps(connection: sqlite3.Connection, raw: pandas.DataFrame) -> None:
    blobs = raw["inter_token_latencies_seconds"]
    every = numpy.frombuffer(b"".join(blobs), "<f4").astype(float)
    found = frames.summary(connection, Filter())[INTER_TOKEN.name]
    assert found.count == len(every)
    assert found.mean == pytest.approx(every.mean(), rel=1e-6)
    assert 0 < found.sampled < len(every)
    assert found.p50 == pytest.approx(numpy.percentile(every, 50), rel=0.1)
    sampled = frames.gaps(connection, Filter(), 7000)
    assert sorted(sampled) == sorted(every)
    assert len(frames.gaps(connection, Filter(), 0)) == 0


@settings(max_examples=60, deadline=None)
@given(chosen=filters(), limit=st.integers(1, 80))
def test_the_newest_come_first(
    connection: sqlite3.Connection, raw: pandas.DataFrame, chosen: Filter, limit: int
) -> None:
    expected = chosen_of(raw, chosen).sort_values(["submitted_at", "id"], ascending=False)["id"].tolist()
    page = frames.requests(connection, chosen, limit)
    assert page["id"].tolist() == expected[:limit]
    if len(expected) > limit:
        after = frames.requests(connection, chosen, limit, before_id=int(page["id"].iloc[-1]))
        assert after["id"].tolist() == expected[limit : 2 * limit]


def test_pages_hold_every_request_once_though_moments_are_shared(connection: sqlite3.Connection) -> None:
    seen: list[int] = []
    while True:
        page = frames.requests(connection, Filter(source=("chat",)), 97, seen[-1] if seen else None)
        if page.empty:
            break
        seen += page["id"].tolist()
    (number,) = connection.execute("SELECT count(*) FROM requests WHERE source = 'chat'").fetchone()
    assert len(seen) == len(set(seen)) == number


def test_requests_have_every_column_but_the_latencies(connection: sqlite3.Connection, raw: pandas.DataFrame) -> None:
    page = frames.requests(connection, Filter(), 3)
    assert set(page.columns) == set(raw.columns) - {"inter_token_latencies_seconds", "sample_key"}
    (newest,) = page.head(1).to_dict("records")
    assert newest["request_id"] == raw.set_index("id").loc[newest["id"], "request_id"]


def test_an_unknown_place_in_the_list_has_nothing_after_it(connection: sqlite3.Connection) -> None:
    assert frames.requests(connection, Filter(), 5, before_id=10**9).empty
    assert frames.requests(connection, Filter(), -5).empty


def test_nothing_found_is_empty_and_keeps_its_columns(connection: sqlite3.Connection) -> None:
    for nothing in (Filter(model=("nobody",)), Filter(since=START + 10, until=START + 5), Filter(since=math.inf)):
        assert frames.totals(connection, nothing) == Totals(0, 0, 0, 0, None, 0, 0)
        assert frames.summary(connection, nothing) == {}
        assert "ttft_seconds" in frames.sample(connection, nothing)
        assert "queue" in frames.stages(connection, nothing)
        assert "model" in frames.requests(connection, nothing)
        assert len(frames.gaps(connection, nothing)) == 0


def test_a_figure_the_sample_has_none_of_is_counted_and_has_no_percentiles(connection: sqlite3.Connection) -> None:
    unmeasured = frames.sample(connection, Filter(outcome=("error",)))
    found: FigureSummary = frames.summary(connection, Filter(), unmeasured)["ttft_seconds"]
    assert found.count > 0
    assert found.sampled == 0
    assert math.isnan(found.p50)


def test_values_are_bound_and_never_read_as_sql(connection: sqlite3.Connection) -> None:
    assert frames.totals(connection, Filter(model=("x' OR 1=1 --",))).requests == 0
    assert frames.configurations(connection, ["x') OR 1=1 --"]) == {}


def test_configurations_are_what_was_kept(connection: sqlite3.Connection) -> None:
    found = frames.configurations(connection, ["00" * 8, "21" * 8, "never"])
    assert set(found) == {"00" * 8, "21" * 8}
    assert found["21" * 8]["request"]["device"] == "CPU"
    assert frames.configurations(connection, []) == {}


def test_whole_hours_are_answered_by_the_sums_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    read: set[str | None] = set()

    def see(action: int, table: str | None, *_: Any) -> int:
        if action == sqlite3.SQLITE_READ:
            read.add(table)
        return sqlite3.SQLITE_OK

    connection.set_authorizer(see)
    hour = math.ceil(START / 3600) * 3600
    frames.totals(connection, Filter(since=hour, until=hour + 7200))
    frames.stages(connection, Filter(model=("qwen3-4b-int4",)))
    connection.close()
    assert "requests" not in read


def test_what_is_deleted_is_gone_from_every_length_of_sums(tmp_path: Path) -> None:
    fill(tmp_path / "m.sqlite3", 600, days=0.5)
    connection = sqlite3.connect(tmp_path / "m.sqlite3")
    connection.execute("DELETE FROM requests WHERE submitted_at < ?", (START + 5000,))
    (left,) = connection.execute("SELECT count(*) FROM requests").fetchone()
    for table in TABLES:
        added, gone = connection.execute(f"SELECT sum(requests), sum(requests <= 0) FROM {table}").fetchone()
        assert (added, gone) == (left, 0), table
    assert frames.totals(connection, Filter()).requests == left
    assert frames.totals(connection, Filter(until=START + 5000)).requests == 0
    connection.close()
