"""The files of a run: JSON lines that are appended and synced, and one file that is replaced whole.

It knows values and bytes, and no run. A kill at any moment leaves whole lines and at most one torn at the end.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from openarc_ui import whole_files
from openarc_ui.errors import TuningFolderUnusable
from openarc_ui.whole_files import sync_folder as sync_folder

logger = logging.getLogger(__name__)

Line = TypeVar("Line")


class JsonLines(Generic[Line]):
    """A file with one value a line; read at construction. One writer at a time, which is its owner's to see to.

    Attributes:
        values: every line that can be read, in order.
        problem: which line before the last can't be read, in words; "" where each can.

    Raises:
        TuningFolderUnusable: the file is there and can't be read.
    """

    def __init__(self, file: Path, kind: TypeAdapter[Line]) -> None:
        self._file, self._kind = file, kind
        self.problem = ""
        with as_folder_error():
            content = file.read_bytes() if file.exists() else b""
        # A line is written with its end in one piece, so what has no end was torn.
        self._whole_bytes = content.rfind(b"\n") + 1
        if self._whole_bytes < len(content):
            self._say_dropped("was torn off")
        self.values = tuple(self._read(content[: self._whole_bytes].splitlines(keepends=True)))

    def _read(self, lines: list[bytes]) -> Iterator[Line]:
        """Every line that can be read."""
        for number, line in enumerate(lines, 1):
            try:
                yield self._kind.validate_json(line)
            except ValidationError:
                if number < len(lines):
                    self.problem = self.problem or f"Line {number} of {self._file.name} can't be read."
                else:
                    # A file system may bring a line's end to the disk before the line, when the power goes.
                    self._whole_bytes -= len(line)
                    self._say_dropped("can't be read")

    def _say_dropped(self, why: str) -> None:
        logger.warning("%s of run %s: its last line %s and is dropped", self._file.name, self._file.parent.name, why)

    def append(self, value: Line) -> None:
        """Write a value behind the others; it is on the disk when this returns.

        Raises:
            TuningFolderUnusable: it is not, and nothing is left of it.
            ValidationError: what is written could not be read again, so it is not written.
        """
        line = self._kind.dump_json(value) + b"\n"
        self._kind.validate_json(line)
        with as_folder_error():
            is_new = not self._whole_bytes
            handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                os.ftruncate(handle, self._whole_bytes)
                os.lseek(handle, self._whole_bytes, os.SEEK_SET)
                _write_all(handle, line)
                os.fsync(handle)
                if is_new:
                    sync_folder(self._file.parent)
            except OSError:
                # Half a line, of a disk that is full; the next one that is written begins where it began.
                with contextlib.suppress(OSError):
                    os.ftruncate(handle, self._whole_bytes)
                raise
            finally:
                os.close(handle)
        self._whole_bytes += len(line)
        self.values = (*self.values, value)


def write_whole(file: Path, content: bytes) -> None:
    """As `whole_files.write_whole` does.

    Raises:
        TuningFolderUnusable.
    """
    with as_folder_error():
        whole_files.write_whole(file, content)


@contextlib.contextmanager
def as_folder_error() -> Iterator[None]:
    """What the system refuses, in words, without a path."""
    try:
        yield
    except OSError as error:
        raise TuningFolderUnusable(
            f"The folder of the tuning runs can't be used: {error.strerror or error}.",
            "Make room, or see that --tuning-folder names a folder that can be read and written.",
        ) from error


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]
