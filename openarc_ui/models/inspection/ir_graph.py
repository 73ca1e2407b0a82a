"""An IR's graph from its XML, as a stream: operations with names, who feeds whom, and which constants there are.

The binary file is never opened, and nothing is built that grows faster than the file. It judges nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from openarc_ui.engine.catalogue.weights import (
    CHUNK_BYTES,
    MAX_ELEMENTS,
    MAX_LAYERS,
    MAX_NUMBER,
    MAX_XML_BYTES,
    Constant,
    TooLong,
)
from openarc_ui.errors import InvalidRequest

LONGEST_NAME = 200
MAX_EDGES = 4 * MAX_LAYERS


@dataclass(slots=True)
class Operation:
    """One node.

    Attributes:
        constant: of a `Const`.
        port_names: of its first named output.
        inputs, outputs: places in `Graph.operations`; `first_input` is what comes in at port 0.
    """

    kind: str
    name: str
    port_names: str = ""
    constant: Constant | None = None
    first_input: int | None = None
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Graph:
    """All of it, in the order of the file, which is that of the computation."""

    operations: Sequence[Operation]
    kinds: Mapping[str, int]
    ir_version: int | None


def read_graph(model_xml: Path) -> Graph:
    """The graph of an `openvino_model.xml`; about 40 ms a megabyte.

    Raises:
        InvalidRequest: the file is no OpenVINO model, or longer than anybody reads.
    """
    try:
        return _read(model_xml)
    except TooLong as error:
        raise InvalidRequest(f"{model_xml.name} is too long to be looked into: {error}.") from error
    except (OSError, expat.ExpatError, ValueError) as error:
        raise InvalidRequest(
            f"{model_xml.name} is not an OpenVINO model: {error}.", "Convert or download the model again."
        ) from error


def _read(model_xml: Path) -> Graph:
    if model_xml.stat().st_size > MAX_XML_BYTES:
        raise TooLong(f"it has more than {MAX_XML_BYTES >> 20} MB")
    elements = _Elements()
    parser = expat.ParserCreate()
    parser.StartElementHandler = elements.start
    parser.EndElementHandler = elements.end
    parser.StartDoctypeDeclHandler = elements.refuse_doctype
    with model_xml.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    if not elements.operations:
        raise ValueError("it holds no operations")
    kinds = Counter(each.kind for each in elements.operations)
    return Graph(elements.operations, dict(kinds.most_common()), elements.version)


class _Elements:
    """Collects layers and edges while expat walks the file; of the body of a loop or branch no edges."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.version: int | None = None
        self._places: dict[str, int] = {}
        self._elements = self._edges = self._bodies = 0
        self._is_in_output = False
        self._begun = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._begun and tag != "net":
            raise ValueError(f"its outermost element is <{tag}>, not <net>")
        if not self._begun:
            self._begun = True
            self.version = _whole(attributes.get("version"))
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise TooLong(f"it has more than {MAX_ELEMENTS} elements")
        if tag in ("body", "then_body", "else_body"):
            self._bodies += 1
        elif tag == "layer":
            self._layer(attributes)
        elif self._bodies == 0:
            self._inside(tag, attributes)
        elif tag == "data":
            self._data(self.operations[-1], attributes)

    def end(self, tag: str) -> None:
        if tag in ("body", "then_body", "else_body"):
            self._bodies -= 1
        elif tag == "output":
            self._is_in_output = False

    def refuse_doctype(self, *_: object) -> NoReturn:
        raise ValueError("it declares a document type, which no model does")

    def _layer(self, attributes: dict[str, str]) -> None:
        if len(self.operations) >= MAX_LAYERS:
            raise TooLong(f"it has more than {MAX_LAYERS} layers")
        if self._bodies == 0:
            self._places[attributes.get("id", "")] = len(self.operations)
        self.operations.append(
            Operation(attributes.get("type", "")[:LONGEST_NAME], attributes.get("name", "")[:LONGEST_NAME])
        )

    def _inside(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "edge":
            self._edge(attributes)
        elif not self.operations:
            return
        elif tag == "output":
            self._is_in_output = True
        elif tag == "port" and self._is_in_output and attributes.get("names"):
            self.operations[-1].port_names = self.operations[-1].port_names or attributes["names"][:LONGEST_NAME]
        elif tag == "data":
            self._data(self.operations[-1], attributes)

    def _data(self, operation: Operation, attributes: dict[str, str]) -> None:
        if operation.kind == "Const" and operation.constant is None:
            operation.constant = _constant(attributes, operation.name)

    def _edge(self, attributes: dict[str, str]) -> None:
        self._edges += 1
        if self._edges > MAX_EDGES:
            raise TooLong(f"it has more than {MAX_EDGES} edges")
        source = self._places.get(attributes.get("from-layer", ""))
        target = self._places.get(attributes.get("to-layer", ""))
        if source is None or target is None:
            raise ValueError("an edge begins or ends at a layer that is not there")
        self.operations[source].outputs.append(target)
        self.operations[target].inputs.append(source)
        if attributes.get("to-port") == "0":
            self.operations[target].first_input = source


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else None


def _constant(data: dict[str, str], name: str) -> Constant:
    constant = Constant(
        element_type=data.get("element_type", "")[:LONGEST_NAME],
        shape=tuple(int(part) for part in data.get("shape", "").split(",") if part.strip()),
        offset_bytes=int(data.get("offset", "0")),
        size_bytes=int(data.get("size", "0")),
        name=name,
    )
    if min(constant.offset_bytes, constant.size_bytes) < 0 or constant.size_bytes > MAX_NUMBER:
        raise ValueError("a constant has an impossible size or place")
    return constant
