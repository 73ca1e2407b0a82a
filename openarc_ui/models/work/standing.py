"""A task that stands in the way of another of its name: what is said of it, so that whoever asks can go on with it instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openarc_ui.errors import ModelExists
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.results import UNDER_WAY, ModelTask, TaskState
from openarc_ui.models.work.entry import Entry

Request = DownloadRequest | ConversionRequest
NAMING = (TaskState.WAITING, TaskState.RUNNING, TaskState.PAUSED, TaskState.INTERRUPTED)
"""States in which a task's name is not free for another."""


def require_no_other(name: str, entries: Iterable[Entry], request: Request | None = None) -> None:
    """See that no task makes a folder of this name, or has yet to go on with it.

    Args:
        entries: of all other tasks.
        request: what is to be begun: a download finds one that failed in the way too, as long as that has bytes to go on
            with; None: it is no new one.

    Raises:
        ModelExists.
    """
    is_download = isinstance(request, DownloadRequest)
    named = [each for each in entries if each.task.name.casefold() == name.casefold()]
    found = next((each for each in named if each.state in NAMING or (is_download and _failed_on_the_way(each))), None)
    if found is not None:
        raise _in_the_way(name, found.task, found.state, request)


def _failed_on_the_way(entry: Entry) -> bool:
    task = entry.task
    has_bytes = bool(task.progress.done_bytes) or entry.kept.is_made
    return task.kind == "download" and entry.state is TaskState.FAILED and has_bytes and not entry.is_damaged


def _in_the_way(name: str, task: ModelTask, state: TaskState, request: Request | None) -> ModelExists:
    begin = f"A task makes '{name}' already"
    end = f"{'' if state is TaskState.FAILED else 'is '}{state.value} (task {task.task_id})"
    if state in UNDER_WAY:
        return ModelExists(f"{begin}; it {end}.", "Wait until it ends, cancel it, or choose another name.")
    if task.kind == "conversion":
        return ModelExists(f"{begin}; it {end}.", "Resume that one, cancel it, or choose another name.")
    if isinstance(request, DownloadRequest) and _asked(task.request) == _asked(request.model_dump(mode="json")):
        return ModelExists(
            f"{begin}: the same download, which {end}, and can go on with what came.",
            "Resume that task; or forget it, to begin anew.",
        )
    of = f"{task.request.get('repository')} at {task.request.get('revision')}"
    if isinstance(request, DownloadRequest) and _asked(task.request)[:2] == (request.repository, request.revision):
        of = f"other files of {of}"
    return ModelExists(
        f"{begin}: another download, that of {of}, which {end}.",
        "Choose another name; or resume that task, or forget it.",
    )


def _asked(request: Any) -> tuple[Any, ...]:
    """What a download fetches; under which name is another matter."""
    return request.get("repository"), request.get("revision"), sorted(request.get("files") or ())
