"""Comparisons: the statistics hold what they promise, and the words say what was found."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy
import pytest

from openarc_ui.metrics import frames
from openarc_ui.metrics.compare import (
    DIRECTED,
    FEWEST_REQUESTS,
    Difference,
    compare,
    interval,
    resampled_gap_medians,
    resampled_medians,
)
from openarc_ui.metrics.definitions import INTER_TOKEN
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.rows import TABLES, request_row
from openarc_ui.metrics.schema import migrate
from tests.reports import report, unmeasured

A, B = Filter(model=("a",)), Filter(model=("b",))
Numbers = Any


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "metrics.sqlite3", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


def put(connection: sqlite3.Connection, reports: Iterable[Any]) -> None:
    connection.execute("BEGIN")
    connection.executemany(TABLES["requests"].insert, (request_row(each, keep_texts=False)[1] for each in reports))
    connection.execute("COMMIT")


def requests(model: str, count: int, seed: int, factor: float = 1.0) -> Iterator[Any]:
    """Requests whose times scatter by a fifth, each a little faster or slower as a whole; `factor` times as slow."""
    generator = numpy.random.default_rng(seed)
    for number in range(count):
        gaps = factor * 0.05 * generator.lognormal(0, 0.1) * generator.gamma(20, 1 / 20, generator.integers(10, 30))
        decode, first = float(gaps.sum()), factor * float(generator.lognormal(-1, 0.2))
        yield report(
            request_id=f"{model}-{seed}-{number}",
            model=model,
            ttft_seconds=first,
            prefill_tokens_per_second=50 / first,
            decode_seconds=decode,
            tpot_seconds=decode / len(gaps),
            decode_tokens_per_second=len(gaps) / decode,
            queue_seconds=factor * float(generator.exponential(0.01)),
            total_seconds=first + decode,
            generated_tokens=len(gaps) + 1,
            inter_token_latencies_seconds=tuple(gaps.tolist()),
        )


def by_name(differences: Iterable[Difference]) -> dict[str, Difference]:
    return {each.name: each for each in differences}


def test_the_same_distribution_shows_no_real_difference_in_19_of_20_seeds() -> None:
    """Of seven figures in twenty seeds: an interval of 95% errs in one of twenty, whichever figure that is."""
    verdicts: list[str] = []
    for seed in range(20):
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            migrate(connection)
            put(connection, itertools.chain(requests("a", 60, seed), requests("b", 60, 1000 + seed)))
            verdicts += [each.verdict for each in compare(connection, A, B, seed=seed).figures]
    assert len(verdicts) == 20 * len(DIRECTED)
    assert verdicts.count("no real difference") >= 0.95 * len(verdicts)


@pytest.mark.parametrize("count", [5, 20, 200])
def test_what_seems_real_by_chance_is_at_most_one_in_twenty(count: int) -> None:
    generator = numpy.random.default_rng(9)
    wrong = 0
    for _ in range(1000):
        a, b = generator.lognormal(0, 0.3, (2, count))
        wrong += interval(a, b, resampled_medians(a, generator), resampled_medians(b, generator)).direction != 0
    assert wrong <= 50


def test_a_group_against_itself_is_no_difference_at_all(connection: sqlite3.Connection) -> None:
    put(connection, requests("a", 50, 1))
    found = compare(connection, A, A)
    assert found.a == found.b
    assert {each.name for each in found.figures} == {each.name for each in DIRECTED}
    for each in found.figures:
        assert (each.difference_percent, each.verdict) == (0.0, "no real difference")
        assert each.low_percent is not None and each.high_percent is not None
        assert each.low_percent <= 0.0 <= each.high_percent
        assert each.a == each.b


def test_ten_percent_slower_is_found_in_every_figure(connection: sqlite3.Connection) -> None:
    put(connection, itertools.chain(requests("a", 400, 1), requests("b", 400, 2, factor=1.1)))
    found = by_name(compare(connection, A, B).figures)
    for definition in DIRECTED:
        each = found[definition.name]
        truth = (1 / 1.1 - 1) * 100 if definition.is_better_higher else 10.0
        assert each.low_percent is not None and each.high_percent is not None
        assert each.low_percent <= truth <= each.high_percent, each
        if definition.name != "queue_seconds":
            assert each.verdict == "worse", each
            assert each.low_percent * each.high_percent > 0
    queue = found["queue_seconds"]
    assert queue.verdict == "no real difference", "it scatters so much that 400 requests do not tell"


def test_seen_from_the_other_side_worse_is_better(connection: sqlite3.Connection) -> None:
    put(connection, itertools.chain(requests("a", 200, 1), requests("b", 200, 2, factor=1.5)))
    there, back = by_name(compare(connection, A, B).figures), by_name(compare(connection, B, A).figures)
    for name, each in there.items():
        assert (each.verdict, back[name].verdict) == ("worse", "better")
        assert (each.median_a, each.median_b) == (back[name].median_b, back[name].median_a)
        assert (each.a, each.b) == (back[name].b, back[name].a)


@pytest.mark.parametrize("count", [5, 12, 40])
def test_the_interval_holds_the_truth_in_95_of_100_trials(count: int) -> None:
    generator = numpy.random.default_rng(7)

    def draw(factor: float) -> tuple[Numbers, Numbers]:
        values = factor * generator.lognormal(0, 0.3, count)
        return values, resampled_medians(values, generator)

    assert 0.90 <= covered(draw) <= 0.99


def test_the_interval_of_gaps_holds_the_truth_though_the_gaps_of_a_request_are_alike() -> None:
    generator = numpy.random.default_rng(8)

    def draw(factor: float) -> tuple[Numbers, Numbers]:
        gaps = [
            factor * generator.lognormal(0, 0.2) * generator.gamma(20, 1 / 20, generator.integers(10, 60))
            for _ in range(30)
        ]
        return numpy.concatenate(gaps), resampled_gap_medians(gaps, generator)

    assert covered(draw, trials=100) >= 0.90


def covered(draw: Callable[[float], tuple[Numbers, Numbers]], trials: int = 200, truth_percent: float = 10.0) -> float:
    """In what share of the trials the interval holds the difference that was planted."""
    hits = 0
    for _ in range(trials):
        (a, medians_a), (b, medians_b) = draw(1.0), draw(1.0 + truth_percent / 100.0)
        found = interval(a, b, medians_a, medians_b)
        assert found.low_percent is not None and found.high_percent is not None
        hits += found.low_percent <= truth_percent <= found.high_percent
    return hits / trials


@pytest.mark.parametrize("count", [5, 6, 41, 100])
def test_a_median_of_a_redrawn_group_has_the_distribution_of_real_redrawing(count: int) -> None:
    generator = numpy.random.default_rng(3)
    values = generator.gamma(3, size=count)
    redrawn = numpy.median(generator.choice(values, (20_000, count)), axis=1)
    ours = numpy.concatenate([resampled_medians(values, generator) for _ in range(10)])
    assert set(numpy.unique(ours)) <= {(one + other) / 2 for one in values for other in values}
    shares = numpy.linspace(0.05, 0.95, 19)
    ranks = numpy.searchsorted(numpy.sort(redrawn), numpy.quantile(ours, shares), side="right") / len(redrawn)
    below = numpy.searchsorted(numpy.sort(redrawn), numpy.quantile(ours, shares), side="left") / len(redrawn)
    assert ((below - 0.015 <= shares) & (shares <= ranks + 0.015)).all()


def test_gaps_of_one_request_move_together() -> None:
    """Ten requests of a thousand gaps each are ten witnesses and not ten thousand."""
    generator = numpy.random.default_rng(4)
    gaps = [numpy.full(1000, pace) for pace in generator.lognormal(0, 0.3, 10)]
    by_request = resampled_gap_medians(gaps, generator)
    by_gap = resampled_medians(numpy.concatenate(gaps), generator)
    assert by_request.std() > 3 * by_gap.std()


def test_the_same_seed_gives_the_same_answer_and_another_moves_only_the_ends(connection: sqlite3.Connection) -> None:
    put(connection, itertools.chain(requests("a", 80, 1), requests("b", 80, 2, factor=1.3)))
    first, again, other = (compare(connection, A, B, seed=seed) for seed in (1, 1, 2))
    assert first == again
    for one, two in zip(first.figures, other.figures, strict=True):
        assert (one.median_a, one.median_b, one.difference_percent) == (
            two.median_a,
            two.median_b,
            two.difference_percent,
        )
        assert one.low_percent == pytest.approx(two.low_percent, abs=3.0)


def test_medians_are_the_p50_of_the_same_requests(connection: sqlite3.Connection) -> None:
    put(connection, itertools.chain(requests("a", 31, 1), requests("b", 44, 2)))
    found = compare(connection, A, B)
    assert (found.a, found.b) == (frames.totals(connection, A), frames.totals(connection, B))
    for each in found.figures:
        assert each.a is not None and each.b is not None
        assert (each.median_a, each.median_b) == (each.a.p50, each.b.p50)
    assert by_name(found.figures)["ttft_seconds"].a == frames.summary(connection, A)["ttft_seconds"]


def test_fewer_than_five_are_too_few_and_it_says_so(connection: sqlite3.Connection) -> None:
    put(connection, itertools.chain(requests("a", 50, 1), requests("b", FEWEST_REQUESTS - 1, 2, factor=9)))
    for each in compare(connection, A, B).figures:
        assert each.verdict == "too few"
        assert (each.difference_percent, each.low_percent, each.high_percent) == (None, None, None)
        assert "A has 50 and B 4 requests" in each.words
        assert each.median_b is not None
    put(connection, requests("b", 1, 3, factor=9))
    assert {each.verdict for each in compare(connection, A, B).figures} == {"worse"}


def test_many_gaps_of_one_request_are_still_too_few(connection: sqlite3.Connection) -> None:
    put(connection, itertools.chain(requests("a", 50, 1), requests("b", 1, 2)))
    gaps = by_name(compare(connection, A, B).figures)[INTER_TOKEN.name]
    assert gaps.b is not None and gaps.b.count >= 10
    assert gaps.verdict == "too few"


def test_a_figure_only_one_group_has_is_shown_and_one_that_nobody_has_is_left_out(
    connection: sqlite3.Connection,
) -> None:
    put(connection, requests("a", 10, 1))
    put(connection, (unmeasured(request_id=f"b-{number}", model="b") for number in range(10)))
    found = by_name(compare(connection, A, B).figures)
    assert (found["ttft_seconds"].b, found["ttft_seconds"].median_b) == (None, None)
    assert found["ttft_seconds"].verdict == "too few"
    assert found["total_seconds"].verdict == "no real difference" or found["total_seconds"].difference_percent
    assert {each.name for each in compare(connection, B, B).figures} == {"total_seconds"}
    assert compare(connection, Filter(model=("nobody",)), Filter(model=("nobody",))).figures == ()


def test_an_empty_group_is_too_few_and_no_failure(connection: sqlite3.Connection) -> None:
    put(connection, requests("a", 10, 1))
    found = compare(connection, A, Filter(model=("nobody",)))
    assert found.b.requests == 0
    assert {each.verdict for each in found.figures} == {"too few"}


def test_of_a_median_of_zero_there_is_no_percentage(connection: sqlite3.Connection) -> None:
    put(connection, (report(request_id=f"a-{n}", model="a", queue_seconds=0.0) for n in range(10)))
    put(connection, (report(request_id=f"b-{n}", model="b", queue_seconds=0.5) for n in range(10)))
    queue = by_name(compare(connection, A, B).figures)["queue_seconds"]
    assert (queue.difference_percent, queue.low_percent, queue.high_percent) == (None, None, None)
    assert queue.verdict == "worse"
    assert queue.words == "Queue: 0 ms in A and 500 ms in B; no percentage of nearly nothing. Worse."
    same = by_name(compare(connection, A, A).figures)["queue_seconds"]
    assert same.verdict == "no real difference"


def test_the_words_are_one_plain_sentence_with_numbers(connection: sqlite3.Connection) -> None:
    for model, tpot in (("a", 0.1), ("b", 0.08), ("c", 0.1)):
        put(
            connection,
            (report(request_id=f"{model}-{n}", model=model, tpot_seconds=tpot + n * 1e-4) for n in range(40)),
        )
    found = by_name(compare(connection, A, B).figures)["tpot_seconds"]
    assert found.words.startswith("TPOT is 19.6% lower in B, better (95% interval -20.")
    equal = by_name(compare(connection, A, Filter(model=("c",))).figures)["tpot_seconds"]
    assert equal.words.startswith("TPOT: no real difference, +0.0% with a 95% interval -")
    assert equal.words.endswith("that includes 0.")


def test_gaps_are_those_of_the_summary_however_many_requests_there_are(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "GAP_REQUESTS", 40)
    monkeypatch.setattr(frames.gaps, "__defaults__", (40,))
    put(connection, itertools.chain(requests("a", 300, 1), requests("b", 300, 2)))
    found = by_name(compare(connection, A, B).figures)[INTER_TOKEN.name]
    again = by_name(compare(connection, B, A).figures)[INTER_TOKEN.name]
    assert found.a is not None and found.b is not None and found.a.sampled < found.a.count
    assert (found.median_a, found.median_b) == (found.a.p50, found.b.p50) == (again.median_b, again.median_a)


def test_two_filters_that_mean_the_same_are_the_same_requests_and_nothing_is_drawn(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(connection, itertools.chain(requests("a", 30, 1), requests("b", 3, 2)))
    monkeypatch.setattr(numpy.random, "default_rng", lambda *_: pytest.fail("something was drawn"))
    found = compare(connection, Filter(model=("a", "b")), Filter(model=("b", "a", "b"))).figures
    assert {each.name for each in found} == {each.name for each in DIRECTED}
    for each in found:
        assert (each.difference_percent, each.low_percent, each.high_percent) == (0.0, 0.0, 0.0)
        assert each.verdict == "no real difference" and "the same requests" in each.words
