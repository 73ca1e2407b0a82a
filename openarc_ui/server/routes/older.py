"""Paths of OpenArc 2: `/openarc/*`, as thin adapters over the same engine. What is not there any more says what is instead."""

from __future__ import annotations

import datetime
from typing import Any

import anyio
import psutil
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from openarc_ui import __version__
from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.devices.describe import DeviceReport
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import ModelState, ModelStatus
from openarc_ui.server.disconnect import load_for_client
from openarc_ui.server.older_bodies import (
    ENGINE_OF,
    GraphicsBody,
    NeuralBody,
    OlderLoadBody,
    OlderLoadedBody,
    OlderMetricsBody,
    OlderModel,
    OlderModelsBody,
    OlderModelStatus,
    OlderStatusBody,
    OlderUnloadBody,
    OlderUnloadedBody,
    ProcessorBody,
    VersionBody,
)
from openarc_ui.server.problems import CLIENT_LEFT, documented
from openarc_ui.server.routes.heads import add_heads
from openarc_ui.server.routes.models import LOADS_AT_ONCE

MEGABYTE = 2**20
MEASURED_SECONDS = 0.1
GONE = {
    "/openarc/bench": "Send requests and read GET /metrics/summary; `make bench` measures a machine.",
    "/openarc/downloader": "Nothing is downloaded on request; put models into the model folder.",
    "/openarc/downloader/pause": "Nothing is downloaded on request; put models into the model folder.",
    "/openarc/downloader/resume": "Nothing is downloaded on request; put models into the model folder.",
    "/openarc/models/update": "Keep a configuration with PUT /profiles/{name}.",
}
"""Paths of OpenArc 2 that are no routes here -> what to use instead."""


def older_routes(engine: Engine) -> APIRouter:
    """The routes, bound to an engine."""
    router = APIRouter(tags=["older"])
    _add_loading(router, engine)
    _add_telling(router, engine)
    add_heads(router)
    for path, hint in GONE.items():
        router.add_route(path, _gone(hint), methods=["GET", "POST", "DELETE"], include_in_schema=False)
    router.add_route(
        "/openarc/models",
        _gone("No configuration is kept there; see DELETE /profiles/{name}. Model files are never deleted."),
        methods=["DELETE"],
        include_in_schema=False,
    )
    return router


def _add_loading(router: APIRouter, engine: Engine) -> None:
    limiter = anyio.CapacityLimiter(LOADS_AT_ONCE)

    @router.post(
        "/openarc/load",
        summary="Load a model (OpenArc 2)",
        deprecated=True,
        responses=documented(404, 409, 502, 503),
        response_model=OlderLoadedBody,
    )
    async def load(body: OlderLoadBody, request: Request) -> OlderLoadedBody | Response:
        """`POST /model/load` under OpenArc 2's names. What this OpenArc has not, such as draft models, is refused by name."""
        entry = await anyio.to_thread.run_sync(engine.catalogue.find, body.model_path)
        info = await load_for_client(engine, body.request(dict(entry.ov_config)), request, limiter)
        if info is None:
            return Response(status_code=CLIENT_LEFT)
        return OlderLoadedBody(model_id=info.configuration_id, model_name=info.name)

    @router.post("/openarc/unload", summary="Unload a model (OpenArc 2)", deprecated=True, responses=documented(409))
    async def unload(body: OlderUnloadBody) -> OlderUnloadedBody:
        """`POST /model/unload` under OpenArc 2's names. It waits until the model is gone."""
        unloaded = await anyio.to_thread.run_sync(engine.unload, body.model_name)
        return OlderUnloadedBody(model_name=unloaded.name)


def _add_telling(router: APIRouter, engine: Engine) -> None:
    @router.get(
        "/openarc/status", summary="The state of every model (OpenArc 2)", deprecated=True, responses=documented()
    )
    async def status() -> OlderStatusBody:
        """`GET /status` under OpenArc 2's names."""
        models = engine.status().users_models
        ready = [model.name for model in models if model.state is ModelState.READY]
        shown = OlderStatusBody(
            total_loaded_models=len(ready), models=[_status(model) for model in models], openai_model_names=ready
        )
        return OlderStatusBody.model_validate(engine.places.hidden(shown.model_dump()))

    @router.get("/openarc/models", summary="List the model folder (OpenArc 2)", deprecated=True, responses=documented())
    async def models() -> OlderModelsBody:
        """`GET /models` with the fields of OpenArc 2's saved configurations."""
        entries = await anyio.to_thread.run_sync(engine.catalog)
        return OlderModelsBody(models=[_model(entry) for entry in entries])

    @router.get("/openarc/version", summary="The version (OpenArc 2)", deprecated=True, responses=documented())
    async def version() -> VersionBody:
        """Of this OpenArc. `GET /status` says it too."""
        return VersionBody(version=__version__)

    @router.get("/openarc/metrics", summary="How the machine is (OpenArc 2)", deprecated=True, responses=documented())
    async def metrics() -> OlderMetricsBody:
        """Processor, memory, GPUs and NPUs now. What requests cost is told by `GET /metrics`."""
        return await anyio.to_thread.run_sync(_machine, engine)


def _status(model: ModelStatus) -> OlderModelStatus:
    info, request = model.info, model.request
    backend = info.backend if info is not None else request.backend
    is_ready = info is not None and model.state is ModelState.READY
    loaded_at = datetime.datetime.fromtimestamp(info.loaded_at, datetime.UTC) if info is not None and is_ready else None
    return OlderModelStatus(
        model_name=model.name,
        engine=ENGINE_OF.get(backend, backend),
        device=request.device,
        runtime_config=dict(request.ov_config),
        status="loaded" if model.state is ModelState.READY else model.state.value,
        time_loaded=loaded_at.isoformat(timespec="seconds") if loaded_at is not None else None,
        error_message=model.failure,
    )


def _model(entry: ModelEntry) -> OlderModel:
    best = entry.backends[0] if entry.backends else None
    return OlderModel(
        id=entry.name,
        path=entry.name,
        model_name=entry.name,
        engine=ENGINE_OF.get(best, best) if best is not None else None,
        runtime_config=dict(entry.ov_config),
        has_config=bool(entry.ov_config),
    )


def _machine(engine: Engine) -> OlderMetricsBody:
    """The machine now. Blocks for as long as the processor is watched."""
    usage = psutil.cpu_percent(interval=MEASURED_SECONDS)
    memory = psutil.virtual_memory()
    engine.preflight.refresh()
    devices = engine.preflight.devices()
    gpus = [_graphics(engine, each) for each in devices if each.kind == "GPU"]
    return OlderMetricsBody(
        cpus=[
            ProcessorBody(
                id=each.name,
                name=each.full_name,
                cores=psutil.cpu_count(logical=False),
                threads=psutil.cpu_count(),
                usage=usage,
            )
            for each in devices
            if each.kind == "CPU"
        ],
        total_ram=memory.total // MEGABYTE,
        used_ram=memory.used // MEGABYTE,
        gpus=gpus,
        npus=[NeuralBody(id=each.name, name=each.full_name) for each in devices if each.kind == "NPU"],
        gpu_metrics_worked=any(each.used_vram is not None for each in gpus),
    )


def _graphics(engine: Engine, device: DeviceReport) -> GraphicsBody:
    told = [
        model.gauges.device_memory_bytes
        for model in engine.status().models
        if model.gauges is not None
        and model.gauges.device_memory_bytes is not None
        and model.info is not None
        and device.name in model.info.execution_devices
    ]
    return GraphicsBody(
        id=device.name,
        name=device.full_name,
        total_vram=device.memory_bytes // MEGABYTE if device.memory_bytes is not None else None,
        used_vram=sum(told) // MEGABYTE if told else None,
        is_shared="integrated" in device.type,
    )


def _gone(hint: str) -> Any:
    async def answer(request: Request) -> JSONResponse:
        words = f"{request.url.path} of OpenArc 2 is not here."
        return JSONResponse({"detail": words, "code": "not_found", "hint": hint}, 404)

    return answer
