"""Objects that Gradio takes for files: it reads the path in them, or fetches the address, and hands out a copy.

Nothing that is sent to this server is one, so they are refused on the way in and defused on the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

FILE_TYPE = "gradio.FileData"
DEFUSED_TYPE = "gradio.FileData, as data"
DEEPEST = 200
"""How deep an answer or a body may nest. Gradio walks through both by recursion."""


class TooDeep(ValueError):
    """A value nests deeper than `DEEPEST`."""


def is_file_object(value: Any) -> bool:
    """Whether Gradio takes a value for a file, or fails over the question (`meta` that is no object)."""
    if not isinstance(value, dict) or not isinstance(value.get("path"), str) or "meta" not in value:
        return False
    meta = value["meta"]
    return not isinstance(meta, dict) or meta.get("_type", "") == FILE_TYPE


def holds_file_object(value: Any) -> bool:
    """Whether a value is such an object, or has one anywhere inside.

    Raises:
        TooDeep: it can't be looked through.
    """
    return any(is_file_object(each) for each in _containers(value))


def defused(value: Any, is_ours: Callable[[str], bool]) -> Any:
    """A value with every such object made plain data: its type gets another name. One without any is returned as it is.

    Args:
        is_ours: whether a path is a file that this process made to be fetched; such objects stay.

    Raises:
        TooDeep: it can't be looked through.
    """
    if any(is_file_object(each) and not is_ours(each["path"]) for each in _containers(value)):
        return _defused(value, is_ours)
    return value


def _defused(value: Any, is_ours: Callable[[str], bool]) -> Any:
    if isinstance(value, dict):
        if is_file_object(value) and is_ours(value["path"]):
            return value
        plain = {key: _defused(each, is_ours) for key, each in value.items()}
        if is_file_object(plain):
            meta = plain["meta"]
            plain["meta"] = {**(meta if isinstance(meta, dict) else {"value": meta}), "_type": DEFUSED_TYPE}
        return plain
    if isinstance(value, (list, tuple)):
        return [_defused(each, is_ours) for each in value]
    return value


def _containers(value: Any) -> Iterator[Any]:
    """A value and all objects and lists inside, level by level."""
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            raise TooDeep
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                yield each
                below += [inner for inner in each.values() if isinstance(inner, (dict, list, tuple))]
            elif isinstance(each, (list, tuple)):
                below += [inner for inner in each if isinstance(inner, (dict, list, tuple))]
        level, depth = below, depth + 1
