"""What the weights of an OpenVINO IR are: how many parameters, in which types, in groups of how many.

Read from the XML alone, as a stream; the binary file is never opened. It knows no backend and no OpenVINO.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from openarc_ui.errors import InvalidRequest

COMPRESSED_TYPES = frozenset({"u4", "i4", "nf4", "u8", "i8", "u2", "f4e2m1", "f8e4m3", "f8e5m2"})
CHUNK_BYTES = 2**18
MAX_XML_BYTES = 192 * 2**20
MAX_LAYERS = 500_000
MAX_ELEMENTS = 6_000_000
"""The starter's XML has 5 700 layers in 70 000 elements and 2.6 MB; one with thousands of experts has about fifty times that."""
MAX_NUMBER = 2**63 - 1
SMALLEST_WEIGHT = 256
"""Constants with fewer elements are shapes, axes and epsilons."""
SHARE_WORTH_A_WORD = 0.01
"""Norms and biases stay in f32 or f16 in every model; to say so of each would hide what matters."""


class TooLong(ValueError):
    """Reading stops here; the model may be a good one all the same."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant of the model: element type, shape, where it stands in the binary file, and its layer's name."""

    element_type: str
    shape: tuple[int, ...]
    offset_bytes: int
    size_bytes: int
    name: str = ""

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def is_scale_or_zero_point(self) -> bool:
        """One value a group or a row: what a compressed weight is multiplied with or moved by."""
        return len(self.shape) >= 2 and self.shape[-1] == 1


@dataclass(frozen=True, slots=True)
class WeightSummary:
    """The weights of a model.

    Attributes:
        parameters: elements of all weights, without scales and zero points.
        parameters_by_type: element type -> parameters, the most first.
        group_sizes: element type -> weights that share one scale; 0 where a whole row does.
        size_bytes: of all constants, with scales and zero points: what a device has to hold. Constants may share bytes.
        end_bytes: where the last constant ends in the binary file, which must be at least this long.
        has_state: the model keeps a state between tokens, its key-value cache, and can't do without.
    """

    parameters: int
    parameters_by_type: Mapping[str, int]
    group_sizes: Mapping[str, int]
    size_bytes: int
    end_bytes: int
    has_state: bool = False

    @property
    def words(self) -> str:
        """For a person: "135 M parameters, u4 in groups of 32, u8"."""
        return ", ".join(part for part in (f"{_rounded(self.parameters)} parameters", self.precision) if part)

    @property
    def precision(self) -> str:
        """The types that matter: "u4 in groups of 32, u8"."""
        return ", ".join(
            f"{name} in groups of {self.group_sizes[name]}" if self.group_sizes.get(name) else name
            for name, count in self.parameters_by_type.items()
            if count >= self.parameters * SHARE_WORTH_A_WORD
        )

    @property
    def group_size(self) -> int | None:
        """Of the type most weights have; 0: one scale a row, None: not compressed."""
        main = next(iter(self.parameters_by_type), None)
        return None if main is None else self.group_sizes.get(main)


def read_weights(model_xml: Path) -> WeightSummary:
    """The weights that an `openvino_model.xml` names.

    Raises:
        InvalidRequest: the file is no OpenVINO model, with its first problem; or caused by `TooLong`.
    """
    parameters: Counter[str] = Counter()
    groups: dict[str, Counter[int]] = {}
    size_bytes = end_bytes = 0
    elements = _Elements()
    with _translated(model_xml):
        for constant in _constants(model_xml, elements):
            size_bytes += constant.size_bytes
            end_bytes = max(end_bytes, constant.offset_bytes + constant.size_bytes)
            if constant.is_scale_or_zero_point or constant.elements < SMALLEST_WEIGHT:
                continue
            parameters[constant.element_type] += constant.elements
            if constant.element_type in COMPRESSED_TYPES:
                size = constant.shape[-1] if len(constant.shape) == 3 and constant.shape[0] > 1 else 0
                groups.setdefault(constant.element_type, Counter())[size] += constant.elements
        if max(parameters.total(), size_bytes) > MAX_NUMBER:
            raise ValueError("its constants have an impossible size")
        if not parameters:
            raise ValueError("it holds no weights")
    return WeightSummary(
        parameters=parameters.total(),
        parameters_by_type=dict(parameters.most_common()),
        group_sizes={name: sizes.most_common(1)[0][0] for name, sizes in groups.items()},
        size_bytes=size_bytes,
        end_bytes=end_bytes,
        has_state=elements.has_state,
    )


def read_constants(model_xml: Path) -> tuple[Constant, ...]:
    """Every constant of an `openvino_model.xml`, in its order, which is that of the computation.

    Raises:
        InvalidRequest: as `read_weights`.
    """
    with _translated(model_xml):
        return tuple(_constants(model_xml, _Elements()))


@contextmanager
def _translated(model_xml: Path) -> Iterator[None]:
    """What reading raises, as an error of ours."""
    try:
        yield
    except TooLong as error:
        raise InvalidRequest(
            f"{model_xml.name} is too long to be looked into: {error}", "It may load; whether it fits is not known."
        ) from error
    except (OSError, expat.ExpatError, ValueError) as error:
        raise InvalidRequest(
            f"{model_xml.name} is not an OpenVINO model: {error}", "Convert or download the model again."
        ) from error


def _constants(model_xml: Path, state: _Elements) -> Iterator[Constant]:
    """Every `<layer type="Const">`, in the order of the file.

    expat without a tree takes half of ElementTree's time, and these files have many megabytes.
    """
    found = state.found
    parser = expat.ParserCreate()
    parser.StartElementHandler = state.start
    parser.StartDoctypeDeclHandler = state.refuse_doctype
    if model_xml.stat().st_size > MAX_XML_BYTES:
        raise TooLong(f"it has more than {MAX_XML_BYTES >> 20} MB")
    with model_xml.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            parser.Parse(chunk, False)
            yield from found
            found.clear()
        parser.Parse(b"", True)
    yield from found


class _Elements:
    """Notes the `<data>` of each constant, and whether there is a state, while expat walks the file."""

    def __init__(self) -> None:
        self.found: list[Constant] = []
        self.has_state = False
        self._is_first = True
        self._is_constant = False
        self._name = ""
        self._layers = 0
        self._elements = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._is_first and tag != "net":
            raise ValueError(f"its outermost element is <{tag}>, not <net>")
        self._is_first = False
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise TooLong(f"it has more than {MAX_ELEMENTS} elements")
        if tag == "layer":
            self._layers += 1
            if self._layers > MAX_LAYERS:
                raise TooLong(f"it has more than {MAX_LAYERS} layers")
            kind = attributes.get("type")
            self._is_constant = kind == "Const"
            self._name = attributes.get("name", "")
            self.has_state = self.has_state or kind == "ReadValue"
        elif tag == "data" and self._is_constant:
            self._is_constant = False
            self.found.append(_constant(attributes, self._name))

    def refuse_doctype(self, *_: object) -> NoReturn:
        raise ValueError("it declares a document type, which no model does")


def _constant(data: dict[str, str], name: str) -> Constant:
    constant = Constant(
        element_type=data.get("element_type", ""),
        shape=tuple(int(part) for part in data.get("shape", "").split(",") if part.strip()),
        offset_bytes=int(data.get("offset", "0")),
        size_bytes=int(data.get("size", "0")),
        name=name,
    )
    numbers = (*constant.shape, constant.elements, constant.offset_bytes, constant.size_bytes)
    if min(numbers) < 0 or max(numbers) > MAX_NUMBER:
        raise ValueError("a constant has an impossible size or place")
    return constant


def _rounded(count: int) -> str:
    """134 515 008 -> "135 M"; 6 738 415 616 -> "6.7 B"."""
    for unit, scale in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return str(count)
