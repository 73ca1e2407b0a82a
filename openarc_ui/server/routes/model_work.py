"""Getting, converting and keeping models over HTTP: `/models/library`, `/models/hub`, `/models/tasks`, and what keeps order.

What is done is in `openarc_ui.models`; everything that touches a disk or the network runs on a thread.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import anyio
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from openarc_ui.engine.answers import MOST_CONTEXT_TOKENS
from openarc_ui.engine.engine import Engine
from openarc_ui.models.answers import LONGEST_REPOSITORY, LONGEST_TASK_ID, LONGEST_WORDS, MOST_FOUND, as_json, is_good
from openarc_ui.models.conversion.options import conversion_options
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.inspection.inspect import Inspection, inspect_model
from openarc_ui.models.library import library
from openarc_ui.models.requests import Repository, Revision
from openarc_ui.models.results import ModelTask
from openarc_ui.models.tidy import delete_model, folder_sizes, rename_model, renamed_words, verify_model
from openarc_ui.models.work.planning import plan_conversion
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.profiles import ProfileStore
from openarc_ui.server.disconnect import unless_disconnected
from openarc_ui.server.model_work_bodies import (
    REPOSITORY,
    TASK_ID,
    ConversionBody,
    ConversionOptionsBody,
    ConversionPlanBody,
    DeletedModelBody,
    DeleteModelBody,
    DownloadBody,
    FolderSizeBody,
    FoundModelBody,
    HubTokenBody,
    HubTokenStateBody,
    InspectionBody,
    LibraryItemBody,
    RenamedBody,
    RenameModelBody,
    RepositoryFilesBody,
    TaskBody,
    VerificationBody,
    VerifyModelBody,
)
from openarc_ui.server.problems import CLIENT_LEFT, documented
from openarc_ui.server.queries import NO_BODY
from openarc_ui.server.routes.models import ModelQuery
from openarc_ui.server.schemas import DeletedBody

WORKERS_AT_ONCE = 2
"""Models that are read whole at the same time: verified, or looked into."""
HUB_AT_ONCE = 4
HUB_ERRORS = documented(403, 404, 503)
TASK_ERRORS = documented(404, 409, 503)
TaskId = Annotated[str, Path(max_length=LONGEST_TASK_ID, description="Of the task.", examples=[TASK_ID])]
Part = Literal["graph", "tokenizer", "template"]
Body = TypeVar("Body", bound=BaseModel)
T = TypeVar("T")


def model_work_routes(engine: Engine, tasks: ModelTasks, hub: Hub, profiles: ProfileStore) -> APIRouter:
    """The routes, bound to an engine, its tasks and the Hub; the profiles are asked which of them name a model."""
    router = APIRouter(tags=["models"])
    _add_library(router, engine)
    _add_hub(router, engine, hub)
    _add_token(router, hub)
    _add_planning(router, engine)
    _add_starting(router, engine, tasks)
    _add_tasks(router, engine, tasks)
    _add_keeping_order(router, engine, tasks, profiles)
    _add_reading_whole(router, engine, tasks)
    return router


def _add_library(router: APIRouter, engine: Engine) -> None:
    @router.get("/models/library", summary="Recommended models", responses=documented())
    async def read_library(
        device: Annotated[
            str, Query(min_length=1, max_length=200, description="That it should fit on.", examples=["CPU"])
        ] = "CPU",
        context_tokens: Annotated[
            int, Query(ge=1, le=MOST_CONTEXT_TOKENS, description="Tokens of prompt and answer.", examples=[4096])
        ] = 4096,
    ) -> list[LibraryItemBody]:
        """With size, licence, what each is good for, and whether it fits into the memory that is free. Asks no other host."""

        def found() -> list[LibraryItemBody]:
            return [_body(LibraryItemBody, each, engine) for each in library(engine, device, context_tokens)]

        return await anyio.to_thread.run_sync(found)


def _add_hub(router: APIRouter, engine: Engine, hub: Hub) -> None:
    limiter = anyio.CapacityLimiter(HUB_AT_ONCE)

    @router.get("/models/hub", summary="Search the Hugging Face Hub", responses=documented(403, 503))
    async def search_hub(
        query: Annotated[
            str, Query(max_length=LONGEST_WORDS, description="Words of the name.", examples=["Qwen3-0.6B"])
        ],
        only_openvino: Annotated[
            bool, Query(description="Only models that are OpenVINO IR already.", examples=[True])
        ] = True,
        limit: Annotated[int, Query(ge=1, le=MOST_FOUND, description="At most so many.", examples=[20])] = 20,
    ) -> list[FoundModelBody]:
        """Models whose names fit, the most downloaded first. The server asks the Hub, or the mirror it was started with."""

        def found() -> list[FoundModelBody]:
            models = hub.search(query, only_openvino=only_openvino, limit=limit)
            return [_body(FoundModelBody, each, engine) for each in models]

        return await anyio.to_thread.run_sync(found, limiter=limiter)

    @router.get("/models/hub/files", summary="List the files of a model on the Hub", responses=HUB_ERRORS)
    async def hub_files(
        repository: Annotated[
            Repository,
            Query(max_length=LONGEST_REPOSITORY, description="Owner and name.", examples=[REPOSITORY]),
        ],
        revision: Annotated[
            Revision,
            Query(description="A branch, a tag or a commit.", examples=["main"]),
        ] = "main",
    ) -> RepositoryFilesBody:
        """With sizes and hashes, and which of them a download fetches by itself."""

        def found() -> RepositoryFilesBody:
            files = hub.files(repository, revision)
            return RepositoryFilesBody.model_validate(
                {**as_json(files, engine.places), "wanted_bytes": files.wanted_bytes}
            )

        return await anyio.to_thread.run_sync(found, limiter=limiter)


def _add_token(router: APIRouter, hub: Hub) -> None:
    @router.get("/models/hub/token", summary="Whether there is a token for the Hub", responses=documented())
    async def read_token() -> HubTokenStateBody:
        """For gated models. The token itself is told to nobody."""
        return HubTokenStateBody(is_set=hub.has_token)

    @router.put("/models/hub/token", summary="Set the token for the Hub", responses=documented())
    async def set_token(body: HubTokenBody) -> HubTokenStateBody:
        """Used from now on, and kept in memory only: after a restart it is the one the server was started with."""
        await anyio.to_thread.run_sync(hub.set_token, body.token)
        return HubTokenStateBody(is_set=hub.has_token)

    @router.delete("/models/hub/token", summary="Forget the token for the Hub", responses=documented())
    async def forget_token() -> HubTokenStateBody:
        """Gated models can't be fetched any more; downloads under way go on."""
        await anyio.to_thread.run_sync(hub.set_token, None)
        return HubTokenStateBody(is_set=hub.has_token)


def _add_planning(router: APIRouter, engine: Engine) -> None:
    @router.get("/models/conversion-options", summary="What a conversion can be asked for", responses=documented())
    async def read_options() -> ConversionOptionsBody:
        """The options of the installed Optimum-Intel, read from its own command; with kind, choices, bounds and help."""
        options = await anyio.to_thread.run_sync(conversion_options)
        return ConversionOptionsBody.model_validate(dataclasses.asdict(options))

    @router.post("/models/conversion-command", summary="What a conversion would run", responses=documented(404))
    async def read_command(body: ConversionBody) -> ConversionPlanBody:
        """The result's name and the equal `optimum-cli export openvino` command. Checks every option, and converts nothing."""
        return await _answered(ConversionPlanBody, engine, lambda: plan_conversion(engine, body))


def _add_starting(router: APIRouter, engine: Engine, tasks: ModelTasks) -> None:
    @router.post("/models/tasks/downloads", summary="Download a model", responses=documented(403, 404, 409, 502, 503))
    async def start_download(body: DownloadBody) -> TaskBody:
        """From the Hub into the model folder. Answers once it is known what there is; read the task to watch it.

        One download runs at a time, others wait. It shows as a model when all of it is there and its hashes are right.
        """
        return await _task(engine, lambda: tasks.start(body))

    @router.post("/models/tasks/conversions", summary="Convert a model", responses=documented(404, 409, 503))
    async def start_conversion(body: ConversionBody) -> TaskBody:
        """A Hugging Face checkpoint or a GGUF of the model folder, to OpenVINO IR. Answers at once; read the task to watch it.

        One conversion runs at a time, and none while a tuning run measures: they wait.
        """
        return await _task(engine, lambda: tasks.start(body))


def _add_tasks(router: APIRouter, engine: Engine, tasks: ModelTasks) -> None:
    @router.get("/models/tasks", summary="List downloads and conversions", responses=documented())
    async def list_tasks() -> list[TaskBody]:
        """The newest first, without their logs."""

        def found() -> list[TaskBody]:
            return [_body(TaskBody, dataclasses.replace(each, log=()), engine) for each in tasks.tasks()]

        return await anyio.to_thread.run_sync(found)

    @router.get("/models/tasks/{task_id}", summary="Read a download or conversion", responses=documented(404))
    async def read_task(task_id: TaskId) -> TaskBody:
        """With progress, the last lines of its log, and why it failed or what it made."""
        return await _task(engine, partial(tasks.task, task_id))

    @router.get(
        "/models/tasks/{task_id}/log",
        summary="Read the log of a task",
        responses=documented(404),
        response_class=PlainTextResponse,
    )
    async def read_log(task_id: TaskId) -> PlainTextResponse:
        """What its programs wrote, without paths of this machine; of a long one the end."""
        text = await anyio.to_thread.run_sync(tasks.log, task_id)
        return PlainTextResponse(text, headers={"cache-control": "no-store", "x-content-type-options": "nosniff"})

    for verb, words, act in (
        ("pause", "End a download so that it can go on; answers once nothing is fetched any more.", tasks.pause),
        ("resume", "Go on with a download where it was, or begin a conversion anew.", tasks.resume),
        ("cancel", "End it for good, and delete what it made so far.", tasks.cancel),
    ):
        router.add_api_route(
            f"/models/tasks/{{task_id}}/{verb}",
            _changing(engine, act),
            methods=["POST"],
            summary=f"{verb.capitalize()} a task",
            description=words,
            responses=documented(403, 404, 409, 503) if verb == "resume" else TASK_ERRORS,
            dependencies=[NO_BODY],
            name=f"{verb}_task",
        )

    @router.delete("/models/tasks/{task_id}", summary="Forget a task", responses=TASK_ERRORS)
    async def forget_task(task_id: TaskId) -> DeletedBody:
        """One that is not under way. The model that it made stays."""
        await anyio.to_thread.run_sync(tasks.forget, task_id)
        return DeletedBody(message=f"The task {task_id} is forgotten.")


def _add_keeping_order(router: APIRouter, engine: Engine, tasks: ModelTasks, profiles: ProfileStore) -> None:
    @router.get("/models/sizes", summary="What takes how much of the model folder", responses=documented(503))
    async def read_sizes() -> list[FolderSizeBody]:
        """Models and everything else, what tasks left included, the largest first."""

        def found() -> list[FolderSizeBody]:
            return [_body(FolderSizeBody, each, engine) for each in folder_sizes(engine, tasks.busy_names())]

        return await anyio.to_thread.run_sync(found)

    @router.post("/models/rename", summary="Rename a model", responses=TASK_ERRORS)
    async def rename(body: RenameModelBody) -> RenamedBody:
        """One that is not loaded, that no task works on and no tuning run needs. Profiles keep the old name, and are named."""

        def renamed() -> RenamedBody:
            naming = profiles.naming(engine.catalogue, body.model)
            name = rename_model(engine, body.model, body.new_name, tasks.busy_names())
            return RenamedBody(message=renamed_words(body.model, name, naming), model=name, profiles=list(naming))

        return await anyio.to_thread.run_sync(renamed)

    @router.post("/models/delete", summary="Delete a model", responses=TASK_ERRORS)
    async def delete(body: DeleteModelBody) -> DeletedModelBody:
        """For good. One that is not loaded, that no task works on and no tuning run needs."""

        def deleted() -> int:
            return delete_model(engine, body.model, body.confirm, tasks.busy_names())

        freed = await anyio.to_thread.run_sync(deleted)
        return DeletedModelBody(message=f"'{body.model}' is deleted.", freed_bytes=freed)


def _add_reading_whole(router: APIRouter, engine: Engine, tasks: ModelTasks) -> None:
    limiter = anyio.CapacityLimiter(WORKERS_AT_ONCE)

    @router.post(
        "/models/verify",
        summary="Verify a model's files",
        responses=documented(404),
        response_model=VerificationBody,
    )
    async def verify(body: VerifyModelBody, request: Request) -> VerificationBody | Response:
        """Read every file and compare its hash with the one noted when it came. Gigabytes take a while; leaving ends it."""

        def work(stopping: threading.Event) -> VerificationBody:
            with tasks.reading(body.model):
                found = verify_model(engine, body.model, stopping=stopping)
            files = [as_json(each, engine.places) for each in found]
            return VerificationBody.model_validate({"model": body.model, "is_good": is_good(found), "files": files})

        found = await unless_disconnected(_stoppable(work, limiter), request)
        return Response(status_code=CLIENT_LEFT) if found is None else found

    @router.get("/models/inspect", summary="Look into a model", responses=documented(404))
    async def inspect(
        model: ModelQuery,
        parts: Annotated[
            list[Part], Query(default_factory=list, description="Only these; left out: all.", examples=[["graph"]])
        ],
    ) -> InspectionBody:
        """Operations, precisions and sizes by layer; its tokenizer tried on texts; its chat template on conversations."""

        def work() -> Inspection:
            with tasks.reading(model):
                return inspect_model(engine, model, tuple(parts))

        return await _answered(InspectionBody, engine, work, limiter)


async def _stoppable(work: Callable[[threading.Event], T], limiter: anyio.CapacityLimiter) -> T:
    """Work on a thread that is told when nobody waits for it any more."""
    stopping = threading.Event()
    try:
        return await anyio.to_thread.run_sync(work, stopping, limiter=limiter, abandon_on_cancel=True)
    finally:
        stopping.set()


def _changing(engine: Engine, act: Callable[[str], ModelTask]) -> Callable[..., Any]:
    async def change(task_id: TaskId) -> TaskBody:
        return await _task(engine, partial(act, task_id))

    return change


async def _task(engine: Engine, work: Callable[[], ModelTask]) -> TaskBody:
    return await _answered(TaskBody, engine, work)


async def _answered(
    kind: type[Body], engine: Engine, work: Callable[[], Any], limiter: anyio.CapacityLimiter | None = None
) -> Body:
    """What work on a thread comes to, as a body."""
    return await anyio.to_thread.run_sync(lambda: _body(kind, work(), engine), limiter=limiter)


def _body(kind: type[Body], value: Any, engine: Engine) -> Body:
    return kind.model_validate(as_json(value, engine.places))
