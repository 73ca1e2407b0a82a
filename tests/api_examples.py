"""The examples of the API's description on a real server: what has to be there for them, and the ids it has here."""

from __future__ import annotations

import time

import httpx

from openarc_ui.server.conversation_bodies import CONVERSATION_ID, MESSAGE_ID
from openarc_ui.server.model_work_bodies import OTHER_NAME, RENAMED, REPOSITORY, TASK_ID, UNWANTED
from openarc_ui.server.prompt_bodies import HELLO
from openarc_ui.server.routes.metrics import REQUEST_ID
from openarc_ui.server.schemas import PROFILE_EXAMPLE
from openarc_ui.server.tuning_bodies import BENCH_EXAMPLE, CONFIGURATION_ID, RUN_ID

PROFILE = "/profiles/short%20answers"
TUNED_PROFILE = "/profiles/tuned"
LONG_BENCH = {**BENCH_EXAMPLE, "repetitions": 100, "workloads": [{"prompt_tokens": 64, "generated_tokens": 128}]}
RUN_SECONDS = 60.0
TASK_SECONDS = 30.0
TASKS = "/models/tasks"
PAUSED_NAME = "paused-model"
LOAD = {"load_config": {"id_model": "SmolLM2-135M-Instruct-int4"}}
MESSAGES = [
    {"role": "user", "content": "What is the capital of France?"},
    {"role": "assistant", "content": "Paris."},
    {"role": "user", "content": "And of Spain?"},
]


def prepare(client: httpx.Client, title: str) -> dict[str, str]:
    """Put there what the example of an operation is about.

    Args:
        title: method and path, "GET /profiles/{name}".

    Returns:
        What stands for an id in the examples -> the id it has on this server.
    """
    _end_runs(client)
    if client.get("/status").json()["id_model"] != LOAD["load_config"]["id_model"]:
        client.post("/model/load", json=LOAD).raise_for_status()
    if "/profiles" in title:
        client.delete(PROFILE)
        if title not in ("PUT /profiles/{name}", "POST /profiles/import"):
            client.put(PROFILE, json=PROFILE_EXAMPLE).raise_for_status()
    found: dict[str, str] = {}
    if "{conversation_id}" in title:
        kept = client.post("/conversations", json={"messages": MESSAGES}).raise_for_status().json()
        found = {CONVERSATION_ID: kept["id"], MESSAGE_ID: kept["messages"][1]["id"]}
    if "/metrics/" in title and "{request_id}" in title:
        found[REQUEST_ID] = _kept_request(client)
    if "/models/" in title:
        found |= _model_work(client, title)
    if "{run_id}" in title or title == "GET /tuning/runs":
        found |= _run(client, title)
    return found


def _end_runs(client: httpx.Client) -> None:
    """A run has the machine to itself, so the examples after one that starts it would be refused."""
    for run in client.get("/tuning/runs").raise_for_status().json():
        if run["state"] in ("waiting", "running"):
            client.post(f"/tuning/runs/{run['run_id']}/cancel").raise_for_status()


def _model_work(client: httpx.Client, title: str) -> dict[str, str]:
    """Models that are to be renamed or deleted, and a task as an operation wants it: at work, paused, or finished."""
    for task in client.get(TASKS).raise_for_status().json():
        if task["state"] != "finished":
            client.post(f"{TASKS}/{task['task_id']}/cancel").raise_for_status()
            client.delete(f"{TASKS}/{task['task_id']}").raise_for_status()
    verb = title.rpartition("/")[2]
    if title == f"POST {TASKS}/downloads":
        _delete(client, REPOSITORY.rpartition("/")[2])
    elif verb == "rename":
        _delete(client, OTHER_NAME)
        _finished(client, RENAMED)
    elif verb == "delete":
        _finished(client, UNWANTED)
    elif verb in ("pause", "resume", "cancel"):
        task_id: str = _download(client, PAUSED_NAME)
        if verb == "resume":
            client.post(f"{TASKS}/{task_id}/pause").raise_for_status()
        return {TASK_ID: task_id}
    elif title.partition(" ")[2].startswith(TASKS):
        return {TASK_ID: _finished(client, "downloaded-model")}
    return {}


def _delete(client: httpx.Client, name: str) -> None:
    if name in {each["name"] for each in client.get("/models").raise_for_status().json()}:
        client.post("/models/delete", json={"model": name, "confirm": name}).raise_for_status()


def _download(client: httpx.Client, name: str) -> str:
    begun = client.post(f"{TASKS}/downloads", json={"repository": REPOSITORY, "name": name}).raise_for_status()
    task_id: str = begun.json()["task_id"]
    return task_id


def _finished(client: httpx.Client, name: str) -> str:
    """A model of this name that was just downloaded; the task's id."""
    _delete(client, name)
    task_id, until = _download(client, name), time.monotonic() + TASK_SECONDS
    while (task := client.get(f"{TASKS}/{task_id}").raise_for_status().json())["state"] != "finished":
        assert time.monotonic() < until and task["state"] in ("waiting", "running"), task["problem"]
        time.sleep(0.1)
    return task_id


def _run(client: httpx.Client, title: str) -> dict[str, str]:
    """A run as an operation wants it: at work, paused, or finished with one configuration."""
    verb = title.rpartition("/")[2]
    if verb in ("pause", "cancel", "resume"):
        run_id: str = client.post("/tuning/runs", json=LONG_BENCH).raise_for_status().json()["run_id"]
        if verb == "resume":
            client.post(f"/tuning/runs/{run_id}/pause").raise_for_status()
        return {RUN_ID: run_id}
    runs = client.get("/tuning/runs").raise_for_status().json()
    finished = next((each["run_id"] for each in runs if each["state"] == "finished"), None)
    run_id = finished or client.post("/tuning/runs", json=BENCH_EXAMPLE).raise_for_status().json()["run_id"]
    until = time.monotonic() + RUN_SECONDS
    while (run := client.get(f"/tuning/runs/{run_id}").raise_for_status().json())["head"]["state"] != "finished":
        assert time.monotonic() < until and run["head"]["state"] in ("waiting", "running"), run["problem"]
        time.sleep(0.2)
    client.delete(TUNED_PROFILE)
    return {RUN_ID: run_id, CONFIGURATION_ID: run["results"][0]["configuration"]["configuration_id"]}


def _kept_request(client: httpx.Client) -> str:
    """The id of a request that is in the metrics' database; they are written a moment after it has ended."""
    body = {"conversation": HELLO, "max_new_tokens": 4}
    request_id: str = client.post("/generate/text", json=body).raise_for_status().json()["request_id"]
    until = time.monotonic() + 60
    while client.get(f"/metrics/requests/{request_id}").status_code != 200 and time.monotonic() < until:
        time.sleep(0.1)
    return request_id


def with_ids(text: str, ids: dict[str, str]) -> str:
    """A text with the ids of this server."""
    for example, own in ids.items():
        text = text.replace(example, own)
    return text
