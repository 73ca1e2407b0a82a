"""A load whose caller fails when it is told how far it is: the load goes on, and nobody waits in vain."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, LoadStage, ModelInfo, ModelState
from openarc_ui.errors import ModelLoadFailed, OpenArcError, TuningFolderUnusable
from tests.conftest import ask, write_script


def load_within(engine: Engine, seconds: float, on_stage: Callable[[LoadStage], None]) -> ModelInfo | OpenArcError:
    """What a load comes to; a load that hangs fails the test instead of hanging it."""
    found: list[ModelInfo | OpenArcError] = []

    def load() -> None:
        try:
            found.append(engine.load(LoadRequest(model_path="script"), on_stage))
        except OpenArcError as error:
            found.append(error)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "the load hangs"
    return found[0]


@pytest.mark.parametrize("error", [TuningFolderUnusable("No room is left."), OSError(28, "No space left on device")])
def test_a_caller_who_fails_while_a_model_loads_neither_ends_nor_holds_up_the_load(
    make_engine: Callable[..., Engine], tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    write_script(tmp_path / "models" / "script")
    engine = make_engine()

    def fail(stage: LoadStage) -> None:
        raise error

    with caplog.at_level(logging.ERROR):
        assert isinstance(load_within(engine, 60, fail), ModelInfo)
    assert "could not be shown" in caplog.text
    assert engine.submit(ask("hello")).result(timeout=20).texts[0] == "The capital of France is Paris."


def test_a_mistake_while_the_worker_is_heard_ends_the_load_with_a_reason(
    make_engine: Callable[..., Engine], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_script(tmp_path / "models" / "script")
    engine = make_engine()

    def fail(info: ModelInfo) -> ModelInfo:
        raise ValueError("a mistake of ours")

    engine.preflight.with_traffic = lambda plan, info: fail(info)  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR):
        assert isinstance(load_within(engine, 60, lambda stage: None), ModelLoadFailed)
    assert "a mistake of ours" in caplog.text
    assert not engine.status().models


def test_a_mistake_while_an_answer_is_reported_ends_the_request_and_the_model(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    write_script(tmp_path / "models" / "script")
    engine = make_engine()
    engine.load(LoadRequest(model_path="script"))

    def fail(*_: object) -> None:
        raise ValueError("a mistake of ours")

    host = engine._hosts["script"]
    host._hooks = replace(host._hooks, on_report=fail)
    generation = engine.submit(ask("hello"))
    assert generation.result(timeout=20).texts[0] == "The capital of France is Paris."
    host._receiver.join(20)
    assert not host._receiver.is_alive()
    assert host.status().state is ModelState.FAILED
