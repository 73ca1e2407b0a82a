"""How the server is: `/status`, `/health`, `/readyz`."""

from __future__ import annotations

import dataclasses
from typing import Any

import anyio
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from openarc_ui import __version__
from openarc_ui.elsewhere import Elsewhere
from openarc_ui.engine.answers import without_long_echoes
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import ModelState
from openarc_ui.server.problems import documented
from openarc_ui.startup import Startup, StartupPhase


class StatusBody(BaseModel):
    """Answer of `/status`: the first OpenArc's three keys, then everything."""

    status: str = Field(description='"loaded" or "no_model".', examples=["loaded"])
    id_model: str | None = Field(description="Name of the default model.")
    device: str | None = Field(description="Of the default model.")
    models: list[dict[str, Any]] = Field(
        description="Each with its state, its load, its memory, and requests that run or wait."
    )
    default_model: str | None = Field(description="Answers requests that name none: the one loaded last.")
    last_load_failure: dict[str, Any] | None = Field(
        description="The last load that ended in an error; null: none did."
    )
    queue_size: int = Field(description="How many requests may wait for one model.")
    startup: dict[str, Any] = Field(description="How far the first load is.")
    reserved: str | None = Field(
        description="Who has the machine alone, so that others get a 503; null: nobody.",
        examples=["The sweep 'threads' measures"],
    )
    reserved_model: str | None = Field(
        description="The name among `models` that whoever has the machine loads for that; it answers nobody else.",
        examples=["tuning"],
    )
    measured_elsewhere: str | None = Field(
        description="What another program measures on the same tuning folder. Nothing is refused for it, but answers spoil "
        "its figures; null: nothing.",
        examples=["The bench 'threads' measures"],
    )
    version: str = Field(description="Of OpenArc.")


class HealthBody(BaseModel):
    """Answer of `/health`."""

    status: str = Field(description="Always ok.", examples=["ok"])


class ReadyBody(BaseModel):
    """Answer of `/readyz`."""

    ready: bool = Field(description="A model answers, or none was asked for; false while a tuning run measures.")
    missing: str | None = Field(description="What is still to come, or why it will not.")


def system_routes(engine: Engine, startup: Startup, elsewhere: Elsewhere) -> APIRouter:
    """The routes, bound to an engine, its start-up, and what is measured beside it."""
    router = APIRouter(tags=["system"])
    places = engine.places

    @router.get("/status", summary="The state of every model", responses=documented())
    async def status() -> StatusBody:
        """Models with state, memory, running and queued requests; a snapshot that never waits."""
        now = engine.status()
        default = next((model for model in now.models if model.name == now.default_model), None)
        failure = dataclasses.asdict(now.last_load_failure) if now.last_load_failure else None
        body = StatusBody(
            status="loaded" if default is not None else "no_model",
            id_model=default.name if default is not None else None,
            device=default.request.device if default is not None else None,
            models=[_model(model) for model in now.models],
            default_model=now.default_model,
            last_load_failure=failure and {name: _short(value) for name, value in failure.items()},
            queue_size=now.queue_size,
            startup=dataclasses.asdict(startup.status()),
            reserved=now.reserved,
            reserved_model=now.reserved_model,
            measured_elsewhere=await anyio.to_thread.run_sync(elsewhere.words),
            version=__version__,
        )
        return StatusBody.model_validate(places.hidden(body.model_dump()))

    @router.get("/health", summary="Does the server answer", responses=documented())
    async def health() -> HealthBody:
        """200 for as long as the process serves, whatever the models do."""
        return HealthBody(status="ok")

    @router.get(
        "/readyz",
        summary="Can it generate",
        response_model=ReadyBody,
        responses={**documented(), 503: {"model": ReadyBody, "description": "Not yet, or not any more"}},
    )
    async def ready() -> JSONResponse:
        """200 when a model is ready, or when none was asked for at start and none has failed.

        503 also while a tuning run has the machine, since everything that generates is refused then.
        """
        now, begun = engine.status(), startup.status()
        states = [model.state for model in now.users_models]
        is_ready = now.reserved is None and (
            ModelState.READY in states or (not states and begun.phase is StartupPhase.DONE and begun.model is None)
        )
        missing = None
        if now.reserved is not None:
            missing = f"{now.reserved}, and requests are refused until it ends."
        elif not is_ready:
            missing = begun.message or (begun.stage.label if begun.stage else "No model is loaded.")
        return JSONResponse(
            ReadyBody(ready=is_ready, missing=missing).model_dump(), status_code=200 if is_ready else 503
        )

    router.add_api_route(
        "/optimum/status", status, methods=["GET"], summary="The state of every model (older path)", deprecated=True,
        responses=documented(), name="older_status",
    )  # fmt: skip
    return router


def _short(value: Any) -> Any:
    return without_long_echoes(value) if isinstance(value, str) else value


def _model(model: Any) -> dict[str, Any]:
    """A model's status as JSON; the request is a pydantic model, the rest dataclasses."""
    body = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
    body["request"] = model.request.model_dump()
    for name in ("info", "stage"):
        body[name] = dataclasses.asdict(body[name]) if body[name] is not None else None
    return body
