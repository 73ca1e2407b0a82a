"""What one open page is at: its conversation, search, draft, notice. Lost with the page; what is to stay is in the store."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from openarc_ui.conversations.owner import API_OWNER, owner_of
from openarc_ui.errors import OpenArcError
from openarc_ui.ui.chat.gauge import Gauge
from openarc_ui.ui.chat.settings import ChatSettings
from openarc_ui.ui.status_strip import LOAD_TAB, TUNE_LINK

FIRST_SHOWN = 60
MORE_SHOWN = 200
MOST_SESSIONS = 1000
OPEN_LOAD = ("Open the Load tab", LOAD_TAB)
OPEN_RUN = ("Open the run in the Tune tab", TUNE_LINK)


@dataclass(frozen=True, slots=True)
class Notice:
    """Words above the composer, with buttons: (label, the action a press sends), and a link: (label, address)."""

    text: str
    hint: str = ""
    tone: str = "bad"
    actions: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    link: tuple[str, str] | None = None

    @classmethod
    def of(cls, error: OpenArcError, *actions: tuple[str, Mapping[str, Any]]) -> Notice:
        """An error's words."""
        return cls(error.message, error.hint, "bad", actions)


@dataclass(frozen=True, slots=True)
class Typed:
    """A branch that typing JSON made, which goes on until something else changes the conversation.

    Attributes:
        before: ids of the path from before the typing.
        after: ids of the path it made.
    """

    conversation_id: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(slots=True)
class ChatSession:
    """One open page. Only the event loop's thread changes it.

    Attributes:
        id: Gradio's session hash.
        owner: whose conversations it sees.
        conversation_id: the one that is shown; None: one that is not saved yet.
        unsaved_id: what the one that was not saved yet became, for actions sent before the page knew.
        shown: how many conversations the list shows at most.
        is_fresh: nothing was shown yet; also of a page from before a restart of the server.
        settings: of the conversation that is shown.
        shown_settings: what the panel shows, as far as is known; where they differ, it has to be filled.
        last_seed: of the answer that came last.
        filled_for: the conversation the panel was filled for.
        json_text: what the JSON panel shows.
        typed: what was done to the conversation by typing JSON.
        panel: the open tab of the right column.
        seen: what the view showed last, so that the follower knows whether there is news.
        is_unsettled: an answer that is shown as being written is nobody's here: of another process, or of one that died.
        revision: counts the views sent; begins high enough to be above those from before a restart.
    """

    id: str
    owner: str
    conversation_id: str | None = None
    unsaved_id: str | None = None
    is_fresh: bool = True
    search: str = ""
    shown: int = FIRST_SHOWN
    draft: str = ""
    prefill: str = ""
    notice: Notice | None = None
    gauge: Gauge | None = None
    settings: ChatSettings = field(default_factory=ChatSettings)
    shown_settings: ChatSettings = field(default_factory=ChatSettings)
    last_seed: int | None = None
    filled_for: str | None = None
    json_text: str | None = None
    typed: Typed | None = None
    panel: str = "settings"
    seen: object = None
    is_unsettled: bool = False
    revision: int = field(default_factory=lambda: round(time.time() * 1000))

    def next_revision(self) -> int:
        self.revision += 1
        return self.revision

    def show(self, conversation_id: str | None) -> None:
        """Go to another conversation; what belonged to the one before is left."""
        self.conversation_id, self.unsaved_id, self.is_fresh = conversation_id, None, False
        self.draft, self.prefill, self.notice, self.gauge = "", "", None, None


def owner_of_request(request: gr.Request) -> str:
    """Whose conversations a page sees: the browser's, by its cookie; without one only this page's own."""
    owner = owner_of(dict(request.cookies))
    return f"page {request.session_hash}" if owner == API_OWNER else owner


class Sessions:
    """Session hash -> what that page is at."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, ChatSession] = OrderedDict()

    def of(self, session_hash: str, owner: str) -> ChatSession:
        """A page's session; a new one for a page that is new, or from before a restart."""
        known = self._sessions.get(session_hash)
        if known is None or known.owner != owner:
            known = self._sessions[session_hash] = ChatSession(session_hash, owner)
        self._sessions.move_to_end(session_hash)
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return known

    def known(self, session_hash: str, cookies: Mapping[str, str]) -> ChatSession | None:
        """The session of a page that names itself; None where it is not this browser's, or there is none."""
        session, owner = self._sessions.get(session_hash), owner_of(cookies)
        own = {owner, f"page {session_hash}"} - {API_OWNER}
        return session if session is not None and session.owner in own else None

    def drop(self, session_hash: str) -> None:
        """The page was closed."""
        self._sessions.pop(session_hash, None)
