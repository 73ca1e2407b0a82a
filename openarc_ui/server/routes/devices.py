"""What can be known before a load: devices, their settings, a check of a load, and whether it fits."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from openarc_ui.engine.answers import (
    MOST_CONTEXT_TOKENS,
    MOST_FINDINGS,
    MOST_SEQUENCES,
    context_note,
    first_findings,
)
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.server.problems import documented
from openarc_ui.server.schemas import LoadBody

DeviceName = Annotated[
    str, Query(min_length=1, max_length=200, description="CPU, GPU.0, AUTO:GPU,CPU, ...", examples=["CPU"])
]


class PropertyBody(BaseModel):
    """One property of a device, as it is now."""

    name: str
    access: str = Field(description='"RO" can only be read, "RW" can be changed, "WO" can only be set.')
    type: str = Field(description="Python type of the value.")
    value: str | None = Field(description="As text; null where reading it throws.")
    problem: str | None = Field(description="What reading it threw.")


class DeviceBody(BaseModel):
    """One device."""

    name: str = Field(examples=["CPU"])
    full_name: str
    kind: str = Field(description="CPU, GPU or NPU.")
    type: str = Field(description="integrated or discrete, where the device tells.")
    memory_bytes: int | None
    capabilities: list[str] = Field(examples=[["BF16", "INT8", "AVX-512 VNNI"]])
    driver: str
    good_for: str
    matters: list[str] = Field(description="The properties that matter most for language models.")
    limits: list[str]
    is_run_in_tests: bool
    properties: list[PropertyBody]


class ChoiceBody(BaseModel):
    """One value of a setting that has a few."""

    value: str
    words: str


class OptionBody(BaseModel):
    """One setting, so that a form can be made of it."""

    name: str = Field(examples=["INFERENCE_NUM_THREADS"])
    kind: Literal["choice", "switch", "integer", "number", "text", "lines", "json"]
    group: str
    is_common: bool
    help: str
    text: str = Field(description="More help, as Markdown.")
    unit: str
    default: str | None
    choices: list[ChoiceBody]
    minimum: float | None
    maximum: float | None
    expected_maximum: float | None = Field(description="More is taken, but brings nothing on this machine.")
    words: list[str] = Field(description="Texts that a number takes too, such as AUTO.")
    devices: list[str] = Field(description="The members of a composite device that take it.")


class OptionsBody(BaseModel):
    """What can be set for a load on a device."""

    device: str
    ov_config: list[OptionBody]
    scheduler: list[OptionBody]
    sampling_defaults: list[OptionBody]


class FindingBody(BaseModel):
    """One sentence about one field of a load."""

    field: str = Field(examples=["ov_config.NUM_STREAMS"])
    severity: Literal["error", "warning"]
    layer: Literal["rules", "plugin", "compile", "first_token"] = Field(description="Who found it.")
    message: str
    hint: str
    trap: str = Field(description='Id of the known trap that explains it, or "".')


class ValidationBody(BaseModel):
    """Answer of `/model/validate`."""

    is_valid: bool = Field(description="True when no finding is an error.")
    findings: list[FindingBody] = Field(description=f"At most {MOST_FINDINGS}, errors first where there are more.")
    more_findings: int = Field(description="How many were left out.", examples=[0])


class PartBody(BaseModel):
    """One part of the memory a load needs."""

    name: str
    label: str
    memory_bytes: int
    how: str = Field(description="The formula with its numbers.")


class FitBody(BaseModel):
    """Answer of `/model/fit`."""

    verdict: Literal["green", "amber", "red", "unknown"]
    words: str
    device: str
    parts: list[PartBody]
    needed_bytes: int
    free_bytes: int | None
    total_bytes: int | None
    context_tokens: int = Field(
        description="Of each sequence, prompt and answer together; what the numbers are for.", examples=[2048]
    )
    requested_context_tokens: int | None = Field(description="What was asked for; null: nothing.", examples=[None])
    context_note: str = Field(description="Says so where the model takes less than was asked for; else empty.")
    sequences: int
    largest_context_tokens: int | None = Field(
        description="That still fits, at most the model's own; 0: none does, null: not known.", examples=[8192]
    )
    advice: list[str]


def device_routes(engine: Engine) -> APIRouter:
    """The routes, bound to an engine."""
    router = APIRouter(tags=["devices"])

    @router.get("/devices", summary="List the devices", responses=documented())
    async def devices() -> list[DeviceBody]:
        """Every device OpenVINO has on this machine now, with every property; what throws when read says so."""
        engine.preflight.refresh()
        reports = await anyio.to_thread.run_sync(engine.preflight.devices)
        return [DeviceBody.model_validate(dataclasses.asdict(report)) for report in reports]

    @router.get("/devices/options", summary="List what can be set on a device", responses=documented())
    async def options(
        device: DeviceName = "CPU",
        backend: Annotated[
            Literal["auto", "genai", "optimum"], Query(description="Whose settings.", examples=["genai"])
        ] = "auto",
    ) -> OptionsBody:
        """Kind, choices, bounds, default and help of every setting, as the device's plugin tells and takes them."""
        form = await anyio.to_thread.run_sync(engine.preflight.options, device, backend)
        return OptionsBody.model_validate(dataclasses.asdict(form))

    _add_planning(router, engine)
    return router


def _add_planning(router: APIRouter, engine: Engine) -> None:
    """What can be said about one load before it."""

    @router.post("/model/validate", summary="Check a load without loading", responses=documented(404))
    async def validate(body: LoadBody) -> ValidationBody:
        """Our rules and the plugin's own word on every value; what only compiling shows is found by the load itself."""
        request = await _request(engine, body)
        found = await anyio.to_thread.run_sync(engine.preflight.findings, request)
        first, more = first_findings(found)
        shown: list[dict[str, Any]] = engine.places.hidden([dataclasses.asdict(each) for each in first])
        return ValidationBody(
            is_valid=not any(each.is_error for each in found),
            findings=[FindingBody.model_validate(each) for each in shown],
            more_findings=more,
        )

    @router.post("/model/fit", summary="Estimate whether a load fits", responses=documented(404))
    async def fit(
        body: LoadBody,
        context_tokens: Annotated[
            int | None,
            Query(
                ge=1,
                le=MOST_CONTEXT_TOKENS,
                description="Tokens of prompt and answer to plan for; left out: 2048, or the model's own if that is less.",
                examples=[8192],
            ),
        ] = None,
        sequences: Annotated[
            int, Query(ge=1, le=MOST_SEQUENCES, description="Conversations at once.", examples=[4])
        ] = 1,
    ) -> FitBody:
        """Weights, KV cache and working memory against what is free where it would run. Sizes are in bytes.

        No model has more context than its own, so the estimate is never for more; `context_note` says when less was taken.
        """
        request = await _request(engine, body)
        estimate = await anyio.to_thread.run_sync(engine.preflight.fit, request, context_tokens, sequences)
        values = dataclasses.asdict(estimate)
        return FitBody(
            **values,
            requested_context_tokens=context_tokens,
            context_note=context_note(estimate, context_tokens),
        )


async def _request(engine: Engine, body: LoadBody) -> LoadRequest:
    """The engine's own request; without an ov_config the one the model's profile recommends."""
    entry = await anyio.to_thread.run_sync(engine.catalogue.find, body.load_config.id_model)
    return body.request(dict(entry.ov_config))
