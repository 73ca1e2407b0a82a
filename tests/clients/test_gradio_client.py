"""gradio_client against the page's named endpoints, with two keys."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest

from tests.clients.conftest import ADMIN_KEY, USE_KEY, Server

pytestmark = pytest.mark.model


def client_with(server: Server, key: str) -> Any:
    """A client that presents a key. Its package is imported here, after the switches that keep it from calling others."""
    from gradio_client import Client

    headers = {"Authorization": f"Bearer {key}"}
    return Client(server.address, headers=headers, verbose=False, analytics_enabled=False)


def test_a_chat_streams_a_text_that_grows(server: Server) -> None:
    client = client_with(server, USE_KEY)
    job = client.submit("What is the capital of France?", max_new_tokens=12, temperature=0, api_name="/chat")
    pieces = list(job)
    assert len(pieces) >= 1 and "Paris" in job.result()
    assert all(later.startswith(before) for before, later in itertools.pairwise(pieces))


def test_every_endpoint_has_a_name_and_says_what_it_takes(server: Server) -> None:
    described = client_with(server, USE_KEY).view_api(return_format="dict")
    assert described["unnamed_endpoints"] == {}
    assert {"/chat", "/load_model", "/unload_model", "/models", "/devices"} <= described["named_endpoints"].keys()


def test_a_key_for_use_chats_and_a_key_for_administration_loads(scripted_server: Server) -> None:
    from gradio_client.exceptions import AppError

    use, administer = client_with(scripted_server, USE_KEY), client_with(scripted_server, ADMIN_KEY)
    with pytest.raises(AppError, match="administration key"):
        use.predict("agent", api_name="/unload_model")
    administer.predict("agent", api_name="/unload_model")
    with pytest.raises(AppError, match="loaded"):
        administer.predict("Hello", api_name="/chat")
    with pytest.raises(AppError, match="administration key"):
        use.predict("agent", api_name="/load_model")
    administer.predict("agent", api_name="/load_model")
    assert "I add them" in administer.predict("Hello", api_name="/chat")


def test_without_the_key_there_is_no_client(server: Server) -> None:
    with pytest.raises((ValueError, httpx.HTTPError)):
        client_with(server, "wrong-key")
    assert httpx.get(f"{server.address}/gradio_api/info").status_code == 401
