"""The folder where OpenVINO keeps compiled models (CACHE_DIR): where, how large, what it saved, and how to empty it.

It only ever counts and deletes the kinds of files that OpenVINO writes there. It sets no property and loads nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from openarc_ui.engine.backends.files import read_json

NOTES_FILE = "openarc_cache.json"
KEPT_SUFFIXES = (".blob", ".cl_cache")
"""A compiled model; the kernels of a GPU."""
MAX_NOTES = 32
MAX_SLUG_CHARACTERS = 60
ROOM_FACTOR = 2.0
"""The starter's compiled models have 1.0 (INT8) and 1.5 times (INT4) the bytes of its weights."""


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


@dataclass(frozen=True, slots=True)
class ModelCacheUsage:
    """What is kept for one model.

    Attributes:
        model: its name in the catalogue; for a folder somebody else made, the folder's name.
        loads: what it saved, the latest last.
    """

    model: str
    size_bytes: int
    files: int
    loads: tuple[LoadNote, ...]


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """What is kept for all models, the largest first."""

    folder: str
    size_bytes: int
    files: int
    models: tuple[ModelCacheUsage, ...]


@dataclass(frozen=True, slots=True)
class Cleared:
    """What emptying the cache did.

    Attributes:
        freed_bytes: of the files that were deleted. A loaded model may hold its file open until it is unloaded.
        skipped: files that could not be deleted, with the system's reason.
    """

    freed_bytes: int
    files: int
    skipped: tuple[str, ...]


class CompileCache:
    """One cache folder. Thread-safe.

    Args:
        folder: only files below it are touched.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._lock = threading.Lock()

    def folder_for(self, model: str) -> Path:
        """The folder to hand to OpenVINO, which makes it, as CACHE_DIR for a model of the catalogue.

        The same name always gives the same folder, and two names never share one.
        """
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip(".-")[:MAX_SLUG_CHARACTERS]
        digits = hashlib.sha256(model.encode("utf-8", "surrogatepass")).hexdigest()[:10]
        return self.folder / f"{slug or 'model'}-{digits}"

    def is_usable(self, weights_bytes: int) -> tuple[bool, str]:
        """Whether one more compiled model of these weights can be kept, and why not. Makes the folder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free_bytes = shutil.disk_usage(self.folder).free
        except OSError as error:
            return False, f"The cache folder can't be made: {error.strerror}."
        if not os.access(self.folder, os.W_OK | os.X_OK):
            return False, "The cache folder can't be written."
        if free_bytes < weights_bytes * ROOM_FACTOR:
            return False, "The disk of the cache folder is too full for one more compiled model."
        return True, ""

    def kept(self, model: str) -> frozenset[str]:
        """Names of what is kept for a model now; to be handed to `note` after the load."""
        return frozenset(path.name for path in _files(self.folder_for(model)))

    def note(
        self,
        model: str,
        before: frozenset[str],
        *,
        backend: str,
        device: str,
        ov_config: Mapping[str, Any],
        compile_seconds: float,
        from_cache: bool | None = None,
    ) -> bool:
        """Remember a load that succeeded.

        Args:
            before: what `kept` said before the load.
            compile_seconds: of its stage "reading and compiling".
            from_cache: the compiled model's own LOADED_FROM_CACHE where it can be read (Optimum-Intel); None judges by
                the files: something was kept and nothing new appeared.

        Returns:
            Whether it was served from the cache.

        Raises:
            OSError: the note can't be written.
        """
        is_cached = from_cache
        if is_cached is None:
            is_cached = bool(before) and self.kept(model) <= before and not _never_reads(device, ov_config)
        key = LoadNote(backend, device, configuration_key(ov_config))
        path = self.folder_for(model)
        with self._lock:
            notes = list(_notes(path)[1])
            known = next((each for each in notes if _key(each) == _key(key)), key)
            first_seconds = known.first_seconds if is_cached else compile_seconds
            cached_seconds = compile_seconds if is_cached else known.cached_seconds
            now = replace(known, first_seconds=first_seconds, cached_seconds=cached_seconds)
            notes = [each for each in notes if _key(each) != _key(key)] + [now]
            path.mkdir(parents=True, exist_ok=True)
            _write_notes(path, model, tuple(notes[-MAX_NOTES:]))
        return is_cached

    def history(self, model: str) -> tuple[LoadNote, ...]:
        """What loads of a model took, the latest last."""
        return _notes(self.folder_for(model))[1]

    def usage(self) -> CacheUsage:
        """How much is kept, in all and for each model."""
        models = []
        for path in self._parts():
            sizes = [each.lstat().st_size for each in _files(path)]
            name, loads = _notes(path)
            if sizes or loads:
                models.append(ModelCacheUsage(name, sum(sizes), len(sizes), loads))
        models.sort(key=lambda each: (-each.size_bytes, each.model))
        total_bytes, files = sum(each.size_bytes for each in models), sum(each.files for each in models)
        return CacheUsage(str(self.folder), total_bytes, files, tuple(models))

    def clear(self, model: str | None = None) -> Cleared:
        """Delete what is kept for one model, or for all. What loads took stays known. Never raises for a file."""
        freed_bytes = files = 0
        skipped: list[str] = []
        parts = [path for path in self._parts() if model is None or _notes(path)[0] == model]
        for path in parts:
            for each in _files(path):
                try:
                    size_bytes = each.lstat().st_size
                    each.unlink()
                except FileNotFoundError:
                    continue
                except OSError as error:
                    skipped.append(f"{each.name}: {error.strerror}")
                    continue
                freed_bytes, files = freed_bytes + size_bytes, files + 1
        return Cleared(freed_bytes, files, tuple(skipped))

    def _parts(self) -> list[Path]:
        """The folders of the models; links are no part of it."""
        try:
            with os.scandir(self.folder) as children:
                return sorted(Path(each.path) for each in children if each.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []


def configuration_key(ov_config: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits of what makes OpenVINO compile anew; where the result is kept is no part of it."""
    relevant = {name: value for name, value in ov_config.items() if name not in ("CACHE_DIR", "NPUW_CACHE_DIR")}
    return hashlib.sha256(json.dumps(relevant, sort_keys=True, default=str).encode()).hexdigest()[:8]


def is_worthwhile(backend: str, device: str, pipeline: str) -> tuple[bool, str]:
    """Whether keeping compiled models makes loads faster, and why (not).

    Measured on the CPU with the starter in INT4 and INT8 (OpenVINO 2026.4; medians of six pairs): a load from the cache
    took 0.2 of the first with Optimum-Intel, 0.3 with GenAI's stateful pipeline, and 1.0 with paged attention, where the
    cache only cost the writing; each gave the same text as without. For GPU and NPU the source is OpenVINO's documentation
    of model caching.

    Args:
        device: as in a load request, composites included.
        pipeline: "paged" or "stateful"; only GenAI has both.
    """
    if backend == "scripted":
        return False, "A script is not compiled."
    if any(each in device for each in ("GPU", "NPU")) or device == "AUTO":
        return True, "Compiling for a GPU or NPU takes long; the next load reads the result."
    if backend == "genai" and pipeline == "paged":
        return (
            False,
            "On the CPU, paged attention loads no faster from the cache, and each file is as large as the model.",
        )
    return True, "The next load reads the compiled model, which takes a fraction of the time."


def _never_reads(device: str, ov_config: Mapping[str, Any]) -> bool:
    """With OPTIMIZE_SIZE the CPU writes a file, no smaller than otherwise, and LOADED_FROM_CACHE stays false (2026.4)."""
    return device == "CPU" and str(ov_config.get("CACHE_MODE", "")).upper() == "OPTIMIZE_SIZE"


def _files(folder: Path) -> Iterator[Path]:
    """What OpenVINO keeps below a folder; links are not followed."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where) / name
            if name.endswith(KEPT_SUFFIXES) and path.is_file() and not path.is_symlink():
                yield path


def _key(note: LoadNote) -> tuple[str, str, str]:
    return note.backend, note.device, note.configuration


def _notes(folder: Path) -> tuple[str, tuple[LoadNote, ...]]:
    """Whose folder it is, and what is known of its loads; notes that can't be read say nothing."""
    try:
        content = read_json(folder / NOTES_FILE)
    except (OSError, ValueError):
        content = {}
    model = content.get("model")
    loads = content.get("loads")
    notes = [_note(each) for each in (loads if isinstance(loads, list) else [])]
    return model if isinstance(model, str) else folder.name, tuple(each for each in notes if each is not None)


def _note(value: Any) -> LoadNote | None:
    if not isinstance(value, dict):
        return None
    words = [value.get(name) for name in ("backend", "device", "configuration")]
    seconds = [value.get(name) for name in ("first_seconds", "cached_seconds")]
    if not all(isinstance(word, str) for word in words):
        return None
    first, cached = (float(each) if isinstance(each, (int, float)) else None for each in seconds)
    return LoadNote(str(words[0]), str(words[1]), str(words[2]), first, cached)


def _write_notes(folder: Path, model: str, notes: tuple[LoadNote, ...]) -> None:
    """Written beside and moved, so that a reader never sees half of it."""
    content = json.dumps({"model": model, "loads": [asdict(note) for note in notes]}, indent=2)
    partial = folder / (NOTES_FILE + ".tmp")
    partial.write_text(content, encoding="utf-8")
    partial.replace(folder / NOTES_FILE)
