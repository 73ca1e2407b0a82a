"""What each action of the chat view does to the conversations that are kept. Blocks: call it from a thread.

It knows no page and no model: what is to be answered comes back as the message that the answer follows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from openarc_ui.conversations.answer_request import check_can_go_on
from openarc_ui.conversations.exchange import ImportedConversation, from_text, to_json, to_markdown
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Conversation, Node
from openarc_ui.engine.message import Message
from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.chat import wanted
from openarc_ui.ui.chat.attached import with_files
from openarc_ui.ui.chat.settings import ChatSettings

NOTHING_THERE = ("There is nothing in this conversation yet.", "Write a message first.")
MIME_TYPES = {"json": "application/json", "json-tree": "application/json", "markdown": "text/markdown"}
ENDINGS = {"json": "json", "json-tree": "json", "markdown": "md"}


@dataclass(frozen=True, slots=True)
class ToAnswer:
    """What a model is to answer.

    Attributes:
        parent_id: the message the answer follows; None: nothing is to be answered after all, and `told` says why.
        continued: id of the answer to go on with.
    """

    conversation_id: str
    parent_id: str | None
    prefill: str = ""
    continued: str | None = None
    told: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """What an action did.

    Attributes:
        conversation_id: the one it is about.
        is_shown: it is to be shown now, in place of the one that was.
        reply: what the view is told beside its new state, {"kind": ...}; None: nothing.
        question: nothing was done: it is to be asked first, with this sentence. "": it was done.
    """

    conversation_id: str | None
    is_shown: bool = False
    reply: dict[str, Any] | None = None
    question: str = ""


class Actions:
    """The actions over one store."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store

    def to_answer(
        self, owner: str, conversation_id: str | None, settings: ChatSettings, action: wanted.Submitted
    ) -> ToAnswer:
        """Change the conversation as the action says; where the answer goes then.

        Args:
            conversation_id: which; None: a new one is made for it, with these settings.

        Raises:
            InvalidRequest, ConversationNotFound, MessageNotFound, ConversationsUnusable.
        """
        if isinstance(action, wanted.Send):
            return self._send(owner, conversation_id, settings, action)
        if conversation_id is None:
            raise InvalidRequest(*NOTHING_THERE)
        with self._store.change(owner, conversation_id) as conversation:
            match action:
                case wanted.Resend():
                    if conversation.node(action.id).content != action.content:
                        return ToAnswer(
                            conversation_id, conversation.edit(action.id, action.content, keep_rest=False).id
                        )
                    conversation.select(action.id)
                    return ToAnswer(conversation_id, action.id)
                case wanted.Retry():
                    prefill = _given(conversation.node(action.id))
                    return ToAnswer(conversation_id, _before(conversation, action.id), prefill=prefill)
                case wanted.Continue():
                    check_can_go_on(conversation.node(action.id))
                    return ToAnswer(conversation_id, _before(conversation, action.id), continued=action.id)
                case wanted.GiveResult():
                    open_calls = give_result(conversation, action.id, action.call_id, action.content)
                    if not action.go_on or open_calls:
                        told = f"Kept. {_results(open_calls)}" if action.go_on else ""
                        return ToAnswer(conversation_id, None, told=told)
                case wanted.AnswerNow():
                    pass
            path = conversation.path()
            if not path:
                raise InvalidRequest(*NOTHING_THERE)
            return ToAnswer(conversation_id, path[-1].id)

    def _send(self, owner: str, conversation_id: str | None, settings: ChatSettings, action: wanted.Send) -> ToAnswer:
        message = Message(role="user", content=with_files(action.text, action.files))
        if not message.content.strip():
            raise InvalidRequest("The message is empty.", "Write something, or attach a file.")
        conversation_id = conversation_id or self._store.create(owner, settings=settings.kept()).id
        with self._store.change(owner, conversation_id) as conversation:
            node = conversation.insert(message)
            conversation.settings = settings.kept()
        return ToAnswer(conversation_id, node.id, prefill=action.prefill)

    def change(self, owner: str, conversation_id: str | None, settings: ChatSettings, action: wanted.Edited) -> Changed:
        """Do what needs no model.

        Raises:
            InvalidRequest, ConversationNotFound, MessageNotFound, ConversationsUnusable.
        """
        match action:
            case wanted.Open():
                return Changed(self._store.get(owner, action.id).id, is_shown=True)
            case wanted.New():
                return Changed(None, is_shown=True)
            case wanted.Remove():
                self._store.delete(owner, action.id)
                return Changed(None, is_shown=action.id == conversation_id)
            case wanted.Rename():
                with self._store.change(owner, action.id) as conversation:
                    conversation.title = action.title
                return Changed(conversation_id)
            case wanted.Import():
                return self._bring(owner, settings, action)
            case wanted.Search() | wanted.More() | wanted.Draft() | wanted.Dismiss():
                return Changed(conversation_id)
        if conversation_id is None and isinstance(action, (wanted.Insert, wanted.Replace)):
            conversation = Conversation(settings=settings.kept())
            reply = change_messages(conversation, action)
            return Changed(self._store.add(owner, conversation).id, reply=reply)
        if conversation_id is None:
            raise InvalidRequest(*NOTHING_THERE)
        with self._store.change(owner, conversation_id) as conversation:
            question = undo_costs(conversation) if isinstance(action, wanted.Undo) and not action.sure else ""
            reply = change_messages(conversation, action) if not question else None
        return Changed(conversation_id, reply=reply, question=question)

    def _bring(self, owner: str, settings: ChatSettings, action: wanted.Import) -> Changed:
        imported = from_text(action.text)
        brought = imported.conversation
        if not brought.settings:
            brought.settings = settings.kept()
        kept = self._store.add(owner, brought)
        words = " ".join([f"Imported {_counted(len(kept.path()))}.", *imported.notes])
        told = {"kind": "told", "tone": "", "text": words}
        return Changed(kept.id, is_shown=True, reply=told)

    def look_up(self, owner: str, conversation_id: str | None, action: wanted.LookedUp) -> dict[str, Any]:
        """The reply to a look-up.

        Raises:
            InvalidRequest, ConversationNotFound, MessageNotFound, ConversationsUnusable.
        """
        if isinstance(action, wanted.Export):
            return self._export(owner, action.id or conversation_id, action.format)
        if conversation_id is None:
            raise InvalidRequest(*NOTHING_THERE)
        tokens = [
            {
                "id": each.id,
                "text": each.text,
                "special": each.is_special,
                "seconds": each.seconds,
                "log_probability": each.log_probability,
                "alternatives": [list(pair) for pair in each.alternatives],
            }
            for each in self._store.tokens(owner, conversation_id, action.id)
        ]
        return {"kind": "tokens", "id": action.id, "tokens": tokens}

    def _export(self, owner: str, conversation_id: str | None, form: str) -> dict[str, Any]:
        if conversation_id is None:
            raise InvalidRequest(*NOTHING_THERE)
        conversation = self._store.get(owner, conversation_id)
        text = to_markdown(conversation) if form == "markdown" else to_json(conversation, form == "json-tree")
        name = re.sub(r"[^\w.-]+", "-", conversation.shown_title).strip("-.")[:60] or "conversation"
        return {"kind": "export", "name": f"{name}.{ENDINGS[form]}", "mime": MIME_TYPES[form], "text": text}


def change_messages(conversation: Conversation, action: wanted.Edited) -> dict[str, Any] | None:
    """Do an action to the messages of a conversation; what the view is told.

    Raises:
        InvalidRequest, MessageNotFound.
    """
    match action:
        case wanted.Edit():
            conversation.edit(action.id, action.content, role=action.role)
        case wanted.Delete():
            conversation.delete(action.id)
        case wanted.DeleteFrom():
            conversation.delete_from(action.id)
        case wanted.Insert():
            conversation.insert(Message(role=action.role, content=action.content), action.before)
        case wanted.Move():
            conversation.move(action.id, action.by)
        case wanted.Select():
            conversation.select(action.id)
        case wanted.Undo():
            return {"kind": "undo", "text": conversation.undo()}
        case wanted.Replace():
            replace_messages(conversation, from_text(action.text))
    return None


def undo_costs(conversation: Conversation) -> str:
    """What taking the last question back would lose beside it and its answer, one sentence; "" where there is nothing.

    Raises:
        InvalidRequest: there is no question.
    """
    versions = conversation.versions(conversation.last_question().id)
    answers = sum(each.role == "assistant" for version in versions for each in conversation.below(version.id))
    if len(versions) == 1 and answers <= 1:
        return ""
    message = f"all {len(versions)} versions of this message" if len(versions) > 1 else "this message"
    below = f" and {answers} answer{'' if answers == 1 else 's'} below it" if answers else ""
    return f"Taking it back deletes {message}{below}."


def replace_messages(conversation: Conversation, brought: ImportedConversation) -> None:
    """Make the conversation consist of what came as JSON; a title that was changed in it is taken too.

    Raises:
        InvalidRequest: too large, too many, or none.
    """
    has_new_title = brought.title not in ("", conversation.shown_title)
    conversation.replace_path(brought.messages)
    if has_new_title:
        conversation.title = brought.title


def give_result(conversation: Conversation, node_id: str, call_id: str, content: str) -> int:
    """Put the result of a tool call behind the message with the call, in place of an older result.

    Returns:
        How many calls of that message still have no result.

    Raises:
        MessageNotFound: no such message.
        InvalidRequest: the message has no such call.
    """
    node = conversation.node(node_id)
    calls = {call.id: call for call in node.tool_calls}
    if call_id not in calls:
        raise InvalidRequest("This message has no such tool call.", "Look at the conversation again.")
    conversation.select(node_id)
    results = results_of(conversation, node)
    kept = next((each for each in results if each.tool_call_id == call_id), None)
    message = Message(role="tool", content=content, name=calls[call_id].function.name, tool_call_id=call_id)
    if kept is not None:
        conversation.edit(kept.id, content)
    else:
        path = conversation.path()
        place = path.index(results[-1] if results else node) + 1
        conversation.insert(message, path[place].id if place < len(path) else None)
    return len(calls.keys() - {each.tool_call_id for each in results_of(conversation, node)})


def results_of(conversation: Conversation, node: Node) -> list[Node]:
    """The tool messages that follow a message with calls."""
    path = conversation.path()
    results = []
    for each in path[path.index(node) + 1 :]:
        if each.role != "tool":
            break
        results.append(each)
    return results


def touches(action: wanted.Edited) -> bool:
    """The action changes messages, so it can't be done while one of them is being written."""
    return isinstance(
        action,
        wanted.Edit | wanted.Delete | wanted.DeleteFrom | wanted.Insert | wanted.Move | wanted.Undo | wanted.Replace,
    )


def _given(node: Node) -> str:
    """What of an answer the user wrote, as its beginning."""
    return node.content[: node.answer.prefill_characters] if node.answer is not None else ""


def _before(conversation: Conversation, node_id: str) -> str:
    """The message that a message answers."""
    parent_id = conversation.node(node_id).parent_id
    if parent_id is None:
        raise InvalidRequest(
            "Nothing comes before this message, so there is nothing to answer.", "Insert one before it."
        )
    return parent_id


def _results(count: int) -> str:
    return f"{count} more {'result is' if count == 1 else 'results are'} wanted before the model goes on."


def _counted(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"
