"""The runs of one server: one at a time works, in a thread of its own; others are read, resumed, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openarc_ui.engine.engine import Engine
from openarc_ui.tuning.requests import RunRequest
from openarc_ui.tuning.results import RunHead, RunView

MODEL_NAME = "tuning"
"""What a configuration is loaded under while it is measured."""


class TuningRuns:
    """Start, watch and end runs. Thread-safe.

    Raises (its methods):
        TuningRunNotFound: there is no run of that id.
        TuningBusy: another run works, or this one does.
        TuningFolderUnusable: the folder can't be read or written.
        EngineBusy: a model is at work, so nothing could be measured now.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self.folder = engine, folder

    def start(self, request: RunRequest) -> RunHead:
        """Begin a run and return at once; what can be refused without loading anything is."""
        raise NotImplementedError

    def heads(self) -> Sequence[RunHead]:
        """All runs, the newest first."""
        raise NotImplementedError

    def view(self, run_id: str) -> RunView:
        """One run, whole, as it is at this moment."""
        raise NotImplementedError

    def active(self) -> RunHead | None:
        """The run that works now."""
        raise NotImplementedError

    def revision(self) -> int:
        """Grows whenever something that `heads` or `view` tell has changed; cheap."""
        raise NotImplementedError

    def cancel(self, run_id: str) -> RunHead:
        """End a run for good; returns once nothing is measured any more. One that does not work is only marked."""
        raise NotImplementedError

    def pause(self, run_id: str) -> RunHead:
        """End it so that it can be resumed."""
        raise NotImplementedError

    def resume(self, run_id: str) -> RunHead:
        """Go on with a run that was interrupted, paused or cancelled, with the time it has left."""
        raise NotImplementedError

    def rename(self, run_id: str, name: str) -> RunHead:
        """Give it another name."""
        raise NotImplementedError

    def delete(self, run_id: str) -> None:
        """Delete its folder."""
        raise NotImplementedError

    def close(self) -> None:
        """Interrupt what works, so that it can be resumed. Idempotent."""
