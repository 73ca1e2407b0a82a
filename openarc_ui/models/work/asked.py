"""A request for a download or a conversion read back from what was kept of it."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from openarc_ui.errors import InvalidRequest
from openarc_ui.models.requests import ConversionRequest, DownloadRequest, ModelRequest
from openarc_ui.models.results import ModelTask

_REQUEST: TypeAdapter[DownloadRequest | ConversionRequest] = TypeAdapter(ModelRequest)


def read_kept_request(task: ModelTask) -> DownloadRequest | ConversionRequest:
    """What a task was started with.

    Raises:
        InvalidRequest: another version of OpenArc kept it, and this one can't read it.
    """
    try:
        return _REQUEST.validate_python(dict(task.request))
    except ValidationError:
        raise InvalidRequest("What this task was started with can't be read.", "Start a new one.") from None
