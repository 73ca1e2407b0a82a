"""How much memory a model's worker and its device held at most while something was measured."""

from __future__ import annotations

import threading
from types import TracebackType

from openarc_ui.engine.engine import Engine

LOOK_SECONDS = 0.1


class MemoryPeak:
    """Looks ten times a second, and at both ends, while it is entered; it may be entered again and again.

    What it saw of something that did not come to its end is forgotten.

    Attributes:
        memory_bytes: the largest resident memory of the worker process; None: never seen.
        device_memory_bytes: the most that the device told of (see WorkerGauges); None where it tells nothing.
    """

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine, self._model = engine, model
        self.memory_bytes: int | None = None
        self.device_memory_bytes: int | None = None
        self._before: tuple[int | None, int | None] = (None, None)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> MemoryPeak:
        self._before = (self.memory_bytes, self.device_memory_bytes)
        self._over.clear()
        self._look()
        self._thread = threading.Thread(target=self._run, name="memory-peak", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        if error is None:
            self._look()
        else:
            self.memory_bytes, self.device_memory_bytes = self._before

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        for model in self._engine.status().models:
            if model.name != self._model:
                continue
            self.memory_bytes = _more(self.memory_bytes, model.memory_bytes)
            if model.gauges is not None:
                self.device_memory_bytes = _more(self.device_memory_bytes, model.gauges.device_memory_bytes)


def _more(most: int | None, seen: int | None) -> int | None:
    return seen if most is None else most if seen is None else max(most, seen)
