"""In and out: what was exported comes back equal, what others write is read, and nothing is left out silently."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from openarc_ui.conversations.exchange import from_text, messages_of, to_json, to_markdown
from openarc_ui.conversations.tree import Answer, Conversation
from openarc_ui.engine.message import FunctionCall, Message, ToolCall
from openarc_ui.errors import InvalidRequest

CALL = ToolCall(
    id="call_1", function=FunctionCall(name="add", arguments={"text": "ü\t\n```\n## User", "n": [1, 2.5, None]})
)
NESTED = "\n".join(
    [
        "# A title",
        "",
        "## User",
        "```",
        '## Assistant "x" for "y"',
        "```json tool calls",
        "```",
        "> **Reasoning**",
        "\\## User",
        "## Users",
        "## user ",
        "",
        "",
    ]
)
TALK = (
    Message(role="system", content="Be kind.\n"),
    Message(role="user", content=NESTED, name='Ann "A" \\ ü\n'),
    Message(role="assistant", content="", tool_calls=(CALL, CALL), reasoning_content="First\n\n> **Reasoning**\n x "),
    Message(role="tool", content='{"ok": true}', name="add", tool_call_id="call_1"),
    Message(role="assistant", content="> **Reasoning**\n> not mine", reasoning_content=""),
    Message(role="user", content="\n\n  code:\n```python\nprint(1)\n```\n\n"),
    Message(role="assistant", content="a\r\nb\rc\u2028d\x85e\0f\ttab 👩‍🚀"),
)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
LINES = st.lists(TEXTS | st.sampled_from(NESTED.split("\n")) | st.just("\r"), max_size=6).map("\n".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
CALLS = st.builds(
    ToolCall,
    id=st.none() | TEXTS,
    function=st.builds(FunctionCall, name=TEXTS.filter(bool), arguments=st.dictionaries(TEXTS, JSON, max_size=3)),
)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=LINES,
    name=st.none() | TEXTS,
    tool_calls=st.none() | st.lists(CALLS, min_size=1, max_size=2).map(tuple),
    tool_call_id=st.none() | TEXTS,
    reasoning_content=st.none() | LINES,
)


@settings(deadline=None)
@given(messages=st.lists(MESSAGES, min_size=1, max_size=5), title=TEXTS)
@example(messages=list(TALK), title="A talk")
def test_json_and_markdown_come_back_to_the_same_title_and_messages(messages: list[Message], title: str) -> None:
    conversation = Conversation(messages, title=title)
    for text in (to_json(conversation), to_json(conversation, whole_tree=True), to_markdown(conversation)):
        brought = from_text(text)
        assert list(brought.messages) == messages
        assert brought.notes == ()
        assert brought.conversation.shown_title == conversation.shown_title
        assert brought.title == (conversation.title if conversation.title != Conversation(messages).shown_title else "")


def test_json_is_what_openai_writes() -> None:
    written = json.loads(to_json(Conversation(TALK, title="A talk")))
    assert written["title"] == "A talk" and set(written) == {"title", "messages"}
    assert written["messages"][0] == {"role": "system", "content": "Be kind.\n"}
    asked = written["messages"][2]
    assert asked["content"] is None and set(asked) == {"role", "reasoning_content", "content", "tool_calls"}
    assert set(asked["tool_calls"][0]) == {"id", "type", "function"}
    assert json.loads(asked["tool_calls"][0]["function"]["arguments"]) == CALL.function.arguments
    assert written["messages"][3] == {
        "role": "tool",
        "name": "add",
        "tool_call_id": "call_1",
        "content": '{"ok": true}',
    }


def test_markdown_reads_well() -> None:
    text = to_markdown(Conversation([TALK[0], Message(role="user", content="Hi\n\n```\nx\n```"), TALK[2]]))
    assert text.startswith(
        "# Hi\n\n## System\n\nBe kind.\n\n\n## User\n\nHi\n\n```\nx\n```\n\n## Assistant\n\n> **Reasoning**\n> First\n>\n"
    )
    assert '\n\n```json tool calls\n[\n  {\n    "id": "call_1",' in text and text.endswith("```\n\n\n")


def test_the_whole_tree_comes_back_with_versions_selection_and_what_answers_cost() -> None:
    answer = Answer("starter", "r1", {"ttft_seconds": 0.25}, "stop", 2**63 - 1, 2, 5, 1.5, "it broke", "g")
    made = Conversation([Message(role="user", content="a")], settings={"model": "ü"})
    made.created_at = 1000.5
    made.add_answer(made.path()[0].id, Message(role="assistant", content="b"), answer)
    made.insert(Message(role="user", content="c"))
    first = made.path()[1].id
    made.add_answer(made.path()[0].id, Message(role="assistant", content="b2"), replace(answer, is_running=True))
    made.edit(made.path()[0].id, "A", keep_rest=False)
    made.select(first)
    brought = from_text(to_json(made, whole_tree=True)).conversation
    assert shape(brought) == shape(made)
    assert [node.content for node in brought.path()] == ["a", "b", "c"]
    assert (brought.settings, brought.created_at) == ({"model": "ü"}, 1000.5)
    assert not set(brought.nodes) & set(made.nodes)


def shape(conversation: Conversation, parent_id: str | None = None) -> list[Any]:
    chosen = conversation.selected(parent_id)
    return [
        (
            node.message,
            node.created_at,
            node.answer and replace(node.answer, is_running=False),
            node is chosen,
            shape(conversation, node.id),
        )
        for node in conversation.children(parent_id)
    ]


def test_messages_changed_by_hand_beside_a_tree_become_a_new_version() -> None:
    made = Conversation([Message(role="user", content="a"), Message(role="assistant", content="b")])
    value = json.loads(to_json(made, whole_tree=True))
    value["messages"][1]["content"] = "B"
    brought = from_text(json.dumps(value)).conversation
    assert [node.content for node in brought.path()] == ["a", "B"]
    assert [each.content for each in brought.versions(brought.path()[1].id)] == ["b", "B"]


def _figure(nodes: list[dict[str, Any]], name: str, value: Any) -> None:
    nodes[1]["answer"] = {"model": "m", "figures": {name: value}}


@pytest.mark.parametrize(
    ("change", "place", "word"),
    [
        (lambda nodes: nodes[1].update(parent="later"), "parent", "stands before"),
        (lambda nodes: nodes.reverse(), "parent", "stands before"),
        (lambda nodes: nodes[1].update(id=nodes[0]["id"]), "id", "twice"),
        (lambda nodes: nodes[0]["message"].update(role="usr"), "role", "'usr'"),
        (lambda nodes: nodes[0].update(created_at=-1), "created_at", "greater than or equal to 0"),
        (lambda nodes: nodes[1].update(answer={"modle": "m"}), "modle", "'modle'"),
        (lambda nodes: _figure(nodes, "queue_seconds", "q"), "figures", "'queue_seconds' has to be a number"),
        (lambda nodes: _figure(nodes, "ttft_seconds", [1]), "figures", "'ttft_seconds' has to be a number"),
        (lambda nodes: _figure(nodes, "generated_tokens", -1), "figures", "'generated_tokens' has to be a number"),
        (lambda nodes: _figure(nodes, "generated_tokens", True), "figures", "'generated_tokens' has to be a number"),
        (lambda nodes: _figure(nodes, "total_seconds", 10**400), "figures", "'total_seconds' has to be a number"),
        (
            lambda nodes: nodes[1].update(answer={"model": "m", "reasoning_seconds": 1e300}),
            "reasoning_seconds",
            "less than",
        ),
        (lambda nodes: _figure(nodes, "backend", {}), "figures", "'backend' has to be a number, a text"),
    ],
)
def test_a_broken_tree_is_refused_where_it_is_broken(change: Any, place: str, word: str) -> None:
    value = json.loads(to_json(Conversation(TALK[:2]), whole_tree=True))
    change(value["openarc"]["nodes"])
    text = json.dumps(value, indent=1)
    with pytest.raises(InvalidRequest, match=word) as caught:
        from_text(text)
    line = int(caught.value.message.split(",")[0].removeprefix("Line "))
    assert f'"{place}"' in text.split("\n")[line - 1]


def test_a_tree_without_or_with_two_selections_shows_the_last() -> None:
    value = json.loads(to_json(Conversation(TALK[:1]), whole_tree=True))
    nodes = value["openarc"]["nodes"]
    del value["messages"]
    nodes += [{**nodes[0], "id": "second", "is_selected": True}, {**nodes[0], "id": "third", "is_selected": False}]
    brought = from_text(json.dumps(value)).conversation
    assert brought.path()[0] == brought.children(None)[1]
    for node in nodes:
        del node["is_selected"]
    brought = from_text(json.dumps(value)).conversation
    assert brought.path()[0] == brought.children(None)[2]


# What others write


def test_a_bare_list_and_a_request_to_openais_api_are_read_and_the_rest_of_the_request_is_named() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "refusal": None}]
    assert [each.content for each in from_text(json.dumps(messages)).messages] == ["a", ""]
    body = {"model": "m", "messages": messages, "temperature": 1, "tools": []}
    brought = from_text("\ufeff \n" + json.dumps(body))
    assert len(brought.messages) == 2 and brought.notes == ("Not taken over: model, temperature, tools.",)
    own = from_text(json.dumps({"conversation": messages, "title": "Mine"}))
    assert (len(own.messages), own.title, own.notes) == (2, "Mine", ())


def test_sharegpt_is_read() -> None:
    talk = [
        {"from": "system", "value": "s"},
        {"from": "human", "value": "q", "weight": 1},
        {"from": "gpt", "value": "a"},
        {"from": "function_call", "value": '{"name": "add", "arguments": {"a": 1}}'},
        {"from": "observation", "value": "2"},
    ]
    for text in (json.dumps({"conversations": talk, "id": "x"}), json.dumps([{"conversations": talk, "id": "x"}])):
        brought = from_text(text)
        assert [each.role for each in brought.messages] == ["system", "user", "assistant", "assistant", "tool"]
        assert brought.messages[3].tool_calls == (ToolCall(function=FunctionCall(name="add", arguments={"a": 1})),)
        assert brought.notes == ("Line 1: not taken over: weight.", "Not taken over: id.")
    with pytest.raises(InvalidRequest, match="2 conversations"):
        from_text(json.dumps([{"conversations": talk}, {"conversations": talk}]))
    with pytest.raises(InvalidRequest, match="no speaker 'humn'") as caught:
        from_text('{"conversations": [{"from": "humn", "value": "x"}]}')
    assert "'human'" in caught.value.hint


def test_old_and_foreign_forms_of_a_message_are_taken_and_named() -> None:
    brought = from_text(
        json.dumps(
            [
                {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "user", "content": ["c", {"type": "image_url", "image_url": {"url": "x"}}]},
                {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"x": 1}'}},
                {"role": "function", "name": "f", "content": "1"},
                {"role": "assistant", "content": "d", "reasoning": "hm", "annotations": [1]},
            ],
            indent=1,
        )
    )
    assert [(each.role, each.content) for each in brought.messages] == [
        ("system", "a\nb"),
        ("user", "c"),
        ("assistant", ""),
        ("tool", "1"),
        ("assistant", "d"),
    ]
    assert brought.messages[2].tool_calls == (ToolCall(function=FunctionCall(name="f", arguments={"x": 1})),)
    assert brought.messages[4].reasoning_content == "hm"
    assert [note.split(": ", 1)[1] for note in brought.notes] == [
        "the role 'developer' became 'system'.",
        "a part of the kind 'image_url' was left out; only text is kept.",
        "the old function_call became a tool call.",
        "the role 'function' became 'tool'.",
        "not taken over: annotations.",
    ]


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ('[\n {"role": "user" "content": "a"}\n]', "Line 2, column 18: expecting ',' delimiter", "commas"),
        (
            '[\n {"content": "x", "role": "asistant"}\n]',
            "Line 2, column 27: there is no role 'asistant'",
            "'assistant'",
        ),
        ('[\n {"role": "user",\n  "contnet": "a"}]', "Line 3, column 14: a message has no 'contnet'", "'content'"),
        ('[{"role": "user", "content": 5}]', "Line 1, column 30: content: Input should be a valid string", ""),
        ('[{"role": "user", "content": "\\ud800"}]', "Line 1, column 30: content: half of a surrogate", ""),
        ('[{"role": "user", "content": "a",\n "content": 5}]', "Line 2, column 13: content", ""),
        ('[{"content": "a"}]', "Line 1, column 2: this message has no role", "assistant"),
        ('[{"role": "user"}, 5]', "Line 1, column 20: here a message is expected", "content"),
        ('{"messages": {"role": "user"}}', "Line 1, column 14: here a list of messages is expected", ""),
        ('{"mesages": []}', "Line 1, column 1: there are no messages", "'messages'"),
        ('{"title": "x"}', "Line 1, column 1: there are no messages", '"messages"'),
        ('{"title": 5, "messages": []}', "Line 1, column 11: a title is a text", ""),
        (
            '[{"role": "assistant", "tool_calls": [{"function":\n{"name": "f", "arguments": "{a"}}]}]',
            "Line 2, column 28: tool_calls.0.function.arguments: the arguments are not JSON",
            "tool call",
        ),
        (
            '[{"role": "user", "content": "' + "x" * 1_000_001 + '"}]',
            "Line 1, column 2: A message has at most",
            "Split",
        ),
        ("[" * 100_000, "This JSON is too deep", ""),
        ("[1e5,", "Line 1, column 6", ""),
        ("Hello\n## User\nHi", "Line 1: this text belongs to no message", "## User"),
        ("# T\n\n## Asistant\nHi", "Line 3: there is no role 'Asistant'", "'Assistant'"),
        ("", "There is no message", "## User"),
        ('# T\n## User\na\n\n## Tool "x"\n```json tool calls\n[', "Line 5: this heading or its tool calls", "## User"),
        ("## User\n" + "x" * 1_000_001, "A message has at most", "Split"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_what_was_probably_meant(text: str, said: str, hint: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        from_text(text)
    assert said in caught.value.message and hint in caught.value.hint, (caught.value.message, caught.value.hint)


@pytest.mark.parametrize("text", ["[]", '{"messages": []}', "# A title"])
def test_what_has_no_message_is_no_conversation(text: str) -> None:
    with pytest.raises(InvalidRequest, match="There is no message"):
        from_text(text)


def test_a_name_that_stands_twice_is_named() -> None:
    brought = from_text('[{"role": "user", "content": "a", "content": "b"}]')
    assert brought.messages[0].content == "b"
    assert brought.notes == ("'content' stands twice in one object; the last one counts.",)


def test_markdown_typed_by_hand_is_read_with_any_line_ends_and_a_long_title_is_cut() -> None:
    text = "# " + "t" * 300 + "\n\n## user\nHi\n\n## Setup\nmore\n## ASSISTANT\n\nHello\n"
    for written in (text, text.replace("\n", "\r\n")):
        brought = from_text(written)
        assert [(each.role, each.content) for each in brought.messages] == [
            ("user", "Hi\n\n## Setup\nmore"),
            ("assistant", "Hello"),
        ]
        assert brought.title == "t" * 200 and "cut to 200" in brought.notes[0]


def test_what_goes_to_the_engine_is_the_path_with_its_reasoning() -> None:
    assert messages_of(Conversation(TALK).path()) == TALK
