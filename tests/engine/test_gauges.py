"""What a worker tells of itself: sent when it changes, kept by the host, gone with the process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openarc_ui.engine.backends.genai import GenAIBackend
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.gauges import GaugeTeller
from openarc_ui.engine.messages import Gauged
from openarc_ui.engine.types import LoadRequest, WorkerGauges
from tests.conftest import ask, write_script
from tests.engine.devices.machines import GPU, Scripted, ScriptedMachine


class Gauges:
    """A backend that has gauges and nothing else."""

    def __init__(self, gauges: WorkerGauges) -> None:
        self.now = gauges

    def gauges(self) -> WorkerGauges:
        return self.now


def until(found: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait for something to be true, and give it."""
    ends_at = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < ends_at:
        time.sleep(0.02)
    return value


def test_only_what_has_changed_is_sent() -> None:
    backend, sent = Gauges(WorkerGauges(10.0, 1000)), list[Gauged]()
    teller = GaugeTeller(backend, ("CPU",), sent.append)  # type: ignore[arg-type]
    teller.look()
    teller.look()
    backend.now = WorkerGauges(20.0, 1000)
    teller.look()
    assert sent == [Gauged(WorkerGauges(10.0, 1000)), Gauged(WorkerGauges(20.0, 1000))]


def test_no_device_is_asked_where_there_is_no_gpu() -> None:
    def no_layer() -> Any:
        raise AssertionError("a CPU's memory is the process's")

    sent: list[Gauged] = []
    GaugeTeller(Gauges(WorkerGauges()), ("CPU", "NPU"), sent.append, no_layer).look()  # type: ignore[arg-type]
    assert sent == [Gauged(WorkerGauges())]


@pytest.mark.parametrize(
    ("statistics", "expected"),
    [
        ({"usm_device_current": 3_000, "usm_host_current": 50, "usm_device_peak": 9_000}, 6_100),
        ({"usm_device": 3_000}, 6_000),
        ({}, None),
        ({"usm_device_current": 0}, None),
        ("nonsense", None),
        (RuntimeError("no such property"), None),
    ],
)
def test_a_gpus_memory_is_what_it_says_now_and_none_where_it_says_nothing(
    statistics: Any, expected: int | None
) -> None:
    table = {**GPU, "GPU_MEMORY_STATISTICS": Scripted(statistics)}
    machine = ScriptedMachine({"GPU.0": table, "GPU.1": table})
    sent: list[Gauged] = []
    GaugeTeller(Gauges(WorkerGauges()), ("GPU.0", "GPU.1"), sent.append, lambda: machine).look()  # type: ignore[arg-type]
    assert sent[0].gauges.device_memory_bytes == expected


def test_gauges_are_in_the_status_while_it_works_and_go_with_the_worker(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    write_script(tmp_path / "models" / "script", kv_cache_percent=40.0, kv_cache_bytes=8_000)
    engine = make_engine()
    engine.load(LoadRequest(model_path="script"))

    def gauges() -> WorkerGauges | None:
        return engine.status().models[0].gauges

    assert until(gauges) == WorkerGauges(0.0, 0)
    with engine.submit(ask("slow", max_new_tokens=4000, ignore_eos=True)):
        assert until(lambda: gauges() == WorkerGauges(40.0, 8_000))
    assert until(lambda: gauges() == WorkerGauges(0.0, 0))
    with engine.submit(ask("crash")) as generation, pytest.raises(Exception, match="died"):
        generation.result(timeout=30)
    assert until(lambda: engine.status().models[0].state.value == "failed")
    assert gauges() is None


class PlayedCache:
    """A pipeline whose cache is in use."""

    def __init__(self) -> None:
        self.cache_usage, self.kv_cache_size_in_bytes = 25.0, 4_000

    def has_non_finished_requests(self) -> bool:
        return True

    def step(self) -> None:
        """Nothing to do."""

    def get_metrics(self) -> PlayedCache:
        return self


@pytest.mark.parametrize("has_bound", [True, False])
def test_a_share_of_a_cache_that_grows_with_need_is_not_told(has_bound: bool) -> None:
    backend = GenAIBackend(genai=SimpleNamespace(GenerationStatus=SimpleNamespace(RUNNING=0)))
    backend._pipeline, backend._has_bound = PlayedCache(), has_bound
    backend._runs = [SimpleNamespace(handle=None, job=SimpleNamespace(wants_stop=lambda _: False), sequence_index=0)]  # type: ignore[list-item]
    backend.step(lambda: None)
    assert backend.gauges() == WorkerGauges(25.0 if has_bound else None, 1_000)
    backend._runs.clear()
    backend.step(lambda: None)
    assert backend.gauges() == WorkerGauges(0.0 if has_bound else None, 0)


@pytest.mark.model
@pytest.mark.parametrize("scheduler", [{}, {"num_kv_blocks": 200}], ids=["grows", "bounded"])
def test_the_real_cache_is_used_by_a_request_and_free_after_it(starter_folder: Path, scheduler: dict[str, Any]) -> None:
    is_bounded = bool(scheduler)
    with Engine(starter_folder.parent) as engine:
        engine.load(LoadRequest(model_path=starter_folder.name, scheduler=scheduler))

        def gauges() -> Any:
            return engine.status().models[0].gauges

        generation = engine.submit(ask("Hello", max_new_tokens=4000, ignore_eos=True))
        assert until(lambda: gauges() is not None and gauges().kv_cache_bytes)
        now = gauges()
        assert now.kv_cache_bytes % (32 * 13_680) == 0, "whole blocks of keys and values in u8"
        blocks = now.kv_cache_bytes / (32 * 13_680)
        assert now.kv_cache_percent == (pytest.approx(blocks / 2) if is_bounded else None)
        generation.cancel()
        percent = generation.result(timeout=30).report.kv_cache_percent
        assert 0 < percent < 100 if percent is not None else not is_bounded
        assert until(lambda: gauges().kv_cache_bytes == 0)
        assert gauges().kv_cache_percent == (0.0 if is_bounded else None)


def test_gauges_that_can_not_be_read_any_more_are_not_told_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    backend, sent = Gauges(WorkerGauges(10.0, 1000)), list[Gauged]()
    teller = GaugeTeller(backend, ("CPU",), sent.append)  # type: ignore[arg-type]
    teller.look()
    del backend.now
    teller.start()
    assert until(lambda: sent[1:] == [Gauged(WorkerGauges())])
    assert "can't be read any more" in caplog.text
