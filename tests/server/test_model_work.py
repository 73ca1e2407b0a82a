"""Getting, converting and keeping models over HTTP: the routes say what `openarc_ui.models` says, and no path of the machine."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.errors import ConversionFailed, ModelInUse
from openarc_ui.models import library, results, tidy
from openarc_ui.models.hub import client
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.inspection import inspect
from openarc_ui.models.library import LibraryEntry, LibraryItem
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.models.tidy import FolderSize, VerifiedFile
from openarc_ui.models.work.planning import ConversionPlan
from openarc_ui.server import model_work_bodies as bodies
from openarc_ui.server.routes import model_work
from tests.engine.catalogue.test_details import NO_TENSORS
from tests.hub_server import HubServer
from tests.model_tasks import Shop
from tests.models.work.scripted_work import CARD, ScriptedWork
from tests.server.conftest import Served
from tests.server.test_routes import problem
from tests.server.test_streams import send

TASKS = "/models/tasks"
GET = {"repository": "Somebody/tiny-ov"}
CONVERT = {"source": "tiny", "options": {"weight-format": "int4"}}
SHOWN: dict[Any, Any] = {
    bodies.LibraryEntryBody: library.LibraryEntry,
    bodies.LibraryItemBody: library.LibraryItem,
    bodies.FoundModelBody: client.FoundModel,
    bodies.HubFileBody: client.HubFile,
    bodies.TaskProgressBody: results.TaskProgress,
    bodies.TaskProblemBody: results.TaskProblem,
    bodies.QuickCheckBody: results.QuickCheck,
    bodies.ConversionCardBody: results.ConversionCard,
    bodies.TaskBody: results.ModelTask,
    bodies.ConversionPlanBody: ConversionPlan,
    bodies.FolderSizeBody: tidy.FolderSize,
    bodies.VerifiedFileBody: tidy.VerifiedFile,
    bodies.LayerSizeBody: inspect.LayerSize,
    bodies.GraphReportBody: inspect.GraphReport,
    bodies.TrialBody: inspect.Trial,
    bodies.InspectionBody: inspect.Inspection,
}


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def hub_server() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


@pytest.fixture
def working(serve: Callable[..., Served], shop: Shop, hub_server: HubServer) -> Served:
    """A server over scripted work and a Hub on this machine, without a model."""
    return serve(load=False, shop=shop, hub=Hub(hub_server.endpoint))


@pytest.mark.parametrize("body", SHOWN, ids=lambda body: body.__name__)
def test_a_body_has_the_fields_of_what_it_shows(body: Any) -> None:
    assert list(body.model_fields) == [each.name for each in dataclasses.fields(SHOWN[body])]


def test_a_repository_s_body_has_its_fields_and_the_sum() -> None:
    fields = [each.name for each in dataclasses.fields(client.RepositoryFiles)]
    assert list(bodies.RepositoryFilesBody.model_fields) == [*fields, "wanted_bytes"]


@pytest.mark.parametrize(
    ("body", "request_"), [("DownloadBody", DownloadRequest), ("ConversionBody", ConversionRequest)]
)
def test_a_body_takes_what_its_request_takes(body: str, request_: Any) -> None:
    assert getattr(bodies, body).model_fields.keys() == request_.model_fields.keys()


def test_a_download_is_started_watched_and_finished(working: Served, shop: Shop) -> None:
    shop.next = [ScriptedWork(lines=("a line",))]
    begun = working.client.post(f"{TASKS}/downloads", json=GET)
    assert (
        begun.status_code == 200 and begun.json()["name"] == "tiny-ov" and begun.json()["request"]["revision"] == "main"
    )
    place = f"{TASKS}/{begun.json()['task_id']}"
    working.wait_for(lambda: working.client.get(place).json()["progress"]["done_bytes"] == 2)
    told = working.client.get(place).json()
    assert told["state"] == "running" and told["progress"]["fraction"] == 0.5 and told["log"] == ["a line"]
    assert working.client.get(TASKS).json() == [{**told, "log": []}]
    assert working.client.get(f"{place}/log").text == "a line\n"
    assert problem(working.client.delete(place), 409)["code"] == "model_in_use"
    shop.made[0].goes_on.set()
    working.wait_for(lambda: working.client.get(place).json()["state"] == "finished")
    assert [each["name"] for each in working.client.get("/models").json()] == ["script", "tiny-ov"]
    assert working.client.delete(place).json()["message"].endswith("forgotten.")
    assert working.client.get(TASKS).json() == []
    assert problem(working.client.get(place), 404)["code"] == "task_not_found"


def test_a_download_is_paused_resumed_and_cancelled(working: Served, shop: Shop) -> None:
    shop.next = [ScriptedWork(), ScriptedWork()]
    place = f"{TASKS}/{working.client.post(f'{TASKS}/downloads', json=GET).json()['task_id']}"
    assert shop.made[0].is_in_the_middle.wait(30)
    paused = working.client.post(f"{place}/pause").json()
    assert paused["state"] == "paused" and paused["can_resume"]
    assert (
        problem(working.client.post(f"{place}/pause", json={"now": True}), 422)["detail"] == "This route takes no body."
    )
    assert problem(working.client.post(f"{TASKS}/downloads", json=GET), 409)["code"] == "model_exists"
    assert working.client.post(f"{place}/resume").json()["state"] in ("waiting", "running")
    assert shop.made[1].is_in_the_middle.wait(30) and shop.made[1].began_with == [2]
    assert working.client.post(f"{place}/cancel").json()["state"] == "cancelled"
    assert problem(working.client.post(f"{place}/resume"), 422)["code"] == "invalid_request"


def test_a_conversion_tells_its_card_and_a_failed_one_why(working: Served, shop: Shop) -> None:
    done = ScriptedWork(card=CARD, command=("optimum-cli", "export"))
    done.goes_on.set()
    shop.next = [
        done,
        ScriptedWork(error=ConversionFailed("No.", f"See {working.engine.model_folder.resolve()}/tiny.")),
    ]
    first = working.client.post(f"{TASKS}/conversions", json=CONVERT).json()
    assert (
        first["kind"] == "conversion" and first["name"] == "tiny-int4" and first["command"] == ["optimum-cli", "export"]
    )
    working.wait_for(lambda: working.client.get(f"{TASKS}/{first['task_id']}").json()["state"] == "finished")
    assert working.client.get(f"{TASKS}/{first['task_id']}").json()["card"]["weights"] == "u4 in groups of 64"
    second = working.client.post(f"{TASKS}/conversions", json={**CONVERT, "name": "other"}).json()
    working.wait_for(lambda: working.client.get(f"{TASKS}/{second['task_id']}").json()["state"] == "failed")
    failed = working.client.get(f"{TASKS}/{second['task_id']}").json()["problem"]
    assert failed == {"code": "conversion_failed", "message": "No.", "hint": "See model folder/tiny."}


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("downloads", {"repository": "no-owner"}, "repository"),
        ("downloads", {"repository": "a/../../b"}, "repository"),
        ("downloads", {**GET, "name": "../out"}, "name"),
        ("downloads", {**GET, "name": ".hidden"}, "name"),
        ("downloads", {**GET, "revison": "main"}, "revison"),
        ("conversions", {"source": "tiny", "name": "a/b"}, "name"),
        ("conversions", {"source": ""}, "source"),
    ],
)
def test_a_wrong_request_names_its_field(working: Served, shop: Shop, path: str, body: Any, words: str) -> None:
    assert words in problem(working.client.post(f"{TASKS}/{path}", json=body), 422)["detail"]
    assert shop.made == []


def test_the_hub_is_searched_and_a_repository_listed(working: Served, hub_server: HubServer) -> None:
    hub_server.add_repository(
        "Somebody/tiny-ov", {"openvino_model.xml": b"<x/>", "openvino_model.bin": b"0123", "a.onnx": b"1"}
    )
    found = working.client.get("/models/hub", params={"query": "tiny"}).json()
    assert [each["repository"] for each in found] == ["Somebody/tiny-ov"]
    listed = working.client.get("/models/hub/files", params=GET).json()
    assert len(listed["commit"]) == 40 and {each["path"] for each in listed["files"]} >= {"openvino_model.bin"}
    assert listed["wanted_bytes"] == sum(each["size_bytes"] for each in listed["files"] if each["is_wanted"])
    missing = working.client.get("/models/hub/files", params={"repository": "Somebody/other"})
    assert problem(missing, 404)["code"] == "hub_model_not_found"
    assert "repository" in problem(working.client.get("/models/hub/files?repository=x"), 422)["detail"]


def test_a_hub_that_is_offline_is_said_at_once(serve: Callable[..., Served]) -> None:
    served = serve(load=False)
    began_at = time.perf_counter()
    answer = served.client.get("/models/hub", params={"query": "tiny"})
    assert problem(answer, 503)["code"] == "hub_unreachable" and time.perf_counter() - began_at < 10


def test_the_token_is_set_and_told_to_nobody(working: Served, hub_server: HubServer) -> None:
    token = "hf_this-is-secret"
    assert working.client.get("/models/hub/token").json() == {"is_set": False}
    set_ = working.client.put("/models/hub/token", json={"token": token})
    assert set_.json() == {"is_set": True} and token not in set_.text
    wrong = working.client.put("/models/hub/token", json={"token": token, "tokn": token})
    assert problem(wrong, 422)["code"] == "invalid_request" and token not in wrong.text
    bad = working.client.put("/models/hub/token", json={"token": f"{token}\nX: y"})
    assert bad.status_code == 422 and token not in bad.text
    for length in (0, 4001):
        said = problem(working.client.put("/models/hub/token", json={"token": "x" * length}), 422)["detail"]
        assert said.startswith("token: Write the token as the Hub shows it: 1 to 4000 characters")
    assert working.client.get("/models/hub/token").json() == {"is_set": True}
    assert working.client.delete("/models/hub/token").json() == {"is_set": False}


def test_what_a_conversion_would_run_is_shown(working: Served) -> None:
    folder = working.engine.model_folder / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(NO_TENSORS)
    options = working.client.get("/models/conversion-options").json()
    assert (
        "weight-format" in {each["name"] for each in options["options"]}
        and "trust-remote-code" in options["not_offered"]
    )
    plan = working.client.post("/models/conversion-command", json=CONVERT).json()
    assert plan["name"] == "tiny-int4" and plan["text"].startswith("optimum-cli export openvino --model tiny")
    assert plan["export"][-1] == "tiny-int4" and plan["first_step"] == [] and plan["source_kind"] == "checkpoint"
    wrong = {**CONVERT, "options": {"weigth-format": "int4"}}
    assert "weight-format" in problem(working.client.post("/models/conversion-command", json=wrong), 422)["hint"]
    script = {**CONVERT, "source": "script"}
    assert (
        "nothing to convert" in problem(working.client.post("/models/conversion-command", json=script), 422)["detail"]
    )
    gone = {**CONVERT, "source": "../tiny"}
    assert problem(working.client.post("/models/conversion-command", json=gone), 404)["code"] == "model_not_found"


def test_the_library_is_told_for_a_device_and_a_context(working: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def told(engine: Any, device: str, context_tokens: int) -> list[LibraryItem]:
        asked.append((device, context_tokens))
        entry = LibraryEntry("x", "a/x", "OpenVINO", None, None, "int4", None, None, "Good for tests.", None)
        return [LibraryItem(entry, device, context_tokens, 1, "fits", f"In {engine.model_folder.resolve()}/x.", None)]

    monkeypatch.setattr(model_work, "library", told)
    (item,) = working.client.get("/models/library", params={"device": "GPU.0", "context_tokens": 100}).json()
    assert (
        asked == [("GPU.0", 100)] and item["fit_words"] == "In model folder/x." and item["entry"]["size_bytes"] is None
    )
    assert problem(working.client.get("/models/library?context_tokens=0"), 422)


def test_order_is_kept_with_what_tasks_work_on_left_alone(
    working: Served, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def noted(*given: Any) -> Any:
        asked.append(given[1:])
        return (
            [FolderSize("tiny", 5, 1, True, False, "a model")]
            if len(given) == 2
            else 7
            if given[2] == "tiny"
            else "new"
        )

    for name in ("folder_sizes", "rename_model", "delete_model"):
        monkeypatch.setattr(model_work, name, noted)
    shop.next = [ScriptedWork()]
    working.client.post(f"{TASKS}/downloads", json=GET)
    assert working.client.get("/models/sizes").json()[0]["size_bytes"] == 5
    renamed = working.client.post("/models/rename", json={"model": "tiny", "new_name": "new"}).json()
    assert (renamed["model"], renamed["profiles"]) == ("new", [])
    assert working.client.post("/models/delete", json={"model": "tiny", "confirm": "tiny"}).json()["freed_bytes"] == 7
    busy = ("tiny-ov",)
    assert asked == [(busy,), ("tiny", "new", busy), ("tiny", "tiny", busy)]
    for body in ({"model": "tiny"}, {"model": "tiny", "new_name": "../x"}, {"model": "tiny", "new_name": ""}):
        problem(working.client.post("/models/rename", json=body), 422)

    def refuse(*given: Any) -> Any:
        raise ModelInUse("It is loaded.", "Unload it.")

    monkeypatch.setattr(model_work, "delete_model", refuse)
    answer = working.client.post("/models/delete", json={"model": "tiny", "confirm": "tiny"})
    assert problem(answer, 409)["code"] == "model_in_use"


def test_a_model_is_verified_and_looked_into(working: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def verified(engine: Any, model: str, say: Any = None, stopping: Any = None) -> list[VerifiedFile]:
        return [VerifiedFile("a.bin", 5, "good", "As it was."), VerifiedFile("b.bin", None, "missing", "Gone.")]

    def inspected(engine: Any, model: str, parts: Any) -> inspect.Inspection:
        graph = inspect.GraphReport((("MatMul", 3),), (("u4", 9),), (), True, ("input_ids",), ("logits",), 9, 11)
        return inspect.Inspection(model, graph, (), (inspect.Trial("a", "good", "b"),), parts)

    monkeypatch.setattr(model_work, "verify_model", verified)
    monkeypatch.setattr(model_work, "inspect_model", inspected)
    verdict = working.client.post("/models/verify", json={"model": "tiny"}).json()
    assert not verdict["is_good"] and verdict["files"][1] == {
        "path": "b.bin", "size_bytes": None, "verdict": "missing", "words": "Gone."
    }  # fmt: skip
    looked = working.client.get("/models/inspect?model=tiny&parts=graph&parts=template").json()
    assert looked["graph"]["operations"] == [["MatMul", 3]] and looked["problems"] == ["graph", "template"]
    problem(working.client.get("/models/inspect?model=tiny&parts=graf"), 422)


def test_a_rename_says_which_profiles_keep_the_old_name(working: Served) -> None:
    for name, path in (("fast", "script"), ("whole", "./script"), ("other", "another")):
        body = {"load": {"model_path": path}}
        assert working.client.put(f"/profiles/{name}", json=body).status_code in (200, 201)
    told = working.client.post("/models/rename", json={"model": "script", "new_name": "new"}).json()
    assert (told["model"], told["profiles"]) == ("new", ["fast", "whole"])
    assert told["message"] == (
        "'script' is called 'new' now. Its old name still stands in the profiles 'fast', 'whole': "
        "choose the model anew there, and save."
    )
    assert working.client.get("/profiles/fast").json()["load"]["model_path"] == "script"


@pytest.mark.parametrize("what", ["verified", "looked into"])
def test_a_model_that_is_read_is_neither_renamed_nor_deleted(
    what: str, working: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def verified(engine: Any, model: str, stopping: threading.Event) -> list[VerifiedFile]:
        begun.set()
        assert goes_on.wait(30)
        return []

    def inspected(engine: Any, model: str, parts: Any) -> inspect.Inspection:
        begun.set()
        assert goes_on.wait(30)
        return inspect.Inspection(model, None, (), (), ())

    def read() -> None:
        if what == "verified":
            working.client.post("/models/verify", json={"model": "script"})
        else:
            working.client.get("/models/inspect?model=script")

    monkeypatch.setattr(model_work, "verify_model", verified)
    monkeypatch.setattr(model_work, "inspect_model", inspected)
    reading = threading.Thread(target=read)
    reading.start()
    try:
        assert begun.wait(30)
        for path, more in (("rename", {"new_name": "new"}), ("delete", {"confirm": "script"})):
            told = problem(working.client.post(f"/models/{path}", json={"model": "script", **more}), 409)
            assert told["code"] == "model_in_use" and "looked into or verified" in told["detail"]
    finally:
        goes_on.set()
        reading.join(30)
    assert working.client.post("/models/rename", json={"model": "script", "new_name": "new"}).status_code == 200


def test_a_client_that_leaves_ends_a_verification(working: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def verified(engine: Any, model: str, stopping: threading.Event) -> list[VerifiedFile]:
        begun.set()
        assert stopping.wait(60)
        ended.set()
        return []

    monkeypatch.setattr(model_work, "verify_model", verified)
    connection = send(working, "/models/verify", {"model": "tiny"})
    assert begun.wait(30)
    connection.close()
    assert ended.wait(30)
    assert working.client.get("/health").status_code == 200


def test_a_read_only_model_folder_is_said(working: Served, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *given: Any, **named: Any) -> None:
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    answer = working.client.post(f"{TASKS}/downloads", json=GET)
    told = problem(answer, 503)
    assert told["code"] == "model_folder_unusable" and "Read-only" in told["detail"]
