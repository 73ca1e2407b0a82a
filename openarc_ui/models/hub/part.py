"""A file that is not whole yet: bytes are added at its end, and its hashes grow with it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType

from openarc_ui.models.hub.plan import PlannedFile

READ_BYTES = 1 << 20


class TooMuch(Exception):
    """More came than the file has bytes."""


class Part:
    """Bytes of a planned file, those of an earlier run included: they are read once, for the hashes.

    Raises:
        OSError: the disk does not take it.
    """

    def __init__(self, path: Path, file: PlannedFile) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._file = path, file
        # Unbuffered: what was received stands on the disk, whatever ends this process.
        self._stream = path.open("ab+", buffering=0)
        self._begin_hashes()
        self.size_bytes = 0
        self._stream.seek(0)
        while chunk := self._stream.read(READ_BYTES):
            self._count(chunk)
        if self.size_bytes > file.size_bytes:
            self.restart()

    def __enter__(self) -> Part:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def is_whole(self) -> bool:
        """It has as many bytes as it should."""
        return self.size_bytes == self._file.size_bytes

    @property
    def sha256(self) -> str:
        """Of what is there."""
        return self._sha256.hexdigest()

    @property
    def is_right(self) -> bool:
        """It is whole, and what the Hub told of it is true."""
        if not self.is_whole or self._file.sha256 not in (None, self.sha256):
            return False
        return self._file.git_sha1 in (None, self._git_sha1.hexdigest())

    def add(self, chunk: bytes) -> None:
        """Write a chunk behind what is there.

        Raises:
            TooMuch: the file can't be what the Hub told.
            OSError: the disk does not take it.
        """
        if self.size_bytes + len(chunk) > self._file.size_bytes:
            raise TooMuch
        view = memoryview(chunk)
        while view:
            written = self._stream.write(view) or 0
            self._count(view[:written])
            view = view[written:]

    def restart(self) -> None:
        """Throw away what is there."""
        self._stream.truncate(0)
        self._begin_hashes()
        self.size_bytes = 0

    def move_to(self, target: Path) -> None:
        """Give the file its place, in one step and safe from a power cut."""
        os.fsync(self._stream.fileno())
        self._stream.close()
        target.parent.mkdir(parents=True, exist_ok=True)
        self._path.replace(target)

    def _begin_hashes(self) -> None:
        self._sha256 = hashlib.sha256()
        # As git names a blob; no protection, only the one hash that the Hub tells of small files.
        self._git_sha1 = hashlib.sha1(b"blob %d\0" % self._file.size_bytes, usedforsecurity=False)

    def _count(self, chunk: bytes | memoryview) -> None:
        self._sha256.update(chunk)
        if self._file.git_sha1 is not None:
            self._git_sha1.update(chunk)
        self.size_bytes += len(chunk)
