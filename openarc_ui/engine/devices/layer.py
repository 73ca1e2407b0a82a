"""The questions asked of OpenVINO, behind a small protocol, so that machines with GPUs and NPUs can be played in tests.

`OpenVinoLayer` answers them in production. It reads and tries, and runs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from openarc_ui.engine.types import PropertyValue

FAILED_CHECK = re.compile(r"(Check '.*' failed)")
CPP_SOURCE = re.compile(r"^\s*Exception from \S+:\d+:[ \t]+", re.MULTILINE)


class DeviceLayer(Protocol):
    """What is asked. Every method may raise RuntimeError or TypeError with the plugin's own words."""

    def available_devices(self) -> list[str]:
        """Names of the real devices, now."""

    def get_property(self, device: str, name: str) -> Any:
        """A property of a device, as OpenVINO's Python types."""

    def supported_properties(self, device: str) -> Mapping[str, str]:
        """Property name -> "RO", "RW" or "WO". Composite devices are asked by their bare name, "AUTO"."""

    def set_property(self, device: str, properties: Mapping[str, PropertyValue]) -> None:
        """Try values; nothing that is read or run afterwards changes by it."""

    def version(self, device: str) -> str:
        """The plugin's build; composite devices have one too."""


class OpenVinoLayer:
    """DeviceLayer over OpenVINO. A new one finds devices that were added since."""

    def __init__(self) -> None:
        import openvino

        self._new_core = openvino.Core
        self._core = openvino.Core()

    def available_devices(self) -> list[str]:
        return list(self._core.available_devices)

    def get_property(self, device: str, name: str) -> Any:
        return self._core.get_property(device, name)

    def supported_properties(self, device: str) -> Mapping[str, str]:
        return dict(self._core.get_property(device, "SUPPORTED_PROPERTIES"))

    def set_property(self, device: str, properties: Mapping[str, PropertyValue]) -> None:
        """On a throw-away Core: a value that was set stays set in its Core, and would be read back as a default.

        Reading a property first loads the plugin; before that OpenVINO only notes what is set, and refuses nothing.
        """
        core = self._new_core()
        core.get_property(device, "SUPPORTED_PROPERTIES")
        core.set_property(device, dict(properties))

    def version(self, device: str) -> str:
        versions = self._core.get_versions(device)
        return "; ".join(str(each.build_number) for each in versions.values())


def read(layer: DeviceLayer, device: str, name: str) -> Any:
    """A property, or None where the read throws."""
    try:
        return layer.get_property(device, name)
    except (RuntimeError, TypeError):
        return None


def gpu_memory_bytes(layer: DeviceLayer, gpu: str) -> int | None:
    """Memory that this process holds on a GPU, None where the plugin does not tell.

    GPU_MEMORY_STATISTICS (openvino.intel_gpu) maps kinds of memory to bytes, "usm_device_current" and "usm_device_peak";
    peaks are no use of now. The mapping is empty before the first use.
    """
    statistics = read(layer, gpu, "GPU_MEMORY_STATISTICS")
    if not isinstance(statistics, Mapping):
        return None
    sizes = [size for kind, size in statistics.items() if not str(kind).endswith("_peak")]
    return sum(size for size in sizes if isinstance(size, int) and size > 0)


def refusal(layer: DeviceLayer, device: str, name: str, value: PropertyValue) -> str | None:
    """Why the plugin does not take a value, in its own words; None when it does."""
    try:
        layer.set_property(device, {name: value})
    except (RuntimeError, TypeError, OverflowError) as error:
        words = clean_message(error)
        return "the value is out of range" if "Unable to cast" in words else words.removesuffix("; stoi")
    return None


def clean_message(error: BaseException) -> str:
    """The sentence in a many-line OpenVINO error: lines about C++ sources and failed checks are dropped.

    A transformation that throws first prints the whole node it was at; the reason stands after it.
    """
    noise = ("Exception from", "Check '", "[ ", "src/")
    told = CPP_SOURCE.sub("", str(error).rpartition("CALLBACK HAS THROWN:")[2])
    lines = [line.strip() for line in told.splitlines()]
    kept = [line for line in lines if line and not line.startswith(noise)]
    failed_check = FAILED_CHECK.search(told)
    return " ".join(kept) or (failed_check.group(1) if failed_check else told.strip()) or type(error).__name__
