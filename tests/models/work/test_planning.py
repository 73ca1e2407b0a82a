"""Whether a model can be converted is said before anything begins."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import InvalidRequest
from openarc_ui.models.conversion import supported
from openarc_ui.models.conversion.gguf_architectures import MODEL_TYPES
from openarc_ui.models.conversion.supported import CERTAIN, ModelTypes, model_types
from openarc_ui.models.requests import ConversionRequest
from openarc_ui.models.work.planning import plan_conversion, problem_of_source, source_of
from openarc_ui.models.work.problems import disk_full, folder_problem, says_full
from tests.engine.catalogue.test_catalogue import HUGGING_FACE, gguf, make
from tests.engine.catalogue.test_details import NO_TENSORS

LLAMA = '{"model_type": "llama"}'


def test_a_checkpoint_with_parts_missing_is_not_offered_a_conversion(
    tmp_path: Path, make_engine: Callable[..., Engine]
) -> None:
    make(tmp_path / "models" / "cut", "model-00001-of-00002.safetensors", *HUGGING_FACE)
    with pytest.raises(InvalidRequest, match=r"'cut' can't be converted: 1 of 2 parts is missing"):
        source_of(make_engine(), "cut")
    (tmp_path / "models" / "cut" / "model-00002-of-00002.safetensors").write_bytes(NO_TENSORS)
    (tmp_path / "models" / "cut" / "config.json").write_text(LLAMA)
    assert source_of(make_engine(), "cut").name == "cut"


def test_a_part_of_a_gguf_is_not_offered_a_conversion(tmp_path: Path, make_engine: Callable[..., Engine]) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m-00001-of-00002.gguf").write_bytes(gguf("llama"))
    with pytest.raises(InvalidRequest, match="one of 2 parts"):
        source_of(make_engine(), "m-00001-of-00002.gguf")


AUTO_MAP = {"AutoConfig": "configuration_own.OwnConfig"}
TYPES = ModelTypes(known=frozenset({"bert", "mistral"}), convertible=frozenset({"mistral", "internlm2"}))


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"model_type": "own", "auto_map": AUTO_MAP}, "needs Python files of its own folder"),
        ({"model_type": "internlm2", "auto_map": AUTO_MAP}, "needs Python files of its own folder"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "no text generation of the type 'bert'"),
        ({"model_type": "own"}, "no text generation of the type 'own'"),
        ({"model_type": "mistral", "layer_types": []}, "no text generation of the type 'ministral'"),
        ({}, "names no model_type"),
        ({"model_type": None}, "names no model_type"),
        ({"model_type": ["llama"]}, "names no model_type"),
        ({"auto_map": AUTO_MAP}, "needs Python files of its own folder"),
        ({"model_type": "llama", "quantization_config": {"quant_method": "gptq", "bits": 4}}, r"\(GPTQ, 4 bits\)"),
        ({"model_type": "mistral", "auto_map": AUTO_MAP}, ""),
        ({"model_type": "mistral"}, ""),
    ],
)
def test_a_type_that_cannot_be_converted_is_refused_when_it_is_planned(
    tmp_path: Path,
    make_engine: Callable[..., Engine],
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, Any],
    problem: str,
) -> None:
    monkeypatch.setattr(supported, "model_types", lambda: TYPES)
    folder = make(tmp_path / "models" / "model", "model.safetensors", *HUGGING_FACE)
    (folder / "config.json").write_text(json.dumps(config))
    request = ConversionRequest(source="model")
    if not problem:
        assert plan_conversion(make_engine(), request).source == "model"
        return
    with pytest.raises(InvalidRequest, match=problem) as caught:
        plan_conversion(make_engine(), request)
    assert caught.value.hint.startswith("Choose") and "weight format" not in caught.value.hint


def test_what_no_library_has_to_be_asked_for_is_told_with_the_sources(
    tmp_path: Path, make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supported, "model_types", lambda: pytest.fail("the libraries were asked"))
    for name, config in (("a", "{}"), ("b", '{"model_type": "own"}'), ("c", LLAMA), ("d", "no JSON")):
        make(tmp_path / "models" / name, "model.safetensors", *HUGGING_FACE)
        (tmp_path / "models" / name / "config.json").write_text(config)
    said = {entry.name: problem_of_source(entry) for entry in make_engine().catalog()}
    assert said == {
        "a": "Its config.json names no model_type, so nothing tells what it is.",
        **dict.fromkeys("bcd", ""),
    }


def test_the_installed_libraries_tell_what_they_know() -> None:
    types = model_types()
    assert types.convertible > CERTAIN and types.known > CERTAIN
    assert types.convertible > {*MODEL_TYPES.values()}
    assert "bert" in types.known and "bert" not in types.convertible
    assert {"mistral", "granite", "gpt-sw3"} <= types.convertible


def test_the_types_of_most_models_cost_no_question(
    tmp_path: Path, make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supported, "model_types", lambda: pytest.fail("the libraries were asked"))
    folder = make(tmp_path / "models" / "model", "model.safetensors", *HUGGING_FACE)
    (folder / "config.json").write_text('{"model_type": "llama", "auto_map": {"AutoConfig": "own.Own"}}')
    assert plan_conversion(make_engine(), ConversionRequest(source="model")).source == "model"


def test_a_cut_safetensors_is_not_offered_a_conversion(tmp_path: Path, make_engine: Callable[..., Engine]) -> None:
    folder = make(tmp_path / "models" / "cut", *HUGGING_FACE)
    header = json.dumps({"a": {"dtype": "F16", "shape": [50], "data_offsets": [0, 100]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(40))
    end = 8 + len(header)
    with pytest.raises(InvalidRequest, match=rf"model\.safetensors has {end + 40} of {end + 100} bytes"):
        source_of(make_engine(), "cut")


@pytest.mark.parametrize(
    ("words", "is_full"),
    [
        ("safetensors_rust.SafetensorError: I/O error: No space left on device (os error 28)", True),
        ("OSError: [Errno 28] No space left on device.", True),
        ("OSError: [Errno 122] Disk quota exceeded.", True),
        ("There is not enough space on the disk. (os error 112)", True),
        ("ValueError: the file is too large for this model.", False),
    ],
)
def test_a_full_disk_is_known_by_the_words_of_whoever_wrote(words: str, is_full: bool) -> None:
    assert says_full(words) is is_full


def test_a_full_disk_is_one_error_whoever_meets_it() -> None:
    met = folder_problem(OSError(errno.ENOSPC, "No space left on device"))
    assert (met.code, met.message, met.hint) == (disk_full().code, disk_full().message, disk_full().hint)
