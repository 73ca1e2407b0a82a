"""What one setting is, so that a form can be made of it: kind, choices, bounds, default, help.

The same description serves device properties, the scheduler and sampling. No device and no page is known here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

OptionKind = Literal["choice", "switch", "integer", "number", "text", "lines", "json"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a setting that has a few, as it is written in JSON, and what it means in a few words."""

    value: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """One setting.

    Attributes:
        name: as in JSON; a dot leads into a nested object.
        group: the heading it stands under.
        is_common: shown at once; the others stand behind "all properties".
        help: one line. `text`: more, as markdown; empty where there is no more to say.
        default: what is in effect when it is left out, as text; None where that can't be told.
        minimum, maximum: bounds of a number that the device or the model takes.
        expected_maximum: more is taken, but brings nothing on this machine.
        words: texts that a number field takes too, such as AUTO.
        devices: the members of a composite device that take it.
    """

    name: str
    kind: OptionKind
    group: str
    is_common: bool
    help: str
    text: str = ""
    unit: str = ""
    default: str | None = None
    choices: tuple[Choice, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    expected_maximum: float | None = None
    words: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


def options_of(
    model: type[BaseModel], defaults: Mapping[str, Any], *, group: str, common: frozenset[str] = frozenset()
) -> tuple[OptionSpec, ...]:
    """The settings of a pydantic model; a field that is a model itself becomes `outer.inner` under a heading of its own."""
    return tuple(_options(model, defaults, group, common, ""))


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return flat


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """{"a.b": 1} -> {"a": {"b": 1}}, the way back from `flatten`."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        outer, dot, inner = name.partition(".")
        if dot:
            nested.setdefault(outer, {})[inner] = value
        else:
            nested[name] = value
    return nested


def _options(
    model: type[BaseModel], defaults: Mapping[str, Any], group: str, common: frozenset[str], prefix: str
) -> Iterator[OptionSpec]:
    for name, field in model.model_fields.items():
        inner = _without_none(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _options(inner, inner().model_dump(), name, common, f"{prefix}{name}.")
        else:
            yield _option(prefix + name, inner, field, defaults.get(name), group, (prefix + name) in common)


def _option(name: str, annotation: Any, field: FieldInfo, default: Any, group: str, is_common: bool) -> OptionSpec:
    bounds = _bounds(field)
    choices = typing.get_args(annotation) if typing.get_origin(annotation) is Literal else ()
    return OptionSpec(
        name=name,
        kind=_kind(annotation),
        group=group,
        is_common=is_common,
        help=field.description or "",
        default=None if default is None else _shown(default),
        choices=tuple(Choice(str(value)) for value in choices),
        minimum=bounds.get("minimum"),
        maximum=bounds.get("maximum"),
    )


def _kind(annotation: Any) -> OptionKind:
    kinds: dict[Any, OptionKind] = {bool: "switch", int: "integer", float: "number", str: "text"}
    if typing.get_origin(annotation) is Literal:
        return "choice"
    return "lines" if typing.get_origin(annotation) is tuple else kinds.get(annotation, "json")


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kept = [each for each in typing.get_args(annotation) if each is not type(None)]
        return kept[0] if len(kept) == 1 else annotation
    return annotation


def _bounds(field: FieldInfo) -> dict[str, float]:
    bounds: dict[str, float] = {}
    for each in field.metadata:
        if isinstance(each, (annotated_types.Ge, annotated_types.Gt)):
            bounds["minimum"] = float(getattr(each, "ge", getattr(each, "gt", 0)))
        elif isinstance(each, (annotated_types.Le, annotated_types.Lt)):
            bounds["maximum"] = float(getattr(each, "le", getattr(each, "lt", 0)))
    return bounds


def _shown(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
