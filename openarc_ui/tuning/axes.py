"""What a sweep can vary on a device: every writable property with the values it takes, and what is worth trying first.

Names, kinds and help come from the descriptions that the Load tab's forms are made of. Only which values are worth trying is
decided here; what the device or our own rules refuse is left out of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import psutil

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.catalogue.details import ModelDetails
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.options import OptionSpec, options_of
from openarc_ui.engine.scheduler import SCHEDULER_DEFAULTS, SchedulerOptions
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest, OpenArcError, nearest
from openarc_ui.tuning.configurations import combine, runs_on_optimum, split, value_at
from openarc_ui.tuning.requests import MOST_VALUES, Axis

WORTH_TRYING: Mapping[str, tuple[PropertyValue, ...]] = {
    "ov_config.PERFORMANCE_HINT": ("LATENCY", "THROUGHPUT"),
    "ov_config.KV_CACHE_PRECISION": ("f16", "u8", "u4"),
    "ov_config.KEY_CACHE_PRECISION": ("f16", "u8"),
    "ov_config.VALUE_CACHE_PRECISION": ("f16", "u8"),
    "ov_config.INFERENCE_PRECISION_HINT": ("f32", "bf16", "f16"),
    "ov_config.DYNAMIC_QUANTIZATION_GROUP_SIZE": (0, 32, 64, 128),
    "ov_config.NUM_STREAMS": (1, 2, "AUTO"),
    "scheduler.max_num_batched_tokens": (128, 256, 512, 1024),
    "scheduler.max_num_seqs": (8, 16, 32, 64),
    "scheduler.cache_size": (0, 1, 2, 4),
    "scheduler.enable_prefix_caching": (True, False),
}
"""Where the kind of a setting does not say it. The rest: each choice of a few, both positions of a switch."""
FEW = 4
MOST_TRIED = 16
"""Choices that are asked of the rules one by one; of a longer list the search finds out."""
SUGGESTED = frozenset(
    {
        "ov_config.INFERENCE_NUM_THREADS",
        "ov_config.PERFORMANCE_HINT",
        "ov_config.KV_CACHE_PRECISION",
        "backend",
        "model_path",
    }
)
"""Measured on a CPU these differ; the others are for who has a question."""
SAME_MODEL = 0.02
"""How much the counts of parameters of two weight variants may differ: scales are counted by some converters."""
MODEL_AND_DEVICE = "model and device"


@dataclass(frozen=True, slots=True)
class AxisOffer:
    """A field that can be an axis.

    Attributes:
        field: as `Axis.field` takes it.
        label, help: in words.
        group: heading under which it stands.
        values: what is worth trying, None for "left out".
        choices: all it takes beside the rest of the base, where they can be listed; empty: whatever is typed is tried on the device.
        is_suggested: among the first things to vary.
    """

    field: str
    label: str
    help: str
    group: str
    values: tuple[PropertyValue | None, ...]
    choices: tuple[PropertyValue, ...]
    is_suggested: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value of an axis that can't be loaded.

    Attributes:
        words: why, and what could be done.
    """

    field: str
    value: PropertyValue | None
    words: str


def offers(engine: Engine, base: LoadRequest) -> list[AxisOffer]:
    """For a base: the model, backend and device, then the device's properties, then the scheduler's options.

    Raises:
        ModelNotFound, DeviceUnavailable, InvalidRequest.
    """
    details = engine.catalogue.details(base.model_path)
    form = engine.preflight.options(base.device, "optimum" if runs_on_optimum(base) else base.backend)
    specs = [(f"ov_config.{spec.name}", spec) for spec in form.ov_config]
    specs += [(f"scheduler.{spec.name}", spec) for spec in form.scheduler]
    found = [_models(engine, base, details), _backends(details), _devices(engine, base)]
    found += [_offer(engine, base, field, spec) for field, spec in specs]
    return found


def check_axes(axes: Iterable[Axis]) -> None:
    """What would be wrong with every combination, said before the first is tried.

    Raises:
        InvalidRequest: a field that no load has, or a model that is left out.
    """
    known = {spec.name for spec in options_of(SchedulerOptions, SCHEDULER_DEFAULTS, group="")}
    for axis in axes:
        section, name = split(axis.field)
        if section == "scheduler" and name not in known:
            raise InvalidRequest(f"The scheduler has no option '{name}'.", nearest(name, known))
        if axis.field == "model_path" and None in axis.values:
            raise InvalidRequest("A load needs a model_path.", "Take null out of the values of the axis model_path.")


def refusals(engine: Engine, base: LoadRequest, axes: Iterable[Axis]) -> list[Refusal]:
    """Which values can't be loaded with the rest of the base, and why, as the check of a run would say; not what is wrong with the base."""
    own = {each.message for each in engine.preflight.findings(base) if each.is_error}
    found = []
    for axis in axes:
        for value in axis.values:
            words = _refusal(engine, base, axis.field, value, own)
            if words is not None:
                found.append(Refusal(axis.field, value, words))
    return found


def _refusal(
    engine: Engine, base: LoadRequest, field: str, value: PropertyValue | None, own: Collection[str]
) -> str | None:
    try:
        findings = engine.preflight.findings(combine(base, {field: value}))
    except OpenArcError as error:
        return f"{error.message} {error.hint}".strip()
    first = next((each for each in findings if each.is_error and each.message not in own), None)
    return f"{first.message} {first.hint}".strip() if first is not None else None


def thread_counts() -> tuple[int, ...]:
    """One, half of the cores, all of them, and all that they run at once."""
    logical = psutil.cpu_count() or 1
    cores = psutil.cpu_count(logical=False) or logical
    return tuple(sorted({1, max(1, cores // 2), cores, logical}))


def _models(engine: Engine, base: LoadRequest, details: ModelDetails) -> AxisOffer:
    """Every model that can run; worth trying are those that are the base's with other weights."""
    able = [each for each in engine.catalogue.all_details() if each.backends]
    written = {details.name: base.model_path}  # one name for one model, as the base has it
    values = [
        base.model_path,
        *(each.name for each in able if each.name != details.name and _is_variant(each, details)),
    ]
    return AxisOffer(
        "model_path",
        "Model",
        "Other weights of the same model first: INT8 and INT4 differ in speed, memory and text.",
        MODEL_AND_DEVICE,
        tuple(values[:MOST_VALUES]),
        tuple(written.get(each.name, each.name) for each in able),
        len(values) > 1,
    )


def _is_variant(one: ModelDetails, other: ModelDetails) -> bool:
    """Of the same architecture and context, with about as many parameters; what is not known is not the same."""
    if not one.architecture or one.architecture != other.architecture or one.context_length != other.context_length:
        return False
    if not one.parameters or not other.parameters:
        return False
    return abs(one.parameters - other.parameters) <= SAME_MODEL * max(one.parameters, other.parameters)


def _backends(details: ModelDetails) -> AxisOffer:
    return AxisOffer(
        "backend",
        "Backend",
        "GenAI runs many requests at once and caches prefixes; Optimum runs one after the other.",
        MODEL_AND_DEVICE,
        details.backends,
        details.backends,
        len(details.backends) > 1,
    )


def _devices(engine: Engine, base: LoadRequest) -> AxisOffer:
    """The real devices; a composite is typed."""
    names = [each.name for each in engine.preflight.devices()]
    values = tuple(dict.fromkeys((base.device, *names)))
    words = "The processor, a GPU or an NPU; composites such as AUTO:GPU,CPU can be typed."
    return AxisOffer("device", "Device", words, MODEL_AND_DEVICE, values, values, len(values) > 1)


def _offer(engine: Engine, base: LoadRequest, field: str, spec: OptionSpec) -> AxisOffer:
    """One property or option; the base's own value is among its values where it has one."""
    choices = _choices(spec)
    if len(choices) <= MOST_TRIED:
        choices = tuple(each for each in choices if _is_taken(engine, base, field, each))
    values = [each for each in _worth_trying(field, spec, choices) if _is_taken(engine, base, field, each)]
    own = value_at(base, field)
    if own is not None and values and not any(type(each) is type(own) and each == own for each in values):
        values.insert(0, own)
    is_suggested = field in SUGGESTED and len(values) > 1
    return AxisOffer(field, spec.name, spec.help, spec.group, tuple(values), choices, is_suggested)


def _choices(spec: OptionSpec) -> tuple[PropertyValue, ...]:
    if spec.kind == "switch":
        return (True, False)
    return tuple(each.value for each in spec.choices)


def _worth_trying(field: str, spec: OptionSpec, choices: tuple[PropertyValue, ...]) -> tuple[PropertyValue, ...]:
    if field == "ov_config.INFERENCE_NUM_THREADS":
        return thread_counts()
    known = WORTH_TRYING.get(field)
    if known is None:
        return choices if spec.kind == "switch" or 1 < len(choices) <= FEW else ()
    return tuple(each for each in known if not choices or each in choices)


def _is_taken(engine: Engine, base: LoadRequest, field: str, value: PropertyValue) -> bool:
    """Neither the device nor a rule of ours refuses it with the rest of the base."""
    try:
        load = combine(base, {field: value})
    except OpenArcError:
        return False
    return not any(each.is_error and each.field == field for each in engine.preflight.findings(load))
