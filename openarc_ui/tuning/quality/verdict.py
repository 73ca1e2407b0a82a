"""Whether a text is still the reference's, and that in words. Pure.

The measurements behind the thresholds are in docs/tuning.md, "How the text is compared": on the starter what half precision
and INT8 weights do stays below 0.008 nats, another number of threads in half precision below 0.003, and a u4 cache is above 0.017.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from openarc_ui.tuning.judging.statistics import signed
from openarc_ui.tuning.quality.scoring import Score
from openarc_ui.tuning.quality.text_blocks import Interval, divergence_interval, loss_interval
from openarc_ui.tuning.results import Divergence, Greedy

MOST_KL_DIVERGENCE = 0.01
"""Mean, in nats. Beyond it the text counts as changed."""
MOST_LOSS = 0.02
"""Of the logarithm of perplexity, where there is no KL divergence: 2%. Its sign varies from token to token, so it is noisier."""
LEAST_TOLD = 1e-6
"""Nats; below is what the rounding of the reference's copy leaves."""


def divergences_of(answers: Sequence[Greedy], reference_answers: Sequence[Greedy]) -> tuple[Divergence, ...]:
    """Each prompt that both answered."""
    by_prompt = {each.prompt: each for each in reference_answers}
    return tuple(
        Divergence(each.prompt, first_difference(each, base), len(each.token_ids), base.text, each.text)
        for each in answers
        if (base := by_prompt.get(each.prompt)) is not None
    )


def first_difference(answer: Greedy, reference: Greedy) -> int | None:
    """Index of the first generated token that differs, the end of the shorter one included; None: all are the same."""
    pairs = zip(answer.token_ids, reference.token_ids, strict=False)
    differing = next((index for index, (mine, its) in enumerate(pairs) if mine != its), None)
    if differing is None and len(answer.token_ids) != len(reference.token_ids):
        return min(len(answer.token_ids), len(reference.token_ids))
    return differing


def identical_share(divergences: Sequence[Divergence]) -> float | None:
    """Share of the answers that are the same to the last token; None without any."""
    if not divergences:
        return None
    return sum(each.first_difference is None for each in divergences) / len(divergences)


def loss_of(score: Score | None, reference: Score | None) -> float | None:
    """How much likelier the reference finds the text, in nats a token; None where they have not predicted the same tokens.

    By the distributions of both, or else by GenAI's own pipeline for both. Infinite where the configuration gives no chance
    at all to a token that comes, NaN where its logits are no numbers; None where that is so of the reference, since nothing
    can be held against it then.
    """
    if score is None or reference is None or score.token_digest != reference.token_digest:
        return None
    for mine, its in (
        (score.perplexity, reference.perplexity),
        (score.backend_perplexity, reference.backend_perplexity),
    ):
        if mine is not None and its is not None and math.isfinite(its):
            return math.log(mine / its)
    return None


def changes_text(score: Score | None, reference: Score | None, divergences: Sequence[Divergence]) -> bool | None:
    """By the KL divergence; else by perplexity; else by the answers, of which any that differs counts. None: by nothing."""
    if score is not None and score.mean_kl_divergence is not None:
        return not score.mean_kl_divergence <= MOST_KL_DIVERGENCE  # what is no number at all is no text either
    loss, share = loss_of(score, reference), identical_share(divergences)
    if loss is not None:
        return not loss <= MOST_LOSS
    return None if share is None else share < 1


def is_sure(score: Score | None, reference: Score | None) -> bool | None:
    """Whether the whole interval of what the verdict is by is on the side of the limit that its value is on.

    None where there is no interval: the text is too short, or the verdict is by the answers, or a figure is no number.
    """
    if score is None:
        return None
    if score.mean_kl_divergence is not None:
        found, limit = divergence_interval(score), MOST_KL_DIVERGENCE
    else:
        found, limit = change_of(score, reference), MOST_LOSS
    return None if found is None else found.leaves_out(limit)


def change_of(score: Score, reference: Score | None) -> Interval | None:
    """The interval of `loss_of`."""
    if reference is None or loss_of(score, reference) is None:
        return None
    return loss_interval(score, reference)


def words_of(score: Score | None, reference: Score | None, divergences: Sequence[Divergence]) -> str:
    """The verdict and what it rests on, as one sentence."""
    parts = [part for part in (_answers(divergences), _distributions(score, reference)) if part]
    if not parts:
        return "Nothing could be compared."
    changed, share = changes_text(score, reference, divergences), identical_share(divergences)
    if changed is None:
        return f"Not judged: {'; '.join(parts)}."
    verdict = (
        "Changes the text" if changed else "Writes the same" if share in (None, 1.0) else "Writes like the reference"
    )
    if is_sure(score, reference) is False:
        by_divergence = score is not None and score.mean_kl_divergence is not None
        limit = f"{MOST_KL_DIVERGENCE:g} nats" if by_divergence else f"{100.0 * MOST_LOSS:g}% of perplexity"
        return f"{verdict}, but not surely: {'; '.join(parts)}; the limit of {limit} is within the interval."
    return f"{verdict}: {'; '.join(parts)}."


def _answers(divergences: Sequence[Divergence]) -> str:
    if not divergences:
        return ""
    firsts = [each.first_difference for each in divergences if each.first_difference is not None]
    count = len(divergences)
    if not firsts:
        return f"all {count} answers are identical" if count > 1 else "the answer is identical"
    return f"{len(firsts)} of {count} answers differ, first at token {min(firsts) + 1}"


def _distributions(score: Score | None, reference: Score | None) -> str:
    parts = []
    if score is not None and score.mean_kl_divergence is not None:
        parts.append(f"KL {nats(score.mean_kl_divergence)}{_between(divergence_interval(score))}")
    if score is not None and reference is not None and loss_of(score, reference) is not None:
        mine, its = score.perplexity, reference.perplexity
        by = "perplexity"
        if mine is None or its is None or not math.isfinite(its):
            mine, its, by = score.backend_perplexity, reference.backend_perplexity, "perplexity by GenAI"
        told = f"{mine:.2f}" if mine is not None and math.isfinite(mine) else "no finite number"
        parts.append(f"{by} {its:.2f} -> {told}{_change_words(change_of(score, reference))}")
    return "; ".join(parts)


def _between(found: Interval | None) -> str:
    """The interval of a KL divergence, where it says more than that it is next to nothing."""
    if found is None or found.high < LEAST_TOLD:
        return ""
    return f" ({nats(found.low).removesuffix(' nats')} to {nats(found.high).removesuffix(' nats')})"


def _change_words(found: Interval | None) -> str:
    """The interval of a change of perplexity, in percent."""
    if found is None:
        return ""
    low, high = (signed(100.0 * math.expm1(end)) for end in (found.low, found.high))
    return f" ({low} to {high})"


def nats(divergence: float) -> str:
    """A KL divergence with two digits that mean something; what is below the rounding of the kept copy is told as that."""
    if math.isinf(divergence):
        return "infinite"
    if math.isnan(divergence):
        return "no number"
    if divergence < LEAST_TOLD:
        return "below 0.000001 nats"
    return f"{divergence:.{max(1 - math.floor(math.log10(divergence)), 0)}f} nats"
