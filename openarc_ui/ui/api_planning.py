"""What can be known before a load, as named Gradio endpoints: its mistakes, whether it fits, and the same load as code."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, get_args

import anyio
import gradio as gr
from pydantic import Field

from openarc_ui.engine.answers import (
    LONGEST_NAME,
    MOST_CONTEXT_TOKENS,
    MOST_SEQUENCES,
    context_note,
    first_findings,
    recommended,
    with_recommended,
)
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import BackendChoice, LoadRequest
from openarc_ui.snippets import SnippetKind, local_path, snippet
from openarc_ui.ui.api_errors import endpoint
from openarc_ui.ui.api_shown import JsonObject, as_object, is_given, shown
from openarc_ui.ui.rights import Rights

ModelPath = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
DeviceName = Annotated[str, Field(min_length=1, max_length=200)]
ServedName = Annotated[str, Field(min_length=1, max_length=100)] | None
AnyBackend = Annotated[str, Field(json_schema_extra={"enum": list(get_args(BackendChoice))})]
"""Told as a choice, and not held against it: a wrong one is a finding."""


def planning_endpoints(engine: Engine, rights: Rights, needs_key: bool) -> list[Callable[..., Any]]:
    """Every endpoint that looks ahead of a load, in the order of the documentation.

    Args:
        needs_key: the server wants a key, so code to copy says where to get it.
    """
    (load_code,) = _copying(engine, needs_key)
    return [*_planning(engine), rights.administers("Copying a load as code", endpoint(load_code))]


def _planning(engine: Engine) -> list[Callable[..., Any]]:
    async def validate(
        model_path: ModelPath,
        backend: AnyBackend = "auto",
        device: str = "CPU",
        ov_config: JsonObject | None = None,
        scheduler: JsonObject | None = None,
        sampling_defaults: JsonObject | None = None,
    ) -> list[dict[str, Any]]:
        """Everything that is wrong or worth knowing about a load, field by field, without loading. Empty: nothing.

        Args:
            model_path: A name in the catalogue, or a path inside the model folder.
            backend: auto, genai, optimum or scripted.
            device: CPU, GPU.0, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...
            ov_config: OpenVINO properties, a JSON object or its text; left out: those the model's profile recommends.
            scheduler: GenAI's continuous batching, a JSON object or its text.
            sampling_defaults: For requests that leave a parameter out, a JSON object or its text.

        Returns:
            One object a finding: field, severity, message, hint. An empty list: nothing is wrong.
        """
        values = load_values(model_path, backend, device, ov_config, scheduler, sampling_defaults)
        if "ov_config" not in values:
            values["ov_config"] = await anyio.to_thread.run_sync(recommended, engine, model_path)
        found, more = first_findings(await anyio.to_thread.run_sync(engine.preflight.check, values))
        findings: list[dict[str, Any]] = engine.places.hidden([shown(each) for each in found])
        if more:
            words = f"{more} more findings were left out."
            findings.append(
                {**findings[-1], "field": "", "severity": "warning", "message": words, "hint": "", "trap": ""}
            )
        return findings

    async def fit(
        model_path: ModelPath,
        backend: BackendChoice = "auto",
        device: DeviceName = "CPU",
        ov_config: JsonObject | None = None,
        scheduler: JsonObject | None = None,
        context_tokens: Annotated[int, Field(ge=1, le=MOST_CONTEXT_TOKENS)] | None = None,
        sequences: Annotated[int, Field(ge=1, le=MOST_SEQUENCES)] = 1,
    ) -> dict[str, Any]:
        """Whether a model fits into the memory that is free where it would run, and what to change.

        Args:
            model_path: A name in the catalogue, or a path inside the model folder.
            backend: auto, genai, optimum or scripted.
            device: CPU, GPU.0, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...
            ov_config: OpenVINO properties, a JSON object or its text; left out: those the model's profile recommends.
            scheduler: GenAI's continuous batching, a JSON object or its text.
            context_tokens: Tokens of prompt and answer to plan for; left out: 2048, or the model's own if that is less.
            sequences: Conversations at once.

        Returns:
            The verdict (green, yellow, red or unknown), the parts of the estimate in bytes, and words about it.
        """
        request = LoadRequest.model_validate(load_values(model_path, backend, device, ov_config, scheduler, None))
        request = await anyio.to_thread.run_sync(with_recommended, engine, request)
        estimate = await anyio.to_thread.run_sync(engine.preflight.fit, request, context_tokens, sequences)
        note = context_note(estimate, context_tokens)
        return {**shown(estimate), "requested_context_tokens": context_tokens, "context_note": note}

    return [validate, fit]


def _copying(engine: Engine, needs_key: bool) -> list[Callable[..., Any]]:
    async def load_code(
        model_path: ModelPath,
        kind: SnippetKind,
        request: gr.Request,
        backend: BackendChoice = "auto",
        device: DeviceName = "CPU",
        ov_config: JsonObject | None = None,
        scheduler: JsonObject | None = None,
        sampling_defaults: JsonObject | None = None,
        name: ServedName = None,
    ) -> str:
        """A load as code to copy: the same model, device and settings. Nothing is loaded.

        Args:
            model_path: A name in the catalogue, or a path inside the model folder.
            kind: curl, python or gradio_client call this server; openvino_genai and optimum need no OpenArc.
            backend: auto, genai, optimum or scripted.
            device: CPU, GPU.0, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...
            ov_config: OpenVINO properties, a JSON object or its text; left out: those the model's profile recommends.
            scheduler: GenAI's continuous batching, a JSON object or its text.
            sampling_defaults: For requests that leave a parameter out, a JSON object or its text.
            name: Name to serve it under; left out: the folder's name.

        Returns:
            The code.
        """
        values = load_values(model_path, backend, device, ov_config, scheduler, sampling_defaults)
        load = LoadRequest.model_validate({**values, "name": name})
        load = await anyio.to_thread.run_sync(with_recommended, engine, load)
        path = await anyio.to_thread.run_sync(local_path, engine.model_folder, model_path)
        address = str(request.request.base_url).rstrip("/")
        making = partial(snippet, kind, load, address=address, model_path=path, needs_key=needs_key)
        return await anyio.to_thread.run_sync(making)

    return [load_code]


def load_values(
    model_path: str,
    backend: str,
    device: str,
    ov_config: JsonObject | None,
    scheduler: JsonObject | None,
    sampling_defaults: JsonObject | None,
) -> dict[str, Any]:
    """The fields of a LoadRequest; without `ov_config` where none was given.

    Raises:
        InvalidRequest: one of the texts is no JSON object.
    """
    objects = {"ov_config": ov_config, "scheduler": scheduler, "sampling_defaults": sampling_defaults}
    read = {field: as_object(given, field) for field, given in objects.items() if is_given(given)}
    return {"model_path": model_path, "backend": backend, "device": device, **read}
