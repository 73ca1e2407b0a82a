"""The quality guard: does a configuration still write what the reference writes?"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.requests import QualityOptions
from openarc_ui.tuning.results import Configuration, Failure, Greedy, Quality


def greedy_prompts(count: int) -> tuple[str, ...]:
    """The first so many prompts of the bundled set."""
    raise NotImplementedError


def default_reference(base: LoadRequest) -> LoadRequest:
    """The base's model on its device, with f32 in computation and KV cache, no dynamic quantization, and nothing else set."""
    raise NotImplementedError


def compare_texts(
    engine: Engine,
    configuration: Configuration,
    reference: Configuration,
    answers: Sequence[Greedy],
    reference_answers: Sequence[Greedy],
    options: QualityOptions,
    folder: Path,
    stopping: threading.Event,
) -> Quality | Failure:
    """Score both in processes of their own, and compare the greedy answers that visits brought.

    Args:
        folder: the run's; the reference's distributions are kept in it, and a score that was made is found again.

    Raises:
        RunStopped: `stopping` was set; the process is ended.
    """
    raise NotImplementedError
