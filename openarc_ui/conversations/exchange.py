"""Conversations out of and into other programs: JSON in OpenAI's form, with all versions if wanted, and Markdown.

Nothing that comes in is left out silently: what has no place here is named in the notes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from openarc_ui.conversations import tree_form
from openarc_ui.conversations.json_text import JsonText, Path
from openarc_ui.conversations.markdown import markdown_of, read_markdown
from openarc_ui.conversations.node import Node
from openarc_ui.conversations.openai_form import MessageReader, plain_message
from openarc_ui.conversations.titles import MAX_TITLE_CHARACTERS
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.message import Message
from openarc_ui.errors import InvalidRequest, nearest

LISTS = ("messages", "conversations", "conversation")
"""Names under which messages come: OpenAI's, ShareGPT's, and that of OpenArc's own request."""
FORMS_HINT = 'Expected is a list of {"role", "content"}, or an object that has one under "messages".'


@dataclass(frozen=True, slots=True)
class ImportedConversation:
    """What came in.

    Attributes:
        conversation: in no store yet; `ConversationStore.add` keeps it.
        notes: what was not taken over, or only in another form; one sentence each.
    """

    conversation: Conversation
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """ "" where it is the beginning of the first user message anyway."""
        return self.conversation.title

    @property
    def messages(self) -> tuple[Message, ...]:
        """Those of the selected path."""
        return messages_of(self.conversation.path())


def messages_of(nodes: Iterable[Node]) -> tuple[Message, ...]:
    """What goes to the engine."""
    return tuple(node.message for node in nodes)


def to_json(conversation: Conversation, whole_tree: bool = False) -> str:
    """Title and messages of the active path in OpenAI's form; with `whole_tree` also all versions and what they cost."""
    messages = [plain_message(node.message) for node in conversation.path()]
    whole: dict[str, Any] = {"title": conversation.shown_title, "messages": messages}
    if whole_tree:
        whole[tree_form.NAME] = tree_form.plain_tree(conversation)
    return json.dumps(whole, ensure_ascii=False, indent=2)


def to_markdown(conversation: Conversation) -> str:
    """The active path as Markdown, which `from_text` reads back to the same messages."""
    return markdown_of(conversation.shown_title, messages_of(conversation.path()))


def from_text(text: str) -> ImportedConversation:
    """A conversation from JSON (ours, a list of messages, a request to OpenAI's API, ShareGPT) or our Markdown.

    Raises:
        InvalidRequest: what is wrong, with line and column; an unknown role with the nearest right one.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] in ("{", "["):
        return _from_json(JsonText(text))
    title, messages = read_markdown(text)
    return _imported(Conversation(messages), title, [])


def _from_json(source: JsonText) -> ImportedConversation:
    reader = MessageReader(source)
    reader.note_repeated()
    value, path = _only_one(source)
    if isinstance(value, list):
        return _imported(Conversation(reader.messages(value, path)), "", reader.notes)
    if tree_form.NAME in value and not path:
        return _from_tree(source, reader)
    name = next((each for each in LISTS if each in value), None)
    if name is None:
        source.refuse(path, "there are no messages in this object.", _misspelt(value) or FORMS_HINT)
    messages = reader.messages(value[name], (*path, name))
    _leave_out(value, {name, "title"}, reader)
    return _imported(Conversation(messages), _title_in(value, source, path), reader.notes)


def _from_tree(source: JsonText, reader: MessageReader) -> ImportedConversation:
    """Of a file of our own; messages that were changed in it by hand become a new version."""
    conversation = tree_form.read_tree(source, reader, "")
    if "messages" in source.value:
        messages = reader.messages(source.value["messages"], ("messages",))
        if messages:
            conversation.replace_path(messages)
    _leave_out(source.value, {"title", "messages", tree_form.NAME}, reader)
    return _imported(conversation, _title_in(source.value, source, ()), reader.notes)


def _only_one(source: JsonText) -> tuple[Any, Path]:
    """The conversation, which may be the only one of a list, as data sets are.

    Raises:
        InvalidRequest: there are several.
    """
    value = source.value
    if isinstance(value, list) and value and isinstance(value[0], dict) and any(name in value[0] for name in LISTS):
        if len(value) > 1:
            source.refuse((1,), f"there are {len(value)} conversations in this list.", "Take one of them.")
        return value[0], (0,)
    return value, ()


def _imported(conversation: Conversation, title: str, notes: list[str]) -> ImportedConversation:
    """
    Raises:
        InvalidRequest: it has no message.
    """
    if not conversation.nodes:
        raise InvalidRequest("There is no message in this conversation.", FORMS_HINT)
    title = " ".join(title.split())
    if len(title) > MAX_TITLE_CHARACTERS:
        notes = [*notes, f"The title was cut to {MAX_TITLE_CHARACTERS} characters."]
        title = title[:MAX_TITLE_CHARACTERS]
    if title != conversation.shown_title:
        conversation.title = title
    return ImportedConversation(conversation, tuple(notes))


def _title_in(value: dict[str, Any], source: JsonText, path: Path) -> str:
    title = value.get("title", "")
    if not isinstance(title, str):
        source.refuse((*path, "title"), "a title is a text.")
    try:
        title.encode()
    except UnicodeEncodeError:
        source.refuse((*path, "title"), "half of a surrogate pair is no character.")
    return title


def _leave_out(value: dict[str, Any], taken: set[str], reader: MessageReader) -> None:
    """Name what the object has beside its messages."""
    others = sorted(name[:80] for name in value.keys() - taken)
    if others:
        reader.notes.append(f"Not taken over: {', '.join(others)}.")


def _misspelt(value: dict[str, Any]) -> str:
    """Which of an object's names was probably meant to be the list of messages."""
    for name, each in value.items():
        hint = nearest(name, LISTS) if isinstance(each, list) else ""
        if hint.startswith("Did you mean"):
            return hint
    return ""
