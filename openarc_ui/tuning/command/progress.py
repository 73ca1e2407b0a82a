"""How far a run is, on a terminal as a line that is written over, elsewhere as lines that come seldom."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from openarc_ui.tuning.results import Progress

SELDOM_SECONDS = 10.0
"""Without a terminal, a line is written at most so often while the same is done."""
ERASE_LINE = "\r\x1b[K"


class ProgressLine:
    """Writes to a stream; not thread-safe.

    Args:
        kind: of the run; only a sweep's time is a bound.
    """

    def __init__(self, stream: TextIO, kind: str = "") -> None:
        self._stream, self._is_terminal, self._kind = stream, stream.isatty(), kind
        self._shown, self._shown_at, self._is_open = "", 0.0, False

    def show(self, progress: Progress) -> None:
        """Draw where it is."""
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(ERASE_LINE + progress_words(progress, self._kind)[:width])
            self._stream.flush()
            self._is_open = True
            return
        said = f"{progress.phase} {progress.now.partition(' · ')[0]}"
        if said == self._shown and time.monotonic() - self._shown_at < SELDOM_SECONDS:
            return
        self._shown, self._shown_at = said, time.monotonic()
        self._stream.write(progress_words(progress, self._kind) + "\n")
        self._stream.flush()

    def say(self, words: str) -> None:
        """A line of its own."""
        self.close()
        self._stream.write(words + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Take away the line that is written over. Idempotent."""
        if self._is_open:
            self._stream.write(ERASE_LINE)
            self._stream.flush()
            self._is_open = False


def progress_words(progress: Progress, kind: str) -> str:
    """One line: time, phase, how many of how many, what is done now, time left.

    A sweep ends with its time. What is left of a bench or a comparison is reckoned by the pace so far, so it may take longer.
    """
    bound = "at most" if kind == "sweep" else "about"
    count = f"{progress.done}/{progress.planned}" if progress.planned is not None else f"{progress.done} done"
    left = f"{bound} {clock(progress.left_seconds)} left" if progress.left_seconds is not None else ""
    parts = (
        f"[{clock(progress.elapsed_seconds)}]",
        progress.phase,
        count if progress.phase else "",
        left,
        progress.now,
    )
    return "  ".join(part for part in parts if part)


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
