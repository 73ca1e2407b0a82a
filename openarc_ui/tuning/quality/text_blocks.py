"""How sure the figures of a text are: intervals by resampling blocks of neighbouring tokens. Pure.

Tokens of one text depend on each other (where it is hard, it is hard for a while), so none may be resampled by itself; blocks
that do not overlap may (E. Carlstein, Annals of Statistics 14, 1986; H. R. Künsch, Annals of Statistics 17, 1989). An interval
says how far another piece of such a text would be off. It is not how a score scatters: scored twice, it is the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from openarc_ui.tuning.judging.statistics import mean_interval
from openarc_ui.tuning.quality.scoring import Score

FEWEST_BLOCKS = 6
"""For an interval: 384 tokens."""
CONFIDENCE_PERCENT = 95.0


@dataclass(frozen=True, slots=True)
class Interval:
    """Of a mean over the tokens of a text."""

    low: float
    high: float

    def leaves_out(self, limit: float) -> bool:
        """Whether it lies on one side: all of it above the limit, or none of it."""
        return self.low > limit or self.high <= limit


def divergence_interval(score: Score) -> Interval | None:
    """Of the mean KL divergence, in nats; no divergence is below 0."""
    found = _interval(score.block_divergences) if score.mean_kl_divergence is not None else None
    return None if found is None else Interval(max(0.0, found.low), found.high)


def perplexity_interval(score: Score) -> Interval | None:
    """Of the perplexity by distributions."""
    found = _interval(score.block_log_probabilities)
    return None if found is None else Interval(math.exp(-found.high), math.exp(-found.low))


def loss_interval(score: Score, reference: Score) -> Interval | None:
    """Of how much likelier the reference finds the text, in nats a token, block by block: hard ones are hard for both.

    By the same of both as `verdict.loss_of` is: the distributions, or else GenAI's own pipeline.
    """
    for mine, its in (
        (score.block_log_probabilities, reference.block_log_probabilities),
        (score.backend_block_log_probabilities, reference.backend_block_log_probabilities),
    ):
        if mine and len(mine) == len(its) and all(map(math.isfinite, its)):
            return _interval([other - one for one, other in zip(mine, its, strict=True)])
    return None


def _interval(blocks: Sequence[float]) -> Interval | None:
    """Of the mean, as of visits and rounds: at each end the wider of Student's t and the resampled blocks.

    None of too few blocks, and where one of them is no finite number.
    """
    if len(blocks) < FEWEST_BLOCKS or not all(map(math.isfinite, blocks)):
        return None
    low, high = mean_interval(numpy.asarray(blocks, numpy.float64), CONFIDENCE_PERCENT, numpy.random.default_rng(0))
    return Interval(low, high)
