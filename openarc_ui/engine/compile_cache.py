"""The folder where OpenVINO keeps compiled models (CACHE_DIR): where, how large, what it saved, and how to empty it.

It only ever counts and deletes the kinds of files that OpenVINO writes, in folders that OpenArc marked as its own. It sets
no property and loads nothing.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openarc_ui.engine.cache_files import (
    NOTES_FILE,
    CacheFolderUnusable,
    LoadNote,
    as_cache_error,
    delete_files,
    kept_files,
    read_notes,
    write_notes,
)

__all__ = ["CacheFolderUnusable", "CompileCache", "LoadNote", "configuration_key", "is_worthwhile"]

logger = logging.getLogger(__name__)

MAX_NOTES = 32
MAX_SLUG_CHARACTERS = 60
ROOM_FACTOR = 2.0
"""The starter's compiled models have 1.0 (INT8) and 1.5 times (INT4) the bytes of its weights."""


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
        skipped: what could not be deleted, with the reason: files, and models that are being loaded.
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
        self._in_use: Counter[Path] = Counter()

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
            self.check()
            free_bytes = shutil.disk_usage(self.folder).free
        except CacheFolderUnusable as error:
            return False, error.message
        except OSError as error:
            return False, f"The disk of the cache folder can't be asked: {error.strerror}."
        if free_bytes < weights_bytes * ROOM_FACTOR:
            return False, "The disk of the cache folder is too full for one more compiled model."
        return True, ""

    def check(self) -> None:
        """Make the folder, and see that it can be read and written.

        Raises:
            CacheFolderUnusable: with the reason.
        """
        with as_cache_error():
            self.folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "it can't be read or written")

    @contextmanager
    def loading(self, model: str, cache_dir: str | Path | None = None) -> Iterator[None]:
        """Around a load: marks its folder as OpenArc's own, and keeps `clear` away from it until the load has ended.

        What can't be marked, because the folder can't be written or holds somebody else's files, is not counted or
        cleared later; the load goes on.

        Args:
            model: its name in the catalogue.
            cache_dir: the CACHE_DIR of the request, relative to the cache folder or inside it; None: the model's own folder.
        """
        part = self.folder_for(model) if cache_dir is None else self._part_of(cache_dir)
        if part is None:
            yield
            return
        with self._lock:
            self._in_use[part] += 1
            self._mark(part, model if cache_dir is None else part.name)
        try:
            yield
        finally:
            with self._lock:
                self._in_use[part] -= 1

    def kept(self, model: str) -> frozenset[str]:
        """Names of what is kept for a model now; to be handed to `note` after the load."""
        return frozenset(path.name for path, _ in kept_files(self.folder_for(model)))

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
            notes = list(read_notes(path)[1])
            known = next((each for each in notes if _key(each) == _key(key)), key)
            first_seconds = known.first_seconds if is_cached else compile_seconds
            cached_seconds = compile_seconds if is_cached else known.cached_seconds
            now = replace(known, first_seconds=first_seconds, cached_seconds=cached_seconds)
            notes = [each for each in notes if _key(each) != _key(key)] + [now]
            path.mkdir(parents=True, exist_ok=True)
            write_notes(path, model, tuple(notes[-MAX_NOTES:]))
        return is_cached

    def history(self, model: str) -> tuple[LoadNote, ...]:
        """What loads of a model took, the latest last."""
        return read_notes(self.folder_for(model))[1]

    def usage(self) -> CacheUsage:
        """How much is kept, in all and for each model.

        Raises:
            CacheFolderUnusable: the folder is there and can't be read.
        """
        models = []
        for path in self._parts():
            sizes = [size_bytes for _, size_bytes in kept_files(path)]
            name, loads = read_notes(path)
            if sizes or loads:
                models.append(ModelCacheUsage(name, sum(sizes), len(sizes), loads))
        models.sort(key=lambda each: (-each.size_bytes, each.model))
        total_bytes, files = sum(each.size_bytes for each in models), sum(each.files for each in models)
        return CacheUsage(str(self.folder), total_bytes, files, tuple(models))

    def clear(self, model: str | None = None) -> Cleared:
        """Delete what is kept for one model, or for all, but not what a load uses now. What loads took stays known.

        Never raises for a file.

        Raises:
            CacheFolderUnusable: the folder is there and can't be read.
        """
        freed_bytes = files = 0
        skipped: list[str] = []
        for path in self._parts():
            name = read_notes(path)[0]
            if model not in (None, name):
                continue
            # A load that begins now waits until this folder is empty.
            with self._lock:
                if self._in_use[path]:
                    skipped.append(f"{name}: it is being loaded")
                    continue
                sizes, problems = delete_files(path)
            freed_bytes, files = freed_bytes + sum(sizes), files + len(sizes)
            skipped += problems
        return Cleared(freed_bytes, files, tuple(skipped))

    def _parts(self) -> list[Path]:
        """The folders that are marked as OpenArc's own; links are no part of it."""
        with as_cache_error():
            try:
                with os.scandir(self.folder) as children:
                    folders = sorted(Path(each.path) for each in children if each.is_dir(follow_symlinks=False))
            except FileNotFoundError:
                return []
        return [folder for folder in folders if os.path.lexists(folder / NOTES_FILE)]

    def _part_of(self, cache_dir: str | Path) -> Path | None:
        """The folder right below the cache folder that a CACHE_DIR lies in; None where it lies elsewhere."""
        try:
            whole = (self.folder / cache_dir).resolve()
        except (OSError, ValueError):
            return None  # no path at all, which the check of the request says
        if whole == self.folder or not whole.is_relative_to(self.folder):
            return None
        return self.folder / whole.relative_to(self.folder).parts[0]

    def _mark(self, part: Path, name: str) -> None:
        """Make it OpenArc's own, unless somebody else's files are there. A model's own folder has its name from us."""
        if os.path.lexists(part / NOTES_FILE):
            return
        try:
            part.mkdir(parents=True, exist_ok=True)
            if part == self.folder_for(name) or not any(part.iterdir()):
                write_notes(part, name, ())
        except OSError:
            logger.warning("the compile cache can't be written", exc_info=True)


def configuration_key(ov_config: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits of what makes OpenVINO compile anew; where the result is kept is no part of it."""
    relevant = {name: value for name, value in ov_config.items() if name not in ("CACHE_DIR", "NPUW_CACHE_DIR")}
    return hashlib.sha256(json.dumps(relevant, sort_keys=True, default=str).encode()).hexdigest()[:8]


def is_worthwhile(backend: str, members: Sequence[str], pipeline: str) -> tuple[bool, str]:
    """Whether keeping compiled models makes loads faster, and why (not).

    Measured on the CPU with the starter in INT4 and INT8 (OpenVINO 2026.4; medians of six pairs): a load from the cache
    took 0.2 of the first with Optimum-Intel, 0.3 with GenAI's stateful pipeline, and 1.0 with paged attention, where the
    cache only cost the writing; each gave the same text as without. For GPU and NPU the source is OpenVINO's documentation
    of model caching.

    Args:
        members: the real devices behind the request's device: what AUTO can choose here, not what its name promises.
        pipeline: "paged" or "stateful"; only GenAI has both.
    """
    if backend == "scripted":
        return False, "A script is not compiled."
    if any(member.startswith(("GPU", "NPU")) for member in members):
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


def _key(note: LoadNote) -> tuple[str, str, str]:
    return note.backend, note.device, note.configuration
