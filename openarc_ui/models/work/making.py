"""From a request to the work that does it, for the tasks of a server."""

from __future__ import annotations

from openarc_ui.engine.engine import Engine
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.work.tasks import MakeWork, ModelTasks
from openarc_ui.models.work.worker import Work


def open_tasks(engine: Engine, hub: Hub) -> ModelTasks:
    """The downloads and conversions of a server. Close them."""
    return ModelTasks(engine, work_maker(engine, hub), work_maker(engine, hub, is_new=False))


def work_maker(engine: Engine, hub: Hub, *, is_new: bool = True) -> MakeWork:
    """What makes work of requests: a conversion checks source and options, a download asks the Hub what there is.

    Args:
        is_new: False: it is resumed, so what a download fetches stands in its folder, whatever the Hub says now.
    """

    def make(request: DownloadRequest | ConversionRequest) -> Work:
        if isinstance(request, DownloadRequest):
            from openarc_ui.models.hub.download import Download

            return Download(request, hub, hub.files(request.repository, request.revision) if is_new else None)
        from openarc_ui.models.conversion.conversion import Conversion

        return Conversion(request, engine)

    return make
