"""The settings of a device, made from what its plugin says: a scripted machine, and the real CPU plugin."""

from __future__ import annotations

import pytest

from openarc_ui.engine.devices.form import device_options
from openarc_ui.engine.devices.layer import OpenVinoLayer
from openarc_ui.engine.devices.names import check_device
from openarc_ui.engine.help import property_help
from openarc_ui.engine.options import OptionSpec
from tests.engine.devices.machines import big_machine

HELP = property_help()


def options(device: str, is_genai: bool = True) -> dict[str, OptionSpec]:
    machine = big_machine()
    made = device_options(machine, device, check_device(machine, device), HELP, is_genai=is_genai)
    return {each.name: each for each in made}


def test_choices_are_what_the_plugin_takes() -> None:
    gpu = options("GPU.0")
    assert [each.value for each in gpu["KV_CACHE_PRECISION"].choices] == ["f16", "u8", "i8"]
    assert [each.value for each in gpu["GPU_QUEUE_PRIORITY"].choices] == ["LOW", "MEDIUM", "HIGH"]
    assert gpu["GPU_QUEUE_PRIORITY"].default == "MEDIUM"
    assert gpu["GPU_ENABLE_SDPA_OPTIMIZATION"].kind == "switch"
    assert gpu["GPU_ENABLE_SDPA_OPTIMIZATION"].group == "gpu"
    assert "FULL_DEVICE_NAME" not in gpu


def test_numbers_have_bounds_and_the_words_they_take_too() -> None:
    streams = options("CPU")["NUM_STREAMS"]
    assert (streams.kind, streams.minimum, streams.expected_maximum, streams.words) == ("integer", 0, 8, ("AUTO",))


def test_a_composite_has_its_own_settings_and_says_which_member_takes_which() -> None:
    hetero = options("HETERO:GPU.0,CPU")
    assert [each.value for each in hetero["MODEL_DISTRIBUTION_POLICY"].choices] == ["PIPELINE_PARALLEL"]
    assert hetero["MODEL_DISTRIBUTION_POLICY"].is_common
    assert hetero["INFERENCE_NUM_THREADS"].devices == ("CPU",)
    assert hetero["NUM_STREAMS"].devices == ("GPU.0", "CPU")
    assert "DEVICE_PROPERTIES" in hetero and "DEVICE_PROPERTIES" not in options("CPU")


def test_the_npu_keys_of_genai_are_there_where_they_apply() -> None:
    assert {"MAX_PROMPT_LEN", "GENERATE_HINT"} <= set(options("NPU"))
    assert "MAX_PROMPT_LEN" not in options("NPU", is_genai=False)
    assert "MAX_PROMPT_LEN" not in options("CPU")
    assert "ATTENTION_BACKEND" not in options("CPU", is_genai=False)


def test_every_setting_of_the_real_cpu_has_a_kind_a_group_and_words() -> None:
    layer = OpenVinoLayer()
    made = device_options(layer, "CPU", ("CPU",), HELP, is_genai=True)
    by_name = {each.name: each for each in made}
    writable = {name for name, access in layer.supported_properties("CPU").items() if "W" in access}
    assert writable <= set(by_name)
    assert [each.name for each in made if each.group == "other" or not each.help] == []
    assert [each.name for each in made if each.kind == "choice" and not each.choices] == []
    assert {each.value for each in by_name["PERFORMANCE_HINT"].choices} >= {"LATENCY", "THROUGHPUT"}
    assert "LOG_ERROR" in {each.value for each in by_name["LOG_LEVEL"].choices}
    assert by_name["CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE"].maximum == 1


def test_reading_defaults_is_not_changed_by_trying_values() -> None:
    layer = OpenVinoLayer()
    before = str(layer.get_property("CPU", "KV_CACHE_PRECISION"))
    device_options(layer, "CPU", ("CPU",), HELP, is_genai=True)
    layer.set_property("CPU", {"KV_CACHE_PRECISION": "f32"})
    assert str(layer.get_property("CPU", "KV_CACHE_PRECISION")) == before
    with pytest.raises(RuntimeError):
        layer.set_property("CPU", {"KV_CACHE_PRECISION": "zz"})
