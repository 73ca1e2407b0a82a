"""Tiny random models of every architecture, written as GGUF the way llama.cpp's converter does, to be unpacked again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.integrations.ggml import GGUF_CONFIG_MAPPING

from openarc_ui.models.conversion.gguf_architectures import MODEL_TYPES
from openarc_ui.models.conversion.gguf_config import TABLES

NORMAL, CONTROL, USER, BYTE = 1, 3, 4, 6
SIZES: Mapping[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
}
MORE: Mapping[str, Mapping[str, Any]] = {
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256, "n_ctx": 256, "n_inner": None},
    "gemma2": {"head_dim": 16, "sliding_window": 64},
    "gemma3_text": {"head_dim": 16, "sliding_window": 64},
    "qwen3": {"head_dim": 16},
    "qwen3_moe": {
        "norm_topk_prob": True,
        "head_dim": 16,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
    },
    "qwen2_moe": {
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
        "shared_expert_intermediate_size": 32,
    },
    "phi3": {"bos_token_id": 1, "eos_token_id": 2},
    "starcoder2": {"sliding_window": None},
}


def vocabulary() -> tuple[list[str], list[int], list[str]]:
    """Tokens, their kinds and merges: every byte, a few words, control tokens and a word of the model's own."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    bytes_ = [chr(byte) for byte in printable] + [chr(256 + index) for index in range(len(others))]
    words = ["th", "the", "Ġthe", "in", "ing", "12", "Ġ1"]
    merges = ["t h", "th e", "Ġ the", "i n", "in g", "1 2", "Ġ 1"]
    control = ["<|begin|>", "<|end|>", "<|turn|>"]
    own = ["<think>"]
    tokens = [*control, *bytes_, *words, *own]
    kinds = [CONTROL] * len(control) + [NORMAL] * (len(bytes_) + len(words)) + [USER]
    return tokens, kinds, merges


def tiny_model(architecture: str, **changes: Any) -> Any:
    """A random model of transformers, in float32."""
    torch.manual_seed(1)
    model_type = MODEL_TYPES[architecture]
    values = {**SIZES, **MORE.get(model_type, {}), "vocab_size": len(vocabulary()[0]), **changes}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **values))
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if "norm" in name or "ln_" in name or name.endswith("bias"):
                tensor.add_(torch.randn_like(tensor) * 0.1)
        for tensor in model.state_dict().values():
            tensor.copy_(tensor.to(torch.float16).float())
    return model.eval()


def write_gguf(
    model: Any,
    architecture: str,
    path: Path,
    *,
    values: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    pre: str = "qwen2",
) -> Path:
    """Write it with its own numbers (F32 for vectors, F16 for matrices)."""
    writer = gguf.GGUFWriter(path, architecture)
    config = model.config
    for key, name in _keys(config.model_type).items():
        value = getattr(config, name, None)
        if isinstance(value, bool) or value is None:
            continue
        adds = writer.add_float32 if isinstance(value, float) else writer.add_uint32
        adds(f"{architecture}.{key}", value)
    theta = (getattr(config, "rope_parameters", None) or {}).get("rope_theta")
    if theta is not None:
        writer.add_float32(f"{architecture}.rope.freq_base", theta)
    for key, value in (values or {}).items():
        _add(writer, key, value)
    _add_vocabulary(writer, pre)
    for name, numbers in (tensors(model, architecture) | dict(extra or {})).items():
        writer.add_tensor(name, numbers.astype(numpy.float16 if numbers.ndim > 1 else numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def tensors(model: Any, architecture: str) -> dict[str, Any]:
    """GGUF name -> numbers, changed as llama.cpp's convert_hf_to_gguf.py changes them."""
    names = gguf.get_tensor_name_map(_architecture(architecture), model.config.get_text_config().num_hidden_layers)
    found: dict[str, Any] = {}
    for name, tensor in model.state_dict().items():
        numbers = tensor.numpy()
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        if ".mlp.experts." in name:
            found |= _experts(name, numbers)
            continue
        stem, _, suffix = name.rpartition(".")
        gguf_name = names.get_name(name) or names.get_name(stem) or names.get_name(stem.removeprefix("transformer."))
        assert gguf_name is not None, name
        found[f"{gguf_name}.{suffix}"] = _changed(numbers, f"{gguf_name}.{suffix}", architecture, model.config)
    return found


def _experts(name: str, numbers: Any) -> dict[str, Any]:
    layer = name.split(".layers.")[1].split(".")[0]
    if name.endswith("down_proj"):
        return {f"blk.{layer}.ffn_down_exps.weight": numbers}
    gate, up = numpy.split(numbers, 2, axis=1)
    return {f"blk.{layer}.ffn_gate_exps.weight": gate, f"blk.{layer}.ffn_up_exps.weight": up}


def _changed(numbers: Any, name: str, architecture: str, config: Any) -> Any:
    if architecture == "llama" and ".attn_q." in name:
        return _permuted(numbers, config.num_attention_heads)
    if architecture == "llama" and ".attn_k." in name:
        return _permuted(numbers, config.num_key_value_heads)
    if architecture in ("gemma2", "gemma3") and name.endswith("norm.weight"):
        return numbers + 1
    if architecture == "gpt2" and name.endswith(".weight") and numbers.ndim == 2 and name.startswith("blk."):
        return numbers.T
    if name.endswith("ffn_gate_inp_shexp.weight"):
        return numbers[0]
    return numbers


def _permuted(numbers: Any, heads: int) -> Any:
    by_head = numbers.reshape(heads, 2, numbers.shape[0] // heads // 2, *numbers.shape[1:])
    return by_head.swapaxes(1, 2).reshape(numbers.shape)


def _keys(model_type: str) -> dict[str, str]:
    table = GGUF_CONFIG_MAPPING[TABLES.get(model_type, model_type)]
    found = {key: name for key, name in table.items() if name is not None and name != "rope_theta"}
    if model_type in ("qwen3", "qwen3_moe"):
        found["attention.key_length"] = "head_dim"
    if model_type in ("qwen2_moe", "qwen3_moe"):
        found["expert_feed_forward_length"] = "moe_intermediate_size"
    if model_type == "qwen2_moe":
        found["expert_shared_feed_forward_length"] = "shared_expert_intermediate_size"
    return found


def _architecture(name: str) -> Any:
    return next(number for number, each in gguf.MODEL_ARCH_NAMES.items() if each == name)


def _add(writer: Any, key: str, value: Any) -> None:
    adds = {str: writer.add_string, bool: writer.add_bool, float: writer.add_float32, int: writer.add_uint32}
    adds[type(value)](key, value)


def _add_vocabulary(writer: Any, pre: str) -> None:
    tokens, kinds, merges = vocabulary()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_eot_token_id(2)
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")
