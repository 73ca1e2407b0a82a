"""The numbers of a model that decide about memory: weights by type, layers, heads, widths, vocabulary, context.

Read from a model's XML, GGUF or safetensors headers and its config.json. It knows no device and computes no memory.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openarc_ui.engine.backends.files import context_length, read_json
from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.catalogue.gguf_header import read_gguf_header
from openarc_ui.engine.catalogue.weights import WeightSummary, read_weights
from openarc_ui.errors import InvalidRequest

MAX_HEADER_BYTES = 100_000_000
"""The limit that the safetensors format itself sets."""
SHOWN_CHARACTERS = 40
LARGEST_NUMBER = 10_000_000
"""No layer count, width or vocabulary is larger; what is comes from a broken file."""
NAMES: Mapping[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "num_layers", "n_layers"),
    "heads": ("num_attention_heads", "n_head", "num_heads", "n_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "multi_query_group_num"),
    "head_size": ("head_dim", "kv_channels"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "intermediate": ("intermediate_size", "ffn_hidden_size", "n_inner"),
    "vocabulary": ("vocab_size", "padded_vocab_size"),
}
"""What config.json files of different families call the same number."""
GGUF_NAMES: Mapping[str, str] = {
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "vocab_size": "vocab_size",
    "max_position_embeddings": "context_length",
}


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What a model's memory follows from.

    Attributes:
        key_size: values of one key of one head; `value_size` likewise.
        hidden: width of the residual stream; `intermediate` of the feed-forward part.
        vocabulary: logits for each token.
        context_tokens: prompt and answer together, None where the model does not say.
        is_converted: a checkpoint that Optimum converts while it loads.
        has_tokenizer_json: the fast tokenizer is loaded too, beside OpenVINO's.
    """

    weights: WeightSummary
    layers: int
    kv_heads: int
    key_size: int
    value_size: int
    hidden: int
    intermediate: int
    vocabulary: int
    context_tokens: int | None
    is_converted: bool = False
    has_tokenizer_json: bool = True


def read_shape(entry: ModelEntry) -> ModelShape:
    """Read what the estimate needs; no weights are read.

    Raises:
        InvalidRequest: a file is missing, broken, or does not say it; with the reason.
    """
    try:
        if entry.kind == "gguf":
            config, weights = _gguf(Path(entry.path))
        else:
            config, weights = _config(entry), _weights(entry)
        shape = _shape(config, weights)
        return dataclasses.replace(
            shape,
            is_converted=entry.kind == "checkpoint",
            has_tokenizer_json=entry.kind != "gguf" and entry.file("tokenizer.json") is not None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidRequest(
            f"The files of {entry.name} can't be read: {error}.", "Copy, download or convert the model again."
        ) from error


def _config(entry: ModelEntry) -> dict[str, Any]:
    path = entry.file("config.json")
    if path is None:
        raise ValueError("there is no config.json, which says how many layers and heads there are")
    return read_json(path)


def _weights(entry: ModelEntry) -> WeightSummary:
    if entry.kind == "checkpoint":
        return _safetensors(entry)
    path = entry.file("openvino_model.xml")
    if path is None:
        raise ValueError("there is no openvino_model.xml")
    return read_weights(path)


def _shape(config: Mapping[str, Any], weights: WeightSummary) -> ModelShape:
    inner = config.get("text_config")
    sections = [config, inner if isinstance(inner, dict) else {}]
    layers, heads = _number(sections, "layers"), _number(sections, "heads")
    hidden = _number(sections, "hidden")
    kv_heads = _number(sections, "kv_heads", heads)
    key_size = value_size = _number(sections, "head_size", max(1, hidden // heads))
    latent = next((section for section in sections if section.get("kv_lora_rank")), None)
    if latent is not None:
        # Latent attention (DeepSeek): the exported model caches the expanded keys and values of every head.
        kv_heads = heads
        key_size = int(latent["qk_nope_head_dim"]) + int(latent["qk_rope_head_dim"])
        value_size = int(latent["v_head_dim"])
    return ModelShape(
        weights=weights,
        layers=layers,
        kv_heads=kv_heads,
        key_size=key_size,
        value_size=value_size,
        hidden=hidden,
        intermediate=_number(sections, "intermediate", 4 * hidden),
        vocabulary=_number(sections, "vocabulary"),
        context_tokens=context_length(dict(config)),
    )


def _number(sections: list[Mapping[str, Any]], what: str, otherwise: int | None = None) -> int:
    wrong = ""
    for section in sections:
        for name in NAMES[what]:
            value = section.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_NUMBER:
                return value
            wrong = wrong or (f"{name} is {str(value)[:SHOWN_CHARACTERS]!r}" if value is not None else "")
    if otherwise is None and wrong:
        raise ValueError(f"config.json says that {wrong}, which is no whole number from 1 to {LARGEST_NUMBER}")
    if otherwise is None:
        raise ValueError(f"config.json names no {NAMES[what][0]}")
    return otherwise


def _gguf(path: Path) -> tuple[dict[str, Any], WeightSummary]:
    """The header's values under the names of a config.json."""
    header = read_gguf_header(path)
    config: dict[str, Any] = {
        name: header.values.get(f"{header.architecture}.{gguf_name}") for name, gguf_name in GGUF_NAMES.items()
    }
    config["vocab_size"] = config["vocab_size"] or header.array_lengths.get("tokenizer.ggml.tokens")
    return config, header.weights()


def _safetensors(entry: ModelEntry) -> WeightSummary:
    """The tensors of all shards. Layout: 8 bytes length, then JSON: name -> dtype, shape, data_offsets."""
    parameters: Counter[str] = Counter()
    size_bytes = 0
    files = [entry.file(path.name) for path in sorted(Path(entry.path).glob("*.safetensors"))]
    for path in files:
        for name, tensor in (_safetensors_header(path) if path is not None else {}).items():
            if name == "__metadata__":
                continue
            begin, end = tensor["data_offsets"]
            elements = 1
            for length in tensor["shape"]:
                elements *= int(length)
            if not 0 <= int(begin) <= int(end) or elements < 0:
                raise ValueError(f"{name} has an impossible size or place")
            parameters[str(tensor["dtype"]).lower()] += elements
            size_bytes += int(end) - int(begin)
    if not size_bytes or not parameters.total():
        raise ValueError("there are no weights in safetensors files")
    return WeightSummary(parameters.total(), dict(parameters.most_common()), {}, size_bytes, size_bytes)


def _safetensors_header(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_HEADER_BYTES, path.stat().st_size - 8):
            raise ValueError(f"{path.name} is cut, or no safetensors file")
        try:
            header = json.loads(file.read(length))
        except RecursionError:
            raise ValueError(f"the header of {path.name} is nested too deeply") from None
    if not isinstance(header, dict):
        raise ValueError(f"the header of {path.name} is no JSON object")
    return header
