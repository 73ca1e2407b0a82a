"""Who works on a task: the process that holds its lock. The system lets it go, however that process ends.

`fcntl.flock`, on Windows `msvcrt.locking` (not run there). It knows nothing of tasks.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

from openarc_ui.errors import ModelInUse

PATIENCE_SECONDS = 0.5
"""So long it is tried again: who only looks holds the lock for a moment too."""
TRY_SECONDS = 0.01
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


class TaskLock:
    """Held from its construction until `close`.

    Raises:
        ModelInUse: another process holds it.
        OSError: the file can't be opened or locked.
    """

    def __init__(self, file: Path) -> None:
        # Not handed on to processes that this one starts: they would hold it longer than it lives.
        self._handle: int | None = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            while not _take(self._handle, is_shared=False):
                if time.monotonic() > deadline:
                    raise ModelInUse(
                        "Another OpenArc server works on this task.", "Wait until it ends, or end it there."
                    )
                time.sleep(TRY_SECONDS)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let it go. Idempotent."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def is_held(file: Path) -> bool:
    """Somebody holds it. Where the file can't be opened or asked nobody does."""
    try:
        handle = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _take(handle, is_shared=True)
    except OSError:
        return False
    finally:
        os.close(handle)


def _take(handle: int, *, is_shared: bool) -> bool:
    """False where another opened file holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in TAKEN:
            return False
        raise
    return True
