"""How much memory a device has free: of the system, of a container, of a GPU or NPU. A read that throws is not known.

It measures nothing of a model. What a GPU says it uses is what this process uses there; other programs are not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from openarc_ui.engine.devices import DeviceLayer
from openarc_ui.engine.devices.layer import gpu_memory_bytes

UNLIMITED_BYTES = 2**60
"""cgroup v1 writes "no limit" as a number near 2^63."""


@dataclass(frozen=True, slots=True)
class Room:
    """The memory of one device, in bytes; None where the device does not tell.

    Attributes:
        is_system: it is the memory that the processor and all programs use too.
        limit: what sets it, in words.
        why_unknown: when `free_bytes` is None.
    """

    device: str
    free_bytes: int | None
    total_bytes: int | None
    is_system: bool
    limit: str = ""
    why_unknown: str = ""


def system_room(root: Path = Path("/")) -> Room:
    """What programs can still take without swapping: psutil's `available`, or what the container leaves, if less."""
    memory = psutil.virtual_memory()
    free_bytes, total_bytes, limit = int(memory.available), int(memory.total), "system memory"
    for limit_bytes, used_bytes in _container_limits(root):
        if limit_bytes - used_bytes < free_bytes:
            free_bytes, limit = max(0, limit_bytes - used_bytes), "the container's memory limit"
        total_bytes = min(total_bytes, limit_bytes)
    return Room("CPU", free_bytes, total_bytes, True, limit)


def device_room(layer: DeviceLayer, device: str, system: Callable[[], Room] = system_room) -> Room:
    """The memory of a real device, by the properties its plugin documents (openvino.intel_gpu and intel_npu)."""
    kind = device.partition(".")[0]
    if kind == "CPU":
        memory = system()
        return Room(device, memory.free_bytes, memory.total_bytes, True, memory.limit, memory.why_unknown)
    if kind not in ("GPU", "NPU"):
        return Room(device, None, None, False, why_unknown=f"OpenArc knows no property for the memory of {device}.")
    total_bytes = _number(_read(layer, device, f"{kind}_DEVICE_TOTAL_MEM_SIZE"))
    used_bytes = _used(layer, device, kind)
    device_type = str(_read(layer, device, "DEVICE_TYPE")).upper() if kind == "GPU" else "INTEGRATED"
    if total_bytes is None or used_bytes is None:
        return Room(device, None, total_bytes, False, why_unknown=f"{device} does not tell its memory.")
    free_bytes = max(0, total_bytes - used_bytes)
    if "DISCRETE" in device_type:
        return Room(device, free_bytes, total_bytes, False, "the device's own memory")
    if "INTEGRATED" not in device_type:
        why = f"{device} does not tell whether it has memory of its own."
        return Room(device, None, total_bytes, False, why_unknown=why)
    shared = system()
    if shared.free_bytes is not None and shared.free_bytes < free_bytes:
        return Room(device, shared.free_bytes, total_bytes, True, shared.limit)
    return Room(device, free_bytes, total_bytes, True, "its share of system memory")


def _used(layer: DeviceLayer, device: str, kind: str) -> int | None:
    """Bytes in use by this process."""
    if kind == "NPU":
        return _number(_read(layer, device, "NPU_DEVICE_ALLOC_MEM_SIZE"))
    return gpu_memory_bytes(layer, device)


def _read(layer: DeviceLayer, device: str, name: str) -> Any:
    try:
        return layer.get_property(device, name)
    except (RuntimeError, TypeError):
        return None


def _number(value: Any) -> int | None:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number >= 0 else None


def _container_limits(root: Path) -> list[tuple[int, int]]:
    """(limit, used) in bytes of every cgroup this process is in, v2 and v1, up to the root.

    File caches that have not been used lately are given back before a limit bites, so they don't count as used.
    """
    found = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "", "")[:3]
        if controllers == "":
            base, names, inactive = root / "sys/fs/cgroup", ("memory.max", "memory.current"), "inactive_file"
        elif "memory" in controllers.split(","):
            base, inactive = root / "sys/fs/cgroup/memory", "total_inactive_file"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            folder = base.joinpath(*parts[:depth])
            limit_bytes, used_bytes = (_number(_text(folder / name).strip()) for name in names)
            if limit_bytes is not None and used_bytes is not None and limit_bytes < UNLIMITED_BYTES:
                found.append((limit_bytes, max(0, used_bytes - _statistic(folder / "memory.stat", inactive))))
    return found


def _statistic(path: Path, name: str) -> int:
    for line in _text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return _number(value.strip()) or 0
    return 0


def _text(path: Path) -> str:
    """A small file's text; "" where there is none, as on systems without cgroups."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
