"""How sure a text's figures are: intervals by blocks of tokens, and what a verdict says where the limit lies within one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy
import pytest

from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.judging.summaries import figures_of
from openarc_ui.tuning.quality.distributions import BLOCK_TOKENS, Scorer, block_means, log_softmax
from openarc_ui.tuning.quality.scoring import Score
from openarc_ui.tuning.quality.text_blocks import (
    FEWEST_BLOCKS,
    Interval,
    divergence_interval,
    loss_interval,
    perplexity_interval,
)
from openarc_ui.tuning.quality.verdict import MOST_KL_DIVERGENCE, changes_text, is_sure, words_of
from tests.tuning.made_visits import quality, sample, visit

Numbers = numpy.ndarray[Any, numpy.dtype[numpy.float64]]


def dependent(count: int, generator: numpy.random.Generator, dependence: float = 0.6) -> Numbers:
    """Values of which each takes part of the one before; of mean 0.01, skewed, as divergences are."""
    noise, value, found = generator.normal(size=count), generator.normal(), []
    for each in noise:
        value = dependence * value + math.sqrt(1.0 - dependence**2) * each
        found.append(math.exp(value - 0.5))
    return 0.01 * numpy.asarray(found)


def scored(divergences: Numbers | None = None, losses: Numbers | None = None) -> Score:
    """Of a text whose log probability is -3 for each token, less what is lost."""
    log_probabilities = -3.0 - (losses if losses is not None else numpy.zeros(512))
    return Score(
        "digest",
        512,
        perplexity=float(numpy.exp(-log_probabilities.mean())),
        block_log_probabilities=block_means(log_probabilities.tolist()),
        mean_kl_divergence=None if divergences is None else float(divergences.mean()),
        block_divergences=() if divergences is None else block_means(divergences.tolist()),
    )


def test_blocks_are_of_neighbours_and_differ_by_a_token_at_most() -> None:
    assert block_means([1.0] * BLOCK_TOKENS + [3.0] * BLOCK_TOKENS) == (1.0, 3.0)
    assert len(block_means([0.0] * (3 * BLOCK_TOKENS - 1))) == 2
    assert block_means([0.0] * (BLOCK_TOKENS - 1)) == ()


def test_a_scorer_tells_the_blocks_that_its_means_are_made_of() -> None:
    generator = numpy.random.default_rng(1)
    rows = log_softmax(generator.normal(size=(2 * BLOCK_TOKENS, 5)))
    scorer = Scorer(numpy.zeros(len(rows), numpy.int64), log_softmax(rows + generator.normal(size=rows.shape) / 10.0))
    list(scorer.add(rows))
    distance = scorer.distance()
    assert distance is not None and len(distance.block_divergences) == 2
    assert numpy.mean(distance.block_divergences) == pytest.approx(distance.mean_kl_divergence)
    assert math.exp(-numpy.mean(scorer.block_log_probabilities())) == pytest.approx(scorer.perplexity())


def test_an_interval_by_blocks_holds_the_truth_where_tokens_depend_on_each_other() -> None:
    """In 95 of a hundred texts; as if tokens were independent, in 70 of a hundred."""
    generator = numpy.random.default_rng(7)
    held = 0
    for _ in range(300):
        found = divergence_interval(scored(dependent(512, generator)))
        assert found is not None
        held += found.low <= 0.01 <= found.high
    assert held / 300 >= 0.9


def test_of_a_short_text_there_is_no_interval_and_nothing_is_called_unsure() -> None:
    short = replace(scored(numpy.full(512, 0.02)), block_divergences=(0.02,) * (FEWEST_BLOCKS - 1))
    assert divergence_interval(short) is None
    assert is_sure(short, scored()) is None
    assert words_of(short, scored(), ()) == "Changes the text: KL 0.020 nats; perplexity 20.09 -> 20.09 (0.0% to 0.0%)."


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_block_that_is_no_number_leaves_no_interval(broken: float) -> None:
    score = replace(
        scored(numpy.full(512, 0.02)), mean_kl_divergence=broken, block_divergences=(0.02,) * 15 + (broken,)
    )
    assert divergence_interval(score) is None
    assert is_sure(score, scored()) is None and changes_text(score, scored(), ()) is True


def test_a_change_of_perplexity_is_by_blocks_of_both_so_hard_ones_do_not_widen_it() -> None:
    hard = numpy.random.default_rng(3).normal(0.0, 1.0, 512)
    mine, its = scored(losses=hard + 0.05), scored(losses=hard)
    change, alone = loss_interval(mine, its), perplexity_interval(mine)
    assert change is not None and (change.low, change.high) == pytest.approx((0.05, 0.05))
    assert alone is not None and alone.high - alone.low > 1.0
    assert alone.low < mine.perplexity < alone.high  # type: ignore[operator]


def test_by_genais_own_pipeline_where_there_are_no_distributions() -> None:
    blocks = tuple(-3.0 - 0.01 * n for n in range(16))
    mine = Score("d", 512, backend_perplexity=21.0, backend_block_log_probabilities=tuple(b - 0.04 for b in blocks))
    its = Score("d", 512, backend_perplexity=20.2, backend_block_log_probabilities=blocks)
    change = loss_interval(mine, its)
    assert change is not None and (change.low, change.high) == pytest.approx((0.04, 0.04))
    assert is_sure(mine, its) is True and changes_text(mine, its, ()) is True


@pytest.mark.parametrize(
    ("level", "is_changed", "sure"),
    [(0.2, False, True), (0.95, False, False), (1.05, True, False), (4.0, True, True)],
    ids=["far below the limit", "just below", "just above", "far above"],
)
def test_the_mean_decides_and_the_interval_says_how_surely(level: float, is_changed: bool, sure: bool) -> None:
    divergences = dependent(512, numpy.random.default_rng(2))
    divergences *= level * MOST_KL_DIVERGENCE / divergences.mean()
    score = scored(divergences)
    assert changes_text(score, scored(), ()) is is_changed
    assert is_sure(score, scored()) is sure
    words = words_of(score, scored(), ())
    assert words.startswith("Changes the text" if is_changed else "Writes the same")
    assert ("but not surely" in words) is not sure
    assert ("the limit of 0.01 nats is within the interval." in words) is not sure


def test_a_limit_is_left_out_by_what_is_above_it_and_by_what_does_not_pass_it() -> None:
    assert Interval(0.011, 0.02).leaves_out(0.01) and Interval(0.0, 0.01).leaves_out(0.01)
    assert not Interval(0.009, 0.011).leaves_out(0.01)


def test_a_texts_figures_have_the_interval_and_answers_have_none() -> None:
    text = replace(
        quality(mean_kl_divergence=0.002, perplexity=16.3, identical_share=0.5),
        mean_kl_divergence_low=0.001,
        mean_kl_divergence_high=0.003,
    )
    found = figures_of([visit([sample()])], text)["custom"]
    assert (found["mean_kl_divergence"].low, found["mean_kl_divergence"].high) == (0.001, 0.003)
    assert (found["perplexity"].low, found["identical_share"].high) == (None, None)
    assert BY_NAME["mean_kl_divergence"].place == "quality"
