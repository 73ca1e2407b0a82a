"""A real server is killed in the middle of a download from a Hub on this machine, and another one goes on with it."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.application import Application
from tests.hub_server import HubServer

REPOSITORY = "Somebody/tiny-ov"
TASKS = "/models/tasks"
TOKEN = "hf_a-token-that-nobody-may-see"
WEIGHTS = os.urandom(1_500_000)
FILES = {
    "config.json": b"{}",
    "openvino_model.xml": b"<net/>",
    "openvino_model.bin": WEIGHTS,
}
SLACK_BYTES = 300_000
"""Sent, and in nobody's file yet when the process was killed."""


def wait_for(is_true: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)


def test_a_killed_download_leaves_no_model_and_goes_on_where_it_was(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    with HubServer() as hub:
        hub.add_repository(REPOSITORY, FILES, gated=True)
        hub.allow(TOKEN, REPOSITORY)
        hub.faults.bytes_per_second = 150_000
        flags = ("--model", "none", "--hub-endpoint", hub.endpoint)
        with Application(models, *flags, environment={"OPENARC_HUB_TOKEN": TOKEN}) as first:
            first.wait()
            client = httpx.Client(base_url=first.address, timeout=30)
            assert client.get("/models/hub/token").json() == {"is_set": True}
            begun = client.post(f"{TASKS}/downloads", json={"repository": REPOSITORY}).raise_for_status().json()
            place = f"{TASKS}/{begun['task_id']}"
            wait_for(lambda: (client.get(place).json()["progress"]["done_bytes"] or 0) > 400_000)
            children = psutil.Process(first.process.pid).children(recursive=True)
            fetching = [each for each in children if any("download_process" in word for word in each.cmdline())]
            assert len(fetching) == 1 and TOKEN not in " ".join(fetching[0].cmdline())
            assert TOKEN not in fetching[0].environ().values()
            assert client.get("/models").json() == []
            os.kill(first.process.pid, signal.SIGKILL)
            first.process.wait()
            wait_for(lambda: not fetching[0].is_running() or fetching[0].status() == psutil.STATUS_ZOMBIE, 30)
            assert [each.name for each in models.iterdir()] == [".tasks"]
            log = first.log.read_text()
        hub.add_repository(REPOSITORY, {**FILES, "openvino_model.bin": b"another"})  # the branch moves meanwhile
        hub.faults.bytes_per_second = None
        with Application(models, *flags) as second:
            second.wait()
            client = httpx.Client(base_url=second.address, timeout=30)
            client.put("/models/hub/token", json={"token": TOKEN}).raise_for_status()
            interrupted = client.get(place).raise_for_status().json()
            assert interrupted["state"] == "interrupted" and interrupted["can_resume"]
            client.post(f"{place}/resume").raise_for_status()
            wait_for(lambda: client.get(place).json()["state"] not in ("waiting", "running"))
            done = client.get(place).json()
            assert done["state"] == "finished", done["problem"]
            verdict = client.post("/models/verify", json={"model": "tiny-ov"}).raise_for_status().json()
            assert verdict["is_good"] is True
            log += second.log.read_text() + client.get(f"{place}/log").text
            kept = [each for each in (models / ".tasks").rglob("*") if each.is_file()]
    found = hashlib.sha256((models / "tiny-ov" / "openvino_model.bin").read_bytes()).hexdigest()
    assert found == hashlib.sha256(WEIGHTS).hexdigest()
    assert hub.settled_bytes().total() < sum(map(len, FILES.values())) + SLACK_BYTES
    told = [log, *(each.read_text(errors="replace") for each in [*kept, *models.glob("tiny-ov/*.json")])]
    assert kept and not any(TOKEN in text or str(tmp_path) in text for text in told)
