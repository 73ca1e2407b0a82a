"""Scores of models on the bundled text: ordered from a process of their own, kept in a run's folder, and found again.

A score is found again for a configuration that scores the same: with paged attention on a CPU, one that differs only in how the
work is spread over cores, since the distributions were the same to the last bit. In the stateful form they were not (0.003 nats
in half precision), so there each is scored. It runs no model itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

import openarc_ui
from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.last_output import MOST_CHARACTERS
from openarc_ui.engine.pipelines import pipeline_of
from openarc_ui.engine.places import Places
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import BackendName
from openarc_ui.engine.worker_process import cause_of_death
from openarc_ui.errors import OpenArcError, TuningFolderUnusable
from openarc_ui.tuning.desk import Ending
from openarc_ui.tuning.record.record_files import as_folder_error, write_whole

FOLDER = "scores"
LOOK_SECONDS = 0.1
PLACES = frozenset({"CACHE_DIR", "CACHE_MODE", "WEIGHTS_PATH", "ENABLE_CPU_RESERVATION"})
"""Scoring compiles without these: they would fill the user's cache, or keep the cores from the second model compiled."""
SPREADS_WORK = frozenset(
    {
        "INFERENCE_NUM_THREADS",
        "NUM_STREAMS",
        "PERFORMANCE_HINT",
        "PERFORMANCE_HINT_NUM_REQUESTS",
        "ENABLE_CPU_PINNING",
        "ENABLE_HYPER_THREADING",
        "SCHEDULING_CORE_TYPE",
        "COMPILATION_NUM_THREADS",
        "MODEL_PRIORITY",
        "ENABLE_MMAP",
        "LOG_LEVEL",
        "PERF_COUNT",
    }
)
"""Where and when the same arithmetic is done."""
SPREADS_REQUESTS = frozenset({"cache_size", "num_kv_blocks", "max_num_seqs", "enable_prefix_caching"})
"""Of the scheduler: how many requests go together; the score is one request's."""


class ScoreOrder(Frozen):
    """What the process is to do.

    Attributes:
        folder: of the model, an OpenVINO folder.
        keep_as: file for the distributions; "": they are not kept.
        compare_with, compare_digest: file of the reference's distributions, and the digest of its tokens.
    """

    folder: str
    backend: BackendName
    device: str
    ov_config: dict[str, PropertyValue]
    scheduler: SchedulerOptions = Field(default_factory=SchedulerOptions)
    text_tokens: int
    keep_as: str = ""
    compare_with: str = ""
    compare_digest: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """What the process found.

    Attributes:
        token_digest: equal for equal token ids.
        positions: tokens that were predicted.
        form: which form of the model gave the distributions, in words.
        reasons: why something is None, a sentence each.
        block_log_probabilities, backend_block_log_probabilities: of the text's blocks, the mean of which perplexity is made.
        block_divergences: of the same blocks, mean KL divergence.
    """

    token_digest: str
    positions: int
    vocabulary: int | None = None
    perplexity: float | None = None
    backend_perplexity: float | None = None
    mean_kl_divergence: float | None = None
    p99_kl_divergence: float | None = None
    same_top_share: float | None = None
    form: str = ""
    reasons: tuple[str, ...] = ()
    seconds: float = 0.0
    block_log_probabilities: tuple[float, ...] = ()
    backend_block_log_probabilities: tuple[float, ...] = ()
    block_divergences: tuple[float, ...] = ()


class ScoreFailed(OpenArcError):
    """The process could not score the model, or ended before it told."""

    code = "score_failed"


RunProcess = Callable[[ScoreOrder, Ending], Score]


def without_neutral_places(properties: Mapping[str, PropertyValue]) -> dict[str, PropertyValue]:
    """Properties without those that only say where files or cores are."""
    return {name: value for name, value in properties.items() if name not in PLACES}


class Scores:
    """The scores of one run. One process at a time.

    Args:
        folder: the run's.
        run: runs the process; tests hand one of their own.

    Raises (what asks for a score):
        ScoreFailed, RunStopped, TimeOver.
        TuningFolderUnusable: it can't be kept.
    """

    def __init__(self, folder: Path, ending: Ending, run: RunProcess | None = None) -> None:
        self._folder, self._ending, self._run = folder / FOLDER, ending, run or run_process

    def reference(self, order: ScoreOrder, model: object, *, with_distributions: bool = False) -> tuple[Score, Path]:
        """The reference's score, and the file of its distributions: there where they are wanted and can be had.

        Args:
            model: what changes when a file of the model does; plain JSON values.
        """
        key = score_key(order, model)
        kept = self._folder / f"{key}.npy"
        found = self._read(key)
        if found is None or (with_distributions and found.vocabulary is not None and not kept.is_file()):
            with as_folder_error():
                self._folder.mkdir(parents=True, exist_ok=True)
            found = self._run(order.model_copy(update={"keep_as": str(kept)}), self._ending)
            self._write(key, found)
        return found, kept

    def compared(
        self, order: ScoreOrder, model: object, reference: ScoreOrder, reference_model: object
    ) -> tuple[Score, bool]:
        """A configuration's score with its distance from the reference, and whether it was there already."""
        key = f"{score_key(order, model)}-{score_key(reference, reference_model)}"
        found = self._read(key)
        if found is not None:
            return found, True
        base, kept = self.reference(reference, reference_model, with_distributions=True)
        if kept.is_file():
            order = order.model_copy(update={"compare_with": str(kept), "compare_digest": base.token_digest})
        found = self._run(order, self._ending)
        self._write(key, found)
        return found, False

    def forget_distributions(self) -> None:
        """Delete what takes room; scores stay, and distributions are made again where they are missing."""
        for file in self._folder.glob("*.npy*"):
            with contextlib.suppress(OSError):
                file.unlink()
        for file in self._folder.glob(".*.part"):
            with contextlib.suppress(OSError):
                file.unlink()

    def _read(self, key: str) -> Score | None:
        try:
            return TypeAdapter(Score).validate_json((self._folder / f"{key}.json").read_bytes())
        except (OSError, ValidationError):
            return None

    def _write(self, key: str, score: Score) -> None:
        with as_folder_error():
            self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._folder / f"{key}.json", json.dumps(asdict(score)).encode())


def runs_paged(order: ScoreOrder) -> bool:
    """Whether distributions come from paged attention itself.

    On a GPU they don't: its cache lies in tensors of its own, which only GenAI's own code was seen to make (not run on hardware).
    """
    return order.backend == "genai" and order.device == "CPU" and pipeline_of(order.device, order.ov_config) == "paged"


def score_key(order: ScoreOrder, model: object) -> str:
    """Equal where scores are; see SPREADS_WORK and SPREADS_REQUESTS for what is left out."""
    is_spread_alike = runs_paged(order)
    numbers = {
        "model": model,
        "backend": order.backend,
        "device": order.device,
        "ov_config": {
            name: value
            for name, value in without_neutral_places(order.ov_config).items()
            if not (is_spread_alike and name in SPREADS_WORK)
        },
        "scheduler": {name: value for name, value in order.scheduler.settled().items() if name not in SPREADS_REQUESTS},
        "text_tokens": order.text_tokens,
    }
    return hashlib.sha256(json.dumps(numbers, sort_keys=True, default=str).encode()).hexdigest()[:20]


def run_process(order: ScoreOrder, ending: Ending) -> Score:
    """Score in a process of its own.

    Raises:
        ScoreFailed: with the process's own reason, or how it ended.
        RunStopped, TimeOver: it was to end; the process is gone.
        TuningFolderUnusable: what it was to keep could not be written.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(openarc_ui.__file__).parent.parent)}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "openarc_ui.tuning.quality.score_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            start_new_session=True,  # Ctrl+C is for the server, which then ends this one
        )
        try:
            answer = _ask(process, order, ending)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        errors.seek(0)
        places = Places(Path(order.folder).parent, None)
        return _score(answer, process.returncode, errors.read().decode("utf-8", "replace"), places)


def _ask(process: subprocess.Popen[bytes], order: ScoreOrder, ending: Ending) -> bytes:
    """The process's answer; b"" where it ended without one. It is one line, which a pipe holds whole: 9 kB of the longest text.

    Raises:
        RunStopped, TimeOver.
    """
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(order.model_dump_json(exclude_none=True).encode() + b"\n")
            process.stdin.flush()
    while process.poll() is None:
        if ending.wait(LOOK_SECONDS):
            ending.require_wanted()
    return process.stdout.read() if process.stdout is not None else b""


def _score(answer: bytes, exit_code: int, errors: str, places: Places) -> Score:
    """What a process told, or else how it ended; in its words no path of this machine is left."""
    lines = answer.decode("utf-8", "replace").splitlines()
    told: dict[str, Any] = {}
    if lines:
        with contextlib.suppress(ValueError):
            told = json.loads(lines[-1])
    if "refused" in told:
        refused = TuningFolderUnusable if told.get("code") == TuningFolderUnusable.code else ScoreFailed
        raise refused(places.hidden_output(str(told["refused"])))
    try:
        score = TypeAdapter(Score).validate_python(told)
    except ValidationError:
        last = places.hidden_output((errors.strip().splitlines() or [""])[-1])[:MOST_CHARACTERS]
        cause = cause_of_death(exit_code).replace("worker process", "process that scores it")
        raise ScoreFailed(f"{cause[:1].upper()}{cause[1:]}{': ' + last if last else ''}.") from None
    return replace(score, reasons=tuple(places.hidden_output(reason) for reason in score.reasons))
