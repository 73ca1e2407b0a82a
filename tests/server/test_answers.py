"""Answering a conversation that is kept: what becomes of the answer, however it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from openarc_ui.conversations.tree import Node
from tests.server.conftest import Served
from tests.server.test_conversations import begin, path_of
from tests.server.test_prompts import CALLING, TOOLS
from tests.server.test_routes import problem
from tests.server.test_streams import events_of, send
from tests.workers import worker_processes


def asked(served: Served, text: str) -> tuple[str, str]:
    """A conversation with one question: its path, and its id."""
    address, _ = begin(served.client, [{"role": "user", "content": text}])
    return address, address.rpartition("/")[2]


def last(served: Served, conversation_id: str) -> Node:
    """The last message of the path."""
    return served.conversations.get("api", conversation_id).path()[-1]


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_becomes_a_message_with_its_figures(served: Served, stream: bool) -> None:
    address, _ = asked(served, "hello")
    response = served.client.post(f"{address}/answer", json={"token_details": True, "stream": stream})
    answer = events_of(response.text)[-1][1] if stream else response.json()
    assert answer["generated_text"] == answer["content"] == "The capital of France is Paris."
    body = served.client.get(address).json()
    message = body["messages"][-1]
    assert [message["id"]] == answer["message_ids"] and answer["conversation_id"] == body["id"]
    assert (message["role"], message["content"]) == ("assistant", answer["content"])
    known = message["answer"]
    assert (known["model"], known["finish_reason"], known["is_running"]) == ("script", "stop", False)
    assert known["figures"]["generated_tokens"] == answer["performance_metrics"]["generated_tokens"]
    tokens = served.client.get(f"{address}/messages/{message['id']}/tokens").json()["tokens"]
    assert "".join(token["text"] for token in tokens if not token["is_special"]) == message["content"]


def test_a_second_answer_is_a_version_and_a_conversation_goes_on(served: Served) -> None:
    address, _ = asked(served, "hello")
    served.client.post(f"{address}/answer", json={})
    (question, first) = (message["id"] for message in served.client.get(address).json()["messages"])
    again = served.client.post(f"{address}/answer", json={"parent_id": question}).json()
    versions = served.client.get(address).json()["messages"][-1]["versions"]
    assert (versions["count"], versions["previous"]) == (2, first) and again["message_ids"] != [first]
    served.client.post(f"{address}/messages", json={"role": "user", "content": "stop"})
    served.client.post(f"{address}/answer", json={})
    assert path_of(served.client.get(address).json())[-1] == ("assistant", "one two STOP three")


def test_prefill_and_going_on_keep_what_was_there(served: Served) -> None:
    address, conversation_id = asked(served, "stop")
    begun = served.client.post(f"{address}/answer", json={"prefill": "Well: ", "max_new_tokens": 2}).json()
    assert (begun["generated_text"], begun["content"], begun["finish_reason"]) == ("one two", "Well: one two", "length")
    assert last(served, conversation_id).answer.prefill_characters == len("Well: ")
    going_on = served.client.post(f"{address}/answer", json={"continue_final_message": True}).json()
    assert going_on["content"] == "Well: one two" + going_on["generated_text"]
    assert served.client.get(address).json()["messages"][-1]["versions"]["count"] == 2


def test_a_client_can_call_the_tools_and_let_the_model_go_on(serve: Callable[..., Served]) -> None:
    served = serve(script=CALLING)
    address, _ = asked(served, "weather?")
    answer = served.client.post(f"{address}/answer", json={"tools": TOOLS}).json()
    (call,) = answer["tool_calls"]
    assert served.client.get(address).json()["messages"][-1]["tool_calls"] == [call]
    result = {"role": "tool", "content": "sunny", "tool_call_id": call["id"], "name": "weather"}
    served.client.post(f"{address}/messages", json=result)
    again = served.client.post(f"{address}/answer", json={"tools": TOOLS}).json()
    assert (again["content"], again["tool_calls"]) == ("Take no umbrella.", None)
    assert [role for role, _ in path_of(served.client.get(address).json())] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]


def test_several_sequences_are_side_by_side(served: Served) -> None:
    address, _ = asked(served, "hello")
    answer = served.client.post(f"{address}/answer", json={"num_return_sequences": 2}).json()
    assert answer["content"] == ["The capital of France is Paris."] * 2 and len(answer["message_ids"]) == 2
    message = served.client.get(address).json()["messages"][-1]
    assert message["versions"]["count"] == 2 and message["answer"]["group"]


def test_an_answer_is_kept_while_it_grows(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openarc_ui.conversations.answering.KEEP_SECONDS", 0.1)
    address, conversation_id = asked(served, "slow")
    with served.client.stream("POST", f"{address}/answer", json={"stream": True}) as response:
        chunks = response.iter_text()
        next(chunks)
        served.wait_for(lambda: last(served, conversation_id).content.count("word") > 3)
        assert last(served, conversation_id).answer.is_running


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_its_answer_and_what_came_is_kept(served: Served, stream: bool) -> None:
    address, conversation_id = asked(served, "slow")
    connection = send(served, f"{address}/answer", {"stream": stream})
    served.wait_for(lambda: served.engine.status().models[0].running == 1)
    connection.close()
    served.wait_for(lambda: served.running() == 0)
    served.wait_for(lambda: not last(served, conversation_id).answer.is_running)
    node = last(served, conversation_id)
    assert node.answer.finish_reason == "cancelled" and node.answer.figures["total_seconds"] > 0


def test_a_worker_that_dies_leaves_what_came_and_why(served: Served) -> None:
    address, conversation_id = asked(served, "slow")
    with served.client.stream("POST", f"{address}/answer", json={"stream": True}) as response:
        chunks = response.iter_text()
        next(chunk for chunk in chunks if "word" in chunk)
        os.kill(worker_processes(served.engine)["script"], signal.SIGKILL)
        rest = "".join(chunks)
    assert "event: error" in rest and "worker_died" in rest
    node = last(served, conversation_id)
    assert "word" in node.content and "SIGKILL" in node.answer.problem and not node.answer.is_running


def test_a_conversation_that_is_deleted_meanwhile_ends_its_answer(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openarc_ui.conversations.answering.KEEP_SECONDS", 0.1)
    address, _ = asked(served, "slow")
    with served.client.stream("POST", f"{address}/answer", json={"stream": True}) as response:
        chunks = response.iter_text()
        next(chunks)
        assert served.client.delete(address).status_code == 200
        assert "conversation_not_found" in "".join(chunks)
    served.wait_for(lambda: served.running() == 0)


@pytest.mark.parametrize(
    ("text", "body", "status", "says"),
    [
        ("hello", {"max_tokens": 5}, 422, "'max_new_tokens'"),
        ("hello", {"conversation": []}, 422, "no field 'conversation'"),
        ("hello", {"parent_id": "nobody"}, 404, "no such message"),
        ("hello", {"model": "scrpt"}, 409, "'script'"),
        ("hello", {"continue_final_message": True}, 422, "does not end with an answer"),
        ("hello", {"chat_template": "{% if %}"}, 422, "line 1"),
        ("hello " * 5000, {}, 413, ""),
        ("hello", {"num_return_sequences": 2, "temperature": 0}, 422, "num_return_sequences"),
    ],
)
def test_what_is_refused_leaves_no_message(served: Served, text: str, body: Any, status: int, says: str) -> None:
    address, conversation_id = asked(served, text)
    answer = problem(served.client.post(f"{address}/answer", json=body), status)
    assert says in answer["detail"] + answer["hint"]
    assert last(served, conversation_id).role == "user"


def test_an_empty_conversation_has_nothing_to_answer(served: Served) -> None:
    address, _ = begin(served.client, [])
    assert "no messages" in problem(served.client.post(f"{address}/answer", json={}), 422)["detail"]


def test_an_id_of_ones_own_cancels_it(served: Served) -> None:
    address, conversation_id = asked(served, "slow")
    with served.client.stream("POST", f"{address}/answer", json={"stream": True, "request_id": "mine"}) as response:
        chunks = response.iter_text()
        next(chunks)
        assert served.client.post("/generate/cancel/mine").json() == {"cancelled": True}
        assert "event: done" in "".join(chunks)
    assert last(served, conversation_id).answer.finish_reason == "cancelled"
