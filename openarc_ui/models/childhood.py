"""The half of `openarc_ui.models.child` that runs in the process it starts: its output kept for reports, its end with its parent's."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TextIO


def claim_stdout() -> TextIO:
    """Keep the real standard output for progress, and send every print of a library to standard error instead."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return output


def end_with_parent() -> None:
    """End this process and what it started when standard input closes, which it does when the parent is gone, however it went."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        if os.name == "posix" and os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()
