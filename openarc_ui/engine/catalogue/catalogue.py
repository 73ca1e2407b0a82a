"""The catalogue: what the model folder holds, found by name and described, with the descriptions remembered.

What is remembered is forgotten as soon as a file of the model changes. It knows no backend library.
"""

from __future__ import annotations

import dataclasses
import os
import threading
from collections import OrderedDict
from pathlib import Path

from openarc_ui.engine.catalogue.details import ModelDetails, describe_model
from openarc_ui.engine.catalogue.folder import PROFILE_FILE, ModelEntry, ModelKind, scan
from openarc_ui.errors import ModelNotFound, nearest

__all__ = ["PROFILE_FILE", "Catalogue", "ModelEntry", "ModelKind", "find_model", "list_models"]

REMEMBERED = 512

Fingerprint = tuple[tuple[str, int, int, int], ...]


def list_models(model_folder: Path) -> list[ModelEntry]:
    """Every model below `model_folder`, at most three folders deep, by name. A missing folder holds none."""
    root = model_folder.resolve()
    return scan(root) if root.is_dir() else []


def find_model(model_folder: Path, model_path: str) -> ModelEntry:
    """The entry that `model_path` names: a name of the catalogue, its last part, or a path inside the model folder.

    Raises:
        ModelNotFound: nothing there, outside the model folder, or several models that end in this name.
    """
    root = model_folder.resolve()
    return _find(root, list_models(root), model_path)


class Catalogue:
    """The models of one folder. Thread-safe.

    Args:
        model_folder: the only folder that is read.
    """

    def __init__(self, model_folder: Path) -> None:
        self.model_folder = model_folder
        self._lock = threading.Lock()
        self._remembered: OrderedDict[str, tuple[Fingerprint, ModelEntry, ModelDetails]] = OrderedDict()

    def entries(self) -> list[ModelEntry]:
        """What the model folder holds now, by names and first bytes; 200 folders take some hundredths of a second."""
        return list_models(self.model_folder)

    def find(self, model_path: str) -> ModelEntry:
        """The entry that `model_path` names, with what reading its files says about the backends.

        Raises:
            ModelNotFound: nothing there, outside the model folder, or several models that end in this name.
        """
        entry = find_model(self.model_folder, model_path)
        details = self.describe(entry)
        problems = details.problems if not details.backends else entry.problems
        return dataclasses.replace(entry, backends=details.backends, cannot_run=details.cannot_run, problems=problems)

    def details(self, model_path: str) -> ModelDetails:
        """One model, described from its files.

        Raises:
            ModelNotFound: as `find`.
        """
        return self.describe(find_model(self.model_folder, model_path))

    def fingerprint(self, entry: ModelEntry) -> Fingerprint:
        """Equal as long as none of a model's files changed."""
        return _fingerprint(Path(entry.path))

    def all_details(self) -> list[ModelDetails]:
        """Every model, described; what has not changed since the last time costs a look at the folder."""
        return [self.describe(entry) for entry in self.entries()]

    def describe(self, entry: ModelEntry) -> ModelDetails:
        """An entry of `entries`, described from its files, or as it was last time when none of them changed."""
        fingerprint = _fingerprint(Path(entry.path))
        with self._lock:
            known = self._remembered.get(entry.path)
            if known is not None and known[:2] == (fingerprint, entry):
                self._remembered.move_to_end(entry.path)
                return known[2]
        details = describe_model(entry)
        with self._lock:
            self._remembered[entry.path] = (fingerprint, entry, details)
            self._remembered.move_to_end(entry.path)
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return details


def _fingerprint(path: Path) -> Fingerprint:
    """Name, size and times of the files that are read: equal as long as none of them changed."""
    try:
        if path.is_dir():
            with os.scandir(path) as children:
                stats = [(child.name, child.stat()) for child in children if child.is_file()]
        else:
            stats = [(path.name, path.stat())]
    except OSError:
        return ()
    return tuple(sorted((name, each.st_size, each.st_mtime_ns, each.st_ctime_ns) for name, each in stats))


def _find(root: Path, entries: list[ModelEntry], model_path: str) -> ModelEntry:
    for entry in entries:
        if model_path == entry.name:
            return entry
    short = [entry for entry in entries if model_path == Path(entry.name).name]
    if len(short) == 1:
        return short[0]
    if short:
        names = " or ".join(f"'{entry.name}'" for entry in short)
        raise ModelNotFound(f"Several models are named '{model_path}'.", f"Say {names}.")
    wanted = _inside(root, model_path)
    for entry in entries:
        if Path(entry.path) == wanted:
            return entry
    hint = nearest(model_path, [entry.name for entry in entries]) or _why_empty(root)
    raise ModelNotFound(f"No model '{model_path}' in the model folder.", hint)


def _why_empty(root: Path) -> str:
    if root.exists() and not (root.is_dir() and os.access(root, os.R_OK | os.X_OK)):
        return "The model folder can't be read: check that --model-folder names a folder, and its permissions."
    return "The model folder holds no model yet."


def _inside(root: Path, model_path: str) -> Path | None:
    """The path it means; None when it can be no path."""
    try:
        wanted = (root / model_path).resolve()
    except (ValueError, OSError):
        return None
    if wanted != root and not wanted.is_relative_to(root):
        raise ModelNotFound(
            f"'{model_path}' is outside the model folder.",
            "Put the model into the model folder, or start OpenArc with another one.",
        )
    return wanted
