"""What a loaded model holds in memory, part by part, each with its formula filled in.

Resident memory (RSS) of the worker on a CPU, device memory on a GPU or NPU. Pure arithmetic over a ModelShape; constants
were measured with OpenVINO 2026.4 on a CPU, docs/memory.md shows against what. It knows no file and no free memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from openarc_ui.engine.memory.shape import ModelShape

Runner = Literal["paged", "stateful", "optimum"]

PROCESS_BYTES = {"paged": 130_000_000, "stateful": 130_000_000, "optimum": 560_000_000}
"""Python, the worker and the libraries of the backend before a model: GenAI without torch, Optimum with it."""
PROCESS_LABEL = "Python and libraries"
TOKENIZER_BYTES_PER_ENTRY = 900
"""Of one tokenizer, OpenVINO's or the Rust one: 43 and 44 MB for 49 152 entries."""
OPTIMUM_TOKENIZER_BYTES_PER_ENTRY = 1_200
"""The same Rust one inside transformers' AutoTokenizer: 60 MB."""
GRAPH_BYTES_PER_LAYER = 1_100_000
"""The compiled graph: 13 MB for 12 layers, 33 MB for 30."""
CONVERSION_SHARE = 0.15
"""Of a checkpoint's size: what its conversion leaves behind in the process."""
CPU_BLOCK_TOKENS, GPU_BLOCK_TOKENS = 32, 16
"""Tokens in a block of the paged cache (openvino.genai, kv_cache_manager.hpp)."""
GROWTH_SHARE = 1.15
"""A cache that grows is allocated anew every 256 tokens, and the heap keeps holes: 1.05 to 1.4 times the cache."""
RUNTIME_BYTES = 10_000_000
"""Buffers of the first step that do not grow with it."""
LOGIT_COPIES = 3
"""Optimum's logits of the whole prompt in f32: OpenVINO's output, the tensor made from it, and a copy on the way."""
LOGIT_BYTES = 4
BITS = {"f16": 16, "bf16": 16, "f32": 32, "u8": 8, "i8": 8, "u4": 4, "i4": 4}


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """One part of what is needed: `how` is its formula with the numbers filled in."""

    name: str
    label: str
    memory_bytes: int
    how: str


@dataclass(frozen=True, slots=True)
class Situation:
    """A model as it is to run on one device.

    Attributes:
        device_kind: CPU, GPU or NPU.
        key_group, value_group: values that share one scale in a compressed cache; 0: all of a head.
        activation_bits: of the numbers between the layers.
        cache_limit_bytes, cache_limit_blocks: the scheduler's, 0: none.
        evicted_to_tokens: what cache eviction leaves of a sequence, None without eviction.
        is_in_system_memory: the process counts too.
    """

    shape: ModelShape
    runner: Runner
    device_kind: str
    key_precision: str
    value_precision: str
    key_group: int
    value_group: int
    activation_bits: int
    batched_tokens: int
    has_cache: bool
    cache_limit_bytes: int
    cache_limit_blocks: int
    evicted_to_tokens: int | None
    is_in_system_memory: bool

    @property
    def block_tokens(self) -> int:
        if self.runner != "paged":
            return 1
        return GPU_BLOCK_TOKENS if self.device_kind == "GPU" else CPU_BLOCK_TOKENS

    @property
    def block_bytes(self) -> int:
        """Bytes of one block of the cache over all layers: `block_tokens` tokens, keys and values.

        2 * layers * KV heads * head size * bytes a value; a compressed cache adds a scale and a zero point, in f32 on a
        CPU and f16 on a GPU: for each group of each token, or, for keys in paged attention on a CPU, for each channel of
        a block (block shapes of the compiled model's key_cache and value_cache inputs).
        """
        shape, tokens = self.shape, self.block_tokens
        pair_bytes = 8 if self.device_kind == "CPU" else 4
        key_bytes = tokens * shape.key_size * BITS[self.key_precision] / 8
        value_bytes = tokens * shape.value_size * BITS[self.value_precision] / 8
        if BITS[self.key_precision] <= 8:
            by_channel = self.runner == "paged" and self.device_kind == "CPU"
            pairs = shape.key_size if by_channel else tokens * _groups(shape.key_size, self.key_group)
            key_bytes += pairs * pair_bytes
        if BITS[self.value_precision] <= 8:
            value_bytes += tokens * _groups(shape.value_size, self.value_group) * pair_bytes
        return int(shape.layers * shape.kv_heads * (key_bytes + value_bytes))

    @property
    def limit_blocks(self) -> int | None:
        """Blocks the scheduler allows; `cache_size` counts GB of 2^30 bytes."""
        if self.cache_limit_blocks:
            return self.cache_limit_blocks
        return self.cache_limit_bytes // self.block_bytes if self.cache_limit_bytes else None

    def tokens_within_limit(self, sequences: int) -> int | None:
        """Most tokens each sequence can have before the scheduler's limit refuses it; None without a limit."""
        if self.limit_blocks is None or self.evicted_to_tokens is not None:
            return None
        return self.limit_blocks // sequences * self.block_tokens

    def parts(self, context_tokens: int, sequences: int) -> tuple[MemoryPart, ...]:
        """Weights, KV cache, working memory and process, for that many sequences of that many tokens each."""
        return (
            self._weights(),
            self._cache(context_tokens, sequences),
            self._working(context_tokens, sequences),
            self._process(),
        )

    def _weights(self) -> MemoryPart:
        """On a CPU the file stays mapped, and every matrix is packed once more in its compressed type for the kernels.

        Scales and zero points are unpacked to f32 and packed again: 4 * their f16 bytes. f16 stays 2 bytes, whether the
        processor computes in bf16 or f32. A GPU or NPU holds the weights once, compressed; f32 as f16.
        """
        weights = self.shape.weights
        packed_bytes = weight_bytes(weights.parameters_by_type)
        if self.device_kind != "CPU":
            halved = 2 * weights.parameters_by_type.get("f32", 0)
            return _part("weights", "Weights", weights.size_bytes - halved, f"{weights.words}: held once, compressed.")
        scale_bytes = max(0, weights.size_bytes - packed_bytes)
        graph_bytes = self.shape.layers * GRAPH_BYTES_PER_LAYER
        left_bytes = int(CONVERSION_SHARE * weights.size_bytes) if self.shape.is_converted else 0
        total_bytes = weights.size_bytes + packed_bytes + 4 * scale_bytes + graph_bytes + left_bytes
        how = (
            f"{weights.words}: {words(weights.size_bytes)} as read + {words(packed_bytes)} packed again for the processor "
            f"+ {words(4 * scale_bytes)} scales and zero points in f32 + {words(graph_bytes)} graph of "
            f"{self.shape.layers} layers"
        )
        how += f" + {words(left_bytes)} left by the conversion." if self.shape.is_converted else "."
        how += " It is more than on disk because a processor keeps the file and a packed copy of its own."
        return _part("weights", "Weights", total_bytes, how)

    def _cache(self, context_tokens: int, sequences: int) -> MemoryPart:
        """Whole blocks for every sequence, at most the scheduler's limit.

        A CPU reserves a limited pool and touches it as it fills; a GPU holds all of it from the start.
        """
        if not self.has_cache:
            return _part("kv_cache", "KV cache", 0, "use_cache is off, so nothing is kept between tokens.")
        tokens = context_tokens
        if self.evicted_to_tokens is not None:
            tokens = min(tokens, self.evicted_to_tokens + self.batched_tokens)
        blocks = sequences * -(-tokens // self.block_tokens)
        if self.limit_blocks is not None:
            blocks = self.limit_blocks if self.device_kind == "GPU" else min(blocks, self.limit_blocks)
        grows = self.runner == "paged" and self.limit_blocks is None and self.device_kind == "CPU"
        total_bytes = int(blocks * self.block_bytes * (GROWTH_SHARE if grows else 1))
        precision = self.key_precision + (
            "" if self.key_precision == self.value_precision else "/" + self.value_precision
        )
        what = f"blocks of {self.block_tokens} tokens" if self.block_tokens > 1 else "tokens"
        how = (
            f"{grouped(blocks)} {what} * {grouped(self.block_bytes)} bytes (2 * {self.shape.layers} layers * {self.shape.kv_heads} KV heads "
            f"* {self.shape.key_size} values in {precision}, with scales)"
        )
        return _part("kv_cache", "KV cache", total_bytes, how + (f" * {GROWTH_SHARE} for growing." if grows else "."))

    def _working(self, context_tokens: int, sequences: int) -> MemoryPart:
        """Activations and logits of the largest step.

        A token needs about 4 * intermediate + 8 * hidden numbers at once: gate, up and their product; residual, norm,
        queries, keys, values and output. Paged attention computes at most `max_num_batched_tokens` a step and logits for
        the last token of each sequence; the stateful pipeline the whole prompt; Optimum logits for all of it as well.
        """
        shape = self.shape
        all_tokens = context_tokens * sequences
        tokens = min(self.batched_tokens, all_tokens) if self.runner == "paged" else all_tokens
        token_bytes = (4 * shape.intermediate + 8 * shape.hidden) * self.activation_bits // 8
        rows = all_tokens * LOGIT_COPIES if self.runner == "optimum" else sequences
        logit_bytes = rows * shape.vocabulary * LOGIT_BYTES
        copies = f" in {LOGIT_COPIES} copies" if self.runner == "optimum" else ""
        how = (
            f"{grouped(tokens)} tokens a step * {words(token_bytes)} of activations + {words(logit_bytes)} of logits for "
            f"{grouped(all_tokens if self.runner == 'optimum' else sequences)} tokens{copies} + {words(RUNTIME_BYTES)}."
        )
        return _part("working", "Working memory", tokens * token_bytes + logit_bytes + RUNTIME_BYTES, how)

    def _process(self) -> MemoryPart:
        if not self.is_in_system_memory:
            return _part(
                "process", PROCESS_LABEL, 0, "Python and its libraries are in system memory, not on the device."
            )
        entry_bytes = TOKENIZER_BYTES_PER_ENTRY * (2 if self.shape.has_tokenizer_json else 1)
        if self.runner == "optimum":
            entry_bytes = OPTIMUM_TOKENIZER_BYTES_PER_ENTRY
        vocabulary_bytes = self.shape.vocabulary * entry_bytes
        base_bytes = PROCESS_BYTES[self.runner]
        how = (
            f"{words(base_bytes)} for Python and the libraries of the backend, before any model + {words(vocabulary_bytes)} "
            f"for the tokenizer's vocabulary of {grouped(self.shape.vocabulary)}."
        )
        return _part("process", PROCESS_LABEL, base_bytes + vocabulary_bytes, how)


def weight_bytes(parameters_by_type: Mapping[str, int]) -> int:
    """Weights without scales and zero points: parameters * bits / 8; the bits are in the type's name (u4, q4_k, f16)."""
    total_bits = sum(count * type_bits(name) for name, count in parameters_by_type.items())
    return total_bits // 8


def type_bits(name: str) -> int:
    """ "u4" -> 4, "q6_k" -> 6, "bf16" -> 16; 8 for a type without a number, such as boolean."""
    digits = re.search(r"\d+", name)
    return int(digits.group()) if digits else 8


def words(memory_bytes: float) -> str:
    """Bytes for a person, powers of ten: "97 MB", "1.85 GB", "21.73 TB"."""
    for unit, scale, digits in (("TB", 1e12, 2), ("GB", 1e9, 2), ("MB", 1e6, 0), ("kB", 1e3, 0)):
        if memory_bytes >= scale:
            return f"{grouped(memory_bytes / scale, digits)} {unit}"
    return f"{memory_bytes:.0f} bytes"


def grouped(number: float, digits: int = 0) -> str:
    """A number with its thousands set apart by a narrow no-break space, as everywhere on the page."""
    return f"{number:,.{digits}f}".replace(",", "\u202f")


def _groups(size: int, group: int) -> int:
    return -(-size // group) if group > 0 else 1


def _part(name: str, label: str, memory_bytes: int, how: str) -> MemoryPart:
    return MemoryPart(name, label, memory_bytes, how)
