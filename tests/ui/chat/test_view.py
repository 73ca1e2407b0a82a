"""From a conversation to what the view shows; pure functions."""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
from typing import Any

from openarc_ui.conversations.answer_figures import figures_of
from openarc_ui.conversations.store import Summary
from openarc_ui.conversations.tree import Answer, Conversation
from openarc_ui.engine.message import FunctionCall, Message, ToolCall
from openarc_ui.engine.prompts import Tool, ToolFunction
from openarc_ui.engine.types import EngineStatus, LoadStage
from openarc_ui.startup import StartupPhase, StartupStatus
from openarc_ui.ui.chat.figures import figures_line, timeline
from openarc_ui.ui.chat.session import Notice
from openarc_ui.ui.chat.view import WAITING, Growing, Shown, live, messages_shown, snapshot, when
from tests.reports import WHOLE, unmeasured

NOTHING = EngineStatus((), None, None, 32)
DONE = StartupStatus(StartupPhase.DONE, None)
NOW = datetime.datetime(2026, 11, 26, 15, 30)


def answered(*questions: str, **known: Any) -> Conversation:
    """A conversation with an answer "A …" to each question."""
    conversation = Conversation(id="c")
    for question in questions:
        node = conversation.insert(Message(role="user", content=question))
        conversation.add_answer(node.id, Message(role="assistant", content=f"A {question}"), Answer("m", **known))
    return conversation


def test_a_message_shows_its_answers_figures_and_where_the_time_went() -> None:
    figures = figures_of(WHOLE)
    conversation = answered("hello", figures=figures, finish_reason="stop", seed=7, tokens_id="t", prefill_characters=2)
    question, answer = messages_shown(conversation)
    assert question["role"] == "user" and question["answer"] is None and question["content"] == "hello"
    assert answer["prefill"] == 2 and answer["answer"]["has_tokens"] and answer["answer"]["seed"] == 7
    assert answer["answer"]["figures"] == "4 tokens · TTFT 200 ms · 10.0 tok/s · stop"
    spans = {span["label"]: span["seconds"] for span in answer["answer"]["timeline"]}
    assert list(spans) == ["queue", "template", "tokenize", "prefill", "decode", "detokenize"]
    assert spans["decode"] + spans["detokenize"] == WHOLE.decode_seconds


def test_what_was_not_measured_is_left_out() -> None:
    assert figures_line(figures_of(unmeasured()), "cancelled") == "0 tokens · stopped by you"
    assert figures_line({}, None) == "" and timeline({}) == []
    assert figures_line({"generated_tokens": 1}, None) == "1 token"


def test_figures_that_are_no_numbers_are_left_out() -> None:
    wrong = {"ttft_seconds": [1], "decode_tokens_per_second": "fast", "generated_tokens": float("nan")}
    assert figures_line(wrong, "stop") == "stop"
    assert timeline({"queue_seconds": "q", "decode_seconds": 2.0, "detokenize_seconds": {}}) == [
        {"label": "decode", "seconds": 2.0}
    ]
    shown = messages_shown(answered("hello", figures={"dropped_messages": "many", **wrong}))
    assert shown[1]["answer"]["dropped"] == 0


def test_versions_are_counted_and_answers_side_by_side_are_one_of_them() -> None:
    conversation = Conversation(id="c")
    question = conversation.insert(Message(role="user", content="?"))
    first, *group = [
        conversation.add_answer(question.id, Message(role="assistant", content=text), Answer("m", group=name))
        for text, name in (("one", None), ("two", "g"), ("three", "g"))
    ]
    (_, shown) = messages_shown(conversation)
    assert shown["content"] == "three" and [each["content"] for each in shown["group"]] == ["two"]
    assert shown["versions"] == {"index": 1, "count": 2, "previous": first.id, "next": None}
    conversation.select(first.id)
    (_, shown) = messages_shown(conversation)
    assert shown["group"] == [] and shown["versions"]["next"] == group[0].id


def test_a_tool_call_is_held_against_its_tool_and_knows_whether_it_has_a_result() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = (Tool(function=ToolFunction(name="weather", parameters=schema)),)
    calls = [ToolCall(id=name, function=FunctionCall(name=name, arguments={})) for name in ("weather", "wether")]
    conversation = Conversation([Message(role="assistant", tool_calls=tuple(calls))], id="c")
    conversation.insert(Message(role="tool", content="rain", tool_call_id="weather"))
    first, second = messages_shown(conversation, (), tools)[0]["tool_calls"]
    assert first["has_result"] and "city" in first["problems"][0]
    assert not second["has_result"] and "Did you mean 'weather'" in second["problems"][0]
    assert messages_shown(conversation)[0]["tool_calls"][0]["problems"] == []


def test_a_failed_answer_says_why_and_a_growing_one_where_it_is() -> None:
    conversation = answered("x", problem="The worker died.", finish_reason="error")
    (_, failed) = messages_shown(conversation)
    assert failed["failed"] and failed["note"] == "The worker died."
    node = conversation.path()[-1]
    growing = Growing(node.id, "so far", "thinking", True)
    (_, now) = messages_shown(conversation, [growing])
    assert now["content"] == "so far" and not now["failed"]
    assert now["reasoning"] == {"text": "thinking", "tokens": None, "seconds": None, "is_open": True}
    assert live(5, "c", [growing]) == {
        "revision": 5, "conversation": "c",
        "answers": [{"id": node.id, "content": "so far", "reasoning": "thinking", "reasoning_is_open": True, "note": ""}],
    }  # fmt: skip


def test_calls_that_could_not_be_read_are_told_with_the_answer() -> None:
    (_, shown) = messages_shown(answered("x", problem="A call can't be read.", finish_reason="stop"))
    assert not shown["failed"] and shown["answer"]["problems"] == ["A call can't be read."]


def test_an_answer_that_waits_for_its_model_has_a_place() -> None:
    waiting = Growing(WAITING, note="Waiting for the model … 50%")
    shown = snapshot(1, Shown(NOTHING, DONE, answered("x"), running=[waiting]))
    assert shown["running"] == [WAITING]
    assert shown["conversation"]["messages"][-1]["note"] == "Waiting for the model … 50%"


def test_the_empty_chat_says_what_to_do() -> None:
    def says(startup: StartupStatus) -> str:
        empty = snapshot(1, Shown(NOTHING, startup))["empty"]
        return f"{empty['title']} {empty['text']}"

    assert "Load" in says(DONE)
    assert "being prepared" in says(StartupStatus(StartupPhase.PREPARING, "starter", LoadStage("Reading", 0.1)))
    failed = says(StartupStatus(StartupPhase.FAILED, "starter", None, "No network.", "Put a model there."))
    assert all(words in failed for words in ("No network.", "Put a model there.", "Try again"))


def test_the_empty_chat_says_that_a_run_measures_whatever_is_loaded_and_leads_to_it() -> None:
    measured = dataclasses.replace(NOTHING, reserved="The sweep '*a* [b](c)' measures", reserved_model="tuning")
    empty = snapshot(1, Shown(measured, DONE))["empty"]
    assert empty["title"] == "The machine is being measured" and empty["examples"] == []
    assert r"\*a\* \[b\]\(c\)" in empty["text"] and "refused until it ends" in empty["text"]
    assert "Load" not in empty["text"]
    assert empty["link"] == {"label": "Open the run in the Tune tab", "address": "#tune?run=active"}


def test_the_empty_chat_leads_to_the_load_tab_where_nothing_comes_by_itself() -> None:
    def empty(startup: StartupStatus) -> dict[str, Any]:
        return snapshot(1, Shown(NOTHING, startup))["empty"]

    assert empty(DONE)["link"] == {"label": "Open the Load tab", "address": "#load"}
    assert empty(DONE)["examples"] == [], "none of them could be answered"
    preparing = empty(StartupStatus(StartupPhase.PREPARING, "starter", LoadStage("Reading", 0.1)))
    assert preparing["link"] is None and preparing["examples"]
    assert empty(StartupStatus(StartupPhase.FAILED, "starter", None, "No network.", "Try."))["link"] is None


def test_the_list_says_when_and_a_notice_has_its_buttons() -> None:
    moments = [
        NOW,
        NOW - datetime.timedelta(days=1, hours=6),
        NOW - datetime.timedelta(days=14),
        NOW.replace(year=2024),
    ]
    said = [when(moment.timestamp(), NOW) for moment in moments]
    assert said == ["today 15:30", "yesterday 9:30", "12 Nov", "26 Nov 2024"]
    summary = Summary("c", "Ships", NOW.timestamp(), 0.0, 4, "… a <ship> …")
    again = {"do": "answer", "shorten": True, "conversation": "c"}
    notice = Notice("Too long.", "Choose.", actions=(("Shorten from the oldest", again),))
    shown = snapshot(3, Shown(NOTHING, DONE, summaries=[summary], search="ship", notice=notice, now=NOW))
    assert shown["conversations"][0]["snippet"] == "… a <ship> …"
    assert shown["notice"]["actions"] == [{"label": "Shorten from the oldest", "action": again}]
    assert shown["notice"]["link"] is None
    assert json.loads(json.dumps(shown)) == shown


def test_a_long_history_is_shown_in_milliseconds() -> None:
    conversation = answered(*[f"question {number} " + "word " * 80 for number in range(50)], figures=figures_of(WHOLE))
    for node in conversation.path()[1::2]:
        for _ in range(3):
            conversation.add_answer(node.parent_id, node.message, dataclasses.replace(node.answer or Answer("m")))
        conversation.select(node.id)
    taken = []
    for _ in range(20):
        began_at = time.thread_time()  # of this thread, so that a busy machine makes little difference
        shown = snapshot(1, Shown(NOTHING, DONE, conversation))
        taken.append(time.thread_time() - began_at)
    taken_seconds = min(taken)
    assert len(shown["conversation"]["messages"]) == 100
    print(f"a snapshot of 100 messages takes {taken_seconds * 1000:.2f} ms")
    assert taken_seconds < 0.02
