"""Getting, converting and keeping models as named Gradio endpoints: the same tasks and the same facts as REST has below /models/.

A file's place is called `file` here and not `path`: what has a `path` is a file to fetch for Gradio's clients.
"""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

import anyio
from pydantic import Field

from openarc_ui.engine.answers import LONGEST_NAME, MOST_CONTEXT_TOKENS
from openarc_ui.engine.engine import Engine
from openarc_ui.models.answers import LONGEST_REPOSITORY, LONGEST_WORDS, MOST_FOUND, as_json, is_good
from openarc_ui.models.conversion.options import conversion_options as offered
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.inspection.inspect import inspect_model as inspected
from openarc_ui.models.library import library
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.tidy import delete_model as deleted
from openarc_ui.models.tidy import folder_sizes, renamed_words
from openarc_ui.models.tidy import rename_model as renamed
from openarc_ui.models.tidy import verify_model as verified
from openarc_ui.models.work.planning import plan_conversion
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.profiles import ProfileStore
from openarc_ui.ui.api_errors import endpoint
from openarc_ui.ui.api_model_tasks import ModelName, read_request, task_endpoints
from openarc_ui.ui.api_shown import JsonObject, as_object
from openarc_ui.ui.rights import Rights

WORKERS_AT_ONCE = 2
NEWS_SECONDS = 0.5
ACTIONS = {
    "hub_search": "Searching the Hub",
    "hub_files": "Listing files of the Hub",
    "download_model": "Downloading a model",
    "convert_model": "Converting a model",
    "model_tasks": "Listing downloads and conversions",
    "model_task": "Reading a task",
    "pause_task": "Pausing a task",
    "resume_task": "Resuming a task",
    "cancel_task": "Cancelling a task",
    "forget_task": "Forgetting a task",
    "inspect_model": "Looking into a model",
    "verify_model": "Verifying a model",
    "rename_model": "Renaming a model",
    "delete_model": "Deleting a model",
    "model_sizes": "Listing what takes room",
}
"""Endpoint -> what its caller is told that needs the administration key."""
Json = dict[str, Any]


def model_work_endpoints(
    engine: Engine, tasks: ModelTasks, hub: Hub, profiles: ProfileStore, rights: Rights
) -> list[Callable[..., Any]]:
    """The endpoints' functions, wrapped in their rights."""
    limiter = anyio.CapacityLimiter(WORKERS_AT_ONCE)
    made = [
        *_looking(engine, hub),
        *_planning(engine),
        *task_endpoints(engine, tasks),
        *_reading_whole(engine, tasks, limiter),
        *_keeping_order(engine, tasks, profiles),
    ]
    return [
        rights.administers(ACTIONS[each.__name__], endpoint(each)) if each.__name__ in ACTIONS else endpoint(each)
        for each in made
    ]


def _looking(engine: Engine, hub: Hub) -> list[Callable[..., Any]]:
    async def models_library(
        device: Annotated[str, Field(min_length=1, max_length=200)] = "CPU",
        context_tokens: Annotated[int, Field(ge=1, le=MOST_CONTEXT_TOKENS)] = 4096,
    ) -> list[Json]:
        """Recommended models with size, licence, what each is good for, and whether it fits into the memory that is free.

        Args:
            device: That they should fit on.
            context_tokens: Tokens of prompt and answer together.

        Returns:
            One object a model; repository is what /download_model takes, installed_as says whether it is there already.
        """
        return await anyio.to_thread.run_sync(
            lambda: [as_json(each, engine.places) for each in library(engine, device, context_tokens)]
        )

    async def hub_search(
        query: Annotated[str, Field(max_length=LONGEST_WORDS)],
        only_openvino: bool = True,
        limit: Annotated[int, Field(ge=1, le=MOST_FOUND)] = 20,
    ) -> list[Json]:
        """Search the Hugging Face Hub, or the mirror that the server was started with.

        Args:
            query: Words of the name.
            only_openvino: Only models that are OpenVINO IR already.
            limit: At most so many.

        Returns:
            One object a repository, the most downloaded first.
        """

        def found() -> list[Json]:
            models = hub.search(query, only_openvino=only_openvino, limit=limit)
            return [as_json(each, engine.places) for each in models]

        return await anyio.to_thread.run_sync(found)

    async def hub_files(
        repository: Annotated[str, Field(min_length=1, max_length=LONGEST_REPOSITORY)],
        revision: Annotated[str, Field(min_length=1, max_length=200)] = "main",
    ) -> Json:
        """What a repository of the Hub holds, with sizes and hashes.

        Args:
            repository: Owner and name.
            revision: A branch, a tag or a commit.

        Returns:
            The commit, the files, which of them a download fetches by itself (is_wanted), and wanted_bytes.
        """
        asked = read_request(DownloadRequest, repository=repository, revision=revision)

        def found() -> Json:
            files = hub.files(asked.repository, asked.revision)
            shown = as_json(files, engine.places)
            return {**shown, "files": [_as_file(each) for each in shown["files"]], "wanted_bytes": files.wanted_bytes}

        return await anyio.to_thread.run_sync(found)

    return [models_library, hub_search, hub_files]


def _planning(engine: Engine) -> list[Callable[..., Any]]:
    async def conversion_options() -> Json:
        """What a conversion can be asked for: the options of the installed Optimum-Intel, read from its own command.

        Returns:
            options with name, kind, choices, bounds and help; not_offered with reasons; versions of the libraries.
        """
        return dataclasses.asdict(await anyio.to_thread.run_sync(offered))

    async def conversion_command(
        source: ModelName, options: JsonObject | None = None, name: Annotated[str, Field(max_length=96)] = ""
    ) -> Json:
        """What a conversion would run: the equal `optimum-cli export openvino` command. Checks every option, converts nothing.

        Args:
            source: A checkpoint or a GGUF of /models.
            options: As /conversion_options tells them, {"weight-format": "int4"} or its JSON text.
            name: The folder it becomes; empty: the source's name and the weight format.

        Returns:
            The result's name, the options as they are run, and the command, in words and as text for a shell.
        """
        asked = read_request(ConversionRequest, source=source, options=as_object(options, "options"), name=name)
        return await anyio.to_thread.run_sync(lambda: as_json(plan_conversion(engine, asked), engine.places))

    return [conversion_options, conversion_command]


def _reading_whole(engine: Engine, tasks: ModelTasks, limiter: anyio.CapacityLimiter) -> list[Callable[..., Any]]:
    async def inspect_model(
        model: ModelName, parts: list[Literal["graph", "tokenizer", "template"]] | None = None
    ) -> Json:
        """Look into a model: operations, precisions and sizes by layer; tokenizer and chat template tried out.

        Args:
            model: Which, as /models shows it.
            parts: Only these; left out: all.

        Returns:
            graph, tokenizer, template, and problems with what could not be looked at.
        """

        def work() -> Json:
            with tasks.reading(model):
                return as_json(inspected(engine, model, tuple(parts or ())), engine.places)

        return await anyio.to_thread.run_sync(work, limiter=limiter)

    async def verify_model(model: ModelName) -> AsyncIterator[Json]:
        """Read every file of a model and compare its hash with the one noted when it came. A client that leaves ends it.

        Args:
            model: Which, as /models shows it.

        Returns:
            How far it is; the last has the verdict of each file, and is_good (None: nothing was noted of any).
        """
        stopping, read = threading.Event(), _Read()

        def work() -> Json:
            with tasks.reading(model):
                found = verified(engine, model, read.say, stopping)
            files = [_as_file(as_json(each, engine.places)) for each in found]
            return {"model": model, "fraction": 1.0, "is_good": is_good(found), "files": files}

        working = asyncio.ensure_future(anyio.to_thread.run_sync(work, limiter=limiter, abandon_on_cancel=True))
        try:
            while not (await asyncio.wait({working}, timeout=NEWS_SECONDS))[0]:
                yield {"model": model, "fraction": read.fraction, "is_good": None, "files": []}
        finally:
            stopping.set()
            working.cancel()
        yield working.result()

    return [inspect_model, verify_model]


def _keeping_order(engine: Engine, tasks: ModelTasks, profiles: ProfileStore) -> list[Callable[..., Any]]:
    async def rename_model(model: ModelName, new_name: Annotated[str, Field(min_length=1, max_length=96)]) -> Json:
        """Give a model another name. Not one that is loaded, that a task works on or that a tuning run needs.

        Args:
            model: Which, as /models shows it.
            new_name: One name, no path; its folder stays where it is.

        Returns:
            Its name in the catalogue now (model), the profiles that still name the old one, and both in words (message).
        """

        def done() -> Json:
            naming = profiles.naming(engine.catalogue, model)
            name = renamed(engine, model, new_name, tasks.busy_names())
            return {"message": renamed_words(model, name, naming), "model": name, "profiles": list(naming)}

        return await anyio.to_thread.run_sync(done)

    async def delete_model(model: ModelName, confirm: Annotated[str, Field(max_length=LONGEST_NAME)]) -> int:
        """Delete a model for good. Not one that is loaded, that a task works on or that a tuning run needs.

        Args:
            model: Which, as /models shows it.
            confirm: Its whole name once more; anything else is refused.

        Returns:
            Bytes that this gave back.
        """
        return await anyio.to_thread.run_sync(lambda: deleted(engine, model, confirm, tasks.busy_names()))

    async def model_sizes() -> list[Json]:
        """What takes how much of the model folder: models and everything else, what tasks left included.

        Returns:
            One object an entry, the largest first.
        """
        return await anyio.to_thread.run_sync(
            lambda: [as_json(each, engine.places) for each in folder_sizes(engine, tasks.busy_names())]
        )

    return [rename_model, delete_model, model_sizes]


@dataclasses.dataclass
class _Read:
    """How much of a model has been read, told by another thread."""

    fraction: float = 0.0

    def say(self, fraction: float) -> None:
        self.fraction = fraction


def _as_file(told: Json) -> Json:
    return {"file" if name == "path" else name: each for name, each in told.items()}
