"""Conversations that are kept, over HTTP: every route, what it refuses, and whose they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from openarc_ui.conversations.owner import COOKIE
from openarc_ui.errors import ConversationsUnusable
from tests.server.conftest import Served
from tests.server.test_routes import problem

ASKED: Any = [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "Paris."}]


@pytest.fixture
def client(serve: Callable[..., Served]) -> httpx.Client:
    """A client of a server without a model; nothing here needs one."""
    return serve(load=False).client


def begin(client: httpx.Client, messages: Any = ASKED, **more: Any) -> tuple[str, list[str]]:
    """A new conversation: its path, and the ids of its messages."""
    made = client.post("/conversations", json={"messages": messages, **more})
    assert made.status_code == 200, made.text
    body = made.json()
    return f"/conversations/{body['id']}", [message["id"] for message in body["messages"]]


def path_of(body: dict[str, Any]) -> list[tuple[str, str]]:
    """(role, content) of the path in an answer."""
    return [(message["role"], message["content"]) for message in body["messages"]]


def test_a_conversation_is_begun_found_renamed_and_deleted(client: httpx.Client) -> None:
    address, _ = begin(client, settings={"when_too_long": "shorten"})
    begin(client, [], title="Empty")
    listed = client.get("/conversations").json()
    assert [each["title"] for each in listed] == ["Empty", "What is the capital of France?"]
    (hit,) = client.get("/conversations", params={"search": "PARIS"}).json()
    assert hit["messages"] == 2 and "Paris" in hit["snippet"]
    assert len(client.get("/conversations", params={"limit": 1, "offset": 1}).json()) == 1
    renamed = client.patch(address, json={"title": "Capitals"}).json()
    assert (renamed["title"], renamed["settings"]) == ("Capitals", {"when_too_long": "shorten"})
    settled = client.patch(address, json={"settings": {}}).json()
    assert (settled["title"], settled["settings"]) == ("Capitals", {})
    assert path_of(client.get(address).json()) == [tuple(each.values()) for each in ASKED]
    assert client.delete(address).json()["status"] == "success"
    assert problem(client.get(address), 404)["code"] == "conversation_not_found"


def test_messages_are_added_at_the_end_and_before_others(client: httpx.Client) -> None:
    address, (first, _) = begin(client)
    added = client.post(f"{address}/messages", json={"role": "user", "content": "And of Spain?"}).json()
    assert added["messages"][-1]["id"] == added["message_id"]
    before = client.post(f"{address}/messages", json={"role": "system", "content": "Be brief.", "before": first}).json()
    assert [role for role, _ in path_of(before)] == ["system", "user", "assistant", "user"]


def test_an_edit_is_a_new_version_and_the_old_one_can_be_selected(client: httpx.Client) -> None:
    address, (first, second) = begin(client)
    edited = client.patch(f"{address}/messages/{first}", json={"content": "And of Italy?"}).json()
    assert path_of(edited) == [("user", "And of Italy?"), ("assistant", "Paris.")]
    versions = edited["messages"][0]["versions"]
    assert versions == {"index": 1, "count": 2, "previous": first, "next": None}
    back = client.post(f"{address}/messages/{first}/select").json()
    assert [message["id"] for message in back["messages"]] == [first, second]
    alone = client.patch(f"{address}/messages/{first}", json={"role": "system", "keep_rest": False}).json()
    assert path_of(alone) == [("system", ASKED[0]["content"])]


def test_messages_are_deleted_alone_or_with_what_follows(client: httpx.Client) -> None:
    address, (first, _) = begin(client)
    assert path_of(client.delete(f"{address}/messages/{first}").json()) == [("assistant", "Paris.")]
    address, (first, _) = begin(client)
    assert client.delete(f"{address}/messages/{first}", params={"with_rest": True}).json()["messages"] == []


def test_messages_change_places(client: httpx.Client) -> None:
    address, (_, second) = begin(client)
    moved = client.post(f"{address}/messages/{second}/move", json={"by": -1}).json()
    assert [role for role, _ in path_of(moved)] == ["assistant", "user"]
    assert moved["messages"][0]["id"] == moved["message_id"]
    assert (
        "first"
        in problem(client.post(f"{address}/messages/{moved['message_id']}/move", json={"by": -1}), 422)["detail"]
    )


def test_the_last_question_is_taken_back(client: httpx.Client) -> None:
    address, _ = begin(client)
    undone = client.post(f"{address}/undo").json()
    assert (undone["text"], undone["messages"]) == (ASKED[0]["content"], [])
    problem(client.post(f"{address}/undo"), 422)


def test_the_whole_path_is_replaced_and_the_old_one_stays_as_a_version(client: httpx.Client) -> None:
    address, (first, _) = begin(client)
    replaced = client.put(
        f"{address}/messages", json={"messages": [ASKED[0], {"role": "assistant", "content": "Rome."}]}
    )
    body = replaced.json()
    assert body["messages"][0]["id"] == first
    assert (body["messages"][1]["content"], body["messages"][1]["versions"]["count"]) == ("Rome.", 2)


@pytest.mark.parametrize("form", ["json", "json-tree", "markdown"])
def test_what_is_exported_can_be_imported(client: httpx.Client, form: str) -> None:
    call = {"id": "c1", "function": {"name": "weather", "arguments": {"path": "Paris"}}}
    messages = (
        [*ASKED, {"role": "assistant", "content": "é\t\n", "tool_calls": [call]}] if form != "markdown" else ASKED
    )
    address, (first, *_) = begin(client, messages)
    client.patch(f"{address}/messages/{first}", json={"content": "Other?"})
    exported = client.get(f"{address}/export", params={"format": form})
    assert exported.headers["content-disposition"].startswith("attachment; filename=")
    media_type = "text/markdown" if form == "markdown" else "application/json"
    assert exported.headers["content-type"].startswith(media_type)
    imported = client.post(
        "/conversations/import", content=exported.content, headers={"content-type": media_type}
    ).json()
    assert path_of(imported) == path_of(client.get(address).json()) and imported["notes"] == []
    assert imported["messages"][0]["versions"]["count"] == (2 if form == "json-tree" else 1)


def test_what_an_import_does_not_take_over_is_named(client: httpx.Client) -> None:
    imported = client.post("/conversations/import", content=json.dumps({"messages": ASKED, "temperature": 1})).json()
    assert "temperature" in imported["notes"][0]
    broken = problem(client.post("/conversations/import", content='{"messages": [\n{]}'), 422)
    assert "Line 2" in broken["detail"]
    assert "UTF-8" in problem(client.post("/conversations/import", content=b"\xff\xfe\xfa"), 422)["detail"]


def test_a_browser_sees_only_its_own_conversations(client: httpx.Client) -> None:
    api_address, _ = begin(client)
    browsers = [{"Cookie": f"{COOKIE}={letter * 32}"} for letter in "ab"]
    own = client.post("/conversations", json={"title": "mine"}, headers=browsers[0]).json()["id"]
    assert [each["title"] for each in client.get("/conversations", headers=browsers[0]).json()] == ["mine"]
    assert client.get("/conversations", headers=browsers[1]).json() == []
    for headers, address in (
        (browsers[1], f"/conversations/{own}"),
        (browsers[1], api_address),
        ({}, f"/conversations/{own}"),
    ):
        unknown = problem(client.get("/conversations/0123456789abcdef", headers=headers), 404)
        for method, path, body in (("GET", "", None), ("PATCH", "", {"title": "x"}), ("POST", "/undo", None),
                                   ("GET", "/export", None), ("POST", "/answer", {}), ("DELETE", "", None)):  # fmt: skip
            assert problem(client.request(method, address + path, json=body, headers=headers), 404) == unknown


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "", {"titel": "x"}, 422, "'title'"),
        ("POST", "", {"messages": [{"role": "user", "contnt": "x"}]}, 422, "'content'"),
        ("PATCH", "/{id}", {"name": "x"}, 422, "no field 'name'"),
        ("PATCH", "/{id}", {"title": "x" * 201}, 422, "200"),
        ("POST", "/{id}/messages", {"role": "usr", "content": "x"}, 422, "role"),
        ("POST", "/{id}/messages", {"role": "user", "content": "x", "before": "nobody"}, 404, "no such message"),
        ("POST", "/{id}/messages", {"role": "user", "content": "x" * 1_000_001}, 422, "1,000,000"),
        ("PATCH", "/{id}/messages/nobody", {"content": "x"}, 404, "no such message"),
        ("PATCH", "/{id}/messages/nobody", {}, 422, "nothing to change"),
        ("POST", "/{id}/messages/nobody/move", {"by": 1}, 404, "no such message"),
        ("POST", "/{id}/messages/nobody/move", {"by": 2}, 422, "by"),
        ("POST", "/{id}/messages/nobody/select", None, 404, "no such message"),
        ("DELETE", "/{id}/messages/nobody", None, 404, "no such message"),
        ("GET", "/{id}/messages/nobody/tokens", None, 404, "no such message"),
        ("PUT", "/{id}/messages", {"messages": []}, 422, "all its messages"),
        ("GET", "/{id}/export?format=pdf", None, 422, "format"),
        ("GET", "?limit=0", None, 422, "limit"),
        ("GET", "/{id}/messages", None, 405, "does not take GET"),
        ("GET", "/{id}/answr", None, 404, "There is no route"),
    ],
)
def test_what_is_wrong_is_said(client: httpx.Client, method: str, path: str, body: Any, status: int, says: str) -> None:
    address, _ = begin(client)
    where = "/conversations" + path.replace("/{id}", address.removeprefix("/conversations"))
    answer = problem(client.request(method, where, json=body), status)
    assert says in answer["detail"] + answer["hint"]


def test_a_store_that_can_not_be_used_is_a_503(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve(load=False)

    def refuse(*_: Any, **__: Any) -> Any:
        raise ConversationsUnusable("The database is locked.", "Try again.")

    monkeypatch.setattr(served.conversations, "summaries", refuse)
    assert problem(served.client.get("/conversations"), 503)["code"] == "conversations_unusable"
