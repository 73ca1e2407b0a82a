"""Downloads and conversions as named Gradio endpoints: begin one, watch it, end it, go on with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import anyio
from pydantic import BaseModel, Field, ValidationError

from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.models.answers import LONGEST_REPOSITORY, LONGEST_TASK_ID, as_json
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.results import ModelTask
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.ui.api_shown import JsonObject, as_object

TaskId = Annotated[str, Field(min_length=1, max_length=LONGEST_TASK_ID)]
ModelName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Json = dict[str, Any]
Asked = TypeVar("Asked", bound=BaseModel)


def task_endpoints(engine: Engine, tasks: ModelTasks) -> list[Callable[..., Any]]:
    """The endpoints' functions, without their rights."""
    return [*_starting(engine, tasks), *_changing(engine, tasks)]


def read_request(kind: type[Asked], **values: Any) -> Asked:
    """What was asked for.

    Raises:
        InvalidRequest: a value is wrong, with its name.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise explain(error.errors(include_url=False), fields_by_path(kind), hint="") from None


def _starting(engine: Engine, tasks: ModelTasks) -> list[Callable[..., Any]]:
    async def download_model(
        repository: Annotated[str, Field(min_length=1, max_length=LONGEST_REPOSITORY)],
        revision: Annotated[str, Field(min_length=1, max_length=200)] = "main",
        files: Annotated[list[str] | None, Field(max_length=1000)] = None,
        name: Annotated[str, Field(max_length=96)] = "",
    ) -> Json:
        """Download a model from the Hub into the model folder; returns once it is known what there is. Watch it with /model_task.

        Args:
            repository: Owner and name.
            revision: A branch, a tag or a commit; what it means now is kept to the end.
            files: Only these; left out: all that are needed to run or convert it.
            name: The folder it becomes; empty: the repository's own name.

        Returns:
            The task: task_id, state, progress.
        """
        asked = read_request(
            DownloadRequest, repository=repository, revision=revision, files=tuple(files or ()), name=name
        )
        return await _told(engine, lambda: tasks.start(asked))

    async def convert_model(
        source: ModelName,
        options: JsonObject | None = None,
        name: Annotated[str, Field(max_length=96)] = "",
        check: bool = True,
    ) -> Json:
        """Convert a Hugging Face checkpoint or a GGUF to OpenVINO IR; returns at once. Watch it with /model_task.

        Args:
            source: A checkpoint or a GGUF of /models.
            options: As /conversion_options tells them, {"weight-format": "int4"} or its JSON text.
            name: The folder it becomes; empty: the source's name and the weight format.
            check: Measure perplexity and tokens a second afterwards, of the result and of the source.

        Returns:
            The task: task_id, state, progress, command.
        """
        asked = read_request(
            ConversionRequest, source=source, options=as_object(options, "options"), name=name, check=check
        )
        return await _told(engine, lambda: tasks.start(asked))

    return [download_model, convert_model]


def _changing(engine: Engine, tasks: ModelTasks) -> list[Callable[..., Any]]:
    async def model_tasks() -> list[Json]:
        """Downloads and conversions, the newest first.

        Returns:
            One object a task, without its log.
        """
        return await anyio.to_thread.run_sync(
            lambda: [as_json(dataclasses.replace(each, log=()), engine.places) for each in tasks.tasks()]
        )

    async def model_task(task_id: TaskId) -> Json:
        """One download or conversion as it is at this moment.

        Args:
            task_id: Which, as /model_tasks shows it.

        Returns:
            State, progress, the last lines of its log; why it failed, or the card of what it made.
        """
        return await _told(engine, partial(tasks.task, task_id))

    async def pause_task(task_id: TaskId) -> Json:
        """End a download so that it can go on; returns once nothing is fetched any more.

        Args:
            task_id: Which, as /model_tasks shows it.

        Returns:
            The task as it is now.
        """
        return await _told(engine, partial(tasks.pause, task_id))

    async def resume_task(task_id: TaskId) -> Json:
        """Go on with a download where it was, or begin a conversion anew.

        Args:
            task_id: Which, as /model_tasks shows it.

        Returns:
            The task as it is now.
        """
        return await _told(engine, partial(tasks.resume, task_id))

    async def cancel_task(task_id: TaskId) -> Json:
        """End a download or conversion for good, and delete what it made so far.

        Args:
            task_id: Which, as /model_tasks shows it.

        Returns:
            The task as it is now.
        """
        return await _told(engine, partial(tasks.cancel, task_id))

    async def forget_task(task_id: TaskId) -> str:
        """Take a task that is not under way out of the list. The model that it made stays.

        Args:
            task_id: Which, as /model_tasks shows it.

        Returns:
            Id of the task that is forgotten.
        """
        await anyio.to_thread.run_sync(tasks.forget, task_id)
        return task_id

    return [model_tasks, model_task, pause_task, resume_task, cancel_task, forget_task]


async def _told(engine: Engine, work: Callable[[], ModelTask]) -> Json:
    return await anyio.to_thread.run_sync(lambda: as_json(work(), engine.places))
