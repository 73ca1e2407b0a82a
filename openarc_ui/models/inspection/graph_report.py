"""A model's graph as numbers: operations, and bytes by precision and by layer; of an IR from its XML, of a GGUF from its header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.catalogue.gguf_header import read_gguf_header
from openarc_ui.errors import InvalidRequest
from openarc_ui.models.hub.wanted import OF_PICKLES, PICKLES
from openarc_ui.models.inspection.ir_graph import Graph, read_graph
from openarc_ui.models.inspection.layers import OTHER, layer_of_name, layer_order, layers_of_constants
from openarc_ui.models.inspection.reports import GraphReport, LayerSize
from openarc_ui.models.work.planning import problem_of_source


def graph_report(entry: ModelEntry) -> GraphReport:
    """The graph of an IR or the tensors of a GGUF.

    Raises:
        InvalidRequest: it is neither, or its file can't be read.
    """
    if entry.kind == "gguf":
        return _of_gguf(Path(entry.path))
    model_xml = entry.file("openvino_model.xml") if entry.kind == "ir" else None
    if model_xml is None:
        raise InvalidRequest(
            f"{entry.name} has no openvino_model.xml, so there is no graph to look at.", _way_on(entry)
        )
    return _of_graph(read_graph(model_xml))


def _way_on(entry: ModelEntry) -> str:
    """To a graph, where there is one."""
    if entry.kind != "checkpoint":
        return ""
    endings = {path.suffix.lower() for path in Path(entry.path).iterdir()}
    if ".safetensors" in endings:
        return problem_of_source(entry) or "Convert it to OpenVINO first."
    if endings.intersection(PICKLES):
        return f"{OF_PICKLES}. Get it as OpenVINO IR, safetensors or a GGUF."
    return "It has no weights either, so there is nothing to convert."


def _of_graph(graph: Graph) -> GraphReport:
    inputs = [each.port_names or each.name for each in graph.operations if each.kind == "Parameter"]
    outputs = [_output_name(graph, place) for place, each in enumerate(graph.operations) if each.kind == "Result"]
    seen: set[tuple[int, int]] = set()
    sizes: list[tuple[str, str, int]] = []
    for operation, layer in layers_of_constants(graph):
        constant = operation.constant
        if constant is None or (constant.offset_bytes, constant.size_bytes) in seen:
            continue
        seen.add((constant.offset_bytes, constant.size_bytes))
        sizes.append((layer, constant.element_type, constant.size_bytes))
    precisions, layers = _summed(sizes)
    return GraphReport(
        operations=tuple(graph.kinds.items()),
        precisions=precisions,
        layers=layers,
        is_stateful="ReadValue" in graph.kinds,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        weights_bytes=sum(size for _, size in precisions),
        ir_version=graph.ir_version,
    )


def _output_name(graph: Graph, place: int) -> str:
    """Of a result: the name of what it hands out."""
    result = graph.operations[place]
    source = graph.operations[result.inputs[0]] if result.inputs else result
    return source.port_names or result.port_names or result.name


def _of_gguf(path: Path) -> GraphReport:
    """Tensors stand for operations; a GGUF has no graph, and a matrix of no layer is the embedding or the output."""
    try:
        header = read_gguf_header(path)
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path.name} can't be read as a GGUF: {error}.", "Download it again.") from error
    precisions, layers = _summed(
        (layer_of_name(each.name) or OTHER, each.type_name, each.size_bytes) for each in header.tensors
    )
    return GraphReport(
        operations=(),
        precisions=precisions,
        layers=layers,
        is_stateful=False,
        inputs=(),
        outputs=(),
        weights_bytes=sum(size for _, size in precisions),
        ir_version=None,
    )


def _summed(sizes: Iterable[tuple[str, str, int]]) -> tuple[tuple[tuple[str, int], ...], tuple[LayerSize, ...]]:
    """(layer, type, bytes) as bytes by type, the most first, and by layer, in the order of the computation."""
    by_type: Counter[str] = Counter()
    by_layer: dict[str, Counter[str]] = {}
    for layer, element_type, size in sizes:
        by_type[element_type] += size
        by_layer.setdefault(layer, Counter())[element_type] += size
    layers = [
        LayerSize(name, counts.total(), tuple(counts.most_common()))
        for name, counts in sorted(by_layer.items(), key=lambda each: layer_order(each[0]))
    ]
    return tuple(by_type.most_common()), tuple(layers)
