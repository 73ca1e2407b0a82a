"""All downloads and conversions of a server: one at a time of each kind, kept on disk, gone on with after a restart.

Another server on the same model folder is left alone: its tasks are seen, and it holds their locks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import EngineClosed, InvalidRequest, ModelExists, ModelInUse, OpenArcError, TaskNotFound
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.results import ModelTask, TaskProgress, TaskState
from openarc_ui.models.verifying import Readings
from openarc_ui.models.work.asked import read_kept_request
from openarc_ui.models.work.entry import RESUMABLE, Entry, at_rest, read_entry
from openarc_ui.models.work.lock import TaskLock
from openarc_ui.models.work.names import check_name, is_taken, result_name, taken
from openarc_ui.models.work.problems import folder_problem
from openarc_ui.models.work.queue import TaskQueue
from openarc_ui.models.work.record import Kept, TaskFolders, new_task_id
from openarc_ui.models.work.standing import require_no_other
from openarc_ui.models.work.task_log import TaskLog, log_text
from openarc_ui.models.work.worker import Work, command_of

GLANCE_SECONDS = 2.0
"""How often at most it is looked whether other processes changed something."""
STOP_SECONDS = 60.0
"""How long a work may take to stop; it should need a moment."""

MakeWork = Callable[[DownloadRequest | ConversionRequest], Work]


class ModelTasks:
    """Thread-safe; nothing here blocks for long but `wait`, `close`, and whatever ends a task.

    Args:
        engine: whose model folder it is; also asked what is loaded and whether a tuning run has the machine.
        make_work: what a request asks for, as something that can be run. Checks what can be checked at once.
        make_again: the same for one that is resumed; left out: as `make_work`.
    """

    def __init__(self, engine: Engine, make_work: MakeWork, make_again: MakeWork | None = None) -> None:
        self._engine, self._make_work, self._make_again = engine, make_work, make_again or make_work
        self._folders = TaskFolders(engine.model_folder)
        self._changed = threading.Condition()
        self._entries: dict[str, Entry] = {}
        self._queue = TaskQueue(engine, self._changed, self._note_change)
        self._readings = Readings()
        self._revision = 0
        self._glanced_at = 0.0
        self._is_closed = False
        self._folders.remove_abandoned()
        self._glance()
        self._clear_begun_conversions()

    def start(self, request: DownloadRequest | ConversionRequest) -> ModelTask:
        """Begin it, or let it wait for the one before it.

        Raises:
            InvalidRequest, ModelNotFound: it can't be done as asked.
            ModelExists: a model of that name is there, or is being made.
            ModelFolderUnusable: nothing can be written there.
            EngineClosed.
        """
        name = result_name(request)
        check_name(name)
        self._require_open()
        self._require_free(name, request)
        work = self._make_work(request)
        now = time.time()
        task = ModelTask(
            task_id=new_task_id(now),
            kind=request.kind,
            name=name,
            state=TaskState.WAITING,
            created_at=now,
            ended_at=None,
            request=request.model_dump(mode="json"),
            progress=TaskProgress(),
            command=command_of(work),
        )
        with self._changed:
            self._require_open()
            self._require_free(name, request)
            try:
                folder, lock = self._folders.create(Kept(task))
            except OSError as error:
                raise folder_problem(error) from error
            entry = Entry(folder, Kept(task), TaskLog(folder.path, self._engine.places.hidden_output), lock, work)
            entry.seen_at = folder.changed_at()
            self._entries[task.task_id] = entry
            self._queue.add(entry)
            return self._told(entry)

    def tasks(self) -> Sequence[ModelTask]:
        """All that are known, the newest first."""
        with self._changed:
            self._glance()
            told = [self._told(each) for each in self._entries.values()]
        return sorted(told, key=lambda task: (task.created_at, task.task_id), reverse=True)

    def task(self, task_id: str) -> ModelTask:
        """One of them.

        Raises:
            TaskNotFound: no such task.
        """
        with self._changed:
            return self._told(self._entry(task_id))

    def log(self, task_id: str, most_bytes: int = 1_000_000) -> str:
        """What its programs wrote, at most so much of the end, with what is private hidden.

        Raises:
            TaskNotFound.
        """
        with self._changed:
            folder = self._entry(task_id).folder
        return log_text(folder.path, most_bytes)

    def pause(self, task_id: str) -> ModelTask:
        """End a download so that it can go on where it is; returns once nothing is fetched any more.

        Raises:
            InvalidRequest: it is a conversion, or not under way.
        """
        with self._changed:
            entry = self._entry(task_id)
            if entry.task.kind != "download":
                raise InvalidRequest("A conversion can't be paused.", "Cancel it, and convert again later.")
            if not entry.is_under_way and entry.state is not TaskState.PAUSED:
                raise InvalidRequest(f"The task is {entry.state.value}, so there is nothing to pause.")
        return self._end(entry, TaskState.PAUSED)

    def resume(self, task_id: str) -> ModelTask:
        """Go on with a download, or begin a conversion anew.

        Raises:
            InvalidRequest: it is under way, has finished or was cancelled.
            ModelExists: its name was taken meanwhile.
            ModelInUse: another server works on it.
        """
        self._require_open()
        with self._changed:
            entry = self._entry(task_id)
            self._require_resumable(entry)
        # Outside the lock: it may take a moment. What is made already needs no more than its name.
        work = None if _is_made(entry) else self._make_again(read_kept_request(entry.task))
        with self._changed:
            self._require_open()
            self._require_resumable(entry)
            lock = _lock(entry)
            try:
                self._reread(entry, is_mine=True)
                self._require_resumable(entry)
            except OpenArcError:
                lock.close()
                raise
            entry.lock, entry.work, entry.wanted = lock, work, None
            entry.stopping = threading.Event()
            command = command_of(work) if work is not None else entry.task.command
            progress = at_rest(entry.task.progress) if entry.task.kind == "download" else TaskProgress()
            entry.change(state=TaskState.WAITING, ended_at=None, problem=None, command=command, progress=progress)
            entry.write()
            self._queue.add(entry)
            return self._told(entry)

    def cancel(self, task_id: str) -> ModelTask:
        """End it for good and delete what it made so far.

        Raises:
            InvalidRequest: it has finished.
            ModelInUse: another server works on it.
        """
        with self._changed:
            entry = self._entry(task_id)
        return self._end(entry, TaskState.CANCELLED)

    def forget(self, task_id: str) -> None:
        """Take one that is not under way out of the list, with all that is left of it but its result.

        Raises:
            ModelInUse: it is under way.
            ModelFolderUnusable: it can't be deleted.
        """
        with self._changed:
            entry = self._entry(task_id)
            if entry.is_under_way:
                raise ModelInUse(f"The task makes '{entry.task.name}' just now.", "Cancel it first.")
            lock = _lock(entry)
            try:
                entry.folder.delete(lock)
            except OSError as error:
                lock.close()
                raise folder_problem(error) from error
            del self._entries[task_id]
            self._note_change()

    def reading(self, model: str) -> AbstractContextManager[None]:
        """Count a model as worked on for as long as somebody reads its files whole."""
        return self._readings.of(model)

    def busy_names(self) -> tuple[str, ...]:
        """Names in the model folder that a task makes or somebody reads now, which nobody should touch."""
        with self._changed:
            self._glance()
            under_way = [each.task for each in self._entries.values() if each.is_under_way]
        names = [name for task in under_way for name in (task.name, str(task.request.get("source", "")))]
        return tuple(dict.fromkeys(filter(None, (*names, *self._readings.names()))))

    def converting(self) -> str | None:
        """What the conversion that works now makes; None: none does."""
        kinds = [each for each in self.tasks() if each.kind == "conversion" and each.state is TaskState.RUNNING]
        return kinds[0].name if kinds else None

    def revision(self) -> int:
        """Grows whenever something that `tasks` tells has changed; cheap."""
        if time.monotonic() - self._glanced_at >= GLANCE_SECONDS and self._changed.acquire(blocking=False):
            try:
                self._glance()
            finally:
                self._changed.release()
        return self._revision

    def wait(self, task_id: str, seconds: float) -> ModelTask:
        """Until it is not under way any more, or the time is over."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while (entry := self._entry(task_id)).is_under_way and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(min(left, GLANCE_SECONDS))
                self._glance()
            return self._told(entry)

    def close(self) -> None:
        """Interrupt what runs, so that it can be resumed. Idempotent."""
        with self._changed:
            self._is_closed = True
            ours = [each for each in self._entries.values() if each.lock is not None]
            threads = [self._queue.stop(each, TaskState.INTERRUPTED) for each in ours]
        for thread in threads:
            if thread is not None:
                thread.join(STOP_SECONDS)

    def _end(self, entry: Entry, state: TaskState) -> ModelTask:
        """Stop it where it works, mark it where it does not."""
        with self._changed:
            thread = self._queue.stop(entry, state) if entry.lock is not None else None
        if thread is not None:
            thread.join(STOP_SECONDS)
        with self._changed:
            if entry.lock is None and (entry.is_elsewhere or (state is TaskState.CANCELLED and thread is None)):
                self._cancel_idle(entry)
            elif thread is not None and state is TaskState.CANCELLED and entry.state in RESUMABLE:
                self._cancel_idle(entry)  # a pause was quicker
            return self._told(entry)

    def _cancel_idle(self, entry: Entry) -> None:
        """What nobody works on. One that another process works on keeps its lock, and is left alone."""
        lock = _lock(entry)
        try:
            self._reread(entry, is_mine=True)
            if entry.state is TaskState.FINISHED:
                raise InvalidRequest(f"'{entry.task.name}' is finished.", "Delete the model if you don't want it.")
            entry.folder.delete_work()
            entry.kept = replace(entry.kept, is_made=False)
            if entry.state is not TaskState.CANCELLED:
                entry.change(state=TaskState.CANCELLED, ended_at=time.time())
                entry.write()
        except OSError as error:
            raise folder_problem(error) from error
        finally:
            lock.close()
        self._note_change()

    def _entry(self, task_id: str) -> Entry:
        """Called with the lock held.

        Raises:
            TaskNotFound.
        """
        self._glance(at_once=task_id not in self._entries)
        if task_id not in self._entries:
            self._folders.find(task_id)
            raise TaskNotFound(f"The task '{task_id}' is being made or deleted.", "Ask again.")
        return self._entries[task_id]

    def _glance(self, at_once: bool = False) -> None:
        """See what other processes changed. Called with the lock held."""
        now = time.monotonic()
        if not at_once and self._glanced_at and now - self._glanced_at < GLANCE_SECONDS:
            return
        self._glanced_at = now
        there = self._folders.ids()
        for task_id in there:
            known = self._entries.get(task_id)
            if known is None:
                self._entries[task_id] = read_entry(self._folders.find(task_id), self._engine.places.hidden_output)
                self._note_change()
            elif known.lock is None:
                self._look_again(known)
        for task_id, entry in list(self._entries.items()):
            if task_id not in there and entry.lock is None:
                del self._entries[task_id]
                self._note_change()

    def _look_again(self, entry: Entry) -> None:
        if entry.folder.changed_at() != entry.seen_at:
            self._reread(entry)
            self._note_change()
        elif entry.is_elsewhere and not entry.folder.is_held():
            entry.is_elsewhere = False
            self._note_change()

    def _reread(self, entry: Entry, is_mine: bool = False) -> None:
        """What the disk tells now, in the same entry, since others hold it.

        Args:
            is_mine: its lock is held here.
        """
        now = read_entry(entry.folder, self._engine.places.hidden_output)
        entry.kept, entry.log, entry.is_damaged = now.kept, now.log, now.is_damaged
        entry.seen_at, entry.is_elsewhere = now.seen_at, now.is_elsewhere and not is_mine

    def _clear_begun_conversions(self) -> None:
        """A conversion begins anew, so what a killed one left is of no use to anybody; a made one only wants its name."""
        for entry in self._entries.values():
            if entry.task.kind == "conversion" and entry.state is TaskState.INTERRUPTED and not _is_made(entry):
                self._queue.clear_orphan(entry)

    def _require_open(self) -> None:
        if self._is_closed:
            raise EngineClosed("OpenArc is shutting down.", "Start it again.")

    def _require_free(self, name: str, request: DownloadRequest | ConversionRequest) -> None:
        """Called with or without the lock.

        Raises:
            ModelExists.
        """
        if is_taken(self._engine.model_folder, name):
            raise ModelExists(f"There is a '{name}' in the model folder already.", "Choose another name.")
        with self._changed:
            self._glance(at_once=True)
            require_no_other(name, self._entries.values(), request)

    def _require_resumable(self, entry: Entry) -> None:
        if entry.is_under_way:
            raise InvalidRequest("The task is under way already.")
        if entry.state not in RESUMABLE or entry.is_damaged:
            raise InvalidRequest(f"The task is {entry.state.value}, so it can't go on.", "Start a new one.")
        if is_taken(self._engine.model_folder, entry.task.name):
            raise taken(entry.task.name)
        require_no_other(entry.task.name, (each for each in self._entries.values() if each is not entry))

    def _told(self, entry: Entry) -> ModelTask:
        return entry.told(self._queue.waiting_for(entry))

    def _note_change(self) -> None:
        self._revision += 1


def _lock(entry: Entry) -> TaskLock:
    """Take it.

    Raises:
        ModelInUse: another server works on it.
        ModelFolderUnusable: nothing can be written there.
    """
    try:
        return entry.folder.lock()
    except OSError as error:
        raise folder_problem(error) from error


def _is_made(entry: Entry) -> bool:
    return entry.kept.is_made and entry.folder.result.is_dir()
