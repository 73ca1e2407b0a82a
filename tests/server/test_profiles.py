"""Profiles over HTTP: save, load, export, import, copy as code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from openarc_ui.settings import Settings
from tests.server.conftest import HELLO, Served
from tests.server.test_routes import problem
from tests.server.test_streams import send

LOAD: dict[str, Any] = {
    "model_path": "script",
    "ov_config": {"PERFORMANCE_HINT": "LATENCY", "PINNED": False},
    "sampling_defaults": {"max_new_tokens": 2},
}


@pytest.fixture
def empty(serve: Callable[..., Served]) -> Served:
    """A server without a model and without a profile."""
    return serve(load=False)


def save(served: Served, name: str = "short", **body: Any) -> httpx.Response:
    return served.client.put(f"/profiles/{name}", json={"load": LOAD, **body})


def test_save_list_read_and_delete(empty: Served) -> None:
    client = empty.client
    assert client.get("/profiles").json() == []
    saved = save(empty, description="two words").json()
    assert (saved["name"], saved["description"], saved["load"]["ov_config"]) == (
        "short",
        "two words",
        LOAD["ov_config"],
    )
    (entry,) = client.get("/profiles").json()
    assert entry["profile"] == saved == client.get("/profiles/short").json()
    assert (entry["problem"], entry["is_last_good"]) == ("", False)
    assert client.delete("/profiles/short").json()["status"] == "success"
    assert client.get("/profiles").json() == []


def test_what_was_read_can_be_sent_back(empty: Served) -> None:
    save(empty)
    read = empty.client.get("/profiles/short").json()
    sent = empty.client.put("/profiles/short", params={"replace": True}, json=read)
    assert sent.json() == read
    other = empty.client.put("/profiles/other", json=read)
    assert "The path says 'other'" in problem(other, 422)["detail"]


def test_a_name_that_is_taken_is_a_409_until_it_is_said_to_replace_it(empty: Served) -> None:
    save(empty)
    assert problem(save(empty, "SHORT"), 409)["code"] == "profile_exists"
    changed = empty.client.put("/profiles/short?replace=true", json={"load": {**LOAD, "device": "GPU"}})
    assert changed.json()["load"]["device"] == "GPU"


@pytest.mark.parametrize("path", ["/profiles/shrt", "/profiles/shrt/export", "/profiles/shrt/code?as=curl"])
def test_a_profile_that_is_not_there_is_a_404_with_the_nearest_name(empty: Served, path: str) -> None:
    save(empty)
    answer = problem(empty.client.get(path), 404)
    assert (answer["code"], answer["hint"]) == ("profile_not_found", "Did you mean 'short'?")


@pytest.mark.parametrize("name", ["..%2fx", "%2e%2e%5cx", "nul", "x%00", "last%20good", "%ff"])
def test_a_name_that_no_profile_can_have_is_refused(empty: Served, name: str) -> None:
    assert save(empty, name).status_code in (404, 422)
    assert empty.client.delete(f"/profiles/{name}").status_code in (404, 405, 422)
    assert not empty.profiles.folder.exists()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"load": {"model_pth": "x"}}, "'model_path'"),
        ({"load": LOAD, "descripton": ""}, "'description'"),
        ({"load": {**LOAD, "scheduler": {"max_num_seq": 1}}}, "'max_num_seqs'"),
        ({"load": {**LOAD, "ov_config": {"A": None}}}, "load.ov_config.A: must be"),
        ({}, "load"),
    ],
)
def test_a_wrong_body_says_what_is_right(empty: Served, body: dict[str, Any], says: str) -> None:
    saving = problem(empty.client.put("/profiles/x", json=body), 422)
    importing = problem(empty.client.post("/profiles/import", json={"name": "x", **body}), 422)
    for answer in (saving, importing):
        assert says in answer["detail"] + answer["hint"]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "not JSON"), (b"\xff", "UTF-8"), (b'{"version": 9}', "version 9"), (b" " * 300_000, "bytes")],
)
def test_an_import_that_is_no_profile_is_a_422(empty: Served, content: bytes, says: str) -> None:
    assert says in problem(empty.client.post("/profiles/import", content=content), 422)["detail"]


def test_an_export_is_a_file_that_can_be_imported(empty: Served) -> None:
    save(empty, "my (best) one")
    exported = empty.client.get("/profiles/my (best) one/export")
    assert exported.headers["content-disposition"] == 'attachment; filename="my (best) one.json"'
    assert exported.headers["content-type"] == "application/json"
    assert problem(empty.client.post("/profiles/import", content=exported.content), 409)["code"] == "profile_exists"
    renamed = empty.client.post("/profiles/import?name=mine", content=exported.content).json()
    assert (renamed["name"], renamed["load"]["sampling_defaults"]["max_new_tokens"]) == ("mine", 2)
    assert empty.client.post("/profiles/import?replace=true", content=exported.content).status_code == 200


def test_a_broken_file_is_listed_and_breaks_nothing(empty: Served) -> None:
    save(empty)
    (empty.profiles.folder / "torn.json").write_text("{")
    broken = next(entry for entry in empty.client.get("/profiles").json() if entry["name"] == "torn")
    assert broken["profile"] is None and "not JSON" in broken["problem"]
    assert "'torn' is broken" in problem(empty.client.get("/profiles/torn"), 422)["detail"]
    assert empty.client.delete("/profiles/torn").status_code == 200


def test_a_profile_is_loaded_with_all_it_says(empty: Served) -> None:
    save(empty)
    loaded = empty.client.post("/profiles/short/load").json()
    assert (loaded["status"], loaded["model"], loaded["requested_properties"]) == (
        "success",
        "script",
        LOAD["ov_config"],
    )
    assert empty.client.post("/generate/text", json=HELLO).json()["performance_metrics"]["new_tokens"] == 2


def test_a_profile_whose_model_is_gone_says_so(empty: Served) -> None:
    save(empty, "old", load={**LOAD, "model_path": "scripd"})
    assert problem(empty.client.post("/profiles/old/load"), 404)["code"] == "model_not_found"
    assert problem(empty.client.get("/profiles/old/code?as=curl"), 404)["hint"] == "Did you mean 'script'?"


def test_a_client_that_leaves_cancels_the_load(serve: Callable[..., Served]) -> None:
    served = serve(script={"load_seconds": 30.0}, load=False)
    save(served)

    connection = send(served, "/profiles/short/load", None)
    served.wait_for(lambda: bool(served.engine.status().models))
    connection.close()
    served.wait_for(lambda: not served.engine.status().models)


def test_load_config_takes_what_a_profile_can_say(empty: Served) -> None:
    config = {"id_model": "script", "scheduler": {"max_num_seqs": 2}, "sampling_defaults": {"max_new_tokens": 3}}
    empty.client.post("/model/load", json={"load_config": config | {"allow_overcommit": True}, "ov_config": {}})
    request = empty.engine.status().models[0].request
    assert request.scheduler.max_num_seqs == 2 and request.allow_overcommit
    assert empty.client.post("/generate/text", json=HELLO).json()["performance_metrics"]["new_tokens"] == 3
    config["scheduler"] = {"max_num_seq": 2}
    answer = problem(empty.client.post("/model/load", json={"load_config": config}), 422)
    assert answer["hint"] == "Did you mean 'max_num_seqs'?"


def test_a_profile_as_code_names_this_server_and_this_model_folder(empty: Served) -> None:
    save(empty)
    for kind in ("curl", "python", "gradio_client"):
        answer = empty.client.get("/profiles/short/code", params={"as": kind})
        assert empty.address in answer.text and answer.headers["content-type"].startswith("text/plain")
        assert "OPENARC_API_KEY" not in answer.text
    for kind in ("openvino_genai", "optimum"):
        text = empty.client.get("/profiles/short/code", params={"as": kind}).text
        assert json.dumps(f"{empty.engine.model_folder.as_posix()}/script") in text
    assert "curl" in problem(empty.client.get("/profiles/short/code?as=rust"), 422)["detail"]


def test_a_key_is_named_in_code_and_never_written(serve: Callable[..., Served]) -> None:
    served = serve(Settings(model="none", api_key=SecretStr("a-long-secret")), load=False)
    served.client.headers["authorization"] = "Bearer a-long-secret"
    save(served)
    text = served.client.get("/profiles/short/code?as=python").text
    assert "OPENARC_API_KEY" in text and "a-long-secret" not in text
    assert httpx.get(f"{served.address}/profiles").status_code == 401
