"""What a device is: name, kind, memory, capabilities, driver, every property; and what it is good for.

A read that throws is shown as such. Nothing here can break because of a driver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from openarc_ui.engine.devices.layer import DeviceLayer, clean_message, read
from openarc_ui.engine.devices.values import as_text
from openarc_ui.engine.help import DeviceHelp

PROCESSOR_FLAGS = {
    "amx_tile": "AMX",
    "amx_bf16": "AMX BF16",
    "amx_int8": "AMX INT8",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "avx512_fp16": "AVX-512 FP16",
    "avx_vnni": "AVX-VNNI",
    "avx2": "AVX2",
}
"""Flags of Linux's /proc/cpuinfo that decide how fast a language model runs, and their common names."""
GPU_WORDS = {"GPU_HW_MATMUL": "XMX (matrix engines)", "GPU_USM_MEMORY": "unified shared memory"}
MEMORY_PROPERTIES = ("GPU_DEVICE_TOTAL_MEM_SIZE", "NPU_DEVICE_TOTAL_MEM_SIZE")
DRIVER_PROPERTIES = ("NPU_DRIVER_VERSION", "GPU_DRIVER_VERSION", "DRIVER_VERSION")


@dataclass(frozen=True, slots=True)
class PropertyReading:
    """One property of a device as it is now.

    Attributes:
        access: "RO" can only be read, "RW" can be changed, "WO" can only be set.
        type: the Python type OpenVINO gives it.
        value: as text; None where the read threw.
        problem: what it threw, or None.
    """

    name: str
    access: str
    type: str
    value: str | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """A device that OpenVINO has on this machine.

    Attributes:
        kind: CPU, GPU or NPU. `type`: integrated or discrete, where the device tells.
        memory_bytes: what it can hold at most, None where it does not tell. A CPU and an integrated GPU share the machine's.
        driver: version of its driver or plugin.
        good_for, limits: plain sentences. `matters`: the properties that matter most for language models.
        is_run_in_tests: False where OpenArc's tests have no such hardware.
    """

    name: str
    full_name: str
    kind: str
    type: str
    memory_bytes: int | None
    capabilities: tuple[str, ...]
    driver: str
    good_for: str
    matters: tuple[str, ...]
    limits: tuple[str, ...]
    is_run_in_tests: bool
    properties: tuple[PropertyReading, ...]


def describe_devices(layer: DeviceLayer, texts: Mapping[str, DeviceHelp]) -> list[DeviceReport]:
    """Every device this machine really has, in OpenVINO's order."""
    return [describe_device(layer, name, texts) for name in layer.available_devices()]


def describe_device(layer: DeviceLayer, name: str, texts: Mapping[str, DeviceHelp]) -> DeviceReport:
    """One device, also a bare composite such as AUTO."""
    kind = name.partition(".")[0]
    known = texts.get(kind)
    return DeviceReport(
        name=name,
        full_name=str(read(layer, name, "FULL_DEVICE_NAME") or name),
        kind=kind,
        type=as_text(read(layer, name, "DEVICE_TYPE") or "").lower(),
        memory_bytes=_memory_bytes(layer, name, kind),
        capabilities=_capabilities(layer, name, kind),
        driver=_driver(layer, name),
        good_for=known.good_for if known is not None else "",
        matters=known.properties if known is not None else (),
        limits=known.limits if known is not None else (),
        is_run_in_tests=known is not None and not known.not_run,
        properties=tuple(_readings(layer, name)),
    )


def _readings(layer: DeviceLayer, device: str) -> list[PropertyReading]:
    try:
        supported = layer.supported_properties(device)
    except (RuntimeError, TypeError) as error:
        return [PropertyReading("SUPPORTED_PROPERTIES", "RO", "", None, _short(error))]
    return [
        _reading(layer, device, name, access)
        for name, access in sorted(supported.items())
        if name != "SUPPORTED_PROPERTIES"
    ]


def _reading(layer: DeviceLayer, device: str, name: str, access: str) -> PropertyReading:
    if "R" not in access:
        return PropertyReading(name, access, "", None, "can only be set")
    try:
        value = layer.get_property(device, name)
    except (RuntimeError, TypeError) as error:
        return PropertyReading(name, access, "", None, _short(error))
    return PropertyReading(name, access, type(value).__name__, as_text(value), None)


def _memory_bytes(layer: DeviceLayer, name: str, kind: str) -> int | None:
    if kind == "CPU":
        return int(psutil.virtual_memory().total)
    values = (read(layer, name, each) for each in MEMORY_PROPERTIES)
    return next((int(value) for value in values if isinstance(value, int) and value > 0), None)


def _capabilities(layer: DeviceLayer, name: str, kind: str) -> tuple[str, ...]:
    """The plugin's list, then the processor's own instructions or the GPU's engines in common words."""
    told = tuple(str(each) for each in read(layer, name, "OPTIMIZATION_CAPABILITIES") or ())
    named = tuple(GPU_WORDS.get(each, each) for each in told)
    return named + (_processor_instructions() if kind == "CPU" else ())


def _processor_instructions() -> tuple[str, ...]:
    """From /proc/cpuinfo; nothing on systems without it."""
    file = Path("/proc/cpuinfo")
    if not file.is_file():
        return ()
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return tuple(words for flag, words in PROCESSOR_FLAGS.items() if flag in flags)


def _driver(layer: DeviceLayer, name: str) -> str:
    told: Any = next((value for value in (read(layer, name, each) for each in DRIVER_PROPERTIES) if value), None)
    if told is not None:
        return str(told)
    try:
        return layer.version(name)
    except (RuntimeError, TypeError):
        return ""


def _short(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if not line.startswith(("Exception from", "Check '"))]
    return (lines[0] if lines else clean_message(error))[:200]
