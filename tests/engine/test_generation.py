"""The handle of a request, its asynchronous form, and the pipe below it."""

from __future__ import annotations

import asyncio
import io
import itertools
import time

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.messages import Cancel, Channel, Generate
from openarc_ui.engine.types import FinishReason, Message
from openarc_ui.errors import GenerationFailed
from tests.conftest import ask


def test_the_asynchronous_reader_gets_the_same_text(scripted: Engine) -> None:
    async def read() -> str:
        generation = scripted.submit(ask("hello"))
        text = "".join([delta.text async for batch in generation.async_batches(0.5) for delta in batch])
        result = await generation.async_result(1.0)
        assert result.texts[0] == text
        return text

    assert asyncio.run(read()) == "The capital of France is Paris."


def test_the_asynchronous_reader_gets_heartbeats_and_holds_up_nobody(scripted: Engine) -> None:
    async def read() -> tuple[int, float]:
        generation = scripted.submit(ask("a long prompt"))
        batches = generation.async_batches(0.02)
        longest_pause, beats, last = 0.0, 0, time.perf_counter()
        async for batch in batches:
            longest_pause = max(longest_pause, time.perf_counter() - last)
            last = time.perf_counter()
            assert batch == ()
            beats += 1
            if beats == 10:
                generation.cancel()
        return beats, longest_pause

    beats, longest_pause = asyncio.run(read())
    assert beats == 10
    assert longest_pause < 0.2


def test_a_paced_reader_gets_few_batches_all_of_the_text_and_the_end_at_once(scripted: Engine) -> None:
    async def read() -> tuple[list[float], str, float]:
        generation = scripted.submit(ask("slow", max_new_tokens=50))
        times, text = [], ""
        async for batch in generation.async_batches(5.0, lambda: 0.3):
            times.append(time.perf_counter())
            text += "".join(delta.text for delta in batch)
        ended_at = time.perf_counter()
        result = await generation.async_result(1.0)
        assert result.texts[0] == text
        return times, text, ended_at - times[0] - (result.report.decode_seconds or 0.0)

    times, text, late_seconds = asyncio.run(read())
    assert text.count("word") == 50 and 3 <= len(times) <= 6
    assert all(later - earlier > 0.25 for earlier, later in itertools.pairwise(times[:-1]))
    assert late_seconds < 0.2


def test_cancelling_frees_a_paced_reader_at_once(scripted: Engine) -> None:
    async def read() -> float:
        generation = scripted.submit(ask("slow"))
        async for _ in generation.async_batches(5.0, lambda: 5.0):
            asyncio.get_running_loop().call_later(0.1, generation.cancel)
            began_at = time.perf_counter()
        return time.perf_counter() - began_at

    assert asyncio.run(read()) < 1.0


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
    generation.result(timeout=2)
    (batch,) = list(generation.batches(1.0))
    assert "".join(delta.text for delta in batch) == "The capital of France is Paris."


def test_cancelling_after_the_end_changes_nothing(scripted: Engine) -> None:
    generation = scripted.submit(ask("hello"))
    result = generation.result(timeout=2)
    generation.cancel()
    assert generation.result(timeout=1) == result
    assert result.finish_reasons == (FinishReason.STOP,)


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
