"""The model folder: what is a model, who can run it, and that nothing outside is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from openarc_ui.engine.catalog import find_model, list_models
from openarc_ui.engine.engine import choose_backend
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import BackendUnavailable, InvalidRequest, ModelNotFound
from tests.conftest import write_script

IR = ("openvino_model.xml", "openvino_model.bin")
TOKENIZERS = ("openvino_tokenizer.xml", "openvino_detokenizer.xml")
HUGGING_FACE = ("config.json", "tokenizer.json")


def make(folder: Path, *files: str) -> Path:
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_text("{}")
    return folder


def test_each_kind_of_model_and_who_can_run_it(tmp_path: Path) -> None:
    make(tmp_path / "whole", *IR, *TOKENIZERS, *HUGGING_FACE)
    make(tmp_path / "org" / "no-tokenizer-ir", *IR, *HUGGING_FACE)
    make(tmp_path / "no-config", *IR, *TOKENIZERS)
    make(tmp_path / "checkpoint", "model.safetensors", *HUGGING_FACE)
    make(tmp_path / "no-weights", "openvino_model.xml", *TOKENIZERS, *HUGGING_FACE)
    write_script(tmp_path / "played")
    (tmp_path / "small.gguf").write_bytes(b"GGUF")
    make(tmp_path / ".preparing-x", *IR, *TOKENIZERS)
    make(tmp_path / "notes", "readme.txt")
    entries = {entry.name: entry for entry in list_models(tmp_path)}
    assert {name: entry.backends for name, entry in entries.items()} == {
        "whole": ("genai", "optimum"),
        "org/no-tokenizer-ir": ("optimum",),
        "no-config": ("genai",),
        "checkpoint": ("optimum",),
        "no-weights": (),
        "played": ("scripted",),
        "small.gguf": ("genai",),
    }
    assert "openvino_tokenizer.xml" in entries["org/no-tokenizer-ir"].cannot_run["genai"]


def test_a_model_is_found_by_name_and_by_path_but_never_outside(tmp_path: Path) -> None:
    outside = make(tmp_path / "outside", *IR, *TOKENIZERS)
    root = tmp_path / "models"
    inside = make(root / "org" / "model", *IR, *TOKENIZERS)
    assert find_model(root, "org/model").path == find_model(root, "model").path == find_model(root, str(inside)).path
    for wrong in ("../outside", str(outside), "/etc/passwd", "org/../../outside"):
        with pytest.raises(ModelNotFound):
            find_model(root, wrong)
    (root / "link").symlink_to(outside)
    assert [entry.name for entry in list_models(root)] == ["org/model"]
    with pytest.raises(ModelNotFound):
        find_model(root, "link")


def test_a_missing_folder_holds_no_models(tmp_path: Path) -> None:
    assert list_models(tmp_path / "nowhere") == []


def test_a_profile_recommends_properties(tmp_path: Path) -> None:
    folder = make(tmp_path / "model", *IR, *TOKENIZERS)
    (folder / "openarc_profile.json").write_text('{"ov_config": {"KV_CACHE_PRECISION": "f16"}}')
    assert find_model(tmp_path, "model").ov_config == {"KV_CACHE_PRECISION": "f16"}


def test_auto_says_why_it_took_a_backend(tmp_path: Path) -> None:
    make(tmp_path / "whole", *IR, *TOKENIZERS, *HUGGING_FACE)
    make(tmp_path / "hf-only", *IR, *HUGGING_FACE)
    make(tmp_path / "no-weights", "openvino_model.xml", *TOKENIZERS)
    whole = find_model(tmp_path, "whole")
    assert choose_backend(LoadRequest(model_path="whole"), whole)[0] == "genai"
    chosen, reason = choose_backend(LoadRequest(model_path="whole", pad_token_id=3), whole)
    assert (chosen, "pad_token_id" in reason) == ("optimum", True)
    chosen, reason = choose_backend(LoadRequest(model_path="hf-only"), find_model(tmp_path, "hf-only"))
    assert (chosen, "openvino_tokenizer.xml" in reason) == ("optimum", True)
    with pytest.raises(BackendUnavailable, match="openvino_tokenizer"):
        choose_backend(LoadRequest(model_path="hf-only", backend="genai"), find_model(tmp_path, "hf-only"))
    with pytest.raises(BackendUnavailable, match="No backend"):
        choose_backend(LoadRequest(model_path="no-weights"), find_model(tmp_path, "no-weights"))
    with pytest.raises(InvalidRequest, match="use_cache"):
        choose_backend(LoadRequest(model_path="whole", backend="genai", use_cache=False), whole)
