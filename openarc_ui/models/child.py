"""A process of our own that does heavy work on models: it tells its progress as lines, and dies with whoever started it.

Nothing heavy is imported in the main process, a cancelled piece of work gives back everything it took, and a native
crash costs that work alone. The other side's half is `openarc_ui.models.childhood`.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import psutil

import openarc_ui

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
STDERR_LINES = 40
_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NOISE = ("Traceback", "File ", "Exception from", "Check '", "^", "~")

Report = TypeVar("Report")


class Child(Generic[Report]):
    """A running process `python -m module arguments`, with threads that read what it says.

    Args:
        from_line: a line of its standard output as a report; ValueError: it is none, and goes with standard error's.
        first_line: written to its standard input at once, for what no command line may show (a token).
        environment: variables beside, or in place of, this process's own.
        on_stderr: called with each line of standard error, from a thread of the child's.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        from_line: Callable[[str], Report],
        *,
        first_line: str = "",
        environment: Mapping[str, str] | None = None,
        on_stderr: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._from_line, self._on_stderr, self._module = from_line, on_stderr, module
        self._stderr_lines: deque[str] = deque(maxlen=STDERR_LINES)
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **(environment or {}), "PYTHONPATH": str(Path(openarc_ui.__file__).parent.parent)},
            # In a session of its own: Ctrl+C in a terminal reaches only us, and its group can be killed.
            start_new_session=True,
        )
        if first_line and self._process.stdin is not None:
            self._process.stdin.write(first_line + "\n")
            self._process.stdin.flush()
        self._readers = [
            threading.Thread(target=target, name=module.rpartition(".")[2], daemon=True)
            for target in (self._read_reports, self._read_stderr)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def process_id(self) -> int:
        """Of the process, to measure it."""
        return self._process.pid

    def next_report(self) -> Report | None:
        """The next report, or None when the process has closed its output.

        Raises:
            queue.Empty: nothing for `POLL_SECONDS`.
        """
        return self._reports.get(timeout=POLL_SECONDS)

    def end(self) -> None:
        """Kill the process and whatever it started that still runs, and wait until they are gone."""
        _kill_with_children(self._process)
        self._process.wait()
        for reader in self._readers:
            reader.join(timeout=1.0)

    def last_words(self) -> str:
        """The last line on standard error that says something."""
        return last_words(self._stderr_lines)

    def log_last_lines(self) -> None:
        """Put the last lines of standard error, a traceback perhaps, into the log."""
        if self._stderr_lines:
            logger.error("%s wrote:\n%s", self._module, "".join(self._stderr_lines))

    def reason_of_death(self, what: str) -> str:
        """Why a process that has closed its output ended, as a sentence about `what`."""
        self._readers[1].join(timeout=1.0)
        exit_code, words = self._process.wait(), self.last_words()
        cause = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
        return f"{what} ended with {cause}" + (f": {words}" if words else ".")

    def _read_reports(self) -> None:
        for line in self._process.stdout or ():
            try:
                self._reports.put(self._from_line(line))
            except ValueError:
                self._keep(line)
        self._reports.put(None)

    def _read_stderr(self) -> None:
        for line in self._process.stderr or ():
            self._keep(line)

    def _keep(self, line: str) -> None:
        self._stderr_lines.append(line)
        self._on_stderr(line)


def last_words(lines: Iterable[str]) -> str:
    """The last line that says something to a person: no escape sequences, no traceback, at most 300 characters."""
    cleaned = (_ESCAPE_SEQUENCE.sub("", line).strip() for line in lines)
    telling = [line for line in cleaned if line and not line.startswith(_NOISE)]
    return telling[-1][:300] if telling else ""


def _kill_with_children(process: subprocess.Popen[str]) -> None:
    if os.name == "posix":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # gone already; macOS says PermissionError of a zombie
            process.kill()
        return
    try:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
    except psutil.NoSuchProcess:
        pass
    process.kill()
