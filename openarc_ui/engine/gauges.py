"""What a worker tells of itself about once a second: how full its KV cache is, and the memory of a GPU that it holds.

A thread of its own looks and sends what has changed; nothing while nothing changes. It computes nothing for a model.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from openarc_ui.engine.backends.base import Backend
from openarc_ui.engine.devices.layer import DeviceLayer, OpenVinoLayer, gpu_memory_bytes
from openarc_ui.engine.messages import Gauged
from openarc_ui.engine.types import WorkerGauges

logger = logging.getLogger(__name__)

GAUGE_SECONDS = 1.0


class GaugeTeller:
    """Looks at a loaded model's gauges.

    Args:
        devices: where the model runs, as OpenVINO names it.
        send: takes a message; raises EOFError when nobody reads any more.
        layer: how devices are asked; only made where there is a GPU among them.
    """

    def __init__(
        self,
        backend: Backend,
        devices: Sequence[str],
        send: Callable[[Gauged], None],
        layer: Callable[[], DeviceLayer] = OpenVinoLayer,
    ) -> None:
        self._backend = backend
        self._send = send
        self._gpus = tuple(name for name in devices if name.partition(".")[0] == "GPU")
        self._layer = layer() if self._gpus else None
        self._told: WorkerGauges | None = None

    def start(self) -> None:
        """Look once a second until the process ends."""
        threading.Thread(target=self._run, name="gauges", daemon=True).start()

    def look(self) -> None:
        """Look now; send it when it is not what was sent last.

        Raises:
            EOFError: the main process is gone.
        """
        gauges = replace(self._backend.gauges(), device_memory_bytes=self._device_memory_bytes())
        if gauges != self._told:
            self._told = gauges
            self._send(Gauged(gauges))

    def _run(self) -> None:
        pause = threading.Event()
        try:
            while True:
                self.look()
                pause.wait(GAUGE_SECONDS)
        except EOFError:
            return  # the thread that reads the pipe ends the process
        except Exception:
            logger.exception("the gauges can't be read any more")
            try:
                # What was told last is no longer so.
                self._send(Gauged(WorkerGauges()))
            except EOFError:
                return

    def _device_memory_bytes(self) -> int | None:
        """The plugin counts for each Core; where the backend keeps one of its own, ours holds nothing, which says nothing."""
        if self._layer is None:
            return None
        held = [gpu_memory_bytes(self._layer, gpu) or 0 for gpu in self._gpus]
        return sum(held) or None
