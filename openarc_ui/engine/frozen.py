"""The base of everything that comes in from outside: immutable, and a field it does not know is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, field_validator, model_validator
from pydantic_core import CoreSchema, PydanticCustomError

MOST_NAMES = 1000
"""In one object: each that is not known is an error of its own, and hundreds of thousands take seconds to tell."""


def _failing_fast(schema: Any) -> Any:
    if isinstance(schema, dict):
        made = {name: _failing_fast(each) for name, each in schema.items()}
        return made | {"fail_fast": True} if schema.get("type") in ("list", "tuple", "set", "frozenset") else made
    return [_failing_fast(each) for each in schema] if isinstance(schema, list) else schema


class Frozen(BaseModel):
    """Base of every request: immutable, and a field it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A list is read until its first mistake; a million of them would take ten seconds to collect, and one is told."""
        schema: CoreSchema = _failing_fast(handler(source))
        return schema

    @model_validator(mode="before")
    @classmethod
    def _has_few_names(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > MOST_NAMES:
            raise PydanticCustomError(
                "too_many_names", "An object should have at most {most} names", {"most": MOST_NAMES}
            )
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        """JSON can hold half of a surrogate pair, which is no character: no tokenizer and no answer can carry it.

        Raises:
            ValueError: a text among the values has one.
        """
        if not all(is_text(each) for each in _texts(value)):
            raise ValueError("half of a surrogate pair is no character")
        return value


def is_text(text: str) -> bool:
    """Every character of it can be written, so no half of a surrogate pair is among them."""
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, names included. Fields have types, so how deep it goes is bounded."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(name)
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            if not isinstance(each, (int, float)):  # a million ids of tokens are looked at on the event loop
                yield from _texts(each)
