"""Every option of a conversion is really run on the tiny model, and what it makes is loaded and answers.

In this process, one after the other, by the words that a conversion runs; `test_conversion` has the process around them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.models.conversion.combinations import checked
from openarc_ui.models.conversion.command import export_words
from openarc_ui.models.conversion.library_notes import LibraryNotes
from openarc_ui.models.conversion.options import COMMON, conversion_options
from openarc_ui.models.conversion.unpack import unpack
from tests.conftest import ask
from tests.models.conversion.tiny_gguf import tiny_model, write_gguf

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
"""Of PyTorch, at every trace of every model."""
AUTO: dict[str, Any] = {"dataset": "auto", "num-samples": 2}


@dataclass(frozen=True)
class Variant:
    """Options, what they come to in the catalogue's words, and what is noted of the result."""

    name: str
    options: dict[str, Any]
    weights: str
    notes: tuple[str, ...] = ()


VARIANTS = (
    Variant("int8", {"weight-format": "int8", "sym": True}, "i8"),
    Variant("rows", {"weight-format": "int4", "sym": True, "group-size": -1, "awq": True}, "i4, u8"),
    Variant(
        "mixed",
        {
            "weight-format": "int4",
            "group-size": 32,
            "ratio": 0.8,
            "backup-precision": "none",
            "sensitivity-metric": "weight_quantization_error",
        },
        "f16, u4 in groups of 32",
    ),
    Variant(
        "ignored",
        {"weight-format": "int4", "group-size": 64, "group-size-fallback": "ignore", "all-layers": True},
        "u4 in groups of 64, f16",
        ("Groups of 64 don't divide some layers: these kept their precision.",),
    ),
    Variant("nf4", {"weight-format": "nf4", "group-size": 32}, "nf4 in groups of 32, u8"),
    Variant("cb4", {"weight-format": "cb4", "group-size": 32}, "u4 in groups of 32, u8"),
    Variant("mxfp4", {"weight-format": "mxfp4"}, "f4e2m1 in groups of 32"),
    Variant(
        "data",
        {"weight-format": "int4", "group-size": 32, "scale-estimation": True, "gptq": True, **AUTO},
        "u4 in groups of 32",
    ),
    Variant("activations", {"quant-mode": "int8", "smooth-quant-alpha": 0.5, **AUTO}, "i8"),
)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the tiny model unpacked."""
    folder = tmp_path_factory.mktemp("models")
    unpack(write_gguf(tiny_model("llama"), "llama", folder / "tiny.gguf"), folder / "tiny")
    return folder


@pytest.fixture(scope="module")
def engine(model_folder: Path) -> Iterator[Engine]:
    with Engine(model_folder) as engine:
        yield engine


def export(folder: Path, variant: Variant, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """What `optimum-cli export openvino` does with these options, and what was noted."""
    from optimum.commands.optimum_cli import main

    words = export_words(
        str(folder / "tiny"), checked(conversion_options(), variant.options), str(folder / variant.name)
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(sys, "argv", ["optimum-cli", "export", "openvino", *words])
    said = LibraryNotes()
    with said.listening():
        main()
    return said.notes


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_it_is_run_to_the_end_and_the_result_answers(
    variant: Variant, model_folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = export(model_folder, variant, monkeypatch)
    assert [each for each, wanted in zip(notes, variant.notes, strict=True) if not each.startswith(wanted)] == []
    details = engine.catalogue.details(variant.name)
    assert details.problems == ()
    assert details.precision is not None
    assert details.precision.startswith(variant.weights)
    engine.load(LoadRequest(model_path=variant.name, backend="genai"))
    assert engine.submit(ask("the", max_new_tokens=3)).result(timeout=60).report.generated_tokens > 0
    engine.unload()


def test_no_common_option_is_left_out() -> None:
    assert {name for variant in VARIANTS for name in variant.options} >= COMMON
