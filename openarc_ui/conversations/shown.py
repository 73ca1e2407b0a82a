"""A conversation as plain JSON, the same for every program that asks, whether over HTTP or through Gradio."""

from __future__ import annotations

import dataclasses
from typing import Any

from openarc_ui.conversations.tree import Answer, Conversation, Node


def conversation_json(conversation: Conversation, **more: Any) -> dict[str, Any]:
    """A conversation with the path of messages that is shown and sent.

    Args:
        more: what else is to be in it.
    """
    return {
        "id": conversation.id,
        "title": conversation.shown_title,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "settings": conversation.settings,
        "messages": [message_json(conversation, node) for node in conversation.path()],
        **more,
    }


def message_json(conversation: Conversation, node: Node) -> dict[str, Any]:
    """One message in its place, with its other versions and what is known of it as an answer."""
    beside = [each.id for each in conversation.versions(node.id)]
    index = beside.index(node.id)
    return {
        "id": node.id,
        "parent_id": node.parent_id,
        "created_at": node.created_at,
        **node.message.model_dump(),
        "versions": {
            "index": index,
            "count": len(beside),
            "previous": beside[index - 1] if index else None,
            "next": beside[index + 1] if index + 1 < len(beside) else None,
        },
        "answer": _answer_json(node.answer) if node.answer is not None else None,
    }


def _answer_json(answer: Answer) -> dict[str, Any]:
    values = {**dataclasses.asdict(answer), "has_tokens": answer.has_tokens}
    return {name: value for name, value in values.items() if name != "tokens_id"}
