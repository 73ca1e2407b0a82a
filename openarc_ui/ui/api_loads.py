"""The Load tab's actions as named Gradio endpoints: models, devices, settings, checks, the fit, profiles, the cache."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from openarc_ui.engine.catalogue.files import model_files, read_model_file
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.profiles import Profile, ProfileStore
from openarc_ui.ui.api_errors import as_gradio_error
from openarc_ui.ui.api_shown import shown
from openarc_ui.ui.load_form import read_object


def load_endpoints(engine: Engine, profiles: ProfileStore) -> list[Callable[..., Any]]:
    """Every endpoint about loading, in the order of the documentation."""
    return [*_loading(engine), *_looking(engine), *_planning(engine), *_profiles(engine, profiles)]


def _loading(engine: Engine) -> list[Callable[..., Any]]:
    async def load_model(
        model_path: str,
        backend: str = "auto",
        device: str = "CPU",
        ov_config: str = "",
        scheduler: str = "",
        sampling_defaults: str = "",
        name: str | None = None,
        allow_overcommit: bool = False,
    ) -> dict[str, Any]:
        """Load a model and wait until it answers.

        Args:
            model_path: A name in the catalogue, or a path inside the model folder.
            backend: auto, genai, optimum or scripted.
            device: CPU, GPU.0, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...
            ov_config: OpenVINO properties as a JSON object; empty: those the model's profile recommends.
            scheduler: GenAI's continuous batching as a JSON object; empty: OpenArc's values.
            sampling_defaults: For requests that leave a parameter out, as a JSON object.
            name: Name to serve it under; left out: the folder's name.
            allow_overcommit: Load although the estimate says that it does not fit.
        """
        with as_gradio_error():
            request = _request(engine, model_path, backend, device, ov_config, scheduler, sampling_defaults, name)
            request = request.model_copy(update={"allow_overcommit": allow_overcommit})
            return shown(await asyncio.to_thread(engine.load, request))

    return [load_model]


def _looking(engine: Engine) -> list[Callable[..., Any]]:
    async def models() -> list[dict[str, Any]]:
        """The models in the model folder, with the backends that can run them and what is wrong with the others."""
        return [shown(entry) for entry in await asyncio.to_thread(engine.catalog)]

    async def model_details(model: str) -> dict[str, Any]:
        """Architecture, weights by type, context length and chat template of one model, and what is wrong with it.

        Args:
            model: A name in the catalogue, or a path inside the model folder.
        """
        with as_gradio_error():
            return shown(await asyncio.to_thread(engine.catalogue.details, model))

    async def model_file(model: str, file: str = "") -> dict[str, Any]:
        """One of a model's small files: configurations and the chat template.

        Args:
            model: A name in the catalogue, or a path inside the model folder.
            file: config.json, generation_config.json, ...; empty: the names of those there are.
        """
        with as_gradio_error():
            entry = await asyncio.to_thread(engine.catalogue.find, model)
            if not file:
                return {"files": list(model_files(entry))}
            return shown(await asyncio.to_thread(read_model_file, entry, file))

    async def devices() -> list[dict[str, Any]]:
        """The devices OpenVINO has on this machine, with every property."""
        with as_gradio_error():
            return [shown(device) for device in await asyncio.to_thread(engine.preflight.devices)]

    async def properties(device: str = "CPU", backend: str = "auto") -> dict[str, Any]:
        """What can be set for a load on a device: kind, choices, bounds, default and help of every setting.

        Args:
            device: CPU, GPU.0, AUTO:GPU,CPU, ...
            backend: auto, genai or optimum.
        """
        with as_gradio_error():
            return shown(await asyncio.to_thread(engine.preflight.options, device, backend))

    return [models, model_details, model_file, devices, properties]


def _planning(engine: Engine) -> list[Callable[..., Any]]:
    async def validate(
        model_path: str,
        backend: str = "auto",
        device: str = "CPU",
        ov_config: str = "",
        scheduler: str = "",
        sampling_defaults: str = "",
    ) -> list[dict[str, Any]]:
        """Everything that is wrong or worth knowing about a load, field by field, without loading. Empty: nothing.

        Args:
            model_path: A name in the catalogue, or a path inside the model folder.
            backend: auto, genai, optimum or scripted.
            device: CPU, GPU.0, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...
            ov_config: OpenVINO properties as a JSON object.
            scheduler: GenAI's continuous batching as a JSON object.
            sampling_defaults: For requests that leave a parameter out, as a JSON object.
        """
        with as_gradio_error():
            values = _values(model_path, backend, device, ov_config, scheduler, sampling_defaults, None)
            return [shown(found) for found in await asyncio.to_thread(engine.preflight.check, values)]

    async def fit(
        model_path: str,
        backend: str = "auto",
        device: str = "CPU",
        ov_config: str = "",
        scheduler: str = "",
        context_tokens: int | None = None,
        sequences: int = 1,
    ) -> dict[str, Any]:
        """Whether a model fits into the memory that is free where it would run, and what to change.

        Args:
            model_path: A name in the catalogue, or a path inside the model folder.
            backend: auto, genai or optimum.
            device: CPU, GPU.0, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...
            ov_config: OpenVINO properties as a JSON object; empty: those the model's profile recommends.
            scheduler: GenAI's continuous batching as a JSON object.
            context_tokens: Tokens of prompt and answer to plan for; left out: the model's.
            sequences: Conversations at once.
        """
        with as_gradio_error():
            request = _request(engine, model_path, backend, device, ov_config, scheduler, "", None)
            return shown(await asyncio.to_thread(engine.preflight.fit, request, context_tokens, sequences))

    return [validate, fit]


def _profiles(engine: Engine, profiles: ProfileStore) -> list[Callable[..., Any]]:
    async def list_profiles() -> list[dict[str, Any]]:
        """Every saved profile; the one called "last good" is the last load that worked."""
        with as_gradio_error():
            entries = await asyncio.to_thread(profiles.list)
            return [{"name": each.name, "problem": each.problem, "saved_at": each.saved_at, "is_last_good": each.is_last_good,
                     "profile": each.profile and each.profile.model_dump(mode="json")} for each in entries]  # fmt: skip

    async def save_profile(profile: str, replace: bool = False) -> str:
        """Keep a profile.

        Args:
            profile: Its JSON: {"version": 1, "name": ..., "description": ..., "load": {"model_path": ..., ...}}.
            replace: Overwrite one of the same name.
        """
        with as_gradio_error():
            return (await asyncio.to_thread(profiles.import_text, profile, replace)).name

    async def delete_profile(name: str) -> str:
        """Forget a profile.

        Args:
            name: Which.
        """
        with as_gradio_error():
            await asyncio.to_thread(profiles.delete, name)
            return name

    async def load_profile(name: str) -> dict[str, Any]:
        """Load what a profile says and wait until it answers.

        Args:
            name: Which.
        """
        with as_gradio_error():
            profile: Profile = await asyncio.to_thread(profiles.get, name)
            return shown(await asyncio.to_thread(engine.load, profile.load))

    return [list_profiles, save_profile, delete_profile, load_profile]


def _values(
    model_path: str, backend: str, device: str, ov_config: str, scheduler: str, sampling_defaults: str, name: str | None
) -> dict[str, Any]:
    """The fields of a LoadRequest, from JSON texts.

    Raises:
        InvalidRequest: one of the texts is no JSON object.
    """
    objects: Mapping[str, str] = {
        "ov_config": ov_config,
        "scheduler": scheduler,
        "sampling_defaults": sampling_defaults,
    }
    read = {field: read_object(text, field) for field, text in objects.items()}
    return {"model_path": model_path, "backend": backend, "device": device, "name": name, **read}


def _request(engine: Engine, *values: Any) -> LoadRequest:
    """The request of an endpoint's parameters; without an ov_config the one the model's profile recommends.

    Raises:
        InvalidRequest, ModelNotFound, pydantic.ValidationError.
    """
    read = _values(*values)
    if not values[3].strip():
        read["ov_config"] = dict(engine.catalogue.find(read["model_path"]).ov_config)
    return LoadRequest.model_validate(read)
