"""Answers in parts while they grow: the same as read whole, nothing taken back, and cheap."""

from __future__ import annotations

import itertools
import json
import random
import time

import pytest

from openarc_ui.conversations.answer_format import AnswerFormat
from openarc_ui.engine.formats.templates import ReasoningTags
from openarc_ui.engine.prompts import TokenDetail, Tool, ToolFunction
from openarc_ui.engine.types import FinishReason
from openarc_ui.server.openai.parts import CallArguments, CallBegun, Ended, Part, Reading, Said, Thought
from openarc_ui.server.openai.reader import SequenceReader

TAGS = ReasoningTags("<think>", "</think>")
TOOLS = tuple(Tool(function=ToolFunction(name=name)) for name in ("look_up", "add"))
CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": "x y"}}\n</tool_call>'
ANSWERS = {
    "plain": "Paris is the capital.\n\n  It has {braces} and [lists] of `code`.",
    "thoughts": '<think>\nHm, <b> or {"a": 1}?\n</think>\n\nParis. <think> is a word here.',
    "call": f'I look it up.\n\n{CALL}\n\n{CALL} and then {{"a": [1, 2]}}.',
    "all": f"<think>x</think>\nSo \n\n{CALL}{CALL}",
    "json": 'A list: [{"a": 1}, {"name": "add"}]\nand ```json\n{"b": 2}\n``` end',
    "broken": '<tool_call>{"name": "add", "argu',
    "bare": '{"name": "look_up", "arguments": {"word": "Paris"}}',
    "only white space": " \n\n ",
}
FORMS = {
    "plain": AnswerFormat(),
    "thoughts": AnswerFormat(reasoning=TAGS),
    "hermes": AnswerFormat("hermes", TOOLS),
    "both": AnswerFormat("hermes", TOOLS, TAGS),
    "llama3": AnswerFormat("llama3", TOOLS),
    "mistral": AnswerFormat("mistral", TOOLS, TAGS),
    "phi4": AnswerFormat("phi4", TOOLS),
}


def pieces_of(text: str, seed: int) -> list[str]:
    """A text in pieces of one to five characters."""
    chance, pieces = random.Random(seed), []
    while text:
        length = chance.randint(1, 5)
        pieces.append(text[:length])
        text = text[length:]
    return pieces


def read(pieces: list[str], reading: Reading, reason: FinishReason = FinishReason.STOP) -> list[Part]:
    """Every part, where there is always time to parse."""
    ticks = itertools.count()
    reader = SequenceReader(0, reading, clock=lambda: next(ticks) * 100.0)
    parts: list[Part] = []
    for piece in pieces:
        reader._next_parse_at = 0.0
        parts += reader.feed(piece)
    return parts + reader.end("".join(pieces), (), reason)


def told(parts: list[Part]) -> tuple[str, str, list[tuple[int, str, str, object]], str]:
    """(thoughts, text, calls, finish reason)"""
    calls = [
        (
            begun.index,
            begun.id,
            begun.name,
            json.loads("".join(p.text for p in parts if isinstance(p, CallArguments) and p.index == begun.index)),
        )
        for begun in parts
        if isinstance(begun, CallBegun)
    ]
    thoughts = "".join(part.text for part in parts if isinstance(part, Thought))
    said = "".join(part.text for part in parts if isinstance(part, Said))
    assert isinstance(parts[-1], Ended)
    return thoughts, said, calls, parts[-1].finish_reason


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_grows_ends_as_if_it_were_read_whole(form: str, answer: str) -> None:
    reading = Reading(FORMS[form])
    whole = FORMS[form].parse(ANSWERS[answer], id_prefix="call_0")
    expected = [(n, call.id, call.function.name, call.function.arguments) for n, call in enumerate(whole.tool_calls)]
    for seed in range(6):
        thoughts, said, calls, reason = told(read(pieces_of(ANSWERS[answer], seed), reading))
        assert (thoughts, said, calls) == (whole.reasoning or "", whole.content, expected)
        assert reason == ("tool_calls" if expected else "stop")


@pytest.mark.parametrize("form", FORMS)
def test_long_texts_around_calls_lose_nothing(form: str) -> None:
    words = ["so", "a\n\nb", "{", "}", "`x`", "[1]", "<b>", "end.", CALL, '{"k": 1}', "add", "name", "```"]
    for seed in range(30):
        chance = random.Random(seed)
        text = " ".join(chance.choice(words) for _ in range(30))
        whole = FORMS[form].parse(text, id_prefix="call_0")
        _, said, calls, _ = told(read(pieces_of(text, seed), Reading(FORMS[form])))
        assert said == whole.content, text
        assert [call[3] for call in calls] == [each.function.arguments for each in whole.tool_calls], text


def test_text_is_told_before_the_answer_ends() -> None:
    reader = SequenceReader(0, Reading(FORMS["both"]), clock=lambda: 0.0)
    assert reader.feed("<think>Hm") == [Thought(0, "Hm")]
    assert reader.feed(" so</th") == [Thought(0, " so")]
    assert reader.feed("ink>\n\nParis") == [Said(0, "Paris")]
    assert reader.feed(" is <tool") == [Said(0, " is")]
    call = reader.feed('_call>{"name": "add", "arguments": {"a": 1}}</tool_call>')
    assert call == [CallBegun(0, 0, "call_0_1", "add"), CallArguments(0, 0, '{"a": 1}')]


def test_only_as_many_calls_count_as_are_wanted() -> None:
    _, _, calls, reason = told(read([CALL, CALL], Reading(FORMS["hermes"], most_calls=1)))
    assert (len(calls), reason) == (1, "tool_calls")


def test_an_answer_that_was_cut_off_says_so_although_it_has_calls() -> None:
    assert told(read([CALL], Reading(FORMS["hermes"]), FinishReason.LENGTH))[3] == "length"
    assert told(read([CALL], Reading(FORMS["hermes"]), FinishReason.CANCELLED))[3] == "cancelled"


@pytest.mark.parametrize("form", ["plain", "both", "hermes"])
def test_every_token_is_told_of_once_and_in_order(form: str) -> None:
    pieces = pieces_of(ANSWERS["all"], 1)
    details = [TokenDetail(number, piece, False, 0.0) for number, piece in enumerate(pieces)]
    last = TokenDetail(len(pieces), "<end>", True, 0.0)
    reader = SequenceReader(0, Reading(FORMS[form]))
    parts = [part for piece, detail in zip(pieces, details, strict=True) for part in reader.feed(piece, [detail])]
    parts += reader.end("".join(pieces), [*details, last], FinishReason.STOP)
    assert [detail for part in parts for detail in part.details] == [*details, last]


def test_the_arguments_of_a_function_by_name_pass_straight_through() -> None:
    reading = Reading(forced="named", name="add")
    thoughts, said, calls, reason = told(read(list(' {"a": 1, "b": "</tool_call>"}'), reading))
    assert (thoughts, said, reason) == ("", "", "tool_calls")
    assert calls == [(0, "call_0_1", "add", {"a": 1, "b": "</tool_call>"})]


@pytest.mark.parametrize("space", ["", " ", "\n  "])
def test_forced_calls_are_read_as_they_come(space: str) -> None:
    one = f'{{{space}"name":{space}"add",{space}"arguments":{space}{{"a": "}}]\\"", "b": {{"c": [1]}}}}{space}}}'
    text = f"[{one},{space}{one.replace('add', 'look_up')}{space}]"
    expected = {"a": '}]"', "b": {"c": [1]}}
    for seed in range(6):
        _, said, calls, reason = told(read(pieces_of(text, seed), Reading(forced="several")))
        assert (said, reason) == ("", "tool_calls")
        assert [call[2:] for call in calls] == [("add", expected), ("look_up", expected)]


def test_a_forced_call_that_was_cut_off_shows_what_there_is() -> None:
    reader = SequenceReader(0, Reading(forced="one"))
    parts = reader.feed('{"name": "add", "arguments": {"a": 1')
    assert parts == [CallBegun(0, 0, "call_0_1", "add"), CallArguments(0, 0, '{"a": 1')]
    assert reader.end('{"name": "add", "arguments": {"a": 1', (), FinishReason.LENGTH) == [Ended(0, "length")]


def test_what_is_no_call_although_one_was_forced_is_not_lost() -> None:
    _, said, calls, reason = told(read(["No call."], Reading(forced="one")))
    assert (said, calls, reason) == ("No call.", [], "stop")


@pytest.mark.parametrize("form", FORMS)
def test_reading_four_thousand_tokens_costs_next_to_nothing(form: str) -> None:
    chance = random.Random(1)
    tokens = [" " + chance.choice(["a", "word", "[1]", "(x)", "<b>", "`y`", '{"a": 1}', "\n"]) for _ in range(4000)]
    reader = SequenceReader(0, Reading(FORMS[form]))
    began_at = time.thread_time()
    for token in tokens:
        reader.feed(token)
    reader.end("".join(tokens), (), FinishReason.STOP)
    assert time.thread_time() - began_at < 1.0
