"""The arithmetic of next-token distributions, against cases worked out by hand."""

from __future__ import annotations

import errno
import math
from pathlib import Path

import numpy
import pytest

from openarc_ui.errors import TuningFolderUnusable
from openarc_ui.tuning.quality.distributions import Keeper, Scorer, kl_divergences, log_softmax, perplexity, read_kept

HALF = numpy.log(numpy.array([[0.5, 0.5], [0.9, 0.1]]))
SKEWED = numpy.log(numpy.array([[0.9, 0.1], [0.9, 0.1]]))
HAND = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)


def kept_copy(folder: Path, rows: numpy.ndarray) -> numpy.ndarray:
    keeper = Keeper(folder / "reference.npy", *rows.shape)
    keeper.add(rows)
    keeper.finish()
    return read_kept(folder / "reference.npy")


def test_a_divergence_is_that_of_the_definition_and_goes_from_the_reference() -> None:
    assert kl_divergences(HALF, SKEWED).tolist() == pytest.approx([HAND, 0.0])
    there, back = kl_divergences(HALF, SKEWED)[0], kl_divergences(SKEWED, HALF)[0]
    assert back == pytest.approx(0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5))
    assert there != pytest.approx(back)


def test_what_the_reference_never_writes_adds_nothing_and_what_it_alone_may_write_is_infinite() -> None:
    """0 · ln(0 / q) is 0, also where q is 0 too; p · ln(p / 0) is infinite."""
    never = numpy.log(numpy.array([[0.5, 0.5, 0.0]]), where=[[True, True, False]], out=numpy.full((1, 3), -numpy.inf))
    some = numpy.log(numpy.array([[0.25, 0.25, 0.5]]))
    assert kl_divergences(never, never).tolist() == [0.0]
    assert kl_divergences(never, some).tolist() == pytest.approx([math.log(2)])
    assert kl_divergences(some, never).tolist() == [math.inf]


def test_logits_of_minus_infinity_are_probabilities_of_nothing_and_nan_is_told(tmp_path: Path) -> None:
    masked = numpy.array([[0.0, math.log(3), -math.inf]])
    assert numpy.exp(log_softmax(masked)).tolist() == [pytest.approx([0.25, 0.75, 0.0])]
    kept = kept_copy(tmp_path, numpy.repeat(log_softmax(masked), 2, axis=0))
    scorer = Scorer(numpy.array([0, 1]), kept)
    list(scorer.add(numpy.repeat(masked, 2, axis=0)))
    distance = scorer.distance()
    assert distance is not None and distance.mean_kl_divergence == pytest.approx(0.0, abs=1e-6)
    broken = Scorer(numpy.array([0, 1]), kept)
    list(broken.add(numpy.array([[0.0, 1.0, 2.0], [math.nan, 1.0, 2.0]])))
    distance = broken.distance()
    assert distance is not None and math.isnan(distance.mean_kl_divergence) and math.isnan(broken.perplexity())
    assert distance.same_top_share == 0.0


def test_a_token_that_had_no_chance_makes_the_perplexity_infinite() -> None:
    assert perplexity([math.log(0.5), -math.inf]) == math.inf


def test_logits_of_any_height_become_probabilities_that_sum_to_one() -> None:
    rows = log_softmax(numpy.array([[1000.0, 1000.0 + math.log(3)], [-5.0, -5.0]], numpy.float32))
    assert numpy.exp(rows).tolist() == [pytest.approx([0.25, 0.75], abs=1e-5), pytest.approx([0.5, 0.5])]


def test_perplexity_of_a_coin_is_two() -> None:
    assert perplexity([math.log(0.5)] * 7) == pytest.approx(2.0)


def test_a_scorer_tells_perplexity_mean_99th_percentile_and_same_top_share(tmp_path: Path) -> None:
    kept = kept_copy(tmp_path, log_softmax(numpy.log(numpy.array([[0.4, 0.6], [0.9, 0.1]]))))
    scorer = Scorer(numpy.array([0, 1]), kept)
    for chunk in (SKEWED[:1], SKEWED[1:]):
        list(scorer.add(chunk))
    distance = scorer.distance()
    first = 0.4 * math.log(0.4 / 0.9) + 0.6 * math.log(0.6 / 0.1)
    assert distance is not None
    assert distance.mean_kl_divergence == pytest.approx(first / 2, abs=1e-3)
    assert distance.p99_kl_divergence == pytest.approx(0.99 * first, abs=1e-3)
    assert distance.same_top_share == 0.5
    assert scorer.perplexity() == pytest.approx(math.exp(-(math.log(0.9) + math.log(0.1)) / 2))


def test_a_scorer_without_a_reference_tells_no_distance() -> None:
    scorer = Scorer(numpy.array([0, 1]))
    list(scorer.add(SKEWED))
    assert scorer.distance() is None


def test_what_is_kept_is_less_than_a_millionth_from_itself(tmp_path: Path) -> None:
    logits = numpy.random.default_rng(0).normal(0, 4, (40, 5000)).astype(numpy.float32)
    rows = log_softmax(logits)
    kept = kept_copy(tmp_path, rows)
    assert kept.dtype == numpy.float16
    scorer = Scorer(numpy.zeros(40, int), kept)
    list(scorer.add(logits))
    distance = scorer.distance()
    assert distance is not None
    assert 0 <= distance.mean_kl_divergence < 1e-6
    assert distance.same_top_share == 1.0


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "reference.npy", 2, 2)
    keeper.add(HALF[:1])
    assert not (tmp_path / "reference.npy").exists()
    keeper.add(HALF[1:])
    keeper.finish()
    assert [each.name for each in tmp_path.iterdir()] == ["reference.npy"]


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "reference.npy", 2, 2)

    class Full:
        def write(self, content: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    keeper._stream.close()
    keeper._stream = Full()  # type: ignore[assignment]
    with pytest.raises(TuningFolderUnusable, match="No space left on device"):
        keeper.add(HALF)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TuningFolderUnusable, match="No such file"):
        Keeper(tmp_path / "missing" / "reference.npy", 2, 2)
