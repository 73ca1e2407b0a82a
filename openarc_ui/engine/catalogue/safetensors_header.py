"""Whether a safetensors file is one and whole, by the sizes its own header tells. No weight is read.

Layout: 8 bytes of length, little-endian; JSON of that length, name -> dtype, shape, data_offsets; the data.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

LENGTH_BYTES: Final = 8
MAX_HEADER_BYTES: Final = 100_000_000
"""The limit that the format itself sets."""
MOST_READ_BYTES: Final = 8 * 2**20
"""A longer header is not read here: those of models have some ten kilobytes a file."""
MAX_FILE_BYTES: Final = 2**63


POINTER: Final = b"version https://git-lfs"
"""How a Git LFS pointer begins, which stands for a large file in a repository that was cloned without it."""


def problem_of_safetensors(path: Path) -> str:
    """That it is no such file, or ends before its last weight, as a sentence; "" where it is whole.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        size_bytes = path.stat().st_size
        first = file.read(len(POINTER))
        if size_bytes < LENGTH_BYTES:
            return f"{path.name} has {size_bytes} bytes, too few for any safetensors file; its copy was interrupted."
        if first == POINTER:
            return f"{path.name} is a Git LFS pointer, which only names the file that it stands for."
        length = int.from_bytes(first[:LENGTH_BYTES], "little")
        if not 2 <= length <= MAX_HEADER_BYTES:
            return _none(path.name, "its first bytes tell no length of a header")
        begin = LENGTH_BYTES + length
        if size_bytes < begin:
            return _interrupted(path.name, size_bytes, f"at least {begin}")
        if length > MOST_READ_BYTES:
            return ""
        file.seek(LENGTH_BYTES)
        tensors = _tensors(file.read(length))
    if tensors is None:
        return _none(path.name, "its header is no JSON object")
    end = begin + max((_end(each) for name, each in tensors.items() if name != "__metadata__"), default=0)
    return _interrupted(path.name, size_bytes, str(end)) if size_bytes < end <= MAX_FILE_BYTES else ""


def _tensors(header: bytes) -> dict[str, Any] | None:
    """What the header tells by name; None: it is no JSON object."""
    try:
        tensors = json.loads(header)
    except (ValueError, RecursionError):
        return None
    return tensors if isinstance(tensors, dict) else None


def _end(tensor: Any) -> int:
    offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
    end = offsets[-1] if isinstance(offsets, list) and len(offsets) == 2 else 0
    return end if isinstance(end, int) and not isinstance(end, bool) else 0


def _none(name: str, why: str) -> str:
    return f"{name} is no safetensors file: {why}."


def _interrupted(name: str, size_bytes: int, wanted: str) -> str:
    return f"{name} has {size_bytes} of {wanted} bytes; its copy was interrupted."
