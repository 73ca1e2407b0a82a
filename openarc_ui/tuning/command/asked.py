"""From the arguments of the command line to the request that page and API build too."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from openarc_ui.engine.bounds import PropertyValue
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest, SettingsError, nearest
from openarc_ui.tuning.configurations import combine
from openarc_ui.tuning.requests import BenchRequest, ComparisonRequest, RunRequest, SweepRequest, Workload
from openarc_ui.tuning.workloads import PRESETS, grid

Request = BenchRequest | SweepRequest | ComparisonRequest
KINDS: dict[str, type[Request]] = {"bench": BenchRequest, "sweep": SweepRequest, "compare": ComparisonRequest}
PLAIN_FIELDS = ("model_path", "backend", "device")
LEFT_OUT = "default"
MOST_FILE_BYTES = 8 * 2**20
MEASURED_FLAGS = ("repetitions", "name", "seed")


def request_of(arguments: argparse.Namespace) -> Request:
    """What `bench`, `sweep` or `compare` is asked to do.

    Raises:
        SettingsError: something is missing or misspelt, with the nearest right names.
        InvalidRequest: a value is out of bounds.
    """
    if arguments.request is not None:
        return _from_file(arguments)
    if arguments.model is None:
        raise SettingsError("Which model?", "Name one of the model folder, or give a --request.")
    values = {name: getattr(arguments, name) for name in MEASURED_FLAGS if getattr(arguments, name) is not None}
    if arguments.quality is not None:
        values["quality"] = {"is_wanted": arguments.quality}
    made = {"bench": _bench, "sweep": _sweep, "compare": _comparison}[arguments.command](arguments)
    return _validated(KINDS[arguments.command], {**values, **made})


def value_of(text: str) -> PropertyValue:
    """A value as it is written: true and false, numbers, else text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _bench(arguments: argparse.Namespace) -> dict[str, Any]:
    made: dict[str, Any] = {"configuration": _base(arguments), "workloads": _workloads(arguments)}
    return made if arguments.loads is None else {**made, "loads": arguments.loads}


def _sweep(arguments: argparse.Namespace) -> dict[str, Any]:
    if not arguments.axis:
        raise SettingsError("What varies?", "Say it, such as --axis ov_config.INFERENCE_NUM_THREADS=1,2.")
    made: dict[str, Any] = {
        "base": _base(arguments),
        "axes": [_axis(text) for text in arguments.axis],
        "workload": _one_workload(arguments),
    }
    limit = arguments.memory_limit_megabytes
    told = {
        "objectives": arguments.objective,
        "budget_minutes": arguments.minutes,
        "sampler": arguments.sampler,
        "most_configurations": arguments.most,
        "memory_limit_bytes": None if limit is None else limit * 10**6,
        "tightness_percent": arguments.tightness,
    }
    return {**made, **{name: value for name, value in told.items() if value is not None}}


def _comparison(arguments: argparse.Namespace) -> dict[str, Any]:
    base = _base(arguments)
    made: dict[str, Any] = {
        "a": combine(base, dict(_setting(text) for text in arguments.a)),
        "b": combine(base, dict(_setting(text) for text in arguments.b)),
        "workload": _one_workload(arguments),
    }
    told = {
        "least_rounds": arguments.least_rounds,
        "most_rounds": arguments.most_rounds,
        "budget_minutes": arguments.minutes,
        "tightness_percent": arguments.tightness,
    }
    return {**made, **{name: value for name, value in told.items() if value is not None}}


def _base(arguments: argparse.Namespace) -> LoadRequest:
    """The load that the flags describe."""
    scheduler = dict(_named(text, "--scheduler") for text in arguments.scheduler)
    values = {
        "model_path": arguments.model,
        "device": arguments.device,
        "backend": arguments.backend,
        "ov_config": dict(_named(text, "--ov") for text in arguments.ov),
        "scheduler": scheduler,
    }
    for name in scheduler:
        if name not in SchedulerOptions.model_fields:
            raise SettingsError(f"There is no scheduler option {name}.", nearest(name, SchedulerOptions.model_fields))
    try:
        return LoadRequest.model_validate(values)
    except ValidationError as error:
        raise _explained(error, LoadRequest) from None


def _workloads(arguments: argparse.Namespace) -> list[Workload]:
    """Presets, own prompts, or every combination of the numbers."""
    numbers = (arguments.prompt_tokens, arguments.generated_tokens, arguments.depth, arguments.concurrency)
    is_sized = any(each is not None for each in numbers) or arguments.turns is not None
    if arguments.preset and (is_sized or arguments.prompt):
        raise SettingsError("A preset says all of a workload.", "Leave out --preset, or what stands beside it.")
    if arguments.preset:
        return [PRESETS[name] for name in arguments.preset]
    prompt, generated, depth, users = numbers
    if arguments.prompt and prompt:
        raise SettingsError(
            "Your own prompts are as long as they are, so --prompt-tokens has no use beside them.",
            "Leave out -p, or --prompt.",
        )
    try:
        made = grid(prompt or (512,), generated or (128,), depth or (0,), users or (1,))
        changes: dict[str, Any] = {} if arguments.turns is None else {"turns": arguments.turns}
        left_out = {"prompt_tokens"} if arguments.prompt else set[str]()
        if arguments.prompt:
            changes |= {"prompts": tuple(arguments.prompt), "name": "own prompts"}
        # Validated anew: a copy is not.
        return [Workload.model_validate({**each.model_dump(exclude=left_out), **changes}) for each in made]
    except ValidationError as error:
        raise _explained(error, Workload) from None


def _one_workload(arguments: argparse.Namespace) -> Workload:
    found = _workloads(arguments)
    if len(found) > 1:
        raise SettingsError(
            f"A {arguments.command} has one workload, and these are {len(found)}.", "Give each number, or preset, once."
        )
    return found[0]


def _axis(text: str) -> dict[str, Any]:
    """FIELD=V1,V2 as an axis."""
    field, values = _split(text, "--axis", "backend=genai,optimum")
    parts = values.split(";" if ";" in values else ",")
    return {"field": _field(field), "values": [_value_or_nothing(part.strip()) for part in parts if part.strip()]}


def _setting(text: str) -> tuple[str, PropertyValue | None]:
    field, value = _split(text, "--a and --b", "ov_config.KV_CACHE_PRECISION=u8")
    return _field(field), _value_or_nothing(value)


def _named(text: str, flag: str) -> tuple[str, PropertyValue]:
    name, value = _split(text, flag, "NAME=VALUE")
    return name, value_of(value)


def _split(text: str, flag: str, example: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise SettingsError(f"'{text}' says no name and value for {flag}.", f"Write it as {example}.")
    return name.strip(), value.strip()


def _value_or_nothing(text: str) -> PropertyValue | None:
    return None if text == LEFT_OUT else value_of(text)


def _field(name: str) -> str:
    """A field that a load has, by its form; whether a device has the property is asked of the device.

    Raises:
        SettingsError: with what was probably meant.
    """
    section, point, rest = name.partition(".")
    if name in PLAIN_FIELDS or (section == "ov_config" and rest):
        return name
    options = [f"scheduler.{option}" for option in SchedulerOptions.model_fields]
    if name in options:
        return name
    if not point and name.isupper():
        raise SettingsError(f"There is no field '{name}'.", f"Did you mean 'ov_config.{name}'?")
    meant = nearest(section, [*PLAIN_FIELDS, "ov_config", "scheduler"]) if section != "scheduler" else ""
    raise SettingsError(f"There is no field '{name}'.", meant or nearest(name, options))


def _from_file(arguments: argparse.Namespace) -> Request:
    """A request that was written down, for the command that it belongs to."""
    if arguments.model is not None:
        raise SettingsError("A request says which model is measured.", "Leave out the model, or --request.")
    file = Path(arguments.request)
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_FILE_BYTES)
    except OSError as error:
        raise SettingsError(f"{file.name} can't be read: {error.strerror}.", "Name a file with a request.") from None
    wanted = KINDS[arguments.command]
    try:
        made: Request = TypeAdapter[Any](RunRequest).validate_json(content)
    except ValidationError as error:
        raise _explained(error, wanted) from None
    if not isinstance(made, wanted):
        raise SettingsError(f"{file.name} asks for a {made.kind}.", "Use the command for that.")
    return made


def _validated(kind: type[Request], values: dict[str, Any]) -> Request:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise _explained(error, kind) from None


def _explained(error: ValidationError, model: type[Any]) -> InvalidRequest:
    problems: Sequence[Any] = error.errors(include_url=False, include_input=False)
    return explain(_without_kind(problems), fields_by_path(model), what="The request", hint="See --help.")


def _without_kind(problems: Sequence[Any]) -> list[Any]:
    """A union by `kind` puts the kind before every place; nobody wrote it there."""
    kinds = ("bench", "sweep", "comparison")
    return [
        {**each, "loc": each["loc"][1:] if each["loc"][:1] and each["loc"][0] in kinds else each["loc"]}
        for each in problems
    ]
