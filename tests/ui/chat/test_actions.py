"""What each action does to the kept conversation; a real store, no model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.conversations.exchange import from_text
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Answer, Conversation
from openarc_ui.engine.message import FunctionCall, Message, ToolCall
from openarc_ui.errors import ConversationNotFound, InvalidRequest, MessageNotFound
from openarc_ui.ui.chat.actions import Actions, Changed, ToAnswer
from openarc_ui.ui.chat.settings import ChatSettings
from openarc_ui.ui.chat.typing_json import type_messages
from openarc_ui.ui.chat.wanted import wanted

OWNER = "somebody"
SETTINGS = ChatSettings(sampling={"temperature": 0.5})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    store = ConversationStore(tmp_path / "conversations.sqlite3")
    yield store
    store.close()


class Bench:
    """The actions over a store, and the conversation they are done to."""

    def __init__(self, store: ConversationStore) -> None:
        self.store = store
        self.actions = Actions(store)
        self.id: str | None = None

    def submit(self, **data: Any) -> ToAnswer:
        to = self.actions.to_answer(OWNER, self.id, SETTINGS, wanted("submit", data))
        self.id = to.conversation_id
        return to

    def edit(self, **data: Any) -> Changed:
        changed = self.actions.change(OWNER, self.id, SETTINGS, wanted("edit", data))
        self.id = changed.conversation_id
        return changed

    def answer(self, parent_id: str | None, message: Message) -> str:
        assert self.id is not None
        with self.store.change(OWNER, self.id) as conversation:
            return conversation.add_answer(parent_id, message, Answer("m")).id

    @property
    def conversation(self) -> Conversation:
        assert self.id is not None
        return self.store.get(OWNER, self.id)

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(node.role, node.content) for node in self.conversation.path()]


@pytest.fixture
def bench(store: ConversationStore) -> Bench:
    return Bench(store)


def talk(bench: Bench) -> tuple[str, str]:
    """A question and its answer; their ids."""
    question = bench.submit(do="send", text="Hello").parent_id
    assert question is not None
    return question, bench.answer(question, Message(role="assistant", content="Hi"))


def test_the_first_message_makes_a_conversation_with_its_settings(bench: Bench) -> None:
    to = bench.submit(do="send", text="Hello", files=[{"name": "a.py", "text": "x"}], prefill="Well")
    assert to.prefill == "Well" and bench.said == [("user", "Hello\n\na.py\n```python\nx\n```")]
    assert ChatSettings.read(bench.conversation.settings) == SETTINGS
    assert bench.conversation.path()[-1].id == to.parent_id
    with pytest.raises(InvalidRequest, match="empty"):
        bench.submit(do="send", text=" \n")
    assert len(bench.said) == 1


def test_retry_continue_and_resend_say_what_is_to_be_answered(bench: Bench) -> None:
    with pytest.raises(InvalidRequest, match="nothing in this conversation"):
        bench.submit(do="answer")
    question, answer = talk(bench)
    assert bench.submit(do="retry", id=answer).parent_id == question
    going_on = bench.submit(do="continue", id=answer)
    assert (going_on.parent_id, going_on.continued) == (question, answer)
    assert bench.submit(do="answer").parent_id == answer
    with pytest.raises(InvalidRequest, match="Nothing comes before"):
        bench.submit(do="retry", id=question)
    assert bench.submit(do="resend", id=question, content="Hello").parent_id == question
    assert bench.said == [("user", "Hello"), ("assistant", "Hi")]
    anew = bench.submit(do="resend", id=question, content="Good morning")
    assert bench.said == [("user", "Good morning")] and anew.parent_id != question
    bench.edit(do="select", id=question)
    assert bench.said == [("user", "Hello"), ("assistant", "Hi")]


def test_every_message_can_be_edited_inserted_moved_and_deleted(bench: Bench) -> None:
    bench.edit(do="insert", before=None, role="user", content="Hello")
    (question,) = bench.conversation.path()
    bench.answer(question.id, Message(role="assistant", content="Hi"))
    bench.edit(do="insert", before=question.id, role="system", content="Be kind")
    assert bench.said == [("system", "Be kind"), ("user", "Hello"), ("assistant", "Hi")]
    bench.edit(do="edit", id=question.id, content="Good day", role="user")
    assert bench.said[1:] == [("user", "Good day"), ("assistant", "Hi")]
    edited = bench.conversation.path()[1]
    assert len(bench.conversation.versions(edited.id)) == 2
    bench.edit(do="move", id=bench.conversation.path()[2].id, by=-1)
    assert [role for role, _ in bench.said] == ["system", "assistant", "user"]
    bench.edit(do="delete", id=bench.conversation.path()[1].id)
    bench.edit(do="undo")
    bench.edit(do="delete_from", id=bench.conversation.path()[0].id)
    assert bench.said == []
    with pytest.raises(MessageNotFound):
        bench.edit(do="delete", id=question.id)


def test_undo_gives_the_text_back(bench: Bench) -> None:
    talk(bench)
    assert bench.edit(do="undo").reply == {"kind": "undo", "text": "Hello"}
    assert bench.said == []


def test_undo_asks_before_versions_are_lost(bench: Bench) -> None:
    question, _ = talk(bench)
    bench.answer(question, Message(role="assistant", content="Hello to you"))
    asked = bench.edit(do="undo")
    assert asked.question == "Taking it back deletes this message and 2 answers below it." and asked.reply is None
    bench.edit(do="edit", id=question, content="Good day")
    assert "all 2 versions of this message and 3 answers" in bench.edit(do="undo").question
    assert len(bench.conversation.nodes) == 5
    assert bench.edit(do="undo", sure=True).reply == {"kind": "undo", "text": "Good day"}
    assert not bench.conversation.nodes


def test_a_retry_begins_with_what_the_user_gave_and_calls_are_not_gone_on_with(bench: Bench) -> None:
    question, _ = talk(bench)
    assert bench.id is not None
    with bench.store.change(OWNER, bench.id) as conversation:
        said = Message(role="assistant", content="Well, yes")
        given = conversation.add_answer(question, said, Answer("m", prefill_characters=6)).id
    assert bench.submit(do="retry", id=given).prefill == "Well, "
    calls = (ToolCall(id="time", function=FunctionCall(name="time")),)
    asked = bench.answer(question, Message(role="assistant", tool_calls=calls))
    with pytest.raises(InvalidRequest, match="calls would be lost") as caught:
        bench.submit(do="continue", id=asked)
    assert "results" in caught.value.hint
    assert bench.submit(do="retry", id=asked).prefill == ""


def test_a_tool_goes_on_when_every_call_has_its_result(bench: Bench) -> None:
    question, _ = talk(bench)
    calls = tuple(ToolCall(id=name, function=FunctionCall(name=name)) for name in ("time", "place"))
    asked = bench.answer(question, Message(role="assistant", tool_calls=calls))
    first = bench.submit(do="tool_result", id=asked, call_id="time", content="noon")
    assert first.parent_id is None and "1 more result is wanted" in first.told
    bench.submit(do="tool_result", id=asked, call_id="time", content="one o'clock", go_on=False)
    last = bench.submit(do="tool_result", id=asked, call_id="place", content="here")
    path = bench.conversation.path()
    assert last.parent_id == path[-1].id
    assert [(node.tool_call_id, node.name, node.content) for node in path[2:]] == [
        ("time", "time", "one o'clock"), ("place", "place", "here")
    ]  # fmt: skip
    with pytest.raises(InvalidRequest, match="no such tool call"):
        bench.submit(do="tool_result", id=asked, call_id="tme", content="")


def test_conversations_are_opened_renamed_removed_and_private(bench: Bench, store: ConversationStore) -> None:
    talk(bench)
    first = bench.id
    assert bench.edit(do="new") == Changed(None, is_shown=True)
    assert bench.edit(do="open", id=first) == Changed(first, is_shown=True)
    bench.edit(do="rename", id=first, title="Greetings")
    assert store.summaries(OWNER)[0].title == "Greetings"
    with pytest.raises(ConversationNotFound):
        Actions(store).change("somebody else", None, SETTINGS, wanted("edit", {"do": "open", "id": first}))
    assert bench.edit(do="remove", id=first) == Changed(None, is_shown=True)
    assert store.summaries(OWNER) == []


@pytest.mark.parametrize("form", ["json", "json-tree", "markdown"])
def test_what_is_exported_comes_back(bench: Bench, form: str) -> None:
    talk(bench)
    reply = bench.actions.look_up(OWNER, bench.id, wanted("select", {"do": "export", "format": form}))
    assert reply["name"].startswith("Hello.")
    brought = bench.edit(do="import", name=reply["name"], text=reply["text"])
    assert brought.is_shown and bench.said == [("user", "Hello"), ("assistant", "Hi")]
    assert brought.reply is not None and brought.reply["text"].startswith("Imported 2 messages.")


def test_json_replaces_the_path_and_what_is_wrong_is_told_with_its_line(bench: Bench) -> None:
    _, answer = talk(bench)
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hallo"}]
    bench.edit(do="replace", text=json.dumps(messages))
    assert bench.said[1] == ("assistant", "Hallo")
    assert answer in [node.id for node in bench.conversation.versions(bench.conversation.path()[1].id)]
    with pytest.raises(InvalidRequest, match=r"Line 2, column 29"):
        bench.edit(do="replace", text='[\n{"role": "user", "content": }]')
    assert bench.said[1] == ("assistant", "Hallo")


def test_what_is_typed_as_json_in_one_go_is_one_version(bench: Bench, store: ConversationStore) -> None:
    talk(bench)
    typed = None
    for text in ("G", "Go", "Good", "Good day"):
        brought = from_text(json.dumps([{"role": "user", "content": text}]))
        typed = type_messages(store, OWNER, bench.id, brought, SETTINGS, typed)
    assert bench.said == [("user", "Good day")]
    versions = bench.conversation.versions(bench.conversation.path()[0].id)
    assert [node.content for node in versions] == ["Hello", "Good day"]
    back = from_text(json.dumps([{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]))
    typed = type_messages(store, OWNER, bench.id, back, SETTINGS, typed)
    assert len(bench.conversation.versions(bench.conversation.path()[0].id)) == 1
    bench.edit(do="edit", id=bench.conversation.path()[0].id, content="Hi there")
    type_messages(store, OWNER, bench.id, from_text('[{"role": "user", "content": "Bye"}]'), SETTINGS, typed)
    assert len(bench.conversation.versions(bench.conversation.path()[0].id)) == 3


def test_a_conversation_that_is_begun_as_json_is_one_version_however_it_is_typed(
    bench: Bench, store: ConversationStore
) -> None:
    typed = None
    for text in ("G", "Go", "Good", "Good day"):
        brought = from_text(json.dumps([{"role": "user", "content": text}, {"role": "assistant", "content": "Hi"}]))
        typed = type_messages(store, OWNER, bench.id, brought, SETTINGS, typed)
        bench.id = typed.conversation_id
    assert bench.said == [("user", "Good day"), ("assistant", "Hi")] and len(bench.conversation.nodes) == 2
    question, answer = bench.conversation.path()
    bench.answer(question.id, Message(role="assistant", content="Hello"))
    bench.edit(do="select", id=answer.id)
    type_messages(store, OWNER, bench.id, from_text('[{"role": "user", "content": "Bye"}]'), SETTINGS, typed)
    assert bench.said == [("user", "Bye")] and len(bench.conversation.nodes) == 4
