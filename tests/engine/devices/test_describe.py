"""What a device is said to be, over a scripted machine whose NPU throws, and the real CPU."""

from __future__ import annotations

from openarc_ui.engine.devices.describe import describe_device, describe_devices
from openarc_ui.engine.devices.layer import OpenVinoLayer, clean_message
from openarc_ui.engine.help import device_help
from tests.engine.devices.machines import big_machine

HELP = device_help()


def test_every_device_is_described_and_a_read_that_throws_is_shown_as_such() -> None:
    devices = {device.name: device for device in describe_devices(big_machine(), HELP)}
    gpu, npu, cpu = devices["GPU.1"], devices["NPU"], devices["CPU"]
    assert gpu.full_name == "Intel(R) Arc(TM) B580 Graphics (dGPU)"
    assert (gpu.kind, gpu.type, gpu.memory_bytes) == ("GPU", "discrete", 12_000_000_000)
    assert "XMX (matrix engines)" in gpu.capabilities
    assert (npu.full_name, npu.driver, npu.is_run_in_tests) == ("NPU", "32000100", False)
    thrown = next(each for each in npu.properties if each.name == "FULL_DEVICE_NAME")
    assert (thrown.value, thrown.problem) == (None, "this driver throws")
    broken = next(each for each in cpu.properties if each.name == "COMPATIBILITY_CHECK")
    assert broken.value is None and "Unable to convert" in (broken.problem or "")


def test_every_property_says_type_and_whether_it_can_be_changed() -> None:
    readings = {each.name: each for each in describe_device(big_machine(), "GPU.0", HELP).properties}
    assert (readings["NUM_STREAMS"].access, readings["NUM_STREAMS"].type) == ("RW", "int")
    assert (readings["FULL_DEVICE_NAME"].access, readings["FULL_DEVICE_NAME"].type) == ("RO", "str")
    assert readings["INFERENCE_PRECISION_HINT"].value == "f16"


def test_the_card_says_what_an_npu_can_not() -> None:
    limits = " ".join(describe_device(big_machine(), "NPU", HELP).limits)
    assert "MAX_PROMPT_LEN" in limits and "ymmetric" in limits


def test_the_real_cpu_is_described() -> None:
    cpu = describe_device(OpenVinoLayer(), "CPU", HELP)
    assert cpu.memory_bytes and cpu.driver and cpu.capabilities and cpu.good_for and cpu.matters
    assert len(cpu.properties) > 25


def test_the_sentence_is_found_in_a_long_error() -> None:
    error = RuntimeError("Exception from src/inference.cpp:1:\nCheck 'a' failed at src/b.cpp:2:\nThe real reason.\n")
    assert clean_message(error) == "The real reason."
    thrown = RuntimeError(
        "[Convert] END: node: Attention (Reshape[0]:f32) -> (f32) CALLBACK HAS THROWN: "
        "Exception from src/pass.cpp:70:\ncache head_size 64cannot be divided by group_size 7\n"
    )
    assert clean_message(thrown) == "cache head_size 64cannot be divided by group_size 7"
    one_line = RuntimeError("CALLBACK HAS THROWN: Exception from src/pass.cpp:70: no room")
    assert clean_message(one_line) == "no room"
