"""A configuration: a load in its canonical form, its id, its label, and how axes make it from a base. Pure.

Canonical: today's names of properties, sorted, and nothing that the backend has no use for. What takes the engine to find
out (which backend `auto` is, what a device makes of a value) is not known here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from pydantic import ValidationError

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.choice import OPTIMUM_ONLY_OPTIONS
from openarc_ui.engine.devices.checks import OLD_NAMES, map_old_names
from openarc_ui.engine.devices.names import VIRTUAL_DEVICES
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.options import flatten, nest
from openarc_ui.engine.pipelines import ATTENTION_BACKEND, pipeline_of
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest
from openarc_ui.tuning.requests import PLAIN_FIELDS as PLAIN_FIELDS
from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, RunRequest
from openarc_ui.tuning.results import Configuration

PENALTIES = ("repetition_penalty", "presence_penalty", "frequency_penalty")
"""The only sampling defaults that measured requests do not override (see `asking.py`)."""
NOT_IN_THE_ID = {"name", "allow_overcommit", "sampling_defaults", "ov_config", "scheduler"}
SHORT_NAME = 16
"""Characters of a model's name that a label has room for."""
ID_DIGITS = 12
Settings = Mapping[str, PropertyValue | None]


def combine(base: LoadRequest, settings: Settings) -> LoadRequest:
    """The base with other values of some fields, in the canonical form; None takes a field out.

    Raises:
        InvalidRequest: a field or value that no load has.
    """
    values = base.model_dump(exclude_unset=True)
    ov_config, _ = map_old_names(base.ov_config)
    scheduler = flatten(base.scheduler.given())
    places: dict[str, dict[str, Any]] = {"": values, "ov_config": ov_config, "scheduler": scheduler}
    for field, value in settings.items():
        section, name = split(field)
        if value is None:
            _take_out(places[section], name, field)
        else:
            places[section] |= map_old_names({name: value})[0] if section == "ov_config" else {name: value}
    try:
        load = LoadRequest.model_validate({**values, "ov_config": ov_config, "scheduler": nest(scheduler)})
    except ValidationError as error:
        hint = "Choose other values for the axes."
        problems = error.errors(include_url=False)
        raise explain(problems, fields_by_path(LoadRequest), what="The load", hint=hint) from error
    return _useful(_in_order(load))


def configuration_of(load: LoadRequest, settings: Settings | None = None, label: str | None = None) -> Configuration:
    """A load as something to measure; the label is made from the settings where none is given.

    What its backend has no use for stays in it, to be refused as in any load; only axes may lead to such a thing by the way.

    Raises:
        PropertyRejected: a property under its old and its new name.
    """
    load = _in_order(load)
    effective = {field: value if value is None else value_at(load, field) for field, value in (settings or {}).items()}
    return Configuration(identify(load), label or label_of(effective), load, effective)


def identify(load: LoadRequest) -> str:
    """Hash of everything in a load that a measurement depends on; equal for loads that are the same."""
    load = _useful(_in_order(load))
    identity = load.model_dump(mode="json", exclude=NOT_IN_THE_ID)
    identity["ov_config"] = {name: _plain(value) for name, value in load.ov_config.items()}
    identity["scheduler"] = {name: _plain(value) for name, value in load.scheduler.settled().items()}
    identity["penalties"] = load.sampling_defaults.model_dump(mode="json", include=set(PENALTIES))
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:ID_DIGITS]


def runs_on_optimum(load: LoadRequest) -> bool:
    """Optimum is asked for, or an option that only Optimum has is; `auto` may turn out to be Optimum for other reasons."""
    if load.backend != "auto":
        return load.backend == "optimum"
    has_option = any(getattr(load, name) is not None for name in OPTIMUM_ONLY_OPTIONS)
    return has_option or load.export_model or not load.use_cache


def models_of(request: RunRequest) -> frozenset[str]:
    """The model paths of everything that a run may load, as they are asked for."""
    if isinstance(request, BenchRequest):
        return frozenset((request.configuration.model_path,))
    if isinstance(request, ComparisonRequest):
        return frozenset((request.a.model_path, request.b.model_path))
    loads = (request.base, request.reference or request.base)
    varied = {value for axis in request.axes if axis.field == "model_path" for value in axis.values}
    return frozenset((*(load.model_path for load in loads), *(value for value in varied if isinstance(value, str))))


def value_at(load: LoadRequest, field: str) -> PropertyValue | None:
    """What a load has at an axis' field; None where it is left out.

    Raises:
        InvalidRequest: no load has such a field.
    """
    section, name = split(field)
    if section == "ov_config":
        return load.ov_config.get(OLD_NAMES.get(name, name))
    if section == "scheduler":
        value: PropertyValue | None = flatten(load.scheduler.given()).get(name)
        return value
    return str(getattr(load, name))


def split(field: str) -> tuple[str, str]:
    """ "ov_config.NUM_STREAMS" -> ("ov_config", "NUM_STREAMS"); "device" -> ("", "device").

    Raises:
        InvalidRequest: no axis is called so.
    """
    section, _, name = field.partition(".")
    if name and section in ("ov_config", "scheduler"):
        return section, name
    if field in PLAIN_FIELDS:
        return "", field
    raise InvalidRequest(
        f"A load has no field '{field}' to vary.",
        "Take model_path, backend, device, ov_config.NAME or scheduler.NAME.",
    )


def label_of(settings: Settings, models: Sequence[str] = ()) -> str:
    """The settings in a few words; what is left out of a load is left out here.

    Args:
        models: all models of the run: what their names have in common at the beginning is cut off.
    """
    if not settings:
        return "base"
    words = [_words(field, value, models) for field, value in settings.items() if value is not None]
    return ", ".join(words) or "defaults"


def _in_order(load: LoadRequest) -> LoadRequest:
    """Today's names of properties, sorted."""
    ov_config, _ = map_old_names(load.ov_config)
    return load.model_copy(update={"ov_config": dict(sorted(ov_config.items()))})


def _useful(load: LoadRequest) -> LoadRequest:
    """Without what its backend or pipeline has no use for."""
    if runs_on_optimum(load):
        kept = {name: value for name, value in load.ov_config.items() if name != ATTENTION_BACKEND}
        return load.model_copy(update={"ov_config": kept, "scheduler": SchedulerOptions()})
    if pipeline_of(load.device, load.ov_config) == "stateful":
        return load.model_copy(update={"scheduler": SchedulerOptions()})
    return load


def _take_out(values: dict[str, Any], name: str, field: str) -> None:
    if field == "model_path":
        raise InvalidRequest("A load needs a model_path.", "Take null out of the values of the axis model_path.")
    name = OLD_NAMES.get(name, name)
    for each in [each for each in values if each == name or each.startswith(f"{name}.")]:
        del values[each]


def _plain(value: Any) -> Any:
    """2.0 and 2 are one number, whoever wrote it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _words(field: str, value: PropertyValue, models: Sequence[str]) -> str:
    if field == "model_path":
        return _short_name(str(value), models)
    if field == "backend" or (field == "device" and str(value).partition(":")[0].partition(".")[0] in _DEVICES):
        return str(value)
    written = value if isinstance(value, str) else json.dumps(value)
    return f"{field.rpartition('.')[2]}={written}"


def _short_name(model: str, models: Sequence[str]) -> str:
    """What tells a model from the others; alone, the end of its name."""
    name = model.rstrip("/").rpartition("/")[2]
    others = {each.rstrip("/").rpartition("/")[2] for each in models}
    if len(others) > 1:
        columns = zip(*(each.split("-") for each in others), strict=False)
        common = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
        rest = name.split("-")[common:]
        return "-".join(["…", *rest]) if common and rest else name
    dash = name.rfind("-")
    return f"…{name[dash:]}" if len(name) > SHORT_NAME and dash > 0 else name


_DEVICES = frozenset({"CPU", "GPU", "NPU", *VIRTUAL_DEVICES})
