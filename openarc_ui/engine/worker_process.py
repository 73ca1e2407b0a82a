"""The worker as a process of the operating system: how it is started, what memory it has, and in words how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

import openarc_ui


def start_worker() -> subprocess.Popen[bytes]:
    """A process that waits for its first message; its three streams are pipes."""
    package_root = str(Path(openarc_ui.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": package_root}
    return subprocess.Popen(
        [sys.executable, "-m", "openarc_ui.engine.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )


def cause_of_death(exit_code: int) -> str:
    """Signal or exit code, as the middle of a sentence."""
    if exit_code < 0:
        try:
            cause = f"was ended by signal {signal.Signals(-exit_code).name}"
        except ValueError:
            cause = f"was ended by signal {-exit_code}"
    else:
        cause = f"ended with exit code {exit_code}"
    return f"the worker process {cause}"


def resident_bytes(process: psutil.Process) -> int | None:
    """Memory that a worker holds; None when it is gone."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return None


def unique_bytes(process: psutil.Process) -> int:
    """What goes back to the system when a worker ends; 0 when it is gone already."""
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0
