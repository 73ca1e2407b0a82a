"""A machine that was never built: a CPU, two GPUs and an NPU, with OpenVINO's own types for what they answer.

Names and values follow OpenVINO's documentation of the GPU and NPU plugins; none of it was read from hardware.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import openvino
from openvino.properties import hint
from openvino.properties.device import Type as DeviceType

from openarc_ui.engine.types import PropertyValue

Takes = Callable[[PropertyValue], bool]


def one_of(*values: str) -> Takes:
    return lambda value: isinstance(value, str) and value in values


def whole(value: PropertyValue) -> bool:
    return not isinstance(value, (bool, dict)) and str(value).isdecimal()


def switch(value: PropertyValue) -> bool:
    return isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Scripted:
    """One property: what it answers (an exception is raised), and what it takes; None: it can only be read."""

    value: Any
    takes: Takes | None = None


HINTS = Scripted(hint.PerformanceMode.LATENCY, one_of("LATENCY", "THROUGHPUT", "CUMULATIVE_THROUGHPUT"))
STREAMS = Scripted(1, lambda value: whole(value) or value == "AUTO")
GPU: dict[str, Scripted] = {
    "FULL_DEVICE_NAME": Scripted("Intel(R) Arc(TM) B580 Graphics (dGPU)"),
    "OPTIMIZATION_CAPABILITIES": Scripted(["FP32", "FP16", "INT8", "GPU_HW_MATMUL", "EXPORT_IMPORT"]),
    "DEVICE_TYPE": Scripted(DeviceType.DISCRETE),
    "GPU_DEVICE_TOTAL_MEM_SIZE": Scripted(12_000_000_000),
    "GPU_MEMORY_STATISTICS": Scripted({"usm_device_current": 1_000_000_000}),
    "RANGE_FOR_STREAMS": Scripted((1, 2)),
    "PERFORMANCE_HINT": HINTS,
    "NUM_STREAMS": STREAMS,
    "INFERENCE_PRECISION_HINT": Scripted(openvino.Type.f16, one_of("f16", "f32")),
    "KV_CACHE_PRECISION": Scripted(openvino.Type.f16, one_of("f16", "i8", "u8")),
    "GPU_QUEUE_PRIORITY": Scripted(hint.Priority.MEDIUM, one_of("LOW", "MEDIUM", "HIGH")),
    "GPU_ENABLE_SDPA_OPTIMIZATION": Scripted(True, switch),
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": Scripted(0, whole),
}
CPU: dict[str, Scripted] = {
    "FULL_DEVICE_NAME": Scripted("Intel(R) Xeon(R)"),
    "OPTIMIZATION_CAPABILITIES": Scripted(["FP32", "INT8", "BF16"]),
    "DEVICE_TYPE": Scripted(DeviceType.INTEGRATED),
    "RANGE_FOR_STREAMS": Scripted((1, 8)),
    "PERFORMANCE_HINT": HINTS,
    "NUM_STREAMS": STREAMS,
    "INFERENCE_NUM_THREADS": Scripted(0, whole),
    "KV_CACHE_PRECISION": Scripted(openvino.Type.u8, one_of("u8", "u4", "u3", "bf16", "f16", "f32")),
    "PERF_COUNT": Scripted(False, switch),
    "COMPATIBILITY_CHECK": Scripted(TypeError("Unable to convert function return value to a Python type!\nsignature")),
}
NPU: dict[str, Scripted] = {
    "FULL_DEVICE_NAME": Scripted(RuntimeError("Exception from src/a.cpp:1:\nthis driver throws")),
    "OPTIMIZATION_CAPABILITIES": Scripted(["FP16", "INT8", "EXPORT_IMPORT"]),
    "NPU_DRIVER_VERSION": Scripted(32_000_100),
    "NPU_DEVICE_TOTAL_MEM_SIZE": Scripted(8_000_000_000),
    "PERFORMANCE_HINT": HINTS,
}
AUTO: dict[str, Scripted] = {
    "FULL_DEVICE_NAME": Scripted("AUTO"),
    "PERFORMANCE_HINT": HINTS,
    "ENABLE_STARTUP_FALLBACK": Scripted(True, switch),
}
HETERO: dict[str, Scripted] = {
    "FULL_DEVICE_NAME": Scripted("HETERO"),
    "MODEL_DISTRIBUTION_POLICY": Scripted(set(), one_of("PIPELINE_PARALLEL")),
}


class ScriptedMachine:
    """DeviceLayer over tables."""

    def __init__(self, devices: Mapping[str, Mapping[str, Scripted]]) -> None:
        self.devices = dict(devices)
        self.composites = {"AUTO": AUTO, "HETERO": HETERO, "MULTI": AUTO, "BATCH": {}}
        self.tried: list[tuple[str, str, PropertyValue]] = []

    def available_devices(self) -> list[str]:
        return list(self.devices)

    def get_property(self, device: str, name: str) -> Any:
        table = self._table(device)
        if name not in table:
            raise RuntimeError(f"{device} has no {name}")
        value = table[name].value
        if isinstance(value, Exception):
            raise value
        return value

    def supported_properties(self, device: str) -> Mapping[str, str]:
        return {name: "RO" if each.takes is None else "RW" for name, each in self._table(device).items()}

    def set_property(self, device: str, properties: Mapping[str, PropertyValue]) -> None:
        for name, value in properties.items():
            self.tried.append((device, name, value))
            takes = self._table(device)[name].takes
            if takes is None or not takes(value):
                raise RuntimeError(
                    f"Exception from src/a.cpp:1:\nCheck 'x' failed at src/b.cpp\nWrong value {value} for {name}\n"
                )

    def version(self, device: str) -> str:
        return "2026.4.1-scripted"

    def _table(self, device: str) -> Mapping[str, Scripted]:
        known = {**self.devices, **self.composites}
        return known["GPU.0" if device == "GPU" and device not in known else device]


def big_machine() -> ScriptedMachine:
    """A CPU, two GPUs and an NPU."""
    return ScriptedMachine({"CPU": CPU, "GPU.0": GPU, "GPU.1": GPU, "NPU": NPU})
