"""While a run measures, every route that would disturb it answers 503 with the reason and when to come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning.requests import BenchRequest, Workload
from openarc_ui.tuning.runs import TuningRuns
from tests.server.conftest import HELLO, Served

SENTENCE = "The bench 'threads' measures, and everything else would spoil it."
ENDLESS = {"replies": [{"text": "word " * 4000, "token_seconds": 0.02}]}
LONG = Workload(name="long", prompt_tokens=8, generated_tokens=3000)
BENCH = BenchRequest(name="threads", configuration=LoadRequest(model_path="script"), workloads=(LONG,))
CHAT: dict[str, Any] = {"model": "script", "messages": [{"role": "user", "content": "Hi"}]}
PROMPT: dict[str, Any] = {"model": "script", "prompt": "Hi"}


@pytest.fixture
def measuring(serve: Callable[..., Served]) -> Served:
    """A server on which a bench works."""
    served = serve(script=ENDLESS)
    served.runs.start(BENCH)
    return served


def test_rest_and_openais_clients_are_told_why_and_when_to_come_back(measuring: Served) -> None:
    for path, body in (
        ("/generate/text", HELLO),
        ("/generate/stream", HELLO),
        ("/model/load", {"load_config": {"id_model": "script"}}),
    ):
        answer = measuring.client.post(path, json=body)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30"), path
        assert answer.json()["detail"] == SENTENCE
        assert answer.json()["code"] == "engine_reserved" and "Tune tab" in answer.json()["hint"]
    for path, body in (
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", {**CHAT, "stream": True}),
        ("/v1/completions", PROMPT),
        ("/v1/completions", {**PROMPT, "stream": True}),
    ):
        answer = measuring.client.post(path, json=body)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30"), path
        assert answer.json()["error"]["message"].startswith(SENTENCE)


def test_what_disturbs_nothing_is_answered(measuring: Served) -> None:
    for path in ("/status", "/v1/models", "/v1/models/script", "/health"):
        assert measuring.client.get(path).status_code == 200, path
    assert measuring.client.post("/tokenize", json={"text": "a b"}).status_code == 200


def test_without_a_users_model_nobody_is_told_to_load_one_or_to_ask_the_runs_own(measuring: Served) -> None:
    measuring.wait_for(lambda: "tuning" in {each.name for each in measuring.engine.status().models})
    measuring.client.delete("/model/unload").raise_for_status()
    response = {"input": "Hi"}
    for model in ("default", "script", "tuning"):
        for path, body in (
            ("/v1/chat/completions", CHAT),
            ("/v1/chat/completions", {**CHAT, "stream": True}),
            ("/v1/completions", PROMPT),
            ("/v1/responses", response),
        ):
            answer = measuring.client.post(path, json={**body, "model": model})
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30"), (path, model)
            assert answer.json()["error"]["message"].startswith(SENTENCE), (path, model)
            assert "load" not in answer.json()["error"]["message"].lower(), (path, model)
    for path, body in (
        ("/generate/text", HELLO),
        ("/generate/text", {**HELLO, "model": "script"}),
        ("/tokenize", {"text": "a b"}),
        ("/apply-template", HELLO),
    ):
        answer = measuring.client.post(path, json=body)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30"), path
        assert (answer.json()["code"], answer.json()["detail"]) == ("engine_reserved", SENTENCE), path


def test_the_runs_own_model_is_in_no_list_to_choose_from(measuring: Served) -> None:
    measuring.wait_for(lambda: "tuning" in {each.name for each in measuring.engine.status().models})
    listed = measuring.client.get("/v1/models").json()["data"]
    assert [each["id"] for each in listed] == ["script"]
    assert measuring.client.get("/v1/models/tuning").status_code == 404
    older = measuring.client.get("/openarc/status").json()
    assert (older["total_loaded_models"], older["openai_model_names"]) == (1, ["script"])
    status = measuring.client.get("/status").json()
    assert (status["reserved"], status["reserved_model"]) == ("The bench 'threads' measures", "tuning")
    assert {each["name"] for each in status["models"]} == {"script", "tuning"}, (
        "it takes memory, so it is in the status"
    )


def test_while_all_is_refused_the_server_is_not_ready_and_says_why(measuring: Served) -> None:
    answer = measuring.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "missing": "The bench 'threads' measures, and requests are refused until it ends.",
    }
    head = measuring.runs.active()
    assert head is not None
    measuring.runs.cancel(head.run_id)
    assert measuring.client.get("/readyz").status_code == 200


def test_afterwards_all_is_as_it_was(measuring: Served) -> None:
    head = measuring.runs.active()
    assert head is not None
    measuring.runs.cancel(head.run_id)
    answer = measuring.client.post("/v1/chat/completions", json={**CHAT, "max_tokens": 2})
    assert answer.status_code == 200 and answer.json()["model"] == "script"


def test_a_run_of_another_program_is_told_of_and_refuses_nothing(
    serve: Callable[..., Served], make_engine: Callable[..., Engine]
) -> None:
    served = serve(script=ENDLESS)
    assert served.client.get("/status").json()["measured_elsewhere"] is None
    other = TuningRuns(make_engine(), served.runs.folder)
    other.start(BENCH)
    try:
        status = served.client.get("/status").json()
        assert (status["measured_elsewhere"], status["reserved"]) == ("The bench 'threads' measures", None)
        assert served.client.get("/readyz").status_code == 200
        assert served.client.post("/v1/chat/completions", json={**CHAT, "max_tokens": 2}).status_code == 200
    finally:
        other.close()
    assert served.client.get("/status").json()["measured_elsewhere"] is None
