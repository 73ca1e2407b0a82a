"""The API over an engine without models and stores without rows, to be described and not to be served."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from fastapi import FastAPI

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.work.making import open_tasks
from openarc_ui.profiles import ProfileStore
from openarc_ui.server.api import create_api
from openarc_ui.settings import Settings, default_of
from openarc_ui.startup import Startup
from openarc_ui.tuning.runs import TuningRuns


@contextmanager
def bare_api() -> Iterator[FastAPI]:
    """Every route, for as long as the context lasts."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        engine = opened.enter_context(Engine(folder))
        store = opened.enter_context(closing(MetricsStore(folder / "metrics.sqlite3")))
        conversations = opened.enter_context(closing(ConversationStore(folder / "conversations.sqlite3")))
        startup = Startup(engine, Settings(model="none"), lambda status: None)
        exposition = Exposition(engine.status, store.health)
        hub = Hub(default_of("hub_endpoint"))
        tasks = opened.enter_context(closing(open_tasks(engine, hub)))
        runs = TuningRuns(engine, folder)
        yield create_api(engine, startup, ProfileStore(folder), conversations, store, exposition, runs, tasks, hub)
