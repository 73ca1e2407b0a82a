"""Whether every file of a model is still what it was when it came: sizes and hashes against those noted then.

A download and a conversion note them in `openarc_files.json`; nothing else is believed, and no link is followed out.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.catalogue.catalogue import ModelEntry, find_model
from openarc_ui.engine.engine import Engine
from openarc_ui.errors import InvalidRequest
from openarc_ui.models.hub.paths import OURS, problem_of_path
from openarc_ui.models.starter_files import STARTER_GGUF

BLOCK_BYTES = 2**22
MOST_FILES = 100_000
SHA256 = re.compile(r"[0-9a-f]{64}")
NOT_NOTED = "Nothing was noted of it when it came, so nobody can tell."


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


@dataclass(frozen=True, slots=True)
class _Noted:
    size_bytes: int
    sha256: str


def verify_model(
    engine: Engine,
    model: str,
    say: Callable[[float], None] = lambda fraction: None,
    stopping: threading.Event | None = None,
) -> Sequence[VerifiedFile]:
    """Read every file of a model and compare hashes with those noted in `openarc_files.json`; gigabytes take a while.

    Args:
        say: told how much is read, 0 to 1.
        stopping: ends it soon; what was looked at until then is returned.

    Raises:
        ModelNotFound.
        InvalidRequest: what was noted can't be read.
    """
    entry = find_model(engine.model_folder, model)
    return _Verification(entry, say, stopping or threading.Event()).run()


class Readings:
    """Models whose files are read whole now, which nobody should touch meanwhile. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: Counter[str] = Counter()

    @contextmanager
    def of(self, model: str) -> Iterator[None]:
        """Name a model for as long as the context lasts; several may read one."""
        with self._lock:
            self._readers[model] += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= Counter((model,))  # what nobody reads any more is not kept

    def names(self) -> tuple[str, ...]:
        """As they were asked for."""
        with self._lock:
            return tuple(self._readers)


class _Verification:
    def __init__(self, entry: ModelEntry, say: Callable[[float], None], stopping: threading.Event) -> None:
        self._entry, self._say, self._stopping = entry, say, stopping
        path = Path(entry.path)
        self._is_file = entry.kind == "gguf"
        self._folder = path.parent if self._is_file else path
        self._noted = self._read_notes()
        self._read_bytes, self._total_bytes = 0, 1

    def run(self) -> list[VerifiedFile]:
        there = self._there()
        paths = sorted({*there, *(each for each in self._noted if not self._is_file or each in there)})
        to_read = [each for each in paths if self._is_to_be_read(each, there.get(each))]
        self._total_bytes = max(1, sum(there[each] for each in to_read))
        self._say(0.0)
        found = []
        for path in paths:
            if self._stopping.is_set():
                break
            found.append(self._verified(path, there.get(path)))
        return found

    def _there(self) -> dict[str, int]:
        """Path below the folder -> size, of every file but the notes themselves."""
        if self._is_file:
            path = Path(self._entry.path)
            return {path.name: path.stat().st_size}
        found: dict[str, int] = {}
        for path in sorted(self._folder.rglob("*")):
            if path.is_symlink() or (path.is_file() and path.name != OURS):
                found[path.relative_to(self._folder).as_posix()] = path.lstat().st_size
        return found

    def _is_to_be_read(self, path: str, size: int | None) -> bool:
        noted = self._noted.get(path)
        return noted is not None and noted.size_bytes == size and not (self._folder / path).is_symlink()

    def _verified(self, path: str, size: int | None) -> VerifiedFile:
        noted = self._noted.get(path)
        if size is None:
            return VerifiedFile(path, None, "missing", "It came with the model and is not there any more.")
        if (self._folder / path).is_symlink():
            return VerifiedFile(path, None, "changed" if noted else "unknown", "It is a link, which is not followed.")
        if noted is None:
            return VerifiedFile(path, size, "unknown", NOT_NOTED)
        if noted.size_bytes != size:
            return VerifiedFile(path, size, "changed", f"It has {size} bytes; {noted.size_bytes} came.")
        digest = self._digest(path)
        if isinstance(digest, OSError):
            return VerifiedFile(path, size, "unknown", f"It can't be read: {digest.strerror}.")
        if digest is None:
            return VerifiedFile(path, size, "unknown", "It was not read to its end.")
        if digest != noted.sha256:
            return VerifiedFile(path, size, "changed", "It has the size that came, and other bytes.")
        return VerifiedFile(path, size, "good", "Size and SHA-256 are those that came.")

    def _digest(self, path: str) -> str | OSError | None:
        digest = hashlib.sha256()
        try:
            with (self._folder / path).open("rb") as stream:
                while block := stream.read(BLOCK_BYTES):
                    if self._stopping.is_set():
                        return None
                    digest.update(block)
                    self._read_bytes += len(block)
                    self._say(min(1.0, self._read_bytes / self._total_bytes))
        except OSError as error:
            return error
        return digest.hexdigest()

    def _read_notes(self) -> dict[str, _Noted]:
        file = self._folder / OURS
        if self._is_file and Path(self._entry.path).stat().st_size == STARTER_GGUF.size_bytes:
            return {Path(self._entry.path).name: _Noted(STARTER_GGUF.size_bytes, STARTER_GGUF.sha256)}
        try:
            told = {} if file.is_symlink() else read_json(file).get("files", {})
            return _notes(told)
        except (OSError, ValueError) as error:
            raise InvalidRequest(
                f"What was noted of {self._entry.name} ({OURS}) can't be read: {error}.",
                "Download or convert the model again to be sure of it.",
            ) from error


def _notes(told: Any) -> dict[str, _Noted]:
    if not isinstance(told, Mapping) or len(told) > MOST_FILES:
        raise ValueError("it lists no files")
    found = {}
    for path, about in told.items():
        problem = problem_of_path(path)
        if problem is not None:
            raise ValueError(f"a path in it {problem}")
        size, sha256 = (about.get("size_bytes"), about.get("sha256")) if isinstance(about, Mapping) else (None, None)
        if not isinstance(size, int) or not isinstance(sha256, str) or not SHA256.fullmatch(sha256):
            raise ValueError(f"what it says of {path} is no size and no SHA-256")
        found[path] = _Noted(size, sha256)
    return found
