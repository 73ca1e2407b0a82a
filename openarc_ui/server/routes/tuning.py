"""Tuning over HTTP: start, watch, end and read runs. What a run is and does is in `openarc_ui.tuning`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from openarc_ui.engine.answers import with_recommended
from openarc_ui.engine.engine import Engine
from openarc_ui.profiles import Profile, ProfileStore
from openarc_ui.server.problems import documented
from openarc_ui.server.queries import NO_BODY
from openarc_ui.server.routes.heads import add_heads
from openarc_ui.server.routes.models import LOADS_AT_ONCE, loaded
from openarc_ui.server.schemas import DeletedBody, ModelBody
from openarc_ui.server.tuning_bodies import (
    CONFIGURATION_ID,
    RUN_ID,
    AxesAsked,
    AxisOfferBody,
    KeptProfileBody,
    RunBody,
    RunHeadBody,
    RunNameBody,
    RunViewBody,
)
from openarc_ui.snippets import SnippetKind, local_path, snippet
from openarc_ui.tuning.answers import LONGEST_ID, as_json, configuration_in, profile_of
from openarc_ui.tuning.axes import offers
from openarc_ui.tuning.export.formats import KINDS, ExportFormat, export
from openarc_ui.tuning.export.report import report
from openarc_ui.tuning.requests import Workload
from openarc_ui.tuning.results import Configuration, RunHead, RunView
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.tuning.workloads import PRESETS

READERS_AT_ONCE = 4
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""A report is read in a browser that may hold a session of this page: it loads nothing and runs nothing."""
READ_ERRORS = documented(503)
RUN_ERRORS = documented(404, 503)
CHANGE_ERRORS = documented(404, 409, 503)
LOAD_ERRORS = documented(404, 409, 502, 503)
EXPORTED: dict[str, Any] = {media.partition(";")[0]: {} for media, _ in KINDS.values()}
RunId = Annotated[str, Path(max_length=LONGEST_ID, description="Of the run.", examples=[RUN_ID])]
ConfigurationId = Annotated[
    str, Path(max_length=LONGEST_ID, description="Of the configuration.", examples=[CONFIGURATION_ID])
]
OF_A_CONFIGURATION = "/tuning/runs/{run_id}/configurations/{configuration_id}"


def tuning_routes(engine: Engine, runs: TuningRuns, profiles: ProfileStore, needs_key: bool) -> APIRouter:
    """The routes, bound to an engine and its runs.

    Args:
        needs_key: a guard in front wants a key, so code to copy says where to get it.
    """
    router = APIRouter(tags=["tuning"])
    limiter = anyio.CapacityLimiter(READERS_AT_ONCE)
    _add_planning(router, engine, limiter)
    _add_runs(router, engine, runs, limiter)
    _add_changing(router, engine, runs)
    _add_files(router, engine, runs, limiter)
    _add_applying(router, engine, runs, profiles)
    _add_code(router, engine, runs, needs_key)
    add_heads(router)
    return router


def _add_planning(router: APIRouter, engine: Engine, limiter: anyio.CapacityLimiter) -> None:
    """What can be asked for."""

    @router.get("/tuning/presets", summary="Workloads to choose from", responses=documented())
    async def presets() -> list[Workload]:
        """One request of a chat, a long document, an agent with a growing history, and many users."""
        return list(PRESETS.values())

    @router.post("/tuning/axes", summary="What a sweep can vary", responses=documented(404))
    async def axes(body: AxesAsked) -> list[AxisOfferBody]:
        """Every writable property of the base's device, its backends, and the weight variants of its model, with values worth trying."""

        def found() -> list[AxisOfferBody]:
            shown = [as_json(each, engine.places) for each in offers(engine, with_recommended(engine, body.base))]
            return [AxisOfferBody.model_validate(each) for each in shown]

        return await anyio.to_thread.run_sync(found, limiter=limiter)


def _add_runs(router: APIRouter, engine: Engine, runs: TuningRuns, limiter: anyio.CapacityLimiter) -> None:
    """Start, list and read."""

    @router.get("/tuning/runs", summary="List the runs", responses=READ_ERRORS)
    async def list_runs() -> list[RunHeadBody]:
        """Newest first, with what came of each so far in one sentence."""

        def found() -> list[RunHeadBody]:
            return [RunHeadBody.model_validate(as_json(each, engine.places)) for each in runs.heads()]

        return await anyio.to_thread.run_sync(found, limiter=limiter)

    @router.post("/tuning/runs", summary="Start a run", responses=documented(404, 409, 503))
    async def start_run(body: RunBody) -> RunHeadBody:
        """Measure a configuration, compare two, or search many. Answers at once; read the run to watch it.

        One run works at a time, and while it does no other request or load is taken: they get a 503 with its name. A load
        without an ov_config takes the one its model recommends, as `/model/load` does.
        """
        return await _head(engine, lambda: runs.start(body.root))

    @router.get("/tuning/runs/{run_id}", summary="Read a run", responses=RUN_ERRORS, response_model=RunViewBody)
    async def read_run(run_id: RunId) -> Response:
        """Whole, as it is at this moment: request, progress, and every configuration with figures, intervals and quality."""

        def found() -> str:
            return json.dumps(as_json(runs.view(run_id), engine.places), ensure_ascii=False, allow_nan=False)

        text = await anyio.to_thread.run_sync(found, limiter=limiter)
        return Response(text, media_type="application/json", headers={"cache-control": "no-store"})


def _add_changing(router: APIRouter, engine: Engine, runs: TuningRuns) -> None:
    """Rename, end, go on, delete."""

    @router.patch("/tuning/runs/{run_id}", summary="Rename a run", responses=CHANGE_ERRORS)
    async def rename_run(run_id: RunId, body: RunNameBody) -> RunHeadBody:
        """Give it another name; its id stays."""
        return await _head(engine, lambda: runs.rename(run_id, body.name))

    @router.delete("/tuning/runs/{run_id}", summary="Delete a run", responses=CHANGE_ERRORS)
    async def delete_run(run_id: RunId) -> DeletedBody:
        """All that it measured is gone. One that works has to be cancelled first."""
        await anyio.to_thread.run_sync(runs.delete, run_id)
        return DeletedBody(message=f"The run {run_id} is deleted.")

    @router.post("/tuning/runs/{run_id}/pause", summary="Pause a run", responses=CHANGE_ERRORS, dependencies=[NO_BODY])
    async def pause_run(run_id: RunId) -> RunHeadBody:
        """End it so that it can be resumed; answers once nothing is measured any more. What was measured stays."""
        return await _head(engine, partial(runs.pause, run_id))

    @router.post(
        "/tuning/runs/{run_id}/cancel", summary="Cancel a run", responses=CHANGE_ERRORS, dependencies=[NO_BODY]
    )
    async def cancel_run(run_id: RunId) -> RunHeadBody:
        """End it; answers once nothing is measured any more. What was measured stays."""
        return await _head(engine, partial(runs.cancel, run_id))

    @router.post(
        "/tuning/runs/{run_id}/resume", summary="Resume a run", responses=CHANGE_ERRORS, dependencies=[NO_BODY]
    )
    async def resume_run(run_id: RunId) -> RunHeadBody:
        """Go on with one that was interrupted, paused or cancelled, with the time it has left."""
        return await _head(engine, partial(runs.resume, run_id))


def _add_files(router: APIRouter, engine: Engine, runs: TuningRuns, limiter: anyio.CapacityLimiter) -> None:
    """A run as a file, and as a page."""

    @router.get(
        "/tuning/runs/{run_id}/export",
        summary="Export a run",
        responses={200: {"content": EXPORTED, "description": "A file"}, **RUN_ERRORS},
        response_class=Response,
    )
    async def export_run(
        run_id: RunId,
        format: Annotated[
            ExportFormat, Query(description="markdown is a table to paste; json has everything.", examples=["csv"])
        ] = "markdown",
    ) -> Response:
        """The results as a file, with units beside every number."""
        media_type, ending = KINDS[format]

        def text() -> str:
            hidden: str = engine.places.hidden(export(runs.view(run_id), format))
            return hidden

        headers = _attached(run_id, ending)
        return Response(await anyio.to_thread.run_sync(text, limiter=limiter), media_type=media_type, headers=headers)

    @router.get(
        "/tuning/runs/{run_id}/report",
        summary="A run as a page to post",
        responses=RUN_ERRORS,
        response_class=HTMLResponse,
    )
    async def report_run(
        run_id: RunId,
        download: Annotated[
            bool, Query(description="As a file to keep, not as a page to look at.", examples=[True])
        ] = False,
    ) -> HTMLResponse:
        """One page of HTML that needs nothing else: the setting, the trade-off as a picture, the best, and how it was measured."""

        def page() -> str:
            hidden: str = engine.places.hidden(report(runs.view(run_id)))
            return hidden

        headers = _attached(run_id, "html") if download else {}
        headers |= {"content-security-policy": REPORT_POLICY, "cache-control": "no-store"}
        return HTMLResponse(await anyio.to_thread.run_sync(page, limiter=limiter), headers=headers)


def _add_applying(router: APIRouter, engine: Engine, runs: TuningRuns, profiles: ProfileStore) -> None:
    """Load what was measured, or keep it."""
    limiter = anyio.CapacityLimiter(LOADS_AT_ONCE)

    @router.post(
        f"{OF_A_CONFIGURATION}/load",
        summary="Load a measured configuration",
        responses=LOAD_ERRORS,
        response_model=ModelBody,
        dependencies=[NO_BODY],
    )
    async def load_configuration(
        run_id: RunId, configuration_id: ConfigurationId, request: Request
    ) -> ModelBody | Response:
        """Load and wait until it answers, as `/model/load` does. A client that leaves cancels its load."""
        _, found = await anyio.to_thread.run_sync(_found, runs, run_id, configuration_id)
        return await loaded(engine, found.load, request, limiter)

    @router.put(
        f"{OF_A_CONFIGURATION}/profile", summary="Save a measured configuration", responses=documented(404, 409, 503)
    )
    async def save_configuration(run_id: RunId, configuration_id: ConfigurationId, body: KeptProfileBody) -> Profile:
        """As a profile, to load it by name, here or at the next start."""

        def save() -> Profile:
            view, found = _found(runs, run_id, configuration_id)
            return profiles.save(profile_of(view, found, body.name, body.description), body.replace)

        return await anyio.to_thread.run_sync(save)


def _add_code(router: APIRouter, engine: Engine, runs: TuningRuns, needs_key: bool) -> None:
    @router.get(
        f"{OF_A_CONFIGURATION}/code",
        summary="Copy a measured configuration as code",
        responses=RUN_ERRORS,
        response_class=PlainTextResponse,
    )
    async def code_of_configuration(
        run_id: RunId,
        configuration_id: ConfigurationId,
        request: Request,
        kind: Annotated[SnippetKind, Query(alias="as", description="The last two need no OpenArc.", examples=["curl"])],
    ) -> str:
        """Code that loads the same thing: a call to this server, or a script with the model folder's own path in it."""

        def code() -> str:
            load = _found(runs, run_id, configuration_id)[1].load
            path = local_path(engine.model_folder, load.model_path)
            return snippet(kind, load, address=str(request.base_url), model_path=path, needs_key=needs_key)

        return await anyio.to_thread.run_sync(code)


def _found(runs: TuningRuns, run_id: str, configuration_id: str) -> tuple[RunView, Configuration]:
    """A run and one of its configurations.

    Raises:
        TuningRunNotFound, TuningConfigurationNotFound.
    """
    view = runs.view(run_id)
    return view, configuration_in(view, configuration_id)


async def _head(engine: Engine, change: Callable[[], RunHead]) -> RunHeadBody:
    """What a change of a run comes to, made on a thread: it may wait until nothing is measured any more."""
    head = await anyio.to_thread.run_sync(change)
    return RunHeadBody.model_validate(as_json(head, engine.places))


def _attached(run_id: str, ending: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="openarc-{run_id}.{ending}"', "cache-control": "no-store"}
