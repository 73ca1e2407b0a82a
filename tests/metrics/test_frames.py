"""What is read back: exact against numpy, bounded however many rows there are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy
import pytest

from openarc_ui.engine.types import FinishReason
from openarc_ui.metrics import frames
from openarc_ui.metrics.frames import Filter
from openarc_ui.metrics.store import MetricsStore
from tests.reports import report, unmeasured

START = 1_700_000_000.0


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetricsStore]:
    """3000 requests of two models, a second apart; every tenth cancelled before its first token, one failed."""
    store = MetricsStore(tmp_path_factory.mktemp("metrics") / "m.sqlite3")
    for number in range(3000):
        when, model = START + number, "small" if number % 3 else "large"
        if number % 10 == 0:
            store.record(unmeasured(submitted_at=when, model=model, finish_reason=FinishReason.CANCELLED))
        else:
            store.record(report(submitted_at=when, model=model, ttft_seconds=number / 1000, request_id=str(number)))
    store.record(unmeasured(submitted_at=START + 3000, model="large", finish_reason=FinishReason.ERROR))
    store.flush()
    yield store
    store.close()


def test_totals_count_outcomes_and_tokens(filled: MetricsStore) -> None:
    with filled.reading() as connection:
        counted = frames.totals(connection, Filter())
        since = frames.totals(connection, Filter(since=START + 2990))
    assert (counted.requests, counted.failed, counted.cancelled) == (3001, 1, 300)
    assert (counted.prompt_tokens, counted.generated_tokens) == (2700 * 50, 2700 * 4)
    assert since.requests == 11


def test_percentiles_are_numpys(filled: MetricsStore) -> None:
    with filled.reading() as connection:
        measured = frames.percentiles(connection, Filter(since=START + 2000))
    expected = [number / 1000 for number in range(2000, 3000) if number % 10]
    assert measured["ttft_seconds"] == pytest.approx(tuple(numpy.percentile(expected, (50, 90, 99))))


def test_nothing_measured_is_none(filled: MetricsStore) -> None:
    with filled.reading() as connection:
        assert frames.percentiles(connection, Filter(model="nobody"))["ttft_seconds"] is None
        assert frames.series(connection, Filter(model="nobody")).empty
        assert len(frames.inter_token_latencies(connection, Filter(model="nobody"))) == 0


def test_a_series_is_bounded_and_keeps_the_means(filled: MetricsStore) -> None:
    with filled.reading() as connection:
        series = frames.series(connection, Filter(), points=50)
    assert len(series) <= 2 * 51
    assert series["requests"].sum() == 2700
    weighted = (series["ttft_seconds"] * series["requests"]).sum() / 2700
    assert weighted == pytest.approx(sum(number for number in range(3000) if number % 10) / 2700 / 1000)


def test_recent_requests_are_the_latest_first(filled: MetricsStore) -> None:
    with filled.reading() as connection:
        recent = frames.recent_requests(connection, Filter(model="small"), limit=7)
        assert frames.models(connection) == ["large", "small"]
    assert len(recent) == 7
    assert recent["submitted_at"].is_monotonic_decreasing
    assert set(recent["model"]) == {"small"}


def test_latencies_come_from_the_latest_requests_only(filled: MetricsStore) -> None:
    with filled.reading() as connection:
        gaps = frames.inter_token_latencies(connection, Filter())
    assert len(gaps) == 3 * frames.LATENCY_REQUESTS
    assert set(numpy.round(gaps, 3)) == {0.1, 0.05, 0.15}
