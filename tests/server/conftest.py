"""A real server in this process: uvicorn in a thread, the real engine, the scripted backend."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from openarc_ui.access import Access
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.profiles import ProfileStore
from openarc_ui.server.owner import OwnerCookie
from openarc_ui.server.patience import Patience
from openarc_ui.server.protocol import PatientProtocol
from openarc_ui.server.security import Guard
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.tuning.runs import TuningRuns
from tests.conftest import write_script
from tests.model_tasks import Shop, made_tasks, no_hub
from tests.server.applications import Applications

SLOW = {"conversation": [{"role": "user", "content": "slow"}]}
HELLO = {"conversation": [{"role": "user", "content": "hello"}]}
PREFILL = {"conversation": [{"role": "user", "content": "a long prompt"}]}


@dataclass(frozen=True, slots=True)
class Served:
    """A running server, with the engine and the stores behind it."""

    address: str
    port: int
    engine: Engine
    profiles: ProfileStore
    conversations: ConversationStore
    store: MetricsStore
    exposition: Exposition
    runs: TuningRuns
    tasks: ModelTasks
    client: httpx.Client

    def wait_for(self, is_true: Callable[[], bool], seconds: float = 20.0) -> float:
        """Poll until something is true; how long it took."""
        began_at = time.perf_counter()
        while not is_true():
            assert time.perf_counter() - began_at < seconds, "it did not become true in time"
            time.sleep(0.01)
        return time.perf_counter() - began_at

    def running(self) -> int:
        """Requests in flight, running or queued."""
        return sum(model.running + model.queued for model in self.engine.status().models)


@pytest.fixture(scope="session")
def applications() -> Applications:
    """The routes, which all servers of the session take turns with."""
    return Applications()


@pytest.fixture
def serve(
    make_engine: Callable[..., Engine], tmp_path: Path, applications: Applications
) -> Iterator[Callable[..., Served]]:
    """Start servers; all end with the test."""
    taken = ExitStack()
    servers: list[tuple[uvicorn.Server, threading.Thread, Served]] = []

    def start(
        settings: Settings | None = None,
        script: dict[str, Any] | None = None,
        load: bool = True,
        patience: Patience | None = None,
        protocol: type[PatientProtocol] = PatientProtocol,
        runs: TuningRuns | None = None,
        shop: Shop | None = None,
        hub: Hub | None = None,
        access: Access | None = None,
        **options: Any,
    ) -> Served:
        write_script(tmp_path / "models" / "script", **(script or {}))
        engine = make_engine(**options)
        if load:
            engine.load(LoadRequest(model_path="script"))
        settings = settings or Settings(model="none")
        startup = Startup(engine, settings, lambda status: None)
        profiles = ProfileStore(tmp_path / "profiles")
        conversations = ConversationStore(tmp_path / "conversations.sqlite3")
        store = MetricsStore(tmp_path / "metrics.sqlite3")
        exposition = Exposition(engine.status, store.health)
        tasks = made_tasks(engine, shop)
        tuning = runs or TuningRuns(engine, tmp_path / "tuning")
        over = applications.over(
            settings.needs_key,
            engine=engine,
            startup=startup,
            profiles=profiles,
            conversations=conversations,
            store=store,
            exposition=exposition,
            runs=tuning,
            tasks=tasks,
            hub=hub or no_hub(),
            access=access or Access(settings.requests_per_minute),
        )
        api = taken.enter_context(over)
        application = OwnerCookie(Guard(api, settings, patience))
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        config = uvicorn.Config(
            application, log_level="warning", timeout_graceful_shutdown=1, http=protocol, ws="none", proxy_headers=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)
        address = f"http://127.0.0.1:{port}"
        served = Served(address, port, engine, profiles, conversations, store, exposition, tuning, tasks, client)
        servers.append((server, thread, served))
        served.wait_for(lambda: server.started, 60)
        return served

    yield start
    for server, thread, served in servers:
        served.client.close()
        server.should_exit = True
        thread.join(timeout=20)
        served.tasks.close()
        served.runs.close()
        served.conversations.close()
        served.store.close()
    taken.close()


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """A server with the scripted model loaded."""
    return serve()
