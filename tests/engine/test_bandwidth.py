"""Measuring how fast a device reads its memory: what is refused, what it costs, what it says."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
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
    assert began_at <= found.measured_at <= time.time() < began_at + 30
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
    monkeypatch.setattr("openarc_ui.engine.engine.measure", lambda device: device)
    assert scripted.measure_bandwidth("CPU") == "CPU"  # type: ignore[comparison-overlap]
    scripted.load(LoadRequest(model_path="script", name="another"))
    assert scripted.measure_bandwidth("CPU") == "CPU"  # type: ignore[comparison-overlap]


def test_two_at_once_would_spoil_each_other(
    make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()

    def measure_again(device: str) -> Any:
        with pytest.raises(EngineBusy, match="already"):
            engine.measure_bandwidth(device)

    monkeypatch.setattr("openarc_ui.engine.engine.measure", measure_again)
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
