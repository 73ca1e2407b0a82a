"""The API: an application with every route and one way to answer errors. The page is mounted by app.py afterwards."""

from __future__ import annotations

from collections import deque

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import iter_route_contexts

from openarc_ui import __version__
from openarc_ui.access import Access
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.elsewhere import Elsewhere
from openarc_ui.engine.engine import Engine
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.profiles import ProfileStore
from openarc_ui.server.description import complete_description
from openarc_ui.server.mcp_server import McpServer
from openarc_ui.server.openai.request_ids import RequestIds
from openarc_ui.server.openai.responses_routes import responses_routes
from openarc_ui.server.openai.routes import openai_routes
from openarc_ui.server.page_assets import mount_page_assets
from openarc_ui.server.permissions import permitted
from openarc_ui.server.problems import install_handlers
from openarc_ui.server.queries import refuse_the_rest, refuse_unknown_queries
from openarc_ui.server.reference.llms import llms_page
from openarc_ui.server.routes.answers import answer_routes
from openarc_ui.server.routes.cache import cache_routes
from openarc_ui.server.routes.conversations import conversation_routes
from openarc_ui.server.routes.devices import device_routes
from openarc_ui.server.routes.docs import docs_routes
from openarc_ui.server.routes.generate import generate_routes
from openarc_ui.server.routes.messages import message_routes
from openarc_ui.server.routes.metrics import metric_routes
from openarc_ui.server.routes.model_work import model_work_routes
from openarc_ui.server.routes.models import catalogue_routes, model_routes
from openarc_ui.server.routes.older import older_routes
from openarc_ui.server.routes.profiles import profile_routes
from openarc_ui.server.routes.prompts import prompt_routes
from openarc_ui.server.routes.system import system_routes
from openarc_ui.server.routes.tuning import tuning_routes
from openarc_ui.startup import Startup
from openarc_ui.tuning.runs import TuningRuns

DESCRIPTION = "Language models on Intel hardware through OpenVINO: load, generate, measure."
TAGS = [
    {
        "name": "models",
        "description": "Load and unload models; what there is to load. Get more from the Hub, convert them, look into them, keep order.",
    },
    {
        "name": "devices",
        "description": "What can be known before a load: devices, settings, mistakes, and whether it fits.",
    },
    {"name": "profiles", "description": "Loads with a name: save, load, export, import, and copy as code."},
    {"name": "generate", "description": "Continue a conversation, whole or as a stream; a client that leaves cancels."},
    {
        "name": "prompts",
        "description": "What a model sees: its chat template, a conversation rendered by it, and tokens.",
    },
    {
        "name": "conversations",
        "description": "Conversations that are kept: trees of messages, of which one path is shown and sent. A browser sees "
        "its own, by the cookie openarc_owner; everything that comes without it shares one set.",
    },
    {
        "name": "metrics",
        "description": "What every request cost: totals, percentiles, single requests, files, and text for Prometheus.",
    },
    {
        "name": "tuning",
        "description": "Measure a configuration, compare two, or search many for the best; one run at a time.",
    },
    {
        "name": "openai",
        "description": "OpenAI's API: point any of its clients at /v1. What is not supported is refused by name.",
    },
    {"name": "docs", "description": "The documentation as pages, and as one page to paste into a prompt."},
    {"name": "older", "description": "Paths of earlier OpenArc versions; new programs need none of them."},
    {"name": "system", "description": "How the server and its models are."},
]


def create_api(
    engine: Engine,
    startup: Startup,
    profiles: ProfileStore,
    conversations: ConversationStore,
    store: MetricsStore,
    exposition: Exposition,
    runs: TuningRuns,
    tasks: ModelTasks,
    hub: Hub,
    needs_key: bool = False,
    with_mcp: bool = False,
    access: Access | None = None,
) -> FastAPI:
    """Routes over an engine and the stores, and the page's own scripts. All are opened and closed by the caller.

    FastAPI's own documentation pages load from another host, so they are off; /openapi.json comes from description.py.

    Args:
        needs_key: a guard in front of it wants a key, so code to copy says where to get it.
        with_mcp: serve the Model Context Protocol too.
        access: who may do what; left out: everybody everything.
    """
    access = access or Access()
    mcp = McpServer(engine, profiles, store, runs, tasks, access) if with_mcp else None
    api = FastAPI(
        title="OpenArc",
        version=__version__,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        openapi_url=None,
        separate_input_output_schemas=False,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(permitted(access)), Depends(refuse_unknown_queries)],
        lifespan=mcp.lifespan if mcp is not None else None,
    )
    api.add_middleware(RequestIds)
    complete_description(api)
    if mcp is not None:
        mcp.install(api)
    # Routes are tried in their order, so what is asked for most, or must answer at once, comes first.
    routers: tuple[APIRouter, ...] = (
        system_routes(engine, startup, Elsewhere(engine, runs)),
        generate_routes(engine),
        openai_routes(engine),
        responses_routes(engine),
        model_routes(engine),
        catalogue_routes(engine),
        model_work_routes(engine, tasks, hub, profiles),
        device_routes(engine),
        profile_routes(engine, profiles, needs_key),
        cache_routes(engine),
        prompt_routes(engine),
        conversation_routes(conversations),
        message_routes(conversations),
        answer_routes(engine, conversations),
        tuning_routes(engine, runs, profiles, needs_key),
        metric_routes(engine, store, exposition, needs_key, access),
        docs_routes(llms_page(api.openapi, lambda: routers)),
        older_routes(engine),
    )
    for router in routers:
        api.include_router(router)
    refuse_the_rest(api, routers)
    mount_page_assets(api)
    install_handlers(api, engine.places)
    # FastAPI would make its routes ready at the first request, and hold up the loop for a third of a second.
    deque(iter_route_contexts(api.routes), maxlen=0)
    return api
