"""Getting models as tools for agents: what is recommended for this machine, fetching it, and how far that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import anyio
from pydantic import Field, ValidationError

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.errors import HubAccessDenied, ModelExists, OpenArcError
from openarc_ui.models.answers import LONGEST_REPOSITORY, LONGEST_TASK_ID, as_json
from openarc_ui.models.library import library
from openarc_ui.models.requests import ConversionRequest, DownloadRequest, OptionValue
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.server.mcp_bodies import RecommendedTold, TaskTold

MOST_TASKS = 20
LONGEST_NAME, MOST_FILES = 96, 1000
_HINTS: Mapping[type[OpenArcError], str] = {
    ModelExists: "Pass another name. If a task makes it: model_tasks tells how it stands, resume_task goes on with it, "
    "cancel_task ends it.",
    HubAccessDenied: "Somebody asks for access on its page on the Hub, and gives this server a token in the Models tab, or by "
    "PUT /models/hub/token; then call start_download again.",
}
"""In place of those that name what only the page and REST can do."""
TaskId = Annotated[str, Field(min_length=1, max_length=LONGEST_TASK_ID, description="As model_tasks tells it.")]


def model_tools(engine: Engine, tasks: ModelTasks) -> tuple[Callable[..., Any], ...]:
    """The tools, over the tasks of a server."""

    async def recommended_models(
        device: Annotated[str, Field(min_length=1, max_length=200, description="That they should fit on.")] = "CPU",
    ) -> list[RecommendedTold]:
        """Models worth getting, what each is good for, and whether it fits into the memory that is free on a device."""

        def read() -> list[RecommendedTold]:
            items = [as_json(each, engine.places) for each in library(engine, device)]
            return [RecommendedTold.model_validate({**each["entry"], **each}) for each in items]

        return await anyio.to_thread.run_sync(read)

    async def start_download(
        repository: Annotated[
            str, Field(max_length=LONGEST_REPOSITORY, description="Of recommended_models, or another of the Hub.")
        ],
        revision: Annotated[str, Field(max_length=200, description="A branch, a tag or a commit.")] = "main",
        name: Annotated[
            str,
            Field(max_length=LONGEST_NAME, description="The folder it becomes; left out: the repository's own name."),
        ] = "",
        files: Annotated[
            list[str] | None,
            Field(max_length=MOST_FILES, description="Only these; left out: all that are needed to run or convert it."),
        ] = None,
    ) -> TaskTold:
        """Fetch a model from the Hugging Face Hub; returns at once. When model_tasks tells that it is finished it can be loaded."""
        try:
            asked = DownloadRequest(repository=repository, revision=revision, name=name, files=tuple(files or ()))
        except ValidationError as error:
            raise explain(error.errors(include_url=False), fields_by_path(DownloadRequest)) from None
        try:
            return _told(engine, await anyio.to_thread.run_sync(tasks.start, asked))
        except (ModelExists, HubAccessDenied) as error:
            raise type(error)(error.message, _HINTS[type(error)]) from None

    async def start_conversion(
        source: Annotated[
            str, Field(min_length=1, max_length=1000, description="A checkpoint or a GGUF of list_models.")
        ],
        weight_format: Annotated[
            str,
            Field(max_length=20, description="int8 loses hardly anything, int4 is half of it, fp16 rounds nothing."),
        ] = "int8",
        group_size: Annotated[
            int | None, Field(description="For int4, weights that share one scale: 32, 64 or 128; left out: 128.")
        ] = None,
        name: Annotated[
            str, Field(max_length=LONGEST_NAME, description="The folder it becomes; left out: made of both.")
        ] = "",
    ) -> TaskTold:
        """Convert a model of the model folder to OpenVINO; returns at once. When model_tasks tells that it is finished it can be loaded."""
        options: dict[str, OptionValue] = {"weight-format": weight_format}
        if group_size is not None:
            options["group-size"] = group_size
        try:
            asked = ConversionRequest(source=source, name=name, options=options)
        except ValidationError as error:
            raise explain(error.errors(include_url=False), fields_by_path(ConversionRequest)) from None
        try:
            return _told(engine, await anyio.to_thread.run_sync(tasks.start, asked))
        except ModelExists as error:
            raise ModelExists(error.message, _HINTS[ModelExists]) from None

    async def model_tasks() -> list[TaskTold]:
        """Downloads and conversions of models, the newest first: how far each is, and why it failed."""
        return [_told(engine, each) for each in (await anyio.to_thread.run_sync(tasks.tasks))[:MOST_TASKS]]

    return recommended_models, start_download, start_conversion, model_tasks, *_ending(engine, tasks)


def _ending(engine: Engine, tasks: ModelTasks) -> tuple[Callable[..., Any], ...]:
    async def pause_task(task_id: TaskId) -> TaskTold:
        """Stop a download and keep what came; resume_task goes on with it. A conversion can't be paused."""
        return _told(engine, await anyio.to_thread.run_sync(tasks.pause, task_id))

    async def resume_task(task_id: TaskId) -> TaskTold:
        """Go on with a download that is paused, interrupted or failed, where it was; a conversion begins anew. Returns at once."""
        return _told(engine, await anyio.to_thread.run_sync(tasks.resume, task_id))

    async def cancel_task(task_id: TaskId) -> TaskTold:
        """End a download or conversion for good, and delete what it made so far. A finished one stays as it is."""
        return _told(engine, await anyio.to_thread.run_sync(tasks.cancel, task_id))

    return pause_task, resume_task, cancel_task


def _told(engine: Engine, task: Any) -> TaskTold:
    shown = as_json(task, engine.places)
    problem = shown["problem"]
    words = f"{problem['message']} {problem['hint']}".strip() if problem is not None else ""
    return TaskTold.model_validate({**shown, **shown["progress"], "problem": words})
