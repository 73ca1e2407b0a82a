"""Tuning over HTTP: what is asked reaches the runs as it was meant, and what they tell reaches the client whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import EngineBusy, EngineReserved, OpenArcError, TuningBusy, TuningFolderUnusable
from openarc_ui.server import tuning_bodies as bodies
from openarc_ui.settings import Settings
from openarc_ui.tuning import results
from openarc_ui.tuning.axes import AxisOffer
from openarc_ui.tuning.requests import SweepRequest
from openarc_ui.tuning.results import Summary
from tests.server.conftest import Served
from tests.server.test_routes import problem
from tests.server.test_streams import send
from tests.tuning_fakes import BROKEN_ID, CONFIGURATION_ID, RUN_ID, FakeRuns, view

BENCH: dict[str, Any] = {"kind": "bench", "configuration": {"model_path": "script"}}
RUN = f"/tuning/runs/{RUN_ID}"
ONE = f"{RUN}/configurations/{CONFIGURATION_ID}"
SHOWN = {
    bodies.RunHeadBody: results.RunHead,
    bodies.TuningFailureBody: results.Failure,
    bodies.ConfigurationBody: results.Configuration,
    bodies.RunLoadedBody: results.Loaded,
    bodies.SummaryBody: results.Summary,
    bodies.RunDifferenceBody: results.Difference,
    bodies.DivergenceBody: results.Divergence,
    bodies.QualityBody: results.Quality,
    bodies.ConfigurationResultBody: results.ConfigurationResult,
    bodies.ProgressBody: results.Progress,
    bodies.ImportanceBody: results.Importance,
    bodies.RunViewBody: results.RunView,
    bodies.AxisOfferBody: AxisOffer,
}


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def tuned(serve: Callable[..., Served], runs: FakeRuns) -> Served:
    """A server over runs that measure nothing, without a model."""
    return serve(load=False, runs=runs)


@pytest.mark.parametrize("body", SHOWN, ids=lambda body: body.__name__)
def test_a_body_has_the_fields_of_what_it_shows(body: Any) -> None:
    missing = dataclasses.MISSING
    has_default = {
        each.name: each.default is not missing or each.default_factory is not missing
        for each in dataclasses.fields(SHOWN[body])
    }
    assert list(body.model_fields) == list(has_default)
    assert {name: not field.is_required() for name, field in body.model_fields.items()} == has_default


def test_a_run_is_started_with_all_that_was_asked(tuned: Served, runs: FakeRuns) -> None:
    sweep = {
        "kind": "sweep",
        "base": {"model_path": "script", "ov_config": {"NUM_STREAMS": 1}},
        "axes": [{"field": "ov_config.INFERENCE_NUM_THREADS", "values": [1, 2, None]}],
        "objectives": ["ttft_seconds", "memory_bytes"],
        "budget_minutes": 0.5,
    }
    started = tuned.client.post("/tuning/runs", json=sweep)
    assert started.status_code == 200 and started.json()["state"] == "running"
    ((_, request),) = runs.calls
    assert isinstance(request, SweepRequest)
    assert request.axes[0].values == (1, 2, None) and request.objectives == ("ttft_seconds", "memory_bytes")
    assert request.base.ov_config == {"NUM_STREAMS": 1}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({**BENCH, "workload": []}, "Did you mean 'workloads'"),
        ({**BENCH, "workloads": [{"prompt_tokns": 1}]}, "'prompt_tokns' in 'workloads.0'"),
        ({**BENCH, "workloads": []}, "workloads: "),
        ({**BENCH, "repetitions": 0}, "repetitions: "),
        ({**BENCH, "configuration": {"model_pth": "x"}}, "Did you mean 'model_path'"),
        ({**BENCH, "kind": "bensh"}, "Did you mean 'bench'"),
        ({"configuration": {"model_path": "x"}}, "kind must be bench, sweep or comparison."),
        ({**BENCH, "kind": "sweep"}, "There is no field 'configuration'"),
        ({"kind": "sweep", "base": {"model_path": "x"}, "axes": [{"field": "threads", "values": [1]}]}, "axes.0.field"),
        ([], "an object"),
        ("bench", "an object"),
    ],
    ids=str,
)
def test_what_can_not_be_asked_for_is_told_with_the_right_name(
    tuned: Served, runs: FakeRuns, body: Any, says: str
) -> None:
    answer = problem(tuned.client.post("/tuning/runs", json=body), 422)
    assert says in f"{answer['detail']} {answer['hint']}" and runs.calls == []


def test_a_body_that_is_no_json_is_told(tuned: Served) -> None:
    answer = tuned.client.post("/tuning/runs", content="{", headers={"content-type": "application/json"})
    assert "not JSON" in problem(answer, 422)["detail"]
    assert problem(tuned.client.post("/tuning/runs"), 422)["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TuningBusy("The bench 'a' works already."), 409, "tuning_busy"),
        (EngineBusy("script is at work.", "Try again."), 503, "engine_busy"),
        (EngineReserved("The bench 'a' measures."), 503, "engine_reserved"),
        (TuningFolderUnusable("The tuning folder can't be written."), 503, "tuning_folder_unusable"),
    ],
    ids=lambda each: getattr(each, "code", str(each)),
)
def test_a_run_that_can_not_begin_says_why(
    serve: Callable[..., Served], error: OpenArcError, status: int, code: str
) -> None:
    client = serve(load=False, runs=FakeRuns(error)).client
    for asked in (client.post("/tuning/runs", json=BENCH), client.post(f"{RUN}/resume"), client.delete(RUN)):
        assert problem(asked, status)["code"] == code
        assert ("retry-after" in asked.headers) == isinstance(error, EngineBusy)


def test_runs_are_listed_and_read_whole(tuned: Served) -> None:
    (listed,) = tuned.client.get("/tuning/runs").json()
    read = tuned.client.get(RUN).json()
    assert read["head"] == listed and listed["run_id"] == RUN_ID
    best, failed = read["results"]
    assert best["figures"]["custom"]["ttft_seconds"]["median"] == 0.05
    assert best["figures"]["custom"]["decode_tokens_per_second"]["low"] is None
    assert best["configuration"]["load"]["ov_config"]["NUM_STREAMS"] == 1 and best["is_best"]
    assert failed["failure"]["code"] == "device_unavailable" and failed["figures"] == {}
    bodies.RunViewBody.model_validate(read)


def test_what_is_no_number_is_null_and_a_path_here_is_not_told(tuned: Served, runs: FakeRuns) -> None:
    folder = tuned.engine.model_folder.absolute()
    odd = Summary(1, float("nan"), float("inf"), None, 1.0, 1.0, None, None)
    (measured, _) = view().results
    changed = dataclasses.replace(measured, figures={"custom": {"ttft_seconds": odd}}, marks=(f"In {folder}/script.",))
    runs.made = lambda: view(results=(changed,), notes=(f"{folder} is slow.",))
    answer = tuned.client.get(RUN)
    assert "NaN" not in answer.text and "Infinity" not in answer.text
    (shown,) = answer.json()["results"]
    assert shown["figures"]["custom"]["ttft_seconds"]["median"] is None
    assert str(folder) not in answer.text
    assert shown["marks"] == ["In model folder/script."] and answer.json()["notes"] == ["model folder is slow."]


def test_a_run_is_renamed_paused_cancelled_resumed_and_deleted(tuned: Served, runs: FakeRuns) -> None:
    client = tuned.client
    assert client.patch(RUN, json={"name": "  streams "}).json()["name"] == "streams"
    for verb, state in (("pause", "interrupted"), ("cancel", "cancelled"), ("resume", "running")):
        assert client.post(f"{RUN}/{verb}").json()["state"] == state
    assert client.delete(RUN).json()["status"] == "success"
    assert [name for name, _ in runs.calls] == ["rename", "pause", "cancel", "resume", "delete"]
    for wrong in ({"name": " "}, {"name": "x" * 101}, {"nme": "x"}, {}):
        problem(client.patch(RUN, json=wrong), 422)
    assert problem(client.post(f"{RUN}/cancel", json={"now": True}), 422)["detail"] == "This route takes no body."
    assert len(runs.calls) == 5


@pytest.mark.parametrize("run_id", ["a-rn", "..%2f..%2fetc", "%2e%2e", "x%00", "%ff", "a-run%2f", "x" * 65])
def test_an_id_that_no_run_has_is_refused_everywhere(tuned: Served, runs: FakeRuns, run_id: str) -> None:
    client, one = tuned.client, f"/tuning/runs/{run_id}"
    asked = [client.get(f"{one}{rest}") for rest in ("", "/export", "/report", "/configurations/c0ffee/code?as=curl")]
    asked += [client.post(f"{one}{rest}") for rest in ("/pause", "/cancel", "/resume", "/configurations/c0ffee/load")]
    asked += [client.delete(one), client.patch(one, json={"name": "x"})]
    for answer in asked:
        assert answer.status_code in (404, 405, 422), answer.text
        assert {"detail", "code", "hint"} == answer.json().keys()
    assert runs.calls == []
    if run_id == "a-rn":
        assert all(answer.json()["code"] == "tuning_run_not_found" for answer in asked)
        assert asked[0].json()["hint"] == f"Did you mean '{RUN_ID}'?"


def test_a_configuration_that_is_not_in_the_run_is_named_with_the_nearest(tuned: Served) -> None:
    for answer in (
        tuned.client.post(f"{RUN}/configurations/cofee/load"),
        tuned.client.get(f"{RUN}/configurations/cofee/code?as=curl"),
        tuned.client.put(f"{RUN}/configurations/cofee/profile", json={"name": "x"}),
    ):
        told = problem(answer, 404)
        assert "no configuration 'cofee'" in told["detail"] and told["hint"] == f"Did you mean '{CONFIGURATION_ID}'?"
        assert told["code"] == "tuning_configuration_not_found"


@pytest.mark.parametrize(
    ("format", "media_type", "ending"),
    [("markdown", "text/markdown", "md"), ("csv", "text/csv", "csv"), ("json", "application/json", "json")],
)
def test_a_run_is_exported_as_a_file(tuned: Served, format: str, media_type: str, ending: str) -> None:
    answer = tuned.client.get(f"{RUN}/export", params={"format": format})
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.headers["content-disposition"] == f'attachment; filename="openarc-{RUN_ID}.{ending}"'
    assert "1 stream" in answer.text and "70" in answer.text
    assert "markdown" in problem(tuned.client.get(f"{RUN}/export?format=pdf"), 422)["detail"]


def test_a_report_is_a_page_that_may_load_and_run_nothing(tuned: Served) -> None:
    shown, kept = tuned.client.get(f"{RUN}/report"), tuned.client.get(f"{RUN}/report?download=true")
    assert shown.text == kept.text and shown.text.lstrip().lower().startswith("<!doctype html>")
    for answer in (shown, kept):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
        assert "script" not in policy and answer.headers["content-type"].startswith("text/html")
    assert "content-disposition" not in shown.headers
    assert kept.headers["content-disposition"] == f'attachment; filename="openarc-{RUN_ID}.html"'


def test_presets_are_workloads_that_can_be_sent(tuned: Served) -> None:
    presets = tuned.client.get("/tuning/presets").json()
    assert {"chat", "document", "agent", "users"} == {each["name"] for each in presets}
    assert tuned.client.post("/tuning/runs", json={**BENCH, "workloads": presets}).status_code == 200


def test_the_axes_are_those_of_the_device(tuned: Served) -> None:
    offered = tuned.client.post("/tuning/axes", json={"base": {"model_path": "script", "device": "CPU"}}).json()
    hint = next(each for each in offered if each["field"] == "ov_config.PERFORMANCE_HINT")
    assert "LATENCY" in hint["choices"] and hint["help"] and hint["group"]
    assert any(each["is_suggested"] for each in offered)
    assert problem(tuned.client.post("/tuning/axes", json={"base": {"model_path": "scrpt"}}), 404)["hint"] == (
        "Did you mean 'script'?"
    )
    assert problem(tuned.client.post("/tuning/axes", json={"bse": {}}), 422)["hint"] == "Did you mean 'base'?"


@pytest.fixture
def measured(tuned: Served, runs: FakeRuns) -> Served:
    """The same, where the measured configuration can be loaded."""
    runs.made = lambda: view(LoadRequest(model_path="script", ov_config={"NUM_STREAMS": 1}))
    return tuned


def test_a_measured_configuration_is_loaded(measured: Served) -> None:
    answer = measured.client.post(f"{ONE}/load").json()
    assert (answer["model"], answer["requested_properties"]) == ("script", {"NUM_STREAMS": 1})
    assert measured.engine.status().models[0].request.ov_config == {"NUM_STREAMS": 1}


def test_a_client_that_leaves_cancels_the_load(serve: Callable[..., Served], runs: FakeRuns) -> None:
    runs.made = lambda: view(LoadRequest(model_path="script"))
    served = serve(script={"load_seconds": 30.0}, load=False, runs=runs)

    connection = send(served, f"{ONE}/load", None)
    served.wait_for(lambda: bool(served.engine.status().models))
    connection.close()
    served.wait_for(lambda: not served.engine.status().models)


def test_a_measured_configuration_becomes_a_profile(measured: Served) -> None:
    saved = measured.client.put(f"{ONE}/profile", json={"name": "tuned"}).json()
    assert saved["load"]["ov_config"] == {"NUM_STREAMS": 1} and "threads" in saved["description"]
    assert measured.client.get("/profiles/tuned").json() == saved
    assert problem(measured.client.put(f"{ONE}/profile", json={"name": "tuned"}), 409)["code"] == "profile_exists"
    again = {"name": "tuned", "replace": True, "description": "Mine."}
    assert measured.client.put(f"{ONE}/profile", json=again).json()["description"] == "Mine."
    assert problem(measured.client.put(f"{ONE}/profile", json={"name": "../x"}), 422)["code"] == "invalid_request"


def test_a_measured_configuration_as_code_names_this_server(measured: Served) -> None:
    answer = measured.client.get(f"{ONE}/code?as=curl")
    assert measured.address in answer.text and "NUM_STREAMS" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert "curl" in problem(measured.client.get(f"{ONE}/code?as=rust"), 422)["detail"]
    assert "GPU" in measured.client.get(f"{RUN}/configurations/{BROKEN_ID}/code?as=python").text


def test_a_query_that_is_not_known_is_named(tuned: Served) -> None:
    assert problem(tuned.client.get(f"{RUN}/export?fromat=csv"), 422)["hint"] == "Did you mean 'format'?"
    assert problem(tuned.client.get("/tuning/runs?limit=3"), 422)["detail"] == "There is no query parameter 'limit'."
    assert "download" in problem(tuned.client.get(f"{RUN}/report?download=perhaps"), 422)["detail"]


def test_head_is_answered_where_get_is(tuned: Served) -> None:
    for path in ("/tuning/runs", RUN, f"{RUN}/export", f"{RUN}/report", "/tuning/presets", f"{ONE}/code?as=curl"):
        answer = tuned.client.head(path)
        assert answer.status_code == 200 and not answer.content, path


def test_what_is_not_there_is_told_below_tuning_too(tuned: Served) -> None:
    assert problem(tuned.client.get("/tuning/rns"), 404)["hint"].startswith("Did you mean '/tuning/runs'")
    assert tuned.client.put("/tuning/runs").headers["allow"] == "GET, HEAD, POST"


def test_a_key_for_use_may_read_and_nothing_else(serve: Callable[..., Served], runs: FakeRuns) -> None:
    settings = Settings(model="none", api_key=SecretStr("key-for-use"), admin_key=SecretStr("key-for-all"))
    served = serve(settings, load=False, runs=runs)
    client = httpx.Client(base_url=served.address, headers={"X-API-Key": "key-for-use"})
    for path in ("/tuning/runs", RUN, "/tuning/presets", f"{RUN}/export", f"{RUN}/report"):
        assert client.get(path).status_code == 200, path
    refused = [client.post("/tuning/runs", json=BENCH), client.patch(RUN, json={"name": "x"}), client.delete(RUN)]
    refused += [client.post(f"{RUN}/{verb}") for verb in ("pause", "cancel", "resume")]
    refused += [client.post(f"{ONE}/load"), client.put(f"{ONE}/profile", json={"name": "x"})]
    refused += [client.get(f"{ONE}/code?as=curl")]
    for answer in refused:
        assert problem(answer, 403)["code"] == "administrator_needed"
    assert runs.calls == []
