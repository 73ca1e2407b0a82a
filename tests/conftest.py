"""Fixtures for the whole suite: a scripted model folder, an engine over it, and the real starter model."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import GenerationRequest, LoadRequest, Message, PerformanceReport

SCRIPT: dict[str, Any] = {
    "replies": [
        {"text": "The capital of France is Paris.", "token_seconds": 0.002},
        {"when": "slow", "text": "word " * 400, "token_seconds": 0.02},
        {"when": "prompt", "text": "At last.", "prefill_seconds": 5.0},
        {"when": "fail", "error": "the script fails here"},
        {"when": "crash", "text": "one two three four five", "token_seconds": 0.02, "crash_after_tokens": 3},
        {"when": "stop", "text": "one two STOP three", "token_seconds": 0.002},
    ]
}


# Examples are the same in every run, and a busy machine makes none of them a failure.
settings.register_profile(
    "openarc", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("openarc")


def ask(text: str, **parameters: Any) -> GenerationRequest:
    """A request with one user message."""
    return GenerationRequest(conversation=(Message(role="user", content=text),), **parameters)


def write_script(folder: Path, **script: Any) -> Path:
    """A model folder for the scripted backend."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "script.json").write_text(json.dumps({**SCRIPT, **script}))
    return folder


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if (name.startswith("OPENARC_") and not name.startswith("OPENARC_TEST_")) or name in (
            "HF_TOKEN",
            "HF_ENDPOINT",
        ):
            monkeypatch.delenv(name)


@pytest.fixture
def reports() -> list[PerformanceReport]:
    """What the engine reported, in order."""
    return []


@pytest.fixture
def make_engine(tmp_path: Path, reports: list[PerformanceReport]) -> Iterator[Callable[..., Engine]]:
    """Engines over `tmp_path/models`, closed at the end."""
    engines: list[Engine] = []

    def make(**options: Any) -> Engine:
        engines.append(Engine(tmp_path / "models", on_report=reports.append, **options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def scripted(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    """An engine with the scripted model `script` loaded."""
    write_script(tmp_path / "models" / "script")
    engine = make_engine()
    engine.load(LoadRequest(model_path="script"))
    return engine


@pytest.fixture(scope="session")
def starter_folder() -> Path:
    """The real starter model, prepared once for all sessions."""
    from tests.starter_fixture import ensure_starter

    return ensure_starter("int4")
