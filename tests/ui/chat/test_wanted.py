"""What the view may ask for, and what it is told where it asks for something else."""

from __future__ import annotations

from typing import Any

import pytest

from openarc_ui.errors import InvalidRequest
from openarc_ui.ui.chat import wanted
from openarc_ui.ui.chat.attached import with_files


@pytest.mark.parametrize(
    ("event", "data", "says"),
    [
        ("submit", {"do": "sent", "text": "a"}, "unknown action 'sent'. Did you mean 'send'"),
        ("submit", {"do": "edit", "id": "1"}, "unknown action 'edit'"),
        ("submit", None, "unknown action 'None'"),
        ("submit", {"do": ["send"]}, "unknown action"),
        ("submit", {"do": "send", "txt": "a"}, "no field 'txt'. Did you mean 'text'"),
        ("submit", {"do": "send", "text": 1}, "text: Input should be a valid string"),
        ("submit", {"do": "send", "text": "\ud800"}, "text: Input should be a valid string"),
        ("edit", {"do": "move", "id": "1", "by": 2}, "by: Input should be -1 or 1"),
        ("edit", {"do": "insert", "role": "usr", "content": ""}, "role: Input should be"),
        ("edit", {"do": "delete"}, "id: Field required"),
        ("select", {"do": "export", "format": "pdf"}, "format"),
    ],
)
def test_what_is_not_known_is_named(event: str, data: Any, says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        wanted.wanted(event, data)
    assert says in f"{caught.value.message} {caught.value.hint}"


def test_every_action_of_the_contract_is_known() -> None:
    actions: dict[str, list[dict[str, Any]]] = {
        "submit": [
            {"do": "send", "text": "a", "files": [{"name": "a.py", "text": "b"}], "prefill": ""},
            {"do": "retry", "id": "1"},
            {"do": "continue", "id": "1", "shorten": True},
            {"do": "resend", "id": "1", "content": "a"},
            {"do": "tool_result", "id": "1", "call_id": "c", "content": "a", "go_on": True},
            {"do": "answer"},
        ],
        "edit": [
            {"do": "edit", "id": "1", "content": "a", "role": "user"},
            {"do": "delete", "id": "1"},
            {"do": "delete_from", "id": "1"},
            {"do": "insert", "before": None, "role": "system", "content": "a"},
            {"do": "move", "id": "1", "by": -1},
            {"do": "select", "id": "1"},
            {"do": "undo"},
            {"do": "replace", "text": "[]"},
            {"do": "new"},
            {"do": "open", "id": "1"},
            {"do": "rename", "id": "1", "title": "a"},
            {"do": "remove", "id": "1"},
            {"do": "search", "text": "a"},
            {"do": "more"},
            {"do": "import", "name": "a.json", "text": "[]"},
            {"do": "draft", "text": "a", "prefill": "", "files": []},
            {"do": "dismiss"},
        ],
        "select": [{"do": "tokens", "id": "1"}, {"do": "export", "id": None, "format": "markdown"}],
    }
    for event, each in actions.items():
        for action in each:
            read = wanted.wanted(event, {**action, "conversation": "c1"})
            assert read.do == action["do"] and read.conversation == "c1"
    assert wanted.stop_wanted({"conversation": "c1"}).conversation == "c1"


def test_a_file_can_not_end_its_own_block() -> None:
    files = (wanted.AttachedFile(name="note.md", text="````\ncode\n````"), wanted.AttachedFile(name="a.py", text="x\n"))
    assert with_files("Look:", files) == (
        "Look:\n\nnote.md\n`````markdown\n````\ncode\n````\n`````\n\na.py\n```python\nx\n```"
    )
    assert with_files("", (wanted.AttachedFile(text="x"),)) == "```\nx\n```"
