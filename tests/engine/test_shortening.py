"""Leaving out the oldest turns: which may go, how few do go, and that it stays quick."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openarc_ui.engine.backends.scripted_text import ScriptedText
from openarc_ui.engine.prompts import PromptOptions
from openarc_ui.engine.sampling import answer_room
from openarc_ui.engine.shortening import FittedPrompt, PromptFitter
from openarc_ui.engine.types import Message
from openarc_ui.errors import PromptTooLong, TemplateRefused

CALL = {"id": "c1", "function": {"name": "look_up"}}


def message(role: str, words: int = 3, **fields: Any) -> Message:
    return Message.model_validate({"role": role, "content": " ".join(["word"] * words), **fields})


def talk(turns: int, words: int = 3) -> tuple[Message, ...]:
    """A system message, and questions with answers."""
    pairs = [(message("user", words), message("assistant", words)) for _ in range(turns)]
    return (message("system"), *(each for pair in pairs for each in pair), message("user", words))


class CountingText(ScriptedText):
    """Counts how often it renders."""

    def __init__(self) -> None:
        super().__init__()
        self.rendered = 0

    def render(self, *arguments: Any, **options: Any) -> str:
        self.rendered += 1
        return super().render(*arguments, **options)


def fitter(text: ScriptedText, context: int | None, room: int = 1, **options: Any) -> PromptFitter:
    chosen = PromptOptions(**{"when_too_long": "shorten", **options})
    return PromptFitter(text, chosen, room_tokens=room, context_length=context)


def fit(conversation: tuple[Message, ...], context: int | None, room: int = 1, **options: Any) -> FittedPrompt:
    return fitter(ScriptedText(), context, room, **options).fit(conversation)


def test_what_fits_stays_whole_and_nothing_is_cut_without_being_asked() -> None:
    whole = talk(5)
    assert fit(whole, 1000).dropped_messages == 0
    assert fit(whole, None).dropped_messages == 0
    refused = fit(whole, 10, when_too_long="refuse")
    assert (refused.dropped_messages, refused.conversation) == (0, whole)
    assert len(refused.token_ids) > 10


@given(st.integers(1, 12), st.integers(1, 9), st.integers(1, 200), st.integers(1, 40))
def test_as_few_turns_as_will_do_are_left_out(turns: int, words: int, context: int, room: int) -> None:
    whole = talk(turns, words)
    fitted = fit(whole, context, room)
    dropped = fitted.dropped_messages
    assert dropped % 2 == 0
    assert fitted.conversation == (whole[0], *whole[1 + dropped :])
    if dropped:
        one_more = fit((whole[0], *whole[dropped - 1 :]), None)
        assert len(one_more.token_ids) + room > context
    assert len(fitted.token_ids) + room <= context or dropped == 2 * turns


def test_a_result_stays_with_its_call_and_system_messages_stay() -> None:
    conversation = (
        message("user"),
        message("assistant", tool_calls=[CALL]),
        message("user"),
        message("tool", tool_call_id="c1"),
        message("assistant"),
        message("system", 2),
        message("user"),
        message("assistant"),
        message("user"),
    )
    kept = [fit(conversation, context).conversation for context in range(60, 1, -1)]
    ways = [each for each, _ in itertools.groupby(kept)]
    assert ways == [conversation, conversation[5:], (conversation[5], conversation[8])]


def test_the_last_turn_is_never_left_out() -> None:
    conversation = (*talk(3)[:-1], message("user", 50), message("assistant", tool_calls=[CALL]), message("tool", 5))
    made = fitter(ScriptedText(), 20)
    fitted = made.fit(conversation)
    assert fitted.conversation == (conversation[0], *conversation[-3:])
    with pytest.raises(PromptTooLong, match="Without its 6 oldest messages the conversation takes"):
        made.require_room(fitted)


def test_a_room_that_can_not_be_had_does_not_refuse_the_request() -> None:
    made = fitter(ScriptedText(), 60, room=30)
    fitted = made.fit((*talk(3)[:-1], message("user", 40)))
    assert (fitted.dropped_messages, len(fitted.token_ids) < 60) == (6, True)
    made.require_room(fitted)


def test_a_template_that_refuses_what_is_left_is_not_made_to_take_it() -> None:
    template = (
        "{% if messages | length is divisibleby(4) %}{{ raise_exception('not four') }}{% endif %}"
        "{% for message in messages %}{{ message.content }} {% endfor %}"
    )
    fitted = fit(talk(3)[1:], 13, chat_template=template)
    assert fitted.dropped_messages == 4
    with pytest.raises(TemplateRefused, match="not four"):
        fit(talk(1), 13, chat_template=template)


def test_a_thousand_messages_take_a_dozen_renderings() -> None:
    text = CountingText()
    fitted = fitter(text, 200).fit(talk(500))
    assert len(fitted.token_ids) < 200 and fitted.dropped_messages > 900
    assert text.rendered <= 12


def test_a_prompt_longer_than_any_is_shortened_too() -> None:
    conversation = (message("user"), message("assistant"), Message(role="user", content="x " * 10))
    endless = Message(role="user", content="x " * 2_100_000)
    fitted = fitter(ScriptedText(), 50).fit((endless, *conversation))
    assert fitted.conversation == conversation


@pytest.mark.parametrize(
    ("asked", "defaults", "context", "room"),
    [
        (300, {}, 1000, 300),
        (900, {}, 1000, 500),
        (None, {}, 1000, 128),
        (None, {"max_new_tokens": 64}, 1000, 64),
        (None, {}, 1, 1),
        (900, {}, None, 900),
    ],
)
def test_the_room_for_an_answer_is_at_most_half_the_context(
    asked: int | None, defaults: dict[str, Any], context: int | None, room: int
) -> None:
    assert answer_room(asked, defaults, context) == room
