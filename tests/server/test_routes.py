"""Every route: what it answers when all is well, and when it is not."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from openarc_ui import errors
from openarc_ui.engine.types import LoadRequest
from openarc_ui.server.problems import STATUS
from tests.conftest import write_script
from tests.server.conftest import HELLO, PREFILL, SLOW, Served
from tests.workers import worker_processes

OLD_METRICS = {"generation_time", "input_tokens", "output_tokens", "new_tokens", "eval_time", "tokens_per_second"}


def problem(response: httpx.Response, status: int) -> dict[str, str]:
    """The one error body, with this status."""
    assert response.status_code == status, response.text
    body: dict[str, str] = response.json()
    assert set(body) == {"detail", "code", "hint"}
    return body


def test_load_generate_status_unload_as_the_first_openarc_did(serve: Callable[..., Served]) -> None:
    client = serve(load=False).client
    assert client.get("/status").json()["status"] == "no_model"
    loaded = client.post(
        "/model/load", json={"load_config": {"id_model": "script", "device": "CPU"}, "ov_config": {}}
    ).json()
    assert (loaded["status"], loaded["backend"], loaded["id_model"]) == ("success", "scripted", "script")
    assert loaded["load_seconds"] > 0 and loaded["memory_bytes"] > 0
    status = client.get("/status").json()
    assert (status["status"], status["id_model"], status["device"]) == ("loaded", "script", "CPU")
    assert status["models"][0]["state"] == "ready"
    answer = client.post("/generate/text", json=HELLO).json()
    assert answer["generated_text"] == "The capital of France is Paris."
    assert answer["finish_reason"] == "stop"
    metrics = answer["performance_metrics"]
    assert metrics.keys() >= OLD_METRICS | {"ttft_seconds", "tpot_seconds", "decode_tokens_per_second", "queue_seconds"}
    assert metrics["output_tokens"] == metrics["input_tokens"] + metrics["new_tokens"]
    gone = client.delete("/model/unload").json()
    assert (gone["status"], gone["model"]) == ("success", "script") and gone["freed_memory_bytes"] > 0
    assert client.delete("/model/unload").json()["status"] == "success"
    assert problem(client.post("/generate/text", json=HELLO), 409)["code"] == "model_not_loaded"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/generate/text", HELLO),
        ("POST", "/generate/stream", HELLO),
        ("POST", "/tokenize", {"text": "x"}),
        ("POST", "/detokenize", {"tokens": [1]}),
        ("POST", "/apply-template", HELLO),
        ("POST", "/check-structure", {"structured_output": {"choice": ["a"]}}),
        ("GET", "/chat-template?model=script-2", None),
    ],
)
def test_a_model_that_is_in_the_folder_and_not_loaded_is_told_with_how_to_load_it(
    served: Served, tmp_path: Path, method: str, path: str, body: dict[str, Any] | None
) -> None:
    write_script(tmp_path / "models" / "script-2")
    asked = None if body is None else {**body, "model": "script-2"}
    told = problem(served.client.request(method, path, json=asked), 409)
    assert told["detail"] == "The model 'script-2' is in the model folder and not loaded."
    assert told["hint"] == "Load it with POST /model/load or in the Load tab."
    if body is not None:
        nearest = problem(served.client.post(path, json={**body, "model": "scrpt"}), 409)
        assert (nearest["detail"], nearest["hint"]) == ("No model 'scrpt' is loaded.", "Did you mean 'script'?")


@pytest.mark.parametrize("path", ["/optimum/status", "/status"])
def test_older_paths_answer_the_same(served: Served, path: str) -> None:
    assert served.client.get(path).json()["id_model"] == "script"


def test_older_paths_load_generate_and_unload(serve: Callable[..., Served]) -> None:
    client = serve(load=False).client
    assert (
        client.post("/optimum/model/load", json={"load_config": {"id_model": "script"}, "ov_config": {}}).status_code
        == 200
    )
    assert client.post("/optimum/generate", json=HELLO).json()["generated_text"].endswith("Paris.")
    assert client.delete("/optimum/model/unload").json()["status"] == "success"


def test_unload_by_post_with_and_without_a_body(served: Served) -> None:
    assert (
        problem(served.client.post("/model/unload", json={"model": "scrpt"}), 409)["hint"] == "Did you mean 'script'?"
    )
    assert served.client.post("/model/unload").json()["model"] == "script"


def test_models_devices_health_and_readiness(serve: Callable[..., Served]) -> None:
    client = serve().client
    (model,) = client.get("/models").json()
    assert (model["name"], model["backends"]) == ("script", ["scripted"])
    assert "path" not in model
    assert any(device["name"] == "CPU" for device in client.get("/devices").json())
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"ready": True, "missing": None}
    client.post("/model/unload")
    assert client.get("/readyz").status_code == 503


def test_several_conversations_are_answered_side_by_side(served: Served) -> None:
    conversations = [[{"role": "user", "content": "hello"}], [{"role": "user", "content": "stop"}]]
    answer = served.client.post("/generate/text", json={"conversation": conversations}).json()
    assert answer["generated_text"] == ["The capital of France is Paris.", "one two STOP three"]
    assert len(answer["performance_metrics"]) == len(answer["request_id"]) == 2


def test_several_sequences_come_as_a_list(served: Served) -> None:
    answer = served.client.post("/generate/text", json={**HELLO, "num_return_sequences": 2}).json()
    assert answer["generated_text"] == ["The capital of France is Paris."] * 2
    assert answer["finish_reason"] == ["stop", "stop"]


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/generate/text", {**HELLO, "temprature": 1}, "'temperature'"),
        ("/generate/text", {**HELLO, "max_tokens": 5}, "'max_new_tokens'"),
        ("/generate/text", {"conversation": [{"role": "user", "contnt": "x"}]}, "'content'"),
        ("/generate/text", {"conversation": [{"role": "wizard", "content": "x"}]}, "role"),
        ("/generate/text", {**HELLO, "temperature": -1}, "temperature"),
        ("/generate/text", {"conversation": []}, "conversation"),
        ("/generate/text", {}, "conversation"),
        ("/generate/text", [], ""),
        ("/model/load", {"load_config": {"id_mode": "script"}}, "'id_model'"),
        ("/model/load", {"load_config": {"id_model": "script"}, "ov_confg": {}}, "'ov_config'"),
        ("/model/load", {"load_config": {"id_model": "script", "dynamic_shapes": False}}, "dynamic_shapes"),
        ("/model/load", {"load_config": {"id_model": "script", "pad_token_id": 1}}, "pad_token_id"),
    ],
)
def test_a_wrong_body_is_a_422_that_says_what_is_right(served: Served, path: str, body: Any, says: str) -> None:
    answer = problem(served.client.post(path, json=body), 422)
    assert says in answer["detail"] + answer["hint"]


def test_a_body_that_is_no_json_is_said_so(served: Served) -> None:
    answer = problem(
        served.client.post(
            "/generate/text", content=b'{"conversation": ', headers={"content-type": "application/json"}
        ),
        422,
    )
    assert "not JSON" in answer["detail"]


def test_a_model_that_is_not_there_gets_the_nearest_name(served: Served) -> None:
    assert (
        "'script'"
        in problem(served.client.post("/model/load", json={"load_config": {"id_model": "scripd"}}), 404)["hint"]
    )
    outside = served.client.post("/model/load", json={"load_config": {"id_model": "/etc/passwd"}})
    assert "outside" in problem(outside, 404)["detail"]


def test_a_failed_load_is_a_500_with_the_reason_and_leaves_nothing(serve: Callable[..., Served]) -> None:
    served = serve(script={"load_error": "the script is torn"}, load=False)
    assert (
        "torn"
        in problem(served.client.post("/model/load", json={"load_config": {"id_model": "script"}}), 500)["detail"]
    )
    assert served.client.get("/status").json()["models"] == []


def test_a_full_queue_is_503_with_retry_after(serve: Callable[..., Served]) -> None:
    served = serve(script={"max_running": 1}, queue_size=1)
    for number in (1, 2):
        threading.Thread(
            target=served.client.post, args=("/generate/text",), kwargs={"json": SLOW}, daemon=True
        ).start()
        served.wait_for(lambda number=number: served.running() == number)  # type: ignore[misc]
    response = served.client.post("/generate/text", json=SLOW)
    assert problem(response, 503)["code"] == "engine_busy"
    assert response.headers["retry-after"] == "1"
    served.engine.unload()


def test_a_failure_in_the_backend_is_a_500_and_the_next_request_works(served: Served) -> None:
    failing = {"conversation": [{"role": "user", "content": "fail"}]}
    assert problem(served.client.post("/generate/text", json=failing), 500)["detail"] == "the script fails here"
    assert served.client.post("/generate/text", json=HELLO).status_code == 200


def test_a_killed_worker_is_a_502_and_the_server_goes_on(served: Served) -> None:
    results: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: results.append(served.client.post("/generate/text", json=SLOW)))
    thread.start()
    served.wait_for(lambda: served.running() == 1)
    os.kill(worker_processes(served.engine)["script"], signal.SIGKILL)
    thread.join(timeout=20)
    assert "SIGKILL" in problem(results[0], 502)["detail"]
    assert served.client.get("/health").status_code == 200
    assert served.client.get("/status").json()["models"][0]["state"] == "failed"
    assert served.client.post("/model/load", json={"load_config": {"id_model": "script"}}).status_code == 200
    assert served.client.post("/generate/text", json=HELLO).status_code == 200


def test_cancel_by_id(served: Served) -> None:
    results: list[httpx.Response] = []
    body = {**SLOW, "request_id": "mine"}
    thread = threading.Thread(target=lambda: results.append(served.client.post("/generate/text", json=body)))
    thread.start()
    served.wait_for(lambda: served.running() == 1)
    assert served.client.post("/generate/cancel/mine").json() == {"cancelled": True}
    thread.join(timeout=20)
    assert results[0].json()["finish_reason"] == "cancelled"
    assert served.client.post("/generate/cancel/mine").json() == {"cancelled": False}


def test_nothing_holds_up_the_event_loop(serve: Callable[..., Served]) -> None:
    endless = {"max_running": 32, "replies": [{"when": "prompt", "text": "At last.", "prefill_seconds": 60.0}]}
    served = serve(script={**endless, "load_seconds": 60.0}, load=False)
    loading = threading.Thread(
        target=served.client.post, args=("/model/load",), kwargs={"json": {"load_config": {"id_model": "script"}}}
    )
    loading.start()
    served.wait_for(lambda: bool(served.engine.status().models))
    slowest = 0.0
    for _ in range(10):
        began_at = time.perf_counter()
        assert served.client.get("/health").status_code == 200
        slowest = max(slowest, time.perf_counter() - began_at)
    assert served.engine.cancel_load("script"), "it loaded all the time"
    loading.join()
    write_script(served.engine.model_folder / "script", **endless)
    served.engine.load(LoadRequest(model_path="script"))
    with httpx.Client(base_url=served.address, limits=httpx.Limits(max_connections=40), timeout=20) as many:
        streams = [many.stream("POST", "/generate/stream", json=PREFILL) for _ in range(20)]
        for stream in streams:
            stream.__enter__()
        for _ in range(10):
            began_at = time.perf_counter()
            assert served.client.get("/health").status_code == 200
            slowest = max(slowest, time.perf_counter() - began_at)
        for stream in streams:
            stream.__exit__(None, None, None)
    assert slowest < 5, "what would hold it up takes a minute"
    served.wait_for(lambda: served.running() == 0)


def test_every_error_has_a_status() -> None:
    def leaves(kind: type[errors.OpenArcError]) -> set[type[errors.OpenArcError]]:
        return {kind} | {leaf for below in kind.__subclasses__() for leaf in leaves(below)}

    abstract = {errors.OpenArcError, errors.ModelError}
    assert leaves(errors.OpenArcError) - abstract == set(STATUS)


def test_the_description_of_the_api_is_complete(served: Served) -> None:
    document = served.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("summary") and operation.get("description") and operation.get("tags"), where
            assert any(status[0] in "45" for status in operation["responses"]), where
            body = operation.get("requestBody")
            if body is not None:
                written = body["content"]["application/json"]
                schema = written["schema"]
                named = [each["$ref"] for each in (schema, *schema.get("anyOf", ())) if "$ref" in each]
                assert written.get("examples") or schemas[named[0].rpartition("/")[2]].get("examples"), where
    assert {"/model/load", "/model/unload", "/generate/text", "/status"} <= document["paths"].keys()


HALF = "\\ud83d"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/generate/text", '{"conversation": [{"role": "user", "content": "x"}], "model": "%s"}'),
        ("/generate/text", '{"conversation": [{"role": "user", "content": "%s"}]}'),
        ("/generate/text", '{"conversation": [{"role": "user", "content": "x"}], "stop": ["%s"]}'),
        ("/generate/text", '{"conversation": [{"role": "user", "content": "x"}], "%s": 1}'),
        ("/model/load", '{"load_config": {"id_model": "%s"}}'),
        ("/model/load", '{"load_config": {"id_model": "script", "name": "%s"}}'),
        ("/model/load", '{"load_config": {"id_model": "script"}, "ov_config": {"%s": "a"}}'),
        ("/model/unload", '{"model": "%s"}'),
    ],
)
def test_half_of_a_surrogate_pair_is_refused_and_answered(served: Served, path: str, body: str) -> None:
    answer = served.client.post(path, content=body % HALF, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["code"] in ("invalid_request", "property_rejected")


@pytest.mark.parametrize("name", ["a" * 101, "../x", " x", "a/b"])
def test_a_name_that_can_not_be_served_is_refused_with_its_field(served: Served, name: str) -> None:
    answer = served.client.post("/model/load", json={"load_config": {"id_model": "script", "name": name}})
    assert answer.status_code == 422
    assert "load_config.name" in answer.json()["detail"]
