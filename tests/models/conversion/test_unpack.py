"""A GGUF unpacked is the model it was: every number, or a refusal with the reason and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from openarc_ui.models.conversion.gguf_architectures import MODEL_TYPES
from openarc_ui.models.conversion.gguf_config import GgufRefused, llama3_divisors, read_config
from openarc_ui.models.conversion.gguf_weights import write_weights
from openarc_ui.models.conversion.unpack import unpack
from openarc_ui.models.gguf_source import GgufSource
from tests.models.conversion.tiny_gguf import tensors, tiny_model, vocabulary, write_gguf

TEXT = torch.arange(3, 43)[None]


def logits(model: Any) -> Any:
    with torch.no_grad():
        return model(TEXT, attention_mask=torch.ones_like(TEXT)).logits


@pytest.mark.parametrize("architecture", sorted(MODEL_TYPES))
def test_it_computes_what_the_original_computes(architecture: str, tmp_path: Path) -> None:
    model = tiny_model(architecture)
    unpack(write_gguf(model, architecture, tmp_path / "tiny.gguf"), tmp_path / "folder")
    unpacked, told = AutoModelForCausalLM.from_pretrained(
        tmp_path / "folder", dtype=torch.float32, output_loading_info=True
    )
    assert not any(told.values()), told
    assert type(unpacked) is type(model)
    assert torch.equal(logits(unpacked), logits(model))


def test_everything_a_program_needs_is_there(tmp_path: Path) -> None:
    unpack(write_gguf(tiny_model("llama"), "llama", tmp_path / "tiny.gguf"), tmp_path / "folder")
    folder = tmp_path / "folder"
    assert {path.name for path in folder.iterdir()} == {
        *("config.json", "generation_config.json", "model.safetensors"),
        *("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"),
    }
    config = json.loads((folder / "config.json").read_text())
    assert (config["architectures"], config["dtype"]) == (["LlamaForCausalLM"], "float16")
    generation = json.loads((folder / "generation_config.json").read_text())
    assert generation == {"bos_token_id": 0, "eos_token_id": [1, 2]}
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.apply_chat_template([{"role": "user", "content": "the"}], tokenize=False) == "the"
    assert tokenizer.eos_token == "<|end|>"
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "tiny.gguf"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (
            {"temp": 0.6, "top_p": 0.95, "top_k": 20},
            {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20},
        ),
        ({"min_p": 0.05, "penalty_repeat": 1.1}, {"do_sample": True, "min_p": 0.05, "repetition_penalty": 1.1}),
        ({"temp": 0.0, "top_k": 20}, {"do_sample": False}),
        ({"temp": float("nan"), "top_k": "many", "mirostat": 2}, {}),
    ],
)
def test_the_sampling_that_a_gguf_recommends_comes_along(said: Any, kept: Any, tmp_path: Path) -> None:
    values = {f"general.sampling.{name}": value for name, value in said.items()}
    unpack(write_gguf(tiny_model("llama"), "llama", tmp_path / "tiny.gguf", values=values), tmp_path / "folder")
    generation = json.loads((tmp_path / "folder" / "generation_config.json").read_text())
    assert {name: value for name, value in generation.items() if not name.endswith("_token_id")} == kept


def test_large_models_are_written_in_several_files(tmp_path: Path) -> None:
    model = tiny_model("qwen3moe")
    source = GgufSource(write_gguf(model, "qwen3moe", tmp_path / "tiny.gguf"))
    config = read_config(source)
    folder = tmp_path / "folder"
    folder.mkdir()
    shares: list[float] = []
    size_bytes = write_weights(source, config, folder, shares.append, shard_bytes=30_000)
    config.save_pretrained(folder)
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    files = sorted(set(index["weight_map"].values()))
    assert len(files) > 2
    assert files[0].endswith(f"-of-{len(files):05}.safetensors")
    assert index["metadata"]["total_size"] == size_bytes
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert torch.equal(
        logits(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)),
        logits(model),
    )


def test_llama_3_positions_are_told_from_their_divisors(tmp_path: Path) -> None:
    scaling = {
        "rope_type": "llama3",
        "rope_theta": 500000.0,
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    model = tiny_model("llama", rope_parameters=scaling)
    divisors = numpy.array(llama3_divisors(8, 500000.0, 32.0), numpy.float32)
    path = write_gguf(model, "llama", tmp_path / "tiny.gguf", extra={"rope_freqs.weight": divisors})
    unpack(path, tmp_path / "folder")
    unpacked = AutoModelForCausalLM.from_pretrained(tmp_path / "folder", dtype=torch.float32)
    assert torch.allclose(unpacked.model.rotary_emb.inv_freq, model.model.rotary_emb.inv_freq, rtol=1e-6)
    plain = tiny_model("llama", rope_parameters={"rope_type": "default", "rope_theta": 500000.0})
    assert torch.allclose(
        plain.model.rotary_emb.inv_freq / torch.from_numpy(divisors), model.model.rotary_emb.inv_freq, rtol=1e-5
    )
    assert torch.equal(logits(unpacked), logits(model))


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("split", {"values": {"split.count": 3}}, "one of several parts"),
    ("tensor", {"extra": {"blk.0.attn_sinks.weight": numpy.zeros(4, numpy.float32)}}, "attn_sinks.weight has no place"),
    ("tokenizer", {"pre": "viking"}, "how its tokenizer splits text (viking) is not known"),
    ("positions", {"extra": {"rope_freqs.weight": numpy.full(8, 3.0, numpy.float32)}}, "not Llama 3's"),
    ("scaling", {"values": {"llama.rope.scaling.type": "ntk"}}, "scaled by ntk"),
    ("numbers", {"extra": {"output_norm.weight": numpy.full(64, 1e6, numpy.float32)}}, "beyond 16 bits"),
    ("shape", {"extra": {"output_norm.weight": numpy.ones(32, numpy.float32)}}, "has the shape [32], not [64]"),
]


@pytest.mark.parametrize(("changes", "reason"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_what_cannot_be_exact_is_refused_and_nothing_is_left(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = write_gguf(tiny_model("llama"), "llama", tmp_path / "tiny.gguf", **changes)
    with pytest.raises(ValueError, match=r".") as caught:
        unpack(path, tmp_path / "folder")
    assert reason in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["tiny.gguf"]


def test_a_missing_tensor_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("llama")
    kept = {name: numbers for name, numbers in tensors(model, "llama").items() if name != "blk.1.ffn_up.weight"}
    monkeypatch.setattr("tests.models.conversion.tiny_gguf.tensors", lambda *_: kept)
    path = write_gguf(model, "llama", tmp_path / "tiny.gguf")
    with pytest.raises(GgufRefused, match=r"nothing for model\.layers\.1\.mlp\.up_proj\.weight"):
        unpack(path, tmp_path / "folder")


def test_the_command_line_says_why_it_refuses(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"something else entirely")
    command = [sys.executable, "-m", "openarc_ui.models.conversion.unpack", "no.gguf", "folder"]
    root = str(Path(__file__).parents[3])
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": root}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no.gguf can't be unpacked" in done.stdout
    assert [each.name for each in tmp_path.iterdir()] == ["no.gguf"]


def test_the_vocabulary_of_the_tiny_models_is_whole() -> None:
    tokens, kinds, _ = vocabulary()
    assert len(tokens) == len(kinds) == len(set(tokens))
