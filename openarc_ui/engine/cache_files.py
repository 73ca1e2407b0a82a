"""What the compile cache has on disk: OpenVINO's files, and OpenArc's notes beside them, which also mark a folder as ours.

It decides nothing: which folder belongs to which model, and what may be deleted when, is in `compile_cache`.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from openarc_ui.engine.backends.files import read_json
from openarc_ui.errors import OpenArcError

NOTES_FILE = "openarc_cache.json"
"""Also the mark of a folder that is OpenArc's own: others are neither counted nor cleared."""
KEPT_SUFFIXES = (".blob", ".cl_cache")
"""A compiled model; the kernels of a GPU."""
MAX_SECONDS = 1e9


class CacheFolderUnusable(OpenArcError):
    """The folder of the compiled models can't be made, read or written."""

    code = "cache_folder_unusable"


@dataclass(frozen=True, slots=True)
class LoadNote:
    """What loading one configuration of a model took, without and with the cache.

    Attributes:
        configuration: see `configuration_key`.
        first_seconds: of reading and compiling when the compiled model was not there yet; None: not seen.
        cached_seconds: the same when it was.
    """

    backend: str
    device: str
    configuration: str
    first_seconds: float | None = None
    cached_seconds: float | None = None


def kept_files(folder: Path) -> Iterator[tuple[Path, int]]:
    """What OpenVINO keeps below a folder, with bytes; links are not followed."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where) / name
            try:
                found = path.lstat() if name.endswith(KEPT_SUFFIXES) else None
            except OSError:
                continue  # it went while we looked, or is nobody's to count
            if found is not None and stat.S_ISREG(found.st_mode):
                yield path, found.st_size


def delete_files(folder: Path) -> tuple[list[int], list[str]]:
    """Bytes of each file that was deleted, and what could not be."""
    sizes: list[int] = []
    problems: list[str] = []
    for path, size_bytes in kept_files(folder):
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"{path.name}: {error.strerror}")
            continue
        sizes.append(size_bytes)
    return sizes, problems


@contextmanager
def as_cache_error() -> Iterator[None]:
    """What the system says about the folder, as CacheFolderUnusable."""
    try:
        yield
    except OSError as error:
        raise CacheFolderUnusable(
            f"The cache folder can't be used: {error.strerror or error}.",
            "Check that --cache-folder names a folder that can be read and written.",
        ) from error


def read_notes(folder: Path) -> tuple[str, tuple[LoadNote, ...]]:
    """Whose folder it is, and what is known of its loads; notes that can't be read say nothing."""
    try:
        content = read_json(folder / NOTES_FILE)
    except (OSError, ValueError):
        content = {}
    model = content.get("model")
    loads = content.get("loads")
    notes = [_note(each) for each in (loads if isinstance(loads, list) else [])]
    name = folder.name.encode("utf-8", "replace").decode()
    return model if isinstance(model, str) else name, tuple(each for each in notes if each is not None)


def _note(value: Any) -> LoadNote | None:
    if not isinstance(value, dict):
        return None
    words = [value.get(name) for name in ("backend", "device", "configuration")]
    seconds = [value.get(name) for name in ("first_seconds", "cached_seconds")]
    if not all(isinstance(word, str) for word in words):
        return None
    first, cached = (_seconds(each) for each in seconds)
    return LoadNote(str(words[0]), str(words[1]), str(words[2]), first, cached)


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and 0 <= value <= MAX_SECONDS else None


def write_notes(folder: Path, model: str, notes: tuple[LoadNote, ...]) -> None:
    """Written beside and moved, so that a reader never sees half of it."""
    content = json.dumps({"model": model, "loads": [asdict(note) for note in notes]}, indent=2)
    partial = folder / (NOTES_FILE + ".tmp")
    partial.write_text(content, encoding="utf-8")
    partial.replace(folder / NOTES_FILE)
