"""What the Models tab's script asks, as frozen bodies; a misspelt field is refused with the nearest name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from openarc_ui.engine.frozen import Frozen
from openarc_ui.models.requests import ConversionRequest, DownloadRequest, HubToken

TaskId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class AskedView(Frozen):
    """Asked of `models_view`: tasks and what is loaded; what did not change since a revision is not sent.

    Attributes:
        log_of: the task whose log is open.
    """

    since_revision: Annotated[str, StringConstraints(max_length=2000)] | None = None
    log_of: TaskId | None = None


class AskedLibrary(Frozen):
    """Asked of `models_library`: recommended models, held against a device."""

    device: Annotated[str, StringConstraints(min_length=1, max_length=200)] = "CPU"
    context_tokens: Annotated[int, Field(ge=1, le=10_000_000)] = 4096


class AskedSearch(Frozen):
    """Asked of `models_search`."""

    words: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    only_openvino: bool = True
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class AskedFiles(Frozen):
    """Asked of `models_files`: what a download of this repository and revision could fetch."""

    request: DownloadRequest


class AskedToken(Frozen):
    """Asked of `models_token`; None takes it away."""

    token: HubToken | None = None


class AskedDownload(Frozen):
    """Asked of `models_download`."""

    request: DownloadRequest


class AskedConversion(Frozen):
    """Asked of `models_convert` and `models_command`."""

    request: ConversionRequest


class AskedOptions(Frozen):
    """Asked of `models_options`: what can be converted, and the options of the installed version."""


class AskedTask(Frozen):
    """Asked of `models_pause`, `models_resume`, `models_cancel` and `models_forget`."""

    task_id: TaskId


class AskedSizes(Frozen):
    """Asked of `models_sizes` and `models_installed`."""


class AskedModel(Frozen):
    """Asked of `models_verify`, `models_load` and `models_unload`."""

    model: ModelName


class AskedNothing(Frozen):
    """Asked of `models_verify_stop`."""


class AskedName(Frozen):
    """Asked of `models_rename`."""

    model: ModelName
    new_name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class AskedDelete(Frozen):
    """Asked of `models_delete`."""

    model: ModelName
    confirm: Annotated[str, StringConstraints(max_length=1000)]


class AskedInspection(Frozen):
    """Asked of `models_inspect`."""

    model: ModelName
    parts: Annotated[tuple[Literal["graph", "tokenizer", "template"], ...], Field(max_length=3)] = ()
