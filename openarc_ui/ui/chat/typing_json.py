"""A conversation that is typed as JSON. What is typed in one go is one branch, not one for each keystroke."""

from __future__ import annotations

from openarc_ui.conversations.exchange import ImportedConversation
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Conversation
from openarc_ui.ui.chat.actions import replace_messages
from openarc_ui.ui.chat.session import Typed
from openarc_ui.ui.chat.settings import ChatSettings


def type_messages(
    store: ConversationStore,
    owner: str,
    conversation_id: str | None,
    brought: ImportedConversation,
    settings: ChatSettings,
    typed: Typed | None,
) -> Typed:
    """Make what was typed the conversation's path; a conversation that is not saved yet begins with them. Blocks.

    Args:
        typed: what was typed before; it goes on where nothing else changed the path since.

    Raises:
        InvalidRequest, ConversationNotFound, ConversationsUnusable.
    """
    if conversation_id is None:
        kept = store.add(owner, Conversation(brought.messages, title=brought.title, settings=settings.kept()))
        return Typed(kept.id, (), _ids(kept))
    with store.change(owner, conversation_id) as conversation:
        before = _ids(conversation)
        if typed is not None and typed.conversation_id == conversation_id and typed.after == before:
            before = _take_back(conversation, typed)
        replace_messages(conversation, brought)
        return Typed(conversation_id, before, _ids(conversation))


def _take_back(conversation: Conversation, typed: Typed) -> tuple[str, ...]:
    """Lead the path back to where it was before the typing, and remove what that made; the path from before the typing.

    Where somebody made other versions of what was typed, they stay, and another go begins.
    """
    made = [each for each in typed.after if each not in typed.before]
    if made and len(conversation.below(made[0])) >= len(made):
        return typed.after
    if made:
        conversation.delete_from(made[0])
    if typed.before:
        conversation.select(typed.before[-1])
    return _ids(conversation)


def _ids(conversation: Conversation) -> tuple[str, ...]:
    return tuple(node.id for node in conversation.path())
