"""What is remembered spares reading, and is never taken for what the database has now."""

from __future__ import annotations

from pathlib import Path

from openarc_ui.conversations.remembered import CHARACTERS_OF_A_NODE, Remembered
from openarc_ui.conversations.rows import Stored
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Answer, Conversation
from openarc_ui.engine.message import Message
from openarc_ui.engine.prompts import TokenDetail


def stored(name: str, characters: int, revision: int = 1) -> Stored:
    return Stored(0, revision, Conversation([Message(role="user", content="x" * characters)], id=name), ())


def test_only_the_revision_that_was_remembered_is_given() -> None:
    remembered = Remembered()
    first = stored("a", 1, revision=5)
    remembered.put(first)
    assert remembered.get("a", 5) is first
    assert remembered.get("a", 6) is remembered.get("b", 5) is None
    remembered.forget("a")
    remembered.forget("a")
    assert remembered.get("a", 5) is None


def test_what_was_not_used_for_longest_goes_when_there_is_no_room() -> None:
    remembered = Remembered(3 * (CHARACTERS_OF_A_NODE + 100))
    for name in "abc":
        remembered.put(stored(name, 100))
    remembered.put(stored("c", 50))
    assert remembered.get("a", 1)
    remembered.put(stored("d", 100))
    assert [name for name in "abcd" if remembered.get(name, 1)] == ["a", "c", "d"]
    remembered.put(stored("huge", 100_000))
    assert [name for name in "acd" if remembered.get(name, 1)] == ["a", "c", "d"] and not remembered.get("huge", 1)
    remembered.put(stored("a", 100_000))
    assert remembered.get("a", 1) is None


def test_two_stores_of_one_file_never_show_each_other_an_older_state(tmp_path: Path) -> None:
    one, other = (ConversationStore(tmp_path / "conversations.sqlite3") for _ in range(2))
    made = Conversation([Message(role="user", content="a")])
    made.add_answer(made.path()[0].id, Message(role="assistant", content="b"), Answer("m"))
    made = one.add("me", made)
    assert len(other.get("me", made.id).path()) == 2
    for number in range(6):
        with (one if number % 2 else other).change("me", made.id) as changing:
            assert len(changing.path()) == number + 2
            changing.insert(Message(role="user", content=f"{number}"))
        assert len(one.get("me", made.id).path()) == len(other.get("me", made.id).path()) == number + 3
    one.put_tokens("me", made.id, made.path()[1].id, [TokenDetail(1, "b", False, 0.0)])
    answers = [store.get("me", made.id).path()[1].answer for store in (one, other)]
    assert [answer and answer.has_tokens for answer in answers] == [True, True]
    one.close()
    other.close()


def test_what_was_handed_out_or_failed_does_not_change_what_is_remembered(tmp_path: Path) -> None:
    store = ConversationStore(tmp_path / "conversations.sqlite3")
    made = store.add("me", Conversation([Message(role="user", content="a")], settings={"sampling": {"seed": 1}}))
    try:
        with store.change("me", made.id) as changing:
            changing.edit(changing.path()[0].id, "b")
            changing.settings["sampling"]["seed"] = 2
            raise KeyError
    except KeyError:
        pass
    handed = store.get("me", made.id)
    handed.insert(Message(role="user", content="c"))
    handed.settings["sampling"]["seed"] = 3
    again = store.get("me", made.id)
    assert ([node.content for node in again.path()], again.settings) == (["a"], {"sampling": {"seed": 1}})
    store.close()
