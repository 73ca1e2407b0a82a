"""ConversationStore: every owner's conversations in one SQLite file, read and changed in whole transactions.

What was written is what is read next, by any thread and any process. Of an owner only the SHA-256 is kept.
Every method blocks for some milliseconds: call it from a thread.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from openarc_ui.conversations import rows
from openarc_ui.conversations.database import WAIT_SECONDS, Database
from openarc_ui.conversations.remembered import Remembered
from openarc_ui.conversations.search import Search
from openarc_ui.conversations.tokens import pack_details, unpack_details
from openarc_ui.conversations.tree import Conversation, new_id
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.frozen import is_text
from openarc_ui.engine.prompts import TokenDetail
from openarc_ui.engine.types import SamplingParameters
from openarc_ui.errors import ConversationNotFound, InvalidRequest, MessageNotFound, nearest

MAX_SUMMARIES = 1000
MAX_PRESETS = 200
MAX_PRESET_NAME_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in a list.

    Attributes:
        title: as shown.
        updated_at, created_at: seconds since the epoch.
        messages: length of the active path.
        snippet: what is around the first hit of a search in its messages; "" without one.
    """

    id: str
    title: str
    updated_at: float
    created_at: float
    messages: int
    snippet: str = ""


class ConversationStore:
    """The conversations of all owners. Thread-safe; the file is made when it is first needed.

    Every method raises ConversationsUnusable when the file can't be read or written, which a hint explains.
    """

    def __init__(self, path: Path, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self.path = path
        self._database = Database(path, wait_seconds)
        self._remembered = Remembered()

    @property
    def notice(self) -> str | None:
        """That a damaged file was set aside, where that happened since the start; else None."""
        return self._database.notice

    def summaries(self, owner: str, search: str = "", limit: int = 200, offset: int = 0) -> list[Summary]:
        """An owner's conversations, the one changed last first; with `search`, those that have it in title or messages.

        All versions of the messages are searched, without regard to case.

        Raises:
            InvalidRequest: limit is not within 1 to `MAX_SUMMARIES`, offset is negative, or search is too long.
        """
        if not 1 <= limit <= MAX_SUMMARIES:
            raise InvalidRequest(f"limit is 1 to {MAX_SUMMARIES}, not {limit}.")
        if not 0 <= offset < 2**63:
            raise InvalidRequest("offset is 0 or more.")
        sought = Search(search)
        with self._database.reading() as connection:
            return [
                _summary(shown, sought.snippet(connection, key))
                for key, *shown in sought.found(connection, _hash(owner), limit, offset)
            ]

    def create(self, owner: str, title: str = "", settings: dict[str, Any] | None = None) -> Conversation:
        """Begin an empty conversation.

        Raises:
            InvalidRequest: the title or the settings are too large.
        """
        return self.add(owner, Conversation(title=title, settings=settings))

    def add(self, owner: str, conversation: Conversation) -> Conversation:
        """Keep a conversation that was made elsewhere, under an id of its own; returns it as kept.

        Raises:
            InvalidRequest: its settings are too large.
        """
        with self._database.writing() as connection:
            conversation_id = secrets.token_hex(8)
            rows.insert(connection, _hash(owner), conversation_id, conversation)
            return self._load(connection, owner, conversation_id).conversation.copy()

    def get(self, owner: str, conversation_id: str) -> Conversation:
        """
        Raises:
            ConversationNotFound: it does not exist, or is another owner's.
        """
        with self._database.reading() as connection:
            return self._load(connection, owner, conversation_id).conversation.copy()

    @contextmanager
    def change(self, owner: str, conversation_id: str) -> Iterator[Conversation]:
        """A conversation to be changed: what changed is written on leaving, all of it or, with an error, nothing.

        Nobody else writes meanwhile, so do nothing slow inside.

        Raises:
            ConversationNotFound: it does not exist, or is another owner's.
            InvalidRequest: its settings are too large.
            RuntimeError: within another change of this thread.
        """
        with self._database.writing() as connection:
            stored = self._load(connection, owner, conversation_id)
            conversation = stored.conversation.copy()
            yield conversation
            stored = rows.update(connection, stored, conversation)
        self._remembered.put(stored)

    def delete(self, owner: str, conversation_id: str) -> None:
        """
        Raises:
            ConversationNotFound: it does not exist, or is another owner's.
        """
        with self._database.writing() as connection:
            key, _ = self._found(connection, owner, conversation_id)
            connection.execute("DELETE FROM conversations WHERE key = ?", (key,))
        self._remembered.forget(conversation_id)

    def delete_all(self, owner: str) -> int:
        """Delete an owner's conversations; returns how many there were. Presets stay."""
        with self._database.writing() as connection:
            count = connection.execute("DELETE FROM conversations WHERE owner = ?", (_hash(owner),)).rowcount
        self._remembered.clear()
        return count

    def put_tokens(self, owner: str, conversation_id: str, node_id: str, details: Sequence[TokenDetail]) -> None:
        """Keep the details of an answer's tokens, in place of older ones; none removes them.

        Raises:
            ConversationNotFound, MessageNotFound: there is no such message.
            InvalidRequest: no model generated it.
        """
        packed = pack_details(details)
        with self._database.writing() as connection:
            key, _ = self._found(connection, owner, conversation_id)
            old_id, is_answer = _tokens_id(connection, key, node_id)
            if not is_answer:
                raise InvalidRequest("Only a message that a model generated has details of its tokens.")
            tokens_id = new_id() if details else ""
            if details:
                connection.execute("INSERT INTO tokens VALUES (?, ?, ?)", (key, tokens_id, packed))
            connection.execute(
                "UPDATE messages SET tokens_id = ? WHERE conversation = ? AND id = ?", (tokens_id, key, node_id)
            )
            connection.execute("UPDATE conversations SET revision = ? WHERE key = ?", (rows.new_revision(), key))
            rows.drop_unused_tokens(connection, key, {old_id} - {""})

    def tokens(self, owner: str, conversation_id: str, node_id: str) -> tuple[TokenDetail, ...]:
        """The details of an answer's tokens; () when none are kept.

        Raises:
            ConversationNotFound, MessageNotFound: there is no such message.
        """
        with self._database.reading() as connection:
            key, _ = self._found(connection, owner, conversation_id)
            tokens_id, _ = _tokens_id(connection, key, node_id)
            found = connection.execute(
                "SELECT details FROM tokens WHERE conversation = ? AND id = ?", (key, tokens_id)
            ).fetchone()
        return unpack_details(found[0]) if found else ()

    def presets(self, owner: str) -> dict[str, dict[str, Any]]:
        """An owner's named sampling parameters, by name in alphabetical order."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT name, sampling FROM presets WHERE owner = ? ORDER BY name", (_hash(owner),)
            ).fetchall()
        return {name: json.loads(sampling) for name, sampling in found}

    def put_preset(self, owner: str, name: str, sampling: dict[str, Any]) -> None:
        """Keep sampling parameters under a name, in place of those of that name.

        Raises:
            InvalidRequest: a parameter is unknown or out of range, the name is empty or too long, or there are too many.
        """
        name = name.strip()
        if not is_text(name) or not 1 <= len(name) <= MAX_PRESET_NAME_CHARACTERS:
            raise InvalidRequest(f"A preset has a name of 1 to {MAX_PRESET_NAME_CHARACTERS} characters.")
        try:
            parameters = SamplingParameters.model_validate(sampling)
        except ValidationError as error:
            raise explain(
                error.errors(), fields_by_path(SamplingParameters), what="The preset", hint="Nothing was kept."
            ) from None
        values = json.dumps(parameters.model_dump(mode="json", exclude_none=True), ensure_ascii=False)
        with self._database.writing() as connection:
            others = "SELECT count(*) FROM presets WHERE owner = ? AND name <> ?"
            (count,) = connection.execute(others, (_hash(owner), name)).fetchone()
            if count >= MAX_PRESETS:
                raise InvalidRequest(f"There are {count} presets already.", "Delete one that is not used.")
            connection.execute("INSERT OR REPLACE INTO presets VALUES (?, ?, ?)", (_hash(owner), name, values))

    def delete_preset(self, owner: str, name: str) -> None:
        """
        Raises:
            InvalidRequest: there is none of that name; with the nearest one.
        """
        known = self.presets(owner)
        if name not in known:
            raise InvalidRequest(f"There is no preset '{name[:80]}'.", nearest(name, known))
        with self._database.writing() as connection:
            connection.execute("DELETE FROM presets WHERE owner = ? AND name = ?", (_hash(owner), name))

    def close(self) -> None:
        """Close the file. Idempotent; what comes later is refused."""
        self._remembered.clear()
        self._database.close()

    def _found(self, connection: sqlite3.Connection, owner: str, conversation_id: str) -> tuple[int, int]:
        """Key and revision of an owner's conversation."""
        found = None
        if is_text(conversation_id):
            query = "SELECT key, revision FROM conversations WHERE id = ? AND owner = ?"
            found = connection.execute(query, (conversation_id, _hash(owner))).fetchone()
        if found is None:
            raise ConversationNotFound(
                "There is no such conversation.", "It was deleted, or it belongs to another browser."
            )
        return found[0], found[1]

    def _load(self, connection: sqlite3.Connection, owner: str, conversation_id: str) -> rows.Stored:
        """As remembered, where the database has the same revision; else from the database. Not to be changed."""
        key, revision = self._found(connection, owner, conversation_id)
        stored = self._remembered.get(conversation_id, revision)
        if stored is None:
            stored = rows.load(connection, key)
            self._remembered.put(stored)
        return stored


def _summary(shown: Sequence[Any], snippet: str) -> Summary:
    conversation_id, title, updated_at, created_at, messages = shown
    return Summary(conversation_id, title, updated_at, created_at, messages, snippet)


def _tokens_id(connection: sqlite3.Connection, key: int, node_id: str) -> tuple[str, bool]:
    """Where a message's details are, and whether it is an answer at all.

    Raises:
        MessageNotFound: no message of that id is in the conversation.
    """
    query = "SELECT tokens_id, answer IS NOT NULL FROM messages WHERE conversation = ? AND id = ?"
    found = connection.execute(query, (key, node_id)).fetchone() if is_text(node_id) else None
    if found is None:
        raise MessageNotFound(
            "This conversation has no such message.", "It was deleted; look at the conversation again."
        )
    return found[0], bool(found[1])


def _hash(owner: str) -> bytes:
    return hashlib.sha256(owner.encode("utf-8", "surrogatepass")).digest()
