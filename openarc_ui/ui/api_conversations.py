"""Kept conversations as named Gradio endpoints; their messages are in api_messages.py.

Every change answers with the conversation as it is then.
"""

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
from openarc_ui.ui.api_requests import owner_from, read_messages
from openarc_ui.ui.api_shown import JsonList, JsonObject, as_object, shown_conversation

Id = Annotated[str, Field(max_length=64)]


def conversation_endpoints(store: ConversationStore) -> list[Callable[..., Any]]:
    """Every endpoint about whole conversations but the one that answers, in the order of the documentation."""
    return [*_keeping(store), *_files(store)]


async def changed(
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
        request: gr.Request, search: Annotated[str, Field(max_length=1000)] = "", limit: int = 200, offset: int = 0
    ) -> list[dict[str, Any]]:
        """The kept conversations, the one that changed last first: id, title, times, messages, and what a search found.

        Args:
            search: In titles and messages, without regard to case.
            limit: At most so many.
            offset: Leave out the first so many.

        Returns:
            One object a conversation: id, title, times, how many messages, and where a search found it.
        """
        reading = partial(store.summaries, owner_from(request), search, limit, offset)
        return [dataclasses.asdict(each) for each in await anyio.to_thread.run_sync(reading)]

    async def conversation(conversation_id: Id, request: gr.Request) -> dict[str, Any]:
        """One conversation: the path of messages that is shown and sent, each with its other versions.

        Args:
            conversation_id: Which.

        Returns:
            Id, title, settings as a JSON text, and the messages of the path.
        """
        reading = partial(read_conversation, store, owner_from(request), conversation_id)
        return shown_conversation(await anyio.to_thread.run_sync(reading))

    async def create_conversation(
        request: gr.Request, title: str = "", messages: JsonList | None = None, settings: JsonObject | None = None
    ) -> dict[str, Any]:
        """Keep a new conversation. Nothing is generated; /answer does that.

        Args:
            title: Empty: the beginning of the first user message.
            messages: A list of {"role", "content"}, or its JSON text.
            settings: The Chat tab's settings for it, an object or its JSON text.

        Returns:
            The conversation as it is kept, with its id and the ids of its messages.
        """
        made = Conversation(read_messages(messages, "messages"), title=title, settings=as_object(settings, "settings"))
        return shown_conversation(await anyio.to_thread.run_sync(store.add, owner_from(request), made))

    async def rename_conversation(conversation_id: Id, title: str, request: gr.Request) -> dict[str, Any]:
        """Give a conversation a title.

        Args:
            conversation_id: Which.
            title: Empty: the beginning of the first user message.

        Returns:
            The conversation as it is now.
        """

        def rename(changing: Conversation) -> dict[str, Any]:
            changing.title = title
            return {}

        return await changed(store, request, conversation_id, rename)

    async def delete_conversation(conversation_id: Id, request: gr.Request) -> str:
        """Delete a conversation with all its messages, for good.

        Args:
            conversation_id: Which.

        Returns:
            Id of the conversation that is gone.
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

        Returns:
            The text of the file.
        """
        found = await anyio.to_thread.run_sync(read_conversation, store, owner_from(request), conversation_id)
        return to_markdown(found) if format == "markdown" else to_json(found, whole_tree=format == "json-tree")

    async def import_conversation(text: str, request: gr.Request) -> dict[str, Any]:
        """Keep a conversation that was exported here or elsewhere; "notes" names what was not taken over.

        Args:
            text: JSON in OpenAI's form, with or without versions, or Markdown as it is exported.

        Returns:
            The conversation as it is kept, and notes on what was not taken over.
        """

        def keep() -> dict[str, Any]:
            found = from_text(text)
            return shown_conversation(store.add(owner_from(request), found.conversation), notes=list(found.notes))

        return await anyio.to_thread.run_sync(keep)

    return [export_conversation, import_conversation]
