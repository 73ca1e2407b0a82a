"""The starter model, as the main process sees it: ask for it, follow the progress, get the folder.

The work is done by openarc_ui.models.prepare in a process of its own, so nothing heavy is imported here and a cancelled
preparation gives back everything it took.
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
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

import openarc_ui
from openarc_ui.engine.types import LoadStage
from openarc_ui.errors import LoadCancelled, StarterUnavailable
from openarc_ui.models.progress import Failed, Prepared, Report, from_line
from openarc_ui.models.starter_files import STARTER_NAMES, Precision, is_complete, remove_abandoned, ways_out

__all__ = ["STARTER_NAMES", "Precision", "prepare_starter"]

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
SILENCE_SECONDS = 300.0
STDERR_LINES = 40

OnStage = Callable[[LoadStage], None]

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NOISE = ("Traceback", "File ", "Exception from", "Check '", "^", "~")


def prepare_starter(
    model_folder: Path,
    *,
    precision: Precision = "int4",
    on_stage: OnStage,
    cancel: threading.Event | None = None,
) -> Path:
    """The finished folder of the starter model inside `model_folder`; prepared first if it isn't there.

    Takes about 10 seconds and a download of 93 MB, or no time when the model is there. Blocks; `on_stage` is called in
    this thread, with fractions of the whole from 0 to 1.

    Args:
        cancel: set it from another thread to end the preparation.

    Raises:
        StarterUnavailable: it can't be had, with the reason and the ways out.
        LoadCancelled: `cancel` was set.
    """
    target = model_folder / STARTER_NAMES[precision]
    remove_abandoned(model_folder)
    if is_complete(target):
        return target
    try:
        model_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StarterUnavailable(
            f"The model folder can't be made: {error.strerror}.", "Start OpenArc with another one."
        ) from error
    child = _Child(model_folder, precision)
    try:
        folder = _follow(child, ways_out(model_folder), on_stage, cancel)
    except StarterUnavailable:
        child.log_last_lines()
        raise
    finally:
        child.end()
        remove_abandoned(model_folder)
    on_stage(LoadStage("The starter model is ready", 1.0))
    return folder


class _Child:
    """The preparing process, with threads that read what it says."""

    def __init__(self, model_folder: Path, precision: Precision) -> None:
        self._stderr_lines: deque[str] = deque(maxlen=STDERR_LINES)
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        self._process = _start(model_folder, precision)
        self._readers = [
            threading.Thread(target=target, name="prepare", daemon=True)
            for target in (self._read_reports, self._read_stderr)
        ]
        for reader in self._readers:
            reader.start()

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
            logger.error("the process that prepares the starter model wrote:\n%s", "".join(self._stderr_lines))

    def wait(self) -> int:
        """Wait for a process that has closed its output; returns the exit code, negative for a signal."""
        self._readers[1].join(timeout=1.0)
        return self._process.wait()

    def _read_reports(self) -> None:
        for line in self._process.stdout or ():
            try:
                self._reports.put(from_line(line))
            except ValueError:
                self._stderr_lines.append(line)
        self._reports.put(None)

    def _read_stderr(self) -> None:
        for line in self._process.stderr or ():
            self._stderr_lines.append(line)


def _follow(child: _Child, hint: str, on_stage: OnStage, cancel: threading.Event | None) -> Path:
    last_heard = time.monotonic()
    while True:
        if cancel is not None and cancel.is_set():
            raise LoadCancelled("Preparing the starter model was cancelled.", "Start it again when you want it.")
        try:
            report = child.next_report()
        except queue.Empty:
            if time.monotonic() - last_heard > SILENCE_SECONDS:
                raise StarterUnavailable(
                    f"Preparing the starter model stood still for {SILENCE_SECONDS:.0f} s and was given up.", hint
                ) from None
            continue
        last_heard = time.monotonic()
        if isinstance(report, LoadStage):
            on_stage(report)
        elif isinstance(report, Prepared):
            return Path(report.folder)
        elif isinstance(report, Failed):
            raise StarterUnavailable(report.message, report.hint)
        else:
            raise StarterUnavailable(_reason_of_death(child), hint)


def _start(model_folder: Path, precision: Precision) -> subprocess.Popen[str]:
    """Start the child in a session of its own: Ctrl+C in a terminal reaches only us, and its group can be killed."""
    package_root = str(Path(openarc_ui.__file__).parent.parent)
    command = [sys.executable, "-m", "openarc_ui.models.prepare", "--relay"]
    command += ["--model-folder", str(model_folder), "--precision", precision]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONPATH": package_root},
        start_new_session=True,
    )


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


def _reason_of_death(child: _Child) -> str:
    exit_code = child.wait()
    cause = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    words = child.last_words()
    return f"The process that prepares the starter model ended with {cause}" + (f": {words}" if words else ".")


def last_words(lines: Iterable[str]) -> str:
    """The last line that says something to a person: no escape sequences, no traceback, at most 300 characters."""
    cleaned = (_ESCAPE_SEQUENCE.sub("", line).strip() for line in lines)
    telling = [line for line in cleaned if line and not line.startswith(_NOISE)]
    return telling[-1][:300] if telling else ""
