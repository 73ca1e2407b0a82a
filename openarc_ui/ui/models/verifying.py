"""Models whose files are read again: one at a time, in a thread, with what came of the last one."""

from __future__ import annotations

import dataclasses
import logging
import threading
from contextlib import ExitStack
from typing import Any

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import ModelInUse, OpenArcError
from openarc_ui.models import tidy
from openarc_ui.models.work.tasks import ModelTasks

logger = logging.getLogger(__name__)
UNKNOWN = {"code": "openarc_error", "message": "Reading the files ended with an error.", "hint": "The log has it."}


class Verifying:
    """Thread-safe. It is begun, looked at and stopped; the thread ends with the process.

    Args:
        engine: whose model folder it is.
        tasks: told which model is read, so that nobody renames or deletes it meanwhile.
    """

    def __init__(self, engine: Engine, tasks: ModelTasks) -> None:
        self._engine, self._tasks, self._lock = engine, tasks, threading.Lock()
        self._state: dict[str, Any] | None = None
        self._stopping = threading.Event()
        self._changes = 0

    def start(self, model: str) -> None:
        """Read every file of a model.

        Raises:
            ModelInUse: another one is read now.
        """
        with self._lock:
            if self._state is not None and self._state["is_running"]:
                raise ModelInUse(f"{self._state['model']} is verified now.", "Wait until it ends, or stop it.")
            self._stopping = threading.Event()
            self._set(model=model, is_running=True, fraction=0.0, files=None, problem=None)
            reading = ExitStack()
            reading.enter_context(self._tasks.reading(model))
            work = (model, self._stopping, reading)
            threading.Thread(target=self._run, args=work, name="verify", daemon=True).start()

    def stop(self) -> None:
        """End it soon; what was read is forgotten."""
        self._stopping.set()

    def state(self) -> dict[str, Any] | None:
        """The one that runs or ran last, as JSON; None before the first."""
        with self._lock:
            return self._state

    def changes(self) -> int:
        """Grows with every change of the state."""
        return self._changes

    def _run(self, model: str, stopping: threading.Event, reading: ExitStack) -> None:
        def say(fraction: float) -> None:
            with self._lock:
                if round(fraction, 2) != (self._state or {}).get("fraction"):
                    self._set(model=model, is_running=True, fraction=round(fraction, 2), files=None, problem=None)

        files, problem = None, None
        try:
            found = tidy.verify_model(self._engine, model, say, stopping)
            files = [dataclasses.asdict(each) for each in found]
        except OpenArcError as error:
            told = self._engine.places.hidden_error(error)
            problem = {"code": told.code, "message": told.message, "hint": told.hint}
        except Exception:
            logger.exception("verifying %s ended with an error", model)
            problem = UNKNOWN
        reading.close()
        with self._lock:
            if stopping.is_set():
                self._set(model=model, is_running=False, fraction=None, files=None, problem=None)
            else:
                self._set(model=model, is_running=False, fraction=1.0, files=files, problem=problem)

    def _set(self, **state: Any) -> None:
        self._state = state
        self._changes += 1
