"""OpenVINO devices and properties, and checking a device and an ov_config before anything is loaded.

OpenVINO itself is reached through the small `DeviceLayer`, so that machines with GPUs and NPUs can be played in tests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from openarc_ui.engine.types import DeviceInfo, PropertyValue
from openarc_ui.errors import DeviceUnavailable, PropertyRejected, nearest

VIRTUAL_DEVICES = ("AUTO", "HETERO", "MULTI", "BATCH")
CORE_PROPERTIES = frozenset({"CACHE_DIR", "CACHE_MODE", "ENABLE_MMAP", "DEVICE_PROPERTIES"})
"""Accepted by OpenVINO for every device although no plugin lists them (research: engine, section 4)."""
VIRTUAL_PROPERTIES: dict[str, frozenset[str]] = {
    "AUTO": frozenset(
        {
            "PERFORMANCE_HINT",
            "MODEL_PRIORITY",
            "ENABLE_STARTUP_FALLBACK",
            "ENABLE_RUNTIME_FALLBACK",
            "SCHEDULE_POLICY",
            "LOG_LEVEL",
        }
    ),
    "HETERO": frozenset({"MODEL_DISTRIBUTION_POLICY"}),
    "MULTI": frozenset({"PERFORMANCE_HINT"}),
    "BATCH": frozenset({"AUTO_BATCH_TIMEOUT"}),
}
OLD_NAMES = {"PRECISION_HINT": "INFERENCE_PRECISION_HINT", "ENABLE_HYPERTHREADING": "ENABLE_HYPER_THREADING"}
OLD_PRECISIONS = {"fp16": "f16", "fp32": "f32"}


class DeviceLayer(Protocol):
    """The four questions asked of OpenVINO; `openvino.Core` behind `OpenVinoLayer` answers them in production."""

    def available_devices(self) -> list[str]: ...

    def get_property(self, device: str, name: str) -> Any: ...

    def supported_properties(self, device: str) -> Mapping[str, str]: ...

    def set_property(self, device: str, properties: Mapping[str, PropertyValue]) -> None: ...


class OpenVinoLayer:
    """DeviceLayer over a Core of its own: what is set on it is never used to run anything."""

    def __init__(self) -> None:
        import openvino

        self._core = openvino.Core()

    def available_devices(self) -> list[str]:
        return list(self._core.available_devices)

    def get_property(self, device: str, name: str) -> Any:
        return self._core.get_property(device, name)

    def supported_properties(self, device: str) -> Mapping[str, str]:
        return dict(self._core.get_property(device, "SUPPORTED_PROPERTIES"))

    def set_property(self, device: str, properties: Mapping[str, PropertyValue]) -> None:
        self._core.set_property(device, dict(properties))


def list_devices(layer: DeviceLayer) -> list[DeviceInfo]:
    """Every device this machine really has. A property that throws when read is left out."""
    return [
        DeviceInfo(
            name=name,
            full_name=str(_read(layer, name, "FULL_DEVICE_NAME") or name),
            kind=name.partition(".")[0],
            capabilities=tuple(str(each) for each in _read(layer, name, "OPTIMIZATION_CAPABILITIES") or ()),
        )
        for name in layer.available_devices()
    ]


def check_device(layer: DeviceLayer, device: str) -> tuple[str, ...]:
    """Check a device string against its grammar and against what exists.

    Grammar: NAME[.ID] | AUTO[:d1,d2 | :-d] | HETERO:d1,d2 | MULTI:d1,d2 | BATCH:d[(n)].

    Returns:
        The real devices it names; for a bare AUTO all there are.

    Raises:
        DeviceUnavailable: with the nearest names that exist.
    """
    available = layer.available_devices()
    head, colon, tail = device.partition(":")
    if head in VIRTUAL_DEVICES:
        if not colon:
            if head == "AUTO":
                return tuple(available)
            raise DeviceUnavailable(f"'{head}' needs devices after a colon.", f"For example {head}:{available[0]}.")
        names = [re.sub(r"\(\d+\)$", "", name.strip()) for name in tail.split(",")]
        excluded = [name[1:] for name in names if name.startswith("-")]
        members = [name for name in names if not name.startswith("-")] or [n for n in available if n not in excluded]
        if not members:
            raise DeviceUnavailable(f"'{device}' leaves no device.", f"This machine has: {', '.join(available)}.")
    else:
        members = [device]
    for member in members:
        if not _exists(member, available):
            raise DeviceUnavailable(
                f"This machine has no device '{member}'.", nearest(member, [*available, *VIRTUAL_DEVICES])
            )
    return tuple(members)


def check_properties(layer: DeviceLayer, device: str, ov_config: Mapping[str, PropertyValue]) -> None:
    """Check every key and value of an ov_config, a quarter of a millisecond each.

    Keys of a composite device are held against its members, since AUTO and HETERO swallow what they don't know.

    Raises:
        DeviceUnavailable: see `check_device`.
        PropertyRejected: an unknown, read-only or refused property, with the plugin's own sentence.
    """
    members = check_device(layer, device)
    head = device.partition(":")[0]
    of_virtual = VIRTUAL_PROPERTIES.get(head, frozenset())
    supported = {member: layer.supported_properties(member) for member in members}
    for name, value in ov_config.items():
        if name in CORE_PROPERTIES or name in of_virtual or name.startswith("NPU"):
            continue
        owners = [member for member in members if "W" in supported[member].get(name, "")]
        if not owners:
            raise _unknown_property(name, device, supported)
        _check_value(layer, owners[0], name, value)


def map_old_names(ov_config: Mapping[str, PropertyValue]) -> tuple[dict[str, PropertyValue], tuple[str, ...]]:
    """Property names and values of older OpenArc in today's words, with a warning for each.

    Raises:
        PropertyRejected: both the old and the new name are given.
    """
    mapped: dict[str, PropertyValue] = {}
    warnings: list[str] = []
    for name, value in ov_config.items():
        new_name = OLD_NAMES.get(name, name)
        if new_name in mapped or (new_name != name and new_name in ov_config):
            raise PropertyRejected(f"'{name}' and '{new_name}' are the same property.", f"Keep '{new_name}'.")
        if new_name != name:
            value = OLD_PRECISIONS.get(str(value), value)
            warnings.append(f"'{name}' is an older OpenArc's name; used as {new_name}={value}.")
        mapped[new_name] = value
    return mapped, tuple(warnings)


def _exists(member: str, available: list[str]) -> bool:
    """A bare "GPU" stands for the first of "GPU.0", "GPU.1"; "CPU.0" is not a device."""
    return member in available or any(name.partition(".")[0] == member for name in available)


def _read(layer: DeviceLayer, device: str, name: str) -> Any:
    try:
        return layer.get_property(device, name)
    except RuntimeError:
        return None


def _check_value(layer: DeviceLayer, device: str, name: str, value: PropertyValue) -> None:
    if name.endswith("GROUP_SIZE") and isinstance(value, (int, float)) and value < 0:
        raise PropertyRejected(
            f"{name} can't be negative, got {value}.", "0 switches it off; the plugin would wrap it to 2^64."
        )
    try:
        layer.set_property(device, {name: value})
    except (RuntimeError, TypeError) as error:
        raise PropertyRejected(
            f"{device} refuses {name}={value!r}: {clean_message(error)}", "Correct the value in ov_config."
        ) from error


def _unknown_property(name: str, device: str, supported: Mapping[str, Mapping[str, str]]) -> PropertyRejected:
    read_only = [member for member, properties in supported.items() if name in properties]
    if read_only:
        return PropertyRejected(f"{name} can only be read on {read_only[0]}.", "Leave it out of ov_config.")
    writable = {each for properties in supported.values() for each, access in properties.items() if "W" in access}
    return PropertyRejected(f"{device} has no property '{name}'.", nearest(name, writable | CORE_PROPERTIES))


def clean_message(error: BaseException) -> str:
    """The sentence in a many-line OpenVINO error: lines about C++ sources and failed checks are dropped."""
    noise = ("Exception from", "Check '", "[ ", "src/")
    lines = [line.strip() for line in str(error).splitlines()]
    kept = [line for line in lines if line and not line.startswith(noise)]
    return " ".join(kept) or str(error).strip() or type(error).__name__
