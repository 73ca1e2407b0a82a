"""What the Models tab's script may ask, as functions from one JSON text to another; an OpenArcError is an answer too.

Looking at the library, at the models and at what a conversion would do is for every key; what asks the Hub, tells what lies
in the folder, starts, ends, changes, loads or makes this machine work wants the administration key. REST and the Gradio
endpoints decide the same: tests/ui/models/test_one_rule.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import gradio as gr

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import AdministratorNeeded, OpenArcError
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.results import ModelTask
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.profiles import ProfileStore
from openarc_ui.ui.metrics.tab import Readers, as_text
from openarc_ui.ui.metrics.wanted import read
from openarc_ui.ui.models import conversions
from openarc_ui.ui.models.desk import Desk
from openarc_ui.ui.models.wanted import (
    AskedConversion,
    AskedDelete,
    AskedDownload,
    AskedFiles,
    AskedInspection,
    AskedLibrary,
    AskedModel,
    AskedName,
    AskedNothing,
    AskedOptions,
    AskedSearch,
    AskedSizes,
    AskedTask,
    AskedToken,
    AskedView,
)
from openarc_ui.ui.rights import Rights

Json = dict[str, Any]
Question = Callable[..., Awaitable[str]]


def questions(
    engine: Engine, tasks: ModelTasks, hub: Hub, rights: Rights, profiles: ProfileStore | None = None
) -> list[Question]:
    """All of them, under the names by which the script calls them."""
    readers, desk = Readers(), Desk(engine, tasks, hub, profiles)

    def looks(name: str, work: Callable[[Any, Json], Json], *, is_slow: bool = False) -> Question:
        async def ask(asked: Any, request: gr.Request) -> str:
            may = _may(rights, request)
            run = anyio.to_thread.run_sync if is_slow else readers.run
            return await _answered(engine, lambda: run(lambda: work(asked, may)))

        ask.__name__ = name
        return ask

    def administers(name: str, action: str, work: Callable[[Any], Json]) -> Question:
        async def ask(asked: Any, request: gr.Request) -> str:
            def do() -> Json:
                rights.require(action, request)
                return work(asked)

            return await _answered(engine, lambda: anyio.to_thread.run_sync(do))

        ask.__name__ = name
        return ask

    return [
        looks("models_view", lambda asked, may: desk.view(read(asked, AskedView), may)),
        looks("models_library", lambda asked, may: desk.library(read(asked, AskedLibrary))),
        looks("models_installed", lambda asked, may: _sizes(desk, asked, is_all=False)),
        # Slow: the first time, optimum-intel is asked for its options.
        looks("models_options", lambda asked, may: _options(engine, asked), is_slow=True),
        looks("models_command", lambda asked, may: _command(engine, asked), is_slow=True),
        *_of_hub(desk, hub, administers),
        *_of_tasks(desk, tasks, administers),
        *_of_folder(desk, administers),
    ]


Administers = Callable[[str, str, Callable[[Any], Json]], Question]


def _of_hub(desk: Desk, hub: Hub, administers: Administers) -> list[Question]:
    def token(asked: Any) -> Json:
        hub.set_token(read(asked, AskedToken).token)
        return {"has_token": hub.has_token}

    return [
        administers("models_search", "Searching the Hub", lambda asked: desk.search(read(asked, AskedSearch))),
        administers(
            "models_files", "Looking into a repository", lambda asked: desk.files(read(asked, AskedFiles).request)
        ),
        administers("models_token", "Setting the Hub's token", token),
    ]


def _of_tasks(desk: Desk, tasks: ModelTasks, administers: Administers) -> list[Question]:
    def told(task: ModelTask) -> Json:
        return {"task": desk.task(task)}

    def forget(asked: Any) -> Json:
        wanted = read(asked, AskedTask)
        tasks.forget(wanted.task_id)
        return {"forgotten": wanted.task_id}

    def of_task(work: Callable[[str], ModelTask]) -> Callable[[Any], Json]:
        return lambda asked: told(work(read(asked, AskedTask).task_id))

    return [
        administers(
            "models_download",
            "Downloading a model",
            lambda asked: told(tasks.start(read(asked, AskedDownload).request)),
        ),
        administers(
            "models_convert",
            "Converting a model",
            lambda asked: told(tasks.start(read(asked, AskedConversion).request)),
        ),
        administers("models_pause", "Pausing a download", of_task(tasks.pause)),
        administers("models_resume", "Resuming a task", of_task(tasks.resume)),
        administers("models_cancel", "Cancelling a task", of_task(tasks.cancel)),
        administers("models_forget", "Clearing a task", forget),
    ]


def _options(engine: Engine, asked: Any) -> Json:
    read(asked, AskedOptions)
    return conversions.offers(engine)


def _command(engine: Engine, asked: Any) -> Json:
    return conversions.command(engine, read(asked, AskedConversion).request)


def _of_folder(desk: Desk, administers: Administers) -> list[Question]:
    def verify(asked: Any) -> Json:
        desk.verifying.start(read(asked, AskedModel).model)
        return {"verifying": desk.verifying.state()}

    def stop(asked: Any) -> Json:
        read(asked, AskedNothing)
        desk.verifying.stop()
        return {"verifying": desk.verifying.state()}

    return [
        administers("models_sizes", "Listing what takes room", lambda asked: _sizes(desk, asked, is_all=True)),
        administers("models_rename", "Renaming a model", lambda asked: desk.rename(read(asked, AskedName))),
        administers("models_delete", "Deleting a model", lambda asked: desk.delete(read(asked, AskedDelete))),
        administers("models_verify", "Verifying a model", verify),
        administers("models_verify_stop", "Verifying a model", stop),
        administers("models_load", "Loading a model", lambda asked: desk.load(read(asked, AskedModel).model)),
        administers("models_unload", "Unloading a model", lambda asked: desk.unload(read(asked, AskedModel).model)),
        administers(
            "models_inspect", "Looking inside a model", lambda asked: desk.inspect(read(asked, AskedInspection))
        ),
    ]


def _sizes(desk: Desk, asked: Any, *, is_all: bool) -> Json:
    """All that lies in the model folder, or the models alone, which every key may know."""
    read(asked, AskedSizes)
    return desk.sizes(is_all)


def _may(rights: Rights, request: gr.Request) -> Json:
    """Whether the page offers what needs the administration key, and the sentence why not."""
    try:
        rights.require("Getting, converting or changing models", request)
    except AdministratorNeeded as error:
        return {"may_administer": False, "why_not": f"{error.message} {error.hint}".strip()}
    return {"may_administer": True, "why_not": ""}


async def _answered(engine: Engine, work: Callable[[], Awaitable[Json]]) -> str:
    try:
        return as_text(await work())
    except OpenArcError as error:
        told = engine.places.hidden_error(error)
        return as_text({"error": {"message": told.message, "hint": told.hint, "code": told.code}})
