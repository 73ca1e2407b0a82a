"""A task on disk: a hidden folder of the model folder with what is known of it, its log, its files, and whoever works on it.

    <model folder>/.tasks/<task id>/  task.json  log.txt  lock  work/  work/result/

`task.json` is written whole and put in place in one step, so a reader never sees half of it.
"""

from __future__ import annotations

import logging
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from openarc_ui.errors import TaskNotFound, nearest
from openarc_ui.models.results import ModelTask
from openarc_ui.models.work.lock import TaskLock, is_held
from openarc_ui.whole_files import sync_folder, write_whole

logger = logging.getLogger(__name__)

FOLDER = ".tasks"
TASK_FILE, LOCK_FILE, WORK_FOLDER, RESULT = "task.json", "lock", "work", "result"
TASK_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
UNFINISHED = (".new-", ".gone-")
"""Beginnings of the names of folders that are being made or deleted."""
GONE_BESIDE = ".openarc-gone-"
"""The same of a model that is being deleted and lies on another disk than the tasks: beside it."""
DEEPEST = 3
"""Folders below the model folder in which a model may lie, as in the catalogue."""
LARGEST_FILE_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What `task.json` holds.

    Attributes:
        is_made: the work is done and its result stands in the task's folder; only its name is to be given.
    """

    task: ModelTask
    is_made: bool = False
    version: int = 1


_KEPT = TypeAdapter(Kept)


class TaskFolder:
    """The folder of one task. Its methods raise OSError where the disk says no."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def work(self) -> Path:
        """Of the work alone."""
        return self.path / WORK_FOLDER

    @property
    def result(self) -> Path:
        """What the work made; there once it is done."""
        return self.work / RESULT

    def named(self, kept: Kept) -> Path:
        """Where its result stands in the model folder, once it has its name."""
        return self.path.parent.parent / kept.task.name

    def read(self) -> Kept | None:
        """What is kept of it; None where that is damaged or gone."""
        file = self.path / TASK_FILE
        try:
            if file.stat().st_size > LARGEST_FILE_BYTES:
                return None
            return _KEPT.validate_json(file.read_bytes())
        except (ValidationError, OSError) as error:
            logger.debug("%s can't be read: %s", file, error)
            return None

    def changed_at(self) -> int:
        """When it was last written, in nanoseconds; 0 where it is not there."""
        try:
            return (self.path / TASK_FILE).stat().st_mtime_ns
        except OSError:
            return 0

    def write(self, kept: Kept) -> None:
        """Put it in place of what was kept."""
        write_whole(self.path / TASK_FILE, _KEPT.dump_json(kept))

    def lock(self) -> TaskLock:
        """Take it.

        Raises:
            ModelInUse: another process has it.
        """
        return TaskLock(self.path / LOCK_FILE)

    def is_held(self) -> bool:
        """Somebody works on it, here or elsewhere."""
        return is_held(self.path / LOCK_FILE)

    def delete_work(self) -> None:
        """Delete what the work made so far."""
        if self.work.exists():
            shutil.rmtree(self.work)

    def delete(self, lock: TaskLock) -> None:
        """Delete all of it; it is out of the list before the first file goes."""
        if sys.platform == "win32":  # no opened file can be moved there
            lock.close()
        gone = self.path.with_name(f"{UNFINISHED[1]}{self.path.name}")
        self.path.replace(gone)
        lock.close()
        shutil.rmtree(gone, ignore_errors=True)


class TaskFolders:
    """All tasks of a model folder."""

    def __init__(self, model_folder: Path) -> None:
        self.path = model_folder / FOLDER

    def create(self, kept: Kept) -> tuple[TaskFolder, TaskLock]:
        """A new one, held by the caller.

        Raises:
            OSError: it can't be made.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        new = TaskFolder(self.path / f"{UNFINISHED[0]}{kept.task.task_id}")
        new.path.mkdir()
        lock: TaskLock | None = None
        try:
            lock = new.lock()
            new.write(kept)
            named = TaskFolder(self.path / kept.task.task_id)
            new.path.replace(named.path)
            sync_folder(self.path)
        except BaseException:
            if lock is not None:
                lock.close()
            shutil.rmtree(new.path, ignore_errors=True)
            raise
        return named, lock

    def ids(self) -> Sequence[str]:
        """Of all, the oldest first."""
        try:
            return sorted(each.name for each in self.path.iterdir() if TASK_ID.fullmatch(each.name))
        except OSError:
            return ()

    def find(self, task_id: str) -> TaskFolder:
        """One of them.

        Raises:
            TaskNotFound: with the nearest id.
        """
        folder = TaskFolder(self.path / task_id) if TASK_ID.fullmatch(task_id) else None
        if folder is None or not folder.path.is_dir():
            known = self.ids()
            raise TaskNotFound(
                f"There is no download or conversion '{task_id[:64]}'.",
                nearest(task_id[:64], known[-10:]) if known else "There is none at all.",
            )
        return folder

    def remove_abandoned(self) -> None:
        """Remove what was being made or deleted by a process that is gone. What can't be removed stays hidden."""
        try:
            left = [each for each in self.path.iterdir() if each.name.startswith(UNFINISHED)]
        except OSError:
            left = []
        for each in (*left, *_gone_beside(self.path.parent, DEEPEST)):
            if not is_held(each / LOCK_FILE):
                shutil.rmtree(each, ignore_errors=True)
        try:
            self.path.rmdir()
        except OSError:
            return  # it has tasks


def _gone_beside(folder: Path, depth: int) -> Iterator[Path]:
    """Models below a folder that were being deleted where they lay. No link is followed."""
    try:
        children = [each for each in folder.iterdir() if each.is_dir() and not each.is_symlink()]
    except OSError:
        return
    for each in children:
        if each.name.startswith(GONE_BESIDE):
            yield each
        elif depth > 0 and not each.name.startswith("."):
            yield from _gone_beside(each, depth - 1)


def new_task_id(now: float) -> str:
    """Sorts by time: 20261126-120000-3f2a9c."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{secrets.token_hex(3)}"
