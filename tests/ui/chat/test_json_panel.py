"""The JSON panel's note: valid, or what is wrong and where."""

from __future__ import annotations

import pytest

from openarc_ui.conversations.exchange import to_json
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.message import Message
from openarc_ui.ui.chat.json_panel import read_conversation


def test_what_the_panel_shows_can_be_read_back() -> None:
    messages = [Message(role="user", content="<b>é</b>\n"), Message(role="assistant", content="")]
    found, words = read_conversation(to_json(Conversation(messages)))
    assert found is not None and list(found.messages) == messages
    assert "Valid: 2 messages." in words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Nothing is written"),
        ("# A title\n\n**user**: hello", "Line 1, column 1: this is not JSON"),
        ('[{"role": "user", "content": "a"},\n{"role": "usr", "content": "b"}]', "Line 2, column"),
        ('{"messages": [\n{"role": }]}', "Line 2, column 10"),
    ],
)
def test_what_cannot_be_read_changes_nothing_and_says_where(text: str, words: str) -> None:
    found, note = read_conversation(text)
    assert found is None
    assert words in note and "stays as it is" in note


def test_what_was_not_taken_over_is_said() -> None:
    found, note = read_conversation('{"messages": [{"role": "user", "content": "a"}], "temperature": 1, "<i>": 2}')
    assert found is not None
    assert "temperature" in note and "<i>" not in note
