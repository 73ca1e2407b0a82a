"""An ov_config held against a device: our rules and the plugin's word, each at its own field."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import openvino
import pytest
from openvino import opset13

from openarc_ui.engine.devices.checks import check_ov_config, map_old_names
from openarc_ui.engine.devices.form import device_options
from openarc_ui.engine.devices.layer import DeviceLayer, OpenVinoLayer, read
from openarc_ui.engine.devices.names import check_device
from openarc_ui.engine.devices.rules import Setting
from openarc_ui.engine.devices.values import as_text, is_same
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.help import property_help, traps
from openarc_ui.engine.options import OptionSpec
from openarc_ui.errors import PropertyRejected
from tests.engine.devices.machines import big_machine

HELP = property_help()
TRAPS = traps()


def found(
    ov_config: dict[str, Any],
    device: str = "CPU",
    *,
    layer: DeviceLayer | None = None,
    backend: str = "genai",
    **more: Any,
) -> dict[str, Finding]:
    """Findings by field, the last of each."""
    layer = layer or big_machine()
    members = check_device(layer, device)
    setting = Setting(
        device=device,
        members=members,
        backend=backend,
        is_paged=more.pop("is_paged", backend == "genai"),
        is_cache_fixed=more.pop("is_cache_fixed", False),
        ov_config=ov_config,
        capabilities=frozenset(str(each) for each in read(layer, members[0], "OPTIMIZATION_CAPABILITIES") or ()),
        model_folder=Path("models"),
        cache_folder=Path("data/cache"),
    )
    options = device_options(layer, device, members, HELP, is_genai=backend == "genai")
    return {each.field: each for each in check_ov_config(layer, replace(setting, **more), options)}


def test_a_misspelt_name_gets_the_nearest_and_a_read_only_one_says_so() -> None:
    assert "NUM_STREAMS" in found({"NUM_STREAM": 1})["ov_config.NUM_STREAM"].hint
    assert "only be read" in found({"FULL_DEVICE_NAME": "mine"})["ov_config.FULL_DEVICE_NAME"].message


def test_the_plugins_own_sentence_stands_at_the_field() -> None:
    refused = found({"PERFORMANCE_HINT": "latency", "NUM_STREAMS": "banana"})
    assert refused["ov_config.NUM_STREAMS"].layer == "plugin"
    assert "Wrong value banana" in refused["ov_config.NUM_STREAMS"].message
    assert "src/" not in refused["ov_config.NUM_STREAMS"].message
    assert refused["ov_config.PERFORMANCE_HINT"].hint == "Did you mean 'LATENCY'?"


def test_keys_of_a_composite_are_held_against_its_members() -> None:
    assert (
        found({"GPU_QUEUE_PRIORITY": "LOW", "MODEL_DISTRIBUTION_POLICY": "PIPELINE_PARALLEL"}, "HETERO:GPU.0,CPU") == {}
    )
    assert "no property 'NOT_A_KEY'" in found({"NOT_A_KEY": 1}, "AUTO:CPU")["ov_config.NOT_A_KEY"].message
    assert "no property" in found({"GPU_QUEUE_PRIORITY": "LOW"}, "AUTO:CPU")["ov_config.GPU_QUEUE_PRIORITY"].message


def test_device_properties_are_held_against_each_device_of_their_own() -> None:
    optimum = {"device": "AUTO:GPU.0,CPU", "backend": "optimum"}
    field = "ov_config.DEVICE_PROPERTIES"
    assert found({"DEVICE_PROPERTIES": {"GPU.0": {"NUM_STREAMS": 2}}}, **optimum) == {}
    assert "NUM_STREAMS" in found({"DEVICE_PROPERTIES": {"CPU": {"NUM_STREAM": 2}}}, **optimum)[field].hint
    assert "GPU.0" in found({"DEVICE_PROPERTIES": {"GPU.1": {}}}, **optimum)[field].hint
    assert "an object" in found({"DEVICE_PROPERTIES": "x"}, **optimum)[field].message
    assert "ignores" in found({"DEVICE_PROPERTIES": {}}, "AUTO:GPU.0,CPU")[field].message


@pytest.mark.parametrize(
    "properties",
    [
        {"WEIGHTS_PATH": "/etc/passwd"},
        {"CACHE_DIR": "x"},
        {"DYNAMIC_QUANTIZATION_GROUP_SIZE": -1},
        {"KV_CACHE_PRECISION": "u3"},
    ],
)
def test_our_rules_hold_inside_device_properties_too(properties: dict[str, Any]) -> None:
    refused = found({"DEVICE_PROPERTIES": {"CPU": properties}}, "HETERO:CPU", layer=OpenVinoLayer(), backend="optimum")
    assert refused["ov_config.DEVICE_PROPERTIES"].is_error


@pytest.mark.parametrize(
    ("ov_config", "says"),
    [
        ({"CACHE_DIR": 5}, "is a text"),
        ({"INFERENCE_NUM_THREADS": 1.5}, "whole number"),
        ({"INFERENCE_NUM_THREADS": 2**80}, "out of range"),
        ({"INFERENCE_NUM_THREADS": int("9" * 400)}, "out of range"),
    ],
)
def test_a_value_of_the_wrong_kind_or_size_is_said_in_words(ov_config: dict[str, Any], says: str) -> None:
    (finding,) = [each for each in found(ov_config, layer=OpenVinoLayer()).values() if each.is_error]
    assert says in finding.message and "PYBIND" not in finding.message


@pytest.mark.parametrize(
    ("ov_config", "field", "trap"),
    [
        ({"DYNAMIC_QUANTIZATION_GROUP_SIZE": -5}, "DYNAMIC_QUANTIZATION_GROUP_SIZE", "negative_group_size"),
        ({"KV_CACHE_PRECISION": "u3"}, "KV_CACHE_PRECISION", "kv_cache_precision"),
        ({"KV_CACHE_PRECISION": "f32"}, "KV_CACHE_PRECISION", "kv_cache_precision"),
        ({"VALUE_CACHE_PRECISION": "f16"}, "VALUE_CACHE_PRECISION", "key_value_precision"),
        ({"KEY_CACHE_PRECISION": "i8"}, "KEY_CACHE_PRECISION", "kv_cache_precision"),
        ({"KV_CACHE_PRECISION": "bf16", "INFERENCE_PRECISION_HINT": "f32"}, "KV_CACHE_PRECISION", "kv_cache_precision"),
        (
            {"EXECUTION_MODE_HINT": "ACCURACY", "INFERENCE_PRECISION_HINT": "bf16"},
            "EXECUTION_MODE_HINT",
            "accuracy_turns_kv_to_f32",
        ),
        ({"KV_CACHE_PRECISION": "u4"}, "KV_CACHE_PRECISION", "growing_u4_cache"),
        ({"KEY_CACHE_PRECISION": "u8", "VALUE_CACHE_PRECISION": "u4"}, "VALUE_CACHE_PRECISION", "growing_u4_cache"),
        ({"PERF_COUNT": 1}, "PERF_COUNT", "switch_not_number"),
        ({"CACHE_DIR": "../elsewhere"}, "CACHE_DIR", "cache_dir_outside"),
        ({"CACHE_DIR": "/tmp"}, "CACHE_DIR", "cache_dir_outside"),
        ({"CACHE_DIR": "a\0b"}, "CACHE_DIR", "cache_dir_outside"),
        ({"WEIGHTS_PATH": "/etc/passwd"}, "WEIGHTS_PATH", "paths_outside"),
    ],
)
def test_a_known_trap_is_an_error_with_a_link_to_its_reason(ov_config: dict[str, Any], field: str, trap: str) -> None:
    finding = found(ov_config, layer=OpenVinoLayer())[f"ov_config.{field}"]
    assert finding.is_error and finding.trap == trap and trap in TRAPS


@pytest.mark.parametrize(
    "ov_config",
    [
        {"KV_CACHE_PRECISION": "f32", "INFERENCE_PRECISION_HINT": "f32"},
        {"KV_CACHE_PRECISION": "f16", "INFERENCE_PRECISION_HINT": "f32"},
        {"KEY_CACHE_PRECISION": "f16", "VALUE_CACHE_PRECISION": "f16"},
        {"CACHE_DIR": ""},
        {"CACHE_DIR": "mine"},
        {"ENABLE_CPU_PINNING": False, "INFERENCE_NUM_THREADS": 0, "NUM_STREAMS": "AUTO", "PERF_COUNT": "NO"},
    ],
)
def test_what_was_measured_to_run_is_not_refused(ov_config: dict[str, Any]) -> None:
    assert [each for each in found(ov_config, layer=OpenVinoLayer()).values() if each.is_error] == []


def test_a_u4_cache_of_a_fixed_size_is_not_refused() -> None:
    assert found({"KV_CACHE_PRECISION": "u4"}, layer=OpenVinoLayer(), is_cache_fixed=True) == {}
    assert found({"KV_CACHE_PRECISION": "u4"}, layer=OpenVinoLayer(), is_paged=False) == {}


@pytest.mark.parametrize(
    ("ov_config", "trap"),
    [
        ({"INFERENCE_NUM_THREADS": 1000}, "threads_are_clipped"),
        ({"ENABLE_CPU_RESERVATION": True}, "cpu_reservation"),
        ({"PERFORMANCE_HINT": "THROUGHPUT"}, "throughput_streams"),
        ({"EXECUTION_MODE_HINT": "ACCURACY"}, "accuracy_turns_kv_to_f32"),
        ({"EXECUTION_MODE_HINT": "ACCURACY", "KV_CACHE_PRECISION": "u8"}, "accuracy_turns_kv_to_f32"),
    ],
)
def test_what_is_taken_and_means_something_else_is_a_warning(ov_config: dict[str, Any], trap: str) -> None:
    findings = found(ov_config, layer=OpenVinoLayer())
    assert {each.trap for each in findings.values()} == {trap} and not any(each.is_error for each in findings.values())
    assert trap in TRAPS


def test_several_devices_refuse_what_a_language_model_can_not_do_on_them() -> None:
    assert found({}, "MULTI:GPU.0,GPU.1", backend="optimum")["device"].trap == "cumulative_throughput"
    assert "does not load on MULTI" in found({}, "MULTI:CPU")["device"].message
    assert found({}, "MULTI:CPU", is_paged=False) == {}
    refused = found({"PERFORMANCE_HINT": "CUMULATIVE_THROUGHPUT"}, "AUTO:GPU.0,CPU", backend="optimum")
    assert refused["ov_config.PERFORMANCE_HINT"].trap == "cumulative_throughput"


def test_an_npu_says_its_limits_and_optimum_is_refused_there() -> None:
    assert not found({"MAX_PROMPT_LEN": 2048}, "NPU", is_paged=False)["device"].is_error
    assert found({}, "NPU", backend="optimum")["device"].is_error
    refused = found(
        {"MAX_PROMPT_LEN": "many", "NPUW_DUMP_SUBS": "YES", "GENERATE_HINT": "FASTEST"}, "NPU", is_paged=False
    )
    assert "whole number" in refused["ov_config.MAX_PROMPT_LEN"].message
    assert refused["ov_config.NPUW_DUMP_SUBS"].trap == "paths_outside"
    assert "FAST_COMPILE" in refused["ov_config.GENERATE_HINT"].message


def test_names_of_older_openarc_are_mapped_with_a_warning() -> None:
    mapped, warnings = map_old_names({"PRECISION_HINT": "fp16", "ENABLE_HYPERTHREADING": False, "NUM_STREAMS": "1"})
    assert mapped == {"INFERENCE_PRECISION_HINT": "f16", "ENABLE_HYPER_THREADING": False, "NUM_STREAMS": "1"}
    assert len(warnings) == 2
    with pytest.raises(PropertyRejected, match="same property"):
        map_old_names({"PRECISION_HINT": "fp16", "INFERENCE_PRECISION_HINT": "f16"})


NOT_ANSWERED_BY_A_COMPILED_MODEL = {"ENABLE_WEIGHTLESS", "WEIGHTS_PATH"}
SETTLED_OTHERWISE = {
    ("ENABLE_HYPER_THREADING", "true"),
    ("SCHEDULING_CORE_TYPE", "ECORE_ONLY"),
    ("SCHEDULING_CORE_TYPE", "PCORE_ONLY"),
    ("TBB_PARTITIONER", "NONE"),
    ("INFERENCE_PRECISION_HINT", "f16"),
    ("INFERENCE_PRECISION_HINT", "bf16"),
}
"""What depends on the processor, and is explained as a difference on the page."""


def values_of(option: OptionSpec) -> list[Any]:
    """What the form's widget offers for a setting."""
    if option.kind == "choice":
        return [choice.value for choice in option.choices]
    if option.kind == "switch":
        return [True, False]
    if option.kind in ("integer", "number"):
        return [option.minimum if option.kind == "number" else int(option.minimum or 0), 1]
    return [""]


def effective(name: str, value: Any) -> str:
    parameter = opset13.parameter([1, 8], numpy.float32)
    model = openvino.Model([opset13.relu(parameter)], [parameter], "probe")
    return as_text(openvino.Core().compile_model(model, "CPU", {name: value}).get_property(name))


def test_every_writable_cpu_property_is_in_effect_with_every_value_its_widget_offers() -> None:
    layer = OpenVinoLayer()
    writable = {name for name, access in layer.supported_properties("CPU").items() if "W" in access}
    options = [each for each in device_options(layer, "CPU", ("CPU",), HELP, is_genai=True) if each.name in writable]
    assert {each.name for each in options} == writable
    seen = 0
    for option in options:
        for value in values_of(option):
            assert layer.set_property("CPU", {option.name: value}) is None  # type: ignore[func-returns-value]
            is_auto = option.name in ("NUM_STREAMS", "INFERENCE_NUM_THREADS") and value == 0
            if option.name in NOT_ANSWERED_BY_A_COMPILED_MODEL or is_auto:
                continue
            if (option.name, as_text(value)) not in SETTLED_OTHERWISE:
                assert is_same(value, effective(option.name, value)), f"{option.name}={value}"
                seen += 1
    assert seen > 50
