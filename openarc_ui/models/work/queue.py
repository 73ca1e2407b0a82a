"""Whose turn it is: one task of each kind works, in a thread of its own, the others wait in the order they came.

A conversion also waits while a tuning run has the machine to itself: it would spoil what is measured.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import ConversionFailed, DownloadFailed, ModelInUse
from openarc_ui.models.results import ConversionCard, TaskKind, TaskProblem, TaskProgress, TaskState
from openarc_ui.models.work.entry import Entry, at_rest
from openarc_ui.models.work.names import publish
from openarc_ui.models.work.problems import problem_of
from openarc_ui.models.work.usable import unusable_note
from openarc_ui.models.work.worker import TaskStopped

logger = logging.getLogger(__name__)

WRITE_SECONDS = 5.0
"""How often at most the progress of a task is written down."""
LOOK_SECONDS = 0.5
"""How often it is looked whether the machine is free."""


class TaskQueue:
    """Everything is called with the lock held.

    Args:
        changed: the lock over all tasks, and what those wait for that want to see one end.
        note_change: called after every change.
    """

    def __init__(self, engine: Engine, changed: threading.Condition, note_change: Callable[[], None]) -> None:
        self._engine, self._changed, self._note_change = engine, changed, note_change
        self._waiting: list[Entry] = []
        self._working: dict[TaskKind, Entry] = {}

    def add(self, entry: Entry) -> None:
        """Let it work as soon as it is its turn."""
        self._waiting.append(entry)
        self._note_change()
        self._advance()

    def stop(self, entry: Entry, wanted: TaskState) -> threading.Thread | None:
        """End it where it is. Returns the thread to wait for; None: it had not begun, and is ended."""
        if entry.wanted is not TaskState.CANCELLED:
            entry.wanted = wanted
        entry.stopping.set()
        if entry in self._waiting:
            self._waiting.remove(entry)
            if wanted is TaskState.CANCELLED:
                _delete_work(entry)
            self._leave(entry, wanted, None)
        return entry.thread

    def waiting_for(self, entry: Entry) -> str:
        """Which task it waits for, in words; empty where it does not."""
        if entry not in self._waiting:
            return ""
        working = self._working.get(entry.task.kind)
        return f"Waits for '{working.task.name}'" if working is not None else ""

    def clear_orphan(self, entry: Entry) -> None:
        """Delete what a task left whose process is gone and which would begin anew."""
        try:
            lock = entry.folder.lock()
        except (ModelInUse, OSError):
            return  # another server was quicker
        try:
            # First written, then deleted: what is killed in between may not be told as made and named.
            entry.kept = replace(entry.kept, is_made=False)
            # When it was interrupted is not known; of several starts the first one came closest.
            ended_at = entry.task.ended_at if entry.task.ended_at is not None else time.time()
            entry.change(state=TaskState.INTERRUPTED, progress=TaskProgress(), ended_at=ended_at)
            entry.write()
            _delete_work(entry)
            entry.write()  # that some of it can't be deleted
        finally:
            lock.close()

    def _advance(self) -> None:
        for entry in list(self._waiting):
            if entry.task.kind in self._working:
                continue
            self._waiting.remove(entry)
            self._working[entry.task.kind] = entry
            name = f"{entry.task.kind} {entry.task.name}"
            entry.thread = threading.Thread(target=self._turn, args=(entry,), name=name, daemon=True)
            entry.thread.start()

    def _turn(self, entry: Entry) -> None:
        """The thread of one task, from beginning to end."""
        state, problem = TaskState.FINISHED, None
        try:
            if entry.task.kind == "conversion":
                self._wait_for_machine(entry)
            self._begin(entry)
            self._publish(entry, self._card(entry))
        except TaskStopped:
            state = entry.wanted or TaskState.INTERRUPTED
        except Exception as error:  # noqa: BLE001 - the top of a thread: told with the task, and logged where it is a bug
            if entry.stopping.is_set():  # it failed because it was ended
                logger.debug("the task %s was stopped: %s", entry.task.task_id, error)
                state = entry.wanted or TaskState.INTERRUPTED
            else:
                state, problem = TaskState.FAILED, problem_of(error, self._engine.places)
        if state in (TaskState.CANCELLED, TaskState.FINISHED) or (_begins_anew(entry) and not entry.kept.is_made):
            _delete_work(entry)
        with self._changed:
            del self._working[entry.task.kind]
            self._leave(entry, state, problem)
            self._advance()

    def _wait_for_machine(self, entry: Entry) -> None:
        while (holder := self._engine.reservation) is not None:
            with self._changed:
                stage = f"Waits for the machine: {holder.words}"
                if entry.task.progress.stage != stage:
                    entry.change(progress=TaskProgress(stage=stage))
                    self._note_change()
            entry.stopping.wait(LOOK_SECONDS)
            if entry.stopping.is_set():
                raise TaskStopped

    def _begin(self, entry: Entry) -> None:
        with self._changed:
            if entry.stopping.is_set():
                raise TaskStopped
            entry.change(state=TaskState.RUNNING, progress=replace(entry.task.progress, stage="Begins"))
            if entry.work is not None:  # what an earlier run made is gone, or it would only want its name
                entry.kept = replace(entry.kept, is_made=False)
            entry.written_at = time.monotonic()
            self._note_change()
        entry.write()

    def _card(self, entry: Entry) -> ConversionCard | None:
        """Do the work, where that is not done already."""
        if entry.work is None:
            return entry.task.card
        if _begins_anew(entry):
            entry.folder.delete_work()
        entry.folder.work.mkdir(exist_ok=True)

        def say(progress: TaskProgress) -> None:
            self._say(entry, progress)

        card = entry.work.run(entry.folder.work, say, entry.log.write, entry.stopping)
        if not entry.folder.result.is_dir():
            failed = DownloadFailed if entry.task.kind == "download" else ConversionFailed
            raise failed("It ended without a result.", "The task's log may say why.")
        return card

    def _say(self, entry: Entry, progress: TaskProgress) -> None:
        known = [each for each in (progress.peak_memory_bytes, progress.memory_bytes) if each is not None]
        before = entry.task.progress.peak_memory_bytes
        peak = max([*known, *([before] if before is not None else [])], default=None)
        with self._changed:
            if entry.task.state is not TaskState.RUNNING:
                return
            entry.change(progress=replace(progress, peak_memory_bytes=peak))
            self._note_change()
            now = time.monotonic()
            is_due = now - entry.written_at >= WRITE_SECONDS
            entry.written_at = now if is_due else entry.written_at
        if is_due:
            entry.write()

    def _publish(self, entry: Entry, card: ConversionCard | None) -> None:
        """From here on a server that ends leaves a task that only has to be given its name."""
        with self._changed:
            if entry.wanted is TaskState.CANCELLED:
                raise TaskStopped
            entry.change(card=card)
            entry.kept = replace(entry.kept, is_made=True)
        entry.write()
        publish(entry.folder.result, self._engine.model_folder, entry.task.name)
        note = unusable_note(self._engine.catalog(), entry.task.name)
        if note:
            with self._changed:
                entry.change(notes=(*entry.task.notes, note))

    def _leave(self, entry: Entry, state: TaskState, problem: TaskProblem | None) -> None:
        """It is not under way any more."""
        progress = at_rest(entry.task.progress)
        if state not in (TaskState.FINISHED, TaskState.FAILED):
            progress = replace(progress, stage="", detail="")
        entry.change(state=state, problem=problem, ended_at=time.time(), progress=progress)
        entry.write()
        lock, entry.lock, entry.thread, entry.work = entry.lock, None, None, None
        if lock is not None:
            lock.close()
        self._note_change()
        self._changed.notify_all()


def _begins_anew(entry: Entry) -> bool:
    return entry.task.kind == "conversion"


def _delete_work(entry: Entry) -> None:
    """What can't be deleted is said with the task."""
    try:
        entry.folder.delete_work()
    except OSError as error:
        logger.warning("files of the task %s can't be deleted: %s", entry.task.task_id, error)
        note = f"Some of its files can't be deleted: {error.strerror or type(error).__name__}."
        entry.change(notes=tuple(dict.fromkeys((*entry.task.notes, note))))
