"""An ov_config held against the device: our rules, then the plugin's own word on every key and value.

Keys of a composite device are held against its members, since AUTO and HETERO swallow what they don't know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from openarc_ui.engine.devices.form import plugin_options
from openarc_ui.engine.devices.layer import DeviceLayer, refusal
from openarc_ui.engine.devices.rules import CACHE_FOLDER_PROPERTIES, MODEL_FOLDER_PROPERTIES, Setting, findings
from openarc_ui.engine.findings import Finding
from openarc_ui.engine.options import OptionSpec
from openarc_ui.engine.types import PropertyValue
from openarc_ui.errors import PropertyRejected, nearest

OLD_NAMES = {"PRECISION_HINT": "INFERENCE_PRECISION_HINT", "ENABLE_HYPERTHREADING": "ENABLE_HYPER_THREADING"}
LOOK_IN_FORM = "None of its properties has a name like it."
OLD_PRECISIONS = {"fp16": "f16", "fp32": "f32"}


def check_ov_config(layer: DeviceLayer, setting: Setting, options: Sequence[OptionSpec]) -> list[Finding]:
    """Everything there is to say about an ov_config, a quarter of a millisecond a key.

    Args:
        options: what can be set, as `device_options` gives it.
    """
    by_name = {spec.name: spec for spec in options}
    found = findings(setting)
    settled = {each.field for each in found if each.is_error}
    for name, value in setting.ov_config.items():
        if f"ov_config.{name}" in settled:
            continue
        if name not in by_name:
            found.append(_unknown(layer, setting, name, by_name))
        elif name == "DEVICE_PROPERTIES":
            found += _per_device(layer, setting, value)
        else:
            found += _value(layer, setting, by_name[name], value)
    return found


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


def _unknown(layer: DeviceLayer, setting: Setting, name: str, known: Mapping[str, OptionSpec]) -> Finding:
    for member in setting.members:
        if name in layer.supported_properties(member):
            return Finding(
                f"ov_config.{name}", "error", "plugin", f"{name} can only be read on {member}.", "Leave it out."
            )
    if name == "ATTENTION_BACKEND":
        hint = "Leave it out, or choose the GenAI backend."
        return Finding(f"ov_config.{name}", "error", "rules", "Only GenAI has an ATTENTION_BACKEND.", hint)
    message = f"{setting.device} has no property '{name}'."
    hint = nearest(name, known)
    is_list = hint.startswith("Known names")
    return Finding(f"ov_config.{name}", "error", "plugin", message, LOOK_IN_FORM if is_list else hint)


def _value(layer: DeviceLayer, setting: Setting, spec: OptionSpec, value: PropertyValue) -> list[Finding]:
    if isinstance(value, dict):
        return [_refused(spec, f"{spec.name} takes one value, not an object.", "", "")]
    if not spec.devices:
        return _own_value(spec, value)
    for owner in spec.devices:
        words = refusal(layer, owner, spec.name, value)
        if words is not None:
            message = f"{owner} refuses {spec.name}={_shown(value)}: {words.rstrip('.')}."
            return [_refused(spec, message, _hint(spec, value), _trap(spec, value))]
    if spec.kind == "integer" and isinstance(value, float) and not (value.is_integer() and abs(value) < 2**53):
        return [_refused(spec, f"{spec.name} is a whole number, not {_shown(value)}.", "", "")]
    if spec.kind == "number" and spec.maximum is not None and isinstance(value, (int, float)) and value > spec.maximum:
        return [_refused(spec, f"{spec.name} is at most {spec.maximum:g}.", "", "")]
    return []


def _own_value(spec: OptionSpec, value: PropertyValue) -> list[Finding]:
    """A key that no plugin lists: OpenVINO's or GenAI's, which check nothing before the load."""
    allowed = [choice.value for choice in spec.choices]
    is_path = spec.name in CACHE_FOLDER_PROPERTIES
    if (is_path or spec.kind == "text") and not isinstance(value, str):
        message = f"{spec.name} is a text, not {_shown(value)}."
    elif allowed and not is_path and str(value) not in allowed:
        message = f"{spec.name} is one of {', '.join(allowed)}, not {_shown(value)}."
    elif spec.kind == "switch" and not isinstance(value, bool) and str(value).upper() not in ("YES", "NO"):
        message = f"{spec.name} is true or false, not {_shown(value)}."
    elif spec.kind == "integer" and (
        isinstance(value, bool) or not str(value).isdecimal() or int(str(value)) < (spec.minimum or 0)
    ):
        message = f"{spec.name} is a whole number from {spec.minimum or 0:g}, not {_shown(value)}."
    else:
        return []
    return [_refused(spec, message, _hint(spec, value), "")]


def _per_device(layer: DeviceLayer, setting: Setting, value: PropertyValue) -> list[Finding]:
    """DEVICE_PROPERTIES: {device: {property: value}}, each held against its own device by all the same checks."""
    field = "ov_config.DEVICE_PROPERTIES"
    if not isinstance(value, dict):
        hint = 'For example {"CPU": {"NUM_STREAMS": 1}}.'
        return [Finding(field, "error", "rules", "DEVICE_PROPERTIES is an object of devices.", hint)]
    found: list[Finding] = []
    for device, properties in value.items():
        if device not in setting.members:
            words = f"{setting.device} has no device '{device}'."
            found.append(Finding(field, "error", "rules", words, nearest(device, setting.members)))
            continue
        for name in (*CACHE_FOLDER_PROPERTIES, *MODEL_FOLDER_PROPERTIES):
            if name in properties:
                words = f"{name} can't be set for {device} alone."
                found.append(
                    Finding(field, "error", "rules", words, "Set it beside DEVICE_PROPERTIES.", "paths_outside")
                )
        alone = replace(setting, device=device, members=(device,), ov_config=properties, is_paged=False)
        inner = check_ov_config(layer, alone, plugin_options(layer, device))
        found += [replace(each, field=field) for each in inner]
    return found


def _refused(spec: OptionSpec, message: str, hint: str, trap: str) -> Finding:
    layer = "plugin" if spec.devices else "rules"
    return Finding(f"ov_config.{spec.name}", "error", layer, message, hint or "Correct the value.", trap)  # type: ignore[arg-type]


def _hint(spec: OptionSpec, value: PropertyValue) -> str:
    if spec.name in CACHE_FOLDER_PROPERTIES:
        return "Give a folder below OpenArc's cache folder, or an empty text to switch it off."
    if spec.kind == "switch":
        return "Write true or false, without quotes."
    if spec.choices:
        return nearest(str(value), [choice.value for choice in spec.choices])
    return ""


def _trap(spec: OptionSpec, value: PropertyValue) -> str:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return "switch_not_number" if spec.kind == "switch" and is_number else ""


def _shown(value: PropertyValue) -> str:
    """A value as JSON writes it."""
    return (
        ("true" if value else "false")
        if isinstance(value, bool)
        else repr(value)
        if isinstance(value, str)
        else str(value)
    )
