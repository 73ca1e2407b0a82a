"""Who works on a task: the process that holds its lock."""

from __future__ import annotations

from pathlib import Path

from openarc_ui import file_locks
from openarc_ui.errors import ModelInUse


class TaskLock(file_locks.FileLock):
    """Held from its construction until `close`.

    Raises:
        ModelInUse: another process holds it.
        OSError: the file can't be opened or locked.
    """

    def __init__(self, file: Path) -> None:
        try:
            super().__init__(file)
        except file_locks.LockTaken:
            raise ModelInUse(
                "Another OpenArc server works on this task.", "Wait until it ends, or end it there."
            ) from None


def is_held(file: Path) -> bool:
    """Somebody holds it. Where the file can't be opened or asked nobody does."""
    try:
        return file_locks.is_held(file)
    except OSError:
        return False
