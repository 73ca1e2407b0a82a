"""Conversations that are kept, over HTTP: `/conversations`. The store keeps them; a cookie says whose they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from openarc_ui.conversations.answering import read_conversation
from openarc_ui.conversations.exchange import from_text, to_json, to_markdown
from openarc_ui.conversations.owner import owner_of
from openarc_ui.conversations.store import MAX_SUMMARIES, ConversationStore
from openarc_ui.conversations.tree import Conversation
from openarc_ui.errors import InvalidRequest
from openarc_ui.server.conversation_bodies import (
    ANSWERED,
    ASKED,
    CONVERSATION_ID,
    ConversationBody,
    ConversationPatch,
    ConversationSummaryBody,
    ImportedBody,
    NewConversationBody,
    UndoneBody,
)
from openarc_ui.server.problems import documented
from openarc_ui.server.queries import NO_BODY
from openarc_ui.server.schemas import DeletedBody

ExportFormat = Literal["json", "json-tree", "markdown"]
EXPORTS: dict[str, tuple[Callable[[Conversation], str], str, str]] = {
    "json": (to_json, "application/json", "json"),
    "json-tree": (partial(to_json, whole_tree=True), "application/json", "json"),
    "markdown": (to_markdown, "text/markdown", "md"),
}
"""Format -> how it is written, its media type, and the ending of the file's name."""
IMPORT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "description": "What was exported, or what others wrote: messages in OpenAI's form or ShareGPT's. What "
                    "has no place here is named in the answer.",
                },
                "examples": {"exported": {"value": {"title": "Capitals", "messages": [ASKED, ANSWERED]}}},
            },
            "text/markdown": {"schema": {"type": "string"}},
        },
    }
}
CONVERSATION_ERRORS = documented(404, 503)
ConversationId = Annotated[str, Path(max_length=64, description="Of the conversation.", examples=[CONVERSATION_ID])]


def conversation_routes(conversations: ConversationStore) -> APIRouter:
    """The routes, bound to a store."""
    router = APIRouter(tags=["conversations"])
    _add_files(router, conversations)
    _add_keeping(router, conversations)
    return router


def owner_from(request: Request) -> str:
    """Whose conversations a request is about."""
    return owner_of(request.cookies)


def _add_keeping(router: APIRouter, conversations: ConversationStore) -> None:
    """List, create, read, change and delete."""

    @router.get("/conversations", summary="List the conversations", responses=documented(503))
    async def list_conversations(
        request: Request,
        search: Annotated[
            str,
            Query(max_length=1000, description="In titles and messages, without regard to case.", examples=["paris"]),
        ] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_SUMMARIES, description="At most so many.", examples=[20])] = 200,
        offset: Annotated[int, Query(ge=0, le=10**9, description="Leave out the first so many.", examples=[20])] = 0,
    ) -> list[ConversationSummaryBody]:
        """The one that changed last comes first. A browser sees its own; whoever has no cookie sees those without one."""
        reading = partial(conversations.summaries, owner_from(request), search, limit, offset)
        return [ConversationSummaryBody.of(each) for each in await anyio.to_thread.run_sync(reading)]

    @router.post("/conversations", summary="Begin a conversation", responses=documented(503))
    async def create_conversation(body: NewConversationBody, request: Request) -> ConversationBody:
        """Keep a conversation, with or without messages. Nothing is generated."""

        def create() -> ConversationBody:
            made = Conversation(body.messages, title=body.title, settings=body.settings)
            return ConversationBody.of(conversations.add(owner_from(request), made))

        return await anyio.to_thread.run_sync(create)

    @router.get("/conversations/{conversation_id}", summary="Read a conversation", responses=CONVERSATION_ERRORS)
    async def conversation(conversation_id: ConversationId, request: Request) -> ConversationBody:
        """The path of messages that is shown and sent; each message tells its other versions."""

        def read() -> ConversationBody:
            return ConversationBody.of(read_conversation(conversations, owner_from(request), conversation_id))

        return await anyio.to_thread.run_sync(read)

    @router.patch("/conversations/{conversation_id}", summary="Rename a conversation", responses=CONVERSATION_ERRORS)
    async def change_conversation(
        conversation_id: ConversationId, body: ConversationPatch, request: Request
    ) -> ConversationBody:
        """Change its title, its settings, or both."""

        def change() -> ConversationBody:
            with conversations.change(owner_from(request), conversation_id) as changing:
                changing.title = changing.title if body.title is None else body.title
                changing.settings = changing.settings if body.settings is None else body.settings
            return ConversationBody.of(conversations.get(owner_from(request), conversation_id))

        return await anyio.to_thread.run_sync(change)

    @router.delete("/conversations/{conversation_id}", summary="Delete a conversation", responses=CONVERSATION_ERRORS)
    async def delete_conversation(conversation_id: ConversationId, request: Request) -> DeletedBody:
        """With all its messages, for good. An answer that is being generated to it is ended."""
        await anyio.to_thread.run_sync(conversations.delete, owner_from(request), conversation_id)
        return DeletedBody(message="The conversation is deleted.")

    @router.post(
        "/conversations/{conversation_id}/undo",
        summary="Take the last user message back",
        responses=CONVERSATION_ERRORS,
        dependencies=[NO_BODY],
    )
    async def undo(conversation_id: ConversationId, request: Request) -> UndoneBody:
        """Remove the last user message of the path, all its versions and everything below them; its text comes back."""

        def take_back() -> UndoneBody:
            with conversations.change(owner_from(request), conversation_id) as changing:
                text = changing.undo()
            return UndoneBody.after(conversations.get(owner_from(request), conversation_id), text)

        return await anyio.to_thread.run_sync(take_back)


def _add_files(router: APIRouter, conversations: ConversationStore) -> None:
    """A conversation as a file, and back."""

    @router.post(
        "/conversations/import",
        summary="Import a conversation",
        responses=documented(503),
        openapi_extra=IMPORT_BODY,
    )
    async def import_conversation(request: Request) -> ImportedBody:
        """Keep what an export gave, here or elsewhere: JSON in OpenAI's form, with or without versions, or Markdown."""
        text = _text(await request.body())

        def keep() -> ImportedBody:
            found = from_text(text)
            kept = conversations.add(owner_from(request), found.conversation)
            return ImportedBody.after(kept, found.notes)

        return await anyio.to_thread.run_sync(keep)

    @router.get(
        "/conversations/{conversation_id}/export",
        summary="Export a conversation",
        responses={
            200: {"content": {"application/json": {}, "text/markdown": {}}, "description": "A file"},
            **CONVERSATION_ERRORS,
        },
        response_class=Response,
    )
    async def export_conversation(
        conversation_id: ConversationId,
        request: Request,
        format: Annotated[
            ExportFormat, Query(description="json-tree has all versions of the messages.", examples=["markdown"])
        ] = "json",
    ) -> Response:
        """The conversation as a file to keep or to give away; an import takes each of the three."""
        write, media_type, ending = EXPORTS[format]

        def export() -> str:
            return write(read_conversation(conversations, owner_from(request), conversation_id))

        text = await anyio.to_thread.run_sync(export)
        headers = {"content-disposition": f'attachment; filename="conversation-{conversation_id}.{ending}"'}
        return Response(text, media_type=media_type, headers=headers)


def _text(body: bytes) -> str:
    """The body as text.

    Raises:
        InvalidRequest: it is none.
    """
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest("The body is not text in UTF-8.", "Send what an export gave.") from None
