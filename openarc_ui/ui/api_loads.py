"""The Load tab's actions as named Gradio endpoints: load, models, devices, settings, checks, the fit, the cache."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

import anyio
from pydantic import Field

from openarc_ui.engine.answers import (
    LONGEST_NAME,
    MOST_CONTEXT_TOKENS,
    MOST_SEQUENCES,
    context_note,
    empty_cache,
    first_findings,
    listed,
    recommended,
    with_recommended,
)
from openarc_ui.engine.catalogue.files import model_files, read_model_file
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import BackendChoice, LoadRequest
from openarc_ui.ui.api_shown import JsonObject, as_object, is_given, shown
from openarc_ui.ui.api_watch import LoadWatch

ModelPath = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


def load_endpoints(engine: Engine, watch: LoadWatch) -> list[Callable[..., Any]]:
    """Every endpoint about loading, in the order of the documentation."""
    return [*_loading(engine, watch), *_looking(engine), *_planning(engine), *_caching(engine)]


def _loading(engine: Engine, watch: LoadWatch) -> list[Callable[..., Any]]:
    async def load_model(
        model_path: ModelPath,
        backend: BackendChoice = "auto",
        device: str = "CPU",
        ov_config: JsonObject = "",
        scheduler: JsonObject = "",
        sampling_defaults: JsonObject = "",
        name: str | None = None,
        allow_overcommit: bool = False,
    ) -> AsyncIterator[dict[str, Any]]:
        """Load a model and wait until it answers; stages first, then what was loaded. A client that leaves cancels its load.

        Args:
            model_path: A name in the catalogue, or a path inside the model folder.
            backend: auto, genai, optimum or scripted.
            device: CPU, GPU.0, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...
            ov_config: OpenVINO properties, a JSON object or its text; empty text: those the model's profile recommends.
            scheduler: GenAI's continuous batching, a JSON object or its text; empty: OpenArc's values.
            sampling_defaults: For requests that leave a parameter out, a JSON object or its text.
            name: Name to serve it under; left out: the folder's name.
            allow_overcommit: Load although the estimate says that it does not fit.
        """
        values = _values(model_path, backend, device, ov_config, scheduler, sampling_defaults)
        request = LoadRequest.model_validate({**values, "name": name, "allow_overcommit": allow_overcommit})
        request = await anyio.to_thread.run_sync(with_recommended, engine, request)
        async for news in watch.load(request):
            yield news

    return [load_model]


def _looking(engine: Engine) -> list[Callable[..., Any]]:
    async def models(details: bool = False) -> list[dict[str, Any]]:
        """The models in the model folder, with the backends that can run them and what is wrong with the others.

        Args:
            details: Also everything /model_details tells, of each.
        """
        found = await anyio.to_thread.run_sync(listed, engine.catalogue)
        return [{**shown(entry), **({"details": shown(each)} if details else {})} for entry, each in found]

    async def model_details(model: ModelPath) -> dict[str, Any]:
        """Architecture, weights by type, context length and chat template of one model, and what is wrong with it.

        Args:
            model: A name in the catalogue, or a path inside the model folder.
        """
        return shown(await anyio.to_thread.run_sync(engine.catalogue.details, model))

    async def model_file(model: ModelPath, file: Annotated[str, Field(max_length=100)] = "") -> dict[str, Any]:
        """One of a model's small files: configurations and the chat template.

        Args:
            model: A name in the catalogue, or a path inside the model folder.
            file: config.json, generation_config.json, ...; empty: the names of those there are.
        """
        entry = await anyio.to_thread.run_sync(engine.catalogue.find, model)
        if not file:
            return {"files": list(model_files(entry))}
        return shown(await anyio.to_thread.run_sync(read_model_file, entry, file))

    async def devices() -> list[dict[str, Any]]:
        """The devices OpenVINO has on this machine now, with every property."""
        engine.preflight.refresh()
        return [shown(device) for device in await anyio.to_thread.run_sync(engine.preflight.devices)]

    async def properties(device: str = "CPU", backend: Literal["auto", "genai", "optimum"] = "auto") -> dict[str, Any]:
        """What can be set for a load on a device: kind, choices, bounds, default and help of every setting.

        Args:
            device: CPU, GPU.0, AUTO:GPU,CPU, ...
            backend: auto, genai or optimum.
        """
        return shown(await anyio.to_thread.run_sync(engine.preflight.options, device, backend))

    return [models, model_details, model_file, devices, properties]


def _planning(engine: Engine) -> list[Callable[..., Any]]:
    async def validate(
        model_path: ModelPath,
        backend: str = "auto",
        device: str = "CPU",
        ov_config: JsonObject = "",
        scheduler: JsonObject = "",
        sampling_defaults: JsonObject = "",
    ) -> list[dict[str, Any]]:
        """Everything that is wrong or worth knowing about a load, field by field, without loading. Empty: nothing.

        Args:
            model_path: A name in the catalogue, or a path inside the model folder.
            backend: auto, genai, optimum or scripted.
            device: CPU, GPU.0, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...
            ov_config: OpenVINO properties, a JSON object or its text; empty text: those the model's profile recommends.
            scheduler: GenAI's continuous batching, a JSON object or its text.
            sampling_defaults: For requests that leave a parameter out, a JSON object or its text.
        """
        values = _values(model_path, backend, device, ov_config, scheduler, sampling_defaults)
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
        device: str = "CPU",
        ov_config: JsonObject = "",
        scheduler: JsonObject = "",
        context_tokens: Annotated[int, Field(ge=1, le=MOST_CONTEXT_TOKENS)] | None = None,
        sequences: Annotated[int, Field(ge=1, le=MOST_SEQUENCES)] = 1,
    ) -> dict[str, Any]:
        """Whether a model fits into the memory that is free where it would run, and what to change.

        Args:
            model_path: A name in the catalogue, or a path inside the model folder.
            backend: auto, genai, optimum or scripted.
            device: CPU, GPU.0, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...
            ov_config: OpenVINO properties, a JSON object or its text; empty text: those the model's profile recommends.
            scheduler: GenAI's continuous batching, a JSON object or its text.
            context_tokens: Tokens of prompt and answer to plan for; left out: 2048, or the model's own if that is less.
            sequences: Conversations at once.
        """
        request = LoadRequest.model_validate(_values(model_path, backend, device, ov_config, scheduler, ""))
        request = await anyio.to_thread.run_sync(with_recommended, engine, request)
        estimate = await anyio.to_thread.run_sync(engine.preflight.fit, request, context_tokens, sequences)
        note = context_note(estimate, context_tokens)
        return {**shown(estimate), "requested_context_tokens": context_tokens, "context_note": note}

    return [validate, fit]


def _caching(engine: Engine) -> list[Callable[..., Any]]:
    async def cache_usage() -> dict[str, Any]:
        """The compiled models OpenVINO keeps for the next load: how large, and what they saved."""
        cache = engine.compile_cache
        if cache is None:
            return {"is_on": False, "size_bytes": 0, "files": 0, "models": []}
        usage = dataclasses.asdict(await anyio.to_thread.run_sync(cache.usage))
        return {"is_on": True, **{name: usage[name] for name in ("size_bytes", "files", "models")}}

    async def clear_cache(model: ModelPath | None = None) -> dict[str, Any]:
        """Delete the compiled models. Loaded models are not disturbed; the next load compiles again.

        Args:
            model: Only what is kept for this one; left out: everything.
        """
        return shown(await anyio.to_thread.run_sync(empty_cache, engine, model))

    return [cache_usage, clear_cache]


def _values(
    model_path: str,
    backend: str,
    device: str,
    ov_config: JsonObject,
    scheduler: JsonObject,
    sampling_defaults: JsonObject,
) -> dict[str, Any]:
    """The fields of a LoadRequest; without `ov_config` where none was given.

    Raises:
        InvalidRequest: one of the texts is no JSON object.
    """
    objects = {"ov_config": ov_config, "scheduler": scheduler, "sampling_defaults": sampling_defaults}
    read = {field: as_object(given, field) for field, given in objects.items() if is_given(given)}
    return {"model_path": model_path, "backend": backend, "device": device, **read}
