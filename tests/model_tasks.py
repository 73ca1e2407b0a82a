"""Tasks and a Hub for applications that tests build: nothing asks another machine, and work is scripted."""

from __future__ import annotations

from openarc_ui.engine.engine import Engine
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.models.work.worker import Work
from tests.models.work.scripted_work import ScriptedWork

NOWHERE = "http://127.0.0.1:9"
"""The discard port: nothing answers."""


class Shop:
    """Makes the work of tasks: what is in `next`, else work that ends at once.

    Attributes:
        made: all that was handed out.
    """

    def __init__(self) -> None:
        self.next: list[ScriptedWork] = []
        self.made: list[ScriptedWork] = []

    def __call__(self, request: DownloadRequest | ConversionRequest) -> Work:
        work = self.next.pop(0) if self.next else finished()
        self.made.append(work)
        return work


def finished() -> ScriptedWork:
    """Work that does not wait in its middle."""
    work = ScriptedWork()
    work.goes_on.set()
    return work


def made_tasks(engine: Engine, shop: Shop | None = None) -> ModelTasks:
    """Tasks over scripted work."""
    return ModelTasks(engine, shop or Shop())


def no_hub() -> Hub:
    """A Hub that is offline."""
    return Hub(NOWHERE)
