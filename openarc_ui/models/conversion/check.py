"""A quick check of a conversion: source and result measured in the same way, each in a process of its own.

What can't be measured is a problem of the check, never of the conversion.
"""

from __future__ import annotations

import json
import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, Literal

from openarc_ui.models.child import Child
from openarc_ui.models.conversion.check_process import CheckOrder
from openarc_ui.models.conversion.watching import MemoryWatch
from openarc_ui.models.results import QuickCheck
from openarc_ui.models.work.worker import TaskStopped

Runtime = Literal["pytorch", "openvino"]

TOKENS: Final = 512
GENERATED_TOKENS: Final = 48
LIMIT_SECONDS: Final = 900.0
MUCH_WORSE: Final = 1.5
"""4-bit weights of a model as small as the starter, where they cost most, came to 1.2 to 1.6 times."""
RUNTIMES: Final[dict[Runtime, str]] = {"pytorch": "PyTorch, float32", "openvino": "OpenVINO, CPU"}


def quick_check(
    folder: Path,
    runtime: Runtime,
    watch: MemoryWatch,
    log: Callable[[str], None],
    stopping: threading.Event,
    still: Callable[[], None] = lambda: None,
    limit_seconds: float = LIMIT_SECONDS,
) -> QuickCheck:
    """Measure a model; minutes for a large one.

    Args:
        still: called now and then while it goes on.

    Raises:
        TaskStopped: `stopping` was set; nothing of it runs any more.
    """
    order = CheckOrder(str(folder), runtime, TOKENS, GENERATED_TOKENS)
    nothing = not_measured(runtime, "")
    child: Child[dict[str, Any]] = Child(
        "openarc_ui.models.conversion.check_process",
        (),
        _figures,
        first_line=json.dumps(asdict(order)),
        environment={"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"},
        on_stderr=log,
    )
    ends_at = time.monotonic() + limit_seconds
    try:
        while True:
            if watch.look(child.process_id):
                still()
            if stopping.is_set():
                raise TaskStopped
            if time.monotonic() > ends_at:
                return replace(nothing, problem=f"It took longer than {limit_seconds / 60:.0f} minutes and was ended.")
            try:
                told = child.next_report()
            except queue.Empty:
                continue
            if told is None:
                return replace(nothing, problem=child.reason_of_death("The measuring process"))
            return _check(told, nothing)
    finally:
        child.end()


def much_worse(source: QuickCheck | None, result: QuickCheck | None) -> str:
    """That the result predicts the same text far worse than the source, in a sentence; "" where it does not, or was not measured."""
    if source is None or result is None or not source.perplexity or not result.perplexity:
        return ""
    times = result.perplexity / source.perplexity
    if times < MUCH_WORSE:
        return ""
    return f"Its perplexity is {times:.1f} times the source's: rounded like this, it predicts the text far worse."


def not_measured(runtime: Runtime, problem: str) -> QuickCheck:
    """No figures, and why."""
    return QuickCheck(None, 0, None, 0, RUNTIMES[runtime], problem)


def _figures(line: str) -> dict[str, Any]:
    told = json.loads(line)
    if not isinstance(told, dict) or not ({"problem", "perplexity"} & set(told)):
        raise ValueError("no figures")
    return told


def _check(told: dict[str, Any], nothing: QuickCheck) -> QuickCheck:
    if "problem" in told:
        return replace(nothing, problem=str(told["problem"]))
    figures = replace(nothing, **told)
    if figures.perplexity is not None and not math.isfinite(figures.perplexity):
        return replace(figures, perplexity=None, problem="Its probabilities are no numbers: the model is broken.")
    return figures
