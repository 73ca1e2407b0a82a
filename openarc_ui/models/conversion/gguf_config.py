"""A GGUF's values as a transformers configuration: its own tables, and what they leave out said or refused.

Imports transformers: for the converting process only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from transformers import AutoConfig
from transformers.integrations.ggml import GGUF_CONFIG_DEFAULTS_MAPPING, GGUF_CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from openarc_ui.models.conversion.gguf_architectures import MODEL_TYPES, problem_of_architecture
from openarc_ui.models.gguf_source import GgufSource

TABLES: Final[Mapping[str, str]] = {"gemma3_text": "gemma3"}
MORE: Final[Mapping[str, str]] = {
    "attention.key_length": "head_dim",
    "attention.sliding_window": "sliding_window",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
}
"""What transformers' tables leave out, where the configuration has such a value."""
ROPE_FACTORS: Final = "rope_freqs.weight"
LLAMA3_ORIGINAL_TOKENS: Final = 8192
LLAMA3_FACTORS: Final = (8.0, 32.0, 16.0, 4.0)
"""Llama 3.1 and 3.2; what others chose."""
LLAMA3_LOW, LLAMA3_HIGH = 1.0, 4.0
NEAR: Final = 1e-3


class GgufRefused(ValueError):
    """This GGUF can't be made a checkpoint exactly; the sentence says why."""


def read_config(source: GgufSource) -> Any:
    """The configuration of the model class that transformers has for it, with `architectures` and 16-bit weights.

    Raises:
        GgufRefused: an architecture without tables, a part of several files, or a value that has no place.
    """
    if int(source.value("split.count", 1) or 1) > 1:
        raise GgufRefused("it is one of several parts; merge them into one file first (llama-gguf-split --merge)")
    problem = problem_of_architecture(source.architecture_name)
    if problem:
        raise GgufRefused(problem)
    model_type = MODEL_TYPES[source.architecture_name]
    values = dict(_values(source, model_type))
    config = AutoConfig.for_model(model_type, **values)
    for key, name in MORE.items():
        said = source.value(f"{source.architecture_name}.{key}")
        if said is not None and hasattr(config, name):
            setattr(config, name, said)
    config.architectures = [MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[model_type]]
    config.dtype = "float16"
    return config


def _values(source: GgufSource, model_type: str) -> Iterator[tuple[str, Any]]:
    architecture = source.architecture_name
    yield from GGUF_CONFIG_DEFAULTS_MAPPING.get(model_type, {}).items()
    table: Mapping[str, str | None] = GGUF_CONFIG_MAPPING[TABLES.get(model_type, model_type)]
    for key, name in table.items():
        value = source.value(f"{architecture}.{key}")
        if name is not None and value is not None:
            yield name, _scalar(value)
    if "vocab_size" not in {name for key, name in table.items() if source.value(f"{architecture}.{key}") is not None}:
        yield "vocab_size", len(source.tokenizer("ggml.tokens"))
    yield "tie_word_embeddings", "output.weight" not in source
    for name in ("bos", "eos"):
        token_id = source.value(f"tokenizer.ggml.{name}_token_id")
        if token_id is not None:
            yield f"{name}_token_id", token_id
    padding = source.value("tokenizer.ggml.padding_token_id")
    yield "pad_token_id", padding if padding is not None else source.value("tokenizer.ggml.eos_token_id")
    if architecture == "gpt2":
        yield "n_positions", source.architecture("context_length")  # transformers' table has the old name of it alone
    if architecture == "stablelm":
        yield "use_qkv_bias", any(name.endswith("attn_q.bias") for name in source.tensor_names())
        yield "use_parallel_residual", not any("ffn_norm" in name for name in source.tensor_names())
    scaling = _rope_scaling(source)
    if scaling is not None:
        yield "rope_scaling", scaling | {"rope_theta": source.value(f"{architecture}.rope.freq_base", 10000.0)}


def _scalar(value: Any) -> Any:
    """Some writers give one number for each layer; the same in all of them is one number.

    Raises:
        GgufRefused: they differ, which these configurations can't say.
    """
    if not isinstance(value, list):
        return value
    if len(set(value)) != 1:
        raise GgufRefused("its layers differ in their number of heads or their width")
    return value[0]


def _rope_scaling(source: GgufSource) -> dict[str, Any] | None:
    """How positions are stretched, where they are."""
    architecture = source.architecture_name
    long_factors = f"{architecture}.rope.scaling.attn_factor"
    if "rope_factors_long.weight" in source:
        return {
            "rope_type": "longrope",
            "long_factor": source.numbers("rope_factors_long.weight").tolist(),
            "short_factor": source.numbers("rope_factors_short.weight").tolist(),
            "attention_factor": source.value(long_factors),
            "original_max_position_embeddings": source.value(f"{architecture}.rope.scaling.original_context_length"),
        }
    if ROPE_FACTORS in source:
        return _llama3_scaling(source)
    kind = source.value(f"{architecture}.rope.scaling.type", "none")
    if kind == "none":
        return None
    if kind not in ("linear", "yarn"):
        raise GgufRefused(f"its positions are scaled by {kind}, which is not known")
    scaling = {"rope_type": kind, "factor": source.value(f"{architecture}.rope.scaling.factor")}
    if kind == "yarn":
        original = source.value(f"{architecture}.rope.scaling.original_context_length")
        scaling["original_max_position_embeddings"] = original
    return scaling


def _llama3_scaling(source: GgufSource) -> dict[str, Any]:
    """Llama 3.1's scaling, told from the divisors that a GGUF keeps of it (llama.cpp: LlamaModel.generate_extra_tensors).

    Raises:
        GgufRefused: the divisors are others.
    """
    divisors = source.numbers(ROPE_FACTORS).tolist()
    theta = float(source.value(f"{source.architecture_name}.rope.freq_base", 10000.0))
    for factor in LLAMA3_FACTORS:
        expected = llama3_divisors(len(divisors), theta, factor)
        if all(abs(a - b) <= NEAR * b for a, b in zip(divisors, expected, strict=True)):
            return {
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": LLAMA3_LOW,
                "high_freq_factor": LLAMA3_HIGH,
                "original_max_position_embeddings": LLAMA3_ORIGINAL_TOKENS,
            }
    raise GgufRefused(f"its positions are scaled by {ROPE_FACTORS} in a way that is not Llama 3's")


def llama3_divisors(count: int, theta: float, factor: float) -> list[float]:
    """What each frequency is divided by (transformers: `_compute_llama3_parameters`)."""
    divisors = []
    for index in range(count):
        wavelength = 2 * math.pi * theta ** (index / count)
        turns = LLAMA3_ORIGINAL_TOKENS / wavelength
        smooth = (turns - LLAMA3_LOW) / (LLAMA3_HIGH - LLAMA3_LOW)
        divisors.append(
            1.0 if turns > LLAMA3_HIGH else factor if turns < LLAMA3_LOW else 1 / ((1 - smooth) / factor + smooth)
        )
    return divisors
