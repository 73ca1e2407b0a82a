"""A real model, a real SIGKILL in the middle of its answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import openarc_ui
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import FinishReason, LoadRequest, ModelState, PerformanceReport
from openarc_ui.errors import ModelNotLoaded, WorkerDied
from tests.conftest import ask
from tests.workers import worker_processes

pytestmark = pytest.mark.model
SOON_SECONDS = 5.0
"""A second on a machine that has nothing else to do."""


def test_sigkill_in_mid_generation_costs_one_model_and_is_told_at_once(starter_folder: Path) -> None:
    reports: list[PerformanceReport] = []
    order = LoadRequest(model_path=starter_folder.name, ov_config={"KV_CACHE_PRECISION": "f16"})
    with Engine(starter_folder.parent, on_report=reports.append) as engine:
        engine.load(order.model_copy(update={"name": "victim"}))
        engine.load(order.model_copy(update={"name": "bystander"}))
        dying = [
            engine.submit(ask("A long story", model="victim", max_new_tokens=2000, ignore_eos=True)) for _ in range(2)
        ]
        next(dying[0].batches(10))
        bystander = engine.submit(ask("A long story", model="bystander", max_new_tokens=60, ignore_eos=True))
        process_id = worker_processes(engine)["victim"]
        os.kill(process_id, signal.SIGKILL)
        killed_at = time.perf_counter()
        for generation in dying:
            with pytest.raises(WorkerDied, match="SIGKILL"):
                generation.result(timeout=SOON_SECONDS)
        assert time.perf_counter() - killed_at < SOON_SECONDS
        victim = next(model for model in engine.status().models if model.name == "victim")
        assert victim.state is ModelState.FAILED and victim.failure is not None and "SIGKILL" in victim.failure
        with pytest.raises(ModelNotLoaded, match=r"victim died: .*SIGKILL"):
            engine.submit(ask("Once more", model="victim"))
        assert bystander.result(timeout=60).finish_reasons == (FinishReason.LENGTH,)
        assert [report.error_code for report in reports].count("worker_died") == 2
        assert not psutil.pid_exists(process_id)
        engine.load(victim.request.model_copy(update={"name": "victim"}))
        answer = engine.submit(ask("What is the capital of France?", model="victim", do_sample=False)).result(
            timeout=60
        )
        assert "Paris" in answer.texts[0]


def test_unloading_gives_the_memory_back(starter_folder: Path) -> None:
    with Engine(starter_folder.parent) as engine:
        engine.load(LoadRequest(model_path=starter_folder.name))
        (worker,) = worker_processes(engine).values()
        unloaded = engine.unload()
        assert unloaded.freed_memory_bytes > 100_000_000
        assert not psutil.pid_exists(worker)


def test_a_worker_ends_when_the_main_process_is_killed(starter_folder: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from openarc_ui.engine.engine import Engine; from openarc_ui.engine.types import LoadRequest\n"
        f"engine = Engine(Path({str(starter_folder.parent)!r}))\n"
        f"engine.load(LoadRequest(model_path={starter_folder.name!r}))\n"
        "print(engine.status().models[0].process_id, flush=True); time.sleep(60)\n"
    )
    root = str(Path(openarc_ui.__file__).parent.parent)
    main = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root, text=True)
    assert main.stdout is not None
    worker = psutil.Process(int(main.stdout.readline()))
    main.kill()
    main.wait()
    psutil.wait_procs([worker], timeout=20)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
