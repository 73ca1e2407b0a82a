"""One task as this process knows it, and how it is told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from openarc_ui.models.results import UNDER_WAY, ModelTask, TaskProblem, TaskProgress, TaskState
from openarc_ui.models.work.lock import TaskLock
from openarc_ui.models.work.record import Kept, TaskFolder
from openarc_ui.models.work.task_log import TaskLog
from openarc_ui.models.work.worker import Work

logger = logging.getLogger(__name__)

RESUMABLE = (TaskState.PAUSED, TaskState.INTERRUPTED, TaskState.FAILED)
ELSEWHERE = "Another OpenArc server on this model folder works on it."
DAMAGED = TaskProblem(
    "model_folder_unusable",
    "What was kept of this task is damaged, so it can't go on.",
    "Forget it: its files go with it.",
)


@dataclass(slots=True, eq=False)
class Entry:
    """Changed only by `ModelTasks`, under its lock.

    Attributes:
        lock: held while it is under way here; None: it is not.
        thread: that works on it; a task that waits for another has none.
        wanted: what it is to be once it has stopped.
        is_elsewhere: another process works on it.
        unwritten: why the disk does not know how it stands; empty: it does.
        seen_at: when its file was written that `kept` was read from.
    """

    folder: TaskFolder
    kept: Kept
    log: TaskLog
    lock: TaskLock | None = None
    work: Work | None = None
    thread: threading.Thread | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    wanted: TaskState | None = None
    is_elsewhere: bool = False
    is_damaged: bool = False
    unwritten: str = ""
    seen_at: int = 0
    written_at: float = 0.0
    writing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def task(self) -> ModelTask:
        """As it is kept."""
        return self.kept.task

    @property
    def state(self) -> TaskState:
        """What was under way in a process that is gone is interrupted."""
        task = self.kept.task
        is_orphan = self.lock is None and task.state in UNDER_WAY and not self.is_elsewhere
        return TaskState.INTERRUPTED if is_orphan else task.state

    @property
    def is_under_way(self) -> bool:
        """Here or elsewhere."""
        return self.state in UNDER_WAY

    def change(self, **changes: Any) -> None:
        """Replace fields of the task."""
        self.kept = replace(self.kept, task=replace(self.kept.task, **changes))

    def told(self, waiting_for: str = "") -> ModelTask:
        """As others are told it.

        Args:
            waiting_for: what it waits for, in words.
        """
        task, state = self.kept.task, self.state
        is_ours = not self.is_elsewhere
        progress = task.progress if state in UNDER_WAY else at_rest(task.progress)
        if waiting_for:
            progress = replace(at_rest(progress), stage=waiting_for)
        notes = (
            *task.notes,
            *((ELSEWHERE,) if self.is_elsewhere else ()),
            *((self.unwritten,) if self.unwritten else ()),
        )
        return replace(
            task,
            state=state,
            progress=progress,
            log=self.log.lines(),
            can_pause=is_ours and task.kind == "download" and state in UNDER_WAY,
            can_resume=is_ours and state in RESUMABLE and not self.is_damaged,
            notes=notes,
        )

    def write(self) -> None:
        """Put it on disk; what the disk refuses is said with the task, and costs nothing else."""
        with self.writing:
            try:
                self.folder.write(self.kept)
                self.unwritten, self.seen_at = "", self.folder.changed_at()
            except OSError as error:
                if not self.unwritten:
                    logger.warning("how the task %s stands could not be written: %s", self.task.task_id, error)
                self.unwritten = f"How it stands could not be written: {error.strerror or type(error).__name__}."


def read_entry(folder: TaskFolder, hidden: Callable[[str], str]) -> Entry:
    """What the disk tells of a task that nobody works on here."""
    seen_at, kept = folder.changed_at(), folder.read()
    is_damaged = kept is None
    if kept is None:
        task_id = folder.path.name
        kept = Kept(ModelTask(task_id, "download", task_id, TaskState.FAILED, 0.0, None, {}, TaskProgress(), DAMAGED))
    entry = Entry(folder, kept, TaskLog(folder.path, hidden), is_damaged=is_damaged, seen_at=seen_at)
    entry.is_elsewhere = kept.task.state in UNDER_WAY and folder.is_held()
    if (
        entry.state is TaskState.INTERRUPTED
        and kept.is_made
        and not folder.result.exists()
        and folder.named(kept).is_dir()
    ):
        entry.change(state=TaskState.FINISHED)  # its process ended between the last two steps
    return entry


def at_rest(progress: TaskProgress) -> TaskProgress:
    """Without what is only true while something is done."""
    return replace(progress, bytes_per_second=None, left_seconds=None, memory_bytes=None)
