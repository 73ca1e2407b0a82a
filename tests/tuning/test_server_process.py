"""A real `python app.py` that measures: its chat refuses meanwhile, it is killed in the middle, and the next one goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.application import Application
from tests.conftest import write_script

SLOW = {"text": "one two three four", "token_seconds": 0.25, "prefill_seconds": 0.002}
"""A run of it does not end by itself before it is killed."""
QUICK = {**SLOW, "token_seconds": 0.001}
CHAT = {"model": "script", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
BENCH = {
    "kind": "bench",
    "name": "threads",
    "configuration": {"model_path": "script"},
    "workloads": [{"prompt_tokens": 8, "generated_tokens": 4}],
    "repetitions": 1,
    "loads": 12,
    "quality": {"is_wanted": False},
}


def runs_of(program: Application) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = httpx.get(f"{program.address}/tuning/runs", timeout=10).json()
    return answer


def until(is_so: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def visits_in(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in folder.glob("*/visits.jsonl"))


def test_a_server_that_is_killed_while_it_measures_and_the_next_one(tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", replies=[SLOW])
    flags = ("--model", "script", "--tuning-folder", str(tmp_path / "tuning"))
    with Application(tmp_path / "models", *flags) as program:
        program.wait()
        assert not (tmp_path / "tuning").exists()
        begun = httpx.post(f"{program.address}/tuning/runs", json=BENCH, timeout=10)
        assert begun.status_code == 200, begun.text
        run_id = begun.json()["run_id"]
        refused = httpx.post(f"{program.address}/v1/chat/completions", json=CHAT, timeout=10)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
        assert "The bench 'threads' measures" in refused.json()["error"]["message"]
        until(lambda: visits_in(tmp_path / "tuning") >= 2)
        assert program.end(signal.SIGKILL) != 0
    before = visits_in(tmp_path / "tuning")
    write_script(tmp_path / "models" / "script", replies=[QUICK])
    with Application(tmp_path / "models", *flags) as program:
        program.wait()
        assert [(run["run_id"], run["state"]) for run in runs_of(program)] == [(run_id, "interrupted")]
        resumed = httpx.post(f"{program.address}/tuning/runs/{run_id}/resume", timeout=10)
        assert resumed.status_code == 200, resumed.text
        until(lambda: runs_of(program)[0]["state"] == "finished")
        assert 2 <= before < visits_in(tmp_path / "tuning") == BENCH["loads"]
        answered = httpx.post(f"{program.address}/v1/chat/completions", json=CHAT, timeout=10)
        assert answered.status_code == 200
        last_good = httpx.get(f"{program.address}/profiles/last%20good", timeout=10).json()
        assert "'tuning'" not in str(last_good) and "script" in str(last_good)
        begun = httpx.post(f"{program.address}/tuning/runs", json=BENCH, timeout=10)
        began_at = time.monotonic()
        assert program.end(signal.SIGTERM) == 0
        assert time.monotonic() - began_at < 12
        assert "Traceback" not in program.log.read_text()
    kept = (tmp_path / "tuning" / begun.json()["run_id"] / "run.json").read_text()
    assert '"state": "interrupted"' in kept
