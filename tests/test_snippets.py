"""Code to copy: it is run, and it loads the same thing."""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest, ModelNotFound
from openarc_ui.snippets import CAN_SAY, SnippetKind, local_path, snippet
from tests.application import ROOT, Application
from tests.conftest import write_script

ADDRESS = "http://127.0.0.1:7860"
KEY = "a-long-secret"
NASTY = 'it\'s "q" $HOME `id` \\ \n ü 日本 \u2028 {}%'
EVERY: dict[str, Any] = {
    "model_path": "script",
    "name": "mine",
    "ov_config": {"TEXT": NASTY, "TRUE": True, "FALSE": False, "ZERO": 0, "HALF": 0.5, "EMPTY": ""},
    "scheduler": {"max_num_seqs": 4, "enable_prefix_caching": False, "cache_size": 0},
    "sampling_defaults": {"temperature": 0.0, "top_k": 0, "do_sample": False, "stop": [NASTY, "'"]},
}
EVICTING: dict[str, Any] = {
    "max_num_seqs": 4,
    "use_cache_eviction": True,
    "cache_eviction_config": {"max_cache_size": 256, "aggregation_mode": "SUM", "apply_rotation": True},
    "use_sparse_attention": True,
    "sparse_attention_config": {"mode": "TRISHAPE", "num_last_dense_tokens_in_prefill": 10},
}


def order(**values: Any) -> LoadRequest:
    return LoadRequest.model_validate({"model_path": "model", **values})


def code(kind: SnippetKind, request: LoadRequest, **options: Any) -> str:
    return snippet(kind, request, **{"address": ADDRESS, "model_path": "models/model", **options})


def sent_by_curl(text: str) -> Any:
    words = shlex.split(text.replace("\\\n", " "))
    return json.loads(words[words.index("-d") + 1])


def sent_by_requests(text: str) -> Any:
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    keyword = next(keyword for call in calls for keyword in call.keywords if keyword.arg == "json")
    return ast.literal_eval(keyword.value)


VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
).filter(lambda value: not isinstance(value, str) or not any("\ud800" <= each <= "\udfff" for each in value))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), VALUES, max_size=4))
def test_any_value_is_quoted_so_that_it_is_itself_again(config: dict[str, Any]) -> None:
    request = order(ov_config=config)
    for sent in (sent_by_curl(code("curl", request)), sent_by_requests(code("python", request))):
        assert sent == {"load_config": {"id_model": "model", "device": "CPU"}, "ov_config": config}
        assert [type(value) for value in sent["ov_config"].values()] == [type(value) for value in config.values()]
    for kind in ("gradio_client", "openvino_genai", "optimum"):
        ast.parse(code(kind, request))


def test_only_what_was_set_is_written_but_always_an_ov_config() -> None:
    assert sent_by_curl(code("curl", order())) == {
        "load_config": {"id_model": "model", "device": "CPU"},
        "ov_config": {},
    }
    for kind in CAN_SAY:
        for word in ("overcommit", "temperature", "eviction_config", "OPENARC_API_KEY", "eos", "seed"):
            assert word not in code(kind, order(allow_overcommit=True)), (kind, word)


def test_a_key_is_taken_from_the_environment_and_the_scripts_without_openarc_need_none() -> None:
    for kind in CAN_SAY:
        is_call = kind in ("curl", "python", "gradio_client")
        assert ("OPENARC_API_KEY" in code(kind, order(), needs_key=True)) is is_call


@pytest.mark.parametrize(
    ("kind", "load", "says"),
    [
        ("gradio_client", {"use_cache": False}, "use_cache"),
        ("openvino_genai", {"export_model": True}, "export_model"),
        ("openvino_genai", {"bos_token_id": 0}, "bos_token_id"),
        ("openvino_genai", {"device": "NPU", "scheduler": {"max_num_seqs": 1}}, "stateful"),
        ("optimum", {"scheduler": {"enable_prefix_caching": False}}, "scheduler"),
        ("optimum", {"model_path": "x.gguf"}, "GGUF"),
        ("optimum", {"backend": "scripted"}, "script"),
        ("optimum", {"ov_config": {"ATTENTION_BACKEND": "SDPA"}}, "ATTENTION_BACKEND"),
        ("optimum", {"device": "NPU"}, "NPU"),
    ],
)
def test_what_a_kind_can_not_say_is_refused_with_a_way_out(kind: SnippetKind, load: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        code(kind, order(**load))
    assert says in caught.value.message and caught.value.hint


def test_a_way_out_is_one_that_can_say_it() -> None:
    with pytest.raises(InvalidRequest) as caught:
        code("gradio_client", order(use_cache=False, ov_config={"ATTENTION_BACKEND": "SDPA"}))
    assert "python" in caught.value.hint and "optimum" not in caught.value.hint


@pytest.mark.parametrize("kind", ["openvino_genai", "optimum"])
def test_a_script_without_openarc_writes_into_no_folder_of_whoever_runs_it(kind: SnippetKind) -> None:
    text = code(kind, order(ov_config={"CACHE_DIR": "mine", "WEIGHTS_PATH": "w.bin", "NUM_STREAMS": 1}))
    assert '"mine"' not in text and '"w.bin"' not in text and '"NUM_STREAMS": 1' in text
    assert text.startswith("# CACHE_DIR is left out:") and ast.parse(text)
    assert sent_by_curl(code("curl", order(ov_config={"CACHE_DIR": "mine"})))["ov_config"] == {"CACHE_DIR": "mine"}
    switched_off = code(kind, order(ov_config={"CACHE_DIR": ""}))
    assert '"CACHE_DIR": ""' in switched_off and "left out" not in switched_off


def test_names_of_older_openarc_are_todays_in_a_script_without_it() -> None:
    text = code("openvino_genai", order(ov_config={"PRECISION_HINT": "fp32"}))
    assert '"INFERENCE_PRECISION_HINT": "f32"' in text and '"PRECISION_HINT"' not in text


def test_the_stateful_pipeline_is_used_where_paged_attention_is_not() -> None:
    for load in (
        {"device": "NPU", "ov_config": {"MAX_PROMPT_LEN": 2048}},
        {"ov_config": {"ATTENTION_BACKEND": "SDPA"}},
    ):
        text = code("openvino_genai", order(**load))
        assert "LLMPipeline(" in text and "SchedulerConfig" not in text
    text = code("openvino_genai", order(ov_config={"ATTENTION_BACKEND": "PA"}))
    assert "ContinuousBatchingPipeline(" in text and "ATTENTION_BACKEND" not in text


def test_the_path_starts_with_the_model_folder_as_it_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_script(tmp_path / "models" / "below" / "script")
    monkeypatch.chdir(tmp_path)
    assert local_path(Path("models"), "script") == "models/below/script"
    with pytest.raises(ModelNotFound):
        local_path(Path("models"), "../models")


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with the scripted model."""
    folder = tmp_path_factory.mktemp("models")
    write_script(folder / "script")
    return folder


@pytest.fixture(scope="module")
def served(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """The whole program, with a key."""
    profiles = str(tmp_path_factory.mktemp("profiles"))
    flags = ("--model", "none", "--profile-folder", profiles)
    with Application(model_folder, *flags, environment={"OPENARC_API_KEY": KEY}) as application:
        deadline = time.monotonic() + 120
        while not answers(f"{application.address}/readyz"):
            assert time.monotonic() < deadline and application.process.poll() is None, application.log.read_text()
            time.sleep(0.1)
        yield application


def answers(address: str) -> bool:
    """With 200; the page itself would want the key."""
    try:
        return httpx.get(address, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def run(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, timeout=280, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["curl", "python", "gradio_client"])
def test_a_call_that_is_copied_loads_the_same_thing(served: Application, tmp_path: Path, kind: SnippetKind) -> None:
    request = order(**{**EVERY, "name": f"by-{kind}"})
    text = code(kind, request, address=served.address, needs_key=True)
    command = ["bash", "-c", text] if kind == "curl" else [sys.executable, "-c", text]
    assert "is ready" in run(command, tmp_path, OPENARC_API_KEY=KEY) or kind == "gradio_client"
    status = httpx.get(f"{served.address}/status", headers={"X-API-Key": KEY}).json()
    (loaded,) = [model["request"] for model in status["models"] if model["name"] == request.name]
    assert LoadRequest.model_validate(loaded) == request


@pytest.mark.parametrize("kind", ["curl", "python", "gradio_client"])
def test_an_empty_ov_config_stays_empty(
    served: Application, model_folder: Path, tmp_path: Path, kind: SnippetKind
) -> None:
    """Left out, it would be what the model's openarc_profile.json recommends."""
    recommending = model_folder / f"recommending-{kind}"
    write_script(recommending)
    (recommending / "openarc_profile.json").write_text('{"ov_config": {"SET_BY": "the model"}}')
    text = code(kind, order(model_path=recommending.name), address=served.address, needs_key=True)
    run(["bash", "-c", text] if kind == "curl" else [sys.executable, "-c", text], tmp_path, OPENARC_API_KEY=KEY)
    status = httpx.get(f"{served.address}/status", headers={"X-API-Key": KEY}).json()
    (loaded,) = [model for model in status["models"] if model["name"] == recommending.name]
    assert loaded["request"]["ov_config"] == {}


def test_a_call_that_fails_ends_with_an_error_that_says_why(served: Application, tmp_path: Path) -> None:
    request = order(model_path="scripd")
    for kind, command in (("curl", ["bash", "-c"]), ("python", [sys.executable, "-c"])):
        text = code(kind, request, address=served.address, needs_key=True)
        done = subprocess.run(
            [*command, text], capture_output=True, text=True, timeout=180, env={**os.environ, "OPENARC_API_KEY": KEY}
        )
        assert done.returncode != 0 and "'script'" in done.stdout


@pytest.mark.model
@pytest.mark.parametrize(
    "load",
    [
        {"sampling_defaults": {"temperature": 0.0, "max_new_tokens": 16}},
        {"scheduler": EVICTING, "sampling_defaults": {"do_sample": False, "stop": ["\n"]}},
        {"eos_token_id": 2, "sampling_defaults": {"temperature": 0.1, "top_k": 0, "seed": 7, "min_p": 0.1}},
        {"ov_config": {"ATTENTION_BACKEND": "SDPA", "KV_CACHE_PRECISION": "f16"}},
    ],
    ids=["plain", "evicting", "sampling", "stateful"],
)
def test_the_genai_script_runs_without_openarc_and_answers(starter_folder: Path, load: dict[str, Any]) -> None:
    request = order(**{"ov_config": {"KV_CACHE_PRECISION": "f16"}, **load})
    text = code("openvino_genai", request, model_path=starter_folder.name)
    assert "openarc" not in text
    assert "Paris" in run([sys.executable, "-c", text], starter_folder.parent)


@pytest.mark.model
def test_the_genai_script_has_the_scheduler_that_openarc_hands_over() -> None:
    text = code("openvino_genai", order(scheduler=EVICTING))
    making = text[: text.index("pipeline = ")]
    comparing = (
        "from openarc_ui.engine.backends.genai import scheduler_config\n"
        "from openarc_ui.engine.scheduler import SchedulerOptions\n"
        f"ours = scheduler_config(openvino_genai, SchedulerOptions.model_validate({EVICTING!r}))\n"
        "print(ours.to_string() == scheduler.to_string() != openvino_genai.SchedulerConfig().to_string())\n"
    )
    assert run([sys.executable, "-c", making + comparing], ROOT).strip() == "True"


@pytest.mark.model
@pytest.mark.parametrize(
    "load",
    [
        {"use_cache": True, "sampling_defaults": {"temperature": 0.0, "presence_penalty": 0.5}},
        {"eos_token_id": 2, "pad_token_id": 2, "sampling_defaults": {"temperature": 0.1, "seed": 7, "stop": ["\n\n"]}},
        {"sampling_defaults": {"ignore_eos": True, "max_new_tokens": 20, "do_sample": False}},
        {"sampling_defaults": {"stop_token_ids": [30, 198], "min_new_tokens": 2, "do_sample": False}},
    ],
    ids=["greedy", "sampling", "ignore_eos", "stop_token_ids"],
)
def test_the_optimum_script_runs_without_openarc_and_answers(starter_folder: Path, load: dict[str, Any]) -> None:
    request = order(ov_config={"KV_CACHE_PRECISION": "f16"}, **load)
    text = code("optimum", request, model_path=starter_folder.name)
    assert "Paris" in run([sys.executable, "-c", text], starter_folder.parent)
