"""Rendering a chat template in a process that can be ended: its start, its bounds, and its answers.

What is bounded: the time of one rendering and the memory it takes; the length of its text is, by the order. The process starts
with the first template and lives until one breaks a bound, or nobody holds its RenderProcess any more.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from openarc_ui.errors import GenerationFailed, TemplateRefused

PROGRAM = Path(__file__).with_name("jinja_process.py")
START_SECONDS = 30.0
RENDER_SECONDS = 5.0
"""A conversation of 1000 messages takes a hundredth of it."""
MEMORY_BYTES = 512 * 2**20
POLL_SECONDS = 0.05
ORPHAN_SECONDS = 1.0
"""After the parent should have ended it, the process ends itself: the parent is gone."""

Reply = dict[str, Any]


class RenderProcess:
    """One rendering at a time; callers from several threads wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ended: Callable[[], object] = lambda: None
        self._replies: queue.SimpleQueue[Reply | None] = queue.SimpleQueue()

    def __call__(self, order: Mapping[str, Any]) -> Reply:
        """Render one order; see `jinja_process.answer`.

        Raises:
            TemplateRefused: it took too long or too much memory.
            GenerationFailed: the process can't be started.
        """
        line = json.dumps({**order, "seconds": RENDER_SECONDS + ORPHAN_SECONDS}).encode("ascii") + b"\n"
        with self._lock:
            reply = self._ask(line)
            if reply.get("memory"):
                self._end()
                raise _too_large()
        return reply

    def _ask(self, line: bytes) -> Reply:
        process = self._running()
        try:
            self._write(process, line)
        except OSError:  # it was ended from outside since the last time
            self._end()
            process = self._running()
            self._write(process, line)
        return self._wait(process)

    def _write(self, process: subprocess.Popen[bytes], line: bytes) -> None:
        if process.stdin is not None:
            process.stdin.write(line)
            process.stdin.flush()

    def _wait(self, process: subprocess.Popen[bytes]) -> Reply:
        until = time.monotonic() + RENDER_SECONDS
        while True:
            with contextlib.suppress(queue.Empty):
                reply = self._replies.get(timeout=POLL_SECONDS)
                if reply is not None:
                    return reply
                self._end()
                raise TemplateRefused(
                    "The chat template ended the process that rendered it.", "Look for what it repeats without end."
                )
            if _resident_bytes(process) > MEMORY_BYTES:
                self._end()
                raise _too_large()
            if time.monotonic() > until:
                self._end()
                raise TemplateRefused(
                    f"The chat template did not come to its end within {RENDER_SECONDS:g} seconds.",
                    "Look for a loop in it that goes over too much, or inside another.",
                )

    def _running(self) -> subprocess.Popen[bytes]:
        """The process; a new one where there is none, or it ended."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        self._replies = queue.SimpleQueue()
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._ended = weakref.finalize(self, _kill, process)
        threading.Thread(target=_read, args=(process, self._replies), name="templates", daemon=True).start()
        try:
            ready = self._replies.get(timeout=START_SECONDS)
        except queue.Empty:
            ready = None
        if ready is None:
            self._end()
            raise GenerationFailed("The process that renders chat templates does not start.", "The log has the reason.")
        return process

    def _end(self) -> None:
        self._process = None
        self._ended()


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _read(process: subprocess.Popen[bytes], replies: queue.SimpleQueue[Reply | None]) -> None:
    """Pass on what the process says; None when it is gone."""
    if process.stdout is not None:
        for line in process.stdout:
            if line.endswith(b"\n"):
                replies.put(json.loads(line))
    replies.put(None)


def _resident_bytes(process: subprocess.Popen[bytes]) -> int:
    try:
        return int(psutil.Process(process.pid).memory_info().rss)
    except psutil.Error:
        return 0


def _too_large() -> TemplateRefused:
    return TemplateRefused(
        f"The chat template takes more than {MEMORY_BYTES // 2**20} MB of memory.", "Look for what it repeats or joins."
    )
