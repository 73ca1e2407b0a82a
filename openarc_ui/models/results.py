"""What is told of a download or a conversion, and what a conversion leaves beside its result. Frozen; units in the names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from openarc_ui.models.requests import OptionValue

TaskKind = Literal["download", "conversion"]


class TaskState(StrEnum):
    """Where a task stands."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    """The server ended meanwhile. A download goes on where it was, a conversion begins anew."""
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNDER_WAY = (TaskState.WAITING, TaskState.RUNNING)


@dataclass(frozen=True, slots=True)
class TaskProblem:
    """Why a task failed; as an OpenArcError tells it."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """How far a task is. What is not known is None.

    Attributes:
        stage: what is done now, in words.
        fraction: of the whole, 0 to 1; None where that can't be told.
        done_bytes, total_bytes: of a download.
        bytes_per_second: over the last seconds.
        left_seconds: an estimate by that.
        memory_bytes: what the task's processes take now.
        peak_memory_bytes: the most they took so far.
        detail: a file's name, a count.
    """

    stage: str = ""
    fraction: float | None = None
    done_bytes: int | None = None
    total_bytes: int | None = None
    bytes_per_second: float | None = None
    left_seconds: float | None = None
    memory_bytes: int | None = None
    peak_memory_bytes: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class QuickCheck:
    """A short measurement of one model, source or result: both by the same text and the same program.

    Attributes:
        perplexity: exp of the mean negative log likelihood of the bundled text's first `tokens` tokens; None: `problem` says why.
        decode_tokens_per_second: of one greedy answer of `generated_tokens` tokens, the first left out.
        runtime: "PyTorch, float32" or "OpenVINO, CPU".
    """

    perplexity: float | None
    tokens: int
    decode_tokens_per_second: float | None
    generated_tokens: int
    runtime: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ConversionCard:
    """What was done, kept as `openarc_conversion.json` in the result's folder.

    Attributes:
        source: its name in the model folder, kind and size.
        command: the equal `optimum-cli export openvino ...`, word by word.
        options: those that were given.
        versions: of optimum-intel, nncf, openvino, transformers, torch.
        weights: the result's precisions in words, as the catalogue tells them.
        source_check, result_check: None where none was wanted.
        notes: what one has to know of the result, in sentences.
    """

    source: str
    source_kind: str
    source_bytes: int
    result_bytes: int
    command: tuple[str, ...]
    options: Mapping[str, OptionValue]
    versions: Mapping[str, str]
    weights: str
    began_at: float
    seconds: float
    peak_memory_bytes: int
    source_check: QuickCheck | None = None
    result_check: QuickCheck | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelTask:
    """One task as it is at this moment.

    Attributes:
        name: the folder that it makes.
        created_at, ended_at: seconds since 1970.
        request: as JSON.
        command: of a conversion, to copy.
        log: its last lines, with what is private in them hidden.
        can_pause, can_resume: what makes sense now.
        card: of a finished conversion.
    """

    task_id: str
    kind: TaskKind
    name: str
    state: TaskState
    created_at: float
    ended_at: float | None
    request: Mapping[str, Any]
    progress: TaskProgress
    problem: TaskProblem | None = None
    command: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    can_pause: bool = False
    can_resume: bool = False
    card: ConversionCard | None = None
    notes: tuple[str, ...] = field(default=())
