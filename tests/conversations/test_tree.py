"""The tree: what each change does to the path, and that no sequence of changes loses or tears anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openarc_ui.conversations import structure
from openarc_ui.conversations.node import MAX_MESSAGE_BYTES
from openarc_ui.conversations.tree import Answer, Conversation, Node
from openarc_ui.engine.message import FunctionCall, Message, ToolCall
from openarc_ui.errors import InvalidRequest, MessageNotFound, OpenArcError


def user(content: str) -> Message:
    return Message(role="user", content=content)


def assistant(content: str) -> Message:
    return Message(role="assistant", content=content)


def talk(*contents: str) -> Conversation:
    """Users and assistants in turn; the assistant's messages are answers."""
    conversation = Conversation()
    parent: Node | None = None
    for number, content in enumerate(contents):
        if number % 2:
            parent = conversation.add_answer(parent.id if parent else None, assistant(content), Answer("starter"))
        else:
            parent = conversation.insert(user(content))
    return conversation


def contents(conversation: Conversation) -> list[str]:
    return [node.content for node in conversation.path()]


def at(conversation: Conversation, place: int) -> str:
    return conversation.path()[place].id


def test_an_edited_message_is_a_new_version_and_what_follows_is_copied_below_it() -> None:
    conversation = talk("a", "b", "c", "d")
    old = at(conversation, 0)
    new = conversation.edit(old, "A")
    assert contents(conversation) == ["A", "b", "c", "d"]
    assert [each.content for each in conversation.versions(new.id)] == ["a", "A"]
    assert [node.answer is not None for node in conversation.path()] == [False, True, False, True]
    conversation.select(old)
    assert contents(conversation) == ["a", "b", "c", "d"]


def test_an_edit_without_the_rest_leaves_the_rest_in_the_old_version() -> None:
    conversation = talk("a", "b", "c")
    old = at(conversation, 0)
    conversation.edit(old, "A", keep_rest=False)
    assert contents(conversation) == ["A"]
    conversation.select(old)
    assert contents(conversation) == ["a", "b", "c"]


def test_an_edited_answer_is_no_answer_any_more_unless_nothing_changed() -> None:
    conversation = talk("a", "b")
    assert conversation.edit(at(conversation, 1), "B").answer is None
    conversation = talk("a", "b")
    assert conversation.edit(at(conversation, 1), "b").answer == Answer("starter")


def test_an_edit_keeps_reasoning_and_calls_where_the_role_stays_and_drops_them_where_it_does_not() -> None:
    call = ToolCall(id="call_1", function=FunctionCall(name="add", arguments={"a": 1}))
    conversation = Conversation(
        [Message(role="assistant", content="x", tool_calls=(call,), reasoning_content="hm", name="n")]
    )
    node = conversation.edit(at(conversation, 0), "y")
    assert (node.tool_calls, node.reasoning, node.name) == ((call,), "hm", "n")
    node = conversation.edit(node.id, "y", role="user")
    assert (node.role, node.tool_calls, node.reasoning, node.name) == ("user", (), None, "n")


def test_deleting_one_message_lets_what_followed_go_on() -> None:
    conversation = talk("a", "b", "c", "d")
    conversation.delete(at(conversation, 1))
    assert contents(conversation) == ["a", "c", "d"]
    conversation.delete(at(conversation, 0))
    assert contents(conversation) == ["c", "d"]


def test_deleting_one_of_several_versions_lets_what_followed_go_on_and_without_it_selects_the_one_beside() -> None:
    conversation = talk("a", "b")
    conversation.add_answer(at(conversation, 0), assistant("b2"), Answer("starter"))
    conversation.insert(user("c"))
    conversation.delete(at(conversation, 1))
    assert contents(conversation) == ["a", "c"]
    assert [each.content for each in conversation.versions(at(conversation, 1))] == ["b", "c"]
    conversation.delete(at(conversation, 1))
    assert contents(conversation) == ["a", "b"]


def test_what_followed_a_deleted_version_goes_on_with_its_own_selected_version() -> None:
    conversation = talk("a", "b", "c")
    first = at(conversation, 2)
    conversation.edit(at(conversation, 1), "B")
    conversation.edit(at(conversation, 2), "C")
    conversation.select(at(conversation, 2))
    conversation.insert(assistant("d"))
    conversation.delete(at(conversation, 1))
    assert contents(conversation) == ["a", "C", "d"]
    assert [each.content for each in conversation.versions(at(conversation, 1))] == ["b", "c", "C"]
    conversation.select(first)
    assert contents(conversation) == ["a", "b", "c"]


def test_deleting_a_version_that_is_not_selected_changes_nothing_shown() -> None:
    conversation = talk("a", "b")
    first = at(conversation, 1)
    conversation.add_answer(at(conversation, 0), assistant("b2"), Answer("starter"))
    conversation.delete(first)
    assert contents(conversation) == ["a", "b2"]


def test_deleting_from_a_message_takes_everything_below_it_in_all_versions() -> None:
    conversation = talk("a", "b", "c", "d")
    conversation.add_answer(at(conversation, 2), assistant("d2"), Answer("starter"))
    conversation.delete_from(at(conversation, 1))
    assert contents(conversation) == ["a"] and len(conversation.nodes) == 1
    conversation.delete_from(at(conversation, 0))
    assert contents(conversation) == [] and not conversation.nodes


def test_inserting_before_a_message_moves_all_its_versions_below_the_new_one() -> None:
    conversation = talk("a", "b")
    conversation.add_answer(at(conversation, 0), assistant("b2"), Answer("starter"))
    conversation.insert(Message(role="system", content="s"), before=at(conversation, 1))
    assert contents(conversation) == ["a", "s", "b2"]
    assert [each.content for each in conversation.versions(at(conversation, 2))] == ["b", "b2"]
    conversation.insert(Message(role="system", content="first"), before=at(conversation, 0))
    assert contents(conversation) == ["first", "a", "s", "b2"]


def test_moving_swaps_what_two_messages_say_while_versions_stay_at_their_places() -> None:
    conversation = talk("a", "b", "c")
    version = conversation.add_answer(at(conversation, 0), assistant("b2"), Answer("other"))
    conversation.insert(user("c2"))
    held = conversation.move(version.id, -1)
    assert contents(conversation) == ["b2", "a", "c2"]
    assert (held.id, held.answer) == (at(conversation, 0), Answer("other"))
    assert [each.content for each in conversation.versions(at(conversation, 1))] == ["b", "a"]
    conversation.move(held.id, 1)
    assert contents(conversation) == ["a", "b2", "c2"]


@pytest.mark.parametrize(("place", "by", "word"), [(0, -1, "first"), (2, 1, "last")])
def test_the_first_and_the_last_message_move_no_further(place: int, by: int, word: str) -> None:
    conversation = talk("a", "b", "c")
    with pytest.raises(InvalidRequest, match=word):
        conversation.move(at(conversation, place), cast(Any, by))


def test_an_answer_that_is_being_generated_is_not_moved_and_its_copies_do_not_run() -> None:
    conversation = talk("a", "b")
    running = conversation.add_answer(at(conversation, 0), assistant("…"), Answer("starter", is_running=True))
    with pytest.raises(InvalidRequest, match="being generated"):
        conversation.move(running.id, -1)
    conversation.edit(at(conversation, 0), "A")
    conversation.edit(running.id, "…")
    conversation.replace_path([user("B"), assistant("…")])
    assert [node.id for node in conversation.nodes.values() if node.answer and node.answer.is_running] == [running.id]
    copies = [node for node in conversation.nodes.values() if node.content == "…" and node.id != running.id]
    assert [node.answer and node.answer.finish_reason for node in copies] == ["cancelled"] * 3


def test_an_answer_that_says_nothing_yet_is_not_copied() -> None:
    conversation = talk("a")
    running = conversation.add_answer(at(conversation, 0), assistant(""), Answer("starter", is_running=True))
    conversation.edit(at(conversation, 0), "A")
    assert contents(conversation) == ["A"]
    conversation.select(running.id)
    conversation.replace_path([user("B"), assistant(""), user("c")])
    assert contents(conversation) == ["B", "c"]


def test_selecting_a_message_leads_the_path_through_it_from_anywhere() -> None:
    conversation = talk("a", "b", "c", "d")
    deep = at(conversation, 3)
    conversation.edit(at(conversation, 0), "other", keep_rest=False)
    conversation.select(deep)
    assert contents(conversation) == ["a", "b", "c", "d"]


def test_undo_takes_back_the_last_user_message_and_returns_its_text() -> None:
    conversation = talk("a", "b", "c", "d")
    assert conversation.undo() == "c"
    assert contents(conversation) == ["a", "b"]
    assert conversation.undo() == "a"
    with pytest.raises(InvalidRequest, match="no user message"):
        conversation.undo()


def test_undo_takes_all_versions_of_the_message_and_of_its_answers() -> None:
    conversation = talk("a", "b", "c", "d")
    conversation.edit(at(conversation, 2), "C")
    conversation.add_answer(at(conversation, 2), assistant("D"), Answer("starter"))
    assert sorted(node.content for node in conversation.below(at(conversation, 1))) == ["C", "D", "c", "d", "d"]
    assert conversation.undo() == "C"
    assert contents(conversation) == ["a", "b"] and len(conversation.nodes) == 2


def test_a_replaced_path_keeps_the_common_beginning_and_what_is_known_of_equal_messages() -> None:
    conversation = talk("a", "b", "c", "d")
    before = conversation.path()
    conversation.replace_path([user("a"), assistant("b"), user("C"), assistant("d"), user("e")])
    after = conversation.path()
    assert contents(conversation) == ["a", "b", "C", "d", "e"]
    assert after[:2] == before[:2] and after[3].answer == before[3].answer and after[3].id != before[3].id
    conversation.select(before[2].id)
    assert conversation.path() == before


def test_a_shorter_path_is_a_new_version_of_its_last_message() -> None:
    conversation = talk("a", "b", "c")
    conversation.replace_path([user("a"), assistant("b")])
    assert contents(conversation) == ["a", "b"]
    assert len(conversation.versions(at(conversation, 1))) == 2 and conversation.path()[1].answer == Answer("starter")


def test_an_equal_path_changes_nothing_and_no_messages_at_all_are_refused() -> None:
    conversation = talk("a", "b")
    before = conversation.placements()
    conversation.replace_path([user("a"), assistant("b")])
    assert conversation.placements() == before
    with pytest.raises(InvalidRequest, match="lose all"):
        conversation.replace_path([])
    assert Conversation().replace_path([]) == ()


def test_the_state_of_an_answer_is_replaced_and_keeps_the_details_of_its_tokens() -> None:
    conversation = talk("a", "b")
    node_id = at(conversation, 1)
    conversation.update_answer(node_id, answer=Answer("starter", tokens_id="t"))
    node = conversation.update_answer(node_id, message=assistant("bb"), answer=Answer("starter", finish_reason="stop"))
    assert (node.content, node.answer) == ("bb", Answer("starter", finish_reason="stop", tokens_id="t"))


def test_the_title_is_that_of_the_first_user_message_until_one_is_given() -> None:
    conversation = Conversation([Message(role="system", content="be kind"), user("  How\n tall is  it? " + "x" * 90)])
    assert conversation.title == ""
    assert conversation.shown_title.startswith("How tall is it? xxx") and len(conversation.shown_title) == 60
    conversation.title = " My\ttitle "
    assert conversation.shown_title == conversation.title == "My title"
    assert Conversation().shown_title == "New conversation"


@pytest.mark.parametrize("title", ["x" * 201, "\ud800"])
def test_a_title_that_is_too_long_or_no_text_is_refused(title: str) -> None:
    with pytest.raises(InvalidRequest):
        Conversation(title=title)
    with pytest.raises(InvalidRequest):
        Conversation().title = title


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("What is this?\n\na.py\n```python\nx = 1\n\ny\n```\n\nb.md\n````markdown\n```\n```\n````", "What is this?"),
        ("Sum it up\n\nlong.txt\n```txt\n" + "word " * 1000 + "\n```", "Sum it up"),
        ("a.py\n```python\nx\n```", "a.py"),
        ("```\nx\n```", "``` x ```"),
        ("Use `a` and ```b``` here", "Use `a` and ```b``` here"),
    ],
)
def test_a_title_comes_from_what_was_typed_not_from_the_files(content: str, title: str) -> None:
    assert Conversation([user(content)]).shown_title == title


def test_a_message_is_at_most_a_million_bytes_with_everything_in_it() -> None:
    conversation = Conversation([user("ü" * (MAX_MESSAGE_BYTES // 2))])
    with pytest.raises(InvalidRequest, match="1,000,000 bytes"):
        conversation.insert(user("ü" * (MAX_MESSAGE_BYTES // 2) + "x"))
    with pytest.raises(InvalidRequest, match="bytes"):
        conversation.insert(Message(role="assistant", content="x" * 600_000, reasoning_content="y" * 600_000))
    assert len(conversation.nodes) == 1


def test_a_conversation_holds_no_more_messages_than_its_bound_and_a_refused_edit_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(structure, "MAX_NODES", 5)
    conversation = talk("a", "b", "c")
    before = conversation.placements()
    with pytest.raises(InvalidRequest, match="at most 5 messages"):
        conversation.edit(at(conversation, 0), "A")
    with pytest.raises(InvalidRequest):
        conversation.replace_path([user(each) for each in "xyz"])
    assert conversation.placements() == before


def test_a_wrong_role_is_refused_with_the_nearest_right_one() -> None:
    conversation = talk("a")
    with pytest.raises(InvalidRequest) as caught:
        conversation.edit(at(conversation, 0), "a", role=cast(Any, "asistant"))
    assert "asistant" in caught.value.message and "'assistant'" in caught.value.hint


def test_a_message_that_is_not_there_is_said_so_by_every_change() -> None:
    conversation = talk("a")
    for change in (conversation.delete, conversation.delete_from, conversation.select, conversation.versions):
        with pytest.raises(MessageNotFound):
            change("nothing")
    for attempt in (
        lambda: conversation.edit("nothing", "x"),
        lambda: conversation.insert(user("x"), before="nothing"),
        lambda: conversation.move("nothing", 1),
        lambda: conversation.add_answer("nothing", assistant("x"), Answer("m")),
        lambda: conversation.update_answer("nothing", answer=Answer("m")),
    ):
        with pytest.raises(MessageNotFound):
            attempt()
    assert contents(conversation) == ["a"]


# Any sequence of changes


def check_whole(conversation: Conversation) -> None:
    """Every node is reached from the root once, each place has one selected version, and the path is connected."""
    seen: list[str] = []
    waiting: list[str | None] = [None]
    while waiting:
        parent_id = waiting.pop()
        children = conversation.children(parent_id)
        seen += [child.id for child in children]
        waiting += [child.id for child in children]
        assert all(child.parent_id == parent_id for child in children)
        assert conversation.selected(parent_id) in (children or (None,))
    assert sorted(seen) == sorted(conversation.nodes)
    path = conversation.path()
    assert [node.parent_id for node in path] == [None, *(node.id for node in path)][: len(path)]
    assert not path or not conversation.children(path[-1].id)
    placements = conversation.placements()
    again = Conversation()
    again.restore(placements.values())
    assert again.placements() == placements and again.path() == path


def said(conversation: Conversation) -> list[str]:
    return sorted(node.content for node in conversation.nodes.values())


def shrinks_by(conversation: Conversation, node_id: str) -> int:
    waiting, count = [node_id], 0
    while waiting:
        below = waiting.pop()
        count += 1
        waiting += [child.id for child in conversation.children(below)]
    return count


STEPS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1_000_000), st.integers(0, 1_000_000)), max_size=40)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
def test_no_sequence_of_changes_tears_the_tree_or_loses_what_was_not_deleted(
    steps: Sequence[tuple[int, int, int]],
) -> None:
    conversation = Conversation()
    for number, (kind, pick, other) in enumerate(steps):
        ids = list(conversation.nodes)
        if not ids:
            kind = 0
        node_id = ids[pick % len(ids)] if ids else ""
        before, lost, text = said(conversation), 0, f"{number}"
        try:
            if kind == 0:
                conversation.insert(user(text))
            elif kind == 1:
                conversation.insert(user(text), before=node_id)
                assert conversation.versions(node_id)[0].parent_id in conversation.nodes
            elif kind == 2:
                rest = len(conversation.path())
                conversation.edit(node_id, text, keep_rest=bool(other % 2))
                assert rest and text in said(conversation)
            elif kind == 3:
                conversation.delete(node_id)
                lost = 1
            elif kind == 4:
                lost = shrinks_by(conversation, node_id)
                conversation.delete_from(node_id)
            elif kind == 5:
                conversation.move(node_id, 1 if other % 2 else -1)
                assert said(conversation) == before
            elif kind == 6:
                conversation.add_answer(node_id if other % 3 else None, assistant(text), Answer("m"))
            elif kind == 7:
                conversation.select(node_id)
                assert conversation.node(node_id) in conversation.path()
            elif kind == 8:
                node = next((each for each in reversed(conversation.path()) if each.role == "user"), None)
                versions = conversation.versions(node.id) if node else ()
                lost = sum(shrinks_by(conversation, each.id) for each in versions)
                conversation.undo()
            else:
                kept = [node.message for node in conversation.path()]
                kept[other % len(kept) : other % len(kept) + 1] = [user(text)]
                assert [node.message for node in conversation.replace_path(kept)] == kept
        except InvalidRequest:
            assert said(conversation) == before
            lost = 0
        check_whole(conversation)
        if lost:
            assert len(said(conversation)) == len(before) - lost
        else:
            left = said(conversation)
            for each in before:
                left.remove(each)


def test_a_very_long_conversation_is_no_deeper_than_any_other() -> None:
    conversation = Conversation(user(str(number)) for number in range(structure.MAX_NODES))
    check_whole(conversation)
    with pytest.raises(OpenArcError):
        conversation.insert(user("one more"))
    conversation.delete_from(at(conversation, 1))
    assert contents(conversation) == ["0"]
