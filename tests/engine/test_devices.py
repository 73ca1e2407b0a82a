"""Devices and properties over a scripted machine with two GPUs and an NPU, and over the real CPU plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from openarc_ui.engine.devices import (
    OpenVinoLayer,
    check_device,
    check_properties,
    clean_message,
    list_devices,
    map_old_names,
)
from openarc_ui.engine.types import PropertyValue
from openarc_ui.errors import DeviceUnavailable, PropertyRejected


class ScriptedMachine:
    """A machine that was never built: CPU, two GPUs, an NPU."""

    supported: Mapping[str, Mapping[str, str]] = {
        "CPU": {"NUM_STREAMS": "RW", "PERFORMANCE_HINT": "RW", "INFERENCE_NUM_THREADS": "RW", "FULL_DEVICE_NAME": "RO"},
        "GPU.0": {"NUM_STREAMS": "RW", "PERFORMANCE_HINT": "RW", "GPU_QUEUE_PRIORITY": "RW"},
        "GPU.1": {"NUM_STREAMS": "RW", "PERFORMANCE_HINT": "RW"},
        "NPU": {"PERFORMANCE_HINT": "RW"},
    }

    def available_devices(self) -> list[str]:
        return list(self.supported)

    def get_property(self, device: str, name: str) -> Any:
        if device == "NPU":
            raise RuntimeError("this driver throws")
        return f"Scripted {device}" if name == "FULL_DEVICE_NAME" else ["FP16", "INT8"]

    def supported_properties(self, device: str) -> Mapping[str, str]:
        return self.supported["GPU.0" if device == "GPU" else device]

    def set_property(self, device: str, properties: Mapping[str, PropertyValue]) -> None:
        if properties.get("NUM_STREAMS") == "banana":
            raise RuntimeError("Exception from src/a.cpp:1:\nCheck 'x' failed at src/b.cpp\nCould not read banana\n")


MACHINE = ScriptedMachine()


def test_every_device_is_listed_and_a_read_that_throws_breaks_nothing() -> None:
    devices = {device.name: device for device in list_devices(MACHINE)}
    assert devices["GPU.1"].full_name == "Scripted GPU.1"
    assert devices["GPU.1"].kind == "GPU"
    assert (devices["NPU"].full_name, devices["NPU"].capabilities) == ("NPU", ())


@pytest.mark.parametrize(
    ("device", "members"),
    [
        ("CPU", ("CPU",)),
        ("GPU", ("GPU",)),
        ("AUTO", ("CPU", "GPU.0", "GPU.1", "NPU")),
        ("AUTO:GPU.1,CPU", ("GPU.1", "CPU")),
        ("AUTO:-CPU", ("GPU.0", "GPU.1", "NPU")),
        ("HETERO:GPU.0,GPU.1", ("GPU.0", "GPU.1")),
        ("MULTI:CPU,GPU.0", ("CPU", "GPU.0")),
        ("BATCH:GPU.0(4)", ("GPU.0",)),
    ],
)
def test_device_strings_name_their_members(device: str, members: tuple[str, ...]) -> None:
    assert check_device(MACHINE, device) == members


@pytest.mark.parametrize(
    ("device", "hint"), [("GPU.7", "GPU.0"), ("cpu", "CPU"), ("HETERO", "HETERO:CPU"), ("HETERO:CPU,XPU", "NPU")]
)
def test_a_device_that_is_not_there_gets_the_nearest_name(device: str, hint: str) -> None:
    with pytest.raises(DeviceUnavailable) as caught:
        check_device(MACHINE, device)
    assert hint in caught.value.hint


def test_properties_of_a_composite_device_are_held_against_its_members() -> None:
    check_properties(
        MACHINE, "HETERO:GPU.0,CPU", {"GPU_QUEUE_PRIORITY": "LOW", "MODEL_DISTRIBUTION_POLICY": "PIPELINE_PARALLEL"}
    )
    with pytest.raises(PropertyRejected, match="no property 'NOT_A_KEY'"):
        check_properties(MACHINE, "AUTO:CPU", {"NOT_A_KEY": 1})


def test_each_wrong_property_says_what_is_wrong() -> None:
    with pytest.raises(PropertyRejected) as misspelt:
        check_properties(MACHINE, "CPU", {"NUM_STREAM": 1})
    assert "NUM_STREAMS" in misspelt.value.hint
    with pytest.raises(PropertyRejected, match="only be read"):
        check_properties(MACHINE, "CPU", {"FULL_DEVICE_NAME": "mine"})
    with pytest.raises(PropertyRejected, match="banana") as refused:
        check_properties(MACHINE, "CPU", {"NUM_STREAMS": "banana"})
    assert "src/" not in refused.value.message


def test_the_real_plugin_is_asked() -> None:
    layer = OpenVinoLayer()
    check_properties(layer, "CPU", {"NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "CACHE_DIR": "somewhere"})
    for wrong in (
        {"PERFORMANCE_HINT": "latency"},
        {"KV_CACHE_PRECISION": "zz"},
        {"DYNAMIC_QUANTIZATION_GROUP_SIZE": -5},
    ):
        with pytest.raises(PropertyRejected):
            check_properties(layer, "CPU", wrong)
    assert any(device.name == "CPU" for device in list_devices(layer))
    with pytest.raises(DeviceUnavailable):
        check_device(layer, "GPU.9")


def test_names_of_older_openarc_are_mapped_with_a_warning() -> None:
    mapped, warnings = map_old_names({"PRECISION_HINT": "fp16", "ENABLE_HYPERTHREADING": False, "NUM_STREAMS": "1"})
    assert mapped == {"INFERENCE_PRECISION_HINT": "f16", "ENABLE_HYPER_THREADING": False, "NUM_STREAMS": "1"}
    assert len(warnings) == 2
    with pytest.raises(PropertyRejected, match="same property"):
        map_old_names({"PRECISION_HINT": "fp16", "INFERENCE_PRECISION_HINT": "f16"})


def test_the_sentence_is_found_in_a_long_error() -> None:
    error = RuntimeError("Exception from src/inference.cpp:1:\nCheck 'a' failed at src/b.cpp:2:\nThe real reason.\n")
    assert clean_message(error) == "The real reason."
