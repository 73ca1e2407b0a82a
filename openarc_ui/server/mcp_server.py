"""The Model Context Protocol: what a person does on the Load tab, a chat and the metrics, as tools for an agent, by the official SDK.

It is there when the server was started with `--mcp`. The guard around everything covers it like any other route.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
from fastapi import FastAPI

from openarc_ui import __version__
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import GenerationRequest, LoadRequest, Message, ModelInfo
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import ProfileStore
from openarc_ui.server.mcp_metrics import metrics_tool
from openarc_ui.server.mcp_words import refusing_unknown, saying_what_is_wrong, server_with_own_words

PATH = "/mcp"
INSTRUCTIONS = (
    "OpenArc serves language models on this machine's Intel devices through OpenVINO. List the devices, models and profiles, "
    "load a model or a profile, then chat, and see what it cost. Sizes are in bytes, times in seconds."
)


class McpServer:
    """The tools over an engine, to be put into an application."""

    def __init__(self, engine: Engine, profiles: ProfileStore, store: MetricsStore) -> None:
        from mcp.server.mcpserver.tools import Tool
        from mcp.server.transport_security import TransportSecuritySettings

        tools = [refusing_unknown(Tool.from_function(tool)) for tool in _tools(engine, profiles, store)]
        server = server_with_own_words()
        self._server = server("OpenArc", instructions=INSTRUCTIONS, version=__version__, tools=tools)
        # Host and origin are the guard's business, which knows where the server listens.
        self._application = self._server.streamable_http_app(
            streamable_http_path=PATH,
            stateless_http=True,
            json_response=True,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Runs as long as the application serves."""
        async with self._server.session_manager.run():
            yield

    def install(self, api: FastAPI) -> None:
        """Add its one route."""
        api.router.routes.extend(self._application.routes)


def _tools(engine: Engine, profiles: ProfileStore, store: MetricsStore) -> list[Callable[..., Any]]:
    """Every tool; their names, parameters and docstrings are what an agent reads."""
    tools = (*_looking(engine, profiles), *_loading(engine, profiles), _chatting(engine), metrics_tool(engine, store))
    return [saying_what_is_wrong(tool) for tool in tools]


def _looking(engine: Engine, profiles: ProfileStore) -> tuple[Callable[..., Any], ...]:
    async def list_devices() -> list[dict[str, Any]]:
        """The devices OpenVINO has on this machine, with memory, capabilities, and what each is good for."""
        reports = await anyio.to_thread.run_sync(engine.preflight.devices)
        return [
            {name: value for name, value in dataclasses.asdict(each).items() if name != "properties"}
            for each in reports
        ]

    async def list_models() -> list[dict[str, Any]]:
        """The models in the model folder, which backends can run them, and what is wrong with the others."""
        details = await anyio.to_thread.run_sync(engine.catalogue.all_details)
        wanted = (
            "name",
            "kind",
            "architecture",
            "parameters",
            "precision",
            "context_length",
            "size_bytes",
            "backends",
            "problems",
        )
        return [{name: getattr(each, name) for name in wanted} for each in details]

    async def list_profiles() -> list[dict[str, Any]]:
        """The saved profiles: a model with backend, device and settings under a name."""
        entries = await anyio.to_thread.run_sync(profiles.list)
        return [
            {
                "name": each.name,
                "load": each.profile.load.model_dump(exclude_defaults=True) if each.profile else None,
                "problem": each.problem,
            }
            for each in entries
        ]

    async def status() -> list[dict[str, Any]]:
        """The loaded models with state, device, memory and last decode throughput."""
        wanted = ("name", "state", "memory_bytes", "running", "queued", "failure", "last_decode_tokens_per_second")
        return [
            {name: getattr(model, name) for name in wanted} | {"device": model.request.device}
            for model in engine.status().models
        ]

    return list_devices, list_models, list_profiles, status


def _loading(engine: Engine, profiles: ProfileStore) -> tuple[Callable[..., Any], ...]:
    async def load_profile(profile: str) -> dict[str, Any]:
        """Load what a profile says and wait until it answers.

        Args:
            profile: Name of one of list_profiles.
        """
        return await _loaded(engine, (await anyio.to_thread.run_sync(profiles.get, profile)).load)

    async def load_model(
        model: str, device: str = "CPU", backend: str = "auto", ov_config: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Load a model and wait until it answers.

        Args:
            model: One of list_models.
            device: CPU, GPU.0, NPU, AUTO:GPU,CPU, HETERO:GPU.0,GPU.1, ...
            backend: auto, genai or optimum.
            ov_config: OpenVINO properties; left out: those the model's profile recommends.
        """
        entry = await anyio.to_thread.run_sync(engine.catalogue.find, model)
        config = dict(entry.ov_config) if ov_config is None else ov_config
        values = {"model_path": model, "device": device, "backend": backend, "ov_config": config}
        return await _loaded(engine, LoadRequest.model_validate(values))

    async def unload_model(model: str | None = None) -> dict[str, Any]:
        """Unload a model; its process ends and its memory is back.

        Args:
            model: Which; left out: the one loaded last.
        """
        return dataclasses.asdict(await anyio.to_thread.run_sync(engine.unload, model))

    return load_profile, load_model, unload_model


def _chatting(engine: Engine) -> Callable[..., Any]:
    async def chat(message: str, model: str | None = None, max_new_tokens: int = 512) -> dict[str, Any]:
        """Ask a loaded model one question and wait for the whole answer.

        Args:
            message: The question.
            model: Which; left out: the one loaded last.
            max_new_tokens: Most tokens of the answer.
        """
        request = GenerationRequest(
            conversation=(Message(role="user", content=message),),
            model=model,
            max_new_tokens=max_new_tokens,
            source="mcp",
        )
        with engine.submit(request) as generation:
            async for _ in generation.async_batches(1.0):
                pass
            result = await anyio.to_thread.run_sync(generation.result)
        report = result.report
        return {
            "text": result.texts[0],
            "finish_reason": result.finish_reasons[0].value,
            "ttft_seconds": report.ttft_seconds,
            "decode_tokens_per_second": report.decode_tokens_per_second,
            "generated_tokens": report.generated_tokens,
        }

    return chat


async def _loaded(engine: Engine, request: LoadRequest) -> dict[str, Any]:
    """Load; a caller that leaves ends it."""
    cancel = threading.Event()
    try:
        load = partial(engine.load, request, cancel=cancel)
        info: ModelInfo = await anyio.to_thread.run_sync(load, abandon_on_cancel=True)
    finally:
        cancel.set()
    wanted = (
        "name",
        "backend",
        "device",
        "load_seconds",
        "memory_bytes",
        "context_length",
        "requested_properties",
        "effective_properties",
        "warnings",
    )
    return {name: getattr(info, name) for name in wanted}
