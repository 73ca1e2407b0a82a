"""Our figures beside GenAI's own of the very same runs, as JSON on standard output.

Run as `python -m tests.engine.genai_figures FOLDER PA|SDPA`, in a process of its own as everything that imports the library.
The library is wrapped so that what it tells of a run is seen; the session, the job and the backend are the real ones.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys
import time
from typing import Any

from openarc_ui.engine.backends import create_backend
from openarc_ui.engine.messages import Generate, StepOutput
from openarc_ui.engine.session import Session
from openarc_ui.engine.timing import ServedBy
from openarc_ui.engine.types import LoadRequest, PerformanceReport
from tests.conftest import ask

RUNS = 5
TOKENS = 40
PROMPT_WORDS = 450
"""More than a chunk of 256 tokens."""


class Watched:
    """A pipeline whose handles and results are kept."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self.told: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def add_request(self, *arguments: Any) -> Any:
        handle = self._pipeline.add_request(*arguments)
        self.told = handle.get_perf_metrics
        return handle

    def generate(self, *arguments: Any) -> Any:
        results = self._pipeline.generate(*arguments)
        self.told = lambda: results.perf_metrics
        return results


def main(folder: str, attention_backend: str) -> None:
    order = LoadRequest(model_path="starter", backend="genai", ov_config={"ATTENTION_BACKEND": attention_backend})
    backend: Any = create_backend("genai", order)
    model = backend.load(order, folder, lambda label, fraction: None)
    backend._pipeline = watched = Watched(backend._pipeline)
    reports: list[PerformanceReport] = []

    def keep(output: StepOutput) -> None:
        reports.extend(finished.report for finished in output.finished)

    session = Session(backend, model, ServedBy("", "genai", "CPU", ""), keep, time.perf_counter, {})
    runs = []
    words = random.Random(0)
    for _ in range(RUNS + 1):
        # Another prompt each time, so that none is found in the prefix cache.
        text = " ".join(words.choice(("sun", "rain", "snow", "fog", "wind")) for _ in range(PROMPT_WORDS))
        request = ask(text, max_new_tokens=TOKENS, ignore_eos=True, do_sample=False)
        session.add(Generate(request, time.perf_counter(), time.time()))
        while session.has_work:
            session.step()
        metrics = watched.told()
        told = {
            "ttft_seconds": metrics.get_ttft().mean / 1000,
            "tpot_seconds": metrics.get_tpot().mean / 1000,
            "decode_tokens_per_second": metrics.get_throughput().mean,
            "generated_tokens": metrics.get_num_generated_tokens(),
        }
        runs.append({"ours": dataclasses.asdict(reports[-1]), "genai": told})
    sys.stdout.write(json.dumps(runs[1:]) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
