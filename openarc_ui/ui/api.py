"""The page's actions as named Gradio endpoints with typed, described parameters, for gradio_client and every program.

Gradio validates nothing itself, so every call goes through `endpoint` and the engine's own request models; who may call it is
settled by the rights it is wrapped in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.elsewhere import Elsewhere
from openarc_ui.engine.engine import Engine
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.profiles import ProfileStore
from openarc_ui.startup import Startup
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.ui.api_answers import answer_endpoints
from openarc_ui.ui.api_conversations import conversation_endpoints
from openarc_ui.ui.api_errors import endpoint
from openarc_ui.ui.api_info import add_endpoint
from openarc_ui.ui.api_loads import load_endpoints
from openarc_ui.ui.api_measured import request_endpoints
from openarc_ui.ui.api_messages import message_endpoints
from openarc_ui.ui.api_metrics import metrics_endpoints
from openarc_ui.ui.api_model_work import model_work_endpoints
from openarc_ui.ui.api_planning import planning_endpoints
from openarc_ui.ui.api_presets import preset_endpoints
from openarc_ui.ui.api_profiles import profile_endpoints
from openarc_ui.ui.api_prompts import prompt_endpoints
from openarc_ui.ui.api_system import system_endpoints
from openarc_ui.ui.api_tuning import tuning_endpoints
from openarc_ui.ui.api_watch import LoadWatch
from openarc_ui.ui.rights import Rights


def add_endpoints(
    engine: Engine,
    store: MetricsStore,
    startup: Startup,
    profiles: ProfileStore,
    conversations: ConversationStore,
    runs: TuningRuns,
    tasks: ModelTasks,
    hub: Hub,
    rights: Rights,
    *,
    needs_key: bool = False,
) -> None:
    """Register the endpoints, inside open gr.Blocks.

    Args:
        needs_key: the server wants a key, so code to copy says where to get it.
    """
    watch = LoadWatch(engine)
    made: list[Callable[..., Any]] = [
        *answer_endpoints(engine, conversations, rights),
        *system_endpoints(engine, startup, Elsewhere(engine, runs), rights),
        *prompt_endpoints(engine),
        *conversation_endpoints(conversations),
        *message_endpoints(conversations),
        *preset_endpoints(conversations),
        *load_endpoints(engine, watch, rights),
        *planning_endpoints(engine, rights, needs_key),
        *profile_endpoints(engine, profiles, watch, rights, needs_key),
        *model_work_endpoints(engine, tasks, hub, profiles, rights),
        *metrics_endpoints(engine, store, rights),
        *tuning_endpoints(engine, runs, profiles, watch, rights, needs_key),
        *request_endpoints(engine, store, rights, needs_key),
    ]
    for each in made:
        add_endpoint(endpoint(each))
