"""What one should know of a conversion, before it and of its result, is said in sentences, and nothing is where nothing is."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gguf
import numpy
import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.models.conversion.check import much_worse
from openarc_ui.models.conversion.library_notes import LibraryNotes
from openarc_ui.models.conversion.process import SAMPLES, compare_tokenizers
from openarc_ui.models.requests import ConversionRequest
from openarc_ui.models.results import QuickCheck
from openarc_ui.models.work.planning import plan_conversion

ROWS, COLUMNS = 64, 256


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    with Engine(tmp_path) as engine:
        yield engine


def notes(engine: Engine, kind: str, options: dict[str, Any]) -> tuple[str, ...]:
    """Of the plan for a GGUF of one tensor."""
    path = engine.model_folder / f"{kind.lower()}.gguf"
    if not path.exists():
        type_ = gguf.GGMLQuantizationType[kind]
        writer = gguf.GGUFWriter(path, "llama")
        numbers = numpy.random.default_rng(1).normal(size=(ROWS, COLUMNS)).astype(numpy.float32)
        writer.add_tensor("token_embd.weight", gguf.quants.quantize(numbers, type_), raw_dtype=type_)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return plan_conversion(engine, ConversionRequest(source=path.name, options=options)).notes


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1"])
@pytest.mark.parametrize(
    "options",
    [{"weight-format": "int4"}, {"weight-format": "nf4"}, {"quant-mode": "int4_f8e4m3", "dataset": "auto"}],
    ids=str,
)
def test_that_four_bits_are_rounded_a_second_time_is_said_before(
    engine: Engine, kind: str, options: dict[str, Any]
) -> None:
    (said,) = notes(engine, kind, options)
    assert f"{kind.lower()}.gguf are rounded already ({kind.lower()})" in said
    assert "a second time" in said
    assert "int8 or fp16 keeps" in said


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Q4_0", {"weight-format": "int8"}),
        ("Q4_0", {"weight-format": "fp16"}),
        ("Q4_0", {}),
        ("Q8_0", {"weight-format": "int4"}),
        ("F16", {"weight-format": "int4"}),
    ],
    ids=str,
)
def test_nothing_is_said_where_nothing_is_lost_twice(engine: Engine, kind: str, options: dict[str, Any]) -> None:
    assert notes(engine, kind, options) == ()


def test_a_result_that_genai_cannot_run_is_said_before(engine: Engine) -> None:
    (said,) = notes(engine, "F16", {"disable-convert-tokenizer": True, "disable-stateful": True})
    assert said.startswith("GenAI can't run the result, without an OpenVINO tokenizer and without a key-value cache")


def test_a_result_without_a_cache_says_how_it_is_loaded(engine: Engine) -> None:
    (said,) = notes(engine, "F16", {"task": "text-generation", "weight-format": "int8"})
    assert said.endswith("without any key-value cache: only the optimum backend can, loaded with use_cache off.")


class Tokenizer:
    """Gives a text's length in characters, or another number for some."""

    def __init__(self, *odd: str) -> None:
        self._odd = odd

    def ids(self, text: str) -> list[int]:
        return [len(text) + (text in self._odd)]

    def encode(self, text: str, add_special_tokens: bool) -> Any:
        return SimpleNamespace(input_ids=SimpleNamespace(data=numpy.array([self.ids(text)])))

    def __call__(self, text: str, add_special_tokens: bool) -> Any:
        return SimpleNamespace(input_ids=self.ids(text))


def test_tokenizers_that_differ_are_a_note_with_an_example() -> None:
    assert compare_tokenizers(Tokenizer(), Tokenizer()) == ()
    (said,) = compare_tokenizers(Tokenizer(*SAMPLES[3:]), Tokenizer())
    assert f"2 of {len(SAMPLES)} sample texts, such as {SAMPLES[3]!r}" in said


@pytest.mark.parametrize(
    ("source", "result", "said"),
    [
        (22.2, 57.8, "Its perplexity is 2.6 times the source's"),
        (22.2, 30.5, ""),
        (22.2, None, ""),
        (None, 57.8, ""),
    ],
)
def test_a_result_that_predicts_far_worse_is_noted(source: float | None, result: float | None, said: str) -> None:
    checks = [QuickCheck(each, 512, None, 0, "") for each in (source, result)]
    found = much_worse(*checks)
    assert found.startswith(said) and bool(found) == bool(said)
    assert much_worse(None, checks[1]) == ""


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (
            "Group-wise quantization with group size 128 can't be applied to some nodes. They will be ignored and kept "
            "with original precision.\nConsider changing group size value",
            "Groups of 128 don't divide some layers: these kept their precision",
        ),
        (
            "Some nodes can't be quantized with the specified group size of 128. Adjusted group size values will be used.",
            "Groups of 128 don't divide some layers: theirs are smaller.",
        ),
        (
            "A valid adjusted group size value can't be found for some nodes. They will be quantized using the int8_asym "
            "backup mode.",
            "No group size fits some layers: these became int8_asym.",
        ),
        ("You're using experimental option mode with fp8_e4m3 value.", "NNCF calls its mode fp8_e4m3 experimental."),
        ("No matching patterns were found for applying AWQ algorithm, it will be skipped.", "it changed nothing"),
        (
            "Weight compression expects a single reduction axis, but 2 given. Weight shape: (1, 2), reduction axes: (0, 1), "
            "node name: layers.0/w. The node will be in int8_asym mode.",
            "The layer layers.0/w has a shape",
        ),
    ],
)
def test_what_a_library_says_and_what_it_means(said: str, meaning: str) -> None:
    notes, logger = LibraryNotes(), logging.getLogger("nncf")
    logger.setLevel(logging.INFO)
    with notes.listening():
        for _ in range(2):
            logger.info("Statistics of the bitwidth distribution")
            logger.warning(said)
    logger.warning("No matching patterns were found for applying AWQ algorithm, after the end")
    assert len(notes.notes) == 1
    assert meaning in notes.notes[0]
