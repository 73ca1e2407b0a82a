"""The Chat tab without a browser: events as the view sends them, answers from the scripted backend."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, LoadStage
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup, StartupPhase, StartupStatus
from openarc_ui.ui.chat.chat import Chat, Growth, Update
from openarc_ui.ui.chat.session import ChatSession
from openarc_ui.ui.chat.settings import ChatSettings
from openarc_ui.ui.chat.view import WAITING
from tests.conftest import write_script

CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
TOOLS = '[{"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]'
REPLIES = [
    {"text": "The capital of France is Paris.", "token_seconds": 0.002},
    {"when": "slow", "text": "word " * 400, "token_seconds": 0.02},
    {"when": "fail", "error": "the script fails here"},
    {"when": "crash", "text": "one two three four five", "token_seconds": 0.02, "crash_after_tokens": 3},
    {"when": "rain", "text": "Take an umbrella."},
    {"when": "weather", "text": f"Let me look. {CALL}"},
    {"when": "think", "text": "<think>\nHm, two.\n</think>\n\nTwo.", "token_seconds": 0.002},
]


SUBMIT_SECONDS = 60.0
"""An answer that takes longer will never come."""


class StartupOf(Startup):
    """A start-up that is where the test says."""

    phase = StartupPhase.DONE

    def status(self) -> StartupStatus:
        return StartupStatus(self.phase, "script", LoadStage("Compiling", 0.5))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ConversationStore]:
    store = ConversationStore(tmp_path / "conversations.sqlite3")
    yield store
    store.close()


@pytest.fixture
def engine(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    write_script(tmp_path / "models" / "script", replies=REPLIES, context_length=200)
    return make_engine()


class Page:
    """One open page, over a chat that several may share."""

    def __init__(self, chat: Chat, owner: str = "somebody", name: str = "page") -> None:
        self.chat = chat
        self.session: ChatSession = chat.sessions.of(name, owner)
        self.settings = ChatSettings(sampling={"max_new_tokens": 50})
        self.updates: list[Update] = []
        self.growths: list[Growth] = []
        self.view: dict[str, Any] = {}

    async def submit(self, do: str, after: Callable[[Growth], Awaitable[None]] | None = None, **data: Any) -> None:
        values = [getattr(self.settings, name) for name in ChatSettings.model_fields]
        action = {"do": do, "conversation": self.session.conversation_id, **data}
        over = asyncio.Event()
        async with asyncio.timeout(SUBMIT_SECONDS), asyncio.TaskGroup() as tasks:
            # In one group: an assertion of `after` ends what is written, which would else wait for it without end.
            tasks.create_task(self._watch(after, over))
            try:
                async for update in self.chat.submit(self.session, action, values):
                    self._take(update)
            finally:
                over.set()

    async def _watch(self, after: Callable[[Growth], Awaitable[None]] | None, over: asyncio.Event) -> None:
        """What the view does while something is written: ask how far it is."""
        growth = Growth()
        while not over.is_set():
            growth = await self.chat.growth(self.session, self.session.conversation_id, growth.seen)
            self.growths.append(growth)
            json.dumps(growth.live)
            if after is not None:
                await after(growth)
            await asyncio.sleep(0.01)

    async def edit(self, do: str, **data: Any) -> None:
        action = {"do": do, "conversation": self.session.conversation_id, **data}
        async for update in self.chat.edit(self.session, action):
            self._take(update)

    async def open(self, last: str | None = None) -> None:
        self._take(await self.chat.open(self.session, last))

    def _take(self, update: Update) -> None:
        self.updates.append(update)
        for shown in (update.view, update.reply):
            json.dumps(shown)
        self.view = update.view or self.view

    @property
    def messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.view["conversation"]["messages"]
        return messages

    @property
    def last(self) -> dict[str, Any]:
        return self.messages[-1]

    @property
    def streamed(self) -> list[str]:
        """The texts of the first running answer, in order, each once."""
        texts = [each.live["answers"][0]["content"] for each in self.growths if each.live and each.live["answers"]]
        return list(dict.fromkeys(text for text in texts if text))

    @property
    def replies(self) -> list[dict[str, Any]]:
        return [update.reply for update in self.updates if update.reply is not None]


@pytest.fixture
def chat(engine: Engine, store: ConversationStore) -> Chat:
    engine.load(LoadRequest(model_path="script"))
    return Chat(engine, StartupOf(engine, Settings(), lambda status: None), store)


def test_an_answer_streams_and_is_kept_with_its_figures(chat: Chat, store: ConversationStore) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.open()
        assert page.messages == [] and page.view["conversation"]["id"] is None
        page.settings = ChatSettings(sampling={"max_new_tokens": 20})
        await page.submit("send", text="slow")
        assert len(page.streamed) > 2
        assert all(later.startswith(earlier) for earlier, later in zip(page.streamed, page.streamed[1:], strict=False))
        assert page.last["content"] == "word " * 20 or page.last["content"] == ("word " * 20).rstrip()
        assert "20 tokens" in page.last["answer"]["figures"] and "length" in page.last["answer"]["figures"]
        assert page.view["running"] == [] and page.view["gauge"]["limit"] == 200
        revisions = [each.view["revision"] for each in page.updates if each.view is not None]
        assert revisions == sorted(set(revisions))
        tokens = await chat.look_up(page.session, {"do": "tokens", "id": page.last["id"]})
        assert tokens.reply is not None and len(tokens.reply["tokens"]) == 20
        again = Page(chat, name="after a reload")
        await again.open(page.session.conversation_id)
        assert again.messages == page.messages
        assert again.session.settings == page.settings

    asyncio.run(run())
    assert store.summaries("somebody")[0].title == "slow"


def test_stop_keeps_what_came_and_another_owner_can_not_stop_it(chat: Chat) -> None:
    async def run() -> None:
        page, stranger = Page(chat), Page(chat, "somebody else", "stranger")

        async def stop(growth: Growth) -> None:
            if page.streamed:
                stranger.chat.stop(stranger.session, {"conversation": page.session.conversation_id})
                run = chat.runs.of(page.session.conversation_id)
                assert run is None or not run.is_cancelled or page.session.owner == run.job.owner
                chat.stop(page.session, {"conversation": page.session.conversation_id})

        await page.submit("send", stop, text="slow")
        assert page.last["content"].startswith("word") and "stopped by you" in page.last["answer"]["figures"]
        assert not chat.runs.cancel(page.session.conversation_id, "somebody else")

    asyncio.run(run())


def test_a_page_that_goes_away_ends_its_answer_and_loses_nothing(
    chat: Chat, engine: Engine, store: ConversationStore
) -> None:
    async def run() -> str:
        page = Page(chat)
        values = [getattr(page.settings, name) for name in ChatSettings.model_fields]
        updates = chat.submit(page.session, {"do": "send", "text": "slow"}, values)
        async for update in updates:
            if update.view is not None and any(
                each["role"] == "assistant" for each in update.view["conversation"]["messages"]
            ):
                break
        growth = Growth()
        while not (growth.live and growth.live["answers"][0]["content"]):
            growth = await chat.growth(page.session, page.session.conversation_id, growth.seen)
        await updates.aclose()  # type: ignore[attr-defined]
        until = time.monotonic() + 60
        while chat.runs.of(page.session.conversation_id) is not None:
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        assert page.session.conversation_id is not None
        return page.session.conversation_id

    kept = store.get("somebody", asyncio.run(run())).path()[-1]
    assert kept.answer is not None and not kept.answer.is_running and kept.content.startswith("word")
    assert engine.status().models[0].running == 0


def test_while_a_run_measures_the_notice_says_so_and_leads_to_it_with_and_without_a_loaded_model(
    chat: Chat, engine: Engine
) -> None:
    async def run() -> None:
        page = Page(chat)
        holder = engine.reserve("The sweep 'threads' measures", "tuning")
        await asyncio.to_thread(engine.load, LoadRequest(model_path="script"), holder=holder)
        await page.submit("send", text="hello")
        with_model = page.view["notice"]
        await asyncio.to_thread(engine.unload, "script")
        await page.submit("answer")
        for notice in (with_model, page.view["notice"]):
            assert notice["text"] == "The sweep 'threads' measures, and everything else would spoil it."
            assert "refused until it ends" in notice["hint"] and "Load tab" not in notice["hint"]
            assert notice["actions"][0]["label"] == "Try again"
            assert notice["link"]["address"] == "#tune?run=active"
        assert page.last["role"] == "user" and page.last["content"] == "hello"
        await asyncio.to_thread(engine.unload, "tuning", holder)
        engine.release(holder)
        await asyncio.to_thread(engine.load, LoadRequest(model_path="script"))
        await page.submit(**page.view["notice"]["actions"][0]["action"])
        assert page.last["content"] == "The capital of France is Paris." and page.view["notice"] is None

    asyncio.run(run())


def test_a_failure_is_told_under_the_answer_and_a_refusal_above_the_composer(chat: Chat, engine: Engine) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.submit("send", text="fail")
        assert page.last["failed"] and "the script fails here" in page.last["note"]
        await page.submit("send", text="crash")
        assert page.last["failed"] and "SIGKILL" in page.last["note"] and page.last["content"].startswith("one two")
        await asyncio.to_thread(engine.unload)
        await page.submit("send", text="hello")
        assert page.last["role"] == "user" and "No model is loaded" in page.view["notice"]["text"]
        assert "Load tab" in page.view["notice"]["hint"]
        assert page.view["notice"]["actions"][0]["label"] == "Try again"
        assert page.view["notice"]["link"]["address"] == "#load"
        assert page.view["notice"]["actions"][0]["action"]["do"] == "answer"
        await asyncio.to_thread(engine.load, LoadRequest(model_path="script"))
        await page.submit(**page.view["notice"]["actions"][0]["action"])
        assert page.last["content"] == "The capital of France is Paris." and page.view["notice"] is None

    asyncio.run(run())


def test_settings_that_can_not_be_read_keep_the_message_and_are_named(chat: Chat) -> None:
    async def run() -> None:
        page = Page(chat)
        page.settings = ChatSettings(template_arguments='{"a":\n}')
        await page.submit("send", text="hello")
        assert [message["content"] for message in page.messages] == ["hello"]
        assert "line 2, column 1" in page.view["notice"]["text"]

    asyncio.run(run())


def test_what_does_not_fit_is_a_choice(chat: Chat) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.submit("send", text="old " * 90)
        await page.submit("send", text="new " * 90)
        await page.submit("send", text="last")
        notice = page.view["notice"]
        assert page.last["role"] == "user" and page.view["gauge"]["tone"] in ("warn", "bad")
        assert "context holds" in notice["text"]
        assert [each["label"] for each in notice["actions"]] == ["Shorten from the oldest", "Leave it"]
        assert "when_too_long" not in notice["hint"] and "no room for an answer" in page.view["gauge"]["text"]
        await page.submit(**notice["actions"][0]["action"])
        assert page.last["role"] == "assistant" and page.last["answer"]["dropped"] > 0
        assert page.view["notice"] is None

    asyncio.run(run())


def test_a_last_message_that_is_too_long_is_not_offered_to_be_shortened_again(chat: Chat) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.submit("send", text="hello")
        await page.submit("send", text="new " * 300)
        await page.submit(**page.view["notice"]["actions"][0]["action"])
        notice = page.view["notice"]
        assert "last message itself is too long" in notice["hint"]
        assert [each["label"] for each in notice["actions"]] == ["Leave it"]

    asyncio.run(run())


def test_undo_is_asked_for_where_versions_would_be_lost(chat: Chat) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.submit("send", text="hello")
        await page.submit("retry", id=page.last["id"])
        await page.edit("undo")
        notice = page.view["notice"]
        assert len(page.messages) == 2 and "2 answers" in notice["text"]
        await page.edit(**notice["actions"][0]["action"])
        assert page.messages == [] and page.view["notice"] is None
        assert page.replies[-1]["kind"] == "undo" and page.replies[-1]["text"] == "hello"

    asyncio.run(run())


def test_a_new_conversation_ends_the_search(chat: Chat) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.submit("send", text="hello")
        await page.edit("search", text="nothing has this")
        assert page.view["conversations"] == []
        await page.edit("new")
        assert page.view["search"] == "" and len(page.view["conversations"]) == 1

    asyncio.run(run())


def test_answers_side_by_side_share_a_seed_and_a_group(chat: Chat, engine: Engine) -> None:
    engine.load(LoadRequest(model_path="script", name="other"))

    async def run() -> None:
        page = Page(chat)
        page.settings = ChatSettings(model="script", compare_with="other", sampling={"num_return_sequences": 2})
        await page.submit("send", text="hello")
        answers = [page.last, *page.last["group"]]
        assert [each["answer"]["model"] for each in answers] == ["script", "script", "other", "other"]
        seed = answers[0]["answer"]["seed"]
        assert [each["answer"]["seed"] for each in answers] == [seed, seed + 1, seed, seed + 1]
        await page.submit("retry", id=page.last["id"])
        assert page.last["versions"]["count"] == 2 and len(page.last["group"]) == 3
        page.settings = ChatSettings(model="script", compare_with="gone")
        await page.submit("send", text="hello")
        assert page.last["answer"]["model"] == "script" and "gone" in page.view["notice"]["text"]
        page.settings = ChatSettings(compare_with="other")
        await page.submit("send", text="hello")
        assert "itself" in page.view["notice"]["text"]

    asyncio.run(run())


def test_the_tool_loop_goes_on_by_itself(chat: Chat) -> None:
    async def run() -> None:
        page = Page(chat)
        page.settings = ChatSettings(tools=TOOLS)
        await page.submit("send", text="How is the weather?")
        (call,) = page.last["tool_calls"]
        assert page.last["content"].strip() == "Let me look." and call["arguments"] == {"city": "Paris"}
        assert not call["has_result"] and not call["problems"] and page.view["can"]["tools"]
        await page.submit("tool_result", id=page.last["id"], call_id=call["id"], content="rain", go_on=True)
        assert [message["role"] for message in page.messages] == ["user", "assistant", "tool", "assistant"]
        assert page.last["content"] == "Take an umbrella." and page.messages[1]["tool_calls"][0]["has_result"]

    asyncio.run(run())


def test_thoughts_are_kept_apart_while_they_stream(chat: Chat) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.submit("send", text="think")
        assert page.last["content"] == "Two." and page.last["reasoning"]["text"] == "Hm, two."
        assert page.last["reasoning"]["tokens"] > 0
        assert all("think>" not in text for text in page.streamed)

    asyncio.run(run())


def test_an_answer_begins_as_told_and_goes_on_as_a_new_version(chat: Chat) -> None:
    async def run() -> None:
        page = Page(chat)
        page.settings = ChatSettings(sampling={"max_new_tokens": 2})
        await page.submit("send", text="hello", prefill="Well, ")
        assert page.last["content"] == "Well, The capital" and page.last["prefill"] == len("Well, ")
        await page.submit("continue", id=page.last["id"])
        assert page.last["content"].startswith("Well, The capital") and len(page.last["content"]) > 20
        assert page.last["versions"] | {"previous": ""} == {"index": 1, "count": 2, "previous": "", "next": None}

    asyncio.run(run())


def test_a_message_sent_early_waits_for_the_model_and_stop_ends_the_wait(
    engine: Engine, store: ConversationStore
) -> None:
    startup = StartupOf(engine, Settings(), lambda status: None)
    startup.phase = StartupPhase.LOADING
    chat = Chat(engine, startup, store)

    async def run() -> None:
        page = Page(chat)

        async def stop(growth: Growth) -> None:
            notes = [each["note"] for each in (growth.live or {}).get("answers", [])]
            # The first view is read from the database meanwhile: it may come later than the first growth.
            if notes and notes[0].startswith("Waiting") and page.view:
                assert page.view["running"] == [WAITING]
                assert notes == ["Waiting for the model … 50% · Compiling"]
                chat.stop(page.session, {})

        async def load(growth: Growth) -> None:
            if not engine.status().models:
                await asyncio.to_thread(engine.load, LoadRequest(model_path="script"))

        await page.submit("send", stop, text="hello")
        assert [message["role"] for message in page.messages] == ["user"]
        assert "nothing was sent" in page.view["notice"]["text"]
        await page.submit("answer", load)
        assert page.last["content"] == "The capital of France is Paris."

    asyncio.run(run())


def test_stop_ends_the_wait_before_anything_of_it_was_shown(
    engine: Engine, store: ConversationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    startup = StartupOf(engine, Settings(), lambda status: None)
    startup.phase = StartupPhase.LOADING
    chat, summaries = Chat(engine, startup, store), store.summaries

    is_stopped = threading.Event()

    def slow_summaries(*of: Any, **limits: Any) -> Any:
        is_stopped.wait(20)
        return summaries(*of, **limits)

    monkeypatch.setattr(store, "summaries", slow_summaries)

    async def run() -> None:
        page, shown = Page(chat), []

        async def stop(growth: Growth) -> None:
            if growth.live and not shown:
                shown.append(page.view)
                chat.stop(page.session, {})
                is_stopped.set()

        await page.submit("send", stop, text="hello")
        assert shown == [{}]
        assert [message["role"] for message in page.messages] == ["user"] and page.view["running"] == []
        assert "nothing was sent" in page.view["notice"]["text"]

    asyncio.run(run())


def test_one_conversation_in_two_pages(chat: Chat) -> None:
    async def run() -> None:
        one, other = Page(chat), Page(chat, name="other")
        await one.submit("send", text="hello")
        await other.open()
        assert other.messages == one.messages

        async def look(growth: Growth) -> None:
            if not one.streamed or other.view["running"]:
                return
            other._take(await chat.follow(other.session))
            assert other.view["running"] and other.last["content"].startswith("word")
            await other.submit("send", text="me too")
            assert "being written" in other.view["notice"]["text"]
            await other.edit("delete", id=other.messages[0]["id"])
            assert "Stop it first" in other.replies[-1]["text"] and other.replies[-1]["tone"] == "bad"
            chat.stop(other.session, {"conversation": other.session.conversation_id})

        one.updates.clear()
        one.growths.clear()
        one.settings = ChatSettings(sampling={"max_new_tokens": 150})
        await one.submit("send", look, text="slow")
        assert "stopped by you" in one.last["answer"]["figures"]
        other._take(await chat.follow(other.session))
        assert other.messages == one.messages and other.view["running"] == []
        assert await chat.follow(other.session) == Update()

    asyncio.run(run())


def test_a_late_click_changes_no_other_conversation(chat: Chat, store: ConversationStore) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.submit("send", text="hello")
        first, question = page.session.conversation_id, page.messages[0]["id"]
        await page.edit("new")
        assert page.messages == []
        await page.edit("edit", conversation=first, id=question, content="Hello!")
        assert page.messages == [] and page.session.conversation_id is None
        assert store.get("somebody", first or "").path()[0].content == "Hello!"
        await page.submit("send", conversation=None, text="hello again")
        assert page.session.conversation_id not in (None, first)
        await page.edit("remove", id=page.session.conversation_id)
        assert page.session.conversation_id is None and len(page.view["conversations"]) == 1

    asyncio.run(run())


def test_an_unknown_action_is_named_and_a_lost_conversation_is_told(chat: Chat, store: ConversationStore) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.edit("edti", id="x")
        assert "'edti'" in page.replies[-1]["text"]
        await page.submit("sned", text="x")
        assert "'sned'" in page.view["notice"]["text"]
        await page.submit("send", text="hello")
        store.delete_all("somebody")
        await page.edit("dismiss")
        assert page.view["conversation"]["id"] is None and "no such conversation" in page.view["notice"]["text"]

    asyncio.run(run())


def test_settings_are_kept_with_their_conversation_and_come_back(chat: Chat, store: ConversationStore) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.submit("send", text="hello")
        first = page.session.conversation_id or ""
        changed = ChatSettings(sampling={"temperature": 0.25})
        values = [getattr(changed, name) for name in ChatSettings.model_fields]
        await chat.keep_settings(page.session, first, values)
        await page.edit("new")
        assert page.session.settings == page.session.shown_settings == changed
        await chat.keep_settings(
            page.session, first, [getattr(ChatSettings(), name) for name in ChatSettings.model_fields]
        )
        assert page.session.settings == changed
        assert ChatSettings.read(store.get("somebody", first).settings) == changed

    asyncio.run(run())


def test_the_gauge_counts_the_draft(chat: Chat) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.open()
        assert page.view["gauge"] is None
        await page.edit("draft", text="one two three", prefill="", files=[])
        few = page.view["gauge"]["used"]
        await page.edit("draft", text="one two three four", prefill="", files=[])
        assert page.view["gauge"]["used"] == few + 1
        assert page.view["gauge"]["text"] == f"{few + 1} of 200 tokens · {199 - few} left for the answer"
        assert page.view["gauge"]["source"] == "script.json"

    asyncio.run(run())


def test_the_gauge_counts_the_answers_beginning_where_one_is_to_come(chat: Chat) -> None:
    async def run() -> None:
        page = Page(chat)
        await page.edit("insert", before=None, role="user", content="one two three")
        kept = page.view["gauge"]["used"]
        await page.edit("new")
        await page.edit("draft", text="one two three", prefill="", files=[])
        assert page.view["gauge"]["used"] == kept

    asyncio.run(run())
