"""Getting, converting and keeping models through Gradio's own client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from openarc_ui.access import CALLER_HEADER, ROLE_HEADER
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.inspection.inspect import Inspection, Trial
from openarc_ui.models.tidy import FolderSize, VerifiedFile
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.profiles import Profile, ProfileStore
from openarc_ui.ui import api_model_work
from openarc_ui.ui.api_model_work import ACTIONS, model_work_endpoints
from openarc_ui.ui.rights import Rights
from tests.engine.catalogue.test_details import NO_TENSORS
from tests.hub_server import HubServer
from tests.model_tasks import Shop, made_tasks
from tests.models.work.scripted_work import ScriptedWork
from tests.ui.served import serve_endpoints

REPOSITORY = "Somebody/tiny-ov"


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def engine(make_engine: Callable[..., Engine], tmp_path: Any) -> Engine:
    checkpoint = tmp_path / "models" / "tiny"
    checkpoint.mkdir(parents=True)
    (checkpoint / "config.json").write_text('{"model_type": "llama"}')
    (checkpoint / "model.safetensors").write_bytes(NO_TENSORS)
    return make_engine()


@pytest.fixture
def tasks(engine: Engine, shop: Shop) -> Iterator[ModelTasks]:
    tasks = made_tasks(engine, shop)
    yield tasks
    tasks.close()


@pytest.fixture
def hub_server() -> Iterator[HubServer]:
    with HubServer() as server:
        server.add_repository(REPOSITORY, {"openvino_model.xml": b"<x/>", "openvino_model.bin": b"0123"})
        yield server


@pytest.fixture
def profiles(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "profiles")


@pytest.fixture
def address(engine: Engine, tasks: ModelTasks, hub_server: HubServer, profiles: ProfileStore) -> Iterator[str]:
    """The endpoints alone, on a port."""
    with serve_endpoints(model_work_endpoints(engine, tasks, Hub(hub_server.endpoint), profiles, Rights())) as served:
        yield served


@pytest.fixture
def client(address: str) -> Client:
    headers = {ROLE_HEADER: "administrator", CALLER_HEADER: "b"}
    return Client(address, verbose=False, ssl_verify=False, headers=headers, httpx_kwargs={"timeout": 60})


def test_a_download_is_started_paused_resumed_watched_and_forgotten(client: Client, shop: Shop) -> None:
    shop.next = [ScriptedWork(), ScriptedWork()]
    begun = client.predict(REPOSITORY, files=["a.xml"], name="mine", api_name="/download_model")
    assert begun["name"] == "mine" and begun["request"]["files"] == ["a.xml"]
    task_id = begun["task_id"]
    assert shop.made[0].is_in_the_middle.wait(60)
    assert client.predict(task_id, api_name="/pause_task")["state"] == "paused"
    client.predict(task_id, api_name="/resume_task")
    assert shop.made[1].is_in_the_middle.wait(60)
    shop.made[1].goes_on.set()
    deadline = time.monotonic() + 60
    while (told := client.predict(task_id, api_name="/model_task"))["state"] != "finished":
        assert time.monotonic() < deadline
    assert told["progress"]["fraction"] == 1.0
    assert [each["task_id"] for each in client.predict(api_name="/model_tasks")] == [task_id]
    assert client.predict(task_id, api_name="/forget_task") == task_id
    assert client.predict(api_name="/model_tasks") == []


def test_a_conversion_is_planned_started_and_cancelled(client: Client, shop: Shop) -> None:
    shop.next = [ScriptedWork()]
    options = {"weight-format": "int8"}
    assert any(each["name"] == "weight-format" for each in client.predict(api_name="/conversion_options")["options"])
    plan = client.predict("tiny", options, api_name="/conversion_command")
    assert plan["name"] == "tiny-int8" and "--weight-format int8" in plan["text"]
    begun = client.predict("tiny", '{"weight-format": "int8"}', check=False, api_name="/convert_model")
    assert begun["name"] == "tiny-int8" and begun["request"]["check"] is False
    assert client.predict(begun["task_id"], api_name="/cancel_task")["state"] == "cancelled"


def test_the_hub_is_searched_and_listed(client: Client) -> None:
    assert [each["repository"] for each in client.predict("tiny", api_name="/hub_search")] == [REPOSITORY]
    listed = client.predict(REPOSITORY, api_name="/hub_files")
    assert {each["file"] for each in listed["files"]} == {"openvino_model.xml", "openvino_model.bin"}
    assert listed["wanted_bytes"] == 8


def test_a_model_is_verified_with_news_and_looked_into(
    client: Client, tasks: ModelTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verified(engine: Any, model: str, say: Callable[[float], None], stopping: threading.Event) -> Any:
        say(0.5)
        time.sleep(0.4)
        return [VerifiedFile("a.bin", 5, "changed", "Other bytes.")]

    monkeypatch.setattr(api_model_work, "NEWS_SECONDS", 0.1)
    monkeypatch.setattr(api_model_work, "verified", verified)
    busy: list[Sequence[str]] = []

    def looked_into(engine: Any, model: str, parts: Any) -> Inspection:
        busy.append(tasks.busy_names())
        return Inspection(model, None, (), (Trial("a", "good", "b"),), parts)

    monkeypatch.setattr(api_model_work, "inspected", looked_into)
    news = list(client.submit("tiny", api_name="/verify_model"))
    assert {each["fraction"] for each in news} == {0.5, 1.0}
    assert news[-1]["is_good"] is False and news[-1]["files"][0]["file"] == "a.bin"
    assert client.predict("tiny", ["template"], api_name="/inspect_model")["problems"] == ["template"]
    assert busy == [("tiny",)] and tasks.busy_names() == ()


def test_order_is_kept(client: Client, profiles: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_model_work, "renamed", lambda engine, model, new, busy: new)
    monkeypatch.setattr(api_model_work, "deleted", lambda engine, model, confirm, busy: 7)
    monkeypatch.setattr(
        api_model_work, "folder_sizes", lambda engine, busy: [FolderSize("tiny", 5, 1, True, False, "x")]
    )
    profiles.save(Profile(name="mine", load=LoadRequest(model_path="tiny")))
    told = client.predict("tiny", "other", api_name="/rename_model")
    assert (told["model"], told["profiles"]) == ("other", ["mine"])
    assert "'mine'" in told["message"]
    assert client.predict("tiny", "tiny", api_name="/delete_model") == 7
    assert client.predict(api_name="/model_sizes")[0]["size_bytes"] == 5


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("download_model", {"repository": "no owner"}, "repository"),
        ("download_model", {"repository": REPOSITORY, "name": "../x"}, "name"),
        ("convert_model", {"source": "tiny", "options": "[1]"}, "options"),
        ("conversion_command", {"source": "tiny", "options": {"sim": True}}, "no option 'sim'"),
        ("hub_files", {"repository": "Somebody/other"}, "Somebody/other"),
        ("model_task", {"task_id": "../x"}, "no download or conversion"),
        ("models_library", {"context_tokens": 0}, "context_tokens"),
    ],
)
def test_what_is_wrong_is_one_sentence(client: Client, name: str, given: dict[str, Any], words: str) -> None:
    with pytest.raises(AppError, match=words):
        client.predict(**given, api_name=f"/{name}")


def test_with_the_key_for_use_one_may_look_and_not_change(address: str) -> None:
    headers = {ROLE_HEADER: "user", CALLER_HEADER: "a"}
    user = Client(address, verbose=False, ssl_verify=False, headers=headers, httpx_kwargs={"timeout": 60})
    given: dict[str, tuple[Any, ...]] = {
        "hub_search": ("x",),
        "hub_files": (REPOSITORY,),
        "download_model": (REPOSITORY,),
        "convert_model": ("tiny",),
        "model_tasks": (),
        "model_sizes": (),
        "inspect_model": ("tiny",),
        "verify_model": ("tiny",),
        "rename_model": ("tiny", "other"),
        "delete_model": ("tiny", "tiny"),
    }
    for name, action in ACTIONS.items():
        with pytest.raises(AppError, match=f"{action} needs the administration key"):
            user.predict(*given.get(name, ("20261126-120000-3f2a9c",)), api_name=f"/{name}")
    assert user.predict("tiny", api_name="/conversion_command")["name"] == "tiny-ov"
