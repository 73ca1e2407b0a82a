"""Who works on something: the process that holds a file's lock. The system lets it go, however that process ends.

On Linux it belongs to the opened file (F_OFD_SETLK), and looking takes nothing (F_OFD_GETLK); where a system has no such locks
it is `fcntl.flock`, on Windows `msvcrt.locking` (not run there). It knows nothing of what the lock is for.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import time
from pathlib import Path
from typing import Self

PATIENCE_SECONDS = 1.0
"""So long it is tried again while those who hold it may only be looking; see `_is_only_looked_at`."""
TRY_SECONDS = 0.01
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
FIELDS = "hhqqi0q"
"""C's `struct flock`: type, whence, start, length (0: to the end), process."""


class LockTaken(Exception):
    """Another process holds it, or another part of this one."""


class FileLock:
    """Held from its construction until `close`.

    Raises:
        LockTaken.
        OSError: the file can't be opened or locked.
    """

    def __init__(self, file: Path) -> None:
        # Not handed on to processes that this one starts: they would hold it longer than it lives.
        self._handle: int | None = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _take_from_lookers(self._handle):
                raise LockTaken
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let it go. Idempotent."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def is_held(file: Path) -> bool:
    """Somebody holds it. Where the file can't be opened nobody does.

    Raises:
        OSError: it can't be told.
    """
    try:
        handle = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        found = _ask_owner(handle)
        return found if found is not None else not _take(handle, is_shared=True)
    finally:
        os.close(handle)


def _take_from_lookers(handle: int) -> bool:
    """Take it; where others only look, as soon as they have looked."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _take(handle, is_shared=False):
        if time.monotonic() > deadline or not _is_only_looked_at(handle):
            return False
        time.sleep(TRY_SECONDS)
    return True


def _is_only_looked_at(handle: int) -> bool:
    """Who can't be told from a holder may be a looker: without exact looking, that holds the lock for a moment itself."""
    if _ask_owner(handle) is not None:
        return False
    if sys.platform == "win32":
        return True  # a looker's lock is like every other there
    import fcntl

    is_shared = _take(handle, is_shared=True)
    if is_shared:
        # Kept, it would stand in the way of another who also waits to take it.
        fcntl.flock(handle, fcntl.LOCK_UN)
    return is_shared


def _ask_owner(handle: int) -> bool | None:
    """Whether another opened file holds it, without taking anything; None where the system can't tell that."""
    answer = _of_opened_file("F_OFD_GETLK", handle)
    if answer is None:
        return None
    import fcntl

    return bool(struct.unpack(FIELDS, answer)[0] != fcntl.F_UNLCK)


def _take(handle: int, *, is_shared: bool) -> bool:
    """False where another opened file holds it. Sharing is for looking, where that is not exact."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        elif is_shared or _of_opened_file("F_OFD_SETLK", handle) is None:
            import fcntl

            fcntl.flock(handle, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in TAKEN:
            return False
        raise
    return True


def _of_opened_file(command: str, handle: int) -> bytes | None:
    """Ask for the whole file, to write; what the system answers, or None where it has no such locks.

    Raises:
        OSError: as the system says it; EAGAIN or EACCES: another opened file holds it.
    """
    if sys.platform != "linux":
        return None
    import fcntl

    asked = struct.pack(FIELDS, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        return fcntl.fcntl(handle, getattr(fcntl, command), asked)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise
