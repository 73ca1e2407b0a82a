"""Processor, memory and power, of the machine and of each worker process: `Collector` measures, `Sampler` repeats it.

What can't be measured, or is gone, is absent from a sample, never zero.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil

from openarc_ui.engine.types import EngineStatus, ModelState, ModelStatus, WorkerGauges
from openarc_ui.metrics.bugs import Bugs
from openarc_ui.metrics.power import Power, PowerMeter

logger = logging.getLogger(__name__)

IDLE_INTERVALS = 5
"""While nothing runs, only every so many intervals are sampled."""
LINGER_SECONDS = 10.0
"""So long after the last request the sampling stays as close as while one runs."""


@dataclass(frozen=True, slots=True)
class WorkerSample:
    """One worker process at one moment. `processor_percent` counts 100 for each core it kept busy since last time."""

    name: str
    processor_percent: float
    memory_bytes: int
    device_memory_bytes: int | None = None
    kv_cache_percent: float | None = None
    kv_cache_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """The machine at one moment.

    Attributes:
        processor_percent: of all cores together, 0 to 100.
        cores: of each core, 0 to 100.
        power: what each source drew since the last sample; a source that can't be read is not among them.
    """

    sampled_at: float
    processor_percent: float
    available_memory_bytes: int
    workers: tuple[WorkerSample, ...]
    cores: tuple[float, ...] = ()
    power: tuple[Power, ...] = ()


class Collector:
    """Measures now. Percentages and power are since its last call; a process's first percentage is since it was started."""

    def __init__(self, meter: PowerMeter | None = None) -> None:
        self._meter = meter or PowerMeter()
        self._processes: dict[int, psutil.Process] = {}
        psutil.cpu_percent(percpu=True)

    def collect(self, models: Iterable[ModelStatus]) -> Sample:
        """The machine, and the worker of each model that has one."""
        alive: dict[int, psutil.Process] = {}
        workers: list[WorkerSample] = []
        for model in models:
            if model.process_id is None:
                continue
            try:
                process = self._processes.get(model.process_id)
                is_new = process is None
                process = process or psutil.Process(model.process_id)
                workers.append(_measured(model.name, process, is_new, model.gauges or WorkerGauges()))
            except psutil.Error:
                # It ended since the engine was asked; what is gone is not in the sample.
                continue
            alive[model.process_id] = process
        self._processes = alive
        cores = tuple(psutil.cpu_percent(percpu=True))
        return Sample(
            time.time(),
            round(sum(cores) / len(cores), 2) if cores else 0.0,
            int(psutil.virtual_memory().available),
            tuple(workers),
            cores,
            self._meter.read(),
        )


def _measured(name: str, process: psutil.Process, is_new: bool, gauges: WorkerGauges) -> WorkerSample:
    with process.oneshot():
        percent = process.cpu_percent()
        if is_new:
            times = process.cpu_times()
            percent = 100 * (times.user + times.system) / max(time.time() - process.create_time(), 0.1)
        return WorkerSample(
            name,
            round(percent, 2),
            int(process.memory_info().rss),
            gauges.device_memory_bytes,
            gauges.kv_cache_percent,
            gauges.kv_cache_bytes,
        )


class Sampler:
    """A thread that samples every `interval_seconds` while something runs, more rarely while nothing does, and not at all
    while there is no worker.

    Args:
        record: takes each sample.
        status: the engine's models at this moment.
    """

    def __init__(
        self,
        record: Callable[[Sample], None],
        status: Callable[[], EngineStatus],
        interval_seconds: float = 2.0,
        collector: Collector | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._record = record
        self._status = status
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._stopped = threading.Event()
        self._collector = collector or Collector()
        self._busy_at = float("-inf")
        self._skipped = 0
        self._speeds: dict[str, float | None] = {}
        self._bugs = Bugs()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it. Idempotent."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """One turn: take a sample, or see that it is not time for one."""
        models = self._status().models
        if all(model.process_id is None for model in models):
            return
        if self._is_busy(models):
            self._busy_at = self._clock()
        self._skipped += 1
        if self._clock() - self._busy_at <= LINGER_SECONDS or self._skipped >= IDLE_INTERVALS:
            self._skipped = 0
            self._record(self._collector.collect(models))

    def _is_busy(self, models: Iterable[ModelStatus]) -> bool:
        """Something runs, waits or loads, or a request began and ended since the last look."""
        speeds = {model.name: model.last_decode_tokens_per_second for model in models}
        has_decoded = any(self._speeds.get(name) != speed for name, speed in speeds.items())
        self._speeds = speeds
        return has_decoded or any(
            model.running or model.queued or model.state is ModelState.LOADING for model in models
        )

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_seconds):
            try:
                self.look()
            except Exception as error:
                if self._bugs.is_new(error):
                    logger.exception("a sample of the machine failed; the same is not told again")
