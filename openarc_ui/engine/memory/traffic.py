"""What a device reads from its memory for one token: the weights once, and the KV cache of all tokens before.

Told of OpenVINO models alone: a checkpoint or a GGUF is converted while it loads, and its files do not say into what. It
knows no bandwidth and no throughput.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.catalogue.weights import SMALLEST_WEIGHT, Constant, read_constants
from openarc_ui.engine.devices import DeviceLayer
from openarc_ui.engine.memory.formulas import BITS, grouped, words
from openarc_ui.engine.memory.room import Room
from openarc_ui.engine.memory.shape import ModelShape, read_shape
from openarc_ui.engine.memory.situation import situation_of
from openarc_ui.engine.types import BackendName, LoadRequest, TokenTraffic
from openarc_ui.errors import OpenArcError

EXPERT_COUNTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_moe_experts")
"""What config.json files of different families call the number of experts."""


def token_traffic(
    entry: ModelEntry, request: LoadRequest, backend: BackendName, layer: DeviceLayer, devices: Sequence[str]
) -> TokenTraffic | None:
    """The traffic of a model that runs; None where it can't be said.

    Args:
        devices: where it runs, as the compiled model says. On several nobody knows which reads what.
    """
    if entry.kind != "ir" or len(devices) != 1:
        return None
    model_xml, config = entry.file("openvino_model.xml"), entry.file("config.json")
    try:
        if model_xml is None or config is None or has_experts(read_json(config)):
            return None
        shape = read_shape(entry)
        constants = read_constants(model_xml)
        situation = situation_of(shape, request, backend, layer, Room(devices[0].strip("()"), None, None, False))
    except (OpenArcError, OSError, ValueError):
        return None
    looked_up_bytes = sum(constant.size_bytes for constant in _looked_up(constants, shape))
    weights_bytes = shape.weights.size_bytes - looked_up_bytes
    kv_bytes = situation.block_bytes // situation.block_tokens if situation.has_cache else 0
    precisions = " and ".join(dict.fromkeys((situation.key_precision, situation.value_precision)))
    is_compressed = any(BITS[each] <= 8 for each in (situation.key_precision, situation.value_precision))
    how = (
        f"{shape.weights.words}: {words(shape.weights.size_bytes)} with scales and zero points"
        + (
            f", of which {words(looked_up_bytes)} are an embedding that a token reads one row of"
            if looked_up_bytes
            else ""
        )
        + f"; KV cache of 2 * {shape.layers} layers * {shape.kv_heads} KV heads * {shape.key_size} values in {precisions}"
        + (" with scales" if is_compressed else "")
        + f": {grouped(kv_bytes)} bytes for each token before."
    )
    return TokenTraffic(weights_bytes, kv_bytes, how)


def has_experts(config: Mapping[str, Any]) -> bool:
    """Whether a token passes through some of the weights only (a mixture of experts)."""
    inner = config.get("text_config")
    sections = [config, inner if isinstance(inner, Mapping) else {}]
    counts = [section.get(name) for section in sections for name in EXPERT_COUNTS]
    return any(isinstance(count, int) and count > 1 for count in counts)


def _looked_up(constants: Sequence[Constant], shape: ModelShape) -> Iterator[Constant]:
    """The embedding, with its scales and zero points, where the output layer has a matrix of its own.

    A model has one matrix of vocabulary * hidden values when both are the same, and reads all of it for the logits. Of two
    the embedding is the one that says so, else the first, as it is the first thing computed.
    """
    size = shape.vocabulary * shape.hidden
    tables = [index for index, constant in enumerate(constants) if constant.elements == size]
    if len(tables) < 2:
        return
    embedding = next((index for index in tables if "embed" in constants[index].name.lower()), tables[0])
    yield constants[embedding]
    for constant in constants[embedding + 1 :]:
        if constant.elements < SMALLEST_WEIGHT:
            continue
        if not constant.is_scale_or_zero_point or constant.shape[0] != constants[embedding].shape[0]:
            return
        yield constant
