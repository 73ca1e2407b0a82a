"""Pydantic models as Python source to paste: names, types and defaults, with the descriptions as comments.

What a model checks beyond its types stays behind; bounds are told in the comment.
"""

from __future__ import annotations

import enum
import re
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from fastapi.routing import APIRoute
from pydantic import BaseModel, RootModel, WithJsonSchema
from pydantic.fields import FieldInfo
from typing_extensions import TypeAliasType

from openarc_ui.engine.frozen import Frozen

Model = type[BaseModel]
HEADER = '''\
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel


class Strict(BaseModel):
    """What is sent: a field it does not know is refused, here and by the server."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
'''
OF_A_ROUTE = re.compile(r"(?:Body|Answer) of `")
"""A docstring that says no more than the list of routes does."""
SHORTEST_IN_AN_ANSWER = 32
"""A shorter comment on what is read and not written says little more than the field's name."""
PLAIN_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
LARGE = 10**5
BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}"}


def models_of_routes(routes: Iterable[Any]) -> list[Model]:
    """Every model in a body or a successful answer of routes that are not deprecated, each after those it needs."""
    found: dict[Model, None] = {}
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema and not route.deprecated:
            for annotation in _annotations_of(route):
                _collect(annotation, found)
    return list(found)


def _annotations_of(route: APIRoute) -> Iterator[Any]:
    if route.body_field is not None:
        yield route.body_field.field_info.annotation
    yield route.response_model
    for status, response in route.responses.items():
        if str(status).startswith("2"):
            yield response.get("model")


def _collect(annotation: Any, found: dict[Model, None]) -> None:
    """Add the models of an annotation, those they need before them."""
    for model in _models_in(annotation):
        if model in found:
            continue
        for base in _bases(model):
            _collect(base, found)
        for name in _own_fields(model):
            _collect(model.model_fields[name].annotation, found)
        found[model] = None


def _models_in(annotation: Any) -> Iterator[Model]:
    if isinstance(annotation, TypeAliasType):
        yield from _models_in(annotation.__value__)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for each in get_args(annotation):
            yield from _models_in(each)


def _bases(model: Model) -> list[Model]:
    if issubclass(model, RootModel):
        return []
    return [base for base in model.__bases__ if issubclass(base, BaseModel) and base not in (BaseModel, Frozen)]


def _own_fields(model: Model) -> list[str]:
    """Fields that no base has, or has otherwise."""
    return [name for name in model.__annotations__ if name in model.model_fields]


def source_of(models: Sequence[Model]) -> str:
    """The models as one Python module; they must be in the order `models_of_routes` gives.

    To stay short, a field is described where its name first has that meaning, and in one clause; of an answer, only what
    its name does not say.
    """
    told: set[tuple[str, str]] = set()
    return "\n\n".join([HEADER, *[_class(model, told) for model in models]])


def _class(model: Model, told: set[tuple[str, str]]) -> str:
    if issubclass(model, RootModel):
        return f"{model.__name__} = RootModel[{type_text(model.model_fields['root'].annotation)}]\n"
    plain = "Strict" if model.model_config.get("extra") == "forbid" else "BaseModel"
    bases = ", ".join(base.__name__ for base in _bases(model)) or plain
    lines = [f"class {model.__name__}({bases}):"]
    words = _clause(model.__doc__ or "").replace('"', "'")
    fields = _own_fields(model)
    if not fields or not OF_A_ROUTE.match(words):
        lines.append(f'    """{words or model.__name__}"""')
    for name in fields:
        field = model.model_fields[name]
        comment = " ".join(each for each in (_clause(field.description or ""), _bounds(field)) if each)
        is_wanted = (name, comment) not in told and (plain == "Strict" or len(comment) >= SHORTEST_IN_AN_ANSWER)
        told.add((name, comment))
        lines.append(_line(name, field) + (f"  # {comment}" if comment and is_wanted else ""))
    return "\n".join(lines) + "\n"


def _clause(documentation: str) -> str:
    """What it begins with, on one line; the first sentence up to a semicolon."""
    paragraph = " ".join(documentation.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.;])\s", paragraph, maxsplit=1)[0].rstrip(";.")


def _line(name: str, field: FieldInfo) -> str:
    written = [each.json_schema for each in field.metadata if isinstance(each, WithJsonSchema)]
    kind = schema_type(written[0]) if written and written[0] is not None else type_text(field.annotation)
    text = f"    {name}: {kind}"
    default = _default(field)
    if field.alias is not None and field.alias != name:
        text += f" = Field({default or '...'}, alias={field.alias!r})"
    elif default is not None:
        text += f" = {default}"
    return text


def _default(field: FieldInfo) -> str | None:
    """As source; None: the field must be given."""
    if field.is_required():
        return None
    return _source(field.get_default(call_default_factory=True, validated_data={}))


def _source(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return repr(value.value)
    if isinstance(value, BaseModel):
        given = ", ".join(
            f"{name}={getattr(value, name)!r}" for name in type(value).model_fields if name in value.model_fields_set
        )
        return f"{type(value).__name__}({given})"
    if isinstance(value, tuple):
        return f"[{', '.join(_source(each) for each in value)}]"
    return repr(value)


def _bounds(field: FieldInfo) -> str:
    """What a number must be between; a bound that nobody comes near is left out."""
    parts = [
        words.format(bound)
        for each in field.metadata
        for name, words in BOUNDS.items()
        if isinstance(bound := getattr(each, name, None), int | float) and bound < LARGE
    ]
    return f"({', '.join(parts)})" if parts else ""


def schema_type(schema: Mapping[str, Any]) -> str:
    """The type of a field that tells its JSON schema itself, because it takes more than what it becomes."""
    if "anyOf" in schema or "oneOf" in schema:
        choices = schema.get("anyOf", schema.get("oneOf", ()))
        return " | ".join(dict.fromkeys(schema_type(each) for each in choices))
    if schema.get("type") == "array":
        return f"list[{schema_type(schema.get('items', {}))}]"
    if schema.get("type") == "object":
        return "dict[str, Any]"
    return PLAIN_TYPES.get(str(schema.get("type")), "Any")


def type_text(annotation: Any) -> str:
    """A type as it is written; enumerations are their values, what is no pydantic model and no JSON is Any."""
    if annotation is None or annotation is types.NoneType:
        return "None"
    if isinstance(annotation, TypeAliasType):
        return type_text(annotation.__value__)
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_text(parts[0])
    if origin is Literal:
        return f"Literal[{', '.join(repr(each) for each in parts)}]"
    if origin in (Union, types.UnionType):
        return " | ".join(dict.fromkeys(type_text(each) for each in parts))
    if origin is not None and isinstance(origin, type):
        if origin is dict or (origin is tuple and ... not in parts):
            return f"{origin.__name__}[{', '.join(type_text(each) for each in parts)}]"
        return f"list[{type_text(parts[0])}]"
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return f"Literal[{', '.join(repr(each.value) for each in annotation)}]"
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or annotation.__module__ == "builtins"):
        return annotation.__name__
    return "Any"
