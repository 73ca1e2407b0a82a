"""Optimum answers right with several sequences, however many it answered with before, where the KV cache is in u8."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.message import Message
from openarc_ui.engine.types import FinishReason, GenerationRequest, GenerationResult, LoadRequest
from tests.starter_fixture import ensure_starter


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The starter by Optimum, with the cache precision of a model that recommends none."""
    folder = ensure_starter()
    with Engine(folder.parent) as engine:
        engine.load(LoadRequest(model_path=folder.name, backend="optimum", ov_config={"KV_CACHE_PRECISION": "u8"}))
        yield engine


def request_of(sequences: int, top_k: int = 1, max_new_tokens: int = 8) -> GenerationRequest:
    """By sampling, without which there is only one sequence; from one candidate it is the likeliest token each time."""
    return GenerationRequest(
        conversation=(Message(role="user", content="What is the capital of France?"),),
        num_return_sequences=sequences,
        do_sample=True,
        top_k=top_k,
        max_new_tokens=max_new_tokens,
        token_details=True,
    )


def ask(engine: Engine, sequences: int, top_k: int = 1) -> GenerationResult:
    return engine.submit(request_of(sequences, top_k)).result(120)


def chances(result: GenerationResult) -> list[list[float | None]]:
    return [[each.log_probability for each in details] for details in result.token_details]


def test_more_sequences_than_ever_before_are_answered_right(engine: Engine) -> None:
    for sequences in (1, 2, 4, 3, 8):
        result = ask(engine, sequences)
        assert len(result.texts) == sequences and all("Paris" in text for text in result.texts)
    assert len(ask(engine, 12, top_k=50).texts) == 12


def test_a_batch_that_grew_and_one_that_shrank_have_the_same_odds(engine: Engine) -> None:
    grown = [ask(engine, 1), ask(engine, 2), ask(engine, 4)]
    shrunk = [ask(engine, 4), ask(engine, 2), ask(engine, 1)]
    assert [chances(each) for each in grown] == [chances(each) for each in reversed(shrunk)]


def test_what_follows_a_cancelled_batch_is_what_it_would_have_been(engine: Engine) -> None:
    before = ask(engine, 2)
    with engine.submit(request_of(4, top_k=50, max_new_tokens=400)) as cancelled:
        next(cancelled.batches(60))
    assert FinishReason.CANCELLED in cancelled.result(60).finish_reasons
    after = ask(engine, 2)
    assert after.texts == before.texts and chances(after) == chances(before)
