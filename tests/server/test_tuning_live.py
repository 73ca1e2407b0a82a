"""Tuning over HTTP with real runs of the scripted model: from start to report, and what others are told meanwhile."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import write_script
from tests.server.conftest import HELLO, SLOW, Served
from tests.server.test_routes import problem

CONFIGURATION: dict[str, Any] = {"model_path": "script", "ov_config": {}}
SHORT: dict[str, Any] = {
    "kind": "bench",
    "name": "short",
    "configuration": CONFIGURATION,
    "workloads": [{"name": "tiny", "prompt_tokens": 8, "generated_tokens": 4}],
    "repetitions": 2,
}
LONG: dict[str, Any] = {**SHORT, "name": "long", "repetitions": 100, "workloads": [{"generated_tokens": 400}]}
CHAT = {"messages": [{"role": "user", "content": "hello"}]}
MOST_SECONDS = 180.0
SLOW_REPLY: dict[str, Any] = {"text": "word " * 400, "token_seconds": 0.2}
"""A run of it does not end by itself before it is paused."""


@pytest.fixture
def client(serve: Callable[..., Served]) -> Iterator[httpx.Client]:
    """Of a server without a model; what still runs is cancelled at the end."""
    client = serve(load=False).client
    yield client
    for run in client.get("/tuning/runs").json():
        if run["state"] == "running":
            client.post(f"/tuning/runs/{run['run_id']}/cancel")


def start(client: httpx.Client, body: dict[str, Any]) -> str:
    answer = client.post("/tuning/runs", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["run_id"])


def ended(client: httpx.Client, run_id: str) -> dict[str, Any]:
    """The run once it works no more."""
    until = time.monotonic() + MOST_SECONDS
    while (run := client.get(f"/tuning/runs/{run_id}").json())["head"]["state"] in ("waiting", "running"):
        assert time.monotonic() < until, run["progress"]
        time.sleep(0.05)
    return dict(run)


def test_a_bench_is_started_watched_exported_applied_and_deleted(client: httpx.Client) -> None:
    run_id = start(client, SHORT)
    run = ended(client, run_id)
    assert (run["head"]["state"], run["head"]["name"], run["problem"]) == ("finished", "short", None)
    (result,) = run["results"]
    figures = result["figures"]["tiny"]
    assert result["state"] == "measured" and figures["ttft_seconds"]["median"] > 0
    assert figures["decode_tokens_per_second"]["count"] == 2
    assert run["request"]["repetitions"] == 2 and run["machine"]
    one = f"/tuning/runs/{run_id}/configurations/{result['configuration']['configuration_id']}"
    assert "tiny" in client.get(f"/tuning/runs/{run_id}/export?format=csv").text
    assert "short" in client.get(f"/tuning/runs/{run_id}/report").text
    assert client.post(f"{one}/load").json()["model"] == "script"
    assert client.put(f"{one}/profile", json={"name": "tuned"}).json()["load"]["model_path"] == "script"
    assert [each["run_id"] for each in client.get("/tuning/runs").json()] == [run_id]
    assert client.delete(f"/tuning/runs/{run_id}").json()["status"] == "success"
    assert client.get("/tuning/runs").json() == []
    assert problem(client.get(f"/tuning/runs/{run_id}"), 404)["code"] == "tuning_run_not_found"


def test_while_one_runs_everybody_is_told_with_its_name_and_when_to_come_back(serve: Callable[..., Served]) -> None:
    client = serve().client  # a model is loaded, and could answer
    run_id = start(client, LONG)
    asked = [
        client.post("/generate/text", json=HELLO),
        client.post("/generate/text", json={**HELLO, "stream": True}),
        client.post("/model/load", json={"load_config": {"id_model": "script"}}),
    ]
    for answer in asked:
        told = problem(answer, 503)
        assert told["code"] == "engine_reserved" and "'long'" in told["detail"]
        assert int(answer.headers["retry-after"]) > 0
    for path in ("/v1/chat/completions", "/v1/responses"):
        body = {"model": "default", "input": "hello"} if "responses" in path else {"model": "default", **CHAT}
        answer = client.post(path, json=body)
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
        assert "'long'" in answer.json()["error"]["message"] and answer.json()["error"]["code"] == "engine_reserved"
    assert client.get("/status").json()["reserved"] == "The bench 'long' measures"
    other = problem(client.post("/tuning/runs", json=SHORT), 409)
    assert other["code"] == "tuning_busy" and "'long'" in other["detail"]
    assert problem(client.delete(f"/tuning/runs/{run_id}"), 409)["code"] == "tuning_busy"
    assert client.post(f"/tuning/runs/{run_id}/cancel").json()["state"] == "cancelled"
    assert client.get("/status").json()["reserved"] is None
    assert client.post("/generate/text", json=HELLO).json()["generated_text"].endswith("Paris.")


def test_a_run_does_not_begin_beside_a_request_at_work(serve: Callable[..., Served]) -> None:
    served = serve()
    with served.client.stream("POST", "/generate/text", json={**SLOW, "stream": True}) as answer:
        next(answer.iter_lines())
        refused = served.client.post("/tuning/runs", json=SHORT)
        assert problem(refused, 503)["code"] == "engine_busy" and int(refused.headers["retry-after"]) > 0
        assert served.client.get("/tuning/runs").json() == []


def test_a_run_is_paused_and_goes_on_where_it_was(serve: Callable[..., Served]) -> None:
    served = serve(load=False, script={"replies": [SLOW_REPLY]})
    client = served.client
    many = [{"name": f"w{n}", "prompt_tokens": 8, "generated_tokens": 32} for n in range(4)]
    run_id = start(client, {**SHORT, "loads": 3, "workloads": many})
    until = time.monotonic() + MOST_SECONDS
    while not client.get(f"/tuning/runs/{run_id}").json()["results"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert client.post(f"/tuning/runs/{run_id}/pause").json()["state"] == "interrupted"
    assert client.get("/status").json()["models"] == []
    write_script(served.engine.model_folder / "script", replies=[{**SLOW_REPLY, "token_seconds": 0.001}])
    assert client.post(f"/tuning/runs/{run_id}/resume").json()["state"] == "running"
    run = ended(client, run_id)
    (result,) = run["results"]
    assert (run["head"]["state"], result["visits"]) == ("finished", 3)


def test_a_model_that_is_not_there_is_told_at_once_or_as_a_result(client: httpx.Client) -> None:
    answer = client.post("/tuning/runs", json={**SHORT, "configuration": {**CONFIGURATION, "model_path": "scrpt"}})
    if answer.status_code == 200:
        (result,) = ended(client, answer.json()["run_id"])["results"]
        assert result["failure"]["code"] == "model_not_found"
    else:
        assert problem(answer, 404)["code"] == "model_not_found"


@pytest.mark.parametrize("run_id", ["..", "..%2fprofiles", "%2e%2e%2f%2e%2e", ".", "run.json", "a%00b", "x" * 64])
def test_no_id_leads_out_of_the_tuning_folder(serve: Callable[..., Served], run_id: str) -> None:
    served = serve(load=False)
    served.runs.folder.mkdir(parents=True, exist_ok=True)
    beside = served.runs.folder.parent / "profiles"
    beside.mkdir(exist_ok=True)
    (beside / "run.json").write_text("{}")
    (served.runs.folder / "run.json").write_text("{}")
    for answer in (
        served.client.get(f"/tuning/runs/{run_id}/export"),
        served.client.patch(f"/tuning/runs/{run_id}", json={"name": "x"}),
        served.client.delete(f"/tuning/runs/{run_id}/"),
        served.client.delete(f"/tuning/runs/{run_id}"),
    ):
        assert answer.status_code in (404, 405, 422), answer.text
    assert (beside / "run.json").read_text() == "{}" and (served.runs.folder / "run.json").is_file()


def test_two_starts_at_the_same_moment_begin_one_run(client: httpx.Client) -> None:
    answers: list[httpx.Response] = []
    both = [threading.Thread(target=lambda: answers.append(client.post("/tuning/runs", json=LONG))) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(each.status_code for each in answers) == [200, 409]
    assert len(client.get("/tuning/runs").json()) == 1


def test_a_load_without_an_ov_config_takes_what_its_model_recommends(serve: Callable[..., Served]) -> None:
    served = serve(load=False)
    profile = served.engine.model_folder / "script" / "openarc_profile.json"
    profile.write_text(json.dumps({"ov_config": {"PERFORMANCE_HINT": "LATENCY"}}))
    for given, taken in (({}, {"PERFORMANCE_HINT": "LATENCY"}), ({"ov_config": {}}, {})):
        run_id = start(served.client, {**SHORT, "configuration": {"model_path": "script", **given}})
        assert ended(served.client, run_id)["request"]["configuration"]["ov_config"] == taken
