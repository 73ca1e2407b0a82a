"""Who works on a run: the process that holds its lock. It is let go by the system, however that process ends.

`fcntl.flock` on a file of the run's folder; on Windows `msvcrt.locking` (not run there). It knows nothing of runs.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path

from openarc_ui.errors import TuningBusy

TRIES = 5
TRY_SECONDS = 0.02
"""Whoever looks whether it is held holds it for a moment itself."""
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


class RunLock:
    """Held from its construction until `close`.

    Raises:
        TuningBusy: another process holds it, or another part of this one.
        OSError: the file can't be opened.
    """

    def __init__(self, file: Path) -> None:
        # Not handed on to processes that this one starts: they would hold it longer than it lives.
        self._handle: int | None = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        for _ in range(TRIES):
            if _take(self._handle, is_shared=False):
                return
            time.sleep(TRY_SECONDS)
        self.close()
        raise TuningBusy("Another process works on this run.", "Wait until it ends, or end it there.")

    def __enter__(self) -> RunLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let it go. Idempotent."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def is_held(file: Path) -> bool:
    """Somebody works on the run. Where the file can't be opened nobody does."""
    try:
        handle = os.open(file, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _take(handle, is_shared=True)
    finally:
        os.close(handle)


def _take(handle: int, *, is_shared: bool) -> bool:
    """False where another open file holds it."""
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
