"""The effective configuration: from played compiled models, from the real CPU plugin, and that reading it holds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.backends.properties import compile_probe, flatten_members, read_compiled
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, PropertyValue
from tests.conftest import ask


class PlayedCompiledModel:
    """An `openvino.CompiledModel` that answers from a dict; reading what is None throws."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def get_property(self, name: str) -> Any:
        if name == "SUPPORTED_PROPERTIES":
            return dict.fromkeys([*self.values, "SUPPORTED_PROPERTIES"], "RO")
        if self.values[name] is None:
            raise TypeError("Unable to convert function return value to a Python type!")
        return self.values[name]


class PlayedCore:
    """An `openvino.Core` that remembers what was compiled with what."""

    def __init__(self, compiled: PlayedCompiledModel) -> None:
        self.compiled = compiled
        self.probes: list[tuple[Any, str, Mapping[str, Any]]] = []
        self.settings: dict[str, Any] = {"CACHE_DIR": "", "ENABLE_MMAP": True}

    def compile_model(self, model: Any, device: str, properties: Mapping[str, Any]) -> PlayedCompiledModel:
        self.probes.append((model, device, properties))
        return self.compiled

    def set_property(self, *arguments: Any) -> None:
        self.settings |= arguments[-1]

    def get_property(self, *arguments: str) -> Any:
        return {"NPU_TURBO": "RW"} if arguments[-1] == "SUPPORTED_PROPERTIES" else self.settings[arguments[-1]]


def test_a_property_that_throws_when_read_is_left_out() -> None:
    devices, values = read_compiled(
        PlayedCompiledModel(EXECUTION_DEVICES=["CPU"], NUM_STREAMS=2, COMPATIBILITY_CHECK=None, NETWORK_NAME="probe")
    )
    assert devices == ("CPU",)
    assert values == {"NUM_STREAMS": "2"}


def test_one_member_is_told_by_plain_names_and_several_by_their_own() -> None:
    cpu = {"NUM_STREAMS": 1, "SUPPORTED_PROPERTIES": {"NUM_STREAMS": "RO"}, "NETWORK_NAME": "x"}
    gpu = {"NUM_STREAMS": 2, "GPU_QUEUE_PRIORITY": "LOW"}
    assert flatten_members({"CPU": cpu}) == {"NUM_STREAMS": "1"}
    assert flatten_members({"GPU.0": gpu, "CPU": cpu}) == {
        "GPU.0.NUM_STREAMS": "2",
        "GPU.0.GPU_QUEUE_PRIORITY": "LOW",
        "CPU.NUM_STREAMS": "1",
    }


def test_a_composites_own_value_comes_before_its_members() -> None:
    compiled = PlayedCompiledModel(PERF_COUNT=True, DEVICE_PROPERTIES={"CPU": {"PERF_COUNT": "NO", "NUM_STREAMS": 1}})
    assert read_compiled(compiled)[1] == {"NUM_STREAMS": "1", "PERF_COUNT": "true"}


def test_an_npus_probe_is_static_and_gets_the_devices_own_keys_only() -> None:
    core = PlayedCore(PlayedCompiledModel(EXECUTION_DEVICES=["NPU"], PERFORMANCE_HINT="LATENCY"))
    ov_config: dict[str, PropertyValue] = {
        "MAX_PROMPT_LEN": 2048,
        "GENERATE_HINT": "BEST_PERF",
        "PREFILL_CONFIG": "{}",
        "NPUW_LLM_PREFILL_CHUNK_SIZE": 512,
        "ATTENTION_BACKEND": "SDPA",
        "CACHE_DIR": "cache",
        "WEIGHTS_PATH": "model.bin",
        "NPU_TURBO": True,
        "PERFORMANCE_HINT": "LATENCY",
    }
    devices, values = compile_probe("NPU", ov_config, lambda: core)
    ((model, device, properties),) = core.probes
    assert (device, properties) == ("NPU", {"NPU_TURBO": True, "PERFORMANCE_HINT": "LATENCY"})
    assert not model.is_dynamic()
    assert devices == ("NPU",)
    assert values == {"CACHE_DIR": "cache", "ENABLE_MMAP": "true", "NPU_TURBO": "true", "PERFORMANCE_HINT": "LATENCY"}


@pytest.mark.parametrize("device", ["CPU", "AUTO:CPU", "AUTO", "HETERO:CPU", "MULTI:CPU", "BATCH:CPU(2)"])
def test_every_way_to_name_the_cpu_tells_what_the_cpu_does(device: str) -> None:
    devices, values = compile_probe(device, {"KV_CACHE_PRECISION": "f16", "INFERENCE_NUM_THREADS": 1})
    assert devices == ("CPU",)
    assert (values["KV_CACHE_PRECISION"], values["INFERENCE_NUM_THREADS"]) == ("f16", "1")
    assert not {"SUPPORTED_PROPERTIES", "DEVICE_PROPERTIES", "NETWORK_NAME"} & values.keys()


def test_options_of_the_composite_itself_are_told_too() -> None:
    hetero = compile_probe("HETERO:CPU", {"MODEL_DISTRIBUTION_POLICY": "PIPELINE_PARALLEL"})[1]
    assert hetero["MODEL_DISTRIBUTION_POLICY"] == "PIPELINE_PARALLEL"
    assert compile_probe("AUTO:CPU", {"ENABLE_STARTUP_FALLBACK": False})[1]["ENABLE_STARTUP_FALLBACK"] == "false"
    assert compile_probe("BATCH:CPU", {"AUTO_BATCH_TIMEOUT": 5})[1]["AUTO_BATCH_TIMEOUT"] == "5"
    per_device: dict[str, PropertyValue] = {"DEVICE_PROPERTIES": {"CPU": {"INFERENCE_NUM_THREADS": 1}}}
    assert compile_probe("AUTO:CPU", per_device)[1]["INFERENCE_NUM_THREADS"] == "1"


def test_what_no_compiled_model_reports_is_asked_of_the_core(tmp_path: Path) -> None:
    asked: dict[str, PropertyValue] = {
        "CACHE_DIR": str(tmp_path),
        "CACHE_MODE": "OPTIMIZE_SPEED",
        "ENABLE_MMAP": False,
        "ENABLE_WEIGHTLESS": True,
        "WEIGHTS_PATH": "elsewhere.bin",
        "ATTENTION_BACKEND": "PA",
    }
    values = compile_probe("CPU", asked)[1]
    assert (values["CACHE_DIR"], values["ENABLE_MMAP"], values["ENABLE_WEIGHTLESS"]) == (str(tmp_path), "false", "true")
    assert not {"CACHE_MODE", "WEIGHTS_PATH", "ATTENTION_BACKEND"} & values.keys(), "these can't be read anywhere"
    assert list(tmp_path.iterdir()) == [], "the probe is no model to keep"
    unset = compile_probe("CPU", {})[1]
    assert (unset["CACHE_DIR"], unset["ENABLE_MMAP"]) == ("", "true")


@pytest.mark.parametrize("device", ["CPU", "AUTO:CPU", "HETERO:CPU", "BATCH:CPU"])
def test_nothing_of_a_probe_that_took_every_core_is_left(device: str) -> None:
    for _ in range(2):
        assert compile_probe(device, {"ENABLE_CPU_RESERVATION": True})[1]["ENABLE_CPU_RESERVATION"] == "true"


@pytest.mark.parametrize("device", ["CPU", "BATCH:CPU"])
def test_a_refused_probe_leaves_nothing_either(device: str) -> None:
    with pytest.raises(RuntimeError, match="MAX_PROMPT_LEN"):
        compile_probe(device, {"ENABLE_CPU_RESERVATION": True, "MAX_PROMPT_LEN": 10})
    assert compile_probe(device, {})[1]["NUM_STREAMS"] == "1"


@pytest.mark.model
@pytest.mark.parametrize(
    ("backend", "more"), [("genai", {}), ("genai", {"ATTENTION_BACKEND": "SDPA"}), ("optimum", {})]
)
def test_the_starter_runs_on_cores_it_reserved(
    starter_folder: Path, backend: Any, more: dict[str, PropertyValue]
) -> None:
    ov_config: dict[str, PropertyValue] = {"ENABLE_CPU_RESERVATION": True, "KV_CACHE_PRECISION": "f16", **more}
    with Engine(starter_folder.parent) as engine:
        info = engine.load(LoadRequest(model_path=starter_folder.name, backend=backend, ov_config=ov_config))
        assert info.effective_properties["ENABLE_CPU_RESERVATION"] == "true"
        answer = engine.submit(ask("What is the capital of France?", do_sample=False, max_new_tokens=24))
        assert "Paris" in answer.result(timeout=60).texts[0]
