"""The handle of a request, its asynchronous form, and the pipe below it."""

from __future__ import annotations

import asyncio
import io
import itertools
import time
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.messages import Cancel, Channel, Generate
from openarc_ui.engine.types import FinishReason, Message, TextDelta
from openarc_ui.errors import GenerationFailed
from tests.conftest import ask
from tests.reports import report


def test_the_asynchronous_reader_gets_the_same_text(scripted: Engine) -> None:
    async def read() -> str:
        generation = scripted.submit(ask("hello"))
        text = "".join([delta.text async for batch in generation.async_batches(0.5) for delta in batch])
        result = await generation.async_result(10.0)
        assert result.texts[0] == text
        return text

    assert asyncio.run(read()) == "The capital of France is Paris."


def test_the_asynchronous_reader_gets_heartbeats_and_holds_up_nobody(scripted: Engine) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def read() -> list[int]:
        generation = scripted.submit(ask("a long prompt"))
        beside, seen = asyncio.create_task(other()), list[int]()
        async for batch in generation.async_batches(0.02):
            assert batch == ()
            seen.append(turns)
            if len(seen) == 10:
                generation.cancel()
        beside.cancel()
        return seen

    seen = asyncio.run(read())
    assert len(seen) == 10
    assert all(later > earlier for earlier, later in itertools.pairwise([0, *seen])), (
        "between two beats others have a turn"
    )


def test_a_paced_reader_gets_few_batches_and_all_of_the_text(scripted: Engine) -> None:
    async def read() -> tuple[list[float], str]:
        generation = scripted.submit(ask("slow", max_new_tokens=50))
        times, text = [], ""
        async for batch in generation.async_batches(5.0, lambda: 0.3):
            times.append(time.perf_counter())
            text += "".join(delta.text for delta in batch)
        result = await generation.async_result(10.0)
        assert result.texts[0] == text
        return times, text

    times, text = asyncio.run(read())
    assert text.count("word") == 50 and 2 <= len(times) < 25
    assert all(later - earlier > 0.25 for earlier, later in itertools.pairwise(times[:-1]))


def test_a_paced_reader_gets_the_end_at_once(scripted: Engine) -> None:
    async def read() -> tuple[str, float]:
        began_at = time.perf_counter()
        generation = scripted.submit(ask("slow", max_new_tokens=20))
        text = ""
        async for batch in generation.async_batches(60.0, lambda: 60.0):
            text += "".join(delta.text for delta in batch)
        return text, time.perf_counter() - began_at

    text, seconds = asyncio.run(read())
    assert text.count("word") == 20 and seconds < 30, "the end cut the pause of a minute short"


def test_cancelling_frees_a_paced_reader_at_once(scripted: Engine) -> None:
    async def read() -> float:
        generation = scripted.submit(ask("slow", max_new_tokens=3000, ignore_eos=True))
        async for _ in generation.async_batches(60.0, lambda: 60.0):
            asyncio.get_running_loop().call_later(0.1, generation.cancel)
            began_at = time.perf_counter()
        return time.perf_counter() - began_at

    assert asyncio.run(read()) < 30


def test_an_asynchronous_reader_hears_of_a_failure(scripted: Engine) -> None:
    async def read() -> None:
        async for _ in scripted.submit(ask("fail")).async_batches(1.0):
            pass

    with pytest.raises(GenerationFailed, match="script fails"):
        asyncio.run(read())


def test_a_generation_has_one_reader(scripted: Engine) -> None:
    generation = scripted.submit(ask("hello"))
    list(generation.batches(1.0))
    with pytest.raises(RuntimeError, match="one reader"):
        next(generation.batches(1.0))


def test_a_slow_reader_gets_everything_in_fewer_batches(scripted: Engine) -> None:
    generation = scripted.submit(ask("hello"))
    generation.result(timeout=10)
    (batch,) = list(generation.batches(1.0))
    assert "".join(delta.text for delta in batch) == "The capital of France is Paris."


def test_cancelling_after_the_end_changes_nothing(scripted: Engine) -> None:
    generation = scripted.submit(ask("hello"))
    result = generation.result(timeout=10)
    generation.cancel()
    assert generation.result(timeout=1) == result
    assert result.finish_reasons == (FinishReason.STOP,)


class ClosingLoop(asyncio.SelectorEventLoop):
    """Is closed in the moment in which another thread calls it, after that thread saw it open."""

    def call_soon_threadsafe(self, *given: Any, **named: Any) -> asyncio.Handle:
        self.close()
        return super().call_soon_threadsafe(*given, **named)


def test_a_loop_that_closes_while_it_is_called_is_no_trouble_for_who_brings_the_text() -> None:
    generation, loop = Generation(ask("hello"), "model", lambda request_id: None), ClosingLoop()

    async def listen() -> None:
        generation._listen(asyncio.Event())

    loop.run_until_complete(listen())
    generation.push(TextDelta(0, "word", 1))
    assert loop.is_closed()
    generation.end((FinishReason.STOP,), report(), None)
    assert generation.result(timeout=1).texts == ("word",)


def test_a_fault_of_a_loop_that_is_open_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    generation = Generation(ask("hello"), "model", lambda request_id: None)

    async def read() -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("a mistake of ours")

        generation._listen(asyncio.Event())
        monkeypatch.setattr(asyncio.get_running_loop(), "call_soon_threadsafe", broken)
        with pytest.raises(RuntimeError, match="a mistake of ours"):
            generation.push(TextDelta(0, "word", 1))
        monkeypatch.undo()

    asyncio.run(read())


def test_messages_cross_the_pipe_and_a_cut_one_is_the_end() -> None:
    stream = io.BytesIO()
    Channel(io.BytesIO(), stream).send(Generate(ask("hello"), 1.0, 2.0))
    Channel(io.BytesIO(), stream).send(Cancel("x"))
    whole = stream.getvalue()
    reader = Channel(io.BytesIO(whole), io.BytesIO())
    first = reader.receive()
    assert isinstance(first, Generate) and first.request.conversation[0].content == "hello"
    assert reader.receive() == Cancel("x")
    for cut in (0, 10, len(whole) - 3):
        broken = Channel(io.BytesIO(whole[:cut]), io.BytesIO())
        with pytest.raises(EOFError):
            for _ in range(2):
                broken.receive()


def test_message_content_is_always_text() -> None:
    parts = Message.model_validate(
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    )
    assert parts.content == "a\nb"
    assert Message.model_validate({"role": "assistant", "content": None}).content == ""
