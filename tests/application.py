"""A real `python app.py` in a process of its own, for the browser tests, the start-up tests and the bench."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests import OFFLINE

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class StartTimes:
    """Seconds from the start of the process."""

    page_seconds: float
    ready_seconds: float


NO_HUB = "http://127.0.0.1:9"


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Application:
    """Starts on construction with a database of its own; a context manager that ends it.

    Args:
        environment: variables for it; OPENARC_ ones of this process are not handed on. With the keys in it, these are
            sent along.

    Attributes:
        address: where its page is.
        log: everything it wrote, as a file.
        database: the metrics it kept.
        headers: the key it wants, as headers; of the administrator where there are two.
    """

    def __init__(self, model_folder: Path, *flags: str, environment: Mapping[str, str] | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory()
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.log = Path(self._folder.name) / "log.txt"
        own = Path(self._folder.name)
        self.database = own / "metrics.sqlite3"
        places = ["--model-folder", str(model_folder), "--database", str(self.database)]
        places += ["--conversations", str(own / "conversations.sqlite3")]
        places += ["--profile-folder", str(own / "profiles"), "--cache-folder", str(own / "cache")]
        places += ["--tuning-folder", str(own / "tuning")]
        given = dict(environment or {})
        key = given.get("OPENARC_ADMIN_KEY") or given.get("OPENARC_API_KEY")
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        own_environment = {
            name: value for name, value in os.environ.items() if not name.startswith("OPENARC_") and name not in OFFLINE
        }
        self._began_at = time.perf_counter()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py", "--port", str(port), *places, *flags],
                cwd=ROOT,
                # No test asks an outside host: nobody listens there. A flag, or a variable that is given, says otherwise.
                env={**own_environment, "HF_ENDPOINT": NO_HUB, **given},
                stdout=log,
                stderr=log,
            )

    def wait(self, seconds: float = 180.0) -> StartTimes:
        """Until the page answers and the model is ready.

        Raises:
            TimeoutError: it took longer than `seconds`, or the program ended.
        """
        page_seconds = self._poll("/", seconds)
        return StartTimes(page_seconds, self._poll("/readyz", seconds))

    def status(self) -> dict[str, Any]:
        """What `GET /status` says now."""
        answer: dict[str, Any] = httpx.get(f"{self.address}/status", headers=self.headers, timeout=30).json()
        return answer

    def end(self, signal_number: int = signal.SIGTERM) -> int:
        """Ask it to end; returns its exit code. It is killed when it does not within 15 seconds."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _poll(self, path: str, seconds: float) -> float:
        while time.perf_counter() - self._began_at < seconds and self.process.poll() is None:
            try:
                if httpx.get(self.address + path, headers=self.headers, timeout=5).status_code == 200:
                    return time.perf_counter() - self._began_at
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise TimeoutError(f"{path} did not answer within {seconds} s:\n{self.log.read_text()}")

    def __enter__(self) -> Application:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._folder.cleanup()
