"""Loading and unloading models, and what there is to load: `/model/*`, `/models`, `/devices`."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Body, Query, Request, Response

from openarc_ui.engine.answers import LONGEST_NAME, cache_note, listed
from openarc_ui.engine.catalogue.catalogue import Catalogue
from openarc_ui.engine.catalogue.files import FILE_LANGUAGES, model_files, read_model_file
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest, ModelNotLoaded
from openarc_ui.server.catalogue_bodies import NAME, DetailsBody, EntryBody, FileTextBody, LoadNoteBody, ModelFileBody
from openarc_ui.server.disconnect import load_for_client
from openarc_ui.server.problems import CLIENT_LEFT, documented
from openarc_ui.server.schemas import LoadBody, ModelBody, UnloadBody, UnloadedBody

LOADS_AT_ONCE = 4
ModelQuery = Annotated[
    str,
    Query(
        min_length=1,
        max_length=LONGEST_NAME,
        description="A name in the catalogue, or a path inside the model folder.",
        examples=[NAME],
    ),
]

UnloadQuery = Annotated[
    str | None,
    Query(max_length=LONGEST_NAME, description="Which; left out: the one loaded last.", examples=[NAME]),
]


def catalogue_routes(engine: Engine) -> APIRouter:
    """What there is to load."""
    router = APIRouter(tags=["models"])

    @router.get("/models", summary="List the models in the model folder", responses=documented())
    async def models(
        details: Annotated[bool, Query(description="Tell all that is known of each.", examples=[True])] = False,
    ) -> list[EntryBody]:
        """Every model, with the backends that can run it and why others can't; of a broken one what is wrong.

        Each model's files are read; what has not changed since is remembered.
        """
        return await anyio.to_thread.run_sync(_entries, engine.catalogue, details)

    @router.get("/models/details", summary="Describe one model of the model folder", responses=documented(404))
    async def details(model: ModelQuery) -> DetailsBody:
        """Architecture, weights by type with their group sizes, context length, chat template, and what is wrong."""
        return DetailsBody.of(await anyio.to_thread.run_sync(engine.catalogue.details, model))

    @router.get("/models/files", summary="List the files of a model that can be read", responses=documented(404))
    async def files(model: ModelQuery) -> list[ModelFileBody]:
        """Configurations and the chat template, as far as the model has them."""
        names = await anyio.to_thread.run_sync(lambda: model_files(engine.catalogue.find(model)))
        return [ModelFileBody(name=name, language=FILE_LANGUAGES[name]) for name in names]

    @router.get("/models/file", summary="Read one file of a model", responses=documented(404))
    async def file(
        model: ModelQuery,
        file: Annotated[
            str,
            Query(
                min_length=1,
                max_length=100,
                description="A name that /models/files lists.",
                examples=["config.json"],
            ),
        ],
    ) -> FileTextBody:
        """Its text, cut where it is long. A chat template is found wherever the model keeps it."""
        return FileTextBody.of(
            await anyio.to_thread.run_sync(lambda: read_model_file(engine.catalogue.find(model), file))
        )

    return router


def model_routes(engine: Engine) -> APIRouter:
    """Loading and unloading, bound to an engine."""
    router = APIRouter(tags=["models"])
    limiter = anyio.CapacityLimiter(LOADS_AT_ONCE)

    @router.post(
        "/model/load", summary="Load a model", responses=documented(404, 409, 502, 503), response_model=ModelBody
    )
    async def load(body: LoadBody, request: Request) -> ModelBody | Response:
        """Load a model and wait until it answers. A client that leaves cancels its load, and nothing else."""
        entry = await anyio.to_thread.run_sync(engine.catalogue.find, body.load_config.id_model)
        return await loaded(engine, body.request(dict(entry.ov_config)), request, limiter)

    async def unload(model: str | None) -> UnloadedBody:
        try:
            unloaded = await anyio.to_thread.run_sync(engine.unload, model)
        except ModelNotLoaded:
            if model is not None:
                raise
            return UnloadedBody(message="No model was loaded.", model=None, freed_memory_bytes=0, cancelled_requests=0)
        return UnloadedBody(message=f"{unloaded.name} is unloaded.", model=unloaded.name, **_without_name(unloaded))

    @router.delete("/model/unload", summary="Unload a model", responses=documented(409))
    async def unload_by_delete(model: UnloadQuery = None) -> UnloadedBody:
        """Cancel its requests, end its process, and say how much memory that gave back."""
        return await unload(model)

    @router.post("/model/unload", summary="Unload a model", responses=documented(409))
    async def unload_by_post(body: Annotated[UnloadBody | None, Body()] = None) -> UnloadedBody:
        """The same for clients that can't send DELETE."""
        return await unload(body.model if body is not None else None)

    router.add_api_route(
        "/optimum/model/load", load, methods=["POST"], summary="Load a model (older path)", deprecated=True,
        responses=documented(404, 409, 502, 503), response_model=ModelBody, name="older_load",
    )  # fmt: skip
    _add_older_unload(router, unload)
    return router


def _add_older_unload(router: APIRouter, unload: Callable[[str | None], Awaitable[UnloadedBody]]) -> None:
    @router.delete(
        "/optimum/model/unload", summary="Unload a model (older path)", deprecated=True, responses=documented(409)
    )
    async def older_unload(
        model: UnloadQuery = None,
        model_id: Annotated[
            str | None,
            Query(max_length=LONGEST_NAME, description="The same, under its name in version 1.0.3.", examples=[NAME]),
        ] = None,
    ) -> UnloadedBody:
        """`DELETE /model/unload`, for which version 1.0.3 called the parameter `model_id`."""
        if model is not None and model_id is not None:
            raise InvalidRequest("model and model_id are the same thing.", "Give one of them.")
        return await unload(model if model is not None else model_id)


def _entries(catalogue: Catalogue, with_details: bool) -> list[EntryBody]:
    return [EntryBody.of(entry, details if with_details else None) for entry, details in listed(catalogue)]


async def loaded(
    engine: Engine, order: LoadRequest, request: Request, limiter: anyio.CapacityLimiter
) -> ModelBody | Response:
    """Load and describe what was loaded; for a client that has left an answer that nobody reads."""
    info = await load_for_client(engine, order, request, limiter)
    if info is None:
        return Response(status_code=CLIENT_LEFT)
    note = await anyio.to_thread.run_sync(cache_note, engine, info)
    shown = ModelBody(
        message=f"{info.name} is ready on {info.device}.",
        model=info.name,
        id_model=info.name,
        backend=info.backend,
        backend_reason=info.backend_reason,
        device=info.device,
        load_seconds=info.load_seconds,
        stage_seconds=list(info.stage_seconds),
        memory_bytes=info.memory_bytes,
        requested_properties=dict(info.requested_properties),
        effective_properties=info.effective_properties,
        context_length=info.context_length,
        configuration_id=info.configuration_id,
        compile_cache=LoadNoteBody.model_validate(note, from_attributes=True) if note is not None else None,
        warnings=list(info.warnings),
    )
    return ModelBody.model_validate(engine.places.hidden(shown.model_dump()))


def _without_name(unloaded: Any) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(unloaded).items() if name != "name"}
