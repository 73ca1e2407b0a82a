"""The Chat tab without its components: what an event of the view does to its page's session, and what is shown then.

Everything here runs on the event loop's thread; the database and the model are asked in threads of their own.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.engine import Engine
from openarc_ui.errors import ConversationNotFound, InvalidRequest, OpenArcError
from openarc_ui.startup import Startup
from openarc_ui.ui.chat import wanted
from openarc_ui.ui.chat.actions import Actions, touches
from openarc_ui.ui.chat.answering import Runs
from openarc_ui.ui.chat.attached import with_files
from openarc_ui.ui.chat.json_panel import read_conversation
from openarc_ui.ui.chat.notices import again_action, notice_of, undo_question
from openarc_ui.ui.chat.pictures import Pictures
from openarc_ui.ui.chat.run import Job
from openarc_ui.ui.chat.session import FIRST_SHOWN, MORE_SHOWN, ChatSession, Notice, Sessions
from openarc_ui.ui.chat.settings import ChatSettings
from openarc_ui.ui.chat.settings_panel import settings_of
from openarc_ui.ui.chat.settings_view import problem as problem_note
from openarc_ui.ui.chat.typing_json import type_messages
from openarc_ui.ui.chat.view import live

MOST_SHOWN = 1000
GROWTH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Update:
    """What goes to the page by its events: a snapshot, a reply; None: as it is."""

    view: dict[str, Any] | None = None
    reply: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Growth:
    """How far the answers in a conversation are.

    Attributes:
        seen: hand it over with the next question.
        live: their texts; None where nothing is new.
        is_over: nothing is being written there (any more).
    """

    seen: int = -1
    live: dict[str, Any] | None = None
    is_over: bool = True


class Chat:
    """The chat over an engine and the conversations. One for all pages; what belongs to a page is in its session."""

    def __init__(self, engine: Engine, startup: Startup, store: ConversationStore) -> None:
        self.sessions = Sessions()
        self.runs = Runs(engine, startup, store)
        self._store = store
        self._actions = Actions(store)
        self.pictures = Pictures(engine, startup, store, self.runs)

    async def submit(
        self, session: ChatSession, data: Any, values: Sequence[Any], count: Callable[[], None] = lambda: None
    ) -> AsyncIterator[Update]:
        """Do an action that a model answers, and show each stage of its answers. Their texts come by `growth`.

        Args:
            values: of the settings panel's inputs.
            count: counts the request before anything is changed; raises RateLimited where there were too many.
        """
        try:
            action = wanted.wanted("submit", data)
            target = self._target(session, action)
            self.runs.check_idle(target)
            count()
            settings, problem = _settings_or_problem(session, values)
            session.shown_settings = settings
            to = await anyio.to_thread.run_sync(self._actions.to_answer, session.owner, target, settings, action)
        except OpenArcError as error:
            session.notice = Notice.of(error)
            yield await self._update(session)
            return
        self._adopt(session, target, to.conversation_id)
        session.settings, session.draft, session.prefill, session.notice = settings, "", "", None
        again = again_action(action, to.conversation_id)
        if problem is not None:
            session.notice = Notice.of(problem, ("Try again", again))
        if problem is not None or to.parent_id is None:
            yield await self._update(session, _told(to.told) if to.told else None)
            return
        job = Job(session.owner, to.conversation_id, to.parent_id, settings, to.prefill, to.continued, action.shorten)
        async for update in self._answer(session, job, again):
            yield update

    async def _answer(self, session: ChatSession, job: Job, again: dict[str, Any]) -> AsyncIterator[Update]:
        """Run a job and show it; leaving it in any way ends the job."""
        try:
            run = self.runs.begin(job, session.id)
        except InvalidRequest as error:
            session.notice = Notice.of(error)
            yield await self._update(session)
            return
        try:
            async for _ in run.stages():
                if not run.is_over:
                    yield await self._update(session)
        finally:
            if not run.is_over:
                run.cancel()
        session.last_seed = run.seed if run.seed is not None else session.last_seed
        notice = notice_of(run, again)
        is_elsewhere = session.conversation_id != job.conversation_id
        reply = _told(notice.text, notice.tone) if notice is not None and is_elsewhere else None
        if not is_elsewhere:
            session.notice = notice
        yield await self._update(session, reply)
        if await self.pictures.count(session):
            yield await self._update(session)

    async def growth(self, session: ChatSession, conversation_id: str | None, seen: int) -> Growth:
        """How far the answers are; waits up to two seconds for something new.

        Args:
            seen: of the growth that is shown; -1: none.
        """
        run = self.runs.of(conversation_id)
        if run is None or run.job.owner != session.owner:
            return Growth()
        await run.changed(seen, GROWTH_SECONDS)
        if run.is_over or run.version == seen:
            return Growth(run.version, None, run.is_over)
        return Growth(run.version, live(session.next_revision(), conversation_id, run.growing()), False)

    async def edit(self, session: ChatSession, data: Any) -> AsyncIterator[Update]:
        """Do an action that needs no answer."""
        try:
            action = wanted.wanted("edit", data)
            target = self._target(session, action)
            if touches(action):
                self.runs.check_idle(target)
            if isinstance(action, wanted.Remove):
                self.runs.cancel(action.id, session.owner)
            changed = await anyio.to_thread.run_sync(
                self._actions.change, session.owner, target, session.settings, action
            )
        except OpenArcError as error:
            yield await self._update(session, _told(f"{error.message} {error.hint}".strip(), "bad"))
            return
        if changed.is_shown:
            session.show(changed.conversation_id)
        else:
            self._adopt(session, target, changed.conversation_id)
        self._note(session, action)
        if changed.question and target is not None:
            session.notice = undo_question(changed.question, target)
        if not isinstance(action, wanted.Draft):
            yield await self._update(session, changed.reply)
        if changed.is_shown:
            await self._bring_settings(session)
        if await self.pictures.count(session):
            yield await self._update(session)

    def _note(self, session: ChatSession, action: wanted.Edited) -> None:
        """What an action changes in the page alone."""
        match action:
            case wanted.Search():
                session.search, session.shown = action.text.strip(), FIRST_SHOWN
            case wanted.More():
                session.shown = min(session.shown + MORE_SHOWN, MOST_SHOWN - 1)
            case wanted.Draft():
                session.draft, session.prefill = with_files(action.text, action.files), action.prefill
            case wanted.Dismiss() | wanted.Undo():
                session.notice = None
            case wanted.New():
                session.search, session.shown = "", FIRST_SHOWN  # what it becomes is to be seen in the list
            case _:
                pass

    async def look_up(self, session: ChatSession, data: Any) -> Update:
        """Answer a question of the view."""
        try:
            action = wanted.wanted("select", data)
            target = self._target(session, action)
            reply = await anyio.to_thread.run_sync(self._actions.look_up, session.owner, target, action)
        except OpenArcError as error:
            reply = _told(f"{error.message} {error.hint}".strip(), "bad")
        return Update(reply={"revision": session.next_revision(), **reply})

    def stop(self, session: ChatSession, data: Any) -> None:
        """End what is being written in the conversation that the view shows."""
        with contextlib.suppress(InvalidRequest):  # whatever came with it, Stop stops
            action = wanted.stop_wanted(data)
            if self.runs.cancel(self._target(session, action), session.owner):
                return
        self.runs.cancel(session.conversation_id, session.owner)

    def close(self, session_hash: str) -> None:
        """The page is gone: what it waits for ends."""
        self.runs.cancel_session(session_hash)
        self.sessions.drop(session_hash)

    async def open(self, session: ChatSession, last: str | None) -> Update:
        """What a page shows first: the conversation it was left with, else the newest.

        Args:
            last: id of the conversation that was open last in this browser; "": a new one; None: not known.
        """
        try:
            shown = await anyio.to_thread.run_sync(self._first_shown, session.owner, last)
        except OpenArcError as error:
            shown = None
            session.notice = Notice.of(error)
        notice = session.notice
        session.show(shown)
        session.notice = notice
        await self._bring_settings(session)
        await self.pictures.count(session)
        return await self._update(session)

    def _first_shown(self, owner: str, last: str | None) -> str | None:
        if last == "":
            return None
        if last is not None:
            with contextlib.suppress(ConversationNotFound):
                return self._store.get(owner, last).id
        return next((each.id for each in self._store.summaries(owner, limit=1)), None)

    async def follow(self, session: ChatSession) -> Update:
        """What changed without the page's doing: models, and conversations in other pages; called once a second."""
        if session.is_fresh:
            return Update()
        run = self.runs.of(session.conversation_id)
        if run is not None and run.session_id == session.id:
            return Update()
        try:
            newest = await anyio.to_thread.run_sync(self.pictures.newest, session.owner)
        except OpenArcError:
            return Update()  # the next action says what is wrong with the database
        if self.pictures.signature(session, newest) == session.seen and not session.is_unsettled:
            return Update()
        await self.pictures.count(session)
        return await self._update(session)

    async def keep_settings(self, session: ChatSession, conversation_id: str, values: Sequence[Any]) -> Update:
        """The settings panel changed; its values are kept with the conversation they belong to.

        Args:
            conversation_id: which, as the panel was told when it was filled; "": one not yet saved.
        """
        try:
            settings = settings_of(values)
        except OpenArcError:
            return Update()  # the panel itself says what is wrong
        session.shown_settings = settings
        own = {session.conversation_id or "", "" if session.unsaved_id == session.conversation_id else None}
        if conversation_id not in own or settings == session.settings:
            return Update()
        session.settings = settings
        if session.conversation_id is not None:
            try:
                await anyio.to_thread.run_sync(self._keep_settings, session.owner, session.conversation_id, settings)
            except OpenArcError as error:
                session.notice = Notice.of(error)
                return await self._update(session)
        return await self._update(session) if await self.pictures.count(session) else Update()

    def _keep_settings(self, owner: str, conversation_id: str, settings: ChatSettings) -> None:
        with self._store.change(owner, conversation_id) as conversation:
            conversation.settings = settings.kept()

    async def type_json(self, session: ChatSession, text: str) -> AsyncIterator[tuple[Update, str]]:
        """The conversation was typed as JSON: (update, the panel's note). What can't be read changes nothing."""
        brought, words = read_conversation(text)
        if brought is None:
            yield Update(), words
            return
        session.json_text = text
        try:
            self.runs.check_idle(session.conversation_id)
            session.typed = await anyio.to_thread.run_sync(
                type_messages,
                self._store,
                session.owner,
                session.conversation_id,
                brought,
                session.settings,
                session.typed,
            )
        except OpenArcError as error:
            yield Update(), problem_note(error)
            return
        self._adopt(session, session.conversation_id, session.typed.conversation_id)
        yield await self._update(session), words
        if await self.pictures.count(session):
            yield await self._update(session), words

    def _target(self, session: ChatSession, action: wanted.Wanted) -> str | None:
        """The conversation an action is about. A page from before a restart tells it by its action."""
        if session.is_fresh and action.conversation is not None:
            session.show(action.conversation)
        return action.conversation if action.conversation is not None else session.unsaved_id

    def _adopt(self, session: ChatSession, target: str | None, conversation_id: str | None) -> None:
        """The conversation that was not saved yet has an id now."""
        if target is None and conversation_id is not None:
            session.unsaved_id = conversation_id
            session.is_fresh = False
            session.conversation_id = session.conversation_id or conversation_id

    async def _bring_settings(self, session: ChatSession) -> None:
        """The settings of the conversation that is shown now; a new one goes on with those of the one before."""
        conversation = await self.pictures.conversation(session)
        if conversation is None and session.conversation_id is None and session.seen is None:
            conversation = await anyio.to_thread.run_sync(self._newest_conversation, session.owner)
        if conversation is not None:
            try:
                session.settings = ChatSettings.read(conversation.settings)
            except InvalidRequest as error:
                session.settings, session.notice = ChatSettings(), Notice.of(error)

    def _newest_conversation(self, owner: str) -> Conversation | None:
        with contextlib.suppress(OpenArcError):
            newest = self.pictures.newest(owner)
            return self._store.get(owner, newest[0]) if newest is not None else None
        return None

    async def _update(self, session: ChatSession, reply: Mapping[str, Any] | None = None) -> Update:
        view = await self.pictures.view(session)
        said = {"revision": session.next_revision(), **reply} if reply is not None else None
        return Update(view, said)


def _settings_or_problem(session: ChatSession, values: Sequence[Any]) -> tuple[ChatSettings, OpenArcError | None]:
    """The panel's settings; where they can't be read those from before, so that the message is kept all the same."""
    try:
        settings = settings_of(values)
        settings.request_fields()
    except InvalidRequest as error:
        return session.settings, error
    return settings, None


def _told(text: str, tone: str = "") -> dict[str, Any]:
    return {"kind": "told", "tone": tone, "text": text}
