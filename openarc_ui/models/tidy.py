"""The model folder kept in order: sizes, rename, delete, and whether every file is still what it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from openarc_ui.engine.engine import Engine


@dataclass(frozen=True, slots=True)
class FolderSize:
    """What one entry of the model folder takes, models and whatever else lies there, hidden remains of tasks included."""

    name: str
    size_bytes: int
    files: int
    is_model: bool
    is_loaded: bool
    what: str


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """One file held against what was noted of it when it was downloaded or converted.

    Attributes:
        verdict: "good"; "changed": other bytes than then; "missing"; "unknown": nothing was noted of it.
    """

    path: str
    size_bytes: int | None
    verdict: Literal["good", "changed", "missing", "unknown"]
    words: str


def folder_sizes(engine: Engine, busy_names: Sequence[str] = ()) -> Sequence[FolderSize]:
    """Everything in the model folder, the largest first."""
    raise NotImplementedError


def rename_model(engine: Engine, model: str, new_name: str, busy_names: Sequence[str] = ()) -> str:
    """Give a model another name; returns it.

    Raises:
        ModelNotFound, ModelExists, ModelInUse, InvalidRequest, ModelFolderUnusable.
    """
    raise NotImplementedError


def delete_model(engine: Engine, model: str, confirm: str, busy_names: Sequence[str] = ()) -> int:
    """Delete a model's folder or GGUF; returns the bytes that this gave back.

    Args:
        confirm: the model's whole name once more; anything else is refused.

    Raises:
        ModelNotFound, ModelInUse, InvalidRequest, ModelFolderUnusable.
    """
    raise NotImplementedError


def verify_model(
    engine: Engine,
    model: str,
    say: Callable[[float], None] = lambda fraction: None,
    stopping: threading.Event | None = None,
) -> Sequence[VerifiedFile]:
    """Read every file of a model and compare hashes with those noted in `openarc_files.json`; gigabytes take a while.

    Raises:
        ModelNotFound.
    """
    raise NotImplementedError
