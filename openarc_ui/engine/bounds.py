"""What a property value of an ov_config can be: types, and bounds that every backend, page and answer can carry.

It knows no property by name; what a device takes is in `devices`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator

MAX_WHOLE_NUMBER = 2**63 - 1
"""OpenVINO takes whole numbers of 64 bits with a sign; JSON in a browser and in Gradio has no larger ones either."""
MAX_VALUE_CHARACTERS = 16_384
"""An NPU's configurations are texts of JSON; every other value is shorter by far."""
MAX_MESSAGES = 10_000
"""Of a conversation; a longer one would hold up its model while it is rendered, and fits no context."""
MAX_PATH_CHARACTERS = 4096
"""The longest of any system we run on."""
MAX_NAME_CHARACTERS = 200
MAX_PROPERTIES = 256
MAX_TOKEN_ID = 2**31 - 1


def _within_bounds(value: Any) -> Any:
    """Refuse what no property can be, before a number too large for a whole one is read as a float.

    Raises:
        ValueError: a number needs more than 64 bits, is infinite or none, or a text is too long, at any depth.
    """
    for name, each in _leaves(value):
        if isinstance(each, int) and not -MAX_WHOLE_NUMBER - 1 <= each <= MAX_WHOLE_NUMBER:
            raise ValueError("a whole number must fit into 64 bits")
        if isinstance(each, float) and not math.isfinite(each):
            raise ValueError("a number that is infinite, or none, can't be written as JSON")
        if isinstance(each, str) and len(each) > MAX_VALUE_CHARACTERS:
            raise ValueError(f"a text has at most {MAX_VALUE_CHARACTERS} characters, got {len(each)}")
        if isinstance(name, str) and len(name) > MAX_NAME_CHARACTERS:
            raise ValueError(f"a name has at most {MAX_NAME_CHARACTERS} characters, got {len(name)}")
        if isinstance(each, dict) and len(each) > MAX_PROPERTIES:
            raise ValueError(f"at most {MAX_PROPERTIES} properties can be set, got {len(each)}")
    return value


def _leaves(value: Any, depth: int = 3) -> Iterator[tuple[Any, Any]]:
    """(name, value) of everything in a property value, no deeper than one can be; its own name is None."""
    yield None, value
    if isinstance(value, dict) and depth:
        for name, each in value.items():
            yield name, None
            yield from _leaves(each, depth - 1)


PlainValue = bool | int | float | str
PropertyValue = Annotated[PlainValue | dict[str, dict[str, PlainValue]], BeforeValidator(_within_bounds)]
"""The second is for DEVICE_PROPERTIES: device -> property -> value."""


def check_properties(value: Any) -> Any:
    """An ov_config as it came in, unless it has too many names, or one that is none.

    Raises:
        ValueError: with the bound.
    """
    if isinstance(value, dict) and len(value) > MAX_PROPERTIES:
        raise ValueError(f"at most {MAX_PROPERTIES} properties can be set, got {len(value)}")
    if isinstance(value, dict) and any(len(name) > MAX_NAME_CHARACTERS for name in value if isinstance(name, str)):
        raise ValueError(f"the name of a property has at most {MAX_NAME_CHARACTERS} characters")
    return value


MAX_JSON_DEPTH = 32
MAX_JSON_NODES = 20_000


def check_json(value: Any) -> Any:
    """A JSON value of any shape as it came in, unless it is too deep, too large, or not to be written as JSON.

    Raises:
        ValueError: with the bound.
    """
    nodes = 0
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting:
        each, depth = waiting.pop()
        nodes += 1
        if depth > MAX_JSON_DEPTH or nodes > MAX_JSON_NODES:
            raise ValueError(f"at most {MAX_JSON_DEPTH} levels and {MAX_JSON_NODES} values")
        if isinstance(each, dict):
            waiting.extend((inner, depth + 1) for inner in each.values())
        elif isinstance(each, (list, tuple)):
            waiting.extend((inner, depth + 1) for inner in each)
        elif isinstance(each, float) and not math.isfinite(each):
            raise ValueError("a number that is infinite, or none, can't be written as JSON")
        elif each is not None and not isinstance(each, (str, int, float, bool)):
            raise ValueError(f"{type(each).__name__} is no JSON")
    return value
