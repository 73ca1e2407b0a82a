"""A conversation as rows, and back: of a change only the rows that changed are written.

Its caller is within a transaction and knows whose the conversation is.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from openarc_ui.conversations.node import Answer
from openarc_ui.conversations.search import folded_if_needed
from openarc_ui.conversations.tree import Conversation, Node, Placement
from openarc_ui.engine.bounds import check_json
from openarc_ui.engine.frozen import is_text
from openarc_ui.engine.message import Message, ToolCall
from openarc_ui.errors import InvalidRequest

MAX_SETTINGS_BYTES = 300_000
MESSAGE_COLUMNS = (
    "conversation",
    "id",
    "parent_id",
    "position",
    "is_selected",
    "role",
    "name",
    "tool_call_id",
    "created_at",
    "tokens_id",
    "tool_calls",
    "answer",
    "reasoning",
    "folded",
    "content",
)
LOADED_COLUMNS = tuple(name for name in MESSAGE_COLUMNS if name not in ("conversation", "folded"))
LOAD = f"SELECT {', '.join(LOADED_COLUMNS)} FROM messages WHERE conversation = ?"
PUT = (
    f"INSERT INTO messages ({', '.join(MESSAGE_COLUMNS)}) VALUES ({', '.join('?' * len(MESSAGE_COLUMNS))})"
    " ON CONFLICT (conversation, id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in MESSAGE_COLUMNS[2:])
)
PLACE = "UPDATE messages SET parent_id = ?, position = ?, is_selected = ? WHERE conversation = ? AND id = ?"
ANSWER_FIELDS = tuple(field.name for field in fields(Answer) if field.name != "tokens_id")
UNUSED_TOKENS = (
    "DELETE FROM tokens WHERE conversation = ?1 AND id = ?2"
    " AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation = ?1 AND tokens_id = ?2)"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A conversation as it is in the database; it is copied to be changed.

    Attributes:
        revision: another one after every change.
        head: title, shown_title, folded_title, settings, messages: what its row has beside its times.
    """

    key: int
    revision: int
    conversation: Conversation
    head: tuple[Any, ...]


def load(connection: sqlite3.Connection, key: int) -> Stored:
    """Read a conversation that exists."""
    query = "SELECT id, title, settings, created_at, updated_at, revision FROM conversations WHERE key = ?"
    conversation_id, title, settings, created_at, updated_at, revision = connection.execute(query, (key,)).fetchone()
    conversation = Conversation(id=conversation_id, title=title, settings=json.loads(settings))
    conversation.created_at, conversation.updated_at = created_at, updated_at
    conversation.restore(_placement(row) for row in connection.execute(LOAD, (key,)))
    return Stored(key, revision, conversation, _head(conversation))


def insert(connection: sqlite3.Connection, owner: bytes, conversation_id: str, conversation: Conversation) -> None:
    """Write a whole conversation. Details of tokens that another one has do not come along.

    Raises:
        InvalidRequest: its settings are too large, or no JSON.
    """
    head = _head(conversation)
    columns = "id, owner, created_at, updated_at, title, shown_title, folded_title, settings, messages, revision"
    key = connection.execute(
        f"INSERT INTO conversations ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (conversation_id, owner, conversation.created_at, conversation.updated_at, *head, new_revision()),
    ).lastrowid
    assert key is not None
    _put(connection, key, (_without_tokens(each) for each in conversation.placements().values()))


def update(connection: sqlite3.Connection, stored: Stored, conversation: Conversation) -> Stored:
    """Write what is another in `conversation`, a changed copy of what is stored; returns what is stored then.

    Raises:
        InvalidRequest: its settings are too large, or no JSON.
    """
    changed, gone = conversation.changed_since(stored.conversation)
    head = _head(conversation)
    if not changed and not gone and head == stored.head:
        return stored
    before = stored.conversation.nodes
    gone_ids = [(stored.key, node.id) for node in gone]
    connection.executemany("DELETE FROM messages WHERE conversation = ? AND id = ?", gone_ids)
    said = [each for each in changed if not _says_the_same(before.get(each.node.id), each.node)]
    placed = [each for each in changed if _says_the_same(before.get(each.node.id), each.node)]
    _put(connection, stored.key, said)
    connection.executemany(
        PLACE,
        [(each.node.parent_id, each.position, each.is_selected, stored.key, each.node.id) for each in placed],
    )
    old = [*gone, *(before[each.node.id] for each in said if each.node.id in before)]
    drop_unused_tokens(connection, stored.key, {node.answer.tokens_id for node in old if node.answer} - {""})
    if said or gone or head[0] != stored.head[0]:
        conversation.updated_at = time.time()
    revision = new_revision()
    connection.execute(
        "UPDATE conversations SET title = ?, shown_title = ?, folded_title = ?, settings = ?, messages = ?,"
        " updated_at = ?, revision = ? WHERE key = ?",
        (*head, conversation.updated_at, revision, stored.key),
    )
    return Stored(stored.key, revision, conversation.copy(), head)


def new_revision() -> int:
    """A number no other state of any conversation has, also not one of a backup that is brought back."""
    return secrets.randbits(62)


def drop_unused_tokens(connection: sqlite3.Connection, key: int, tokens_ids: Iterable[str]) -> None:
    """Delete these details of tokens, as far as no message has them any more."""
    connection.executemany(UNUSED_TOKENS, [(key, tokens_id) for tokens_id in tokens_ids])


def _head(conversation: Conversation) -> tuple[Any, ...]:
    """The `head` of a Stored.

    Raises:
        InvalidRequest: the settings are too large, or no JSON.
    """
    shown = conversation.shown_title
    length = len(conversation.path())
    return conversation.title, shown, folded_if_needed(shown), _settings_text(conversation.settings), length


def _settings_text(settings: dict[str, Any]) -> str:
    try:
        text = json.dumps(check_json(settings), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"The settings of a conversation are JSON: {error}.") from None
    if not is_text(text) or len(text.encode()) > MAX_SETTINGS_BYTES:
        raise InvalidRequest(f"The settings of a conversation are a text of at most {MAX_SETTINGS_BYTES:,} bytes.")
    return text


def _put(connection: sqlite3.Connection, key: int, placements: Iterable[Placement]) -> None:
    connection.executemany(PUT, [_row(key, each) for each in placements])


def _row(key: int, placement: Placement) -> tuple[Any, ...]:
    node = placement.node
    return (
        key,
        node.id,
        node.parent_id,
        placement.position,
        placement.is_selected,
        node.role,
        node.name,
        node.tool_call_id,
        node.created_at,
        node.answer.tokens_id if node.answer else "",
        json.dumps([call.model_dump(mode="json") for call in node.tool_calls]) if node.tool_calls else None,
        _answer_text(node.answer) if node.answer else None,
        node.reasoning,
        folded_if_needed(node.content),
        node.content,
    )


def _placement(row: tuple[Any, ...]) -> Placement:
    """What was checked when it was written is not checked again."""
    (node_id, parent_id, position, is_selected, role, name, call_id, created_at, tokens_id, *texts) = row
    tool_calls, answer, reasoning, content = texts
    message = Message.model_construct(
        role=role,
        content=content,
        name=name,
        tool_calls=tuple(map(ToolCall.model_validate, json.loads(tool_calls))) if tool_calls else None,
        tool_call_id=call_id,
        reasoning_content=reasoning,
    )
    known = Answer(**json.loads(answer), tokens_id=tokens_id) if answer else None
    return Placement(Node(node_id, parent_id, message, created_at, known), position, bool(is_selected))


def _answer_text(answer: Answer) -> str:
    return json.dumps({name: getattr(answer, name) for name in ANSWER_FIELDS}, allow_nan=False)


def _says_the_same(before: Node | None, after: Node) -> bool:
    """Only its place is another one."""
    return before is not None and (before.message, before.answer, before.created_at) == (
        after.message,
        after.answer,
        after.created_at,
    )


def _without_tokens(placement: Placement) -> Placement:
    answer = placement.node.answer
    if answer is None or not answer.tokens_id:
        return placement
    return replace(placement, node=replace(placement.node, answer=replace(answer, tokens_id="")))
