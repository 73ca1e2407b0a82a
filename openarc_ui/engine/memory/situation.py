"""How a load runs on one device, as far as memory depends on it: pipeline, precisions of the cache, scheduler limits.

What the request leaves open is read from the device; what the device does not tell is the larger choice. No arithmetic.
"""

from __future__ import annotations

import re
from typing import Any

from openarc_ui.engine.devices import DeviceLayer
from openarc_ui.engine.memory.formulas import BITS, Runner, Situation
from openarc_ui.engine.memory.room import Room
from openarc_ui.engine.memory.shape import ModelShape
from openarc_ui.engine.pipelines import npu_limits, pipeline_of
from openarc_ui.engine.types import BackendName, LoadRequest

TYPE_NAMES = {
    "uint8_t": "u8",
    "int8_t": "i8",
    "float16": "f16",
    "bfloat16": "bf16",
    "float": "f32",
    "float32": "f32",
    "uint4_t": "u4",
    "int4_t": "i4",
}
"""OpenVINO's Type in Python shows the C++ name."""
CACHE_GIGABYTE = 2**30


def situation_of(
    shape: ModelShape, request: LoadRequest, backend: BackendName, layer: DeviceLayer, room: Room
) -> Situation:
    """The situation of one member of the request's device."""
    kind = room.device.partition(".")[0]
    runner: Runner = "optimum" if backend == "optimum" else pipeline_of(request.device, request.ov_config)
    scheduler = request.scheduler.settled() if runner == "paged" else {}
    key_precision, value_precision = (_cache_precision(request, layer, room.device, name) for name in ("KEY", "VALUE"))
    eviction = scheduler.get("cache_eviction_config") if scheduler.get("use_cache_eviction") else None
    return Situation(
        shape=shape,
        runner=runner,
        device_kind=kind,
        key_precision=key_precision,
        value_precision=value_precision,
        key_group=_group(request, "KEY_CACHE_GROUP_SIZE"),
        value_group=_group(request, "VALUE_CACHE_GROUP_SIZE"),
        activation_bits=BITS[_activation_precision(request, layer, room.device)],
        batched_tokens=int(scheduler.get("max_num_batched_tokens") or 1),
        has_cache=request.use_cache,
        cache_limit_bytes=int(scheduler.get("cache_size") or 0) * CACHE_GIGABYTE,
        cache_limit_blocks=int(scheduler.get("num_kv_blocks") or 0),
        evicted_to_tokens=int(eviction["max_cache_size"]) if eviction else None,
        is_in_system_memory=room.is_system,
    )


def npu_context(request: LoadRequest) -> int:
    """Tokens an NPU's model is compiled for.

    Raises:
        PropertyRejected: one of its lengths is no number.
    """
    return npu_limits(request.ov_config).context_tokens


def _cache_precision(request: LoadRequest, layer: DeviceLayer, device: str, which: str) -> str:
    """The one set for keys or values alone, the one set for both, f32 where accuracy is asked for, the device's own."""
    for name in (f"{which}_CACHE_PRECISION", "KV_CACHE_PRECISION"):
        precision = _precision(request.ov_config.get(name))
        if precision is not None:
            return precision
    if device.startswith("CPU") and str(request.ov_config.get("EXECUTION_MODE_HINT")).upper() == "ACCURACY":
        return "f32"
    for name in (f"{which}_CACHE_PRECISION", "KV_CACHE_PRECISION"):
        precision = _precision(_read(layer, device, name))
        if precision is not None:
            return precision
    return "f16"


def _activation_precision(request: LoadRequest, layer: DeviceLayer, device: str) -> str:
    if str(request.ov_config.get("EXECUTION_MODE_HINT")).upper() == "ACCURACY":
        return "f32"
    asked = _precision(request.ov_config.get("INFERENCE_PRECISION_HINT"))
    found = asked or _precision(_read(layer, device, "INFERENCE_PRECISION_HINT"))
    return found if found in ("f16", "bf16", "f32") else ("f32" if device.startswith("CPU") else "f16")


def _precision(value: Any) -> str | None:
    """ "f16", "U8" or OpenVINO's "<Type: 'uint8_t'>" -> the short name; None for "dynamic" and what is not known."""
    quoted = re.search(r"'(\w+)'", str(value))
    name = (quoted.group(1) if quoted else str(value)).strip().lower()
    name = TYPE_NAMES.get(name, name)
    return name if name in BITS else None


def _group(request: LoadRequest, name: str) -> int:
    value = str(request.ov_config.get(name, 0))
    return int(value) if value.isascii() and value.isdigit() else 0


def _read(layer: DeviceLayer, device: str, name: str) -> Any:
    try:
        return layer.get_property(device, name)
    except (RuntimeError, TypeError):
        return None
