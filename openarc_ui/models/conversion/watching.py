"""How much memory a task's processes take: now, and the most so far."""

from __future__ import annotations

import time
from typing import Final

import psutil

EVERY_SECONDS: Final = 0.25


class MemoryWatch:
    """Looks at a process and its children, at most four times a second; for one thread."""

    def __init__(self) -> None:
        self.now_bytes: int | None = None
        self.peak_bytes = 0
        self._looked_at = float("-inf")

    def look(self, process_id: int) -> bool:
        """Measure it, unless that was just done; whether it was.

        What processes share with others, such as mapped libraries, counts in each of them.
        """
        if time.monotonic() - self._looked_at < EVERY_SECONDS:
            return False
        self._looked_at = time.monotonic()
        try:
            process = psutil.Process(process_id)
            taken = sum(map(_resident_bytes, [process, *process.children(recursive=True)]))
        except psutil.Error:
            return False
        self.now_bytes = taken
        self.peak_bytes = max(self.peak_bytes, taken)
        return True


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
