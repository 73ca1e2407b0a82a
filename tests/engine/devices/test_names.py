"""Device strings over a scripted machine with two GPUs and an NPU."""

from __future__ import annotations

import pytest

from openarc_ui.engine.devices.names import check_device, compose_device
from openarc_ui.errors import DeviceUnavailable
from tests.engine.devices.machines import CPU, ScriptedMachine, big_machine

MACHINE = big_machine()
SMALL = ScriptedMachine({"CPU": CPU})


@pytest.mark.parametrize(
    ("device", "members"),
    [
        ("CPU", ("CPU",)),
        ("GPU", ("GPU",)),
        ("AUTO", ("CPU", "GPU.0", "GPU.1", "NPU")),
        ("AUTO:GPU.1,CPU", ("GPU.1", "CPU")),
        ("AUTO:-CPU", ("GPU.0", "GPU.1", "NPU")),
        ("AUTO:-GPU", ("CPU", "NPU")),
        ("HETERO:GPU.0,GPU.1", ("GPU.0", "GPU.1")),
        ("MULTI:CPU,GPU.0", ("CPU", "GPU.0")),
        ("BATCH:GPU.0(4)", ("GPU.0",)),
        ("BATCH:GPU.0", ("GPU.0",)),
    ],
)
def test_device_strings_name_their_members(device: str, members: tuple[str, ...]) -> None:
    assert check_device(MACHINE, device) == members


@pytest.mark.parametrize(
    ("device", "says"),
    [
        ("GPU.7", "GPU.0"),
        ("cpu", "CPU"),
        ("HETERO", "HETERO:CPU"),
        ("HETERO:CPU,XPU", "NPU"),
        ("AUTO:", "empty device"),
        ("AUTO:CPU,,GPU.0", "empty device"),
        ("AUTO:CPU,CPU", "CPU twice"),
        ("AUTO:-XPU", "leave out"),
        ("AUTO:-CPU,-GPU,-NPU", "leaves no device"),
        ("HETERO:-CPU", "Only AUTO"),
        ("BATCH:CPU,GPU.0", "exactly one"),
        ("BATCH:CPU(0)", "0 requests"),
        ("BATCH:CPU(99999999999999999999)", "up to 1024"),
        ("MULTI:GPU.0(4)", "belongs to BATCH"),
        ("HETRO:CPU", "HETERO"),
        ("CPU.0", "CPU"),
        ("", "Known names"),
    ],
)
def test_what_is_no_device_gets_a_reason_and_the_nearest_name(device: str, says: str) -> None:
    with pytest.raises(DeviceUnavailable) as caught:
        check_device(MACHINE, device)
    assert says in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("device", ["GPU", "GPU.0", "NPU", "AUTO:GPU,CPU"])
def test_a_kind_of_device_that_is_not_seen_says_what_to_install(device: str) -> None:
    with pytest.raises(DeviceUnavailable) as caught:
        check_device(SMALL, device)
    assert "nstall the driver" in caught.value.hint and "Did you mean" not in caught.value.hint


@pytest.mark.parametrize(
    ("parts", "device"),
    [
        (("HETERO", ["GPU.0", "GPU.1"]), "HETERO:GPU.0,GPU.1"),
        (("AUTO", []), "AUTO"),
        (("AUTO", ["GPU.0"]), "AUTO:GPU.0"),
        (("BATCH", ["GPU.0"], 8), "BATCH:GPU.0(8)"),
        (("BATCH", ["GPU.0"]), "BATCH:GPU.0"),
    ],
)
def test_the_builder_makes_strings_that_the_check_takes(parts: tuple[object, ...], device: str) -> None:
    assert compose_device(*parts) == device  # type: ignore[arg-type]
    check_device(MACHINE, device)


@pytest.mark.parametrize("parts", [("HETERO", []), ("BATCH", ["CPU", "GPU.0"]), ("MULTI", [])])
def test_the_builder_refuses_what_is_no_device(parts: tuple[str, list[str]]) -> None:
    with pytest.raises(DeviceUnavailable):
        compose_device(*parts)
