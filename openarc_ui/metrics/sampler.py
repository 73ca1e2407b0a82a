"""Processor and memory, of the machine and of each worker process: `collect` measures, `Sampler` repeats it.

A process that is gone is absent from a sample, never zero.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class WorkerSample:
    """One worker process at one moment. `processor_percent` counts 100 for each core it kept busy since last time."""

    name: str
    processor_percent: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Sample:
    """The machine at one moment. `processor_percent` is of all cores together, 0 to 100."""

    sampled_at: float
    processor_percent: float
    available_memory_bytes: int
    workers: tuple[WorkerSample, ...]


def collect(processes: Mapping[str, psutil.Process]) -> Sample:
    """Measure now. Percentages are since the last call for the same process."""
    workers = []
    for name, process in processes.items():
        try:
            with process.oneshot():
                workers.append(WorkerSample(name, process.cpu_percent(), int(process.memory_info().rss)))
        except psutil.Error:
            continue
    return Sample(time.time(), psutil.cpu_percent(), int(psutil.virtual_memory().available), tuple(workers))


class Sampler:
    """A thread that collects a sample every `interval_seconds` while there is a worker."""

    def __init__(
        self,
        record: Callable[[Sample], None],
        worker_processes: Callable[[], Mapping[str, int]],
        interval_seconds: float = 5.0,
    ) -> None:
        self._record = record
        self._worker_processes = worker_processes
        self._interval_seconds = interval_seconds
        self._stopped = threading.Event()
        self._processes: dict[int, psutil.Process] = {}
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it. Idempotent."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_seconds):
            alive = self._alive()
            if alive:
                self._record(collect(alive))

    def _alive(self) -> dict[str, psutil.Process]:
        """Name -> process, keeping the objects so that percentages have a last time to count from."""
        wanted = self._worker_processes()
        known: dict[int, psutil.Process] = {}
        for process_id in wanted.values():
            try:
                known[process_id] = self._processes.get(process_id) or psutil.Process(process_id)
            except psutil.Error:
                continue
        self._processes = known
        return {name: known[process_id] for name, process_id in wanted.items() if process_id in known}
