"""All downloads and conversions of a server: one at a time of each kind, kept on disk, gone on with after a restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from openarc_ui.engine.engine import Engine
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.results import ModelTask
from openarc_ui.models.work.worker import Work


class ModelTasks:
    """Thread-safe; nothing here blocks for long but `wait` and `close`.

    Args:
        engine: whose model folder it is; also asked what is loaded and whether a tuning run has the machine.
        make_work: what a request asks for, as something that can be run. Checks what can be checked at once.
    """

    def __init__(self, engine: Engine, make_work: Callable[[DownloadRequest | ConversionRequest], Work]) -> None:
        raise NotImplementedError

    def start(self, request: DownloadRequest | ConversionRequest) -> ModelTask:
        """Begin it, or let it wait for the one before it.

        Raises:
            InvalidRequest, ModelNotFound: it can't be done as asked.
            ModelExists: a model of that name is there, or is being made.
        """
        raise NotImplementedError

    def tasks(self) -> Sequence[ModelTask]:
        """All that are known, the newest first."""
        raise NotImplementedError

    def task(self, task_id: str) -> ModelTask:
        """One of them.

        Raises:
            TaskNotFound: no such task.
        """
        raise NotImplementedError

    def pause(self, task_id: str) -> ModelTask:
        """End a download so that it can go on where it is; returns once nothing is fetched any more."""
        raise NotImplementedError

    def resume(self, task_id: str) -> ModelTask:
        """Go on with a download, or begin a conversion anew."""
        raise NotImplementedError

    def cancel(self, task_id: str) -> ModelTask:
        """End it for good and delete what it made so far."""
        raise NotImplementedError

    def forget(self, task_id: str) -> None:
        """Take one that is not under way out of the list, with all that is left of it but its result."""
        raise NotImplementedError

    def revision(self) -> int:
        """Grows whenever something that `tasks` tells has changed; cheap."""
        raise NotImplementedError

    def wait(self, task_id: str, seconds: float) -> ModelTask:
        """Until it is not under way any more, or the time is over."""
        raise NotImplementedError

    def close(self) -> None:
        """Interrupt what runs, so that it can be resumed. Idempotent."""
        raise NotImplementedError
