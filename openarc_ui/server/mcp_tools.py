"""The tools for agents: their names, parameters and docstrings are what an agent reads. Few, and each for one purpose.

Who may call which is in mcp_rights.py; the protocol is in mcp_server.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import anyio
from pydantic import Field, TypeAdapter, ValidationError

from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.explain import explain
from openarc_ui.engine.message import Message
from openarc_ui.engine.not_loaded import BY_TOOL, saying_how_to_load
from openarc_ui.engine.prompts import WhenTooLong
from openarc_ui.engine.types import BackendChoice, GenerationRequest, LoadRequest
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.profiles import ProfileStore
from openarc_ui.server.mcp_bodies import (
    AnswerTold,
    DeviceTold,
    LoadedTold,
    ModelStatusTold,
    ModelTold,
    ProfileTold,
    UnloadedTold,
)
from openarc_ui.server.mcp_metrics import metrics_tool
from openarc_ui.server.mcp_models import model_tools
from openarc_ui.server.mcp_tuning import tuning_tools
from openarc_ui.tuning.runs import TuningRuns

HEARTBEAT_SECONDS = 1.0
REPORT_SECONDS = 20.0
MESSAGES = TypeAdapter(tuple[Message, ...])
Tool = Callable[..., Any]
LoadedName = Annotated[
    str | None, Field(max_length=LONGEST_NAME, description="Name of a loaded model; left out: the one loaded last.")
]


def tools_of(
    engine: Engine, profiles: ProfileStore, store: MetricsStore, runs: TuningRuns, tasks: ModelTasks
) -> list[Tool]:
    """Every tool, in the order an agent needs them."""
    return [
        *_looking(engine, profiles),
        *_loading(engine, profiles),
        _chatting(engine),
        metrics_tool(engine, store),
        *tuning_tools(engine, runs),
        *model_tools(engine, tasks),
    ]


def _looking(engine: Engine, profiles: ProfileStore) -> tuple[Tool, ...]:
    async def list_devices() -> list[DeviceTold]:
        """The devices OpenVINO has on this machine, with memory, capabilities, and what each is good for."""
        engine.preflight.refresh()
        return [DeviceTold.model_validate(each) for each in await anyio.to_thread.run_sync(engine.preflight.devices)]

    async def list_models() -> list[ModelTold]:
        """The models in the model folder, which backends can run them, and what is wrong with the others."""
        return [ModelTold.model_validate(each) for each in await anyio.to_thread.run_sync(engine.catalogue.all_details)]

    async def list_profiles() -> list[ProfileTold]:
        """The saved profiles: a model with backend, device and settings under a name, for load_profile."""
        entries = await anyio.to_thread.run_sync(profiles.list)
        return [
            ProfileTold(
                name=each.name,
                load=each.profile and each.profile.load.model_dump(mode="json", exclude_defaults=True),
                problem=each.problem,
            )
            for each in entries
        ]

    async def status() -> list[ModelStatusTold]:
        """The models that are loaded or on their way, with state, memory, and last decode throughput."""
        told = [
            {name: getattr(model, name, None) for name in ModelStatusTold.model_fields}
            | {"device": model.request.device, "state": model.state.value}
            for model in engine.status().users_models  # what a run measures is nobody's to chat with
        ]
        return [ModelStatusTold(**each) for each in engine.places.hidden(told)]

    return list_devices, list_models, list_profiles, status


def _loading(engine: Engine, profiles: ProfileStore) -> tuple[Tool, ...]:
    async def load_profile(
        profile: Annotated[str, Field(max_length=200, description="Name of one of list_profiles.")],
    ) -> LoadedTold:
        """Load what a profile says and wait until it answers. A model that answers to its name is replaced."""
        return await _loaded(engine, (await anyio.to_thread.run_sync(profiles.get, profile)).load)

    async def load_model(
        model: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, description="One of list_models.")],
        device: Annotated[
            str, Field(max_length=200, description="CPU, GPU.0, NPU, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...")
        ] = "CPU",
        backend: Annotated[BackendChoice, Field(description="auto takes genai where it can run the model.")] = "auto",
        ov_config: Annotated[
            dict[str, Any] | None,
            Field(
                description='OpenVINO properties, such as {"PERFORMANCE_HINT": "LATENCY"}; left out: those the model recommends.'
            ),
        ] = None,
    ) -> LoadedTold:
        """Load a model and wait until it answers. A model that answers to its name is replaced."""
        entry = await anyio.to_thread.run_sync(engine.catalogue.find, model)
        config = dict(entry.ov_config) if ov_config is None else ov_config
        values = {"model_path": model, "device": device, "backend": backend, "ov_config": config}
        return await _loaded(engine, LoadRequest.model_validate(values))

    async def unload_model(model: LoadedName = None) -> UnloadedTold:
        """Unload a model: what it runs is cancelled, its process ends, and its memory is back."""
        return UnloadedTold.model_validate(await anyio.to_thread.run_sync(engine.unload, model))

    return load_profile, load_model, unload_model


def _chatting(engine: Engine) -> Tool:
    async def chat(
        message: Annotated[str, Field(min_length=1, description="What the user says now.")],
        system_prompt: Annotated[str, Field(description="What the model is told before; empty: nothing.")] = "",
        conversation: Annotated[
            list[dict[str, Any]] | None,
            Field(
                description='The messages before, oldest first: [{"role": "user", "content": "..."}, '
                '{"role": "assistant", "content": "..."}]; left out: there were none.'
            ),
        ] = None,
        model: LoadedName = None,
        max_new_tokens: Annotated[int, Field(ge=1, le=1_000_000, description="Most tokens of the answer.")] = 512,
        temperature: Annotated[
            float | None,
            Field(ge=0, le=100, description="Spread of the choice; 0: the likeliest; left out: the model's own."),
        ] = None,
        when_too_long: Annotated[
            WhenTooLong,
            Field(description="Of a conversation that does not fit: refuse it, or shorten it by its oldest messages."),
        ] = "refuse",
    ) -> AnswerTold:
        """Ask a loaded model and wait for the whole answer. Nothing is remembered: send what was said before along."""
        system = (Message(role="system", content=system_prompt),) if system_prompt.strip() else ()
        request = GenerationRequest(
            conversation=(*system, *_messages(conversation or []), Message(role="user", content=message)),
            model=model,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            when_too_long=when_too_long,
            source="mcp",
        )
        with saying_how_to_load(engine, model, BY_TOOL):
            begun = engine.submit(request)
        with begun as generation:
            async for _ in generation.async_batches(HEARTBEAT_SECONDS):
                pass
            result = await generation.async_result(REPORT_SECONDS)
        report = result.report
        return AnswerTold(
            text=result.texts[0],
            model=report.model,
            finish_reason=result.finish_reasons[0].value,
            prompt_tokens=report.prompt_tokens,
            generated_tokens=report.generated_tokens,
            ttft_seconds=report.ttft_seconds,
            decode_tokens_per_second=report.decode_tokens_per_second,
        )

    return chat


def _messages(said: list[dict[str, Any]]) -> tuple[Message, ...]:
    """What was said before.

    Raises:
        InvalidRequest: one of them is no message; with its place.
    """
    try:
        return MESSAGES.validate_python(said)
    except ValidationError as error:
        problems = [{**each, "loc": ("conversation", *each["loc"])} for each in error.errors(include_url=False)]
        known = {"conversation.*": list(Message.model_fields)}
        raise explain(problems, known, hint='Send a list of {"role", "content"}.') from None


async def _loaded(engine: Engine, request: LoadRequest) -> LoadedTold:
    """Load; a caller that leaves ends it."""
    cancel = threading.Event()
    try:
        load = partial(engine.load, request, cancel=cancel)
        info = await anyio.to_thread.run_sync(load, abandon_on_cancel=True)
    finally:
        cancel.set()
    return LoadedTold(**engine.places.hidden({name: getattr(info, name) for name in LoadedTold.model_fields}))
