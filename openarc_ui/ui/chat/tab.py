"""The Chat tab: the view, the column beside it, and their wiring. What happens then is in chat.py and panels.py."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import EngineStatus
from openarc_ui.startup import Startup
from openarc_ui.ui.chat import panels, settings_panel
from openarc_ui.ui.chat.chat import Chat, Growth, Update
from openarc_ui.ui.chat.json_panel import build_json_panel
from openarc_ui.ui.chat.panels import Column, Panels
from openarc_ui.ui.chat.prompt_panel import build_prompt_panel, wire_prompt_panel
from openarc_ui.ui.chat.session import ChatSession, owner_of_request
from openarc_ui.ui.chat.settings_panel import build_settings_panel
from openarc_ui.ui.chat.settings_wiring import wire_settings_panel
from openarc_ui.ui.chat.view import Shown, snapshot
from openarc_ui.ui.rights import Rights

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
EVERY: dict[str, Any] = {**PRIVATE, "trigger_mode": "multiple", "concurrency_limit": None}
LATEST: dict[str, Any] = {**PRIVATE, "trigger_mode": "always_last", "concurrency_limit": None}
DEBOUNCE_SECONDS = 0.3

VIEW_SCRIPT = """
// events: 'submit' 'edit' 'select' 'stop'
// The whole address: Chromium resolves a path in such code against the page that compiled it first, be it another one.
import(`${window.location.origin}/page-assets/chat/view.js`).then((view) => {
  view.mount(element, props, trigger, watch, server);
  if (document.activeElement === document.body && !window.matchMedia("(hover: none)").matches)
    element.querySelector('textarea[aria-label="Message"]')?.focus({ preventScroll: true });
}).catch((error) => console.error(error));
"""
VIEW_HEAD = '<link rel="stylesheet" href="/page-assets/chat/column.css">'
LAST_OPEN = """() => {
  try { return [JSON.parse(localStorage.getItem("openarc.chat.open"))]; } catch { return [null]; }
}"""
"""Kept by the view itself, which knows the order of what it shows: an event's answer may come after a later one's."""
UNFOLD = """() => {
  const isOpen = document.querySelector("#oa-chat-column").classList.toggle("is-open");
  document.querySelector("#oa-chat-fold").setAttribute("aria-expanded", String(isOpen));
}"""
REPLY_SCRIPT = """
let waiting = 0;
const give = () => {
  const value = JSON.parse(props.value || "{}");
  if (!value.revision) return;
  if (window.openarcChat && window.openarcChat.reply) window.openarcChat.reply(value);
  else if (waiting++ < 100) setTimeout(give, 50);
};
watch("value", give);
"""


@dataclass(frozen=True, slots=True)
class ChatTab:
    """What other parts of the page update, or call."""

    chat: Chat
    view: gr.HTML
    reply: gr.HTML
    column: Column

    @property
    def outputs(self) -> list[Any]:
        """What an `Update` is for."""
        return [self.view, self.reply]

    def session(self, request: gr.Request) -> ChatSession:
        """What the page a request comes from is at."""
        return self.chat.sessions.of(str(request.session_hash), owner_of_request(request))


def build_chat_tab(
    engine: Engine, startup: Startup, conversations: ConversationStore, page: gr.Blocks, rights: Rights
) -> ChatTab:
    """The tab's components and their wiring, inside an open gr.Tab."""
    chat = Chat(engine, startup, conversations)
    with gr.Row(equal_height=False, elem_id="oa-chat-row"):
        with gr.Column(scale=3, min_width=320, elem_id="oa-chat-main"):
            empty = snapshot(0, Shown(engine.status(), startup.status()))
            view = _component("oa-chat", empty, VIEW_SCRIPT, head=VIEW_HEAD, ask=_growth_of(chat))
            reply = _component("oa-chat-reply", {}, REPLY_SCRIPT, "hidden")
        with gr.Column(scale=1, min_width=330, elem_id="oa-chat-column"):
            column, tabs = _build_column(engine)
    tab = ChatTab(chat, view, reply, column)
    after = Panels(engine, chat.pictures, column)
    _wire_view(tab, after, rights)
    _wire_column(tab, after, tabs)
    _wire_page(page, tab, after)
    wire_settings_panel(page, column.settings, engine, conversations, owner_of_request)
    wire_prompt_panel(page, column.prompt, column.settings, engine)
    return tab


def refresh(tab: ChatTab, engine: EngineStatus) -> tuple[list[Any], list[Any]]:
    """(components, updates) of the column that follow the engine; the view follows by `news`."""
    return settings_panel.refresh(tab.column.settings, engine)


async def news(tab: ChatTab, page: str, cookies: Mapping[str, str]) -> str | None:
    """What the view has to show because of what happened elsewhere, once a second; None: nothing."""
    session = tab.chat.sessions.known(page, cookies)
    view = (await tab.chat.follow(session)).view if session is not None else None
    return as_text(view) if view is not None else None


def _growth_of(chat: Chat) -> Callable[..., Any]:
    """What streams. The view asks for it itself: an event's every message costs the browser time for each component of
    the page, the answer to such a question does not."""

    async def growth(asked: Any, request: gr.Request) -> dict[str, Any]:
        match asked:
            case {"page": str(page), "conversation": str(conversation), "seen": int(seen)}:
                session = chat.sessions.known(page, request.cookies)
                if session is not None:
                    return dataclasses.asdict(await chat.growth(session, conversation, seen))
        return dataclasses.asdict(Growth())

    return growth


def _component(
    elem_id: str,
    value: Any,
    script: str,
    visible: Any = True,
    head: str | None = None,
    ask: Callable[..., Any] | None = None,
) -> gr.HTML:
    return gr.HTML(
        as_text(value),
        html_template=f'<div class="{elem_id}"></div>',
        js_on_load=script,
        apply_default_css=False,
        visible=visible,
        head=head,
        server_functions=[ask] if ask is not None else None,
        elem_id=elem_id,
        elem_classes="oa-tight",
    )


def _build_column(engine: Engine) -> tuple[Column, dict[str, gr.Tab]]:
    fold = gr.Button("Settings, prompt and JSON", size="sm", elem_id="oa-chat-fold")
    fold.click(None, None, None, js=UNFOLD, **PRIVATE)
    with gr.Tabs(elem_id="oa-chat-tabs"):
        with gr.Tab("Settings", id=panels.SETTINGS, render_children=True) as settings_tab:
            settings = build_settings_panel(engine)
        with gr.Tab("Prompt", id=panels.PROMPT, render_children=True) as prompt_tab:
            prompt = build_prompt_panel(settings)
        with gr.Tab("JSON", id=panels.JSON, render_children=True) as json_tab:
            json_panel = build_json_panel()
    filled_for = gr.Textbox("", visible="hidden", elem_id="oa-chat-filled-for")
    tabs = {panels.SETTINGS: settings_tab, panels.PROMPT: prompt_tab, panels.JSON: json_tab}
    return Column(settings, prompt, json_panel, filled_for), tabs


def _outputs(update: Update) -> list[Any]:
    return [gr.skip() if each is None else as_text(each) for each in (update.view, update.reply)]


def as_text(value: Any) -> str:
    """What a component of ours is given: JSON as one text.

    Gradio would take an object with a `path` in it for a file, and its page makes every nested list an object it watches.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _wire_view(tab: ChatTab, after: Panels, rights: Rights) -> None:
    """The view's events; each carries an action. Those that a model answers are counted, and too many are told in the view."""

    async def chat_submitted(request: gr.Request, event: gr.EventData, *values: Any) -> AsyncIterator[list[Any]]:
        session = tab.session(request)
        async for update in tab.chat.submit(session, event._data, values, partial(rights.count, request)):
            yield _outputs(update)

    async def chat_edited(request: gr.Request, event: gr.EventData) -> AsyncIterator[list[Any]]:
        session = tab.session(request)
        async for update in tab.chat.edit(session, event._data):
            yield _outputs(update)

    async def chat_asked(request: gr.Request, event: gr.EventData) -> Any:
        return _outputs(await tab.chat.look_up(tab.session(request), event._data))[1]

    async def chat_stopped(request: gr.Request, event: gr.EventData) -> None:
        tab.chat.stop(tab.session(request), event._data)

    follow_up = _follow_up(tab, after)
    tab.view.submit(chat_submitted, tab.column.settings.inputs, tab.outputs, **EVERY).then(**follow_up)
    tab.view.edit(chat_edited, None, tab.outputs, **EVERY).then(**follow_up)
    tab.view.select(chat_asked, None, tab.reply, **EVERY)
    tab.view.stop(chat_stopped, None, None, queue=False, **PRIVATE)


def _follow_up(tab: ChatTab, after: Panels) -> dict[str, Any]:
    """What everything that changes the conversation ends with: the column follows."""

    async def column_follows(request: gr.Request) -> list[Any]:
        return await after.after(tab.session(request))

    return {"fn": column_follows, "inputs": None, "outputs": tab.column.outputs, **LATEST}


def _wire_column(tab: ChatTab, after: Panels, tabs: dict[str, gr.Tab]) -> None:
    column = tab.column

    async def settings_changed(request: gr.Request, filled_for: str, *values: Any) -> list[Any]:
        await asyncio.sleep(DEBOUNCE_SECONDS)
        return _outputs(await tab.chat.keep_settings(tab.session(request), filled_for, values))

    async def json_typed(request: gr.Request, text: str) -> AsyncIterator[list[Any]]:
        await asyncio.sleep(DEBOUNCE_SECONDS)
        session = tab.session(request)
        async for update, words in tab.chat.type_json(session, text):
            yield [*_outputs(update), words]

    follow_up = _follow_up(tab, after)
    changes = [each.change for each in column.settings.inputs]
    inputs = [column.filled_for, *column.settings.inputs]
    gr.on(changes, settings_changed, inputs, tab.outputs, **LATEST).then(**follow_up)
    column.json.text.input(json_typed, [column.json.text], [*tab.outputs, column.json.note], **LATEST)
    for name, each in tabs.items():
        each.select(_opens(tab, after, name), None, column.outputs, **PRIVATE)


def _opens(tab: ChatTab, after: Panels, name: str) -> Any:
    async def column_opened(request: gr.Request) -> list[Any]:
        session = tab.session(request)
        session.panel = name
        return await after.after(session)

    column_opened.__name__ = f"column_opened_{name}"
    return column_opened


def _wire_page(page: gr.Blocks, tab: ChatTab, after: Panels) -> None:
    """Opening the page brings the last conversation back; closing it ends what it waits for."""

    async def chat_opened(request: gr.Request, last: str | None) -> list[Any]:
        return _outputs(await tab.chat.open(tab.session(request), last))

    async def chat_closed(request: gr.Request) -> None:
        tab.chat.close(str(request.session_hash))

    last_open = gr.Textbox(None, visible="hidden", elem_id="oa-chat-last-open")
    page.load(chat_opened, [last_open], tab.outputs, js=LAST_OPEN, **PRIVATE).then(**_follow_up(tab, after))
    page.unload(chat_closed)
