"""Conversation: a tree of messages of which one path is shown and sent.

Two messages below the same parent are versions of each other; each parent, and the root, remembers which of them is
selected. Nothing here knows a database. A Conversation belongs to one thread; `ConversationStore.change` hands one out.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Literal

from openarc_ui.conversations.node import Answer as Answer
from openarc_ui.conversations.node import Node as Node
from openarc_ui.conversations.node import Placement as Placement
from openarc_ui.conversations.node import checked_message, ended, is_hollow, message_from
from openarc_ui.conversations.node import new_id as new_id
from openarc_ui.conversations.structure import Tree
from openarc_ui.conversations.titles import clean_title, derived_title
from openarc_ui.engine.message import Message, Role
from openarc_ui.errors import InvalidRequest


class Conversation(Tree):
    """A conversation, to be read and changed.

    Attributes:
        id: "" while no store has it.
        settings: the Chat tab's settings for it; JSON.
        created_at, updated_at: seconds since the epoch; the store sets them.
    """

    def __init__(
        self,
        messages: Iterable[Message] = (),
        *,
        title: str = "",
        settings: dict[str, Any] | None = None,
        id: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.id = id
        self._title = clean_title(title)
        self.settings: dict[str, Any] = dict(settings or {})
        self.created_at = self.updated_at = clock()
        parent_id = None
        for message in messages:
            parent_id = self._add(parent_id, message).id

    def copy(self) -> Conversation:
        """One that can be changed without changing this one; under the same id."""
        copy = Conversation(title=self._title, settings=deepcopy(self.settings), id=self.id, clock=self._clock)
        copy.created_at, copy.updated_at = self.created_at, self.updated_at
        copy._copy_structure(self)
        return copy

    @property
    def title(self) -> str:
        """As given, on one line; "" means that `shown_title` takes it from the first user message."""
        return self._title

    @title.setter
    def title(self, title: str) -> None:
        """
        Raises:
            InvalidRequest: it is too long.
        """
        self._title = clean_title(title)

    @property
    def shown_title(self) -> str:
        """The title, or the beginning of the first user message, or "New conversation"."""
        return self.title or derived_title(node.message for node in self.path())

    def insert(self, message: Message, before: str | None = None) -> Node:
        """Add a message before another one, or at the end of the path. All versions of that one go below the new one.

        Raises:
            MessageNotFound: there is no message `before`.
            InvalidRequest: the message is too large, or there are too many.
        """
        if before is None:
            path = self.path()
            return self._add(path[-1].id if path else None, message)
        parent_id = self.node(before).parent_id
        moved, selected = self._children[parent_id], self._selected[parent_id]
        node = self._create(parent_id, message)
        self._children[parent_id] = (node.id,)
        self._selected[parent_id] = node.id
        self._adopt(node.id, moved)
        self._children[node.id] = moved
        self._selected[node.id] = selected
        return node

    def edit(self, node_id: str, content: str, *, role: Role | None = None, keep_rest: bool = True) -> Node:
        """Make a new version of a message and select it; what follows is copied below it, unless told otherwise.

        Reasoning, tool calls and call id go along where the role stays. The new version is not an answer any more,
        unless nothing changed.

        Raises:
            MessageNotFound, InvalidRequest: no such message; a wrong role; too large, or too many.
        """
        old = self.node(node_id)
        if role is None or role == old.role:
            message = message_from(old.message.model_copy(update={"content": content}).model_dump())
        else:
            message = message_from({"role": role, "content": content, "name": old.name})
        rest = self._chain(node_id) if keep_rest else ()
        self._check_room(1 + len(rest))
        version = self._add(old.parent_id, message, ended(old.answer) if message == old.message else None)
        self._copy_below(version.id, rest)
        return version

    def delete(self, node_id: str) -> None:
        """Remove one message, in this version. What follows it moves up to its place.

        Where the path went through it, it goes on with what followed; only where nothing did, the version beside it is
        selected. Its other versions stay beside what came to its place.

        Raises:
            MessageNotFound: no such message.
        """
        self._remove(node_id)

    def delete_from(self, node_id: str) -> None:
        """Remove a message and everything below it, in all versions. Another version of it is selected, if there is one.

        Raises:
            MessageNotFound: no such message.
        """
        self._remove_below(node_id)
        self._remove(node_id)

    def move(self, node_id: str, by: Literal[-1, 1]) -> Node:
        """Swap a message with the one before (-1) or after it (1) on its path. Ids and versions stay at their places.

        Returns:
            The node that holds the message now.

        Raises:
            MessageNotFound, InvalidRequest: no such message; it is the first or last already, or one is being generated.
        """
        node = self.node(node_id)
        if by not in (-1, 1):
            raise InvalidRequest(f"A message moves by -1 or 1, not by {by}.")
        other = self.selected(node_id) if by == 1 else self._nodes.get(node.parent_id or "")
        if other is None:
            raise InvalidRequest(f"This message is the {'last' if by == 1 else 'first'} already.")
        if any(each.answer is not None and each.answer.is_running for each in (node, other)):
            raise InvalidRequest("An answer that is being generated can't be moved.", "Wait for its end, or stop it.")
        self._nodes[node_id] = replace(other, id=node.id, parent_id=node.parent_id)
        moved = self._nodes[other.id] = replace(node, id=other.id, parent_id=other.parent_id)
        return moved

    def add_answer(self, parent_id: str | None, message: Message, answer: Answer) -> Node:
        """Add what a model says after a message, as a new version of what follows it, and select it.

        Raises:
            MessageNotFound, InvalidRequest: no such parent; too large, or too many.
        """
        return self.add_version(parent_id, message, answer)

    def update_answer(self, node_id: str, *, message: Message | None = None, answer: Answer | None = None) -> Node:
        """Put the state of an answer that is being generated in place of its older one; what is left out stays.

        Raises:
            MessageNotFound, InvalidRequest: it was deleted meanwhile; it is too large.
        """
        node = self.node(node_id)
        self._nodes[node_id] = replace(
            node,
            message=node.message if message is None else checked_message(message),
            answer=node.answer if answer is None else _with_tokens_of(node, answer),
        )
        return self._nodes[node_id]

    def undo(self) -> str:
        """Take the last user message of the path back: with all its versions and everything below them, at once.

        Nothing is asked; `last_question` and `below` tell beforehand what goes.

        Returns:
            Its content, in the version that was selected.

        Raises:
            InvalidRequest: the path has no user message.
        """
        question = self.last_question()
        for version in self.versions(question.id):
            self.delete_from(version.id)
        return question.content

    def last_question(self) -> Node:
        """The last user message of the path.

        Raises:
            InvalidRequest: the path has no user message.
        """
        for node in reversed(self.path()):
            if node.role == "user":
                return node
        raise InvalidRequest("There is no user message to take back.")

    def replace_path(self, messages: Sequence[Message]) -> tuple[Node, ...]:
        """Make the path consist of these messages, and keep the path so far as another version.

        The common beginning stays; from the first difference a new branch begins. Messages that were on the path
        already keep what is known of them as answers. A path that only gets shorter is a new version of its last message.

        Returns:
            The new path.

        Raises:
            InvalidRequest: there are no messages although the conversation has some; too large, or too many.
        """
        messages = [checked_message(message) for message in messages]
        old = self.path()
        if old and not messages:
            raise InvalidRequest(
                "A conversation can't lose all its messages this way.", "Delete it, or begin a new one."
            )
        common = 0
        while common < min(len(old), len(messages)) and old[common].message == messages[common]:
            common += 1
        if common == len(messages) < len(old):
            common -= 1
        self._check_room(len(messages) - common)
        known: dict[str, deque[Node]] = {}
        for node in old[common:]:
            known.setdefault(_key(node.message), deque()).append(node)
        parent_id = old[common - 1].id if common else None
        is_only_one = len(messages) - common == 1
        for message in messages[common:]:
            same = known.get(_key(message))
            if same:
                node = same.popleft()
                if is_hollow(node) and not is_only_one:
                    continue
                parent_id = self._add(parent_id, message, ended(node.answer), node.created_at).id
            else:
                parent_id = self._add(parent_id, message).id
        return self.path()


def _key(message: Message) -> str:
    """Equal for equal messages."""
    return json.dumps(message.model_dump(mode="json"), sort_keys=True)


def _with_tokens_of(node: Node, answer: Answer) -> Answer:
    """The answer, which knows no details of its tokens, with those that are kept for its older state."""
    if answer.tokens_id or node.answer is None:
        return answer
    return replace(answer, tokens_id=node.answer.tokens_id)
