"""Searching: every substring, in any case of any script, and the words around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openarc_ui.conversations.search import around, folded
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.message import Message
from openarc_ui.errors import InvalidRequest


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    store = ConversationStore(tmp_path / "conversations.sqlite3")
    yield store
    store.close()


def keep(store: ConversationStore, *contents: str, title: str = "") -> str:
    return store.add("me", Conversation((Message(role="user", content=each) for each in contents), title=title)).id


@pytest.mark.parametrize(
    ("content", "search"),
    [
        ("Where is Paris?", "pARIS"),
        ("In der STRASSE", "straße"),
        ("In der Straße", "STRASSE"),
        ("ÜBER", "über"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("東京タワー", "京タ"),
        ("100% of a_b \\ c", "0% OF A_b \\"),
        ("before\0after", "AFTER"),
        ("é\0After", "after"),
        ("two\nlines", "two\nlines"),
        ("a  b", " "),
        ("👩‍🚀 in space", "👩‍🚀 IN"),
    ],
)
def test_a_message_is_found_by_any_part_of_it_in_any_case(store: ConversationStore, content: str, search: str) -> None:
    wanted, _ = keep(store, "first", content, title="x"), keep(store, "nothing of it", title="y")
    found = [each.id for each in store.summaries("me", search)]
    assert wanted in found and (len(found) == 1 or search.isspace())


@pytest.mark.parametrize("search", ["a%s", "a_is", "\\", "pariss", "paris where"])
def test_signs_of_patterns_are_letters_like_any_other(store: ConversationStore, search: str) -> None:
    keep(store, "Where is Paris?")
    assert store.summaries("me", search) == []


def test_titles_are_searched_given_or_derived_and_give_no_snippet(store: ConversationStore) -> None:
    keep(store, "hello", title="My Überschrift")
    (found,) = store.summaries("me", "überSCHRIFT")
    assert (found.title, found.snippet) == ("My Überschrift", "")
    keep(store, "Derived from this")
    assert [each.title for each in store.summaries("me", "derived FROM")] == ["Derived from this"]


def test_all_versions_are_searched_and_what_was_edited_away_is_found_as_long_as_it_is_kept(
    store: ConversationStore,
) -> None:
    conversation_id = keep(store, "an old thought")
    with store.change("me", conversation_id) as changing:
        old = changing.path()[0].id
        changing.edit(old, "a new one")
    assert [each.snippet for each in store.summaries("me", "OLD")] == ["an old thought"]
    with store.change("me", conversation_id) as changing:
        changing.delete(old)
    assert store.summaries("me", "old") == []


def test_a_search_is_of_ones_own_and_in_pages(store: ConversationStore) -> None:
    made = [keep(store, f"needle {number}") for number in range(4)]
    store.add("other", Conversation([Message(role="user", content="needle of another")]))
    assert [each.id for each in store.summaries("me", "needle", limit=2, offset=1)] == [made[2], made[1]]


def test_the_snippet_is_what_is_around_the_first_hit_on_one_line(store: ConversationStore) -> None:
    keep(store, "no", "a " * 100 + "\n\nthe Needle,\n  and " + "z " * 100, "needle again")
    (found,) = store.summaries("me", "needle")
    assert found.snippet.startswith("…a a a") and found.snippet.endswith("z z…")
    assert "a a the Needle, and z z" in found.snippet and len(found.snippet) < 140


@pytest.mark.parametrize("search", ["x" * 501, "\ud800"])
def test_a_search_that_is_too_long_or_no_text_is_refused(store: ConversationStore, search: str) -> None:
    with pytest.raises(InvalidRequest, match="search"):
        store.summaries("me", search)


@given(before=st.text(max_size=60), sought=st.text(min_size=1, max_size=10), after=st.text(max_size=100))
def test_a_snippet_holds_what_was_sought_whatever_its_letters_fold_to(before: str, sought: str, after: str) -> None:
    text = before + sought + after
    snippet = around(text, folded(sought))
    assert " ".join(folded(sought).split()) in " ".join(folded(snippet).split())
