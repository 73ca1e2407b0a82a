"""The page: header, five tabs, and how they follow the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import gradio as gr

from openarc_ui.access import Access
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.elsewhere import Elsewhere
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import EngineStatus
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.profiles import ProfileStore
from openarc_ui.startup import Startup, StartupPhase
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.ui import load_tab
from openarc_ui.ui.api import add_endpoints
from openarc_ui.ui.chat import tab as chat_tab
from openarc_ui.ui.chat.tab import ChatTab, build_chat_tab
from openarc_ui.ui.footer import build_footer
from openarc_ui.ui.load_tab import LoadTab, build_load_tab, fill_when_opened
from openarc_ui.ui.metrics.tab import build_metrics_tab
from openarc_ui.ui.models.tab import build_models_tab
from openarc_ui.ui.page import Page
from openarc_ui.ui.rights import Rights
from openarc_ui.ui.status_strip import strip
from openarc_ui.ui.theme import ASSETS
from openarc_ui.ui.tune.tab import build_tune_tab

QUIET_POLLS_SECONDS = {"sleep_when_free": 0.01, "progress_update_sleep_when_free": 0.25}
"""How often Gradio's own queue looks for work, and for progress bars, which this page has none of; its defaults cost 7%
of a core when idle, and that is taken from the model."""

BRAND = '<div class="oa-brand">{logo}<span>OpenArc</span></div>'
THEME_BUTTON = "◐"


def build_page(
    engine: Engine,
    store: MetricsStore,
    startup: Startup,
    profiles: ProfileStore,
    conversations: ConversationStore,
    runs: TuningRuns,
    tasks: ModelTasks,
    hub: Hub,
    *,
    needs_key: bool = False,
    access: Access | None = None,
) -> Page:
    """The whole page over an engine, its stores, its tasks and a start-up. Builds anew on every call.

    Args:
        needs_key: the server wants a key, so code to copy says where to get it.
        access: who may do what; left out: everybody everything.
    """
    rights, elsewhere = Rights(access), Elsewhere(engine, runs)
    logo = (ASSETS / "logo.svg").read_text(encoding="utf-8")
    with Page(title="OpenArc", analytics_enabled=False, fill_width=True) as opened:
        page: Page = opened
        with gr.Column(visible=False):  # first, so that no event of the page takes one of their names
            add_endpoints(
                engine, store, startup, profiles, conversations, runs, tasks, hub, rights, needs_key=needs_key
            )
        with gr.Row(elem_id="oa-header"):
            gr.HTML(BRAND.format(logo=logo), elem_id="oa-brand")
            status = gr.HTML(
                strip(engine.status(), startup.status(), elsewhere.words()),
                js_on_load=(ASSETS / "pulse.js").read_text(encoding="utf-8"),
                server_functions=[_pulse_of(engine, startup, elsewhere, lambda: chats)],
                elem_id="oa-strip",
            )
            again = gr.Button("Try again", size="sm", visible=False, elem_id="oa-retry")
            theme = gr.Button(THEME_BUTTON, size="sm", elem_id="oa-theme")
        with gr.Tabs(selected="chat", elem_id="oa-tabs"):
            with gr.Tab("Load", id="load", render_children=True):
                loads = build_load_tab(engine, profiles, rights, needs_key=needs_key)
            with gr.Tab("Chat", id="chat"):
                chats = build_chat_tab(engine, startup, conversations, page, rights)
            with gr.Tab("Models", id="models"):
                build_models_tab(engine, tasks, hub, profiles, rights)
            with gr.Tab("Tune", id="tune"):
                build_tune_tab(engine, runs, profiles, rights, needs_key=needs_key)
            with gr.Tab("Metrics", id="metrics"):
                build_metrics_tab(engine, store, rights, needs_key=needs_key)
        build_footer()
        _follow(page, engine, startup, status, again, loads, chats, rights)
        loads.ahead.saved.render()
        fill_when_opened(page, loads, profiles, rights)
        retry = rights.administers("Beginning the start-up again", startup.retry)
        again.click(retry, None, None, api_visibility="private", show_progress="hidden")
        theme.click(None, None, None, js="() => window.openarcToggleTheme()", api_visibility="private")
    page.bound_queue(concurrency_limit=8)
    _poll_quietly(page)
    return page


def _follow(
    page: gr.Blocks,
    engine: Engine,
    startup: Startup,
    status: gr.HTML,
    again: gr.Button,
    loads: LoadTab,
    chats: ChatTab,
    rights: Rights,
) -> None:
    """The page follows the engine: components are updated when a model came, went or changed what it does."""
    now = engine.status()
    load_components, _ = load_tab.refresh(loads, now, True)
    chat_components, _ = chat_tab.refresh(chats, now)

    async def follow_engine(request: gr.Request) -> list[Any]:
        now, begun = await anyio.to_thread.run_sync(engine.status), startup.status()
        may_administer = rights.may_administer(request)
        is_empty = not now.models and now.reserved is None
        has_failed = begun.phase is StartupPhase.FAILED and is_empty and may_administer
        of_loads = load_tab.refresh(loads, now, may_administer)[1]
        return [gr.update(visible=has_failed), *of_loads, *chat_tab.refresh(chats, now)[1]]

    outputs = [again, *load_components, *chat_components]
    options: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "trigger_mode": "always_last"}
    status.input(follow_engine, None, outputs, **options)
    page.load(follow_engine, None, outputs, **options)


def _pulse_of(
    engine: Engine, startup: Startup, elsewhere: Elsewhere, chats: Callable[[], ChatTab]
) -> Callable[..., Any]:
    """What the page asks once a second; see assets/pulse.js."""

    async def pulse(asked: Any, request: gr.Request) -> dict[str, Any]:
        def look() -> tuple[EngineStatus, str | None]:
            return engine.status(), elsewhere.words()

        (now, other), begun = await anyio.to_thread.run_sync(look), startup.status()
        chat = await chat_tab.news(chats(), str(asked), request.cookies)
        return {"strip": strip(now, begun, other), "outline": _outline(now, begun.phase), "chat": chat}

    return pulse


def _outline(status: EngineStatus, phase: StartupPhase) -> str:
    """What has to change before more than the strip is redrawn; what a run measures is in the Tune tab."""
    models = [f"{model.name}:{model.state.value}:{model.running}:{model.queued}" for model in status.users_models]
    return f"{phase.value} {status.reserved} {status.default_model} {' '.join(models)}"


def _poll_quietly(page: gr.Blocks) -> None:
    """Private attributes of Gradio 6.31, which is pinned; on another version they are left alone."""
    queue = getattr(page, "_queue", None)
    for name, seconds in QUIET_POLLS_SECONDS.items():
        if hasattr(queue, name):
            setattr(queue, name, seconds)
