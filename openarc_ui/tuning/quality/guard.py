"""The quality guard: does a configuration still write what the reference writes?

It compares next-token distributions on the bundled text, perplexity, and greedy answers that visits brought; where one can't
be had it says why. The numbers behind its thresholds are in docs/tuning.md.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.pipelines import ATTENTION_BACKEND
from openarc_ui.engine.preflight import Plan
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import OpenArcError, TuningFolderUnusable
from openarc_ui.tuning.desk import Ending, RunStopped, TimeOver, time_over
from openarc_ui.tuning.quality.scoring import RunProcess, Score, ScoreFailed, ScoreOrder, Scores
from openarc_ui.tuning.quality.text_blocks import divergence_interval, perplexity_interval
from openarc_ui.tuning.quality.verdict import (
    change_of,
    changes_text,
    divergences_of,
    identical_share,
    is_sure,
    loss_of,
    words_of,
)
from openarc_ui.tuning.requests import QualityOptions
from openarc_ui.tuning.results import Configuration, Failure, Greedy, Quality

PROMPTS = Path(__file__).parent.parent.parent.parent / "assets" / "tuning" / "prompts.json"
EXACT: Mapping[str, Mapping[str, PropertyValue]] = {
    "CPU": {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0},
    "GPU": {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f16", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0},
}
"""The most exact a device takes. CPU: run with both backends. GPU: OpenVINO's names for it, whose cache is f16 at most
(its page "GPU device"); not run on hardware."""
VERSIONS = ("openvino", "openvino-genai")
MOST_TOLD_LOSS = 100.0
"""Nats a token: beyond, a perplexity is nothing that a percentage says."""


@dataclass(frozen=True, slots=True)
class _Scored:
    """Both scores, as far as there are any.

    Attributes:
        reasons: why one is missing.
        is_reused: the configuration's was there already.
    """

    score: Score | None = None
    reference: Score | None = None
    reasons: tuple[str, ...] = ()
    is_reused: bool = False


def greedy_prompts(count: int) -> tuple[str, ...]:
    """The first so many prompts of the bundled set."""
    prompts: list[str] = json.loads(PROMPTS.read_text(encoding="utf-8"))
    return tuple(prompts[:count])


def default_reference(base: LoadRequest) -> LoadRequest:
    """The base's model on its device, with f32 in computation and KV cache, no dynamic quantization, and nothing else set.

    What is no matter of precision stays: the backend, its pipeline, sampling defaults, special tokens. A device that is not
    known to take these properties (an NPU, or a composite with one) gets none of them.
    """
    kinds = {part.partition(".")[0].partition("(")[0] for part in base.device.rpartition(":")[2].split(",")}
    exact = EXACT["GPU" if "GPU" in kinds else "CPU"] if kinds <= EXACT.keys() else {}
    kept = {name: value for name, value in base.ov_config.items() if name == ATTENTION_BACKEND}
    return base.model_copy(update={"ov_config": {**kept, **exact}, "scheduler": SchedulerOptions(), "name": None})


def compare_texts(
    engine: Engine,
    configuration: Configuration,
    reference: Configuration,
    answers: Sequence[Greedy],
    reference_answers: Sequence[Greedy],
    options: QualityOptions,
    folder: Path,
    stopping: threading.Event,
    run: RunProcess | None = None,
    deadline: float | None = None,
) -> Quality | Failure:
    """Score both in processes of their own, and compare the greedy answers that visits brought.

    Args:
        folder: the run's; the reference's distributions are kept in it, and a score that was made is found again.
        run: how a model is scored; left out, in a process.
        deadline: by `time.monotonic`; once it passes the process is ended, and the failure is `time_over`.

    Raises:
        RunStopped: `stopping` was set; the process is ended.
        TuningFolderUnusable: a score can't be kept.
    """
    began_at, ending = time.monotonic(), Ending(stopping, deadline)
    try:
        ending.require_wanted()
        plan, reference_plan = engine.preflight.plan(configuration.load), engine.preflight.plan(reference.load)
        scored = _scores(engine, plan, reference_plan, options, folder, ending, run)
    except TimeOver:
        return time_over("quality")
    except TuningFolderUnusable:
        raise
    except OpenArcError as error:
        return Failure("quality", error.code, error.message, error.hint)
    divergences = divergences_of(answers, reference_answers)
    if scored.score is None and not divergences:
        words = " ".join(scored.reasons) or "There is no answer of both to the same prompt."
        return Failure("quality", "nothing_to_compare", words, "What was measured of its speed counts all the same.")
    score, base = scored.score or Score("", 0), scored.reference or Score("", 0)
    divergence, perplexity, change = divergence_interval(score), perplexity_interval(score), change_of(score, base)
    return Quality(
        configuration_id=configuration.configuration_id,
        reference_id=reference.configuration_id,
        mean_kl_divergence=_finite(score.mean_kl_divergence),
        p99_kl_divergence=_finite(score.p99_kl_divergence),
        same_top_share=score.same_top_share,
        perplexity=_finite(score.perplexity),
        reference_perplexity=_finite(base.perplexity),
        backend_perplexity=_finite(score.backend_perplexity),
        text_tokens=score.positions,
        identical_share=identical_share(divergences),
        divergences=divergences,
        method=_method(scored, len(divergences), options),
        changes_text=changes_text(scored.score, scored.reference, divergences),
        words=words_of(scored.score, scored.reference, divergences),
        seconds=time.monotonic() - began_at,
        mean_kl_divergence_low=divergence.low if divergence is not None else None,
        mean_kl_divergence_high=divergence.high if divergence is not None else None,
        perplexity_low=perplexity.low if perplexity is not None else None,
        perplexity_high=perplexity.high if perplexity is not None else None,
        perplexity_change_percent=_percent(loss_of(scored.score, scored.reference)),
        perplexity_change_low_percent=_percent(change.low if change is not None else None),
        perplexity_change_high_percent=_percent(change.high if change is not None else None),
        is_sure=is_sure(scored.score, scored.reference),
    )


def forget_distributions(folder: Path) -> None:
    """Delete the reference's distributions of a run that has ended: 50 MB and more. Scores stay."""
    Scores(folder, Ending(threading.Event())).forget_distributions()


def _scores(
    engine: Engine,
    plan: Plan,
    reference: Plan,
    options: QualityOptions,
    folder: Path,
    ending: Ending,
    run: RunProcess | None,
) -> _Scored:
    """Both scores.

    Raises:
        RunStopped, TimeOver, TuningFolderUnusable.
    """
    scores = Scores(folder, ending, run)
    for each, whose in ((plan, ""), (reference, "Of the reference: ")):
        reason = _why_not(each)
        if reason:
            return _Scored(reasons=(whose + reason,))
    order, its_order = _order(plan, options), _order(reference, options)
    model, its_model = _model(engine, plan), _model(engine, reference)
    base: Score | None = None
    try:
        base, _ = scores.reference(its_order, its_model)
        score, is_reused = scores.compared(order, model, its_order, its_model)
    except ScoreFailed as error:
        if ending.is_stopped():
            raise RunStopped from error  # the process may have been ended with the run
        whose = "Of the reference: " if base is None else ""
        return _Scored(reference=base, reasons=(whose + error.message,))
    if base.perplexity is not None and math.isnan(base.perplexity):
        # What is held against no numbers is none either, whatever it is itself.
        score = replace(
            score, mean_kl_divergence=None, p99_kl_divergence=None, same_top_share=None, block_divergences=()
        )
    of_reference = (f"Of the reference: {reason}" for reason in (*base.reasons, *_not_finite(base)))
    return _Scored(score, base, (*of_reference, *score.reasons, *_not_finite(score)), is_reused)


def _finite(number: float | None) -> float | None:
    """What JSON and a table can hold; `_not_finite` has the words for what they can't."""
    return number if number is not None and math.isfinite(number) else None


def _percent(loss: float | None) -> float | None:
    """A loss in nats a token as a change of perplexity, where that is a number."""
    if loss is None or not loss < MOST_TOLD_LOSS:
        return None
    return 100.0 * math.expm1(loss)


def _not_finite(score: Score) -> list[str]:
    """Why a figure that was computed is none that can be told."""
    words = []
    perplexities = [each for each in (score.perplexity, score.backend_perplexity) if each is not None]
    if any(math.isnan(each) for each in perplexities):
        words.append("Some of its logits are no numbers (NaN), so there is no perplexity.")
    elif any(math.isinf(each) for each in perplexities):
        words.append("Its perplexity is infinite: to a token that really comes it gives no chance at all.")
    divergence = score.mean_kl_divergence
    if divergence is not None and math.isnan(divergence):
        words.append("Some of its logits are no numbers (NaN), so there is no KL divergence.")
    elif divergence is not None and math.isinf(divergence):
        words.append(
            "Its KL divergence is infinite: to a token that the reference may write it gives no chance at all."
        )
    return words


def _why_not(plan: Plan) -> str:
    """Why a model's distributions can't be had at all; "" where they can be tried."""
    if plan.backend == "scripted":
        return "The scripted backend computes no distributions."
    if "NPU" in plan.request.device:
        return "An NPU's pipeline tells logits of the last token only, so there are no distributions (not run on hardware)."
    if plan.entry.kind == "gguf":
        return "GenAI keeps the model it makes of a GGUF file to itself, so there are no distributions."
    if plan.entry.kind != "ir":
        return "The model is converted while it is loaded, so there is none to take distributions from."
    return ""


def _order(plan: Plan, options: QualityOptions) -> ScoreOrder:
    request = plan.request
    return ScoreOrder(
        folder=plan.entry.path,
        backend=plan.backend,
        device=request.device,
        ov_config=request.ov_config,
        scheduler=request.scheduler,
        text_tokens=options.text_tokens,
    )


def _model(engine: Engine, plan: Plan) -> list[object]:
    """What a score is of, besides its order: the files of the model, and the libraries that ran it."""
    return [plan.entry.path, engine.catalogue.fingerprint(plan.entry), [_version(name) for name in VERSIONS]]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _method(scored: _Scored, answers: int, options: QualityOptions) -> str:
    """What was run, in one sentence, and what could not be."""
    score, parts = scored.score, []
    if score is not None and score.perplexity is not None:
        against = ", against the reference's" if score.mean_kl_divergence is not None else ""
        parts.append(
            f"next-token distributions of {score.positions} tokens of the bundled text by {score.form}{against}"
        )
    if score is not None and score.backend_perplexity is not None:
        parts.append("perplexity by GenAI's own pipeline")
    if answers:
        parts.append(f"{answers} greedy answers of at most {options.answer_tokens} tokens, token by token")
    told = "; ".join(parts)
    told = f"{told[:1].upper()}{told[1:]}." if told else ""
    if scored.is_reused:
        told += (
            " They were scored before: this configuration, or one that only spreads the work otherwise,"
            " which scored the same where that was measured (on two cores)."
        )
    return " ".join([told, *scored.reasons]).strip()
