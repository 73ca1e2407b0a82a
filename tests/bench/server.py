"""A real server process for the bench: `python app.py` with the starter model, and how long it takes to answer."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class StartTimes:
    """Seconds from the start of the process."""

    page_seconds: float
    ready_seconds: float


class ServerProcess:
    """Starts on construction; a context manager that ends it."""

    def __init__(self, model_folder: Path) -> None:
        self._folder = tempfile.TemporaryDirectory()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        flags = [
            "--port",
            str(port),
            "--model-folder",
            str(model_folder),
            "--database",
            f"{self._folder.name}/m.sqlite3",
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENARC_")}
        self._began_at = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "app.py", *flags], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
        )

    def wait(self, seconds: float = 180.0) -> StartTimes:
        """Until the page answers and the model is ready.

        Raises:
            TimeoutError: it took longer than `seconds`.
        """
        page_seconds = self._poll("/", seconds)
        return StartTimes(page_seconds, self._poll("/readyz", seconds))

    def _poll(self, path: str, seconds: float) -> float:
        while time.perf_counter() - self._began_at < seconds:
            try:
                if httpx.get(self.address + path, timeout=5).status_code == 200:
                    return time.perf_counter() - self._began_at
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise TimeoutError(f"{path} did not answer within {seconds} s")

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._folder.cleanup()
