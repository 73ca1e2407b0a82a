"""Measuring how fast a device reads its memory: what is refused, what it costs, what it says."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine import bandwidth
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import DeviceUnavailable, EngineBusy, InvalidRequest
from tests.conftest import ask


def test_the_processor_reads_some_gigabytes_a_second(make_engine: Callable[..., Engine]) -> None:
    began_at = time.time()
    found = make_engine().measure_bandwidth("CPU")
    assert 1e9 < found.bytes_per_second < 1e13
    assert began_at <= found.measured_at <= time.time()
    assert (found.device, found.method.count(".")) == ("CPU", 1), "one sentence"
    assert found.device_name


def test_a_device_that_is_not_there_is_refused_with_the_nearest_name(make_engine: Callable[..., Engine]) -> None:
    with pytest.raises(DeviceUnavailable) as caught:
        make_engine().measure_bandwidth("CPUU")
    assert "CPU" in caught.value.hint


@pytest.mark.parametrize("device", ["AUTO", "AUTO:CPU", "HETERO:CPU"])
def test_a_composite_is_refused_with_its_devices(make_engine: Callable[..., Engine], device: str) -> None:
    with pytest.raises(InvalidRequest, match="no memory of its own") as caught:
        make_engine().measure_bandwidth(device)
    assert "CPU" in caught.value.hint


def test_while_a_request_runs_it_is_refused(scripted: Engine) -> None:
    with scripted.submit(ask("slow")), pytest.raises(EngineBusy, match="at work"):
        scripted.measure_bandwidth("CPU")


def test_an_idle_model_is_no_hindrance(scripted: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openarc_ui.engine.reservation.measure", lambda device: device)
    assert scripted.measure_bandwidth("CPU") == "CPU"  # type: ignore[comparison-overlap]
    scripted.load(LoadRequest(model_path="script", name="another"))
    assert scripted.measure_bandwidth("CPU") == "CPU"  # type: ignore[comparison-overlap]


def test_a_request_meanwhile_spoils_it_though_it_has_ended(scripted: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure_while_asked(device: str) -> Any:
        scripted.submit(ask("hi")).result(timeout=30)
        return device

    monkeypatch.setattr("openarc_ui.engine.reservation.measure", measure_while_asked)
    with pytest.raises(EngineBusy, match="meanwhile") as caught:
        scripted.measure_bandwidth("CPU")
    assert caught.value.hint


def test_a_load_meanwhile_spoils_it(scripted: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure_while_loading(device: str) -> Any:
        scripted.load(LoadRequest(model_path="script", name="another"))
        return device

    monkeypatch.setattr("openarc_ui.engine.reservation.measure", measure_while_loading)
    with pytest.raises(EngineBusy, match="meanwhile"):
        scripted.measure_bandwidth("CPU")


def test_two_at_once_would_spoil_each_other(
    make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()

    def measure_again(device: str) -> Any:
        with pytest.raises(EngineBusy, match="already"):
            engine.measure_bandwidth(device)

    monkeypatch.setattr("openarc_ui.engine.reservation.measure", measure_again)
    engine.measure_bandwidth("CPU")
    engine.measure_bandwidth("CPU")


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "words"),
    [
        (0, '{"problem": "No driver."}\n', "", "can't be measured: No driver."),
        (-11, "", "noise\nSegmentation fault\n", "failed: Segmentation fault."),
        (0, "", "", "failed: exit code 0."),
    ],
)
def test_what_goes_wrong_in_the_process_is_an_error_with_its_words(
    monkeypatch: pytest.MonkeyPatch, code: int, stdout: str, stderr: str, words: str
) -> None:
    monkeypatch.setattr(
        subprocess, "run", lambda command, **options: subprocess.CompletedProcess(command, code, stdout, stderr)
    )
    with pytest.raises(DeviceUnavailable, match=words):
        bandwidth.measure("GPU.0")


def test_a_device_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bandwidth, "LIMIT_SECONDS", 0.01)
    with pytest.raises(DeviceUnavailable, match="within 0 seconds"):
        bandwidth.measure("CPU")


def test_the_matrix_is_smaller_where_memory_is_short_and_refused_where_it_would_fit_a_cache() -> None:
    assert bandwidth.matrix_bytes(None) == bandwidth.matrix_bytes(2**40) == bandwidth.MATRIX_BYTES
    assert bandwidth.matrix_bytes(2**31) == 2**28
    with pytest.raises(DeviceUnavailable, match="too little free memory"):
        bandwidth.matrix_bytes(2**28)


def test_the_matrix_is_four_times_the_caches_where_memory_allows() -> None:
    assert bandwidth.matrix_bytes(None, cache_bytes=2**25) == bandwidth.MATRIX_BYTES
    assert bandwidth.matrix_bytes(None, cache_bytes=384 * 2**20) == 2**31
    assert bandwidth.matrix_bytes(2**33, cache_bytes=384 * 2**20) == 2**30
    assert bandwidth.matrix_bytes(None, cache_bytes=2**40) == bandwidth.LARGEST_MATRIX_BYTES


def test_last_caches_are_counted_once_each(tmp_path: Path) -> None:
    for core, shared in enumerate(("0-1", "0-1", "2-3", "2-3")):
        for index, (level, size, by) in enumerate(
            ((1, "32K", str(core)), (2, "1024K", str(core)), (3, "32768K", shared))
        ):
            folder = tmp_path / f"cpu{core}" / "cache" / f"index{index}"
            folder.mkdir(parents=True)
            for name, value in (("level", str(level)), ("size", size), ("shared_cpu_list", by)):
                (folder / name).write_text(f"{value}\n")
    assert bandwidth.last_cache_bytes(tmp_path) == 2 * 32 * 2**20
    (tmp_path / "cpu2" / "cache" / "index2" / "size").write_text("unknown")
    assert bandwidth.last_cache_bytes(tmp_path) == 2 * 32 * 2**20, "the other core of the two tells"
    assert bandwidth.last_cache_bytes(tmp_path / "nothing") == 0


def test_one_run_that_seems_very_fast_does_not_count() -> None:
    seconds = [0.025] * 99 + [0.005]
    rates = bandwidth.stretches(seconds, 10**9)
    assert bandwidth.fast_rate(rates) == pytest.approx(4e10)
    assert sum(1e9 / rate for rate in rates) <= sum(seconds)
    assert bandwidth.disturbance(rates, 0.0) == ""


def test_stretches_hold_every_run_and_are_long_enough() -> None:
    assert bandwidth.stretches([0.04] * 4, 100) == pytest.approx([2500.0]), (
        "what is left at the end belongs to the last"
    )
    assert bandwidth.stretches([0.04] * 7, 100) == pytest.approx([2500.0] * 2)
    assert bandwidth.stretches([0.5, 0.25], 100) == [200.0, 400.0]


@pytest.mark.parametrize(
    ("rates", "others", "words"),
    [
        ([4e10] * 9 + [3e10] * 11, 0.0, "half of the stretches were at least 25% slower"),
        ([4e10] * 20, 0.5, "other programs used 50% of the processor"),
        ([4e10] * 12 + [1e10] * 8, 0.1, ""),
    ],
)
def test_a_measurement_that_was_disturbed_says_so(rates: list[float], others: float, words: str) -> None:
    found = bandwidth.disturbance(rates, others)
    assert words in found and found.startswith("; disturbed") is bool(words)


def test_the_last_answers_of_a_replaced_model_are_work_too(scripted: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openarc_ui.engine.reservation.measure", lambda device: device)
    with scripted.submit(ask("slow", max_new_tokens=2000)):
        scripted.load(LoadRequest(model_path="script"))
        with pytest.raises(EngineBusy, match="at work"):
            scripted.measure_bandwidth("CPU")
