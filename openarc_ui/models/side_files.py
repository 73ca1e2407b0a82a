"""Everything in the starter's folder beside the weights: configuration, tokenizer, template, licence, profile."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openarc_ui
from openarc_ui.engine.catalogue.catalogue import PROFILE_FILE
from openarc_ui.models.gguf_source import GgufSource
from openarc_ui.models.gguf_tokenizer import build_tokenizer, tokenizer_config

ASSETS = Path(openarc_ui.__file__).parent.parent / "assets" / "starter"
CHAT_TEMPLATE = "chat_template.jinja"
MODEL_LICENSE = "MODEL_LICENSE.txt"

# Temperature and top_p are the model card's (HuggingFaceTB/SmolLM2-135M-Instruct, "How to use"), for who samples. Greedy is
# the default because so small a model has near ties: sampled at 0.2, one in three answers on France's capital is not Paris.
RECOMMENDED_SAMPLING = {"do_sample": False, "temperature": 0.2, "top_p": 0.9}
# An 8-bit KV cache turns near ties of so small a model; f16 costs nothing measurable here.
PROFILE = {"ov_config": {"KV_CACHE_PRECISION": "f16"}}


def write_side_files(source: GgufSource, folder: Path) -> None:
    """Write the side files into `folder`, which holds the OpenVINO tokenizer already."""
    token_ids = {
        "bos_token_id": source.tokenizer("ggml.bos_token_id"),
        "eos_token_id": source.tokenizer("ggml.eos_token_id"),
        "pad_token_id": source.tokenizer("ggml.padding_token_id"),
    }
    _write_json(folder / "config.json", _model_config(source) | token_ids)
    _write_json(folder / "generation_config.json", token_ids | RECOMMENDED_SAMPLING)
    _write_json(folder / "tokenizer_config.json", tokenizer_config(source))
    build_tokenizer(source).save(str(folder / "tokenizer.json"))
    carry_starter_files(folder)
    _set_template(folder / "openvino_tokenizer.xml", (ASSETS / CHAT_TEMPLATE).read_text(encoding="utf-8"))


def carry_starter_files(folder: Path) -> None:
    """The starter's own files, which any conversion of it keeps: licence, chat template with tools, recommended properties."""
    _write_json(folder / PROFILE_FILE, PROFILE)
    shutil.copyfile(ASSETS / CHAT_TEMPLATE, folder / CHAT_TEMPLATE)
    shutil.copyfile(ASSETS / MODEL_LICENSE, folder / MODEL_LICENSE)


def _model_config(source: GgufSource) -> dict[str, Any]:
    """Hugging Face's LlamaConfig from the GGUF's values; what transformers needs and what the engine reads."""
    heads = source.architecture("attention.head_count")
    hidden_size = source.architecture("embedding_length")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "vocab_size": source.architecture("vocab_size"),
        "hidden_size": hidden_size,
        "intermediate_size": source.architecture("feed_forward_length"),
        "num_hidden_layers": source.architecture("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": source.architecture("attention.head_count_kv"),
        "head_dim": hidden_size // heads,
        "max_position_embeddings": source.architecture("context_length"),
        "rms_norm_eps": source.architecture("attention.layer_norm_rms_epsilon"),
        "rope_theta": source.architecture("rope.freq_base"),
        "tie_word_embeddings": "output.weight" not in source,
        "use_cache": True,
    }


def _set_template(tokenizer_xml: Path, template: str) -> None:
    """Give GenAI the same chat template: it reads the one inside openvino_tokenizer.xml and no other."""
    document = ElementTree.parse(tokenizer_xml)
    entry = document.find("rt_info/chat_template")
    if entry is None:
        raise ValueError("openvino_tokenizer.xml holds no chat template")
    entry.set("value", template)
    document.write(tokenizer_xml, encoding="utf-8", xml_declaration=True)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
