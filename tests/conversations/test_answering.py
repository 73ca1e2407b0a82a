"""Answers on their way into a conversation: what is kept when, and what is known of them at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.conversations.answer_format import AnswerFormat, answer_format, answer_formats, formats_at_hand
from openarc_ui.conversations.answer_request import Beginning, answer_request
from openarc_ui.conversations.answering import BROKEN_OFF, KEEP_SECONDS, QUIET_SECONDS, AnswerKeeper, read_conversation
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Conversation, Node
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.formats import ReasoningTags
from openarc_ui.engine.message import Message
from openarc_ui.engine.prompts import StructuredOutput, TokenDetail, Tool
from openarc_ui.engine.types import FinishReason, GenerationRequest, GenerationResult, TextDelta
from openarc_ui.errors import GenerationFailed, MessageNotFound, PromptTooLong, WorkerDied
from tests.conftest import ask
from tests.reports import report

THINK = ReasoningTags("<think>", "</think>")
WEATHER = Tool.model_validate({"function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}})


class Kept:
    """A store with one conversation, whose only message is a question."""

    def __init__(self, path: Path) -> None:
        self.store = ConversationStore(path)
        self.id = self.store.add("me", Conversation([Message(role="user", content="Why?")])).id
        self.now = 1000.0

    def read(self) -> Conversation:
        return self.store.get("me", self.id)

    def last(self) -> Node:
        return self.read().path()[-1]

    def begin(
        self, beginning: Beginning | None = None, form: AnswerFormat | None = None, **fields: Any
    ) -> AnswerKeeper:
        conversation = self.read()
        question = next(node.id for node in conversation.path() if node.role == "user")
        request = answer_request(conversation, question, beginning, **fields)
        return AnswerKeeper.begin(
            self.store, "me", self.id, question,
            model="script", request=request, form=form, beginning=beginning, clock=lambda: self.now,
        )  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path / "c.sqlite3")
    yield kept
    kept.store.close()


def result_of(*texts: str, reason: FinishReason = FinishReason.STOP, **more: Any) -> GenerationResult:
    """The end of a request."""
    return GenerationResult("r", "script", texts, (reason,) * len(texts), report(seed=7), **more)


def details_of(*texts: str) -> tuple[TokenDetail, ...]:
    """A token of half a second each."""
    return tuple(TokenDetail(number, text, False, 0.5) for number, text in enumerate(texts))


def test_a_growing_answer_is_kept_every_two_seconds_and_whole_at_its_end(kept: Kept) -> None:
    keeper = kept.begin()
    assert kept.last().answer is not None and kept.last().answer.is_running
    keeper.push([TextDelta(0, "Because ", 1), TextDelta(0, "of", 1)])
    assert not keeper.is_due
    kept.now += KEEP_SECONDS
    assert keeper.is_due
    keeper.keep()
    assert not keeper.is_due
    assert (kept.last().content, kept.last().answer.is_running) == ("Because of", True)
    (node,) = keeper.finish(result_of("Because of it."))
    assert node == kept.last()
    assert node.content == "Because of it."
    answer = node.answer
    assert answer is not None
    assert (answer.is_running, answer.finish_reason, answer.seed, answer.model) == (False, "stop", 7, "script")
    assert answer.figures["generated_tokens"] > 0 and "inter_token_latencies_seconds" not in answer.figures


def test_the_details_of_the_tokens_are_kept_with_the_answer(kept: Kept) -> None:
    details = details_of("Be", "cause")
    (node,) = kept.begin().finish(result_of("Because", token_details=(details,)))
    assert kept.last().answer.has_tokens
    assert kept.store.tokens("me", kept.id, node.id) == details


def test_thoughts_are_parted_from_the_answer_counted_and_timed(kept: Kept) -> None:
    keeper = kept.begin(form=AnswerFormat(reasoning=THINK, is_open=True))
    details = details_of("Let", " me", "</think>", "It", " is.")
    keeper.push([TextDelta(0, "Let me", 2)])
    assert (keeper.parsed().reasoning, keeper.parsed().reasoning_is_open) == ("Let me", True)
    (node,) = keeper.finish(result_of("Let me</think>It is.", token_details=(details,)))
    assert (node.reasoning, node.content) == ("Let me", "It is.")
    assert (node.answer.reasoning_tokens, node.answer.reasoning_seconds) == (3, 1.0)


def test_calls_of_tools_become_calls_of_the_message(kept: Kept) -> None:
    keeper = kept.begin(form=AnswerFormat(tool_format="hermes", tools=(WEATHER,)))
    text = 'I look.\n<tool_call>{"name": "weather", "arguments": {"path": "Paris"}}</tool_call>'
    (node,) = keeper.finish(result_of(text))
    (call,) = node.tool_calls
    assert (node.content, call.function.name, call.function.arguments) == ("I look.", "weather", {"path": "Paris"})
    assert call.id


def test_what_the_user_gave_is_told_from_what_is_new(kept: Kept) -> None:
    (node,) = kept.begin(Beginning.of("Because ")).finish(result_of("of it."))
    assert (node.content, node.answer.prefill_characters) == ("Because of it.", len("Because "))


def test_going_on_with_an_answer_is_a_new_version_with_its_text(kept: Kept) -> None:
    (first,) = kept.begin().finish(result_of("Because", reason=FinishReason.LENGTH))
    beginning = Beginning.of(continued=first)
    (second,) = kept.begin(beginning).finish(result_of(" of it."))
    assert second.content == "Because of it."
    assert second.answer.prefill_characters == 0
    assert [node.id for node in kept.read().versions(first.id)] == [first.id, second.id]


def test_thoughts_that_were_cut_short_are_gone_on_with(kept: Kept) -> None:
    form = AnswerFormat(reasoning=THINK)
    (first,) = kept.begin(form=form).finish(result_of("<think>\nLet", reason=FinishReason.LENGTH))
    assert (first.content, first.reasoning) == ("", "Let")
    beginning = Beginning.of(continued=first, tags=THINK)
    request = answer_request(kept.read(), first.parent_id or "", beginning)
    assert request.continue_final_message and request.conversation[-1].content == "<think>\nLet"
    (second,) = kept.begin(beginning, form).finish(result_of(" me.</think>Done."))
    assert (second.reasoning, second.content) == ("Let me.", "Done.")


def test_several_sequences_are_a_group_and_the_first_is_selected(kept: Kept) -> None:
    keeper = kept.begin(num_return_sequences=2)
    keeper.push([TextDelta(1, "B", 1), TextDelta(0, "A", 1)])
    details = (details_of("A"), details_of("B", "!", "!"))
    nodes = keeper.finish(result_of("A", "B!!", token_details=details))
    assert [node.content for node in nodes] == ["A", "B!!"] and kept.last().id == nodes[0].id
    assert nodes[0].answer.group == nodes[1].answer.group is not None
    assert (nodes[1].answer.figures["generated_tokens"], nodes[1].answer.figures["decode_seconds"]) == (3, 1.0)


def test_sequences_that_only_the_models_defaults_ask_for_are_kept_too(kept: Kept) -> None:
    nodes = kept.begin().finish(result_of("A", "B"))
    assert [node.content for node in nodes] == ["A", "B"]
    assert nodes[0].answer.group == nodes[1].answer.group is not None


def test_an_error_keeps_what_came_before_it(kept: Kept) -> None:
    keeper = kept.begin()
    keeper.push([TextDelta(0, "Be", 1)])
    (node,) = keeper.fail(WorkerDied("The worker died.", "Load again."))
    assert (node.content, node.answer.problem, node.answer.finish_reason) == (
        "Be",
        "The worker died. Load again.",
        "error",
    )
    assert not node.answer.is_running


def test_an_error_before_the_first_token_is_kept_unless_nothing_was_begun(kept: Kept) -> None:
    assert kept.begin().fail(PromptTooLong("Too long.")) == ()
    assert kept.last().role == "user"
    assert kept.begin().fail(GenerationFailed("It broke."))[0].answer.problem == "It broke."


def test_an_answer_that_is_taken_back_leaves_the_version_that_was_shown(kept: Kept) -> None:
    first, second = (kept.begin().finish(result_of(text))[0] for text in "AB")
    with kept.store.change("me", kept.id) as changing:
        changing.select(first.id)
    kept.begin().fail(PromptTooLong("Too long."))
    assert kept.last().id == first.id and len(kept.read().versions(second.id)) == 2


def test_an_answer_without_a_report_is_kept_as_cancelled(kept: Kept) -> None:
    keeper = kept.begin()
    keeper.push([TextDelta(0, "Be", 1)])
    (node,) = keeper.finish(None)
    assert (node.content, node.answer.finish_reason, node.answer.figures) == ("Be", "cancelled", {})


def test_an_answer_that_was_deleted_is_not_kept_any_more(kept: Kept) -> None:
    keeper = kept.begin()
    with kept.store.change("me", kept.id) as changing:
        changing.delete(keeper.node_ids[0])
    with pytest.raises(MessageNotFound):
        keeper.keep()


def test_an_answer_whose_program_died_is_broken_off_when_it_is_read_again(kept: Kept) -> None:
    keeper = kept.begin()
    keeper.push([TextDelta(0, "Be", 1)])
    keeper.keep()
    begun_at = kept.last().created_at
    early = read_conversation(kept.store, "me", kept.id, lambda: begun_at + QUIET_SECONDS / 2).path()[-1]
    assert early.answer.is_running
    late = read_conversation(kept.store, "me", kept.id, lambda: begun_at + QUIET_SECONDS + 5).path()[-1]
    assert (late.content, late.answer.is_running, late.answer.problem) == ("Be", False, BROKEN_OFF)
    assert kept.last().answer == late.answer
    assert late.answer.figures == {}


def test_an_answer_held_to_a_form_may_be_a_call_and_has_no_thoughts(scripted: Engine) -> None:
    opens_thoughts = "{{ tools }}{{ messages[-1].content }}<think>{# </think> <tool_call> #}"
    tools = (WEATHER,)
    free = ask("x", chat_template=opens_thoughts, tools=tools)
    assert answer_format(scripted, free).is_open
    held = free.model_copy(update={"structured_output": StructuredOutput(regex=".*")})
    assert answer_format(scripted, held) == AnswerFormat("hermes", tools)
    assert answer_format(scripted, held, "none") == AnswerFormat()


def test_the_answer_to_a_prompt_is_plain_text(scripted: Engine) -> None:
    assert answer_format(scripted, GenerationRequest(prompt="Go on")) == AnswerFormat()


def test_how_an_answer_is_read_is_known_at_once_where_nobody_has_to_be_asked(scripted: Engine) -> None:
    plain, tools = ask("x", chat_template="{{ messages[-1].content }}"), (WEATHER,)
    held = ask("x", tools=tools, structured_output=StructuredOutput(regex=".*"))
    assert formats_at_hand(scripted, [held], "auto") is None, "the template was never asked for"
    assert formats_at_hand(scripted, [plain], "auto") == answer_formats(scripted, [plain], "auto")
    assert formats_at_hand(scripted, [GenerationRequest(prompt="Go on")], "auto") == [AnswerFormat()]
    scripted.chat_template()
    thoughts = "{{ messages[-1].content }}<think>{# </think> #}"
    calls = "{{ tools }}{{ messages[-1].content }}{# <tool_call> #}"
    for request in (
        held,
        ask("x", chat_template=calls, tools=tools),
        ask("x", chat_template=calls, tools=tools, structured_output=StructuredOutput(regex=".*")),
        ask("x", chat_template=thoughts, structured_output=StructuredOutput(regex=".*")),
    ):
        for tool_format in ("auto", "none"):
            at_hand = formats_at_hand(scripted, [request, plain], tool_format)
            assert at_hand == answer_formats(scripted, [request, plain], tool_format)
    assert formats_at_hand(scripted, [plain, ask("x", chat_template=thoughts)], "auto") is None, "it has to be rendered"
    assert formats_at_hand(scripted, [ask("x")], "auto") is None, "the model's own template has thoughts"
    assert formats_at_hand(scripted, [held.model_copy(update={"model": "another"})], "auto") is None
