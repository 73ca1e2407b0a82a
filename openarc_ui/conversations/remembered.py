"""The conversations that were used last, in memory, so that one message of a thousand is not read with all the others.

What is remembered counts only while the database still has the same revision of it, which its user looks up first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from openarc_ui.conversations.rows import Stored

MAX_CHARACTERS = 32_000_000
CHARACTERS_OF_A_NODE = 1_000
"""What a message weighs beside its content: about the memory of its objects."""


class Remembered:
    """Conversations by id, as many as fit into `MAX_CHARACTERS`; the least recently used go first. Thread-safe."""

    def __init__(self, max_characters: int = MAX_CHARACTERS) -> None:
        self._max_characters = max_characters
        self._lock = threading.Lock()
        self._stored: OrderedDict[str, tuple[Stored, int]] = OrderedDict()
        self._characters = 0

    def get(self, conversation_id: str, revision: int) -> Stored | None:
        """The conversation in this revision, not to be changed; None when it is not remembered."""
        with self._lock:
            found = self._stored.get(conversation_id)
            if found is None or found[0].revision != revision:
                return None
            self._stored.move_to_end(conversation_id)
            return found[0]

    def put(self, stored: Stored) -> None:
        """Remember a conversation that was read or written; nobody changes it any more."""
        nodes = stored.conversation.nodes.values()
        weight = sum(len(node.content) for node in nodes) + CHARACTERS_OF_A_NODE * len(nodes)
        with self._lock:
            self._drop(stored.conversation.id)
            if weight > self._max_characters:
                return
            self._stored[stored.conversation.id] = stored, weight
            self._characters += weight
            while self._characters > self._max_characters:
                self._drop(next(iter(self._stored)))

    def forget(self, conversation_id: str) -> None:
        """Let go of a conversation that was deleted."""
        with self._lock:
            self._drop(conversation_id)

    def clear(self) -> None:
        """Let go of all."""
        with self._lock:
            self._stored.clear()
            self._characters = 0

    def _drop(self, conversation_id: str) -> None:
        _, weight = self._stored.pop(conversation_id, (None, 0))
        self._characters -= weight
