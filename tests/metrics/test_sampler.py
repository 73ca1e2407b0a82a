"""What is sampled of the machine: measured or absent, close together only while something runs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from openarc_ui.engine.types import EngineStatus, LoadRequest, ModelState, ModelStatus, WorkerGauges
from openarc_ui.metrics.power import Power, PowerMeter
from openarc_ui.metrics.sampler import IDLE_INTERVALS, LINGER_SECONDS, Collector, Sample, Sampler
from tests.metrics.files import wait_until


def model(name: str, process_id: int | None, **changes: object) -> ModelStatus:
    known: dict[str, object] = {
        "state": ModelState.READY,
        "request": LoadRequest(model_path=name),
        "info": None,
        "stage": None,
        "failure": None,
        "memory_bytes": None,
        "running": 0,
        "queued": 0,
        "last_decode_tokens_per_second": None,
    }
    return ModelStatus(name=name, process_id=process_id, **{**known, **changes})  # type: ignore[arg-type]


def status(*models: ModelStatus) -> EngineStatus:
    return EngineStatus(models, None, None, 32)


class Clock:
    """Moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Machine:
    """A sampler whose clock stands still, and the models it asks for."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.models: tuple[ModelStatus, ...] = (model("a", psutil.Process().pid),)
        self.taken: list[Sample] = []
        meter = PowerMeter(Path("/nowhere"))
        self.sampler = Sampler(
            self.taken.append, lambda: status(*self.models), collector=Collector(meter), clock=self.clock
        )

    def looks(self, times: int) -> int:
        """How many samples so many turns, two seconds apart, take."""
        before = len(self.taken)
        for _ in range(times):
            self.clock.now += 2.0
            self.sampler.look()
        return len(self.taken) - before


def test_while_something_runs_every_turn_takes_a_sample() -> None:
    machine = Machine()
    machine.models = (model("a", psutil.Process().pid, running=1),)
    assert machine.looks(10) == 10


@pytest.mark.parametrize("changes", [{"queued": 1}, {"state": ModelState.LOADING}], ids=["queued", "loading"])
def test_waiting_and_loading_count_as_running(changes: dict[str, object]) -> None:
    machine = Machine()
    machine.models = (model("a", psutil.Process().pid, **changes),)
    assert machine.looks(4) == 4


def test_while_nothing_runs_only_every_fifth_turn_takes_one() -> None:
    machine = Machine()
    machine.looks(30)
    assert machine.looks(10 * IDLE_INTERVALS) == 10


def test_after_the_last_request_it_stays_close_for_ten_seconds() -> None:
    machine = Machine()
    machine.models = (model("a", psutil.Process().pid, running=1),)
    machine.looks(3)
    machine.models = (model("a", psutil.Process().pid),)
    assert machine.looks(int(LINGER_SECONDS / 2)) == 5
    assert machine.looks(IDLE_INTERVALS) <= 1


def test_a_request_that_began_and_ended_between_two_looks_is_noticed() -> None:
    machine = Machine()
    machine.looks(20)
    machine.models = (model("a", psutil.Process().pid, last_decode_tokens_per_second=12.5),)
    assert machine.looks(3) == 3


def test_without_a_worker_nothing_is_sampled() -> None:
    machine = Machine()
    machine.models = (model("failed", None, state=ModelState.FAILED),)
    assert machine.looks(20) == 0
    machine.models = ()
    assert machine.looks(20) == 0


def test_a_worker_is_measured_with_its_gauges_and_one_that_is_gone_is_absent() -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    try:
        collector = Collector(PowerMeter(Path("/nowhere")))
        models = (
            model("busy", busy.pid, gauges=WorkerGauges(12.5, 100, None)),
            model("gone", gone.pid),
            model("none", None),
        )
        time.sleep(0.5)
        first = collector.collect(models)
        time.sleep(0.5)
        second = collector.collect(models)
    finally:
        busy.kill()
        busy.wait()
    for sample in (first, second):
        (worker,) = sample.workers
        assert worker.name == "busy"
        assert worker.processor_percent > 1, "however many share the processor with it"
        assert worker.memory_bytes > 1_000_000
        assert (worker.kv_cache_percent, worker.kv_cache_bytes, worker.device_memory_bytes) == (12.5, 100, None)
    assert len(second.cores) == psutil.cpu_count()
    assert second.processor_percent == pytest.approx(sum(second.cores) / len(second.cores), abs=0.01)
    assert second.power == ()


def test_the_thread_samples_until_it_is_stopped_and_survives_a_failure() -> None:
    taken: list[Sample] = []
    asked = 0

    def failing_at_first() -> EngineStatus:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise RuntimeError("once")
        return status(model("a", psutil.Process().pid, running=1))

    sampler = Sampler(taken.append, failing_at_first, interval_seconds=0.02)
    sampler.start()
    deadline = time.monotonic() + 30
    while len(taken) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    sampler.stop()
    sampler.stop()
    assert len(taken) >= 2
    after = len(taken)
    time.sleep(0.1)
    assert len(taken) == after


class Counters:
    """A folder in place of /sys, and a meter that reads it every second of its own clock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = Clock()
        self.meter = PowerMeter(root, self.clock)

    def write(self, where: str, **files: object) -> None:
        folder = self.root / "class" / where
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(f"{content}\n")

    def read(self) -> dict[str, float]:
        self.clock.now += 1.0
        return {each.source: each.watts for each in self.meter.read()}


@pytest.fixture
def counters(tmp_path: Path) -> Counters:
    return Counters(tmp_path)


def test_energy_becomes_watts_from_the_second_reading_on(counters: Counters) -> None:
    counters.write("powercap/intel-rapl", enabled=1)
    counters.write("powercap/intel-rapl:0", name="package-0", energy_uj=1_000_000, max_energy_range_uj=10_000_000)
    counters.write("powercap/intel-rapl:0:0", name="dram", energy_uj=5, max_energy_range_uj=10_000_000)
    assert counters.read() == {}
    counters.write("powercap/intel-rapl:0", energy_uj=5_500_000)
    assert counters.read() == pytest.approx({"package-0": 4.5, "dram": 0.0})


def test_a_counter_that_wraps_around_goes_on(counters: Counters) -> None:
    counters.write("powercap/intel-rapl:0", name="package-0", energy_uj=9_000_000, max_energy_range_uj=10_000_000)
    counters.read()
    counters.write("powercap/intel-rapl:0", energy_uj=2_000_000)
    assert counters.read() == pytest.approx({"package-0": 3.0})


def test_a_counter_that_begins_anew_without_saying_where_it_wraps_is_absent_once(counters: Counters) -> None:
    counters.write("hwmon/hwmon0", name="xe", energy1_input=9_000_000)
    counters.read()
    counters.write("hwmon/hwmon0", energy1_input=1_000_000)
    assert counters.read() == {}
    counters.write("hwmon/hwmon0", energy1_input=3_000_000)
    assert counters.read() == pytest.approx({"xe (hwmon)": 2.0})


def test_two_counters_of_one_name_are_two_sources(counters: Counters) -> None:
    for domain in ("intel-rapl:0", "intel-rapl-mmio:0"):
        counters.write(f"powercap/{domain}", name="package-0", energy_uj=0, max_energy_range_uj=100)
    counters.read()
    assert sorted(counters.read()) == ["package-0", "package-0 (intel-rapl:0)"]


def test_hwmon_tells_power_as_it_is_and_with_its_label(counters: Counters) -> None:
    counters.write("hwmon/hwmon0", name="amdgpu", power1_average=15_000_000, power1_input=16_000_000)
    counters.write("hwmon/hwmon1", name="xe", power1_average=2_500_000, power1_label="pkg", energy1_input=7)
    counters.write("hwmon/hwmon2", name="nvme", temp1_input=40_000)
    assert counters.read() == pytest.approx({"amdgpu (hwmon)": 16.0, "xe pkg (hwmon)": 2.5})


def test_what_can_not_be_read_is_absent_and_not_zero(counters: Counters) -> None:
    counters.write("hwmon/hwmon0", name="i915", power1_input="", energy1_input="not a number")
    counters.write("powercap/intel-rapl:0", name="package-0")
    (counters.root / "class/powercap/intel-rapl:0/energy_uj").mkdir()
    counters.read()
    assert counters.read() == {}


def test_a_machine_without_counters_tells_nothing(tmp_path: Path) -> None:
    meter = PowerMeter(tmp_path / "nothing")
    assert (meter.read(), meter.read()) == ((), ())


def test_this_machine_can_be_asked() -> None:
    meter = PowerMeter()
    meter.read()
    time.sleep(0.05)
    assert all(isinstance(each, Power) and each.watts >= 0 for each in meter.read())


def test_a_bug_in_sampling_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[None] = []

    def fail() -> EngineStatus:
        calls.append(None)
        raise RuntimeError("nobody thought of this")

    sampler = Sampler(lambda sample: None, fail, interval_seconds=0.001)
    sampler.start()
    wait_until(lambda: len(calls) > 5)
    sampler.stop()
    assert caplog.text.count("Traceback") == 1
