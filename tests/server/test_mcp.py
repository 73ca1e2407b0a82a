"""The Model Context Protocol with the SDK's own client, over a real server."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import uvicorn

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import Profile, ProfileStore
from openarc_ui.server.api import create_api
from openarc_ui.server.security import Guard
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from tests.conftest import write_script
from tests.reports import report

TOOLS = {
    "list_devices",
    "list_models",
    "list_profiles",
    "load_profile",
    "load_model",
    "unload_model",
    "status",
    "chat",
    "metrics",
}


@pytest.fixture
def serve_mcp(make_engine: Callable[..., Engine], tmp_path: Path) -> Iterator[Callable[[Settings], str]]:
    """Starts a server with a script `script` and a profile `mine`; returns its address."""
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []
    stores: list[MetricsStore] = []

    def start(settings: Settings) -> str:
        write_script(tmp_path / "models" / "script")
        engine = make_engine()
        profiles = ProfileStore(tmp_path / "profiles")
        profiles.save(Profile(name="mine", load=LoadRequest(model_path="script")))
        startup = Startup(engine, settings, lambda status: None)
        conversations = ConversationStore(tmp_path / "conversations.sqlite3")
        store = MetricsStore(tmp_path / "metrics.sqlite3")
        stores.append(store)
        store.record(report(model="script", request_id="kept"))
        assert store.flush()
        exposition = Exposition(engine.status, store.health)
        api = create_api(engine, startup, profiles, conversations, store, exposition, with_mcp=settings.mcp)
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(Guard(api, settings), log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            time.sleep(0.02)
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(timeout=5)
    for store in stores:
        store.close()


def talk(address: str, *calls: tuple[str, dict[str, Any]]) -> tuple[set[str], list[Any]]:
    """The tools' names, and the result of each call."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def session() -> tuple[set[str], list[Any]]:
        async with streamable_http_client(f"{address}/mcp") as streams, ClientSession(streams[0], streams[1]) as client:
            await client.initialize()
            tools = (await client.list_tools()).tools
            assert all(tool.description for tool in tools)
            return {tool.name for tool in tools}, [await client.call_tool(name, arguments) for name, arguments in calls]

    return anyio.run(session)


def said(result: Any) -> Any:
    text = result.content[0].text
    return json.loads(text) if not result.is_error else text


def test_an_agent_lists_loads_a_profile_and_chats(serve_mcp: Callable[[Settings], str]) -> None:
    address = serve_mcp(Settings(model="none", mcp=True))
    names, results = talk(
        address,
        ("load_profile", {"profile": "mine"}),
        ("chat", {"message": "hello"}),
        ("load_profile", {"profile": "mne"}),
        ("load_model", {"model": "script", "device": ""}),
        ("unload_model", {"modl": "another"}),
        ("unload_model", {"model": "scrpt"}),
        ("unload_model", {}),
    )
    assert names == TOOLS
    loaded, answer, unknown, wrong, misspelt, absent, unloaded = results
    assert misspelt.is_error and "modl" in said(misspelt)
    assert absent.is_error and "Did you mean 'script'" in said(absent)
    assert said(loaded)["name"] == "script"
    assert said(answer)["text"].endswith("Paris.") and said(answer)["finish_reason"] == "stop"
    assert unknown.is_error and "Did you mean 'mine'" in said(unknown)
    assert wrong.is_error and "device" in said(wrong)
    assert said(unloaded)["name"] == "script"


def test_an_agent_sees_what_requests_cost(serve_mcp: Callable[[Settings], str]) -> None:
    address = serve_mcp(Settings(model="none", mcp=True))
    _, (all_of_them, misspelt, unknown, none, filtered, compared, wrong, no_text) = talk(
        address,
        ("metrics", {"range": "all", "model": "script"}),
        ("metrics", {"range": "24hours"}),
        ("metrics", {"modle": "script"}),
        ("metrics", {"range": "all", "model": "scrpt"}),
        ("metrics", {"source": "gradio", "outcome": ["stop", "length"], "backend": "genai", "since": "5"}),
        ("metrics", {"model": "script", "compare_with": {"model": "scrpt"}}),
        ("metrics", {"compare_with": {"modle": "x"}}),
        ("metrics", {"range": 5}),
    )
    assert said(all_of_them)["totals"]["requests"] == 1
    assert said(all_of_them)["figures"]["ttft_seconds"]["p50"] == 0.2
    assert misspelt.is_error and "24h" in said(misspelt)
    assert unknown.is_error and said(unknown).startswith("metrics has no argument 'modle'. Did you mean 'model'")
    assert said(filtered)["totals"]["requests"] == 0
    assert (said(compared)["a"]["totals"]["requests"], said(compared)["b"]["totals"]["requests"]) == (0, 0)
    assert said(compared)["notes"][0].startswith("b: ")
    assert wrong.is_error and "b: There is no filter 'modle'. Did you mean 'model'" in said(wrong)
    assert no_text.is_error and said(no_text).startswith("range: ") and "pydantic" not in said(no_text)
    assert said(none)["totals"]["requests"] == 0 and "Did you mean 'script'" in said(none)["notes"][0]


def test_it_is_off_unless_the_server_was_started_with_it(serve_mcp: Callable[[Settings], str]) -> None:
    assert httpx.post(f"{serve_mcp(Settings(model='none'))}/mcp", json={}).status_code == 404


def test_the_guard_covers_it(serve_mcp: Callable[[Settings], str]) -> None:
    settings = Settings.model_validate({"model": "none", "mcp": True, "api_key": "a-long-secret"})
    address = serve_mcp(settings)
    assert httpx.post(f"{address}/mcp", json={}).status_code == 401
    headers = {"Authorization": "Bearer a-long-secret", "Host": "evil.example"}
    assert httpx.post(f"{address}/mcp", json={}, headers=headers).status_code == 400
