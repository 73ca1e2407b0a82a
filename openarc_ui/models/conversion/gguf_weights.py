"""A GGUF's tensors as safetensors of 16 bits, one tensor at a time: memory holds one file's worth and no more.

Names and the order of rows are transformers' own (`TENSOR_PROCESSORS`, `get_gguf_hf_weights_map`); a tensor that has no place
in the model, or a place that gets none, is refused instead of passed over. For the converting process only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import gguf
import numpy
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM
from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor, get_gguf_hf_weights_map

from openarc_ui.models.conversion.gguf_config import ROPE_FACTORS, GgufRefused
from openarc_ui.models.gguf_source import GgufSource

SHARD_BYTES: Final = 500_000_000
"""In memory about twice while a file is written."""
IN_CONFIGURATION: Final = (ROPE_FACTORS, "rope_factors_long.weight", "rope_factors_short.weight")


def write_weights(
    source: GgufSource, config: Any, folder: Path, say: Callable[[float], None], shard_bytes: int = SHARD_BYTES
) -> int:
    """Write model.safetensors, or several with their index; returns the bytes of all weights.

    Args:
        say: called with the share that is done.

    Raises:
        GgufRefused: tensors and model don't fit together, or a number does not fit 16 bits.
    """
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    tied = set(model.all_tied_weights_keys) if config.tie_word_embeddings else set()
    shards = _Shards(folder, shard_bytes)
    for name, tensor in _tensors(source, config, model, say):
        if name not in expected:
            raise GgufRefused(f"its tensor {name} has no place in a model of type {config.model_type}")
        if tuple(tensor.shape) != expected[name]:
            raise GgufRefused(f"its tensor {name} has the shape {list(tensor.shape)}, not {list(expected[name])}")
        shards.add(name, _halved(name, tensor))
    missing = sorted(set(expected) - tied - set(shards.places))
    if missing:
        raise GgufRefused(f"it holds nothing for {missing[0]}, which a model of type {config.model_type} has")
    return shards.finish()


def _tensors(
    source: GgufSource, config: Any, model: Any, say: Callable[[float], None]
) -> Iterator[tuple[str, torch.Tensor]]:
    processor = TENSOR_PROCESSORS.get(source.architecture_name, TensorProcessor)(config=config.to_dict())
    names = _names(model, processor)
    waiting_parts = Counter(names.values())
    merged: dict[str, torch.Tensor] = {}
    total, done = sum(map(source.elements, source.tensor_names())), 0
    for gguf_name in source.tensor_names():
        done += source.elements(gguf_name)
        if gguf_name in IN_CONFIGURATION:
            continue
        try:
            numbers = source.numbers(gguf_name)
        except NotImplementedError:
            kind = source.type_name(gguf_name)
            raise GgufRefused(f"its weights of type {kind} ({gguf_name}) can't be read") from None
        result = processor.process(
            weights=numbers, name=gguf_name, tensor_key_mapping=names, parsed_parameters={"tensors": merged}
        )
        if result.name is not None:
            if result.name not in names:
                raise GgufRefused(f"its tensor {gguf_name} has no place in a model of type {config.model_type}")
            yield names[result.name], torch.from_numpy(_own(result.weights))
        for name in [name for name in merged if _is_whole(name, gguf_name, names, waiting_parts)]:
            yield name, merged.pop(name)
        say(done / total)


def _is_whole(name: str, gguf_name: str, names: dict[str, str], waiting_parts: Counter[str]) -> bool:
    """Whether the experts' tensor `name`, of which `gguf_name` may be a part, has all its parts now."""
    if names.get(gguf_name.removesuffix(".weight"), names.get(gguf_name)) == name:
        waiting_parts[name] -= 1
    return waiting_parts[name] <= 0


def _names(model: Any, processor: Any) -> dict[str, str]:
    """A tensor's name in the GGUF -> in the model.

    transformers asks gguf for the same table again at every module of the model, which took half of the whole time.
    """
    original = gguf.get_tensor_name_map
    gguf.get_tensor_name_map = lru_cache(original)
    try:
        names: dict[str, str] = get_gguf_hf_weights_map(model, processor)
    finally:
        gguf.get_tensor_name_map = original
    return names


def _own(numbers: Any) -> Any:
    """The numbers in memory of their own: those of 32 bits lie in the mapped file, which nobody may write to."""
    return numpy.ascontiguousarray(numbers) if numbers.flags.writeable else numpy.array(numbers)


def _halved(name: str, tensor: torch.Tensor) -> torch.Tensor:
    half = tensor.to(torch.float16).contiguous()
    if not bool(torch.isfinite(half).all()):
        raise GgufRefused(f"its tensor {name} holds numbers beyond 16 bits")
    return half


class _Shards:
    """Tensors gathered into files of a bounded size, with the index that transformers reads."""

    def __init__(self, folder: Path, shard_bytes: int) -> None:
        self._folder, self._shard_bytes = folder, shard_bytes
        self._waiting: dict[str, torch.Tensor] = {}
        self._waiting_bytes = self._written_bytes = 0
        self._files: list[Path] = []
        self.places: dict[str, int] = {}

    def add(self, name: str, tensor: torch.Tensor) -> None:
        size_bytes = tensor.numel() * tensor.element_size()
        if self._waiting and self._waiting_bytes + size_bytes > self._shard_bytes:
            self._write()
        self._waiting[name] = tensor
        self._waiting_bytes += size_bytes
        self.places[name] = len(self._files)

    def finish(self) -> int:
        self._write()
        if len(self._files) == 1:
            self._files[0].rename(self._folder / "model.safetensors")
            return self._written_bytes
        final = [f"model-{number:05}-of-{len(self._files):05}.safetensors" for number in range(1, len(self._files) + 1)]
        for file, name in zip(self._files, final, strict=True):
            file.rename(self._folder / name)
        index = {
            "metadata": {"total_size": self._written_bytes},
            "weight_map": {name: final[place] for name, place in self.places.items()},
        }
        (self._folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
        return self._written_bytes

    def _write(self) -> None:
        file = self._folder / f"part-{len(self._files)}.safetensors"
        save_file(self._waiting, file, metadata={"format": "pt"})
        self._files.append(file)
        self._written_bytes += self._waiting_bytes
        self._waiting, self._waiting_bytes = {}, 0
