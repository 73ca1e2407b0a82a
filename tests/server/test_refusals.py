"""What no route takes, what no answer shows, and a client that leaves a load: nothing happens that was not asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from pydantic import ValidationError

from openarc_ui.conversations.store import ConversationStore
from openarc_ui.engine.answers import without_long_echoes
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.places import Places
from openarc_ui.engine.types import ModelState
from openarc_ui.errors import ModelLoadFailed
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.profiles import ProfileStore
from openarc_ui.server.api import create_api
from openarc_ui.server.schemas import GenerateBody
from openarc_ui.settings import Settings
from openarc_ui.startup import Startup
from openarc_ui.tuning.runs import TuningRuns
from tests.conftest import write_script
from tests.engine.catalogue.test_details import write_ir
from tests.model_tasks import made_tasks, no_hub
from tests.server.conftest import Served
from tests.server.test_routes import problem
from tests.server.test_streams import send
from tests.workers import worker_processes

ANYWHERE = {"400", "401", "403", "413", "422", "429", "500"}
ABOUT_KEYS = {"401", "429"}
OPEN = ("/health", "/readyz")
LOAD = {"load_config": {"id_model": "script"}}


def operations(served: Served) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of everything the API describes."""
    paths = served.client.get("/openapi.json").json()["paths"]
    return [(method.upper(), path, each) for path, methods in paths.items() for method, each in methods.items()]


def keep(served: Served, model: str) -> Path:
    """A file in the cache, as if a load had put it there."""
    assert served.engine.compile_cache is not None
    note = {"backend": "optimum", "device": "CPU", "ov_config": {}, "compile_seconds": 1.5}
    served.engine.compile_cache.note(model, frozenset(), **note)
    kept = served.engine.compile_cache.folder_for(model) / "1.blob"
    kept.write_bytes(b"x")
    return kept


@pytest.mark.parametrize(
    ("method", "address", "right"),
    [
        ("DELETE", "/cache?modle=script", "'model'"),
        ("DELETE", "/model/unload?modle=foo", "'model'"),
        ("DELETE", "/optimum/model/unload?modle=foo", "'model'"),
        ("POST", "/model/fit?context_token=5", "'context_tokens'"),
        ("GET", "/models?detials=true", "'details'"),
        ("GET", "/devices/options?devise=CPU", "'device'"),
        ("PUT", "/profiles/a?replce=true", "'replace'"),
        ("POST", "/model/load?device=GPU", "It takes none"),
    ],
)
def test_a_misspelt_query_parameter_is_an_error_and_does_nothing(
    serve: Callable[..., Served], tmp_path: Path, method: str, address: str, right: str
) -> None:
    served = serve(cache_folder=tmp_path / "cache")
    kept = keep(served, "script")
    body = None if method in ("GET", "DELETE") else LOAD
    answer = problem(served.client.request(method, address, json=body), 422)
    assert right in answer["hint"]
    assert kept.exists() and served.engine.status().default_model == "script"
    assert served.profiles.list() == ()


def test_every_route_refuses_a_query_parameter_it_does_not_know(served: Served) -> None:
    for method, path, _ in operations(served):
        answer = served.client.request(method, path.replace("{", "").replace("}", ""), params={"no_such": "1"})
        is_openai = path.startswith("/v1/")
        told = answer.json()["error"]["message"] if is_openai else problem(answer, 422)["detail"]
        assert "There is no query parameter 'no_such'" in told, f"{method} {path}"
        assert answer.status_code == (400 if is_openai else 422)
    assert served.engine.status().default_model == "script"


def test_a_query_parameter_that_is_there_twice_is_an_error(served: Served) -> None:
    answer = problem(served.client.delete("/model/unload?model=script&model=other"), 422)
    assert "twice" in answer["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "/profiles", "GET"),
        ("PUT", "/models", "GET"),
        ("GET", "/model/load", "POST"),
        ("PUT", "/health", "GET"),
    ],
)
def test_a_wrong_method_has_the_one_body(served: Served, method: str, path: str, allow: str) -> None:
    answer = served.client.request(method, path)
    assert problem(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize(("path", "right"), [("/models/detials", "'/models/details'"), ("/model/lod", "'/model/load'")])
def test_an_unknown_path_of_a_family_names_the_nearest(served: Served, path: str, right: str) -> None:
    answer = problem(served.client.get(path), 404)
    assert answer["code"] == "not_found" and right in answer["hint"]


@pytest.mark.parametrize("content", ["[" * 100_000, '{"conversation": ' + "1" * 5000 + "}"])
def test_a_body_that_can_not_be_read_has_a_hint(served: Served, content: str) -> None:
    answer = served.client.post("/generate/text", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert problem(answer, answer.status_code)["hint"]


def test_a_body_that_is_missing_is_said_so(served: Served) -> None:
    assert problem(served.client.post("/model/load"), 422)["detail"] == "The body is missing."


def test_every_route_documents_what_every_route_can_answer(served: Served) -> None:
    for method, path, operation in operations(served):
        # To OpenAI's clients a wrong request is a 400.
        everywhere = ANYWHERE - {"422"} if path.startswith("/v1/") else ANYWHERE
        asked_for = ABOUT_KEYS if path in OPEN else set()
        answered = operation["responses"].keys()
        assert answered >= everywhere - asked_for and not answered & asked_for, f"{method} {path}"
        for status in ("408", "415"):
            assert (status in answered) == ("requestBody" in operation), f"{method} {path}"


def test_every_parameter_has_an_example(served: Served) -> None:
    for method, path, operation in operations(served):
        for parameter in operation.get("parameters", []):
            shown = json.dumps(parameter)
            assert '"examples"' in shown or '"example"' in shown, f"{method} {path} {parameter['name']}"


def test_the_example_of_an_import_can_be_imported(serve: Callable[..., Served]) -> None:
    served = serve(load=False)
    content = next(each for method, path, each in operations(served) if path == "/profiles/import")["requestBody"]
    (example,) = content["content"]["application/json"]["examples"].values()
    assert served.client.post("/profiles/import", json=example["value"]).json()["name"] == example["value"]["name"]


def leave_at_once(served: Served, id_model: str = "script") -> None:
    send(served, "/model/load", {"load_config": {"id_model": id_model}}).close()


def test_a_client_that_leaves_at_once_costs_nobody_a_model(served: Served) -> None:
    before = worker_processes(served.engine)
    for _ in range(10):
        leave_at_once(served)
    time.sleep(0.3)
    served.wait_for(lambda: all(each.state is ModelState.READY for each in served.engine.status().models))
    assert worker_processes(served.engine) == before


def test_a_client_that_leaves_does_not_cancel_the_load_of_another(serve: Callable[..., Served]) -> None:
    served = serve(script={"load_seconds": 3.0}, load=False)
    first = send(served, "/model/load", LOAD)
    served.wait_for(lambda: bool(served.engine.status().models))
    for _ in range(5):
        leave_at_once(served)
    first.settimeout(60)
    assert b"200 OK" in first.recv(1000)
    first.close()
    served.wait_for(lambda: [model.state for model in served.engine.status().models] == [ModelState.READY])


@pytest.mark.parametrize("id_model", ["script/", "./script", "script/."])
def test_leaving_cancels_however_the_name_is_written(serve: Callable[..., Served], id_model: str) -> None:
    served = serve(script={"load_seconds": 30}, load=False)
    connection = send(served, "/model/load", {"load_config": {"id_model": id_model}})
    served.wait_for(lambda: bool(served.engine.status().models))
    connection.close()
    served.wait_for(lambda: not served.engine.status().models)


def test_a_longer_context_than_the_models_own_is_said(serve: Callable[..., Served], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    folder = write_ir(tmp_path / "models" / "whole", ("f16", "64,64", 0, 8192), binary_bytes=8192)
    shape = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1}
    config = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 512, "vocab_size": 100, **shape}
    (folder / "config.json").write_text(json.dumps(config))
    for file in ("openvino_tokenizer.xml", "openvino_detokenizer.xml", "tokenizer.json"):
        (folder / file).write_text("{}")
    client = serve(load=False).client
    body = {"load_config": {"id_model": "whole"}, "ov_config": {}}
    long = client.post("/model/fit", params={"context_tokens": 100_000_000}, json=body).json()
    assert (long["context_tokens"], long["requested_context_tokens"]) == (512, 100_000_000)
    assert "at most 512 tokens" in long["context_note"]
    short = client.post("/model/fit", params={"context_tokens": 100}, json=body).json()
    assert (short["context_tokens"], short["context_note"]) == (100, "")
    left_out = client.post("/model/fit", json=body).json()
    assert (left_out["requested_context_tokens"], left_out["context_note"]) == (None, "")
    for wrong in ("context_tokens=0", "context_tokens=-5", "context_tokens=1.5", "sequences=0", f"sequences={10**30}"):
        assert wrong.partition("=")[0] in problem(client.post(f"/model/fit?{wrong}", json=body), 422)["detail"]


def test_a_profile_without_an_ov_config_keeps_the_recommended_one(serve: Callable[..., Served], tmp_path: Path) -> None:
    folder = write_script(tmp_path / "models" / "script")
    recommended = {"PERFORMANCE_HINT": "LATENCY"}
    (folder / "openarc_profile.json").write_text(json.dumps({"ov_config": recommended}))
    client = serve(load=False).client
    load = {"model_path": "script"}
    assert client.put("/profiles/a", json={"load": load}).json()["load"]["ov_config"] == recommended
    assert client.put("/profiles/b", json={"load": {**load, "ov_config": {}}}).json()["load"]["ov_config"] == {}
    imported = client.post("/profiles/import", json={"name": "c", "load": load}).json()
    assert imported["load"]["ov_config"] == recommended
    assert client.put("/profiles/d", json={"load": {"model_path": "gone"}}).json()["load"]["ov_config"] == {}
    assert client.post("/model/load", json=LOAD).json()["requested_properties"] == recommended


def test_what_a_model_recommends_wrongly_is_not_blamed_on_the_request(served: Served, tmp_path: Path) -> None:
    profile = tmp_path / "models" / "script" / "openarc_profile.json"
    profile.write_text(json.dumps({"ov_config": {"KV_CACHE_PRECISION": [1]}}))
    answer = served.client.post("/model/load", json=LOAD)
    if answer.status_code == 422:
        assert "openarc_profile.json" in answer.json()["detail"] and "load_config" not in answer.json()["detail"]
    else:
        assert served.client.get("/models").json()[0]["problems"]
    assert served.client.post("/model/load", json={**LOAD, "ov_config": {}}).status_code == 200


def test_a_mistake_in_the_ov_config_is_said_at_its_own_name(served: Served) -> None:
    content = json.dumps(LOAD)[:-1] + ', "ov_config": {"A": "\\ud83d"}}'
    answer = served.client.post("/model/load", content=content, headers={"content-type": "application/json"})
    detail = problem(answer, 422)["detail"]
    assert detail.startswith("ov_config: ") and "Value error" not in detail


@pytest.mark.parametrize("name", ["a*b", "-x", "y" * 65])
def test_a_name_that_no_profile_can_have_says_which_can(served: Served, name: str) -> None:
    answer = problem(served.client.put(f"/profiles/{name}", json={"load": {"model_path": "script"}}), 422)
    assert "letters, digits, spaces" in answer["hint"] and "pattern" not in answer["detail"]


HUGE = "y" * 100_000


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/model/load", {"load_config": {"id_model": HUGE}}),
        ("POST", "/model/load", {**LOAD, "ov_config": {HUGE: 1}}),
        ("POST", "/model/load", {"load_config": {"id_model": "script", "device": HUGE}}),
        ("POST", "/model/load", {"load_config": {"id_model": "script", HUGE: 1}}),
        ("POST", "/model/unload", {"model": HUGE}),
        ("POST", "/generate/text", {"conversation": [{"role": "user", "content": "x"}], "model": HUGE}),
        ("POST", "/profiles/import", {"version": HUGE, "name": "a", "load": {"model_path": "script"}}),
        ("PUT", "/profiles/a", {"version": HUGE, "load": {"model_path": "script"}}),
    ],
)
def test_an_echo_has_an_end(served: Served, method: str, path: str, body: dict[str, Any]) -> None:
    answer = served.client.request(method, path, json=body)
    assert answer.status_code == 422 and len(answer.content) < 1000
    assert len(served.client.get("/status").content) < 5000


def test_echoes_are_cut_and_sentences_are_not() -> None:
    sentence = "The genai backend has no option 'x'. " * 10
    assert without_long_echoes(sentence) == sentence
    assert len(without_long_echoes(f"No model '{'a b ' * 1000}' here.")) < 300
    assert without_long_echoes(f"No model '{'a' * 1000}' here.").endswith("… here.")
    assert len(without_long_echoes("a b " * 10_000)) < 2100


@pytest.mark.parametrize(
    "conversation", [[{"role": "nobody"}] * 10_001, [[{"role": "nobody"}] * 6000] * 2, [[]] * 10_001]
)
def test_messages_are_counted_before_one_is_read(conversation: list[Any]) -> None:
    with pytest.raises(ValidationError, match="at most 10000 messages in one request") as refused:
        GenerateBody.model_validate({"conversation": conversation})
    assert refused.value.error_count() == 1


def test_as_many_messages_as_may_be_are_read() -> None:
    messages = [{"role": "user", "content": "x"}] * 10_000
    (request,) = GenerateBody.model_validate({"conversation": messages}).requests()
    assert len(request.conversation) == 10_000


def test_findings_are_cut_and_counted(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings = [Finding("device", "warning", "rules", f"Number {n}.") for n in range(150)]
    mistake = Finding("ov_config." + "K" * 5000, "error", "rules", "No.")
    monkeypatch.setattr(served.engine.preflight, "findings", lambda request: [*warnings, mistake])
    answer = served.client.post("/model/validate", json=LOAD).json()
    assert (answer["is_valid"], len(answer["findings"]), answer["more_findings"]) == (False, 100, 51)
    assert answer["findings"][0]["severity"] == "error" and len(answer["findings"][0]["field"]) < 300


def test_paths_of_our_folders_are_named_and_others_left_alone(tmp_path: Path) -> None:
    places = Places(tmp_path / "models", tmp_path / "models" / "cache")
    told = {
        "a": [f"{tmp_path}/models/cache/x", {"b": f"Can't read '{tmp_path}/models/m/config.json'."}],
        "c": f"{tmp_path}/modelsother",
        "d": 5,
    }
    assert places.hidden(told) == {
        "a": ["cache folder/x", {"b": "Can't read 'model folder/m/config.json'."}],
        "c": f"{tmp_path}/modelsother",
        "d": 5,
    }


def test_status_and_errors_show_no_path_of_this_machine(
    serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(cache_folder=tmp_path / "cache")
    (status,) = served.client.get("/status").json()["models"]
    assert status["info"]["path"] == "model folder/script"

    def fail(*_: Any, **__: Any) -> Any:
        raise ModelLoadFailed(f"Can't open {tmp_path}/models/script/x.xml.", "")

    monkeypatch.setattr(served.engine, "load", fail)
    answer = problem(served.client.post("/model/load", json=LOAD), 500)
    assert answer["detail"] == "Can't open model folder/script/x.xml."


def test_the_list_of_models_tells_the_broken_ones(serve: Callable[..., Served], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    folder = write_ir(tmp_path / "models" / "torn", ("f16", "64,64", 0, 8192), binary_bytes=7)
    (folder / "config.json").write_text("{}")
    found = {each["name"]: each for each in serve(load=False).client.get("/models").json()}
    assert found["torn"]["problems"] and found["torn"]["backends"] == [] and found["torn"]["details"] is None
    assert found["script"]["problems"] == []


@pytest.mark.model
def test_a_load_tells_what_the_cache_saved(starter_folder: Path, tmp_path: Path) -> None:
    with Engine(starter_folder.parent, cache_folder=tmp_path / "cache") as engine:
        startup = Startup(engine, Settings(model="none"), lambda status: None)
        conversations = ConversationStore(tmp_path / "conversations.sqlite3")
        store = MetricsStore(tmp_path / "metrics.sqlite3")
        exposition = Exposition(engine.status, store.health)
        profiles = ProfileStore(tmp_path / "profiles")
        runs, tasks = TuningRuns(engine, tmp_path / "tuning"), made_tasks(engine)
        api = create_api(engine, startup, profiles, conversations, store, exposition, runs, tasks, no_hub())
        stateful = {"ATTENTION_BACKEND": "SDPA"}
        body = {"load_config": {"id_model": starter_folder.name, "backend": "genai"}, "ov_config": stateful}

        async def ask() -> list[httpx.Response]:
            transport = httpx.ASGITransport(api)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver", timeout=300) as client:
                loads = [await client.post("/model/load", json=body) for _ in range(2)]
                return [*loads, await client.get("/status")]

        first, second, status = anyio.run(ask)
        assert first.json()["compile_cache"]["first_seconds"] > 0
        assert first.json()["compile_cache"]["cached_seconds"] is None
        assert second.json()["compile_cache"]["cached_seconds"] > 0
        store.close()
        for answer in (first, second, status):
            assert str(tmp_path) not in answer.text and str(starter_folder.parent) not in answer.text
