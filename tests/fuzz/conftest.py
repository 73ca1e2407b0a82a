"""One real `python app.py` with scripted models that all of the fuzzing asks, and what must hold of it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
import pytest

from tests.application import Application
from tests.conftest import write_script

MODEL = "script"
QUESTION = {"conversation": [{"role": "user", "content": "hello"}]}
ANSWER = "The capital of France is Paris."
HEALTH_SECONDS = 0.5
"""What the best of some health checks may take here; what would hold them up would do so for seconds."""
MORE_THREADS = 8
"""The pools of threads grow a little with what is asked at once; a leak of one a request would be hundreds."""
MORE_FILES = 6
"""Connections of the database and the like come and go; a leak of one a request would be hundreds."""
SCRIPT: dict[str, Any] = {
    "context_length": 512,
    "replies": [{"text": ANSWER}, {"when": "slow", "text": "word " * 400, "token_seconds": 0.02}],
}


@dataclass(slots=True)
class Fuzzed:
    """The program under test, and how it was before anybody meant it ill."""

    application: Application
    client: httpx.Client
    files_at_rest: int = 0
    threads_at_rest: int = 0
    log_length: int = 0

    @property
    def address(self) -> str:
        return self.application.address

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def end_runs(self) -> None:
        """A wrong value that was right after all may have started a run, which has the machine to itself."""
        for run in self.client.get("/tuning/runs").json():
            if run["state"] in ("waiting", "running"):
                self.client.post(f"/tuning/runs/{run['run_id']}/cancel")

    def load(self) -> None:
        """The scripted model is loaded, and nothing else."""
        self.end_runs()
        models = self.application.status()["models"]
        if [(model["name"], model["state"]) for model in models] == [(MODEL, "ready")]:
            return
        for model in models:
            if model["name"] != MODEL:
                self.client.post("/model/unload", json={"model": model["name"]})
        body = {"load_config": {"id_model": MODEL}, "ov_config": {}}
        answer = self.client.post("/model/load", json=body)
        assert answer.status_code == 200, answer.text + self.application.log.read_text()[-3000:]

    def rest(self) -> None:
        """Remember what is logged already and, the first time, what is open: all tests together must come back to that."""
        self.log_length = len(self.application.log.read_text())
        if not self.files_at_rest:
            self.files_at_rest, self.threads_at_rest = self._process.num_fds(), self._process.num_threads()

    def assert_no_worker_died(self) -> None:
        """No model's process has ended by itself."""
        assert [model for model in self.application.status()["models"] if model["state"] == "failed"] == []

    def assert_unharmed(self) -> None:
        """Nothing runs, nothing leaked, nothing was logged as a mistake, and it answers as before."""
        assert self.application.process.poll() is None, "the program has ended"
        wait_for(lambda: self._in_flight() == 0, "something still runs or waits")
        (model,) = self.application.status()["models"]
        assert model["state"] == "ready"
        assert min(self._health_seconds() for _ in range(5)) < HEALTH_SECONDS
        answer = self.client.post("/generate/text", json=QUESTION)
        assert answer.status_code == 200 and answer.json()["generated_text"] == ANSWER
        wait_for(lambda: self._process.num_fds() <= self.files_at_rest + MORE_FILES, "files or connections leaked")
        wait_for(lambda: self._process.num_threads() <= self.threads_at_rest + MORE_THREADS, "threads leaked")
        log = self.application.log.read_text()[self.log_length :]
        assert "Traceback" not in log and "ERROR" not in log, log[-5000:]

    @property
    def _process(self) -> psutil.Process:
        return psutil.Process(self.application.process.pid)

    def _in_flight(self) -> int:
        return sum(model["running"] + model["queued"] for model in self.application.status()["models"])

    def _health_seconds(self) -> float:
        began_at = time.perf_counter()
        assert self.client.get("/health").status_code == 200
        return time.perf_counter() - began_at


def wait_for(is_true: Callable[[], bool], otherwise: str, seconds: float = 30.0) -> None:
    """Poll until something is true."""
    until = time.perf_counter() + seconds
    while not is_true():
        assert time.perf_counter() < until, otherwise
        time.sleep(0.05)


@pytest.fixture(scope="package")
def _program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    models = tmp_path_factory.mktemp("models")
    write_script(models / MODEL, **SCRIPT)
    with Application(models, "--model", MODEL, "--backend", "scripted") as application:
        application.wait()
        with httpx.Client(base_url=application.address, timeout=20) as client:
            yield Fuzzed(application, client)


@pytest.fixture
def fuzzed(_program: Fuzzed) -> Iterator[Fuzzed]:
    """The program with its model loaded; after the test it must be as it was."""
    _program.load()
    _program.rest()
    yield _program
    _program.assert_no_worker_died()
    _program.load()
    _program.assert_unharmed()
