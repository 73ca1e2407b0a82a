"""Tree: messages below each other, in versions, with one selected at each place.

It keeps the structure whole; what a person does to a conversation is `tree.Conversation`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from openarc_ui.conversations.node import Answer, Node, Placement, checked_message, ended, is_hollow, new_id
from openarc_ui.engine.message import Message
from openarc_ui.errors import InvalidRequest, MessageNotFound

MAX_NODES = 10_000
"""Messages of a conversation, all versions of them counted."""


class Tree:
    """Nodes by id, the versions of what follows each (None: of the first message), and which of them is selected.

    Every parent with children has one of them selected; nothing is unreachable from the root.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._nodes: dict[str, Node] = {}
        self._children: dict[str | None, tuple[str, ...]] = {}
        self._selected: dict[str | None, str] = {}

    def restore(self, placements: Iterable[Placement]) -> None:
        """Take up what `placements` gave, in any order; it is believed."""
        places: dict[str | None, list[tuple[int, str]]] = {}
        for each in placements:
            self._nodes[each.node.id] = each.node
            places.setdefault(each.node.parent_id, []).append((each.position, each.node.id))
            if each.is_selected:
                self._selected[each.node.parent_id] = each.node.id
        for parent_id, versions in places.items():
            self._children[parent_id] = tuple(node_id for _, node_id in sorted(versions))

    def placements(self) -> dict[str, Placement]:
        """Everything of the tree: each node, by its id, with its place."""
        return {
            node_id: Placement(self._nodes[node_id], position, self._selected[parent_id] == node_id)
            for parent_id, versions in self._children.items()
            for position, node_id in enumerate(versions)
        }

    def changed_since(self, before: Tree) -> tuple[list[Placement], list[Node]]:
        """What is another than in an older copy of this tree: (nodes that are new or changed, old nodes that are gone)."""
        changed = {node_id for node_id, node in self._nodes.items() if before._nodes.get(node_id) is not node}
        for parent_id, versions in self._children.items():
            if (
                before._children.get(parent_id) is not versions
                or before._selected.get(parent_id) != self._selected[parent_id]
            ):
                changed.update(versions)
        gone = [node for node_id, node in before._nodes.items() if node_id not in self._nodes]
        return [self._placement(self._nodes[node_id]) for node_id in changed], gone

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Every message by its id, all versions of them, in no order."""
        return MappingProxyType(self._nodes)

    def node(self, node_id: str) -> Node:
        """
        Raises:
            MessageNotFound: no message of that id is in this conversation.
        """
        try:
            return self._nodes[node_id]
        except KeyError:
            raise MessageNotFound(
                "This conversation has no such message.", "It was deleted; look at the conversation again."
            ) from None

    def path(self) -> tuple[Node, ...]:
        """What is shown and sent: the selected messages from the first to the last."""
        return self._chain(None)

    def children(self, node_id: str | None) -> tuple[Node, ...]:
        """The versions of what follows a message, in their order; of None, of the first message."""
        return tuple(self._nodes[each] for each in self._children.get(node_id, ()))

    def selected(self, node_id: str | None) -> Node | None:
        """Which of `children` is selected; None where nothing follows."""
        chosen = self._selected.get(node_id)
        return None if chosen is None else self._nodes[chosen]

    def below(self, node_id: str) -> tuple[Node, ...]:
        """Everything that follows a message, in all versions, in no order.

        Raises:
            MessageNotFound: no such message.
        """
        found: list[str] = []
        waiting = [self.node(node_id).id]
        while waiting:
            children = self._children.get(waiting.pop(), ())
            found += children
            waiting += children
        return tuple(self._nodes[each] for each in found)

    def versions(self, node_id: str) -> tuple[Node, ...]:
        """A message and everything that stands at the same place, in order."""
        return self.children(self.node(node_id).parent_id)

    def add_version(
        self, parent_id: str | None, message: Message, answer: Answer | None = None, created_at: float | None = None
    ) -> Node:
        """Add a message after another one, or at the root, as a new version of what follows there, and select it.

        Raises:
            MessageNotFound, InvalidRequest: no such parent; too large, or too many.
        """
        if parent_id is not None:
            self.node(parent_id)
        return self._add(parent_id, message, answer, created_at)

    def select(self, node_id: str) -> None:
        """Lead the path through a message.

        Raises:
            MessageNotFound: no such message.
        """
        node: Node | None = self.node(node_id)
        while node is not None:
            self._selected[node.parent_id] = node.id
            node = None if node.parent_id is None else self._nodes[node.parent_id]

    def _copy_structure(self, other: Tree) -> None:
        """Become equal to another tree; the nodes, which never change, are shared."""
        self._nodes = dict(other._nodes)
        self._children = dict(other._children)
        self._selected = dict(other._selected)

    def _placement(self, node: Node) -> Placement:
        position = self._children[node.parent_id].index(node.id)
        return Placement(node, position, self._selected[node.parent_id] == node.id)

    def _remove(self, node_id: str) -> None:
        """Take one node out; its children come to its place, and the path goes on through them where it went through it."""
        node = self.node(node_id)
        versions, below = self._children[node.parent_id], self._children.pop(node_id, ())
        selected_below = self._selected.pop(node_id, None)
        place = versions.index(node_id)
        self._adopt(node.parent_id, below)
        self._children[node.parent_id] = versions[:place] + below + versions[place + 1 :]
        if self._selected[node.parent_id] == node_id:
            beside = versions[place - 1] if place else (versions[1] if len(versions) > 1 else None)
            self._choose(node.parent_id, selected_below or beside)
        del self._nodes[node_id]

    def _remove_below(self, node_id: str) -> None:
        """Take out everything below a node."""
        waiting = [self.node(node_id).id]
        while waiting:
            waiting.extend(self._children.pop(below := waiting.pop(), ()))
            self._selected.pop(below, None)
            if below != node_id:
                del self._nodes[below]

    def _chain(self, node_id: str | None) -> tuple[Node, ...]:
        """What follows a message by selection."""
        chain = []
        while (node_id := self._selected.get(node_id)) is not None:
            chain.append(self._nodes[node_id])
        return tuple(chain)

    def _add(
        self, parent_id: str | None, message: Message, answer: Answer | None = None, created_at: float | None = None
    ) -> Node:
        """A new last version of what follows `parent_id`, selected."""
        node = self._create(parent_id, message, answer, created_at)
        self._children[parent_id] = (*self._children.get(parent_id, ()), node.id)
        self._selected[parent_id] = node.id
        return node

    def _create(
        self, parent_id: str | None, message: Message, answer: Answer | None = None, created_at: float | None = None
    ) -> Node:
        """A node that no parent knows yet."""
        self._check_room(1)
        created_at = self._clock() if created_at is None else created_at
        node = Node(new_id(), parent_id, checked_message(message), created_at, answer)
        self._nodes[node.id] = node
        return node

    def _copy_below(self, node_id: str, rest: Iterable[Node]) -> None:
        """Copies of these messages, each below the one before. A copy of a running answer is what it is so far, if anything."""
        for node in rest:
            if is_hollow(node):
                continue
            node_id = self._add(node_id, node.message, ended(node.answer), node.created_at).id

    def _adopt(self, parent_id: str | None, node_ids: Iterable[str]) -> None:
        for each in node_ids:
            self._nodes[each] = replace(self._nodes[each], parent_id=parent_id)

    def _choose(self, parent_id: str | None, node_id: str | None) -> None:
        if node_id is None:
            del self._selected[parent_id], self._children[parent_id]
        else:
            self._selected[parent_id] = node_id

    def _check_room(self, more: int) -> None:
        if len(self._nodes) + more > MAX_NODES:
            raise InvalidRequest(
                f"A conversation has at most {MAX_NODES:,} messages, all versions counted; this one has {len(self._nodes):,}.",
                "Delete versions you do not need, or begin a new conversation.",
            )
