"""The Model Context Protocol, by the official SDK: what a person does on the Load tab, a chat and the metrics, for an agent.

It is there when the server was started with `--mcp`. The guard around everything covers it like any other route, and which
key a tool needs is in mcp_rights.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from openarc_ui import __version__
from openarc_ui.access import Access
from openarc_ui.engine.engine import Engine
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.profiles import ProfileStore
from openarc_ui.server.mcp_rights import USE
from openarc_ui.server.mcp_words import refusing_unknown, saying_what_is_wrong, server_with_own_words
from openarc_ui.tuning.runs import TuningRuns

PATH = "/mcp"
INSTRUCTIONS = (
    "OpenArc serves language models on this machine's Intel devices through OpenVINO. See with status what is loaded and chat "
    "with it. To load something else, list the devices, models and profiles first; that needs the administration key where "
    "the server has one. See with metrics what it cost, and with tuning_results which settings were measured to be best. "
    "A model that is not there yet can be fetched: recommended_models, start_download, model_tasks; start_conversion makes "
    "OpenVINO of a checkpoint or a GGUF; pause_task and "
    "cancel_task stop what takes too long, and resume_task goes on with what is paused, interrupted or failed. "
    "Sizes are in bytes, times in seconds."
)
READING = (USE - {"chat"}) | {"model_tasks"}
"""Tools that change nothing, which an agent may call without asking."""
UNDOING = frozenset({"unload_model", "cancel_task"})
"""Tools that end what others may use, or throw away what was fetched."""
ASKING_OTHERS = frozenset({"start_download", "resume_task"})
"""Tools that make the server ask another host: the Hub."""


class McpServer:
    """The tools over an engine, to be put into an application.

    Args:
        access: who may do what; left out: what the guard says of a request holds, and nobody is counted.
    """

    def __init__(
        self,
        engine: Engine,
        profiles: ProfileStore,
        store: MetricsStore,
        runs: TuningRuns,
        tasks: ModelTasks,
        access: Access | None = None,
    ) -> None:
        from mcp.server.mcpserver.tools import Tool
        from mcp.server.transport_security import TransportSecuritySettings
        from mcp_types import ToolAnnotations

        from openarc_ui.server.mcp_tools import tools_of

        tools = [
            refusing_unknown(
                Tool.from_function(
                    saying_what_is_wrong(tool),
                    title=tool.__name__.replace("_", " ").capitalize(),
                    annotations=ToolAnnotations(
                        read_only_hint=tool.__name__ in READING,
                        destructive_hint=tool.__name__ in UNDOING,
                        open_world_hint=tool.__name__ in ASKING_OTHERS,
                    ),
                    structured_output=True,
                )
            )
            for tool in tools_of(engine, profiles, store, runs, tasks)
        ]
        server = server_with_own_words(access or Access())
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
