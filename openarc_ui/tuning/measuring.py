"""One visit: load a configuration, warm it up, measure its workloads, unload it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.reservation import Reservation
from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.results import Configuration, Visit


class Measurer:
    """Visits on one engine that is reserved for them.

    Args:
        stopping: once it is set, what runs is cancelled, the model unloaded, and RunStopped raised.
        on_stage: called with words for what is done now ("Loading", "Warming up", "Repetition 2 of 3").
    """

    def __init__(
        self,
        engine: Engine,
        holder: Reservation,
        stopping: threading.Event,
        seed: int = 0,
        on_stage: Callable[[str], None] = lambda words: None,
    ) -> None:
        self._engine, self._holder, self._stopping, self._seed, self._on_stage = (
            engine,
            holder,
            stopping,
            seed,
            on_stage,
        )

    def visit(
        self,
        configuration: Configuration,
        workloads: Sequence[Workload],
        repetitions: int,
        round_number: int,
        prompts: Sequence[str] = (),
        answer_tokens: int = 48,
    ) -> Visit:
        """Measure; `prompts` are answered greedily, for the quality guard. A failure is in the visit.

        Raises:
            RunStopped.
        """
        raise NotImplementedError
