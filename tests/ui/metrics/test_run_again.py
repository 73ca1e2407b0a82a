"""Running a kept request once more, with the real engine over the scripted backend."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from openarc_ui.engine.types import FinishReason, GenerationResult
from openarc_ui.errors import GenerationFailed, InvalidRequest, ModelNotLoaded, RequestNotFound
from openarc_ui.metrics.curl import again_of
from openarc_ui.metrics.detail import RequestDetail
from openarc_ui.metrics.detail import request as detail_of
from openarc_ui.ui.metrics import request_view
from openarc_ui.ui.metrics.run_again import MOST_ANSWER_BYTES, Again, once_more, shown
from openarc_ui.ui.metrics.wanted import AskedAgain
from tests.reports import report
from tests.ui.metrics.conftest import Kept


async def stays() -> bool:
    return False


def test_a_kept_request_runs_again_with_its_settings_and_its_seed(keep: Callable[[bool], Kept]) -> None:
    kept = keep(True)
    original = kept.run("hello", max_new_tokens=3, temperature=0.5)
    again = Again(kept.engine, kept.store)
    answer = asyncio.run(again.answer(AskedAgain(request_id=original), stays))
    assert answer["answer"] and answer["request_id"] != original
    assert answer["words"].startswith("Ran again after") and "3 tokens" in answer["words"]
    kept.store.flush()
    with kept.store.reading() as connection:
        rows = connection.execute("SELECT source, seed, generated_tokens FROM requests ORDER BY id").fetchall()
    (source, seed, tokens), (source_again, seed_again, tokens_again) = rows
    assert (source, source_again) == ("rest", "again")
    assert seed is not None and (seed, tokens) == (seed_again, tokens_again)


def test_without_kept_texts_it_wants_a_prompt_and_takes_one(keep: Callable[[bool], Kept]) -> None:
    kept = keep(False)
    original = kept.run("hello", max_new_tokens=2)
    again = Again(kept.engine, kept.store)
    with pytest.raises(InvalidRequest, match="not kept") as caught:
        asyncio.run(again.answer(AskedAgain(request_id=original), stays))
    assert "prompt" in caught.value.hint
    with pytest.raises(InvalidRequest, match="not kept"):
        asyncio.run(again.answer(AskedAgain(request_id=original, prompt="  "), stays))
    answer = asyncio.run(again.answer(AskedAgain(request_id=original, prompt="hello"), stays))
    assert "2 tokens" in answer["words"]


def test_a_request_nobody_knows_can_not_run_again(keep: Callable[[bool], Kept]) -> None:
    kept = keep(False)
    with pytest.raises(RequestNotFound):
        asyncio.run(Again(kept.engine, kept.store).answer(AskedAgain(request_id="nobody", prompt="x"), stays))


def test_what_goes_wrong_is_the_engines_own_error(keep: Callable[[bool], Kept]) -> None:
    kept = keep(True)
    original = kept.run("hello")
    again = Again(kept.engine, kept.store)
    with pytest.raises(GenerationFailed, match="the script fails here"):
        asyncio.run(again.answer(AskedAgain(request_id=original, prompt="fail"), stays))
    kept.engine.unload("script")
    with pytest.raises(ModelNotLoaded):
        asyncio.run(again.answer(AskedAgain(request_id=original), stays))


@pytest.mark.parametrize("by", ["its own id", "the id of the original", "leaving", "time"])
def test_it_ends_when_it_is_not_wanted_any_more(keep: Callable[[bool], Kept], by: str) -> None:
    kept = keep(True)
    original = kept.run("hello")
    again = Again(kept.engine, kept.store, most_seconds=1.0 if by == "time" else 60.0)

    async def leaves() -> bool:
        return by == "leaving"

    async def run() -> dict[str, Any]:
        running = asyncio.ensure_future(again.answer(AskedAgain(request_id=original, prompt="slow"), leaves))
        while not again._running:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        if by.endswith(("own id", "original")):
            name = original if by.endswith("original") else next(iter(again._running))
            assert await again.answer(AskedAgain(cancel=name), stays) == {"cancelled": 1}
        return await running

    answer = asyncio.run(run())
    assert "Cancelled after" in answer["words"], "it would have come to its 128 tokens"
    assert ("Stopped after" in answer["words"]) == (by == "time")
    assert not again._running and kept.engine.status().models[0].running == 0


def test_cancelling_what_does_not_run_cancels_nothing(keep: Callable[[bool], Kept]) -> None:
    kept = keep(False)
    assert asyncio.run(Again(kept.engine, kept.store).answer(AskedAgain(cancel="x"), stays)) == {"cancelled": 0}


def detail(**changes: Any) -> RequestDetail:
    row = {**dataclasses.asdict(report()), "finish_reason": "stop"}
    return dataclasses.replace(RequestDetail(row, (), (), None, None, None, None), **changes)


def test_a_prompt_takes_the_place_of_the_kept_text_and_the_settings_stay() -> None:
    kept = {"conversation": [{"role": "user", "content": "old"}, {"role": "assistant", "content": "be"}],
            "continue_final_message": True, "top_k": 5, "request_id": "r", "source": "rest", "token_details": True}  # fmt: skip
    request = once_more(detail(messages=kept), "new")
    assert [message.content for message in request.conversation] == ["new"]
    assert (request.top_k, request.seed, request.source, request.token_details) == (5, 7, "again", False)
    assert request.request_id != "r"
    assert len(once_more(detail(messages=kept), None).conversation) == 2


def test_settings_that_this_version_does_not_take_are_told() -> None:
    with pytest.raises(InvalidRequest, match="warmth"):
        once_more(detail(messages={"conversation": [{"role": "user", "content": "x"}], "warmth": 3}), None)
    settings = {
        "sampling": {"top_p": 0.5, "warmth": 3},
        "max_new_tokens": 9,
        "template_arguments": {"enable_thinking": False},
    }
    request = once_more(detail(settings=settings), "x")
    assert (request.top_p, request.max_new_tokens, request.template_arguments) == (0.5, 9, {"enable_thinking": False})


def test_what_can_not_be_sent_again_is_said_before_and_after(keep: Callable[[bool], Kept]) -> None:
    kept = keep(False)
    original = kept.run("hello", max_new_tokens=2, stop=("x", "y"), temperature=0.5)
    with kept.store.reading() as connection:
        found = detail_of(connection, original)
    shown_before = request_view.shown(found, "", False)["again_note"]
    assert shown_before == "Not kept, so it runs without: stop (2)."
    answer = asyncio.run(Again(kept.engine, kept.store).answer(AskedAgain(request_id=original, prompt="hello"), stays))
    assert answer["words"].endswith("Not kept, so it ran without: stop (2).")
    assert request_view.shown(detail(), "", False)["again_note"] == "Not kept, so it runs without: all settings."
    kept_whole = {"conversation": [{"role": "user", "content": "x"}], "stop": ["x"]}
    assert request_view.shown(detail(messages=kept_whole), "", True)["again_note"] is None


@pytest.mark.parametrize(
    ("texts", "flags", "lost"),
    [
        ({"messages": 3, "characters": 9}, {}, ("2 other messages",)),
        ({"messages": 1, "tools": 2, "structured_output": "regex"}, {}, ("tools (2)", "structured_output (regex)")),
        ({"chat_template": True}, {"continue_final_message": True}, ("chat_template", "continue_final_message")),
        ({}, {"sampling": {"warmth": 3}}, ("warmth",)),
    ],
)
def test_every_setting_is_sent_or_told_as_lost(
    texts: dict[str, Any], flags: dict[str, Any], lost: tuple[str, ...]
) -> None:
    assert again_of({"texts": texts, **flags}, None) == ({}, lost)


def test_a_long_answer_is_cut_between_characters_and_says_so() -> None:
    result = GenerationResult("r", "m", ("é" * MOST_ANSWER_BYTES,), (FinishReason.STOP,), report())
    answer = shown(result, None)
    assert len(answer["answer"].encode()) == MOST_ANSWER_BYTES and "16 kB" in answer["words"]


def test_a_kept_prompt_runs_again_as_a_prompt() -> None:
    kept = {"prompt": "once", "top_k": 5, "source": "openai"}
    again = once_more(detail(messages=kept), None)
    assert (again.prompt, again.conversation, again.top_k, again.source) == ("once", (), 5, "again")
    assert once_more(detail(messages=kept), "twice").prompt == "twice"
    without = detail(settings={"texts": {"prompt_tokens": 3}})
    assert once_more(without, "twice").prompt == "twice"
    with pytest.raises(InvalidRequest, match="not kept"):
        once_more(without, None)
