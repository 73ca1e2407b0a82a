"""What is told of each token: its part of the text, its time, and how likely the model found it."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openarc_ui.engine.backends.base import TokenOdds
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.prompts import PromptRequest, PromptToken, TokenDetail
from openarc_ui.engine.text import IncrementalDetokenizer, StopStrings
from openarc_ui.engine.token_details import TokenLog
from openarc_ui.engine.types import FinishReason, GenerationResult, LoadRequest, Message
from openarc_ui.server.sse import events
from tests.conftest import ask, write_script
from tests.engine.test_contract import OV_CONFIG, REAL_LOADS

END = 256
"""In these tests an id is a byte, and this one a mark."""


def look_up(token_id: int) -> PromptToken:
    if token_id == END:
        return PromptToken(END, "", "<end>", is_special=True)
    return PromptToken(token_id, chr(token_id) if token_id < 128 else "", f"<{token_id:02x}>", is_special=False)


def decode(token_ids: list[int]) -> str:
    return bytes(each for each in token_ids if each != END).decode("utf-8", "replace")


def follow(token_ids: list[int], stop: tuple[str, ...] = ()) -> tuple[str, list[TokenDetail]]:
    """The text that passed and what was told, as a session does it."""
    detokenizer, stop_strings = IncrementalDetokenizer(decode), StopStrings(stop)
    log, text, details = TokenLog(look_up, 0.0), "", list[TokenDetail]()
    for moment, token_id in enumerate(token_ids, start=1):
        piece = detokenizer.push([token_id])
        log.add(token_id, piece, float(moment), None)
        passed = stop_strings.push(piece)
        text += passed
        details += log.end("", passed) if stop_strings.found else log.settle(passed)
        if stop_strings.found:
            return text, details
    flushed = detokenizer.flush()
    passed = stop_strings.push(flushed) + stop_strings.flush()
    return text + passed, details + list(log.end(flushed, passed))


@given(st.text(max_size=30), st.sampled_from([(), ("a",), ("ab", "é"), ("👩", "\n\n")]), st.integers(0, 3))
def test_the_texts_of_all_tokens_are_the_text_of_the_answer(text: str, stop: tuple[str, ...], cut: int) -> None:
    token_ids = [*text.encode("utf-8", "ignore")]
    token_ids = [*token_ids[: len(token_ids) - cut], END]
    passed, details = follow(token_ids, stop)
    assert "".join(each.text for each in details if not each.is_special) == passed
    assert [each.id for each in details] == token_ids[: len(details)]
    if not any(each in text for each in stop):
        assert len(details) == len(token_ids)


def test_a_character_is_at_the_last_of_its_tokens_and_a_mark_shows_its_spelling() -> None:
    text, details = follow([*"aé".encode(), END])
    assert text == "aé"
    assert [(each.text, each.is_special) for each in details] == [
        ("a", False),
        ("", False),
        ("é", False),
        ("<end>", True),
    ]
    assert [each.seconds for each in details] == [1.0] * 4


def test_what_a_stop_string_cut_is_nowhere_and_its_tokens_are_told() -> None:
    text, details = follow([*b"one STOP"], ("STOP",))
    assert text == "one "
    assert [each.text for each in details] == ["o", "n", "e", " ", "", "", "", ""]


def test_what_only_looked_like_a_stop_string_is_with_the_token_that_said_it() -> None:
    text, details = follow([*b"STAY", END], ("STOP",))
    assert text == "STAY"
    assert [each.text for each in details] == ["S", "T", "A", "Y", "<end>"]


def test_alternatives_are_told_as_text_and_a_mark_by_its_spelling() -> None:
    log = TokenLog(look_up, 0.0)
    log.add(97, "a", 1.0, TokenOdds(-0.5, ((97, -0.5), (END, -1.0), (0xC3, -2.0))))
    (detail,) = log.settle("a")
    assert detail.log_probability == -0.5
    assert detail.alternatives == (("a", -0.5), ("<end>", -1.0), ("<c3>", -2.0))


@pytest.fixture
def script(make_engine: Callable[..., Engine], tmp_path: Path) -> Callable[..., Engine]:
    def load(**changes: Any) -> Engine:
        write_script(tmp_path / "models" / "script", **changes)
        engine = make_engine()
        engine.load(LoadRequest(model_path="script"))
        return engine

    return load


def run(engine: Engine, text: str, **parameters: Any) -> GenerationResult:
    return engine.submit(ask(text, **parameters)).result(timeout=120)


def test_the_script_says_how_likely_its_tokens_are(script: Callable[..., Engine]) -> None:
    reply = {"text": "one two three", "probabilities": [0.75, 0.125]}
    (details,) = run(script(replies=[reply]), "hi", token_details=True).token_details
    assert [each.text for each in details[:3]] == ["one", " two", " three"]
    assert [math.exp(each.log_probability or 0) for each in details] == pytest.approx([0.75, 0.125, 0.75, 0.125])
    assert [text for text, _ in details[1].alternatives][1] == " two"
    assert details[3].is_special


def test_a_backend_that_can_not_tell_says_none(script: Callable[..., Engine]) -> None:
    (details,) = run(script(lacks=["probabilities"]), "hi", token_details=True).token_details
    assert {(each.log_probability, each.alternatives) for each in details} == {(None, ())}
    assert all(each.seconds >= 0 for each in details)


def test_nothing_is_told_that_nobody_asked_for(scripted: Engine) -> None:
    with scripted.submit(ask("hi")) as generation:
        deltas = [delta for batch in generation.batches(5) for delta in batch]
        assert generation.result(5).token_details == ()
    assert {delta.details for delta in deltas} == {()}


def test_the_tokens_of_an_answer_that_was_stopped_are_kept(scripted: Engine) -> None:
    generation = scripted.submit(ask("slow", token_details=True))
    for batch in generation.batches(5):
        if any(delta.details for delta in batch):
            generation.cancel()
    result = generation.result(5)
    (details,) = result.token_details
    assert result.finish_reasons == (FinishReason.CANCELLED,)
    assert "".join(each.text for each in details if not each.is_special) == result.texts[0]


def test_frames_carry_details_where_they_were_asked_for(scripted: Engine) -> None:
    async def frames(**parameters: Any) -> list[dict[str, Any]]:
        generation = scripted.submit(ask("hi", **parameters))
        lines = [frame async for frame in events([generation], lambda results: {})]
        return [json.loads(line[6:]) for line in "".join(lines).splitlines() if line.startswith('data: {"text"')]

    assert all("details" not in each for each in asyncio.run(frames()))
    told = [detail for each in asyncio.run(frames(token_details=True)) for detail in each["details"]]
    assert [detail["text"] for detail in told[:2]] == ["The", " capital"]
    assert set(told[0]) == {"id", "text", "is_special", "seconds", "log_probability", "alternatives"}


def test_turning_ids_into_text_is_timed(scripted: Engine) -> None:
    report = run(scripted, "hi").report
    assert report.detokenize_seconds is not None
    assert 0 < report.detokenize_seconds < report.total_seconds


Reference = Callable[[GenerationResult], Any]


@pytest.fixture(scope="module", params=list(REAL_LOADS))
def real(request: pytest.FixtureRequest, starter_folder: Path) -> Iterator[tuple[str, Engine]]:
    with Engine(starter_folder.parent) as engine:
        engine.load(REAL_LOADS[request.param].model_copy(update={"model_path": starter_folder.name}))
        yield request.param, engine


@pytest.fixture(scope="module")
def log_probabilities(starter_folder: Path) -> Callable[[list[int], list[int]], Any]:
    """The softmax of the model's logits at each place of an answer, by OpenVINO alone: [answer, vocabulary]."""
    import openvino

    compiled = openvino.Core().compile_model(str(starter_folder / "openvino_model.xml"), "CPU", OV_CONFIG)
    asked = compiled.create_infer_request()

    def ask_model(prompt: list[int], answer: list[int]) -> Any:
        count = len(prompt) + len(answer)
        inputs = {
            "input_ids": numpy.asarray([prompt + answer]),
            "attention_mask": numpy.ones((1, count), dtype=numpy.int64),
            "position_ids": numpy.arange(count)[None],
            "beam_idx": numpy.zeros(1, dtype=numpy.int32),
        }
        asked.reset_state()
        (logits,) = asked.infer(inputs).values()
        logits = logits[0, len(prompt) - 1 : -1].astype(numpy.float64)
        return (
            logits
            - numpy.log(numpy.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True))
            - logits.max(-1, keepdims=True)
        )

    return ask_model


def prompt_ids(engine: Engine, text: str) -> list[int]:
    rendered = engine.render(PromptRequest(conversation=(Message(role="user", content=text),)))
    return [token.id for token in rendered.tokens]


@pytest.mark.model
def test_the_tokens_of_a_real_answer_are_its_text(real: tuple[str, Engine]) -> None:
    question = "Write the words naïve, 日本語 and 👩‍🔬."
    result = run(
        real[1], question, token_details=True, max_new_tokens=40, seed=3, temperature=1.2, num_return_sequences=2
    )
    assert len(result.token_details) == 2
    assert sum(map(len, result.token_details)) == result.report.generated_tokens
    for text, details, reason in zip(result.texts, result.token_details, result.finish_reasons, strict=True):
        assert "".join(each.text for each in details if not each.is_special) == text
        assert details[-1].is_special == (reason is FinishReason.STOP)
        assert sum(each.seconds for each in details) <= result.report.total_seconds
    assert result.token_details[0][0].seconds == pytest.approx(result.report.ttft_seconds, abs=0.05)


@pytest.mark.model
def test_a_log_probability_is_of_the_models_own_distribution(
    real: tuple[str, Engine], log_probabilities: Callable[[list[int], list[int]], Any]
) -> None:
    name, engine = real
    question = "Tell me about foxes."
    result = run(
        engine, question, token_details=True, max_new_tokens=24, seed=5, temperature=1.8, top_k=40, repetition_penalty=1.3,
        presence_penalty=0.5,
    )  # fmt: skip
    (details,) = result.token_details
    if name == "stateful":
        assert {each.log_probability for each in details} == {None}
        return
    answer = [each.id for each in details]
    reference = log_probabilities(prompt_ids(engine, question), answer)
    own = reference[numpy.arange(len(answer)), answer]
    told = numpy.asarray([each.log_probability for each in details])
    tempered = reference / 1.8
    tempered = (tempered - numpy.log(numpy.exp(tempered).sum(-1, keepdims=True)))[numpy.arange(len(answer)), answer]
    assert numpy.abs(told - own).mean() < 0.3
    assert numpy.abs(told - own).mean() * 3 < numpy.abs(told - tempered).mean()


@pytest.mark.model
def test_alternatives_are_the_likeliest_five_where_the_backend_gives_them(real: tuple[str, Engine]) -> None:
    name, engine = real
    (details,) = run(
        engine, "What is the capital of France?", token_details=True, max_new_tokens=12, do_sample=False
    ).token_details
    if name != "optimum":
        assert {each.alternatives for each in details} == {()}
        return
    for each in details:
        logs = [log for _, log in each.alternatives]
        assert len(logs) == 5
        assert logs == sorted(logs, reverse=True)
        assert each.alternatives[0] == (each.text, pytest.approx(each.log_probability))


@pytest.mark.model
def test_asking_for_details_changes_no_answer(real: tuple[str, Engine]) -> None:
    parameters = {"max_new_tokens": 24, "seed": 11, "temperature": 0.9, "repetition_penalty": 1.2}
    # The first fills the prefix cache: with and without it paged attention computes slightly other numbers.
    _, plain, told = (
        run(real[1], "Tell me a joke.", token_details=each, **parameters) for each in (False, False, True)
    )
    assert plain.texts == told.texts
