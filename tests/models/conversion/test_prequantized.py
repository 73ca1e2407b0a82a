"""A checkpoint that is quantised already: refused where nothing here reads it, and remarked on where something does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.models.conversion import prequantized
from openarc_ui.models.conversion.hints import hints_of
from openarc_ui.models.conversion.needs import needs_of
from openarc_ui.models.conversion.prequantized import problem_of_quantized, quantized_note
from tests.engine.catalogue.test_catalogue import HUGGING_FACE, make

GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Packages that count as installed: none, until some are named."""
    names: set[str] = set()
    monkeypatch.setattr(prequantized, "_is_installed", names.__contains__)
    return names


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (GPTQ, "(GPTQ, 4 bits), and OpenArc does not install `gptqmodel`, which"),
        (
            {"quant_method": "awq", "bits": 4},
            "(AWQ, 4 bits), and OpenArc does not install `gptqmodel` and `accelerate`,",
        ),
        ({"load_in_4bit": True}, "(bitsandbytes, 4 bits), and OpenArc does not install `bitsandbytes` and"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "(bitsandbytes, 8 bits)"),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "(FP8, 8 bits), and OpenArc does not install"),
        ({"quant_method": "compressed-tensors"}, "(compressed-tensors), and OpenArc does not install"),
        ({"quant_method": "modelopt"}, "already by 'modelopt', which is not read here"),
        ({"quant_method": "x" * 500}, f"already by '{'x' * 60}', which"),
        ({"quant_method": ["gptq"]}, "by what its config.json does not say"),
        ({"bits": 4}, "by what its config.json does not say"),
        ([4], "by what its config.json does not say"),
        ({"quant_method": "mxfp4"}, ""),
        (None, ""),
    ],
    ids=str,
)
def test_weights_that_nothing_here_reads_are_refused(said: Any, problem: str, installed: set[str]) -> None:
    told = problem_of_quantized({"quantization_config": said})
    assert problem in told and bool(told) is bool(problem)


def test_where_their_packages_are_installed_they_are_not_refused_but_remarked_on(
    installed: set[str], tmp_path: Path
) -> None:
    installed |= {"gptqmodel"}
    folder = make(tmp_path / "m", "model.safetensors", *HUGGING_FACE)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "quantization_config": GPTQ}))
    assert problem_of_quantized({"quantization_config": GPTQ}) == ""
    (note,) = hints_of(find_model(tmp_path, "m"), {"weight-format": "int4"})
    assert note.startswith("Its weights are quantised already (GPTQ, 4 bits): int4 rounds them a second time")
    (folder / "config.json").write_text("no JSON")
    assert hints_of(find_model(tmp_path, "m"), {"weight-format": "int4"}) == ()


@pytest.mark.parametrize("target", ["", "fp16", "fp32"])
def test_what_is_not_rounded_once_more_only_grows(target: str) -> None:
    assert "larger than they are" in quantized_note({"quantization_config": {"quant_method": "mxfp4"}}, target)
    assert quantized_note({}, target) == ""


def test_weights_that_are_made_16_bit_first_need_room_for_that(tmp_path: Path) -> None:
    folder = make(tmp_path / "m", *HUGGING_FACE)
    (folder / "model.safetensors").write_bytes(bytes(4250))
    said = {"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}}
    (folder / "config.json").write_text(json.dumps(said))
    assert needs_of(find_model(tmp_path, "m"), {}).weights_bytes == 16_000
    (folder / "config.json").write_text('{"model_type": "gpt_oss"}')
    assert needs_of(find_model(tmp_path, "m"), {}).weights_bytes == 4250


def test_the_packages_that_are_not_there_are_told_by_the_environment() -> None:
    assert "gptqmodel" in problem_of_quantized({"quantization_config": GPTQ})
