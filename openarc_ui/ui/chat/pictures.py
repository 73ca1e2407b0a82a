"""From a page's session to what it shows: the conversation and the list from the database, the gauge from the model."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from openarc_ui.conversations.answering import read_conversation
from openarc_ui.conversations.exchange import messages_of
from openarc_ui.conversations.store import ConversationStore, Summary
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.formats import tool_format_of
from openarc_ui.engine.message import Message
from openarc_ui.engine.prompts import Tool
from openarc_ui.engine.types import EngineStatus, ModelState
from openarc_ui.errors import ConversationNotFound, InvalidRequest, OpenArcError
from openarc_ui.startup import Startup
from openarc_ui.ui.chat.answering import Runs
from openarc_ui.ui.chat.gauge import GaugeReader
from openarc_ui.ui.chat.session import ChatSession, Notice
from openarc_ui.ui.chat.settings import ChatSettings
from openarc_ui.ui.chat.view import Shown, snapshot


@dataclass(frozen=True, slots=True)
class Read:
    """What a snapshot needs of the database."""

    conversation: Conversation | None
    summaries: Sequence[Summary]
    has_more: bool
    newest: tuple[str, float] | None


class Pictures:
    """What pages show, over an engine, the conversations, and what is being answered."""

    def __init__(self, engine: Engine, startup: Startup, store: ConversationStore, runs: Runs) -> None:
        self._engine = engine
        self._startup = startup
        self._store = store
        self._runs = runs
        self._gauges = GaugeReader(engine)
        self._has_tools: dict[str, bool] = {}

    async def conversation(self, session: ChatSession) -> Conversation | None:
        """The one that is shown; None for one that is not saved yet, or can't be read: the view says why."""
        if session.conversation_id is None:
            return None
        with contextlib.suppress(OpenArcError):
            return await anyio.to_thread.run_sync(self._store.get, session.owner, session.conversation_id)
        return None

    async def view(self, session: ChatSession) -> dict[str, Any]:
        """The page's snapshot as of now."""
        try:
            read = await anyio.to_thread.run_sync(self._read, session)
        except ConversationNotFound as error:
            session.show(None)
            session.notice = Notice.of(error)
            return await self.view(session)
        except OpenArcError as error:
            session.notice = Notice.of(error)
            read = Read(None, (), False, None)
        engine, run = self._engine.status(), self._runs.of(session.conversation_id)
        session.seen = self.signature(session, read.newest)
        path = read.conversation.path() if read.conversation is not None and run is None else ()
        session.is_unsettled = any(each.answer is not None and each.answer.is_running for each in path)
        shown = Shown(
            engine,
            self._startup.status(),
            read.conversation,
            read.summaries,
            session.search,
            read.has_more,
            run.growing() if run is not None else (),
            session.notice,
            session.gauge,
            _tools_of(session.settings),
            self._has_tools.get(_model_key(engine, session.settings), False),
        )
        return snapshot(session.next_revision(), shown, session.id)

    def _read(self, session: ChatSession) -> Read:
        owner, conversation = session.owner, None
        if session.conversation_id is not None:
            conversation = read_conversation(self._store, owner, session.conversation_id)
        found = self._store.summaries(owner, session.search, session.shown + 1)
        newest = self.newest(owner) if session.search else (found[0].id, found[0].updated_at) if found else None
        return Read(conversation, found[: session.shown], len(found) > session.shown, newest)

    def newest(self, owner: str) -> tuple[str, float] | None:
        """What of the owner's conversations changed last, and when."""
        return next(((each.id, each.updated_at) for each in self._store.summaries(owner, limit=1)), None)

    def signature(self, session: ChatSession, newest: tuple[str, float] | None) -> object:
        """Changes when the page has to be drawn anew although nobody did anything in it."""
        engine, run = self._engine.status(), self._runs.of(session.conversation_id)
        models = tuple((each.name, each.state.value, each.process_id) for each in engine.users_models)
        stage = run.stage if run is not None else -1
        return models, engine.reserved, engine.default_model, self._startup.status().phase, newest, stage

    async def count(self, session: ChatSession) -> bool:
        """Read the gauge anew; whether it changed."""
        conversation, settings = await self.conversation(session), session.settings
        messages = messages_of(conversation.path()) if conversation is not None else ()
        fields: dict[str, Any] = {}
        if session.draft.strip():
            messages = (*messages, Message(role="user", content=session.draft))
            if session.prefill:
                messages = (*messages, Message(role="assistant", content=session.prefill))
                fields["continue_final_message"] = True
        fields["add_generation_prompt"] = not messages or messages[-1].role != "assistant"
        try:
            fields |= settings.render_fields()
        except InvalidRequest:
            return False  # the panel says what is wrong with the settings
        before, most = session.gauge, settings.sampling.get("max_new_tokens")
        session.gauge = await self._gauges.read(messages, settings.model, fields, most)
        await self._look_for_tools(settings)
        return session.gauge != before

    async def _look_for_tools(self, settings: ChatSettings) -> None:
        """Whether the model's template knows tools, asked once a load."""
        engine = self._engine.status()
        key = _model_key(engine, settings)
        if key in self._has_tools or not any(each.state is ModelState.READY for each in engine.users_models):
            return
        template = settings.chat_template
        try:
            if not template.strip():
                template = (await anyio.to_thread.run_sync(self._engine.chat_template, settings.model or None)).text
        except OpenArcError:
            return  # asked again with the next count
        self._has_tools[key] = tool_format_of(template) is not None


def _tools_of(settings: ChatSettings) -> tuple[Tool, ...]:
    try:
        return settings.read_tools()
    except InvalidRequest:
        return ()


def _model_key(engine: EngineStatus, settings: ChatSettings) -> str:
    """Which load of which model answers, with which template."""
    name = settings.model or engine.default_model
    loads = [str(each.process_id) for each in engine.models if each.name == name]
    return f"{name} {loads} {hash(settings.chat_template)}"
