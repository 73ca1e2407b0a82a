"""What crosses the pipe between the main process and a worker, and the pipe itself.

Messages are frozen dataclasses, pickled one after another on the worker's standard input and output. This module knows
nothing of processes, models or requests in flight.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from openarc_ui.engine.questions import Question
from openarc_ui.engine.types import (
    BackendName,
    FinishReason,
    GenerationRequest,
    LoadRequest,
    LoadStage,
    ModelInfo,
    PerformanceReport,
    TextDelta,
    WorkerGauges,
)
from openarc_ui.errors import OpenArcError


@dataclass(frozen=True, slots=True)
class Terms:
    """What this server allows, whatever a request says.

    Attributes:
        trust_remote_code: Python files that a model's folder names may be run.
        request_seconds: how long a request may take, from its submission; 0: no limit.
    """

    trust_remote_code: bool = False
    request_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadModel:
    """To the worker, first and once: load this model.

    Attributes:
        paths: properties that are paths, whole: those of the request, and CACHE_DIR when the request says nothing of it.
        terms: the server's, not the request's.
    """

    request: LoadRequest
    name: str
    path: str
    backend: BackendName
    backend_reason: str
    warnings: tuple[str, ...]
    paths: Mapping[str, str] = field(default_factory=dict)
    terms: Terms = Terms()


@dataclass(frozen=True, slots=True)
class Generate:
    """To the worker: take up this request.

    Attributes:
        submitted_at: `time.perf_counter()` of the main process. On Linux, macOS and Windows that clock is one for the
            whole machine, so the worker may subtract it from its own.
        submitted_at_epoch: the same moment in seconds since the epoch.
    """

    request: GenerationRequest
    submitted_at: float
    submitted_at_epoch: float


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the worker: end this request at the next token."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Ask:
    """To the worker: answer this beside what runs.

    Attributes:
        asked_at: `time.perf_counter()` of the main process; see `Generate`.
    """

    question_id: int
    question: Question
    asked_at: float


@dataclass(frozen=True, slots=True)
class Shutdown:
    """To the worker: cancel everything, report it, and end."""


@dataclass(frozen=True, slots=True)
class StageReached:
    """From the worker while it loads."""

    stage: LoadStage


@dataclass(frozen=True, slots=True)
class Loaded:
    """From the worker: ready for requests."""

    info: ModelInfo


@dataclass(frozen=True, slots=True)
class LoadRefused:
    """From the worker: the load failed; the process ends after this."""

    error: OpenArcError


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of one request, with its report. `error` is set when it failed."""

    request_id: str
    finish_reasons: tuple[FinishReason, ...]
    report: PerformanceReport
    error: OpenArcError | None


@dataclass(frozen=True, slots=True)
class StepOutput:
    """From the worker after a step: everything that step brought, for all requests together."""

    started: tuple[str, ...]
    deltas: tuple[tuple[str, TextDelta], ...]
    finished: tuple[Finished, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """From the worker: the packed answer to a question, or why there is none."""

    question_id: int
    outcome: bytes | OpenArcError


@dataclass(frozen=True, slots=True)
class Gauged:
    """From the worker: what it measures of itself, when that has changed."""

    gauges: WorkerGauges


ToWorker = LoadModel | Generate | Cancel | Ask | Shutdown
FromWorker = StageReached | Loaded | LoadRefused | StepOutput | Answered | Gauged


class Channel:
    """Two byte streams that carry messages. `send` may be called from any thread, `receive` from one."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._send_lock = threading.Lock()

    def send(self, message: ToWorker | FromWorker) -> None:
        """Write one message.

        Raises:
            EOFError: the other side is gone.
        """
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        try:
            with self._send_lock:
                self._writer.write(data)
                self._writer.flush()
        except (OSError, ValueError) as error:
            raise EOFError("the other side of the pipe is gone") from error

    def receive(self) -> ToWorker | FromWorker:
        """Wait for one message.

        Raises:
            EOFError: the other side is gone, also in the middle of a message.
        """
        try:
            message: ToWorker | FromWorker = pickle.load(self._reader)
        except (OSError, ValueError, pickle.UnpicklingError) as error:
            raise EOFError("the other side of the pipe is gone") from error
        return message
