"""Files that are replaced whole, and names that outlast a power cut: a reader sees the old content or the new one."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from pathlib import Path


def write_whole(file: Path, content: bytes) -> None:
    """Into a file beside it first, then over it; it is on the disk when this returns.

    Raises:
        OSError: the old content stands.
    """
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        Path(temporary).replace(file)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make sure that a power cut takes back no name in it, where the system has that.

    Raises:
        OSError.
    """
    if sys.platform == "win32":
        return  # no folder can be opened there
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems sync files only.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
