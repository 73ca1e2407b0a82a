"""The quality guard: does a configuration still write what the reference writes?

It compares next-token distributions on the bundled text, perplexity, and greedy answers that visits brought; where one can't
be had it says why. The numbers behind its thresholds are in docs/tuning.md.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.pipelines import ATTENTION_BACKEND
from openarc_ui.engine.preflight import Plan
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import OpenArcError
from openarc_ui.tuning.desk import RunStopped
from openarc_ui.tuning.requests import QualityOptions
from openarc_ui.tuning.results import Configuration, Divergence, Failure, Greedy, Quality
from openarc_ui.tuning.scoring import RunProcess, Score, ScoreFailed, ScoreOrder, Scores
from openarc_ui.tuning.verdict import changes_text, first_difference, words

PROMPTS = Path(__file__).parent.parent.parent / "assets" / "tuning" / "prompts.json"
EXACT: Mapping[str, Mapping[str, PropertyValue]] = {
    "CPU": {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0},
    "GPU": {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f16", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0},
}
"""The most exact a device takes. CPU: run with both backends. GPU: OpenVINO's names for it, whose cache is f16 at most
(its page "GPU device"); not run on hardware."""
VERSIONS = ("openvino", "openvino-genai")


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
) -> Quality | Failure:
    """Score both in processes of their own, and compare the greedy answers that visits brought.

    Args:
        folder: the run's; the reference's distributions are kept in it, and a score that was made is found again.
        run: how a model is scored; left out, in a process.

    Raises:
        RunStopped: `stopping` was set; the process is ended.
    """
    if stopping.is_set():
        raise RunStopped
    began_at = time.monotonic()
    try:
        plan, reference_plan = engine.preflight.plan(configuration.load), engine.preflight.plan(reference.load)
    except OpenArcError as error:
        return Failure("quality", error.code, error.message, error.hint)
    scored = _scores(engine, plan, reference_plan, options, Scores(folder, stopping, run))
    divergences = _divergences(answers, reference_answers)
    if scored.score is None and not divergences:
        return Failure("quality", "nothing_to_compare", " ".join(scored.reasons), "The speed was measured all the same.")
    return _quality(configuration, reference, scored, divergences, time.monotonic() - began_at)


def forget_distributions(folder: Path) -> None:
    """Delete the reference's distributions of a run that has ended: 50 MB and more. Scores stay."""
    Scores(folder, threading.Event()).forget_distributions()
