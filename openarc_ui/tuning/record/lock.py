"""Who works on a run, or measures at all: the process that holds a lock."""

from __future__ import annotations

from pathlib import Path

from openarc_ui.errors import TuningBusy
from openarc_ui.file_locks import FileLock, LockTaken
from openarc_ui.file_locks import is_held as is_held


class RunLock(FileLock):
    """Held from its construction until `close`.

    Raises:
        TuningBusy: another process holds it, or another part of this one.
        OSError: the file can't be opened or locked.
    """

    def __init__(self, file: Path) -> None:
        try:
            super().__init__(file)
        except LockTaken:
            raise TuningBusy("Another process works on this run.", "Wait until it ends, or end it there.") from None
