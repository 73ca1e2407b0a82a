"""Whether a safetensors file is whole, by the sizes its own header tells. No weight is read.

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


def problem_of_length(path: Path) -> str:
    """That the file ends before its last weight, as a sentence; "" where it is whole, or is no such file.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        size_bytes = path.stat().st_size
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if size_bytes < LENGTH_BYTES or not 2 <= length <= MAX_HEADER_BYTES:
            return ""
        begin = LENGTH_BYTES + length
        if size_bytes < begin:
            return _interrupted(path.name, size_bytes, f"at least {begin}")
        end = begin + _data_bytes(file.read(length)) if length <= MOST_READ_BYTES else 0
    return _interrupted(path.name, size_bytes, str(end)) if size_bytes < end <= MAX_FILE_BYTES else ""


def _data_bytes(header: bytes) -> int:
    """Where the data ends, from its beginning; 0 where the header does not tell."""
    try:
        tensors = json.loads(header)
    except (ValueError, RecursionError):
        return 0
    if not isinstance(tensors, dict):
        return 0
    return max((_end(each) for name, each in tensors.items() if name != "__metadata__"), default=0)


def _end(tensor: Any) -> int:
    offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
    end = offsets[-1] if isinstance(offsets, list) and len(offsets) == 2 else 0
    return end if isinstance(end, int) and not isinstance(end, bool) else 0


def _interrupted(name: str, size_bytes: int, wanted: str) -> str:
    return f"{name} has {size_bytes} of {wanted} bytes; its copy was interrupted."
