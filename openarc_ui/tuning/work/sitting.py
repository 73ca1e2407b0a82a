"""One run at work: its thread, from the reservation of the machine until it is given back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.reservation import Reservation
from openarc_ui.engine.types import ModelStatus
from openarc_ui.errors import ModelNotLoaded, OpenArcError, TuningFolderUnusable
from openarc_ui.tuning.desk import RunStopped
from openarc_ui.tuning.figures import size_words
from openarc_ui.tuning.quality.guard import forget_distributions
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.results import Failure, RunState
from openarc_ui.tuning.work import bench, comparison, sweep
from openarc_ui.tuning.work.desk_work import DeskWork

logger = logging.getLogger(__name__)

MODEL_NAME = "tuning"
"""What a configuration is loaded under while it is measured."""
RUNNERS: dict[str, Callable[[Any, DeskWork, RunRecord], None]] = {
    "bench": bench.run,
    "sweep": sweep.run,
    "comparison": comparison.run,
}
PATIENCE_SECONDS = 8.0
"""So long a run that is to end may take to cancel what it does; then its worker process is ended."""
OURS = Failure(
    "run", "internal_error", "OpenArc made a mistake.", "The log has the details; what was measured is kept."
)


class Sitting:
    """A run that works, from `start` on. The reservation and the locks are its own to give back.

    Args:
        locks: of the run and of the folder, to be closed.
        on_change: called whenever something that is shown has changed.
        on_end: called last, from the run's thread.
    """

    def __init__(
        self,
        engine: Engine,
        holder: Reservation,
        record: RunRecord,
        locks: ExitStack,
        on_change: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        self.record = record
        self.unwritten: Failure | None = None
        self._engine, self._holder, self._locks, self._on_end = engine, holder, locks, on_end
        self._stopping, self._ending = threading.Event(), RunState.INTERRUPTED
        self.desk = DeskWork(engine, holder, record, self._stopping, on_change)
        self._thread = threading.Thread(target=self._run, name="tuning", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def end(self, state: RunState) -> None:
        """End it, as what it is to be then; returns once nothing is measured any more.

        The first word counts, but that a run which is being paused can be cancelled: then it is not wanted any more.
        """
        if not self._stopping.is_set() or state is RunState.CANCELLED:
            self._ending = state
            self._stopping.set()
        self._thread.join(PATIENCE_SECONDS)
        if self._thread.is_alive():
            with suppress(OpenArcError):
                self._engine.unload(MODEL_NAME, self._holder)
            self._thread.join(PATIENCE_SECONDS)

    def join(self, seconds: float) -> bool:
        """Wait until it has ended; whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        state, problem = RunState.FAILED, OURS
        try:
            self.record.begin_sitting()
            self._drop_old_refusals()
            self._see_to_others()
            RUNNERS[self.record.request.kind](self.record.request, self.desk, self.record)
            state = RunState.FINISHED
        except RunStopped:
            state = self._ending
        except OpenArcError as error:
            if self._stopping.is_set():
                state = self._ending
            problem = Failure("run", error.code, error.message, error.hint)
        except Exception:
            logger.exception("the run %s ended by a mistake of ours", self.record.run_id)
        finally:
            self._leave(state, problem if state is RunState.FAILED else None)

    def _leave(self, state: RunState, problem: Failure | None) -> None:
        """Give everything back, whatever happened."""
        try:
            with suppress(ModelNotLoaded):
                self._engine.unload(MODEL_NAME, self._holder)
            if state is not RunState.INTERRUPTED:
                forget_distributions(self.record.folder)
            left = None if state is RunState.FINISHED else self.desk.progress.left_seconds
            self.record.end_sitting(state, problem, replace(self.desk.progress, now="", left_seconds=left))
        except TuningFolderUnusable as error:
            logger.warning("the end of run %s can't be kept: %s", self.record.run_id, error)
            self.unwritten = problem or Failure("run", error.code, error.message, error.hint)
        except Exception:
            logger.exception("the run %s could not be ended in order", self.record.run_id)
            self.unwritten = problem or OURS
        finally:
            self._engine.release(self._holder)
            self._locks.close()
            self._on_end()

    def _drop_old_refusals(self) -> None:
        """What could not be loaded in an earlier sitting, and can be now, is measured like all others."""
        for configuration in self.record.refused:
            if self.desk.check(configuration) is None:
                self.record.forget_refusal(configuration.configuration_id)

    def _see_to_others(self) -> None:
        """Unload the other models where that is wanted; else say that they are there."""
        if self.record.request.unload_others:
            unloaded = [model.name for model in self._engine.status().models]
            for name in unloaded:
                with suppress(ModelNotLoaded):
                    self._engine.unload(name)
            if unloaded:
                self.desk.note(f"Unloaded first, and not loaded again when the run ends: {', '.join(unloaded)}.")
        words = others_words(self._engine.status().models)
        if words:
            self.desk.note(words)


def others_words(models: tuple[ModelStatus, ...]) -> str:
    """That other models are loaded, as a sentence about a run; "" where none is."""
    if not models:
        return ""
    memory = size_words(sum(model.memory_bytes or 0 for model in models))
    names, many = ", ".join(model.name for model in models), len(models) > 1
    who, took = (f"{len(models)} other models", "They take") if many else ("another model", "It takes")
    return f"While this was measured, {who} stayed loaded and answered nobody: {names}. {took} {memory} of memory."
