"""What happens after the page is up: prepare the starter model if it is wanted, then load the model asked for.

It runs on a thread of its own and shows where it is as one immutable status; it knows no page and no web server.
"""

from __future__ import annotations

import enum
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, LoadStage
from openarc_ui.errors import OpenArcError
from openarc_ui.models.starter import prepare_starter
from openarc_ui.settings import NO_MODEL, STARTER, Settings

logger = logging.getLogger(__name__)

PREPARATION_SHARE = 0.7
"""Share of the progress bar that preparing takes when model and load both lie ahead."""


class StartupPhase(enum.StrEnum):
    """Where the start-up is."""

    WAITING = "waiting"
    PREPARING = "preparing"
    LOADING = "loading"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StartupStatus:
    """One moment of the start-up. `stage.fraction` is of the whole, 0 to 1; `message` and `hint` are set on failure."""

    phase: StartupPhase
    model: str | None
    stage: LoadStage | None = None
    message: str = ""
    hint: str = ""

    @property
    def is_under_way(self) -> bool:
        """A model is on its way."""
        return self.phase in (StartupPhase.WAITING, StartupPhase.PREPARING, StartupPhase.LOADING)


class Startup:
    """Prepares and loads the model of the settings in the background.

    Args:
        first_load: what a profile says, in place of the model, device and backend of the settings.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        on_change: Callable[[StartupStatus], None],
        first_load: LoadRequest | None = None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._on_change = on_change
        self._first_load = first_load
        self._cancel = threading.Event()
        wanted = first_load.model_path if first_load is not None else settings.model
        self._status = StartupStatus(StartupPhase.WAITING, None if wanted == NO_MODEL else wanted)
        self._thread = threading.Thread(target=self._run, name="startup", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def retry(self) -> None:
        """Begin again after a failure; does nothing while it runs or when it is done."""
        if self.status().phase is StartupPhase.FAILED and not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="startup", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Give up a preparation that is under way, and wait until it is cleaned up."""
        self._cancel.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def status(self) -> StartupStatus:
        """Where it is now; never blocks."""
        return self._status

    def _set(self, status: StartupStatus) -> None:
        self._status = status
        self._on_change(status)

    def _run(self) -> None:
        try:
            self._prepare_and_load()
        except OpenArcError as error:
            if not self._cancel.is_set():
                self._set(StartupStatus(StartupPhase.FAILED, self._status.model, None, error.message, error.hint))
        except Exception as error:
            logger.exception("start-up failed")
            self._set(
                StartupStatus(
                    StartupPhase.FAILED,
                    self._status.model,
                    None,
                    f"Start-up failed: {error}",
                    "The log has the details.",
                )
            )

    def _prepare_and_load(self) -> None:
        if self._first_load is not None:
            self._load(self._first_load, 0.0)
            return
        model, share = self._settings.model, 0.0
        if model == NO_MODEL:
            self._set(StartupStatus(StartupPhase.DONE, None))
            return
        if model == STARTER:
            path = self._prepare()
            model, share = path.name, PREPARATION_SHARE if self._status.phase is StartupPhase.PREPARING else 0.0
        entry = find_model(self._engine.model_folder, model)
        request = LoadRequest(
            model_path=entry.name,
            backend=self._settings.backend,
            device=self._settings.device,
            ov_config=dict(entry.ov_config),
        )
        self._load(request, share)

    def _load(self, request: LoadRequest, share: float) -> None:
        """Load; `share` of the progress bar lies behind."""

        def loading(stage: LoadStage) -> None:
            whole = share + (1 - share) * stage.fraction
            shown = LoadStage(stage.label, whole, stage.detail)
            self._set(StartupStatus(StartupPhase.LOADING, request.model_path, shown))

        loading(LoadStage("Starting the worker process", 0.0))
        self._engine.load(request, loading)
        self._set(StartupStatus(StartupPhase.DONE, request.model_path))

    def _prepare(self) -> Path:
        def preparing(stage: LoadStage) -> None:
            whole = PREPARATION_SHARE * stage.fraction
            self._set(StartupStatus(StartupPhase.PREPARING, STARTER, LoadStage(stage.label, whole, stage.detail)))

        return prepare_starter(self._engine.model_folder, on_stage=preparing, cancel=self._cancel)
