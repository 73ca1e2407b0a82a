"""The composition root: what it opened is closed, whatever fails."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

import app
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.metrics.sampler import Sampler
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.terminal import TerminalProgress
from tests.application import free_port

CLOSED = (
    (Startup, "stop"),
    (Sampler, "stop"),
    (ModelTasks, "close"),
    (Engine, "close"),
    (MetricsStore, "close"),
    (ConversationStore, "close"),
    (TerminalProgress, "close"),
)
"""In the order in which they are."""


@pytest.mark.parametrize("failing", [None, *(kind for kind, _ in CLOSED)])
def test_everything_is_closed_in_order_though_one_of_them_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: type | None
) -> None:
    closed: list[type] = []

    def watch(kind: type, name: str) -> None:
        close = getattr(kind, name)

        def closing(self: Any) -> None:
            closed.append(kind)
            close(self)
            if kind is failing:
                raise RuntimeError("it can not be closed")

        monkeypatch.setattr(kind, name, closing)

    for each in CLOSED:
        watch(*each)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "create_app", lambda *_: None)
    monkeypatch.setattr(app, "_serve", interrupted)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    settings = Settings(
        port=free_port(),
        model="none",
        model_folder=tmp_path / "models",
        database=tmp_path / "metrics.sqlite3",
        conversations=tmp_path / "conversations.sqlite3",
        profile_folder=tmp_path / "profiles",
        cache_folder=tmp_path / "cache",
    )
    with pytest.raises(KeyboardInterrupt if failing is None else RuntimeError):
        app.run(settings)
    assert closed == [kind for kind, _ in CLOSED]
