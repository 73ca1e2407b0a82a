"""From a request to the work that does it, for the tasks of a server."""

from __future__ import annotations

from collections.abc import Callable

from openarc_ui.engine.engine import Engine
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.work.worker import Work


def work_maker(engine: Engine, hub: Hub) -> Callable[[DownloadRequest | ConversionRequest], Work]:
    """What `ModelTasks` makes work with: a download asks the Hub what there is, a conversion checks source and options."""

    def make(request: DownloadRequest | ConversionRequest) -> Work:
        if isinstance(request, DownloadRequest):
            from openarc_ui.models.hub.download import Download

            return Download(request, hub, hub.files(request.repository, request.revision))
        from openarc_ui.models.conversion.conversion import Conversion

        return Conversion(request, engine)

    return make
