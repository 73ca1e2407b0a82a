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

    name: str = Field(description="As OpenVINO calls it.")
    access: str = Field(description='"RO" can only be read, "RW" can be changed, "WO" can only be set.')
    type: str = Field(description="Python type of the value.")
    value: str | None = Field(description="As text; null where reading it throws.")
    problem: str | None = Field(description="What reading it threw.")


class DeviceBody(BaseModel):
    """One device."""

    name: str = Field(description="As a load takes it.", examples=["CPU"])
    full_name: str = Field(description="As the vendor calls it.")
    kind: str = Field(description="CPU, GPU or NPU.")
    type: str = Field(description="integrated or discrete, where the device tells.")
    memory_bytes: int | None = Field(description="What it can hold at most; null where it does not tell.")
    capabilities: list[str] = Field(description="What makes it fast.", examples=[["BF16", "INT8", "AVX-512 VNNI"]])
    driver: str = Field(description="Version of its driver or plugin.")
    good_for: str = Field(description="What it is good for, in a sentence.")
    matters: list[str] = Field(description="The properties that matter most for language models.")
    limits: list[str] = Field(description="What it can't do, in sentences.")
    is_run_in_tests: bool = Field(description="OpenArc's tests run on such hardware.")
    properties: list[PropertyBody] = Field(description="Every property, as it is now.")


class ChoiceBody(BaseModel):
    """One value of a setting that has a few."""

    value: str = Field(description="To be set.")
    words: str = Field(description="What it means.")


class OptionBody(BaseModel):
    """One setting, so that a form can be made of it."""

    name: str = Field(description="As a load takes it.", examples=["INFERENCE_NUM_THREADS"])
    kind: Literal["choice", "switch", "integer", "number", "text", "lines", "json"] = Field(
        description="What a form makes of it."
    )
    group: str = Field(description="Which part of the form it belongs to.")
    is_common: bool = Field(description="Shown before the rare ones.")
    help: str = Field(description="What it does, in a sentence.")
    text: str = Field(description="More help, as Markdown.")
    unit: str = Field(description="Of its number; empty: none.")
    default: str | None = Field(description="What holds when it is not set, as text; null: not known.")
    choices: list[ChoiceBody] = Field(description="Its values, where it has a few.")
    minimum: float | None = Field(description="The least; null: no bound.")
    maximum: float | None = Field(description="The most; null: no bound.")
    expected_maximum: float | None = Field(description="More is taken, but brings nothing on this machine.")
    words: list[str] = Field(description="Texts that a number takes too, such as AUTO.")
    devices: list[str] = Field(description="The members of a composite device that take it.")


class OptionsBody(BaseModel):
    """What can be set for a load on a device."""

    device: str = Field(description="That was asked about.")
    ov_config: list[OptionBody] = Field(description="OpenVINO properties.")
    scheduler: list[OptionBody] = Field(description="Continuous batching; empty where the backend has none.")
    sampling_defaults: list[OptionBody] = Field(description="What requests that leave a parameter out get.")


class FindingBody(BaseModel):
    """One sentence about one field of a load."""

    field: str = Field(description="Which field it is about.", examples=["ov_config.NUM_STREAMS"])
    severity: Literal["error", "warning"] = Field(description="An error ends the load.")
    layer: Literal["rules", "plugin", "compile", "first_token"] = Field(description="Who found it.")
    message: str = Field(description="What is wrong or worth knowing.")
    hint: str = Field(description="What to do about it; may be empty.")
    trap: str = Field(description='Id of the known trap that explains it, or "".')


class ValidationBody(BaseModel):
    """Answer of `/model/validate`."""

    is_valid: bool = Field(description="True when no finding is an error.")
    findings: list[FindingBody] = Field(description=f"At most {MOST_FINDINGS}, errors first where there are more.")
    more_findings: int = Field(description="How many were left out.", examples=[0])


class PartBody(BaseModel):
    """One part of the memory a load needs."""

    name: str = Field(description="Of the part.")
    label: str = Field(description="As it is shown.")
    memory_bytes: int = Field(description="What it takes.")
    how: str = Field(description="The formula with its numbers.")


class FitBody(BaseModel):
    """Answer of `/model/fit`."""

    verdict: Literal["green", "amber", "red", "unknown"] = Field(
        description="red: a load is refused unless it insists."
    )
    words: str = Field(description="The same as a sentence.")
    device: str = Field(description="Where it would run.")
    parts: list[PartBody] = Field(description="Together needed_bytes.")
    needed_bytes: int = Field(description="Estimated.")
    free_bytes: int | None = Field(description="Now; null: not known.")
    total_bytes: int | None = Field(description="Of the device; null: not known.")
    context_tokens: int = Field(
        description="Of each sequence, prompt and answer together; what the numbers are for.", examples=[2048]
    )
    requested_context_tokens: int | None = Field(description="What was asked for; null: nothing.", examples=[None])
    context_note: str = Field(description="Says so where the model takes less than was asked for; else empty.")
    sequences: int = Field(description="Conversations at once.")
    largest_context_tokens: int | None = Field(
        description="That still fits, at most the model's own; 0: none does, null: not known.", examples=[8192]
    )
    advice: list[str] = Field(description="What would make it fit, in sentences.")


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
