"""What a task's programs write: the last lines in memory, more of it in a file of the task's folder, of bounded size.

Lines come without paths of this machine: who makes a log says how they are hidden.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

LOG_FILES = ("log.txt", "log.before.txt")
"""The one that is written, and what was in it when it had grown too large."""
MOST_BYTES = 1_000_000
MOST_LINES = 200
LONGEST_LINE = 2000


class TaskLog:
    """Thread-safe. A disk that takes no more costs lines, and nothing else.

    Args:
        folder: of the task.
        hidden: takes a line, gives it without what is private.
    """

    def __init__(self, folder: Path, hidden: Callable[[str], str] = lambda line: line) -> None:
        self._folder, self._hidden = folder, hidden
        self._lock = threading.Lock()
        self._lines: deque[str] = deque(last_lines(folder), maxlen=MOST_LINES)

    def write(self, text: str) -> None:
        """Add what was said; several lines are several, and of a progress bar its last state."""
        for each in text.split("\n"):
            line = self._hidden(each.rstrip().rpartition("\r")[2][:LONGEST_LINE])
            if line:
                self._add(line)

    def lines(self) -> tuple[str, ...]:
        """The last ones."""
        with self._lock:
            return tuple(self._lines)

    def _add(self, line: str) -> None:
        with self._lock:
            self._lines.append(line)
            file = self._folder / LOG_FILES[0]
            try:
                if file.exists() and file.stat().st_size > MOST_BYTES:
                    file.replace(self._folder / LOG_FILES[1])
                with file.open("a", encoding="utf-8", errors="replace") as opened:
                    opened.write(line + "\n")
            except OSError as error:
                logger.debug("a line of %s is not kept: %s", file, error)


def log_text(folder: Path, most_bytes: int = 2 * MOST_BYTES) -> str:
    """What is kept of a log, at most so much of its end; whole lines."""
    newest, before = (folder / name for name in LOG_FILES)
    text = _end_of(newest, most_bytes + 1)
    if len(text) <= most_bytes:
        text = _end_of(before, most_bytes + 1 - len(text)) + text
    if len(text) > most_bytes:
        text = text[-most_bytes:].partition(b"\n")[2]
    return text.decode("utf-8", "replace")


def last_lines(folder: Path) -> Sequence[str]:
    """Those that are told with a task."""
    return log_text(folder, MOST_LINES * 500).splitlines()[-MOST_LINES:]


def _end_of(file: Path, most_bytes: int) -> bytes:
    """At most so many bytes; nothing where it is not there."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - most_bytes))
            return opened.read(most_bytes)
    except OSError:
        return b""
