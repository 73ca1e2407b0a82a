"""Paths of older OpenArc: they do the same as the new ones under their own names, and refuse by name what is not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui import __version__
from openarc_ui.engine.types import LoadRequest
from openarc_ui.server.older_bodies import OlderLoadBody
from tests.conftest import write_script
from tests.server.conftest import HELLO, Served
from tests.server.test_routes import problem

SMALL = {"model_path": "script", "model_name": "small", "model_type": "llm", "engine": "ovgenai", "device": "CPU"}


def test_a_load_of_openarc_2_becomes_the_engines_own() -> None:
    body = OlderLoadBody.model_validate(
        {
            **SMALL,
            "engine": "optimum",
            "runtime_config": {"PERFORMANCE_HINT": "LATENCY"},
            "scheduler_config": {"cache_size": 2, "max_num_seqs": 4},
            "draft_device": "CPU",
            "draft_model_path": None,
        }
    )
    request = body.request({"NUM_STREAMS": 1})
    assert (request.model_path, request.name, request.backend) == ("script", "small", "optimum")
    assert request.ov_config == {"PERFORMANCE_HINT": "LATENCY"}
    assert (request.scheduler.cache_size, request.scheduler.max_num_seqs) == (2, 4)


def test_without_a_runtime_config_the_recommended_one_is_taken() -> None:
    assert OlderLoadBody.model_validate(SMALL).request({"NUM_STREAMS": 1}).ov_config == {"NUM_STREAMS": 1}
    assert OlderLoadBody.model_validate({**SMALL, "runtime_config": {}}).request({"NUM_STREAMS": 1}).ov_config == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model_type": "vlm"}, "text model"),
        ({"model_type": "emb"}, "Embeddings"),
        ({"model_type": "wizard"}, "'wizard'"),
        ({"engine": "openvino"}, "ovgenai or optimum"),
        ({"draft_model_path": "other"}, "draft_model_path"),
        ({"draft_device": "GPU"}, "draft_device"),
        ({"num_assistant_tokens": 4}, "num_assistant_tokens"),
        ({"assistant_confidence_threshold": 0.4}, "assistant_confidence_threshold"),
        ({"cache_dir": "x"}, "--cache-folder"),
        ({"vlm_type": "x"}, "vlm_type"),
        ({"scheduler_config": {"num_linear_attention_blocks": 3}}, "num_linear_attention_blocks"),
        ({"scheduler_config": {"cache_size": 1, "num_kv_blocks": 3}}, "cache_size"),
        ({"model_nam": "x"}, "'model_name'"),
        ({"device": ""}, "device"),
    ],
)
def test_what_is_not_here_is_refused_by_name(served: Served, change: dict[str, Any], says: str) -> None:
    answer = problem(served.client.post("/openarc/load", json={**SMALL, **change}), 422)
    assert says in answer["detail"] + answer["hint"]
    assert [model.name for model in served.engine.status().models] == ["script"]


def test_a_model_is_loaded_and_unloaded_under_the_names_of_openarc_2(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(load=False)
    load = served.engine.load

    def with_the_script(request: LoadRequest, **options: Any) -> Any:
        assert request.backend == "genai"
        return load(request.model_copy(update={"backend": "scripted"}), **options)

    monkeypatch.setattr(served.engine, "load", with_the_script)
    loaded = served.client.post("/openarc/load", json=SMALL).json()
    assert (loaded["model_name"], loaded["status"]) == ("small", "loaded") and loaded["model_id"]
    status = served.client.get("/openarc/status").json()
    assert (status["total_loaded_models"], status["openai_model_names"]) == (1, ["small"])
    (model,) = status["models"]
    assert (model["status"], model["model_type"], model["device"]) == ("loaded", "llm", "CPU")
    assert model["time_loaded"].endswith("+00:00") and model["error_message"] is None
    gone = served.client.post("/openarc/unload", json={"model_name": "small"}).json()
    assert gone == {"model_name": "small", "status": "unloading"}
    assert (
        problem(served.client.post("/openarc/unload", json={"model_name": "small"}), 409)["code"] == "model_not_loaded"
    )


def test_the_model_folder_and_the_version(served: Served, tmp_path: Path) -> None:
    (model,) = served.client.get("/openarc/models").json()["models"]
    assert (model["id"], model["path"], model["model_name"]) == ("script", "script", "script")
    assert model["has_config"] is False and str(tmp_path) not in str(model)
    assert served.client.get("/openarc/version").json() == {"version": __version__}


def test_the_machine_is_measured(served: Served) -> None:
    machine = served.client.get("/openarc/metrics").json()
    (processor,) = machine["cpus"]
    assert processor["name"] and 0 <= processor["usage"] <= 100 and processor["threads"] >= 1
    assert 0 < machine["used_ram"] < machine["total_ram"]
    assert machine["gpu_metrics_worked"] is any(each["used_vram"] is not None for each in machine["gpus"])


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("POST", "/openarc/bench", "/metrics/summary"),
        ("GET", "/openarc/downloader", "model folder"),
        ("POST", "/openarc/downloader/pause", "model folder"),
        ("POST", "/openarc/models/update", "PUT /profiles"),
        ("DELETE", "/openarc/models", "DELETE /profiles"),
        ("GET", "/openarc/statu", "'/openarc/status'"),
    ],
)
def test_what_is_gone_says_what_is_instead(served: Served, method: str, path: str, says: str) -> None:
    answer = problem(served.client.request(method, path), 404)
    assert says in answer["hint"]


def test_unload_of_version_1_0_3_names_the_model_with_model_id(served: Served, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "other")
    served.engine.load(LoadRequest(model_path="other"))
    both = served.client.delete("/optimum/model/unload?model=script&model_id=script")
    assert "same thing" in problem(both, 422)["detail"]
    assert served.client.delete("/optimum/model/unload?model_id=script").json()["model"] == "script"
    assert served.client.delete("/optimum/model/unload").json()["model"] == "other"


def test_a_prompt_in_place_of_a_conversation(served: Served) -> None:
    answer = served.client.post("/generate/text", json={"prompt": "hello", "user": "me"}).json()
    assert answer["generated_text"] == "The capital of France is Paris." == answer["content"]
    both = problem(served.client.post("/generate/text", json={**HELLO, "prompt": "hello"}), 422)
    assert "not both" in both["detail"]
    unused = problem(served.client.post("/generate/text", json={"prompt": "x", "when_too_long": "shorten"}), 422)
    assert "when_too_long" in unused["detail"]


@pytest.mark.parametrize("request_id", ["chatcmpl-1", "cmpl-0a1b", "resp_0a1b"])
def test_cancel_takes_the_ids_of_v1(served: Served, request_id: str) -> None:
    assert served.client.post(f"/generate/cancel/{request_id}").json() == {"cancelled": False}


def test_a_structure_is_tried_out(served: Served) -> None:
    fine = served.client.post("/check-structure", json={"structured_output": {"choice": ["a", "b"]}})
    body = fine.json()
    assert fine.status_code == 200 and body["is_possible"] is (body["problem"] == "")
    two = served.client.post("/check-structure", json={"structured_output": {"choice": ["a"], "regex": "a"}})
    assert "exactly one" in problem(two, 422)["detail"]
    missing = served.client.post("/check-structure", json={"structured_output": {"regex": "a"}, "model": "scrpt"})
    assert "'script'" in problem(missing, 409)["hint"]
