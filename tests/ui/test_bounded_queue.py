"""Calls that wait and results that nobody reads are bounded, over the application as it is composed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from openarc_ui.ui.bounded_queue import BoundedQueue
from tests.whole_application import Whole, whole_application

TOKENS = [SimpleNamespace(id=number, text="word", piece="word", is_special=False) for number in range(5_000)]
RESULT_BYTES = 300_000
"""About what that many tokens are as JSON."""


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_application(tmp_path_factory.mktemp("whole")) as opened:
        yield opened


@pytest.fixture
def whole(composed: Whole, monkeypatch: pytest.MonkeyPatch) -> Iterator[Whole]:
    """Its tokenizer answers each text with as many tokens, without a model. Nothing waits at the beginning."""
    answer = SimpleNamespace(model="m", tokens=TOKENS)
    monkeypatch.setattr(composed.engine, "tokenize", lambda text, model: answer)
    queue = queue_of(composed)
    yield composed
    wait_for(lambda: not queue.event_ids_to_events)
    queue.pending_messages_per_session.clear()
    queue.pending_event_ids_session.clear()
    queue.blocks.state_holder.session_data.clear()
    queue.blocks.state_holder.capacity = 256
    for name in [name for name in vars(queue) if hasattr(BoundedQueue, name)]:
        delattr(queue, name)


def test_results_that_nobody_reads_are_bounded_and_a_good_session_still_works(whole: Whole) -> None:
    queue = queue_of(whole)
    queue.most_unread_bytes = 4 * RESULT_BYTES
    index = fn_index(whole, "tokenize")
    for number in range(60):
        answer = join(whole, index, ["x" * 100_000, None], f"unread{number}")
        assert answer.status_code in (200, 503)
    wait_for(lambda: not queue.event_ids_to_events)
    assert 0 < unread_bytes(queue) <= 4 * RESULT_BYTES
    assert whole.client.get("/health").status_code == 200
    assert join(whole, index, ["x", None], "good").status_code == 200
    message = read(whole, "good")[-1]
    assert message["success"] and len(message["output"]["data"][0]["tokens"]) == len(TOKENS)


def test_a_result_that_was_dropped_is_told_as_such_and_leaves_nothing(whole: Whole) -> None:
    queue = queue_of(whole)
    queue.most_unread_bytes = 10
    assert join(whole, fn_index(whole, "tokenize"), ["x", None], "late").status_code == 200
    wait_for(lambda: not queue.event_ids_to_events and not queue.pending_messages_per_session)
    assert not queue.pending_event_ids_session
    text = whole.client.get("/gradio_api/queue/data?session_hash=late").text
    assert "session_not_found" in text


def test_results_wait_for_a_reader_so_long_and_no_longer(whole: Whole) -> None:
    queue = queue_of(whole)
    index = fn_index(whole, "tokenize")
    assert join(whole, index, ["x", None], "first").status_code == 200
    wait_for(lambda: not queue.event_ids_to_events)
    queue.unread_seconds = 0.2
    time.sleep(0.3)
    whole.client.portal.call(queue._drop_what_nobody_reads)
    assert "first" not in queue.pending_messages_per_session and not queue.pending_event_ids_session


@pytest.mark.parametrize("bound", ["most_waiting", "most_of_a_session", "most_of_a_caller"])
def test_calls_beyond_a_bound_are_told_to_come_back(whole: Whole, bound: str) -> None:
    queue, index = queue_of(whole), fn_index(whole, "tokenize")
    setattr(queue, bound, 3)
    for _ in range(3):
        assert join(whole, index, ["x", None], "s").status_code == 200
    wait_for(lambda: not queue.event_ids_to_events)
    refused = [join(whole, index, ["x", None], "s")]
    refused.append(whole.client.post("/gradio_api/call/v2/tokenize", json={"text": "x"}))
    for answer in refused[: 1 if bound == "most_of_a_session" else 2]:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "not read" in answer.json()["detail"]
    assert [message["msg"] for message in read(whole, "s")].count("process_completed") == 3
    assert join(whole, index, ["x", None], "s").status_code == 200


def test_bodies_that_wait_are_bounded_and_a_large_one_alone_is_taken(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, index = queue_of(whole), fn_index(whole, "tokenize")
    queue.most_waiting_bytes = 150_000
    is_held = True

    def held(text: str, model: Any) -> Any:
        wait_for(lambda: not is_held)
        return SimpleNamespace(model="m", tokens=[])

    monkeypatch.setattr(whole.engine, "tokenize", held)
    assert join(whole, index, ["x" * 200_000, None], "a").status_code == 200
    assert join(whole, index, ["x" * 1_000, None], "b").status_code == 503
    is_held = False
    wait_for(lambda: not queue.event_ids_to_events)
    assert join(whole, index, ["x" * 1_000, None], "b").status_code == 200


def test_a_call_without_a_session_leaves_no_session(whole: Whole) -> None:
    sessions = queue_of(whole).blocks.state_holder.session_data
    for _ in range(3):
        begun = whole.client.post("/gradio_api/call/v2/tokenize", json={"text": "x"}).json()["event_id"]
        assert "event: complete" in whole.client.get(f"/gradio_api/call/v2/tokenize/{begun}").text
    wait_for(lambda: not sessions)


def test_no_more_sessions_are_remembered_than_are_allowed(whole: Whole) -> None:
    queue, index = queue_of(whole), fn_index(whole, "tokenize")
    holder = queue.blocks.state_holder
    holder.capacity = 3
    for number in range(6):
        assert join(whole, index, ["x", None], f"s{number}").status_code == 200
        read(whole, f"s{number}")
    assert set(holder.session_data) == {"s3", "s4", "s5"}


def queue_of(whole: Whole) -> BoundedQueue:
    queue: BoundedQueue = whole.api.routes[-1].app.get_blocks()._queue
    return queue


def fn_index(whole: Whole, name: str) -> int:
    dependencies = whole.client.get("/config").json()["dependencies"]
    return int(next(each["id"] for each in dependencies if each["api_name"] == name))


def join(whole: Whole, index: int, data: list[Any], session: str) -> Any:
    body = {"fn_index": index, "data": data, "session_hash": session}
    return whole.client.post("/gradio_api/queue/join", json=body)


def read(whole: Whole, session: str) -> list[dict[str, Any]]:
    """All that a session is told, until its calls are done; without the end of the stream."""
    text = whole.client.get(f"/gradio_api/queue/data?session_hash={session}").text
    messages = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]
    return [message for message in messages if message["msg"] != "close_stream"]


def unread_bytes(queue: BoundedQueue) -> int:
    return sum(waiting.size_bytes for waiting in queue.pending_messages_per_session.values())


def wait_for(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < give_up_at, "it did not come"
        time.sleep(0.02)
