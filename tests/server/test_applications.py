"""The routes that servers of the tests take turns with: nothing of one server is in another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.server.conftest import HELLO, Served


def titles(served: Served) -> list[str]:
    return [each["title"] for each in served.client.get("/conversations").json()]


@pytest.mark.parametrize("turn", ["the first", "the next"])
def test_a_server_begins_with_nothing_and_ends_with_its_own(serve: Callable[..., Served], turn: str) -> None:
    served = serve(load=False)
    assert titles(served) == [] and served.client.get("/status").json()["models"] == []
    assert served.client.post("/generate/text", json=HELLO).json()["code"] == "model_not_loaded"
    served.client.post("/conversations", json={"title": turn, "messages": []})
    assert titles(served) == [turn]


def test_of_two_servers_at_once_each_answers_for_itself(serve: Callable[..., Served]) -> None:
    empty, loaded = serve(load=False), serve()
    assert [len(each.client.get("/status").json()["models"]) for each in (empty, loaded)] == [0, 1]
    assert empty.client.post("/generate/text", json=HELLO).json()["code"] == "model_not_loaded"
    assert loaded.client.post("/generate/text", json=HELLO).status_code == 200
