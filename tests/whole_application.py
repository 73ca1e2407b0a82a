"""The application as app.py composes it, guard and page included, in this process and without a socket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import Mount
from starlette.testclient import TestClient

import app
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import ProfileStore
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.tuning.runs import TuningRuns
from tests.model_tasks import made_tasks, no_hub

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Whole:
    """It, and what stands behind it."""

    client: TestClient
    engine: Engine
    api: Any

    def own_places(self) -> set[Place]:
        """Method and path of every route that is ours, and of the schema; HEAD goes with GET."""
        routers = [route.original_router for route in self.api.routes if hasattr(route, "original_router")]
        ours = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
        places = {(method, route.path) for route in ours for method in route.methods}
        return {place for place in places if place[0] != "HEAD"} | {("GET", "/openapi.json")}

    def all_paths(self) -> set[str]:
        """The path of every route there is, the page's own included."""
        return {path for path in _paths(self.api.routes, "") if path}


@contextmanager
def whole_application(folder: Path, **settings: Any) -> Iterator[Whole]:
    """Over folders below `folder`, without a model; closed at the end."""
    chosen = Settings(model="none", **settings)
    with ExitStack() as opened:
        store = opened.enter_context(closing(MetricsStore(folder / "metrics.sqlite3")))
        conversations = opened.enter_context(closing(ConversationStore(folder / "conversations.sqlite3")))
        engine = opened.enter_context(closing(Engine(folder / "models", cache_folder=folder / "cache")))
        startup = Startup(engine, chosen, lambda status: None)
        profiles = ProfileStore(folder / "profiles")
        exposition = Exposition(engine.status, store.health)
        tasks = opened.enter_context(closing(made_tasks(engine)))
        runs = opened.enter_context(closing(TuningRuns(engine, folder / "tuning")))
        application = app.create_app(
            chosen, engine, store, startup, profiles, conversations, exposition, runs, tasks, no_hub()
        )
        api: Any = application
        while not hasattr(api, "routes"):  # what is wrapped around it has none
            api = api._application
        client = opened.enter_context(
            TestClient(application, base_url="http://localhost", follow_redirects=False, raise_server_exceptions=False)
        )
        yield Whole(client, engine, api)


def concrete(path: str) -> str:
    """A path with something in place of its parameters."""
    return re.sub(r"\{[^}]*\}", "x", path)


def _paths(routes: Any, prefix: str) -> Iterator[str]:
    """FastAPI keeps routers that were included as they are; a mounted application has routes of its own."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _paths(inner.routes, prefix)
        elif isinstance(route, Mount):
            yield prefix + route.path + "/x"
            yield from _paths(route.routes or [], prefix + route.path)
        else:
            yield prefix + route.path
