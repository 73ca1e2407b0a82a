"""The effective configuration: what a compiled model answers for its properties, and the Core for what that leaves out.

Three settings can't be read anywhere, so they are left out: WEIGHTS_PATH can only be written, CACHE_MODE has no getter, and
DEVICE_PROPERTIES is seen in the members' own values. No model of the user is read or compiled here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from openarc_ui.engine.devices.values import as_text
from openarc_ui.engine.pipelines import device_properties
from openarc_ui.engine.types import PropertyValue

CompiledAnswer = tuple[tuple[str, ...], dict[str, str]]
"""Execution devices, and the text of each property by name."""

NOT_SETTINGS = frozenset(
    {
        "SUPPORTED_PROPERTIES",
        "NETWORK_NAME",
        "RUNTIME_REQUIREMENTS",
        "LOADED_FROM_CACHE",
        "MODEL_PRIORITY",
        "EXECUTION_DEVICES",
        "DEVICE_PROPERTIES",
    }
)
CORE_WIDE = ("CACHE_DIR", "ENABLE_MMAP")
"""Settings of the whole Core, which no compiled model reports."""
COMPOSITE_OPTIONS = {"HETERO": ("MODEL_DISTRIBUTION_POLICY",)}
"""Options of a composite that it does not report, and whose name a member uses for something else."""
NOT_FOR_PROBE = frozenset({"CACHE_DIR", "CACHE_MODE", "WEIGHTS_PATH"})
"""They would put the probe into the user's cache, or point it at another model's weights."""


def read_compiled(compiled_model: Any) -> CompiledAnswer:
    """Execution devices and every readable property of an `openvino.CompiledModel`, as text.

    A composite device answers for its members in DEVICE_PROPERTIES; they are flattened, and its own values come first.
    """
    own = {str(name): _read(compiled_model, name) for name in compiled_model.get_property("SUPPORTED_PROPERTIES")}
    devices = own.get("EXECUTION_DEVICES") or ()
    members = own.get("DEVICE_PROPERTIES")
    values = flatten_members(members) if isinstance(members, Mapping) else {}
    values |= _as_texts(own)
    return tuple(str(device) for device in devices), dict(sorted(values.items()))


def flatten_members(members: Mapping[str, Any]) -> dict[str, str]:
    """Each member's properties by one name: `CPU.NUM_STREAMS`, or plain `NUM_STREAMS` when there is one member only."""
    return {
        (f"{member}.{name}" if len(members) > 1 else name): text
        for member, properties in members.items()
        if isinstance(properties, Mapping)
        for name, text in _as_texts(properties).items()
    }


def compile_probe(
    device: str, ov_config: dict[str, PropertyValue], make_core: Callable[[], Any] | None = None
) -> CompiledAnswer:
    """The effective configuration of a device and ov_config, read from a tiny model compiled with them.

    GenAI keeps its compiled model to itself; the plugin settles the values the same way for any model. The probe's shapes
    are static, since an NPU takes no others, and keys that only GenAI knows are left out. Nothing outlives the call: with
    ENABLE_CPU_RESERVATION a compiled model that lives takes every core, and so does the Core that compiled it for AUTO.

    Args:
        make_core: how to make an `openvino.Core`; left out, it is imported.

    Raises:
        RuntimeError: the device refuses the configuration.
    """
    if make_core is None:
        import openvino

        make_core = openvino.Core
    properties = device_properties(device, ov_config)
    for_probe = {name: value for name, value in properties.items() if name not in NOT_FOR_PROBE}
    devices, values = _compile_and_read(make_core(), device, for_probe)
    head, _, tail = device.partition(":")
    if head == "BATCH":
        # BATCH tells nothing of its member.
        core = make_core()
        of_batch = core.get_property("BATCH", "SUPPORTED_PROPERTIES")
        for_member = {name: value for name, value in for_probe.items() if name not in of_batch}
        values = _compile_and_read(core, re.sub(r"\(\d+\)$", "", tail), for_member)[1] | values
    not_told = {
        name: value
        for name, value in properties.items()
        if name not in values or name in COMPOSITE_OPTIONS.get(head, ())
    }
    values |= read_from_core(make_core(), device, not_told)
    return devices, dict(sorted(values.items()))


def read_from_core(core: Any, device: str, ov_config: Mapping[str, PropertyValue]) -> dict[str, str]:
    """What a Core answers for settings that compiled models don't report, once they are set on it.

    That is CACHE_DIR and ENABLE_MMAP always, and of `ov_config` what the plugin itself can read and write, such as
    ENABLE_WEIGHTLESS on a CPU or MODEL_DISTRIBUTION_POLICY on HETERO. `core` is used up by this.
    """
    values: dict[str, str] = {}
    for name in CORE_WIDE:
        if name in ov_config:
            core.set_property({name: ov_config[name]})
        values[name] = as_text(core.get_property(name))
    owner = device.partition(":")[0]
    access = core.get_property(owner, "SUPPORTED_PROPERTIES")
    for name, value in ov_config.items():
        if name in CORE_WIDE or access.get(name) != "RW":
            continue
        try:
            core.set_property(owner, {name: value})
            values[name] = as_text(core.get_property(owner, name))
        except (RuntimeError, TypeError):
            continue
    return values


def _compile_and_read(core: Any, device: str, properties: Mapping[str, PropertyValue]) -> CompiledAnswer:
    import numpy
    import openvino
    from openvino import opset13

    parameter = opset13.parameter([1, 8], numpy.float32)
    model = openvino.Model([opset13.relu(parameter)], [parameter], "probe")
    return read_compiled(core.compile_model(model, device, dict(properties)))


def _read(compiled_model: Any, name: str) -> Any:
    """A property's value, None where reading it throws; some do."""
    try:
        return compiled_model.get_property(name)
    except (RuntimeError, TypeError):
        return None


def _as_texts(properties: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: as_text(value) for name, value in properties.items() if name not in NOT_SETTINGS and value is not None
    }
