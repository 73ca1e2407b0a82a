"""Which files of a repository are fetched."""

from __future__ import annotations

import pytest

from openarc_ui.models.hub.wanted import ONLY_PICKLES, chosen, quantisation_of

SMALL = ["README.md", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "LICENSE"]
NEEDLESS = [
    ".gitattributes",
    "onnx/model.onnx",
    "onnx/decoder.onnx_data",
    "original/consolidated.00.pth",
    "logo.png",
    "runs/x",
]


def test_an_ir_is_taken_without_the_weights_it_was_made_of() -> None:
    ir = [f"openvino_{part}.{end}" for part in ("model", "tokenizer", "detokenizer") for end in ("xml", "bin")]
    others = ["model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "model.Q4_0.gguf"]
    assert chosen([*SMALL, *ir, *others, *NEEDLESS]).paths == {*SMALL, *ir}


def test_safetensors_win_over_pickles_flax_and_tensorflow() -> None:
    tensors = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
    others = ["pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack", "rust_model.ot"]
    doubles = [
        "consolidated.safetensors",
        "model.fp16.safetensors",
        "x.gguf",
        "optimizer.pt",
        "checkpoint-10/config.json",
    ]
    assert chosen([*SMALL, *tensors, *others, *doubles, *NEEDLESS]).paths == {*SMALL, *tensors}


def test_makers_shards_alone_and_one_precision_alone_are_taken() -> None:
    assert chosen(["consolidated.safetensors"]).paths == {"consolidated.safetensors"}
    assert chosen(["model.fp16.safetensors"]).paths == {"model.fp16.safetensors"}


def test_pickles_are_not_taken_and_that_nothing_can_be_done_with_them_is_said() -> None:
    paths = [*SMALL, "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"]
    assert chosen(paths).paths == frozenset()
    assert chosen(paths).words == ONLY_PICKLES and "neither run nor convert" in ONLY_PICKLES
    assert chosen(SMALL).words == ""


def test_a_gguf_wins_over_pickles() -> None:
    choice = chosen([*SMALL, "m-Q4_K_M.gguf", "calib.bin", "pytorch_model.bin"])
    assert choice.paths == {*SMALL, "m-Q4_K_M.gguf"} and choice.words == ""


@pytest.mark.parametrize("name", ["script.json", "Script.json", "inner/script.json"])
def test_a_repository_brings_no_script_that_would_answer_for_its_model(name: str) -> None:
    assert chosen([*SMALL, name, "model.safetensors"]).paths == {*SMALL, "model.safetensors"}


def test_of_many_ggufs_one_is_taken_and_that_is_said() -> None:
    ggufs = [f"Qwen-{name}.gguf" for name in ("BF16", "IQ4_XS", "Q2_K", "Q4_K_M", "Q4_K_S", "Q8_0")]
    choice = chosen([*SMALL, *ggufs, "mmproj-F16.gguf", "imatrix.dat"])
    assert choice.paths == {*SMALL, "Qwen-Q4_K_M.gguf"}
    assert choice.words == "Q4_K_M is taken of 6 GGUF models in there; name files for another."


def test_a_gguf_in_parts_is_taken_whole_and_only_when_none_is_in_one() -> None:
    parts = ["q8/m-Q8_0-00001-of-00002.gguf", "q8/m-Q8_0-00002-of-00002.gguf"]
    assert chosen(parts).paths == set(parts) and chosen(parts).words == ""
    assert chosen([*parts, "m-Q5_K_M.gguf"]).paths == {"m-Q5_K_M.gguf"}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1"),
        ("qwen2.5-0.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("model-IQ3_XXS.gguf", "IQ3_XXS"),
        ("Q8_0/x-Q8_0.gguf", "Q8_0"),
        ("phi-4-F16.gguf", "F16"),
        ("model.gguf", ""),
    ],
)
def test_a_quantisation_is_read_from_the_name(path: str, says: str) -> None:
    assert quantisation_of(path) == says
