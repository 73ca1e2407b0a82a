"""The messages of kept conversations as named Gradio endpoints: add, edit, delete, move, choose a version, undo."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import anyio
import gradio as gr

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.message import Role
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.api_conversations import Id, changed
from openarc_ui.ui.api_requests import owner_from, read_messages
from openarc_ui.ui.api_shown import JsonList, as_list


def message_endpoints(store: ConversationStore) -> list[Callable[..., Any]]:
    """Every endpoint about messages, in the order of the documentation."""
    return [*_adding(store), *_changing(store), *_versions(store)]


def _adding(store: ConversationStore) -> list[Callable[..., Any]]:
    async def add_message(
        conversation_id: Id,
        content: str,
        request: gr.Request,
        role: Role = "user",
        before: Id | None = None,
        name: str | None = None,
        tool_call_id: str | None = None,
        tool_calls: JsonList | None = None,
        reasoning_content: str | None = None,
    ) -> dict[str, Any]:
        """Add a message at the end of the path, or before another one. Nothing is generated; /answer does that.

        Args:
            conversation_id: Which.
            content: What is said; of the role tool, the result.
            role: system, user, assistant or tool.
            before: Id of the message it goes before; left out: the end.
            name: Who of several; of a tool message, which tool.
            tool_call_id: Of a tool message: which call it answers.
            tool_calls: What an assistant wants called, in OpenAI's form, a list or its JSON text.
            reasoning_content: What an assistant thought before.

        Returns:
            The conversation as it is now, and the id of the new message as message_id.
        """
        values = {"role": role, "content": content, "name": name, "tool_call_id": tool_call_id,
                  "tool_calls": as_list(tool_calls, "tool_calls") or None,
                  "reasoning_content": reasoning_content}  # fmt: skip
        (message,) = read_messages([values], "message")
        return await changed(
            store, request, conversation_id, lambda changing: {"message_id": changing.insert(message, before).id}
        )

    async def replace_messages(conversation_id: Id, messages: JsonList, request: gr.Request) -> dict[str, Any]:
        """Make these the messages of the path. From the first that differs a new branch begins; the old one stays.

        Args:
            conversation_id: Which.
            messages: The whole path, a list of {"role", "content"} or its JSON text.

        Returns:
            The conversation as it is now.
        """
        wanted = read_messages(messages, "messages")

        def replace(changing: Conversation) -> dict[str, Any]:
            changing.replace_path(wanted)
            return {}

        return await changed(store, request, conversation_id, replace)

    return [add_message, replace_messages]


def _changing(store: ConversationStore) -> list[Callable[..., Any]]:
    async def edit_message(
        conversation_id: Id,
        message_id: Id,
        request: gr.Request,
        content: str | None = None,
        role: Role | None = None,
        keep_rest: bool = True,
    ) -> dict[str, Any]:
        """Edit a message as a new version of it; the old one stays beside it.

        Args:
            conversation_id: Which.
            message_id: Which of its messages.
            content: Left out: as it is.
            role: Left out: as it is.
            keep_rest: Copy what follows below the new version.

        Returns:
            The conversation as it is now, and the id of the new version as message_id.
        """
        if content is None and role is None:
            raise InvalidRequest("There is nothing to change.", "Give content, role, or both.")

        def edit(changing: Conversation) -> dict[str, Any]:
            text = changing.node(message_id).content if content is None else content
            return {"message_id": changing.edit(message_id, text, role=role, keep_rest=keep_rest).id}

        return await changed(store, request, conversation_id, edit)

    async def delete_message(
        conversation_id: Id, message_id: Id, request: gr.Request, with_rest: bool = False
    ) -> dict[str, Any]:
        """Delete a message for good. What follows moves up, unless it goes too.

        Args:
            conversation_id: Which.
            message_id: Which of its messages.
            with_rest: Also everything below it, in all versions.

        Returns:
            The conversation as it is now.
        """

        def delete(changing: Conversation) -> dict[str, Any]:
            (changing.delete_from if with_rest else changing.delete)(message_id)
            return {}

        return await changed(store, request, conversation_id, delete)

    async def message_tokens(conversation_id: Id, message_id: Id, request: gr.Request) -> list[dict[str, Any]]:
        """Time, probability and alternatives of each token of an answer that was generated with token_details.

        Args:
            conversation_id: Which.
            message_id: Which of its messages.

        Returns:
            One object a token: id, text, seconds, log probability, alternatives.
        """
        found = await anyio.to_thread.run_sync(store.tokens, owner_from(request), conversation_id, message_id)
        return [dataclasses.asdict(each) for each in found]

    return [edit_message, delete_message, message_tokens]


def _versions(store: ConversationStore) -> list[Callable[..., Any]]:
    async def move_message(conversation_id: Id, message_id: Id, by: int, request: gr.Request) -> dict[str, Any]:
        """Let a message change places with the one before or after it; "message_id" tells where it is now.

        Args:
            conversation_id: Which.
            message_id: Which of its messages.
            by: -1: with the one before it; 1: with the one after it.

        Returns:
            The conversation as it is now, and where the message is as message_id.
        """

        def move(changing: Conversation) -> dict[str, Any]:
            if by not in (-1, 1):
                raise InvalidRequest("by must be -1 or 1.")
            return {"message_id": changing.move(message_id, -1 if by < 0 else 1).id}

        return await changed(store, request, conversation_id, move)

    async def select_message(conversation_id: Id, message_id: Id, request: gr.Request) -> dict[str, Any]:
        """Lead the path through this version of a message: it and what follows it are shown and sent.

        Args:
            conversation_id: Which.
            message_id: Which of its messages.

        Returns:
            The conversation as it is now, with the path through that version.
        """

        def select(changing: Conversation) -> dict[str, Any]:
            changing.select(message_id)
            return {"message_id": message_id}

        return await changed(store, request, conversation_id, select)

    async def undo_message(conversation_id: Id, request: gr.Request) -> dict[str, Any]:
        """Remove the last user message of the path, its versions and everything below them; "text" is what it said.

        Args:
            conversation_id: Which.

        Returns:
            The conversation as it is now, and what the removed message said as text.
        """
        return await changed(store, request, conversation_id, lambda changing: {"text": changing.undo()})

    return [move_message, select_message, undo_message]
