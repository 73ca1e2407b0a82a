"""What a model is said to be: the real starter, and folders with something wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from openarc_ui.engine.catalog import find_model
from openarc_ui.engine.details import ModelDetails, describe_model
from openarc_ui.engine.weights import read_weights
from openarc_ui.errors import InvalidRequest
from tests.starter_fixture import ensure_starter_gguf

NET = """<?xml version="1.0"?><net name="m" version="11"><layers>{}</layers></net>"""
CONST = '<layer id="1" type="Const"><data element_type="{}" shape="{}" offset="{}" size="{}"/></layer>'


def described(folder: Path) -> ModelDetails:
    return describe_model(find_model(folder.parent, folder.name))


def write_ir(folder: Path, *constants: tuple[str, str, int, int], binary_bytes: int = 0) -> Path:
    folder.mkdir()
    layers = "".join(CONST.format(*constant) for constant in constants)
    (folder / "openvino_model.xml").write_text(NET.format(layers))
    (folder / "openvino_model.bin").write_bytes(bytes(binary_bytes))
    return folder


@pytest.mark.model
def test_the_starter_is_described_exactly(starter_folder: Path) -> None:
    details = described(starter_folder)
    assert details.weights is not None
    assert details.weights.parameters == 134_515_008
    assert details.weights.words == "135 M parameters, u4 in groups of 32, u8 in groups of 32"
    assert details.weights.end_bytes == (starter_folder / "openvino_model.bin").stat().st_size
    assert (details.architecture, details.context_length) == ("LlamaForCausalLM", 8192)
    assert details.has_chat_template and details.has_tokenizer_ir and not details.problems


@pytest.mark.model
def test_a_gguf_tells_its_architecture_and_context(tmp_path: Path) -> None:
    shutil.copyfile(ensure_starter_gguf(), tmp_path / "starter.gguf")
    details = described(tmp_path / "starter.gguf")
    assert (details.architecture, details.context_length, details.has_chat_template) == ("llama", 8192, True)
    assert details.weights is None and not details.problems


def test_types_groups_and_small_constants_are_told_apart(tmp_path: Path) -> None:
    folder = write_ir(
        tmp_path / "m",
        ("u4", "64,4,32", 0, 4096),
        ("f16", "64,4,1", 4096, 512),
        ("i8", "512,64", 4608, 32768),
        ("f32", "512,1", 37376, 2048),
        ("f32", "1,1,300", 39424, 1200),
        ("i64", "3", 40624, 24),
        binary_bytes=40648,
    )
    weights = read_weights(folder / "openvino_model.xml")
    assert weights.parameters_by_type == {"i8": 32768, "u4": 8192, "f32": 300}
    assert weights.group_sizes == {"u4": 32, "i8": 0}
    assert weights.size_bytes == weights.end_bytes == 40648
    assert weights.words == "41.3 k parameters, i8, u4 in groups of 32"


def test_a_torn_folder_is_described_with_what_is_wrong(tmp_path: Path) -> None:
    folder = write_ir(tmp_path / "torn", ("f16", "64,64", 0, 8192), binary_bytes=100)
    (folder / "config.json").write_text("{torn")
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    details = described(folder)
    assert details.has_chat_template and details.architecture is None
    assert [problem.split(":")[0].split(" has")[0] for problem in details.problems] == [
        "config.json can't be read",
        "openvino_model.bin",
    ]
    assert "100 of at least 8192 bytes" in details.problems[1]


@pytest.mark.parametrize("text", ["", "<net>", "<html></html>", "not xml"])
def test_what_is_no_model_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "openvino_model.xml"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match="is not an OpenVINO model"):
        read_weights(path)


def test_a_file_that_only_looks_like_gguf_is_a_problem_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(20))
    assert "can't be read" in described(tmp_path / "broken.gguf").problems[0]
