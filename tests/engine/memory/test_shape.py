"""A model's numbers from its files: every kind, other families' names, and broken ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.engine.memory.shape import read_shape
from tests.engine.memory.machines import LLAMA_8B, fit, write_model


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("config.json", "{", "config.json|Expecting"),
        ("config.json", "{}", "num_hidden_layers"),
        ("config.json", '{"num_hidden_layers": -3}', "num_hidden_layers"),
        ("config.json", '{"num_hidden_layers": "x"}', "says that num_hidden_layers is 'x', which is no whole number"),
        ("config.json", '{"n_layer": 1000000000000}', "says that n_layer is '1000000000000'"),
        ("config.json", '{"architectures": ["\\ud800"]}', "half of a surrogate pair"),
        ("openvino_model.xml", "<net></net>", "holds no weights"),
        ("config.json", None, "config.json"),
        ("openvino_model.xml", "<html/>", "not an OpenVINO model"),
        ("openvino_model.xml", "<net><layers", "not an OpenVINO model"),
    ],
)
def test_a_broken_folder_is_unknown_with_the_reason(tmp_path: Path, file: str, content: str | None, why: str) -> None:
    folder = write_model(tmp_path / "broken", "u4", 1000)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    estimate = fit(tmp_path, "broken")
    assert estimate.verdict == "unknown"
    assert any(each in estimate.words for each in why.split("|"))


def write_checkpoint(folder: Path, header: bytes) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA_8B))
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return folder


def test_a_checkpoint_is_read_from_its_safetensors_header_and_says_that_it_is_converted(tmp_path: Path) -> None:
    header = {"__metadata__": {}, "weight": {"dtype": "BF16", "shape": [1000, 500], "data_offsets": [0, 1_000_000]}}
    write_checkpoint(tmp_path / "checkpoint", json.dumps(header).encode())
    shape = read_shape(find_model(tmp_path, "checkpoint"))
    assert shape.weights.parameters_by_type == {"bf16": 500_000}
    assert shape.weights.size_bytes == 1_000_000
    estimate = fit(tmp_path, "checkpoint", backend="optimum", export_model=True)
    assert "conversion" in estimate.parts[0].how


@pytest.mark.parametrize("header", [b"", b"[]", b"not json", b'{"a": {"dtype": "F16"}}', b"[" * 100_000])
def test_a_broken_checkpoint_is_unknown(tmp_path: Path, header: bytes) -> None:
    write_checkpoint(tmp_path / "checkpoint", header)
    assert fit(tmp_path, "checkpoint", backend="optimum").verdict == "unknown"


@pytest.mark.model
def test_a_gguf_is_estimated_from_its_header() -> None:
    from tests.starter_fixture import ensure_starter_gguf

    path = ensure_starter_gguf()
    entry = find_model(path.parent, path.name)
    shape = read_shape(entry)
    assert (shape.layers, shape.kv_heads, shape.key_size, shape.hidden) == (30, 3, 64, 576)
    assert (shape.vocabulary, shape.context_tokens, shape.has_tokenizer_json) == (49_152, 8192, False)


def test_other_families_names_and_latent_attention_are_read(tmp_path: Path) -> None:
    inner = {**LLAMA_8B, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}
    write_model(tmp_path / "nested", "u4", 1000, {"text_config": inner})
    shape = read_shape(find_model(tmp_path, "nested"))
    assert (shape.kv_heads, shape.key_size, shape.value_size) == (32, 192, 128)
    old = {"n_layer": 12, "n_head": 12, "n_embd": 768, "vocab_size": 50257, "n_positions": 1024, "n_inner": None}
    write_model(tmp_path / "gpt2", "f32", 1000, old)
    shape = read_shape(find_model(tmp_path, "gpt2"))
    assert (shape.layers, shape.kv_heads, shape.key_size, shape.intermediate) == (12, 12, 64, 3072)
