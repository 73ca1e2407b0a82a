"""OpenVINO's property values as text and back to the words its plugins take."""

from __future__ import annotations

from typing import Any

LOG_LEVELS = {
    "NO": "LOG_NONE",
    "ERR": "LOG_ERROR",
    "WARNING": "LOG_WARNING",
    "INFO": "LOG_INFO",
    "DEBUG": "LOG_DEBUG",
    "TRACE": "LOG_TRACE",
}
"""Plugins take other words for a log level than they answer with."""


def as_text(value: Any) -> str:
    """A value as the text a person or an ov_config writes for it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return ", ".join(f"{as_text(key)}: {as_text(each)}" for key, each in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(as_text(each) for each in value)
    name = enum_name(value)
    if name is not None:
        return LOG_LEVELS.get(name, name) if type(value).__name__ == "Level" else name
    if is_type(value):
        name = str(value.to_string())
        return "undefined" if name == "dynamic" else name
    return str(value)


def is_type(value: Any) -> bool:
    """An `openvino.Type`, the type of elements."""
    return callable(getattr(value, "to_string", None))


def enum_name(value: Any) -> str | None:
    """The name of an enumeration's member, None for every other value; a member without a name is "NONE"."""
    if not hasattr(type(value), "__members__"):
        return None
    name = str(value).rpartition(".")[2]
    return "NONE" if "?" in name else name


def is_same(requested: Any, effective: str) -> bool:
    """Is what was asked for what is in effect, whatever words it was asked in: YES, 1 and true are one, 0.3 and "0.300000012" too."""
    left, right = as_text(requested).casefold(), effective.casefold()
    if left == right or _SAME.get(left, left) == _SAME.get(right, right):
        return True
    try:
        one, other = float(left), float(right)
    except ValueError:
        return False
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other))


_SAME = {
    "yes": "true", "on": "true", "no": "false", "off": "false", "fp16": "f16", "fp32": "f32", "dynamic": "undefined",
    "0.0": "0", "1.0": "1",
}  # fmt: skip
