"""The start-up in the terminal: one progress bar with words, or plain lines where there is no terminal."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from openarc_ui.startup import StartupPhase, StartupStatus


class TerminalProgress:
    """Shows each StartupStatus once; safe to call from any thread."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = ""

    def show(self, status: StartupStatus) -> None:
        """Draw where the start-up is; the bar goes away when it has ended."""
        with self._lock:
            if status.phase is StartupPhase.DONE:
                self._stop_bar()
                if status.model is not None:
                    self._print(f"{status.model} is ready.")
            elif status.phase is StartupPhase.FAILED:
                self._stop_bar()
                self._print(f"The model could not be started: {status.message} {status.hint}")
            elif status.stage is not None:
                self._draw(status)

    def say(self, text: str) -> None:
        """One line of its own, above the bar."""
        with self._lock:
            self._print(text)

    def close(self) -> None:
        """Leave the terminal as it was. Idempotent."""
        with self._lock:
            self._stop_bar()

    def _draw(self, status: StartupStatus) -> None:
        stage = status.stage
        if stage is None:
            return
        if not self._console.is_terminal:
            if stage.label != self._last_line:
                self._last_line = stage.label
                self._print(f"[{stage.fraction:4.0%}] {stage.label}")
            return
        if self._progress is None:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                console=self._console,
            )
            self._task = self._progress.add_task("", total=1.0)
            self._progress.start()
        if self._task is not None:
            words = f"{stage.label} · {stage.detail}" if stage.detail else stage.label
            self._progress.update(self._task, description=words, completed=stage.fraction)

    def _stop_bar(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)
