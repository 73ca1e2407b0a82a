"""The Load tab's actions as named Gradio endpoints: load, unload, models, devices, settings, the cache.

What looks ahead of a load is in api_planning.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

import anyio
from pydantic import Field

from openarc_ui.engine.answers import empty_cache, listed, with_recommended
from openarc_ui.engine.catalogue.files import model_files, read_model_file
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import BackendChoice, LoadRequest
from openarc_ui.ui.api_errors import endpoint
from openarc_ui.ui.api_planning import DeviceName, ModelPath, ServedName, load_values
from openarc_ui.ui.api_shown import JsonObject, shown
from openarc_ui.ui.api_watch import LoadWatch
from openarc_ui.ui.rights import Rights


def load_endpoints(engine: Engine, watch: LoadWatch, rights: Rights) -> list[Callable[..., Any]]:
    """Every endpoint about loading, in the order of the documentation."""
    return [*_loading(engine, watch, rights), *_looking(engine, rights), *_caching(engine, rights)]


def _loading(engine: Engine, watch: LoadWatch, rights: Rights) -> list[Callable[..., Any]]:
    async def load_model(
        model_path: ModelPath,
        backend: BackendChoice = "auto",
        device: DeviceName = "CPU",
        ov_config: JsonObject | None = None,
        scheduler: JsonObject | None = None,
        sampling_defaults: JsonObject | None = None,
        name: ServedName = None,
        allow_overcommit: bool = False,
    ) -> AsyncIterator[dict[str, Any]]:
        """Load a model and wait until it answers; stages first, then what was loaded. A client that leaves cancels its load.

        Args:
            model_path: A name in the catalogue, or a path inside the model folder.
            backend: auto, genai, optimum or scripted.
            device: CPU, GPU.0, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...
            ov_config: OpenVINO properties, a JSON object or its text; left out: those the model's profile recommends.
            scheduler: GenAI's continuous batching, a JSON object or its text; left out: OpenArc's values.
            sampling_defaults: For requests that leave a parameter out, a JSON object or its text.
            name: Name to serve it under; left out: the folder's name.
            allow_overcommit: Load although the estimate says that it does not fit.

        Returns:
            Stages while it loads, {"state": "loading", "stage", "fraction"}; the last is the loaded model with the
            state ready.
        """
        values = load_values(model_path, backend, device, ov_config, scheduler, sampling_defaults)
        request = LoadRequest.model_validate({**values, "name": name, "allow_overcommit": allow_overcommit})
        request = await anyio.to_thread.run_sync(with_recommended, engine, request)
        async for news in watch.load(request):
            yield news

    async def cancel_load(model: ModelPath) -> dict[str, bool]:
        """Cancel a load that is under way. A model that answers to that name already goes on.

        Args:
            model: The name it is loaded under, as /status shows it.

        Returns:
            Whether there was such a load.
        """
        return {"cancelled": await anyio.to_thread.run_sync(engine.cancel_load, model)}

    async def unload_model(model: str | None = None) -> dict[str, Any]:
        """Unload a model: its requests are cancelled, its process ends.

        Args:
            model: Which; left out: the one loaded last.

        Returns:
            Name of what was unloaded, the memory that came back, and how many requests were cancelled.
        """
        return shown(await anyio.to_thread.run_sync(engine.unload, model))

    return [
        rights.administers("Loading a model", endpoint(load_model)),
        rights.administers("Cancelling a load", endpoint(cancel_load)),
        rights.administers("Unloading a model", endpoint(unload_model)),
    ]


def _looking(engine: Engine, rights: Rights) -> list[Callable[..., Any]]:
    async def models(details: bool = False) -> list[dict[str, Any]]:
        """The models in the model folder, with the backends that can run them and what is wrong with the others.

        Args:
            details: Also everything /model_details tells, of each.

        Returns:
            One object a model: name, kind, size, backends that can run it, problems.
        """
        found = await anyio.to_thread.run_sync(listed, engine.catalogue)
        return [{**shown(entry), **({"details": shown(each)} if details else {})} for entry, each in found]

    async def model_details(model: ModelPath) -> dict[str, Any]:
        """Architecture, weights by type, context length and chat template of one model, and what is wrong with it.

        Args:
            model: A name in the catalogue, or a path inside the model folder.

        Returns:
            Architecture, parameters, precision, weights by type, context length, template, problems.
        """
        return shown(await anyio.to_thread.run_sync(engine.catalogue.details, model))

    async def model_file(model: ModelPath, file: Annotated[str, Field(max_length=100)] = "") -> dict[str, Any]:
        """One of a model's small files: configurations and the chat template.

        Args:
            model: A name in the catalogue, or a path inside the model folder.
            file: config.json, generation_config.json, ...; empty: the names of those there are.

        Returns:
            The text of the file, its size and what is wrong with it; without a file, their names.
        """
        entry = await anyio.to_thread.run_sync(engine.catalogue.find, model)
        if not file:
            return {"files": list(model_files(entry))}
        return shown(await anyio.to_thread.run_sync(read_model_file, entry, file))

    async def devices() -> list[dict[str, Any]]:
        """The devices OpenVINO has on this machine now, with every property.

        Returns:
            One object a device: name, full name, memory, capabilities, what it is good for, properties.
        """
        engine.preflight.refresh()
        return [shown(device) for device in await anyio.to_thread.run_sync(engine.preflight.devices)]

    async def properties(
        device: DeviceName = "CPU", backend: Literal["auto", "genai", "optimum"] = "auto"
    ) -> dict[str, Any]:
        """What can be set for a load on a device: kind, choices, bounds, default and help of every setting.

        Args:
            device: CPU, GPU.0, AUTO:GPU,CPU, ...
            backend: auto, genai or optimum.

        Returns:
            Settings for ov_config, scheduler and sampling_defaults, each with kind, choices, bounds, default and
            help.
        """
        return shown(await anyio.to_thread.run_sync(engine.preflight.options, device, backend))

    reads_files = rights.administers("Reading a model's files", endpoint(model_file))
    return [models, model_details, reads_files, devices, properties]


def _caching(engine: Engine, rights: Rights) -> list[Callable[..., Any]]:
    async def cache_usage() -> dict[str, Any]:
        """The compiled models OpenVINO keeps for the next load: how large, and what they saved.

        Returns:
            Whether it is on, its size in bytes, its files, and what is kept for each model.
        """
        cache = engine.compile_cache
        if cache is None:
            return {"is_on": False, "size_bytes": 0, "files": 0, "models": []}
        usage = dataclasses.asdict(await anyio.to_thread.run_sync(cache.usage))
        return {"is_on": True, **{name: usage[name] for name in ("size_bytes", "files", "models")}}

    async def clear_cache(model: ModelPath | None = None) -> dict[str, Any]:
        """Delete the compiled models. Loaded models are not disturbed; the next load compiles again.

        Args:
            model: Only what is kept for this one; left out: everything.

        Returns:
            The bytes that were freed, and what was left out because it is in use.
        """
        return shown(await anyio.to_thread.run_sync(empty_cache, engine, model))

    return [cache_usage, rights.administers("Clearing the compile cache", endpoint(clear_cache))]
