"""The settings a device takes, made from what its plugin says: names, types, defaults, and which values it accepts.

OpenVINO tells no enumeration and no bounds, so candidate values are tried on the plugin (a quarter of a millisecond each)
and the accepted ones are offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import psutil

from openarc_ui.engine.devices.layer import DeviceLayer, read, refusal
from openarc_ui.engine.devices.values import LOG_LEVELS, as_text, enum_name, is_type
from openarc_ui.engine.help import PropertyHelp
from openarc_ui.engine.options import Choice, OptionKind, OptionSpec

TYPES = ("undefined", "f32", "f16", "bf16", "u8", "i8", "u4", "i4", "u3", "u2", "nf4", "f8e4m3", "f8e5m2")
POLICIES = ("TENSOR_PARALLEL", "PIPELINE_PARALLEL")
STREAM_WORDS = ("AUTO", "NUMA")
CORE_OPTIONS = (
    OptionSpec(
        "CACHE_DIR",
        "choice",
        "cache",
        True,
        "",
        default="OpenArc's cache folder",
        choices=(Choice("", "off: compile anew"),),
    ),
    OptionSpec("CACHE_MODE", "choice", "cache", False, "", choices=(Choice("OPTIMIZE_SIZE"), Choice("OPTIMIZE_SPEED"))),
    OptionSpec("ENABLE_MMAP", "switch", "memory", False, "", default="true"),
)
"""Accepted by OpenVINO for every device although no plugin lists them (research: engine, section 4)."""
PER_DEVICE = OptionSpec("DEVICE_PROPERTIES", "json", "composite", False, "")
ATTENTION_BACKEND = OptionSpec(
    "ATTENTION_BACKEND", "choice", "performance", True, "", default="PA", choices=(Choice("PA"), Choice("SDPA"))
)
NPU_OPTIONS = (
    OptionSpec("MAX_PROMPT_LEN", "integer", "npu", True, "", default="1024", minimum=1),
    OptionSpec("MIN_RESPONSE_LEN", "integer", "npu", True, "", default="128", minimum=1),
    OptionSpec(
        "PREFILL_HINT", "choice", "npu", True, "", default="DYNAMIC", choices=(Choice("DYNAMIC"), Choice("STATIC"))
    ),
    OptionSpec(
        "GENERATE_HINT",
        "choice",
        "npu",
        True,
        "",
        default="FAST_COMPILE",
        choices=(Choice("FAST_COMPILE"), Choice("BEST_PERF")),
    ),
    OptionSpec("NPUW_CACHE_DIR", "text", "npu", False, ""),
    OptionSpec("NPUW_LLM_PREFILL_CHUNK_SIZE", "integer", "npu", False, "", minimum=1),
    OptionSpec("NPUW_LLM_ENABLE_PREFIX_CACHING", "switch", "npu", False, ""),
    OptionSpec("NPU_TURBO", "switch", "npu", False, ""),
    OptionSpec("NPU_TILES", "integer", "npu", False, "", minimum=1),
    OptionSpec("NPU_COMPILATION_MODE_PARAMS", "text", "npu", False, ""),
)
"""GenAI's own keys for language models on an NPU; the plugin does not list them. Not run on hardware."""
NOT_FOR_A_FORM = frozenset({"CACHE_ENCRYPTION_CALLBACKS", "MODEL_PTR", "MULTI_DEVICE_PRIORITIES", "CONFIG_FILE"})
"""Callbacks and pointers can't be written as JSON; the device list is the device string; a file of settings hides them."""


def device_options(
    layer: DeviceLayer, device: str, members: Iterable[str], texts: Mapping[str, PropertyHelp], *, is_genai: bool
) -> tuple[OptionSpec, ...]:
    """Everything that can be set for a device: the members' properties, the composite's own, OpenVINO's, and GenAI's.

    Args:
        members: the real devices, as `check_device` gives them.
        texts: help by property name.
        is_genai: the GenAI backend will run it, so its keys count.
    """
    found: dict[str, OptionSpec] = {}
    head = device.partition(":")[0]
    is_composite = ":" in device or head == "AUTO"
    for owner in [*([head] if is_composite else []), *members]:
        for spec in plugin_options(layer, owner):
            known = found.get(spec.name)
            devices = (*known.devices, owner) if known is not None else (owner,)
            found[spec.name] = replace(known or spec, devices=devices)
    extra = [*CORE_OPTIONS, *([PER_DEVICE] if is_composite and head != "BATCH" else [])]
    extra += [ATTENTION_BACKEND] if is_genai else []
    extra += NPU_OPTIONS if is_genai and any(member.startswith("NPU") for member in members) else ()
    for spec in extra:
        found.setdefault(spec.name, spec)
    described = (_with_help(spec, texts.get(spec.name)) for spec in found.values())
    return tuple(
        replace(each, is_common=False) if each.group == "composite" and not is_composite else each for each in described
    )


def plugin_options(layer: DeviceLayer, device: str) -> list[OptionSpec]:
    """What one plugin says can be written."""
    try:
        supported = layer.supported_properties(device)
    except (RuntimeError, TypeError):
        return []
    return [
        _described(layer, device, name)
        for name, access in supported.items()
        if "W" in access and name not in NOT_FOR_A_FORM
    ]


def _described(layer: DeviceLayer, device: str, name: str) -> OptionSpec:
    value = read(layer, device, name)
    kind = _kind(value)
    spec = OptionSpec(name, kind, "", False, "", default=None if value is None else as_text(value), devices=(device,))
    if kind == "choice":
        return replace(spec, choices=_accepted(layer, device, name, _candidates(value)))
    if kind in ("integer", "number"):
        return _bounded(layer, spec, device)
    if name == "DEVICE_ID":
        ids = [str(each) for each in read(layer, device, "AVAILABLE_DEVICES") or ()]
        return replace(spec, kind="choice", choices=tuple(Choice(each, "" if each else "the only one") for each in ids))
    return spec


def _kind(value: Any) -> OptionKind:
    if isinstance(value, bool):
        return "switch"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, (set, frozenset)) or is_type(value) or enum_name(value) is not None:
        return "choice"
    return "text"


def _candidates(value: Any) -> Iterable[str]:
    """Values worth trying: the members of an enumeration, the element types, or the distribution policies."""
    if isinstance(value, (set, frozenset)):
        return POLICIES
    if enum_name(value) is None:
        return TYPES
    names = list(type(value).__members__)
    if type(value).__name__ == "Level":
        return [LOG_LEVELS.get(name, name) for name in names]
    return [*names, *(["NONE"] if "NONE" not in names else [])]


def _accepted(layer: DeviceLayer, device: str, name: str, candidates: Iterable[str]) -> tuple[Choice, ...]:
    return tuple(Choice(each) for each in candidates if refusal(layer, device, name, each) is None)


def _bounded(layer: DeviceLayer, spec: OptionSpec, device: str) -> OptionSpec:
    """Numbers are never below zero here; where a plugin takes -1 it means another word or wraps (see traps)."""
    spec = replace(spec, minimum=0)
    if spec.kind == "number" and refusal(layer, device, spec.name, 1.5) is not None:
        return replace(spec, maximum=1)
    if spec.name == "NUM_STREAMS":
        streams = read(layer, device, "RANGE_FOR_STREAMS")
        words = tuple(word for word in STREAM_WORDS if refusal(layer, device, spec.name, word) is None)
        return replace(spec, words=words, expected_maximum=float(streams[1]) if streams else None)
    if spec.name == "INFERENCE_NUM_THREADS":
        return replace(spec, expected_maximum=float(psutil.cpu_count() or 1))
    return spec


def _with_help(spec: OptionSpec, known: PropertyHelp | None) -> OptionSpec:
    if known is None:
        return replace(
            spec, group=spec.group or "other", help=spec.help or "OpenArc has no words for this property yet."
        )
    choices = tuple(replace(each, words=known.values.get(each.value, each.words)) for each in spec.choices)
    return replace(
        spec,
        group=known.group,
        is_common=known.is_common,
        unit=known.unit,
        help=known.help,
        text=known.text,
        choices=choices,
    )
