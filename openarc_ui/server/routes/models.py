"""Loading and unloading models, and what there is to load: `/model/*`, `/models`, `/devices`."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Body, Query, Request

from openarc_ui.engine.catalogue.catalogue import Catalogue, find_model
from openarc_ui.engine.catalogue.files import FILE_LANGUAGES, model_files, read_model_file
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, ModelInfo
from openarc_ui.errors import ModelNotLoaded
from openarc_ui.server.catalogue_bodies import DetailsBody, EntryBody, FileTextBody, ModelFileBody
from openarc_ui.server.disconnect import until_disconnected
from openarc_ui.server.problems import documented
from openarc_ui.server.schemas import LoadBody, ModelBody, UnloadBody, UnloadedBody

LOADS_AT_ONCE = 4
ModelQuery = Annotated[
    str,
    Query(min_length=1, max_length=500, description="A name in the catalogue, or a path inside the model folder."),
]


def catalogue_routes(engine: Engine) -> APIRouter:
    """What there is to load."""
    router = APIRouter(tags=["models"])

    @router.get("/models", summary="List the models in the model folder", responses=documented(422, 500))
    async def models(
        details: Annotated[bool, Query(description="Read each model's files too; slow the first time only.")] = False,
    ) -> list[EntryBody]:
        """Every model folder and file, with the backends that can run it and why others can't; broken ones too."""
        return await anyio.to_thread.run_sync(_entries, engine.catalogue, details)

    @router.get("/models/details", summary="Describe one model of the model folder", responses=documented(404, 422))
    async def details(model: ModelQuery) -> DetailsBody:
        """Architecture, weights by type with their group sizes, context length, chat template, and what is wrong."""
        return DetailsBody.of(await anyio.to_thread.run_sync(engine.catalogue.details, model))

    @router.get("/models/files", summary="List the files of a model that can be read", responses=documented(404, 422))
    async def files(model: ModelQuery) -> list[ModelFileBody]:
        """Configurations and the chat template, as far as the model has them."""
        names = await anyio.to_thread.run_sync(lambda: model_files(engine.catalogue.find(model)))
        return [ModelFileBody(name=name, language=FILE_LANGUAGES[name]) for name in names]

    @router.get("/models/file", summary="Read one file of a model", responses=documented(404, 422))
    async def file(
        model: ModelQuery,
        file: Annotated[str, Query(min_length=1, max_length=100, description="A name that /models/files lists.")],
    ) -> FileTextBody:
        """Its text, cut where it is long. A chat template is found wherever the model keeps it."""
        return FileTextBody.of(
            await anyio.to_thread.run_sync(lambda: read_model_file(engine.catalogue.find(model), file))
        )

    return router


def model_routes(engine: Engine) -> APIRouter:
    """The routes, bound to an engine."""
    router = APIRouter(tags=["models"])
    router.include_router(catalogue_routes(engine))
    limiter = anyio.CapacityLimiter(LOADS_AT_ONCE)

    @router.post("/model/load", summary="Load a model", responses=documented(404, 409, 422, 500, 503))
    async def load(body: LoadBody, request: Request) -> ModelBody:
        """Load a model and wait until it answers. A client that leaves cancels the load."""
        entry = await anyio.to_thread.run_sync(find_model, engine.model_folder, body.load_config.id_model)
        return described(await load_for_client(engine, body.request(dict(entry.ov_config)), request, limiter))

    async def unload(model: str | None) -> UnloadedBody:
        try:
            unloaded = await anyio.to_thread.run_sync(engine.unload, model)
        except ModelNotLoaded:
            if model is not None:
                raise
            return UnloadedBody(message="No model was loaded.", model=None, freed_memory_bytes=0, cancelled_requests=0)
        return UnloadedBody(message=f"{unloaded.name} is unloaded.", model=unloaded.name, **_without_name(unloaded))

    @router.delete("/model/unload", summary="Unload a model", responses=documented(409, 422))
    async def unload_by_delete(
        model: Annotated[str | None, Query(description="Which; left out: the one loaded last.")] = None,
    ) -> UnloadedBody:
        """Cancel its requests, end its process, and say how much memory that gave back."""
        return await unload(model)

    @router.post("/model/unload", summary="Unload a model", responses=documented(409, 422))
    async def unload_by_post(body: Annotated[UnloadBody | None, Body()] = None) -> UnloadedBody:
        """The same for clients that can't send DELETE."""
        return await unload(body.model if body is not None else None)

    router.add_api_route(
        "/optimum/model/load", load, methods=["POST"], summary="Load a model (older path)", deprecated=True,
        responses=documented(404, 409, 422, 500, 503), name="older_load",
    )  # fmt: skip
    router.add_api_route(
        "/optimum/model/unload", unload_by_delete, methods=["DELETE"], summary="Unload a model (older path)", deprecated=True,
        responses=documented(409, 422), name="older_unload",
    )  # fmt: skip
    return router


def _entries(catalogue: Catalogue, with_details: bool) -> list[EntryBody]:
    return [EntryBody.of(entry, catalogue.describe(entry) if with_details else None) for entry in catalogue.entries()]


async def load_for_client(
    engine: Engine, order: LoadRequest, request: Request, limiter: anyio.CapacityLimiter
) -> ModelInfo:
    """Load on a thread; when the client leaves meanwhile, cancel."""
    loading = asyncio.ensure_future(anyio.to_thread.run_sync(engine.load, order, limiter=limiter))
    watching = asyncio.ensure_future(until_disconnected(request))
    await asyncio.wait({loading, watching}, return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    if not loading.done():
        name = order.name or order.model_path.replace("\\", "/").rpartition("/")[2]
        await anyio.to_thread.run_sync(engine.unload, name)
    return await loading


def described(info: ModelInfo) -> ModelBody:
    return ModelBody(
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
        warnings=list(info.warnings),
    )


def _without_name(unloaded: Any) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(unloaded).items() if name != "name"}
