"""The messages of a conversation, over HTTP. Nothing is generated here; every change answers with the path as it is then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import anyio
from fastapi import APIRouter, Path, Query, Request

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Conversation
from openarc_ui.errors import InvalidRequest
from openarc_ui.server.conversation_bodies import (
    MESSAGE_ID,
    ChangedBody,
    ConversationBody,
    MessagePatch,
    MoveBody,
    NewMessageBody,
    PathBody,
    TokenDetailBody,
    TokenDetailsBody,
)
from openarc_ui.server.queries import NO_BODY
from openarc_ui.server.routes.conversations import CONVERSATION_ERRORS, ConversationId, owner_from

MESSAGES = "/conversations/{conversation_id}/messages"
ONE = f"{MESSAGES}/{{message_id}}"
MessageId = Annotated[str, Path(max_length=64, description="Of the message.", examples=[MESSAGE_ID])]
Change = Callable[[Conversation], str]


def message_routes(conversations: ConversationStore) -> APIRouter:
    """The routes, bound to a store."""
    router = APIRouter(tags=["conversations"])
    _add_path(router, conversations)
    _add_changes(router, conversations)
    _add_one(router, conversations)
    return router


async def changed(
    conversations: ConversationStore, request: Request, conversation_id: str, change: Change
) -> ChangedBody:
    """Change a conversation on a thread, and the path as it is then.

    Args:
        change: returns the id of the message in question.
    """
    owner = owner_from(request)

    def make() -> ChangedBody:
        with conversations.change(owner, conversation_id) as conversation:
            message_id = change(conversation)
        return ChangedBody.after(conversations.get(owner, conversation_id), message_id)

    return await anyio.to_thread.run_sync(make)


def _add_path(router: APIRouter, conversations: ConversationStore) -> None:
    """Add one, or replace all."""

    @router.post(MESSAGES, summary="Add a message", responses=CONVERSATION_ERRORS)
    async def add_message(conversation_id: ConversationId, body: NewMessageBody, request: Request) -> ChangedBody:
        """At the end of the path, or before another message. Nothing is generated; `/answer` does that."""
        return await changed(
            conversations, request, conversation_id, lambda changing: changing.insert(body.message, body.before).id
        )

    @router.put(MESSAGES, summary="Replace the path", responses=CONVERSATION_ERRORS)
    async def replace_messages(conversation_id: ConversationId, body: PathBody, request: Request) -> ConversationBody:
        """Make these the messages of the path. From the first that differs a new branch begins; the old one stays."""
        owner = owner_from(request)

        def replace() -> ConversationBody:
            with conversations.change(owner, conversation_id) as changing:
                changing.replace_path(body.messages)
            return ConversationBody.of(conversations.get(owner, conversation_id))

        return await anyio.to_thread.run_sync(replace)


def _add_one(router: APIRouter, conversations: ConversationStore) -> None:
    """Edit or delete one, and what its tokens cost."""

    @router.patch(ONE, summary="Edit a message", responses=CONVERSATION_ERRORS)
    async def edit_message(
        conversation_id: ConversationId, message_id: MessageId, body: MessagePatch, request: Request
    ) -> ChangedBody:
        """As a new version of it, with copies of what follows; the old version stays beside it."""
        if body.content is None and body.role is None:
            raise InvalidRequest("There is nothing to change.", "Give content, role, or both.")

        def edit(changing: Conversation) -> str:
            content = changing.node(message_id).content if body.content is None else body.content
            return changing.edit(message_id, content, role=body.role, keep_rest=body.keep_rest).id

        return await changed(conversations, request, conversation_id, edit)

    @router.delete(ONE, summary="Delete a message", responses=CONVERSATION_ERRORS)
    async def delete_message(
        conversation_id: ConversationId,
        message_id: MessageId,
        request: Request,
        with_rest: Annotated[
            bool, Query(description="Also everything below it, in all versions.", examples=[True])
        ] = False,
    ) -> ConversationBody:
        """For good. What follows moves up, unless it goes too."""
        owner = owner_from(request)

        def delete() -> ConversationBody:
            with conversations.change(owner, conversation_id) as changing:
                (changing.delete_from if with_rest else changing.delete)(message_id)
            return ConversationBody.of(conversations.get(owner, conversation_id))

        return await anyio.to_thread.run_sync(delete)

    @router.get(f"{ONE}/tokens", summary="Read what each token of an answer cost", responses=CONVERSATION_ERRORS)
    async def tokens_of_message(
        conversation_id: ConversationId, message_id: MessageId, request: Request
    ) -> TokenDetailsBody:
        """Time, probability and alternatives of each token, of an answer that was generated with `token_details`."""

        def read() -> TokenDetailsBody:
            details = conversations.tokens(owner_from(request), conversation_id, message_id)
            return TokenDetailsBody(message_id=message_id, tokens=[TokenDetailBody.of(each) for each in details])

        return await anyio.to_thread.run_sync(read)


def _add_changes(router: APIRouter, conversations: ConversationStore) -> None:
    """Move one, or lead the path through it."""

    @router.post(f"{ONE}/move", summary="Move a message", responses=CONVERSATION_ERRORS)
    async def move_message(
        conversation_id: ConversationId, message_id: MessageId, body: MoveBody, request: Request
    ) -> ChangedBody:
        """Change places with the message before or after it; `message_id` in the answer tells where it is now."""
        return await changed(
            conversations, request, conversation_id, lambda changing: changing.move(message_id, body.by).id
        )

    @router.post(f"{ONE}/select", summary="Select a version", responses=CONVERSATION_ERRORS, dependencies=[NO_BODY])
    async def select_message(conversation_id: ConversationId, message_id: MessageId, request: Request) -> ChangedBody:
        """Lead the path through this message: it and what follows it are shown and sent."""

        def select(changing: Conversation) -> str:
            changing.select(message_id)
            return message_id

        return await changed(conversations, request, conversation_id, select)
