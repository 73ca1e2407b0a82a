"""Which GGUFs can be made a checkpoint, by their architecture alone: also for the main process, which imports no transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MODEL_TYPES: Final[Mapping[str, str]] = {
    "llama": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "qwen2moe": "qwen2_moe",
    "qwen3moe": "qwen3_moe",
    "phi3": "phi3",
    "gemma2": "gemma2",
    "gemma3": "gemma3_text",
    "starcoder2": "starcoder2",
    "stablelm": "stablelm",
    "gpt2": "gpt2",
}
"""A GGUF's architecture -> transformers' model type: those decoders that transformers has tables for.

Without falcon and bloom, which it has too: how their tokenizers split text can't be rebuilt exactly; and without nemotron,
which Optimum-Intel 2.1 no longer exports.
"""


def problem_of_architecture(architecture: str) -> str:
    """Why a GGUF of it can't be converted, as a clause; "" where it can."""
    if architecture in MODEL_TYPES:
        return ""
    return f"its architecture is {architecture}; these can be converted: {', '.join(sorted(MODEL_TYPES))}"
