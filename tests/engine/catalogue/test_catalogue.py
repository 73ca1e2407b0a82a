"""The model folder: what is a model, who can run it, and that nothing outside is read."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.catalogue import catalogue as module
from openarc_ui.engine.catalogue.catalogue import Catalogue, find_model, list_models
from openarc_ui.engine.choice import choose_backend
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import BackendUnavailable, InvalidRequest, ModelNotFound
from tests.conftest import write_script
from tests.engine.catalogue.test_details import NO_TENSORS, write_ir
from tests.engine.catalogue.test_gguf_header import header, tensor, text, value

IR = ("openvino_model.xml", "openvino_model.bin")
TOKENIZERS = ("openvino_tokenizer.xml", "openvino_detokenizer.xml")
HUGGING_FACE = ("config.json", "tokenizer.json")


def gguf(architecture: str, kind: int = 2, torn_bytes: int = 0) -> bytes:
    """A GGUF with one matrix and no more, its last bytes missing where asked."""
    head = header(
        value("general.architecture", 8, text(architecture)), tensor("blk.0.attn_q.weight", (256, 2), kind), tensors=1
    )
    return (head + bytes(4096))[: 4096 - torn_bytes]


def make(folder: Path, *files: str) -> Path:
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_bytes(NO_TENSORS if name.endswith(".safetensors") else b"{}")
    return folder


def test_each_kind_of_model_and_who_can_run_it(tmp_path: Path) -> None:
    make(tmp_path / "whole", *IR, *TOKENIZERS, *HUGGING_FACE)
    make(tmp_path / "org" / "no-tokenizer-ir", *IR, *HUGGING_FACE)
    make(tmp_path / "no-config", *IR, *TOKENIZERS)
    make(tmp_path / "checkpoint", "model.safetensors", *HUGGING_FACE)
    make(tmp_path / "no-weights", "openvino_model.xml", *TOKENIZERS, *HUGGING_FACE)
    write_script(tmp_path / "played")
    (tmp_path / "small.gguf").write_bytes(gguf("llama"))
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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"ov_config": {"KV_CACHE_PRECISION": null}}', "KV_CACHE_PRECISION: must be true or false"),
        ('{"ov_config": {"NUM_STREAMS": "\\ud800"}}', "half of a surrogate pair"),
        ('{"ov_config": {"A": 1e999}}', "infinite"),
        ('{"ov_config": {"A": 1000000000000000000000}}', "64 bits"),
        ('{"ov_config": 7}', "ov_config"),
        ("{torn", "can't be read"),
    ],
)
def test_a_profile_that_is_wrong_recommends_nothing_and_is_said(tmp_path: Path, text: str, says: str) -> None:
    folder = make(tmp_path / "model", *IR, *TOKENIZERS)
    (folder / "openarc_profile.json").write_text(text)
    (entry,) = list_models(tmp_path)
    assert entry.ov_config == {} and entry.backends == ("genai",)
    assert entry.problems[0].startswith("openarc_profile.json") and says in entry.problems[0]
    assert json.dumps(entry.problems, ensure_ascii=False).encode()
    assert sum("openarc_profile" in each for each in Catalogue(tmp_path).details("model").problems) == 1


@pytest.mark.skipif(os.name != "posix", reason="other systems have no names of plain bytes")
def test_a_name_that_is_no_text_is_listed_with_what_is_wrong(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    make(odd, *IR, *TOKENIZERS)
    write_script(odd.with_name(odd.name + "script"))
    folder = make(tmp_path / "whole", "config.json")
    (folder / f"{odd.name}.xml").write_text("")
    (folder / f"{odd.name}.bin").write_text("")
    entries = {entry.name: entry for entry in list_models(tmp_path)}
    assert entries.keys() == {"??", "??script", "whole"}
    for name in ("??", "??script"):
        assert entries[name].backends == () and "Its name is not text in UTF-8; rename it." in entries[name].problems
    assert "named ??.xml" in entries["whole"].problems[0]
    for details in Catalogue(tmp_path).all_details():
        said = [details.name, *details.problems, *details.cannot_run, *details.cannot_run.values()]
        assert json.dumps(said, ensure_ascii=False).encode() and details.backends == ()
    with pytest.raises(BackendUnavailable, match="not text"):
        choose_backend(LoadRequest(model_path="??"), find_model(tmp_path, "??"))


def test_a_model_folder_that_can_not_be_read_is_not_said_to_be_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelNotFound) as caught:
        find_model(tmp_path / "file", "model")
    assert "can't be read" in caught.value.hint
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ModelNotFound) as caught:
        find_model(tmp_path, "model")
    assert "can't be read" in caught.value.hint


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


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (("openvino_model.xml", *TOKENIZERS, *HUGGING_FACE), "openvino_model.bin is missing."),
        (("openvino_model.bin", *TOKENIZERS, *HUGGING_FACE), "openvino_model.xml is missing."),
        (("openvino_language_model.xml", "openvino_language_model.bin", "config.json"), "not a text-only model"),
        (("openvino_encoder_model.xml", "openvino_decoder_model.xml", *TOKENIZERS), "not a text-only model"),
        (("model_index.json",), "not a text-only model"),
        (("llama.xml", "llama.bin", "config.json"), "named llama.xml"),
        (TOKENIZERS, "a tokenizer and no model"),
        (("tokenizer.json", "tokenizer_config.json"), "no weights"),
        (("config.json",), "no weights"),
        (("model.safetensors",), "config.json is missing."),
        (
            ("model-00001-of-00003.safetensors", *HUGGING_FACE),
            "2 of 3 parts are missing: model-00002-of-00003.safetensors and model-00003-of-00003.safetensors.",
        ),
        (
            ("model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors", *HUGGING_FACE),
            "1 of 3 parts is missing: model-00002-of-00003.safetensors.",
        ),
        (
            ("model-00004-of-99999.safetensors", *HUGGING_FACE),
            "99998 of 99999 parts are missing: model-00001-of-99999.safetensors and 99997 more.",
        ),
    ],
)
def test_a_broken_folder_is_listed_with_what_is_wrong(tmp_path: Path, files: tuple[str, ...], says: str) -> None:
    make(tmp_path / "model", *files)
    (entry,) = list_models(tmp_path)
    assert entry.backends == ()
    assert says in entry.problems[0]
    assert set(entry.cannot_run) == {"genai", "optimum"}
    with pytest.raises(BackendUnavailable, match="No backend"):
        choose_backend(LoadRequest(model_path="model"), entry)


@pytest.mark.parametrize(
    "weights",
    [
        ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
        ("model.safetensors", "model-00001-of-00002.safetensors"),
        ("model-00001-of-00001.safetensors",),
        ("model-1-of-3.safetensors",),
    ],
)
def test_parts_that_are_all_there_are_a_model(tmp_path: Path, weights: tuple[str, ...]) -> None:
    make(tmp_path / "model", *weights, *HUGGING_FACE)
    (entry,) = list_models(tmp_path)
    assert (entry.backends, entry.problems) == (("optimum",), ())


def test_a_part_that_is_a_link_out_is_said_to_be_one_and_not_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    folder = make(tmp_path / "models" / "model", "model-00001-of-00002.safetensors", *HUGGING_FACE)
    (folder / "model-00002-of-00002.safetensors").symlink_to(tmp_path / "elsewhere")
    (entry,) = list_models(tmp_path / "models")
    assert entry.backends == ()
    assert entry.problems == ("model-00002-of-00002.safetensors is a link out of the model folder.",)


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ((1,), "It is one of 3 parts; 2 of 3 parts are missing: m-00002-of-00003.gguf and m-00003-of-00003.gguf."),
        ((1, 3), "It is one of 3 parts; 1 of 3 parts is missing: m-00002-of-00003.gguf."),
        ((1, 2, 3), "It is one of 3 parts; merge them into one file first."),
    ],
    ids=str,
)
def test_a_part_of_a_gguf_runs_nowhere_and_says_which_others_are_missing(
    tmp_path: Path, numbers: tuple[int, ...], says: str
) -> None:
    for number in numbers:
        (tmp_path / f"m-{number:05}-of-00003.gguf").write_bytes(gguf("llama"))
    (tmp_path / "other-00002-of-00003.gguf").write_bytes(gguf("llama"))
    entries = [entry for entry in list_models(tmp_path) if entry.name.startswith("m-")]
    assert [(entry.backends, entry.problems) for entry in entries] == [((), (says,))] * len(numbers)


def test_a_whole_gguf_may_be_numbered(tmp_path: Path) -> None:
    (tmp_path / "m-00001-of-00001.gguf").write_bytes(gguf("llama"))
    (entry,) = list_models(tmp_path)
    assert entry.backends == ("genai",)


def test_a_folder_without_weights_hides_no_model_below_it(tmp_path: Path) -> None:
    make(tmp_path / "org", "config.json")
    make(tmp_path / "org" / "model", *IR, *TOKENIZERS)
    assert [entry.name for entry in list_models(tmp_path)] == ["org/model"]


def test_hidden_and_temporary_folders_stay_out(tmp_path: Path) -> None:
    for name in (".hidden", "half.tmp", "half.part", "half.incomplete"):
        make(tmp_path / name, *IR, *TOKENIZERS)
    (tmp_path / "._copy.gguf").write_bytes(gguf("llama"))
    assert list_models(tmp_path) == []


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "GGUF"),
        (b"PK\x03\x04", "GGUF"),
        (b"GGUF", "cut"),
        (gguf("gemma3"), "not gemma3"),
        (gguf("clip"), "not clip"),
    ],
    ids=range(5),
)
def test_a_gguf_that_genai_can_not_run_says_why(tmp_path: Path, raw: bytes, says: str) -> None:
    (tmp_path / "model.gguf").write_bytes(raw)
    (entry,) = list_models(tmp_path)
    assert entry.backends == () and says in entry.cannot_run["genai"]


def test_a_gguf_beside_an_ir_is_a_model_of_its_own(tmp_path: Path) -> None:
    make(tmp_path / "model", *IR, *TOKENIZERS)
    (tmp_path / "model" / "model.gguf").write_bytes(gguf("qwen3"))
    assert [entry.name for entry in list_models(tmp_path)] == ["model", "model/model.gguf"]


def test_what_stands_beside_a_gguf_is_no_broken_model(tmp_path: Path) -> None:
    make(tmp_path / "model", *HUGGING_FACE)
    (tmp_path / "model" / "model.gguf").write_bytes(gguf("qwen3"))
    assert [entry.name for entry in list_models(tmp_path)] == ["model/model.gguf"]
    assert find_model(tmp_path, "model.gguf").backends == ("genai",)


def test_links_out_of_the_model_folder_are_neither_listed_nor_read(tmp_path: Path) -> None:
    (tmp_path / "secret.gguf").write_bytes(gguf("llama"))
    (tmp_path / "secret.json").write_text('{"architectures": ["Secret"], "max_position_embeddings": 7}')
    root = tmp_path / "models"
    folder = make(root / "model", *IR, *TOKENIZERS, "tokenizer.json")
    (root / "link.gguf").symlink_to(tmp_path / "secret.gguf")
    (folder / "config.json").symlink_to(tmp_path / "secret.json")
    (folder / "openvino_config.json").symlink_to(root / "nowhere")
    (entry,) = list_models(root)
    assert (entry.backends, entry.problems) == ((), ("config.json is a link out of the model folder.",))
    details = Catalogue(root).details("model")
    assert (details.architecture, details.context_length) == (None, None)


def test_links_inside_the_model_folder_are_followed_and_loops_end(tmp_path: Path) -> None:
    blobs = make(tmp_path / "blobs", "one", "two")
    folder = make(tmp_path / "models--org" / "snapshots" / "1", *TOKENIZERS, *HUGGING_FACE)
    (folder / "openvino_model.xml").symlink_to(blobs / "one")
    (folder / "openvino_model.bin").symlink_to(blobs / "two")
    (tmp_path / "again").symlink_to(tmp_path)
    make(tmp_path / "plain", *IR, *TOKENIZERS)
    entry, plain = list_models(tmp_path)
    assert plain.name == "plain"
    assert (entry.name, entry.backends) == ("models--org/snapshots/1", ("genai", "optimum"))


def test_the_whole_name_wins_and_a_short_one_must_be_the_only_one(tmp_path: Path) -> None:
    for name in ("a/model", "b/model", "b/other", "other"):
        make(tmp_path / name, *IR, *TOKENIZERS)
    assert find_model(tmp_path, "other").name == "other"
    assert find_model(tmp_path, "b/other").name == "b/other"
    with pytest.raises(ModelNotFound) as caught:
        find_model(tmp_path, "model")
    assert "'a/model' or 'b/model'" in caught.value.hint


@pytest.mark.parametrize("path", ["\0", "a\0b", "x" * 5000, "\ud83d", "", ".", "/", "model/", "~"])
def test_a_path_that_can_be_none_is_not_found(tmp_path: Path, path: str) -> None:
    make(tmp_path / "other", *IR, *TOKENIZERS)
    with pytest.raises(ModelNotFound):
        find_model(tmp_path, path)


def test_what_was_read_is_remembered_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[str] = []

    def counting(entry: Any) -> Any:
        described.append(entry.name)
        return describe(entry)

    describe = module.describe_model
    monkeypatch.setattr(module, "describe_model", counting)
    folder = write_ir(tmp_path / "model", ("f16", "64,64", 0, 8192), binary_bytes=8192)
    catalogue = Catalogue(tmp_path)
    assert [each.context_length for each in catalogue.all_details()] == [None]
    catalogue.find("model"), catalogue.details("model")
    assert described == ["model"]
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 4096}))
    assert catalogue.details("model").context_length == 4096
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 8192}))
    os.utime(folder / "config.json", (1, 1))
    assert catalogue.details("model").context_length == 8192
    assert described == ["model"] * 3


def test_only_so_much_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    for number in range(5):
        make(tmp_path / f"model{number}", *IR, *TOKENIZERS)
    catalogue = Catalogue(tmp_path)
    assert len(catalogue.all_details()) == 5
    assert len(catalogue._remembered) == 3


def test_many_threads_read_one_catalogue(tmp_path: Path) -> None:
    for number in range(20):
        write_ir(tmp_path / f"model{number}", ("f16", "64,64", 0, 8192), binary_bytes=8192)
    catalogue, seen = Catalogue(tmp_path), []
    threads = [threading.Thread(target=lambda: seen.append(catalogue.all_details())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8 and all(each == seen[0] for each in seen)


def test_finding_a_model_reads_it_so_that_a_torn_one_is_refused(tmp_path: Path) -> None:
    folder = write_ir(tmp_path / "torn", ("f16", "64,64", 0, 8192), binary_bytes=100)
    for name in (*TOKENIZERS, *HUGGING_FACE):
        (folder / name).write_text("{}")
    (tmp_path / "cut.gguf").write_bytes(gguf("llama")[:150])
    (tmp_path / "kind.gguf").write_bytes(gguf("llama", kind=13))
    assert find_model(tmp_path, "torn").backends == ("genai", "optimum")
    catalogue = Catalogue(tmp_path)
    for name, says in (("torn", "100 of at least 8192 bytes"), ("cut.gguf", "interrupted"), ("kind.gguf", "no q5_k")):
        entry = catalogue.find(name)
        assert entry.backends == () and says in entry.cannot_run["genai"], name
