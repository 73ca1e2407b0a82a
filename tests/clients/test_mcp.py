"""The official mcp package over streamable HTTP, with the starter model and two keys."""

from __future__ import annotations

import json
from typing import Any

import anyio
import httpx
import pytest

from tests.clients.conftest import ADMIN_KEY, USE_KEY, Server

pytestmark = pytest.mark.model


def call(server: Server, key: str, *calls: tuple[str, dict[str, Any]]) -> tuple[list[str], list[Any]]:
    """Names of the tools, and the result of each call."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def session() -> tuple[list[str], list[Any]]:
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as http,
            streamable_http_client(f"{server.address}/mcp", http_client=http) as streams,
            ClientSession(streams[0], streams[1]) as client,
        ):
            await client.initialize()
            tools = [tool.name for tool in (await client.list_tools()).tools]
            return tools, [await client.call_tool(name, arguments) for name, arguments in calls]

    return anyio.run(session)


def test_an_agent_looks_around_and_chats(server: Server) -> None:
    question = {"message": "What is the capital of France?", "max_new_tokens": 12, "temperature": 0}
    tools, (devices, answer) = call(server, USE_KEY, ("list_devices", {}), ("chat", question))
    assert {"list_devices", "list_models", "load_model", "unload_model", "chat", "metrics", "status"} <= set(tools)
    assert "CPU" in devices.content[0].text
    assert "Paris" in json.loads(answer.content[0].text)["text"]
    server.wait_until_measured()
    _, (measured,) = call(server, USE_KEY, ("metrics", {"range": "1h", "source": "mcp"}))
    assert json.loads(measured.content[0].text)["totals"]["requests"] >= 1


def test_wrong_arguments_are_told_to_the_agent(server: Server) -> None:
    _, (misspelt, missing, wrong) = call(
        server, USE_KEY, ("chat", {"mesage": "x"}), ("chat", {}), ("chat", {"message": "x", "temperature": "warm"})
    )
    assert misspelt.is_error and "message" in misspelt.content[0].text
    assert missing.is_error and "message" in missing.content[0].text
    assert wrong.is_error and "temperature" in wrong.content[0].text


def test_each_key_may_do_what_it_is_for(server: Server) -> None:
    _, (refused,) = call(server, USE_KEY, ("unload_model", {"model": "no-such-model"}))
    assert refused.is_error and "administration key" in refused.content[0].text
    _, (absent,) = call(server, ADMIN_KEY, ("unload_model", {"model": "no-such-model"}))
    assert absent.is_error and "No model" in absent.content[0].text


def test_without_a_key_there_is_no_session(server: Server) -> None:
    with pytest.raises(BaseExceptionGroup):
        call(server, "wrong-key")
    assert httpx.post(f"{server.address}/mcp", json={}).status_code == 401
