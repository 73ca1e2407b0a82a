"""What a compiled model answers for its properties: the effective configuration."""

from __future__ import annotations

from typing import Any

from openarc_ui.engine.types import PropertyValue

NOT_SETTINGS = frozenset(
    {"SUPPORTED_PROPERTIES", "NETWORK_NAME", "RUNTIME_REQUIREMENTS", "LOADED_FROM_CACHE", "MODEL_PRIORITY"}
)


def read_compiled(compiled_model: Any) -> tuple[tuple[str, ...], dict[str, str]]:
    """Execution devices and every readable property of an `openvino.CompiledModel`, as text."""
    values: dict[str, str] = {}
    for name in compiled_model.get_property("SUPPORTED_PROPERTIES"):
        if name in NOT_SETTINGS:
            continue
        try:
            values[str(name)] = _as_text(compiled_model.get_property(name))
        except (RuntimeError, TypeError):
            continue
    devices = compiled_model.get_property("EXECUTION_DEVICES") if "EXECUTION_DEVICES" in values else ()
    values.pop("EXECUTION_DEVICES", None)
    return tuple(str(device) for device in devices), dict(sorted(values.items()))


def compile_probe(device: str, ov_config: dict[str, PropertyValue]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The effective configuration of a device and ov_config, read from a tiny model compiled with them.

    GenAI keeps its compiled model to itself; the plugin settles the values the same way for any model.

    Raises:
        RuntimeError: the device refuses the configuration.
    """
    import numpy
    import openvino
    from openvino import opset13

    parameter = opset13.parameter([1, 8], numpy.float32)
    model = openvino.Model([opset13.relu(parameter)], [parameter], "probe")
    return read_compiled(openvino.Core().compile_model(model, device, dict(ov_config)))


def _as_text(value: Any) -> str:
    """The short name of an enumeration value or type, the text of everything else."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(_as_text(each) for each in value)
    to_string = getattr(value, "to_string", None)
    if callable(to_string):
        return str(to_string())
    text = str(value)
    if text.startswith("<Type: '"):
        return text.removeprefix("<Type: '").removesuffix("'>")
    return text.rpartition(".")[2] if type(value).__module__.startswith("openvino") else text
