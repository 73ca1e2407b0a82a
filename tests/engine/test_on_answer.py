"""The hook that brings request, texts and report together, for every way a request can end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import GenerationRequest, LoadRequest, PerformanceReport
from openarc_ui.errors import GenerationFailed, WorkerDied
from tests.conftest import ask, write_script

Answer = tuple[GenerationRequest, tuple[str, ...], PerformanceReport]


@pytest.fixture
def told() -> list[Any]:
    """What the hooks were called with, in order: reports and answers."""
    return []


@pytest.fixture
def engine(tmp_path: Path, told: list[Any]) -> Any:
    write_script(tmp_path / "models" / "script")
    with Engine(tmp_path / "models", on_report=told.append, on_answer=lambda *answer: told.append(answer)) as engine:
        engine.load(LoadRequest(model_path="script"))
        yield engine


def test_it_is_called_right_after_the_report_with_the_request_and_its_texts(engine: Engine, told: list[Any]) -> None:
    request = ask("Where?", num_return_sequences=2, do_sample=True)
    result = engine.submit(request).result(timeout=20)
    assert told == [result.report, (request, result.texts, result.report)]
    assert result.texts == ("The capital of France is Paris.",) * 2


def test_a_cancelled_request_has_the_text_that_came_though_nobody_read_it(engine: Engine, told: list[Any]) -> None:
    generation = engine.submit(ask("slow"))
    next(generation.batches(5))
    generation.cancel()
    result = generation.result(timeout=20)
    _, texts, report = told[1]
    assert texts == result.texts and texts[0].startswith("word")
    assert report.finish_reason == "cancelled"


def test_a_failed_request_has_one_empty_text(engine: Engine, told: list[Any]) -> None:
    with pytest.raises(GenerationFailed):
        engine.submit(ask("fail")).result(timeout=20)
    request, texts, report = told[1]
    assert (request.conversation[0].content, texts, report.error_code) == ("fail", ("",), "generation_failed")


def test_a_request_whose_worker_died_has_what_came_before(engine: Engine, told: list[Any]) -> None:
    with pytest.raises(WorkerDied):
        engine.submit(ask("crash")).result(timeout=20)
    _, texts, report = told[1]
    assert texts[0].startswith("one two")
    assert (report.error_code, report.decode_inference_seconds) == ("worker_died", None)


def test_shares_of_a_script_are_told_as_inference_and_sampling(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    reply = {"text": "one two three four", "token_seconds": 0.02, "inference_share": 0.5, "sampling_share": 0.25}
    write_script(tmp_path / "models" / "shares", replies=[reply])
    engine = make_engine()
    engine.load(LoadRequest(model_path="shares"))
    report = engine.submit(ask("count", do_sample=False)).result(timeout=20).report
    assert report.generated_tokens == 5
    assert report.decode_inference_seconds == pytest.approx(4 * 0.02 * 0.5)
    assert report.decode_sampling_seconds == pytest.approx(4 * 0.02 * 0.25)


@pytest.mark.parametrize("shares", [(0.9, 0.2), (0.5, None), (-0.1, 0.5)])
def test_shares_that_make_no_whole_are_refused(
    make_engine: Callable[..., Engine], tmp_path: Path, shares: tuple[float, float | None]
) -> None:
    reply = {"text": "one", "inference_share": shares[0], "sampling_share": shares[1]}
    write_script(tmp_path / "models" / "shares", replies=[reply])
    with pytest.raises(Exception, match=r"script\.json can't be used"):
        make_engine().load(LoadRequest(model_path="shares"))
