"""A whole tree as JSON: every version, which of them is selected, and what is known of the answers.

Details of tokens are not in it.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from openarc_ui.conversations.answer_figures import MAX_FIGURE, NUMBERS, is_figure
from openarc_ui.conversations.json_text import JsonText
from openarc_ui.conversations.node import Answer, Node, Placement, new_id
from openarc_ui.conversations.openai_form import MessageReader, plain_message
from openarc_ui.conversations.structure import MAX_NODES
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.message import JsonObject

FORM = 1
NAME = "openarc"
ONLY_HERE = ("is_running", "tokens_id")
"""Fields of an Answer that mean something only in the store it is in."""
MAX_TIME = 1e11
"""Seconds since the epoch: some thousand years."""


class AnswerForm(Frozen):
    """What is known of an answer; see `node.Answer`."""

    model: str
    request_id: str = ""
    figures: JsonObject = Field(default_factory=dict)
    finish_reason: str | None = None
    seed: int | None = Field(None, ge=0, le=2**63 - 1)
    prefill_characters: int = Field(0, ge=0, le=MAX_FIGURE)
    reasoning_tokens: int | None = Field(None, ge=0, le=MAX_FIGURE)
    reasoning_seconds: float | None = Field(None, ge=0, le=MAX_FIGURE)
    problem: str = ""
    group: str | None = None

    @field_validator("figures")
    @classmethod
    def _are_figures(cls, figures: dict[str, Any]) -> dict[str, Any]:
        """
        Raises:
            ValueError: a figure is no number where it has to be one, or no plain value.
        """
        for name, value in figures.items():
            if name in NUMBERS and value is not None and not is_figure(value):
                raise ValueError(f"'{name[:80]}' has to be a number from 0 on, or null")
            if not isinstance(value, str | bool | None) and not (
                isinstance(value, int | float) and -MAX_FIGURE <= value <= MAX_FIGURE
            ):
                raise ValueError(f"'{name[:80]}' has to be a number, a text, true, false or null")
        return figures


class NodeForm(Frozen):
    """A message in its place. Its parent stands before it in the list."""

    id: str = Field(min_length=1, max_length=100)
    parent: str | None = None
    is_selected: bool = False
    created_at: float = Field(ge=0, le=MAX_TIME)
    message: JsonObject
    answer: AnswerForm | None = None


class TreeForm(Frozen):
    """What stands under "openarc" in a file of our own."""

    form: Literal[1]
    created_at: float = Field(ge=0, le=MAX_TIME)
    settings: JsonObject = Field(default_factory=dict)
    nodes: tuple[NodeForm, ...] = Field(max_length=MAX_NODES)


def plain_tree(conversation: Conversation) -> dict[str, Any]:
    """A conversation's tree as JSON values, parents before their children."""
    placements = conversation.placements()
    nodes, waiting = [], list(reversed(conversation.children(None)))
    while waiting:
        node = waiting.pop()
        waiting += reversed(conversation.children(node.id))
        nodes.append(
            {
                "id": node.id,
                "parent": node.parent_id,
                "is_selected": placements[node.id].is_selected,
                "created_at": node.created_at,
                "message": plain_message(node.message),
                **({"answer": _plain_answer(node.answer)} if node.answer else {}),
            }
        )
    return {"form": FORM, "created_at": conversation.created_at, "settings": conversation.settings, "nodes": nodes}


def read_tree(source: JsonText, reader: MessageReader, title: str) -> Conversation:
    """The conversation in a file of our own; its messages get new ids.

    Raises:
        InvalidRequest: something is wrong with it, with line and column.
    """
    try:
        form = TreeForm.model_validate(source.value[NAME])
    except ValidationError as error:
        source.refuse_invalid((NAME,), error, TreeForm, "Was it changed by hand?")
    conversation = Conversation(title=title, settings=form.settings)
    conversation.created_at = form.created_at
    conversation.restore(_placements(form, source, reader))
    return conversation


def _placements(form: TreeForm, source: JsonText, reader: MessageReader) -> list[Placement]:
    """Nodes with ids of our own; where none or several versions are selected, the last of them is."""
    ids: dict[str | None, str | None] = {None: None}
    versions: dict[str | None, list[tuple[Node, bool]]] = {}
    for index, each in enumerate(form.nodes):
        path = (NAME, "nodes", index)
        if each.parent not in ids:
            source.refuse((*path, "parent"), "the parent of a message stands before it.")
        if each.id in ids:
            source.refuse((*path, "id"), "this id stands twice.")
        ids[each.id] = new_id()
        answer = Answer(**each.answer.model_dump()) if each.answer else None
        message = reader.message(each.message, (*path, "message"))
        node = Node(ids[each.id] or "", ids[each.parent], message, each.created_at, answer)
        versions.setdefault(node.parent_id, []).append((node, each.is_selected))
    placements = []
    for places in versions.values():
        chosen = max((number for number, (_, is_selected) in enumerate(places) if is_selected), default=len(places) - 1)
        placements += [Placement(node, number, number == chosen) for number, (node, _) in enumerate(places)]
    return placements


def _plain_answer(answer: Answer) -> dict[str, Any]:
    """What is set of it."""
    values = asdict(answer)
    unset = {field.name: field.default for field in fields(Answer)}
    return {
        name: value
        for name, value in values.items()
        if name not in ONLY_HERE and value != unset.get(name) and value != {}
    }
