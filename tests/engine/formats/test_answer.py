"""An answer in its parts: what models really write, and that nothing shown is ever taken back."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openarc_ui.engine.formats import ParsedAnswer, ReasoningTags, parse_answer
from openarc_ui.engine.prompts import Tool
from openarc_ui.errors import InvalidRequest
from tests.engine.formats.excerpts import NO_CALLS, READABLE, TOOLS, UNREADABLE, Calls

THINK = ReasoningTags("<think>", "</think>")
FORMATS = ("hermes", "llama3", "mistral", "phi4")
ANSWERS = [(name, text) for name, text, *_ in (*READABLE, *NO_CALLS, *UNREADABLE) if len(text) < 1000]


def parse(
    text: str,
    tool_format: str | None,
    *,
    tools: tuple[Tool, ...] = TOOLS,
    reasoning: ReasoningTags | None = THINK,
    is_open: bool = False,
    is_final: bool = True,
) -> ParsedAnswer:
    return parse_answer(
        text, tool_format=tool_format, reasoning=reasoning, is_open=is_open, is_final=is_final, tools=tools
    )


def calls_of(answer: ParsedAnswer) -> Calls:
    return [(call.function.name, call.function.arguments) for call in answer.tool_calls]


@pytest.mark.parametrize(("tool_format", "text", "content", "calls"), READABLE)
def test_what_models_write_is_read(tool_format: str, text: str, content: str, calls: Calls) -> None:
    answer = parse(text, tool_format)
    assert (answer.content, calls_of(answer)) == (content, calls)
    assert not [problem for problem in answer.problems if "can't be read" in problem]
    assert len({call.id for call in answer.tool_calls}) == len(calls)


@pytest.mark.parametrize(("tool_format", "text"), NO_CALLS)
def test_what_only_looks_like_a_call_is_text(tool_format: str, text: str) -> None:
    assert parse(text, tool_format) == ParsedAnswer(text)


@pytest.mark.parametrize(("tool_format", "text", "problem"), UNREADABLE, ids=lambda value: str(value)[:40])
def test_a_call_that_cannot_be_read_stays_in_the_content_and_is_told(tool_format: str, text: str, problem: str) -> None:
    answer = parse(text, tool_format)
    assert answer.content == text
    assert answer.tool_calls == ()
    assert len(answer.problems) == 1
    assert problem in answer.problems[0]


def test_a_call_after_an_unreadable_one_is_read() -> None:
    answer = parse('<tool_call>{"name": }</tool_call>\n<tool_call>{"name": "add"}</tool_call>', "hermes")
    assert answer.content == '<tool_call>{"name": }</tool_call>'
    assert calls_of(answer) == [("add", {})]


def test_a_bracket_is_added_only_where_the_closing_tag_shows_that_nothing_else_is_missing() -> None:
    body = '<tool_call>\n{"name": "add", "arguments": {"a": 1}\n'
    mended = parse(body + "</tool_call>", "hermes")
    assert calls_of(mended) == [("add", {"a": 1})]
    assert mended.problems == ("A tool call lacked its last bracket, which was added.",)
    assert parse(body, "hermes").tool_calls == ()


def test_without_tools_only_marks_count() -> None:
    bare = '{"name": "add", "parameters": {}}'
    assert parse(bare, "llama3", tools=()) == ParsedAnswer(bare)
    assert calls_of(parse("<|python_tag|>" + bare, "llama3", tools=())) == [("add", {})]
    assert parse("<tool_call>" + bare, None).tool_calls == ()


def test_a_call_of_a_tool_that_was_not_given_is_told_with_the_nearest_name() -> None:
    answer = parse('<tool_call>{"name": "get_wether", "arguments": {}}</tool_call>', "hermes")
    assert calls_of(answer) == [("get_wether", {})]
    assert answer.problems == ("There is no tool 'get_wether'. Did you mean 'get_weather'?",)


def test_ids_are_the_models_or_made_from_the_prefix() -> None:
    text = '<tool_call>{"id": "x", "name": "add"}</tool_call><tool_call>{"id": "x", "name": "add"}</tool_call>'
    found = parse_answer(text, tool_format="hermes", reasoning=None, id_prefix="n7")
    assert [call.id for call in found.tool_calls] == ["x", "n7_2"]


def test_ids_for_mistral_have_nine_characters_and_stay_the_same() -> None:
    text = (
        '[TOOL_CALLS][{"name": "add", "arguments": {}, "id": "abc123XYZ"}, {"name": "add", "arguments": {}, "id": "1"}]'
    )
    first, second = parse(text, "mistral").tool_calls
    assert first.id == "abc123XYZ"
    assert second.id is not None and len(second.id) == 9 and second.id.isalnum()
    assert parse(text, "mistral").tool_calls[1].id == second.id
    called = parse('[TOOL_CALLS]add[CALL_ID]a1b2c3d4e[ARGS]{"a": 1}', "mistral")
    assert called.tool_calls[0].id == "a1b2c3d4e"


def test_more_calls_than_a_message_takes_are_left_as_text() -> None:
    answer = parse('<tool_call>{"name": "add"}</tool_call>' * 70, "hermes")
    assert len(answer.tool_calls) == 64
    assert answer.content.count("<tool_call>") == 6
    assert answer.problems == ("More than 64 calls are not read.",)


def test_an_unknown_format_is_an_error() -> None:
    with pytest.raises(InvalidRequest, match="There is no tool format 'qwen'"):
        parse("text", "qwen")


@pytest.mark.parametrize(
    ("text", "is_open", "reasoning", "content", "still_open"),
    [
        ("<think>\nTwo and two.\n</think>\n\nFour.", False, "Two and two.", "Four.", False),
        ("Two and two.\n</think>\n\nFour.", True, "Two and two.", "Four.", False),
        ("<think>Two</think>Four", True, "Two", "Four", False),
        ("\n<think>\nTwo and", False, "Two and", "", True),
        ("Two and", True, "Two and", "", True),
        ("<think>\n\n</think>\n\nFour.", False, None, "Four.", False),
        ("<think>a</think>\n<think>b</think>\nFour.", False, "a\n\nb", "Four.", False),
        ("The tag <think> opens it. ", False, None, "The tag <think> opens it. ", False),
        ("  Four.\n", False, None, "  Four.\n", False),
    ],
)
def test_thoughts_are_told_from_the_answer(
    text: str, is_open: bool, reasoning: str | None, content: str, still_open: bool
) -> None:
    answer = parse(text, None, is_open=is_open)
    assert (answer.reasoning, answer.content, answer.reasoning_is_open) == (reasoning, content, still_open)


def test_thoughts_and_calls_come_apart_and_a_call_within_thoughts_is_none() -> None:
    call = '<tool_call>\n{"name": "add", "arguments": {}}\n</tool_call>'
    answer = parse(f"<think>\nI could {call}\n</think>\n\n{call}", "hermes")
    assert answer.reasoning == f"I could {call}"
    assert answer.content == ""
    assert calls_of(answer) == [("add", {})]


def test_what_may_become_a_mark_is_held_back_and_nothing_else() -> None:
    def shown(text: str) -> str:
        return parse(text, "hermes", is_final=False).content

    assert shown("Sure <tool_c") == "Sure"
    assert shown("Sure <tool_x") == "Sure <tool_x"
    assert shown('Sure\n<tool_call>\n{"name": "add", "argum') == "Sure"
    assert shown('{"city": "Paris", "days": 3') == '{"city": "Paris", "days": 3'
    assert shown('{"name": "Bob", "age": 3') == '{"name": "Bob", "age": 3'
    assert shown("a < b") == "a < b"
    assert parse("<thi", None, is_final=False) == ParsedAnswer("")
    assert parse("<think>so </thi", None, is_final=False) == ParsedAnswer("", "so", reasoning_is_open=True)


def check_that_nothing_is_taken_back(
    text: str, tool_format: str | None, *, is_open: bool, tools: tuple[Tool, ...]
) -> None:
    whole = parse(text, tool_format, is_open=is_open, tools=tools)
    before = ParsedAnswer("")
    for end in range(len(text) + 2):
        is_final = end == len(text) + 1
        now = whole if is_final else parse(text[:end], tool_format, is_open=is_open, is_final=False, tools=tools)
        assert now.content.startswith(before.content), (text[:end], before, now)
        assert (now.reasoning or "").startswith(before.reasoning or ""), (text[:end], before, now)
        assert now.tool_calls[: len(before.tool_calls)] == before.tool_calls, (text[:end], before, now)
        before = now


@pytest.mark.parametrize(("tool_format", "text"), ANSWERS, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("around", ["", "text ", "<think>thought</think>\n"])
def test_a_growing_answer_takes_nothing_back(tool_format: str, text: str, around: str) -> None:
    check_that_nothing_is_taken_back(around + text + " and\nmore", tool_format, is_open=False, tools=TOOLS)


FRAGMENTS = st.sampled_from(
    [
        *(
            "<tool_call>",
            "</tool_call>",
            "<function=",
            "add>",
            "<parameter=a>",
            "</parameter>",
            "</function>",
            "<think>",
        ),
        *(
            "</think>",
            "<|python_tag|>",
            "<|python_end|>",
            "[TOOL_CALLS]",
            "[ARGS]",
            "[CALL_ID]",
            "<|tool_call|>",
            "functools",
        ),
        *(
            "<|/tool_call|>",
            "```",
            "```json\n",
            "`",
            "{",
            "}",
            "[",
            "]",
            "(",
            ")",
            '"',
            "'",
            ":",
            ",",
            ";",
            " ",
            "\n",
            "\\",
            "=",
        ),
        *(
            '"name"',
            '"arguments"',
            '"parameters"',
            '"add"',
            '"Bob"',
            "add",
            "get_weather",
            "{}",
            "1",
            "text",
            "<",
            "add(",
        ),
        *(
            '{"name": "add", "arguments": {"a": 1}}',
            '[{"name": "add", "arguments": {}}]',
            '{"x": 1}',
            "[add(a=1)]",
            'add{"a": 1}',
        ),
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(FRAGMENTS, max_size=14).map("".join), st.sampled_from(FORMATS), st.booleans(), st.sampled_from([TOOLS, ()])
)
def test_no_text_at_all_makes_an_answer_take_something_back(
    text: str, tool_format: str, is_open: bool, tools: tuple[Tool, ...]
) -> None:
    check_that_nothing_is_taken_back(text, tool_format, is_open=is_open, tools=tools)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80).filter(lambda text: not set(text) & set("<[{`")), st.sampled_from(FORMATS))
def test_text_without_marks_stays_as_it_is(text: str, tool_format: str) -> None:
    assert parse(text, tool_format, reasoning=None) == ParsedAnswer(text)


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>{" * 4000,
        '{"name": "add' * 4000,
        "[add(" * 8000,
        '<tool_call>{"a' * 4000,
        "[" * 40_000,
        "```json\n" * 5000,
    ],
)
@pytest.mark.parametrize("tool_format", FORMATS)
def test_an_answer_that_is_nothing_but_marks_takes_no_time(text: str, tool_format: str) -> None:
    started = time.process_time()
    for is_final in (True, False):
        parse(text, tool_format, is_final=is_final)
    assert time.process_time() - started < 2.0
