"""The header of a GGUF file: its values and the list of its tensors, read with `struct` alone.

For the main process, where the `gguf` package and numpy have no place. Nothing is allocated by a length the file claims,
and no weights are read. Layout: ggml, docs/gguf.md, versions 2 and 3.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from openarc_ui.engine.catalogue.weights import MAX_NUMBER, WeightSummary

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_HEADER_BYTES = 256 * 2**20
"""The largest headers seen, of vocabularies with 256 000 tokens, are near 15 MB."""
MAX_TEXT_BYTES = 4 * 2**20
MAX_NAME_BYTES = 2**16 - 1
MAX_DIMENSIONS = 8
MAX_ITEMS = 4_000_000
CHUNK_BYTES = 2**20

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9

TENSOR_TYPES: Mapping[int, tuple[str, int, int, int]] = {
    0: ("f32", 1, 4, 0),
    1: ("f16", 1, 2, 0),
    2: ("q4_0", 32, 18, 32),
    3: ("q4_1", 32, 20, 32),
    6: ("q5_0", 32, 22, 32),
    7: ("q5_1", 32, 24, 32),
    8: ("q8_0", 32, 34, 32),
    9: ("q8_1", 32, 40, 32),
    10: ("q2_k", 256, 84, 16),
    11: ("q3_k", 256, 110, 16),
    12: ("q4_k", 256, 144, 32),
    13: ("q5_k", 256, 176, 32),
    14: ("q6_k", 256, 210, 16),
    15: ("q8_k", 256, 292, 256),
    16: ("iq2_xxs", 256, 66, 32),
    17: ("iq2_xs", 256, 74, 16),
    18: ("iq3_xxs", 256, 98, 32),
    19: ("iq1_s", 256, 50, 32),
    20: ("iq4_nl", 32, 18, 32),
    21: ("iq3_s", 256, 110, 32),
    22: ("iq2_s", 256, 82, 16),
    23: ("iq4_xs", 256, 136, 32),
    24: ("i8", 1, 1, 0),
    25: ("i16", 1, 2, 0),
    26: ("i32", 1, 4, 0),
    27: ("i64", 1, 8, 0),
    28: ("f64", 1, 8, 0),
    29: ("iq1_m", 256, 56, 16),
    30: ("bf16", 1, 2, 0),
    34: ("tq1_0", 256, 54, 256),
    35: ("tq2_0", 256, 66, 256),
    39: ("mxfp4", 32, 17, 32),
    40: ("nvfp4", 64, 36, 16),
    41: ("q1_0", 128, 18, 128),
}
"""Number -> name, weights and bytes of a block, weights that share one scale (0: none). From ggml's type traits."""

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor: its name, type, shape (fastest dimension first, as in the file) and place behind the header."""

    name: str
    type_name: str
    shape: tuple[int, ...]
    elements: int
    offset_bytes: int
    size_bytes: int
    group_size: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says about itself.

    Attributes:
        values: key -> value; arrays, such as the vocabulary, and texts of megabytes are left out.
        array_lengths: key -> items, for those; bytes, for a text of megabytes.
        data_offset_bytes: where the weights begin.
        size_bytes: of the file.
    """

    version: int
    values: Mapping[str, Value]
    array_lengths: Mapping[str, int]
    tensors: tuple[GgufTensor, ...]
    data_offset_bytes: int
    size_bytes: int

    @property
    def architecture(self) -> str | None:
        """Such as "llama"; None where it does not say."""
        return self.text("general.architecture")

    @property
    def context_length(self) -> int | None:
        """Tokens of prompt and answer together."""
        value = self.values.get(f"{self.architecture}.context_length")
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_NUMBER else None

    @property
    def chat_template(self) -> str | None:
        return self.text("tokenizer.chat_template")

    @property
    def end_bytes(self) -> int:
        """How long the file must be at least."""
        return self.data_offset_bytes + max((each.offset_bytes + each.size_bytes for each in self.tensors), default=0)

    def text(self, key: str) -> str | None:
        """A value that is a text; None where it is missing or something else."""
        value = self.values.get(key)
        return value if isinstance(value, str) else None

    def weights(self) -> WeightSummary:
        """Parameters, types and group sizes, as for an OpenVINO IR."""
        parameters: Counter[str] = Counter()
        for tensor in self.tensors:
            parameters[tensor.type_name] += tensor.elements
        return WeightSummary(
            parameters=parameters.total(),
            parameters_by_type=dict(parameters.most_common()),
            group_sizes={each.type_name: each.group_size for each in self.tensors if each.group_size},
            size_bytes=sum(each.size_bytes for each in self.tensors),
            end_bytes=self.end_bytes,
        )


def read_gguf_header(path: Path) -> GgufHeader:
    """The whole header; 20 to 200 ms, most of it for the vocabulary.

    Raises:
        ValueError: it is no GGUF, is cut, or claims what can't be.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        reader = _Reader(file, path.stat().st_size)
        version, tensor_count, key_count = _begin(reader)
        values: dict[str, Value] = {}
        lengths: dict[str, int] = {}
        for key, value, length in _values(reader, key_count):
            if value is None:
                lengths[key] = length
            else:
                values[key] = value
        tensors = tuple(_tensor(reader) for _ in range(tensor_count))
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
            raise ValueError(f"its alignment {alignment} is no power of two")
        if sum(each.elements for each in tensors) > MAX_NUMBER or sum(each.size_bytes for each in tensors) > MAX_NUMBER:
            raise ValueError("its tensors claim an impossible size")
        data_offset_bytes = -(-reader.position // alignment) * alignment
        return GgufHeader(version, values, lengths, tensors, data_offset_bytes, reader.size_bytes)


def read_gguf_architecture(path: Path) -> str | None:
    """The architecture alone, which files name first: under a millisecond. None where it comes late or never.

    Raises:
        ValueError: it is no GGUF, or is cut before it says.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        reader = _Reader(file, path.stat().st_size)
        _, _, key_count = _begin(reader)
        for key, value, length in _values(reader, key_count):
            if key == "general.architecture":
                return value if isinstance(value, str) else None
            if length > CHUNK_BYTES or reader.position > CHUNK_BYTES:
                break
    return None


def read_gguf_texts(path: Path, key: str, places: Collection[int]) -> dict[int, str]:
    """Some items of an array of texts, such as the special tokens among `tokenizer.ggml.tokens`; those it does not have are left out.

    Raises:
        ValueError: it is no GGUF, is cut, or claims what can't be.
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        reader = _Reader(file, path.stat().st_size)
        _, _, key_count = _begin(reader)
        before = sum(1 for _ in _values(reader, key_count, until=key))
        if before == key_count or reader.number("I") != ARRAY or reader.number("I") != STRING:
            return {}
        count = reader.count(8, f"items in {key}")
        found: dict[int, str] = {}
        for place in sorted(each for each in set(places) if 0 <= each < count):
            reader.skip_texts(place - max(found, default=-1) - 1)
            found[place] = reader.text(MAX_NAME_BYTES)
        return found


class _Reader:
    """Values one after the other, in chunks; what lies behind the end of the file is an error, never memory."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self._file = file
        self.size_bytes = size_bytes
        self._chunk = b""
        self._at = 0
        self.position = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if self._at + count > len(self._chunk):
            self._fill(count)
        begin, self._at = self._at, self._at + count
        self.position += count
        return self._chunk[begin : self._at]

    def number(self, layout: str) -> int:
        """One whole number, little endian."""
        value: int = struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))[0]
        return value

    def count(self, item_bytes: int, what: str) -> int:
        """A number of items to come, each at least `item_bytes` long."""
        count = self.number("Q")
        self._check(count * item_bytes)
        if count > MAX_ITEMS:
            raise ValueError(f"it claims {count} {what}")
        return count

    def text(self, limit_bytes: int) -> str:
        """A length and that many bytes of UTF-8."""
        text, length = self.text_or_length(limit_bytes)
        if text is None:
            raise ValueError(f"it holds a name of {length} bytes")
        return text

    def text_or_length(self, limit_bytes: int) -> tuple[str | None, int]:
        """A text and its bytes; None for one that is longer than anybody reads, which is passed over."""
        length = self.number("Q")
        self._check(length)
        if length > limit_bytes:
            self.skip(length)
            return None, length
        return self.take(length).decode("utf-8", "replace"), length

    def skip(self, count: int) -> None:
        """Pass over bytes without keeping them."""
        self._check(count)
        if self._at + count <= len(self._chunk):
            self._at += count
        else:
            self._chunk, self._at = b"", 0
            self._file.seek(self.position + count)
        self.position += count

    def skip_texts(self, count: int) -> None:
        """Pass over `count` texts: the vocabulary, so the loop is kept short."""
        unpack = struct.Struct("<Q").unpack_from
        for _ in range(count):
            if self._at + 8 > len(self._chunk):
                self._fill(8)
            (length,) = unpack(self._chunk, self._at)
            after = self._at + 8 + length
            if after <= len(self._chunk):
                self._at = after
                self.position += 8 + length
            else:
                self.skip(8 + length)

    def _fill(self, count: int) -> None:
        self._check(count)
        rest = self._chunk[self._at :]
        self._chunk, self._at = rest + self._file.read(max(CHUNK_BYTES, count - len(rest))), 0
        if len(self._chunk) < count:
            raise ValueError("it is cut")

    def _check(self, count: int) -> None:
        if self.position + count > self.size_bytes:
            raise ValueError(f"it is cut: {self.size_bytes} bytes are not the whole header")
        if self.position + count > MAX_HEADER_BYTES:
            raise ValueError(f"its header is longer than {MAX_HEADER_BYTES} bytes")


def _begin(reader: _Reader) -> tuple[int, int, int]:
    """Version, number of tensors, number of keys."""
    if reader.size_bytes < len(MAGIC) or reader.take(4) != MAGIC:
        raise ValueError("it does not begin with the word GGUF")
    version = reader.number("I")
    if version not in VERSIONS:
        is_swapped = version & 0xFFFF == 0 and version != 0
        raise ValueError("it is big-endian" if is_swapped else f"its version is {version}; 2 and 3 are known")
    return version, reader.count(0, "tensors"), reader.count(0, "values")


def _values(reader: _Reader, key_count: int, until: str = "") -> Iterator[tuple[str, Value | None, int]]:
    """Key, value and length in bytes; for an array None and its items, which are passed over afterwards.

    Args:
        until: ends behind this key, before its value.
    """
    for _ in range(key_count):
        key = reader.text(MAX_NAME_BYTES)
        if key == until:
            return
        kind = reader.number("I")
        if kind == STRING:
            text, length = reader.text_or_length(MAX_TEXT_BYTES)
            yield key, text, length
        elif kind == ARRAY:
            item_kind = reader.number("I")
            item_bytes = 8 if item_kind == STRING else _size_of(item_kind, key)
            count = reader.count(item_bytes, f"items in {key}")
            yield key, None, count
            if item_kind == STRING:
                reader.skip_texts(count)
            else:
                reader.skip(count * item_bytes)
        else:
            layout = "<" + SCALARS.get(kind, "") if _size_of(kind, key) else "<"
            yield key, struct.unpack(layout, reader.take(_size_of(kind, key)))[0], 0


def _size_of(kind: int, key: str) -> int:
    if kind not in SCALARS:
        raise ValueError(f"{key} is of type {kind}, which no GGUF of version 3 has")
    return struct.calcsize("<" + SCALARS[kind])


def _tensor(reader: _Reader) -> GgufTensor:
    name = reader.text(MAX_NAME_BYTES)
    dimensions = reader.number("I")
    if dimensions > MAX_DIMENSIONS:
        raise ValueError(f"{name} has {dimensions} dimensions")
    shape = tuple(reader.number("Q") for _ in range(dimensions))
    kind = reader.number("I")
    if kind not in TENSOR_TYPES:
        raise ValueError(f"{name} is of type {kind}, which is not known")
    type_name, block_weights, block_bytes, group_size = TENSOR_TYPES[kind]
    elements = math.prod(shape)
    if elements > MAX_NUMBER:
        raise ValueError(f"{name} claims {elements} weights")
    size_bytes = -(-elements // block_weights) * block_bytes
    return GgufTensor(name, type_name, shape, elements, reader.number("Q"), size_bytes, group_size)
