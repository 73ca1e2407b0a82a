"""Paths of this machine are not kept: of each only its last name is, which says what was meant and not where it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from openarc_ui.engine.places import ANY_PATH


def is_absolute(path: str) -> bool:
    """Of Linux, of macOS or of Windows, whichever this is."""
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def without_paths(value: Any) -> Any:
    """The same JSON with "…/name" for every absolute path in its texts."""
    if isinstance(value, str):
        return _last_name(value) if is_absolute(value) else ANY_PATH.sub(lambda found: _last_name(found.group()), value)
    if isinstance(value, Mapping):
        return {key: without_paths(each) for key, each in value.items()}
    return [without_paths(each) for each in value] if isinstance(value, (list, tuple)) else value


def _last_name(path: str) -> str:
    """A path in quotes keeps them."""
    quote = path[0] if path[0] in "'\"" else ""
    return f"{quote}…/{PureWindowsPath(path.strip(quote or None)).name}{quote}"
