"""Tuning through Gradio's own client: what is asked reaches the runs, and what they tell reaches the client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from openarc_ui.access import CALLER_HEADER, ROLE_HEADER
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import TuningBusy
from openarc_ui.profiles import ProfileStore
from openarc_ui.tuning.requests import BenchRequest
from openarc_ui.ui.api_tuning import ACTIONS, tuning_endpoints
from openarc_ui.ui.api_watch import LoadWatch
from openarc_ui.ui.rights import Rights
from tests.conftest import write_script
from tests.tuning_fakes import CONFIGURATION_ID, RUN_ID, FakeRuns, view
from tests.ui.served import serve_endpoints

BENCH: dict[str, Any] = {"kind": "bench", "configuration": {"model_path": "script"}}


@pytest.fixture
def runs() -> FakeRuns:
    return FakeRuns()


@pytest.fixture
def profiles(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "profiles")


@pytest.fixture
def engine(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    write_script(tmp_path / "models" / "script")
    return make_engine()


@pytest.fixture
def address(engine: Engine, runs: FakeRuns, profiles: ProfileStore) -> Iterator[str]:
    """The endpoints alone, on a port."""
    with serve_endpoints(tuning_endpoints(engine, runs, profiles, LoadWatch(engine), Rights(), False)) as served:
        yield served


@pytest.fixture
def client(address: str) -> Client:
    return Client(address, verbose=False, ssl_verify=False)


def test_a_run_is_started_from_an_object_or_its_text(client: Client, runs: FakeRuns) -> None:
    assert client.predict(BENCH, api_name="/tune_start")["state"] == "running"
    assert client.predict(json.dumps(BENCH), api_name="/tune_start")["run_id"] == RUN_ID
    one, other = (given for _, given in runs.calls)
    assert isinstance(one, BenchRequest) and one == other


def test_a_run_is_listed_and_read_with_its_loads_as_texts(client: Client) -> None:
    assert [each["run_id"] for each in client.predict(api_name="/tune_runs")] == [RUN_ID]
    run = client.predict(RUN_ID, api_name="/tune_run")
    best = next(each for each in run["results"] if each["configuration"]["configuration_id"] == run["best_id"])
    assert best["figures"]["custom"]["decode_tokens_per_second"]["median"] == 70.0
    assert json.loads(best["configuration"]["load"])["ov_config"] == {"NUM_STREAMS": 1, "path": "no file"}
    assert client.predict(run["request"], api_name="/tune_start")["state"] == "running"


def test_a_run_is_renamed_paused_cancelled_resumed_and_deleted(client: Client, runs: FakeRuns) -> None:
    assert client.predict(RUN_ID, "streams", api_name="/tune_rename")["name"] == "streams"
    for name, state in (("pause", "interrupted"), ("cancel", "cancelled"), ("resume", "running")):
        assert client.predict(RUN_ID, api_name=f"/tune_{name}")["state"] == state
    assert client.predict(RUN_ID, api_name="/tune_delete") == RUN_ID
    assert [name for name, _ in runs.calls] == ["rename", "pause", "cancel", "resume", "delete"]


def test_a_run_is_exported_and_reported_as_text(client: Client) -> None:
    for format in ("markdown", "csv", "json"):
        assert "1 stream" in client.predict(RUN_ID, format, api_name="/tune_export")
    assert "1 stream" in client.predict(RUN_ID, api_name="/tune_report")


def test_what_can_be_asked_for_is_told(client: Client) -> None:
    assert {each["name"] for each in client.predict(api_name="/tune_presets")} == {"chat", "document", "agent", "users"}
    offered = client.predict({"model_path": "script"}, api_name="/tune_axes")
    assert any(each["field"] == "ov_config.PERFORMANCE_HINT" for each in offered)


def test_a_measured_configuration_is_applied_kept_and_copied(
    client: Client, runs: FakeRuns, engine: Engine, profiles: ProfileStore, address: str
) -> None:
    runs.made = lambda: view(LoadRequest(model_path="script", ov_config={"NUM_STREAMS": 1}))
    loaded = client.predict(RUN_ID, CONFIGURATION_ID, api_name="/tune_apply")
    assert (loaded["state"], loaded["name"]) == ("ready", "script")
    assert engine.status().models[0].request.ov_config == {"NUM_STREAMS": 1}
    assert client.predict(RUN_ID, CONFIGURATION_ID, "tuned", api_name="/tune_save_profile") == "tuned"
    assert profiles.get("tuned").load.ov_config == {"NUM_STREAMS": 1}
    assert address in client.predict(RUN_ID, CONFIGURATION_ID, "curl", api_name="/tune_code")


@pytest.mark.parametrize(
    ("endpoint", "arguments", "says"),
    [
        ("tune_start", [{**BENCH, "workload": []}], "Did you mean 'workloads'"),
        ("tune_start", [{"kind": "bensh"}], "kind must be bench, sweep or comparison. Did you mean 'bench'"),
        ("tune_start", ["{"], "request is not JSON"),
        ("tune_start", [5], "request must be an object or a text"),
        ("tune_run", ["a-rn"], "There is no run 'a-rn'. Did you mean 'a-run'"),
        ("tune_run", ["x" * 65], "run_id: "),
        ("tune_rename", [RUN_ID, ""], "name: "),
        ("tune_export", [RUN_ID, "pdf"], "format: "),
        ("tune_axes", [{"model_pth": "x"}], "Did you mean 'model_path'"),
        ("tune_axes", [{"model_path": "scrpt"}], "Did you mean 'script'"),
        ("tune_apply", [RUN_ID, "cofee"], "has no configuration 'cofee'. Did you mean 'c0ffee'"),
        ("tune_save_profile", [RUN_ID, CONFIGURATION_ID, "../x"], "name: "),
        ("tune_code", [RUN_ID, CONFIGURATION_ID, "rust"], "kind: "),
    ],
)
def test_what_is_wrong_is_one_sentence(
    client: Client, runs: FakeRuns, endpoint: str, arguments: list[Any], says: str
) -> None:
    with pytest.raises(AppError) as caught:
        client.predict(*arguments, api_name=f"/{endpoint}")
    assert says in str(caught.value) and "Traceback" not in str(caught.value) and runs.calls == []


def test_a_run_that_can_not_begin_says_why(client: Client, runs: FakeRuns) -> None:
    runs.refusing = TuningBusy("The bench 'a' works already.", "Wait for it, or cancel it.")
    with pytest.raises(AppError, match=r"The bench 'a' works already\. Wait for it"):
        client.predict(BENCH, api_name="/tune_start")


def test_a_key_for_use_may_read_and_nothing_else(address: str, runs: FakeRuns) -> None:
    client = Client(address, verbose=False, headers={ROLE_HEADER: "user", CALLER_HEADER: "a"})
    assert client.predict(RUN_ID, api_name="/tune_run")["best_id"] == CONFIGURATION_ID
    given: dict[str, list[Any]] = {"tune_start": [BENCH], "tune_rename": [RUN_ID, "x"]}
    of_a_configuration = {"tune_apply": [], "tune_save_profile": ["x"], "tune_code": ["curl"]}
    given |= {name: [RUN_ID, CONFIGURATION_ID, *more] for name, more in of_a_configuration.items()}
    for name, action in ACTIONS.items():
        with pytest.raises(AppError, match=f"{action} needs the administration key"):
            client.predict(*given.get(name, [RUN_ID]), api_name=f"/{name}")
    assert runs.calls == []
