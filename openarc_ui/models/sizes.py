"""What the model folder holds and how much each entry takes: models, whatever else lies there, remains of tasks included.

Links are never followed: what lies behind one takes its room elsewhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from openarc_ui.engine.catalogue.folder import TEMPORARY_ENDINGS, ModelEntry
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import ModelState
from openarc_ui.errors import ModelNotFound
from openarc_ui.models.work.record import FOLDER

KINDS = {
    "ir": "OpenVINO model",
    "gguf": "GGUF",
    "checkpoint": "Hugging Face checkpoint",
    "script": "Scripted model",
}
IN_USE = (ModelState.READY, ModelState.LOADING, ModelState.UNLOADING)


@dataclass(frozen=True, slots=True)
class FolderSize:
    """What one entry of the model folder takes, models and whatever else lies there, hidden remains of tasks included."""

    name: str
    size_bytes: int
    files: int
    is_model: bool
    is_loaded: bool
    what: str


def folder_sizes(engine: Engine, busy_names: Sequence[str] = ()) -> Sequence[FolderSize]:
    """Everything in the model folder, the largest first."""
    root = engine.model_folder.resolve()
    entries = {Path(each.path): each for each in engine.catalog()}
    loaded, busy = loaded_paths(engine), {each.casefold() for each in busy_names}
    found: list[FolderSize | None] = [_of_model(path, entry, entries, loaded, busy) for path, entry in entries.items()]
    try:
        top = sorted(root.iterdir())
    except OSError:
        top = []
    found += [_of_rest(path, entries) for path in top if path not in entries]
    return sorted(
        (each for each in found if each is not None), key=lambda each: (-each.size_bytes, each.name.casefold())
    )


def loaded_paths(engine: Engine) -> set[str]:
    """Where the models lie that are loaded, load, or go."""
    return paths_of(engine, {each.request.model_path for each in engine.status().models if each.state in IN_USE})


def paths_of(engine: Engine, names: Collection[str]) -> set[str]:
    """Where the models lie that are asked for by these names."""
    found = set()
    for name in names:
        try:
            found.add(engine.catalogue.find(name).path)
        except ModelNotFound:
            found.add(str(engine.model_folder.resolve() / name))  # gone, but opened
    return found


def unlinked_bytes(path: Path) -> int:
    """What deleting it gives back: a file that has another name elsewhere stays."""
    return sum(each.st_size for each in _files(path, ()) if each.st_nlink == 1)


def _of_model(
    path: Path, entry: ModelEntry, entries: dict[Path, ModelEntry], loaded: set[str], busy: set[str]
) -> FolderSize:
    size, count = _taken(path, entries)
    is_busy = entry.name.casefold() in busy or Path(entry.name).name.casefold() in busy
    what = KINDS[entry.kind] + ("; a link" if path.is_symlink() else "") + ("; a task works on it" if is_busy else "")
    return FolderSize(entry.name, size, count, True, entry.path in loaded, what)


def _of_rest(path: Path, entries: dict[Path, ModelEntry]) -> FolderSize | None:
    """Of what is no model itself; None for a folder that holds nothing beside models."""
    size, count = _taken(path, entries)
    has_models = any(path in each.parents for each in entries)
    if has_models and not count:
        return None
    return FolderSize(path.name, size, count, False, False, "Beside models" if has_models else _what(path))


def _what(path: Path) -> str:
    if path.is_symlink():
        return "A link"
    if path.name == FOLDER:
        return "What downloads and conversions keep"
    if path.name.startswith(".preparing-"):
        return "A starter model that is being prepared"
    if path.name.endswith(TEMPORARY_ENDINGS):
        return "Unfinished"
    return "Something else"


def _taken(path: Path, entries: dict[Path, ModelEntry]) -> tuple[int, int]:
    """Bytes and files below it, without the models in it, which have lines of their own."""
    others = [each for each in entries if path in each.parents]
    stats = list(_files(path, others))
    return sum(each.st_size for each in stats), len(stats)


def _files(path: Path, others: Sequence[Path]) -> Iterator[os.stat_result]:
    """Of each regular file; what vanishes or can't be read meanwhile is passed over."""
    waiting = [path]
    while waiting:
        now = waiting.pop()
        try:
            about = now.lstat()
            if stat.S_ISREG(about.st_mode):
                yield about
            elif stat.S_ISDIR(about.st_mode):
                waiting += [each for each in now.iterdir() if each not in others]
        except OSError:
            continue
