"""The header of a GGUF file: the real starter's against the gguf package, and files that are torn or lie."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.catalogue.gguf_header import (
    TENSOR_TYPES,
    read_gguf_architecture,
    read_gguf_header,
    read_gguf_texts,
)
from tests.starter_fixture import ensure_starter_gguf

TERABYTE = 2**40


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(key: str, kind: int, raw: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + raw


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def header(*parts: bytes, tensors: int = 0, values: int | None = None, version: int = 3) -> bytes:
    count = len(parts) - tensors if values is None else values
    return b"GGUF" + struct.pack("<IQQ", version, tensors, count) + b"".join(parts)


LLAMA = value("general.architecture", 8, text("llama"))


@pytest.mark.model
def test_the_starters_header_is_what_the_gguf_package_reads() -> None:
    import gguf

    path = ensure_starter_gguf()
    ours, theirs = read_gguf_header(path), gguf.GGUFReader(path)
    assert [
        (each.name, each.shape, each.elements, each.size_bytes, ours.data_offset_bytes + each.offset_bytes)
        for each in ours.tensors
    ] == [
        (
            each.name,
            tuple(int(length) for length in each.shape),
            int(each.n_elements),
            int(each.n_bytes),
            int(each.data_offset),
        )
        for each in theirs.tensors
    ]
    fields = {name: field for name, field in theirs.fields.items() if not name.startswith("GGUF.")}
    assert set(ours.values) | set(ours.array_lengths) == set(fields)
    for name, ours_value in ours.values.items():
        assert ours_value == fields[name].contents(), name
    for name, length in ours.array_lengths.items():
        assert length == len(fields[name].data), name
    assert ours.end_bytes == path.stat().st_size
    assert ours.weights().words == "135 M parameters, q4_1 in groups of 32, q8_0 in groups of 32"
    assert read_gguf_architecture(path) == "llama"


def words(key: str, *texts: str) -> bytes:
    return value(key, 9, struct.pack("<IQ", 8, len(texts)) + b"".join(map(text, texts)))


def test_some_texts_of_an_array_are_read_without_the_others(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(header(LLAMA, words("tokens", "a", "é", "c", "d"), words("others", "x"), value("small", 1, b"x")))
    assert read_gguf_texts(path, "tokens", [3, 1, 1, 0]) == {0: "a", 1: "é", 3: "d"}
    assert read_gguf_texts(path, "others", [0, 1, -1, 2**40]) == {0: "x"}
    assert read_gguf_texts(path, "small", [0]) == read_gguf_texts(path, "missing", [0]) == {}


def test_an_array_that_ends_before_its_texts_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(header(LLAMA, words("tokens", "a", "b" * 100))[:-50])
    assert read_gguf_texts(path, "tokens", [0]) == {0: "a"}
    with pytest.raises(ValueError, match="cut"):
        read_gguf_texts(path, "tokens", [1])


def test_the_table_of_tensor_types_is_the_gguf_packages() -> None:
    from gguf.constants import GGML_QUANT_SIZES

    theirs = {kind.value: (kind.name.lower(), *sizes) for kind, sizes in GGML_QUANT_SIZES.items()}
    assert {number: row[:3] for number, row in TENSOR_TYPES.items()} == theirs


def test_every_kind_of_value_is_read_or_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(
        header(
            LLAMA,
            value("llama.context_length", 10, struct.pack("<Q", 2**40)),
            value("small", 1, b"\xff"),
            value("half", 6, struct.pack("<f", 0.5)),
            value("yes", 7, b"\x01"),
            value("numbers", 9, struct.pack("<IQ3i", 5, 3, 1, 2, 3)),
            value("words", 9, struct.pack("<IQ", 8, 2) + text("a") + text("bc" * 600_000)),
            value("long", 8, text("x" * 5_000_000)),
            value("after", 8, text("é")),
            tensor("a.weight", (32, 4), 2),
            tensor("b.weight", (5,), 0, 96),
            tensors=2,
        )
        + bytes(200)
    )
    read = read_gguf_header(path)
    assert read.values == {
        "general.architecture": "llama", "llama.context_length": 2**40, "small": -1, "half": 0.5, "yes": True, "after": "é",
    }  # fmt: skip
    assert read.array_lengths == {"numbers": 3, "words": 2, "long": 5_000_000}
    assert (read.context_length, read.chat_template) == (2**40, None)
    assert [(each.elements, each.size_bytes) for each in read.tensors] == [(128, 72), (5, 20)]
    assert read.end_bytes == read.data_offset_bytes + 116
    assert read.data_offset_bytes % 32 == 0


WRONG: list[tuple[bytes, str]] = [
    (b"", "GGUF"),
    (b"GG", "GGUF"),
    (b"PK\x03\x04" + bytes(100), "GGUF"),
    (b"GGUF", "cut"),
    (b"GGUF" + bytes(20), "version is 0"),
    (header(version=1), "version is 1"),
    (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    (header(values=1), "cut"),
    (header(text("k")[:-1], values=1), "cut"),
    (header(struct.pack("<Q", TERABYTE), values=1), "cut"),
    (header(value("k", 8, struct.pack("<Q", TERABYTE))), "cut"),
    (header(value("k", 8, struct.pack("<Q", 2**64 - 1))), "cut"),
    (header(value("k", 9, struct.pack("<IQ", 8, 2**61))), "cut"),
    (header(value("k", 9, struct.pack("<IQ", 5, 2**62))), "cut"),
    (header(value("k", 9, struct.pack("<IQ", 8, 2) + text("a"))), "cut"),
    (header(value("k", 9, struct.pack("<IQ", 8, 1) + struct.pack("<Q", TERABYTE))), "cut"),
    (header(value("k", 9, struct.pack("<IQ", 9, 1) + bytes(40))), "type 9"),
    (header(value("k", 99, bytes(8))), "type 99"),
    (header(values=2**63), "claims"),
    (header(tensors=2**63, values=0), "claims"),
    (header(tensor("t", (1,) * 9, 0), tensors=1), "dimensions"),
    (header(tensor("t", (4,), 77), tensors=1), "type 77"),
    (header(tensor("t", (2**62, 2**62), 0), tensors=1), "claims"),
    (header(value("general.alignment", 4, struct.pack("<I", 0))), "power of two"),
]


@pytest.mark.parametrize(("raw", "says"), WRONG, ids=range(len(WRONG)))
def test_a_file_that_lies_ends_in_an_error_and_takes_no_memory(tmp_path: Path, raw: bytes, says: str) -> None:
    path = tmp_path / "wrong.gguf"
    path.write_bytes(raw)
    tracemalloc.start()
    with pytest.raises(ValueError, match=says):
        read_gguf_header(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 8 * 2**20


def test_a_hole_of_a_terabyte_is_no_name_and_no_header(tmp_path: Path) -> None:
    """The file is really as long as it claims, so only a limit helps."""
    path = tmp_path / "sparse.gguf"
    for claim in (header(struct.pack("<Q", TERABYTE), values=1), header(value("k", 8, struct.pack("<Q", TERABYTE)))):
        with path.open("wb") as file:
            file.write(claim)
            file.truncate(2 * TERABYTE)
        with pytest.raises(ValueError, match="longer than"):
            read_gguf_header(path)


@pytest.mark.model
def test_every_cut_of_a_real_header_is_an_error(tmp_path: Path) -> None:
    whole = ensure_starter_gguf().open("rb").read(4 * 2**20)
    data_offset_bytes = read_gguf_header(ensure_starter_gguf()).data_offset_bytes
    path = tmp_path / "cut.gguf"
    for length in (*range(0, 900, 7), *range(900, data_offset_bytes - 40, 60_001)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut|GGUF"):
            read_gguf_header(path)


@pytest.mark.parametrize(
    ("parts", "architecture"),
    [
        ([LLAMA], "llama"),
        ([value("a", 7, b"\x00"), LLAMA], "llama"),
        ([value("general.architecture", 7, b"\x01")], None),
        ([], None),
    ],
)
def test_the_architecture_alone(tmp_path: Path, parts: list[bytes], architecture: Any) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(header(*parts))
    assert read_gguf_architecture(path) == architecture
