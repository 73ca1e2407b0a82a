"""Whose words a part of a prompt is, also where a template takes messages apart."""

from __future__ import annotations

from typing import Any

import pytest

from openarc_ui.engine.prompts import PromptOptions, PromptToken
from openarc_ui.engine.roles import Span, content_spans, with_roles
from openarc_ui.engine.types import Message
from tests.engine.test_templates import CHATML, DEEPSEEK, QWEN3, TRIMMING, renderer

CALL = {"function": {"name": "look_up", "arguments": {"city": "Köln", "days": [1, None], "note": 'a "b"'}}}
HERMES = CHATML.replace(
    "message.content +",
    'message.content + ((\'<tool_call>{"name": "\' + message.tool_calls[0].function.name + \'", "arguments": \''
    " + (message.tool_calls[0].function.arguments | tojson) + '}</tool_call>') if message.tool_calls else '') +",
)
MESSAGES = (
    Message(role="system", content="user"),
    Message(role="user", content="  user assistant "),
    Message(role="assistant", content="user"),
    Message(role="user", content=""),
    Message(role="assistant", content="\n日本語 👩‍🔬\t"),
)


def spoken(template: str, messages: tuple[Message, ...], **options: Any) -> list[tuple[str, str]]:
    """(role, text) of each span."""
    made, chosen = renderer(template), PromptOptions(**options)
    text = made.render(messages, chosen)
    return [
        (span.role, text[span.start : span.end])
        for span in content_spans(text, messages, lambda marked: made.render(marked, chosen))
    ]


def test_words_that_stand_in_the_template_too_are_told_apart() -> None:
    assert spoken(CHATML, MESSAGES) == [(message.role, message.content) for message in MESSAGES if message.content]
    made = renderer(CHATML)
    text = made.render(MESSAGES, PromptOptions())
    spans = content_spans(text, MESSAGES, lambda marked: made.render(marked, PromptOptions()))
    assert spans[0].start == len("<|im_start|>system\n")


def test_what_a_template_strips_is_in_no_span() -> None:
    assert spoken(TRIMMING, MESSAGES) == [
        (message.role, message.content.strip()) for message in MESSAGES if message.content
    ]


def test_thoughts_and_calls_are_the_assistants() -> None:
    thinking = Message(role="assistant", content="So", reasoning_content="Hm")
    assert spoken(QWEN3, (MESSAGES[1], thinking))[1:] == [("assistant", "Hm"), ("assistant", "So")]
    assert spoken(DEEPSEEK, (MESSAGES[1], Message(role="assistant", content="<think>Hm</think>So")))[1:] == []
    calling = Message.model_validate({"role": "assistant", "content": "Look:", "tool_calls": [CALL]})
    arguments = '{"city": "Köln", "days": [1, null], "note": "a \\"b\\""}'
    assert spoken(HERMES, (MESSAGES[1], calling))[1:] == [
        ("assistant", "Look:"),
        ("assistant", 'look_up", "arguments": ' + arguments),
    ]


def test_the_text_that_is_gone_on_with_is_the_assistants() -> None:
    messages = (MESSAGES[1], Message(role="assistant", content="The capital "))
    assert spoken(CHATML, messages, continue_final_message=True)[1] == ("assistant", "The capital ")


@pytest.mark.parametrize(
    "template",
    [
        CHATML.replace(
            "message.content", "(message.content | upper | lower if message.content == 'user' else message.content)"
        ),
        CHATML + "{% if messages[-1].content == 'user' %}.{% endif %}",
        "{% if messages[0].content | length != 4 %}{{ raise_exception('four') }}{% endif %}" + CHATML,
    ],
)
def test_a_template_that_marks_would_change_is_searched(template: str) -> None:
    messages = (Message(role="system", content="Four"[:4]), Message(role="user", content="user"))
    assert [role for role, _ in spoken(template, messages)] == ["system", "user"]


def test_a_template_that_strips_some_messages_has_every_message_without_its_white_space() -> None:
    template = CHATML.replace(
        "message.content", "(message.content | trim if message.role == 'user' else message.content)"
    )
    assert spoken(template, MESSAGES)[1:] == [
        ("user", "user assistant"),
        ("assistant", "user"),
        ("assistant", "日本語 👩‍🔬"),
    ]


def test_a_message_that_holds_our_marks_is_searched() -> None:
    messages = (Message(role="user", content="a \ue0000\ue001 b"),)
    assert spoken(CHATML, messages) == [("user", "a \ue0000\ue001 b")]


def test_a_token_has_the_role_of_the_span_it_is_in() -> None:
    texts = ["<u>", " Hi", " the", "re", "", "</u>"]
    tokens = [PromptToken(index, text, text, False) for index, text in enumerate(texts)]
    found = with_roles(tokens, [Span(4, 12, "user")])
    assert [token.role for token in found] == [None, "user", "user", "user", "user", None]
    assert with_roles(tokens, []) == tuple(tokens)
