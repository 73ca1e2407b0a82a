"""Kept conversations as named Gradio endpoints. Every change answers with the conversation as it is then."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import anyio
import gradio as gr
from pydantic import Field

from openarc_ui.conversations.answering import read_conversation
from openarc_ui.conversations.exchange import from_text, to_json, to_markdown
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.message import Role
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.api_requests import owner_from, read_messages
from openarc_ui.ui.api_shown import JsonList, JsonObject, as_list, as_object, shown_conversation

Id = Annotated[str, Field(max_length=64)]


def conversation_endpoints(store: ConversationStore) -> list[Callable[..., Any]]:
    """Every endpoint about conversations but the one that answers, in the order of the documentation."""
    return [*_keeping(store), *_files(store), *_adding(store), *_messages(store), *_versions(store)]


async def _changed(
    store: ConversationStore,
    request: gr.Request,
    conversation_id: str,
    change: Callable[[Conversation], dict[str, Any]],
) -> dict[str, Any]:
    """Change a conversation on a thread, and what it is then.

    Args:
        change: returns what else the answer tells.
    """
    owner = owner_from(request)

    def make() -> dict[str, Any]:
        with store.change(owner, conversation_id) as conversation:
            more = change(conversation)
        return shown_conversation(store.get(owner, conversation_id), **more)

    return await anyio.to_thread.run_sync(make)


def _keeping(store: ConversationStore) -> list[Callable[..., Any]]:
    async def conversations(
        request: gr.Request, search: str = "", limit: int = 200, offset: int = 0
    ) -> list[dict[str, Any]]:
        """The kept conversations, the one that changed last first: id, title, times, messages, and what a search found.

        Args:
            search: In titles and messages, without regard to case.
            limit: At most so many.
            offset: Leave out the first so many.
        """
        reading = partial(store.summaries, owner_from(request), search, limit, offset)
        return [dataclasses.asdict(each) for each in await anyio.to_thread.run_sync(reading)]

    async def conversation(conversation_id: Id, request: gr.Request) -> dict[str, Any]:
        """One conversation: the path of messages that is shown and sent, each with its other versions.

        Args:
            conversation_id: Which.
        """
        reading = partial(read_conversation, store, owner_from(request), conversation_id)
        return shown_conversation(await anyio.to_thread.run_sync(reading))

    async def create_conversation(
        request: gr.Request, title: str = "", messages: JsonList = "", settings: JsonObject = ""
    ) -> dict[str, Any]:
        """Keep a new conversation. Nothing is generated; /answer does that.

        Args:
            title: Empty: the beginning of the first user message.
            messages: A list of {"role", "content"}, or its JSON text.
            settings: The Chat tab's settings for it, an object or its JSON text.
        """
        made = Conversation(read_messages(messages, "messages"), title=title, settings=as_object(settings, "settings"))
        return shown_conversation(await anyio.to_thread.run_sync(store.add, owner_from(request), made))

    async def rename_conversation(conversation_id: Id, title: str, request: gr.Request) -> dict[str, Any]:
        """Give a conversation a title.

        Args:
            conversation_id: Which.
            title: Empty: the beginning of the first user message.
        """

        def rename(changing: Conversation) -> dict[str, Any]:
            changing.title = title
            return {}

        return await _changed(store, request, conversation_id, rename)

    async def delete_conversation(conversation_id: Id, request: gr.Request) -> str:
        """Delete a conversation with all its messages, for good.

        Args:
            conversation_id: Which.
        """
        await anyio.to_thread.run_sync(store.delete, owner_from(request), conversation_id)
        return conversation_id

    return [conversations, conversation, create_conversation, rename_conversation, delete_conversation]


def _files(store: ConversationStore) -> list[Callable[..., Any]]:
    async def export_conversation(
        conversation_id: Id, request: gr.Request, format: Literal["json", "json-tree", "markdown"] = "json"
    ) -> str:
        """A conversation as the text of a file; /import_conversation takes it back.

        Args:
            conversation_id: Which.
            format: json is OpenAI's form, json-tree has all versions too.
        """
        found = await anyio.to_thread.run_sync(read_conversation, store, owner_from(request), conversation_id)
        return to_markdown(found) if format == "markdown" else to_json(found, whole_tree=format == "json-tree")

    async def import_conversation(text: str, request: gr.Request) -> dict[str, Any]:
        """Keep a conversation that was exported here or elsewhere; "notes" names what was not taken over.

        Args:
            text: JSON in OpenAI's form, with or without versions, or Markdown as it is exported.
        """

        def keep() -> dict[str, Any]:
            found = from_text(text)
            return shown_conversation(store.add(owner_from(request), found.conversation), notes=list(found.notes))

        return await anyio.to_thread.run_sync(keep)

    return [export_conversation, import_conversation]


def _adding(store: ConversationStore) -> list[Callable[..., Any]]:
    async def add_message(
        conversation_id: Id,
        content: str,
        request: gr.Request,
        role: Role = "user",
        before: Id | None = None,
        name: str | None = None,
        tool_call_id: str | None = None,
        tool_calls: JsonList = "",
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
        """
        values = {"role": role, "content": content, "name": name, "tool_call_id": tool_call_id,
                  "tool_calls": as_list(tool_calls, "tool_calls") or None,
                  "reasoning_content": reasoning_content}  # fmt: skip
        (message,) = read_messages([values], "message")
        return await _changed(
            store, request, conversation_id, lambda changing: {"message_id": changing.insert(message, before).id}
        )

    async def replace_messages(conversation_id: Id, messages: JsonList, request: gr.Request) -> dict[str, Any]:
        """Make these the messages of the path. From the first that differs a new branch begins; the old one stays.

        Args:
            conversation_id: Which.
            messages: The whole path, a list of {"role", "content"} or its JSON text.
        """
        wanted = read_messages(messages, "messages")

        def replace(changing: Conversation) -> dict[str, Any]:
            changing.replace_path(wanted)
            return {}

        return await _changed(store, request, conversation_id, replace)

    return [add_message, replace_messages]


def _messages(store: ConversationStore) -> list[Callable[..., Any]]:
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
        """
        if content is None and role is None:
            raise InvalidRequest("There is nothing to change.", "Give content, role, or both.")

        def edit(changing: Conversation) -> dict[str, Any]:
            text = changing.node(message_id).content if content is None else content
            return {"message_id": changing.edit(message_id, text, role=role, keep_rest=keep_rest).id}

        return await _changed(store, request, conversation_id, edit)

    async def delete_message(
        conversation_id: Id, message_id: Id, request: gr.Request, with_rest: bool = False
    ) -> dict[str, Any]:
        """Delete a message for good. What follows moves up, unless it goes too.

        Args:
            conversation_id: Which.
            message_id: Which of its messages.
            with_rest: Also everything below it, in all versions.
        """

        def delete(changing: Conversation) -> dict[str, Any]:
            (changing.delete_from if with_rest else changing.delete)(message_id)
            return {}

        return await _changed(store, request, conversation_id, delete)

    async def message_tokens(conversation_id: Id, message_id: Id, request: gr.Request) -> list[dict[str, Any]]:
        """Time, probability and alternatives of each token of an answer that was generated with token_details.

        Args:
            conversation_id: Which.
            message_id: Which of its messages.
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
        """

        def move(changing: Conversation) -> dict[str, Any]:
            if by not in (-1, 1):
                raise InvalidRequest("by must be -1 or 1.")
            return {"message_id": changing.move(message_id, -1 if by < 0 else 1).id}

        return await _changed(store, request, conversation_id, move)

    async def select_message(conversation_id: Id, message_id: Id, request: gr.Request) -> dict[str, Any]:
        """Lead the path through this version of a message: it and what follows it are shown and sent.

        Args:
            conversation_id: Which.
            message_id: Which of its messages.
        """

        def select(changing: Conversation) -> dict[str, Any]:
            changing.select(message_id)
            return {"message_id": message_id}

        return await _changed(store, request, conversation_id, select)

    async def undo_message(conversation_id: Id, request: gr.Request) -> dict[str, Any]:
        """Remove the last user message of the path, its versions and everything below them; "text" is what it said.

        Args:
            conversation_id: Which.
        """
        return await _changed(store, request, conversation_id, lambda changing: {"text": changing.undo()})

    return [move_message, select_message, undo_message]
