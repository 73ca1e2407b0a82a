"""What a model is said to be: the real starter, and folders with something wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from openarc_ui.engine.backends.files import path_outside
from openarc_ui.engine.catalogue import weights
from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.engine.catalogue.details import ModelDetails, describe_model
from openarc_ui.engine.catalogue.weights import read_weights
from openarc_ui.errors import InvalidRequest
from tests.engine.catalogue.test_gguf_header import header, tensor, text, value
from tests.starter_fixture import ensure_starter_gguf

NO_TENSORS = b"\2\0\0\0\0\0\0\0{}"
"""A whole safetensors file that holds none."""

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
    assert (details.parameters, details.group_size, details.backends) == (134_515_008, 32, ("genai",))
    assert details.precision == "q4_1 in groups of 32, q8_0 in groups of 32" and not details.problems


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


BOMB = '<!DOCTYPE net [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><net>&b;</net>'
HUGE = NET.format(CONST.format("f16", "9" * 4000, 0, 8))
NEGATIVE = NET.format(CONST.format("f16", "-64,64", 0, 8))


@pytest.mark.parametrize(
    "written", ["", "<net>", "<html></html>", "not xml", "\0", "<net><layer></net>", BOMB, NEGATIVE, HUGE]
)
def test_what_is_no_model_is_said_to_be_none(tmp_path: Path, written: str) -> None:
    path = tmp_path / "openvino_model.xml"
    path.write_text(written)
    with pytest.raises(InvalidRequest, match="is not an OpenVINO model"):
        read_weights(path)


def test_a_file_that_only_looks_like_gguf_is_a_problem_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(20))
    details = described(tmp_path / "broken.gguf")
    assert details.problems == ("It is no whole GGUF file: its version is 0; 2 and 3 are known.",)
    assert details.backends == () and details.weights is None


CONFIGURATIONS = ("config.json", "generation_config.json", "tokenizer_config.json")
TORN: list[bytes] = [b"{torn", b"[1]", b"null", b"", b"\xff\xfe{}", b"[" * 100_000]


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("raw", TORN, ids=range(len(TORN)))
def test_a_configuration_that_is_none_stops_both_backends(tmp_path: Path, name: str, raw: bytes) -> None:
    folder = write_ir(tmp_path / "m", ("f16", "64,64", 0, 8192), binary_bytes=8192)
    for whole in (*CONFIGURATIONS, "openvino_tokenizer.xml", "openvino_detokenizer.xml"):
        (folder / whole).write_text("{}")
    assert described(folder).backends == ("genai", "optimum")
    (folder / name).write_bytes(raw)
    details = described(folder)
    assert details.backends == ()
    assert details.problems[0].startswith(f"{name} can't be read: ")
    assert name in details.cannot_run["genai"] and name in details.cannot_run["optimum"]


def test_values_of_the_wrong_type_say_nothing(tmp_path: Path) -> None:
    folder = write_ir(tmp_path / "m", ("f16", "64,64", 0, 8192), binary_bytes=8192)
    (folder / "config.json").write_text('{"architectures": [7], "max_position_embeddings": true, "text_config": [1]}')
    (folder / "openvino_config.json").write_text('{"quantization_config": {"bits": "4", "sym": 1, "ratio": null}}')
    details = described(folder)
    assert (details.architecture, details.context_length, details.problems) == (None, None, ())
    assert details.quantization is not None and details.quantization.bits is None


@pytest.mark.parametrize(
    ("said", "problems"),
    [
        ({"dtype": "int4", "bits": 4, "group_size": 64, "sym": False, "ratio": 0.8}, 0),
        ({"weight_quantization_config": {"dtype": "int4", "bits": 4, "group_size": 64, "sym": False, "ratio": 0.8}}, 0),
        ({"dtype": "int8", "bits": 8, "group_size": 64, "sym": False, "ratio": 0.8}, 1),
    ],
)
def test_optimums_own_words_about_the_weights_are_held_against_the_xml(
    tmp_path: Path, said: dict[str, object], problems: int
) -> None:
    folder = write_ir(tmp_path / "m", ("u4", "64,1,64", 0, 2048), ("f16", "64,1,1", 2048, 128), binary_bytes=2176)
    (folder / "openvino_config.json").write_text(json.dumps({"dtype": "x", "quantization_config": said}))
    details = described(folder)
    assert details.quantization is not None
    assert (details.quantization.group_size, details.quantization.ratio) == (64, 0.8)
    assert (details.quantization.is_symmetric, details.group_size) == (False, 64)
    assert len(details.problems) == problems


def whole(folder: Path) -> Path:
    """A folder that both backends can run, as far as its files tell."""
    write_ir(folder, ("f16", "64,64", 0, 8192), binary_bytes=8192)
    for name in (*CONFIGURATIONS, "tokenizer.json", "openvino_tokenizer.xml", "openvino_detokenizer.xml"):
        (folder / name).write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("tokenizer_config.json", {"tokenizer_file": "/somewhere/tokenizer.json"}),
        ("tokenizer_config.json", {"vocab_file": "a/../../vocab.json"}),
        ("tokenizer_config.json", {"fast_tokenizer_files": ["tokenizer.json", "../x/tokenizer.9.json"]}),
        ("tokenizer_config.json", {"init_inputs": ["C:\\models\\vocab.txt"]}),
        ("tokenizer_config.json", {"merges": "..\\merges.txt"}),
        ("config.json", {"text_config": {"any_file": "\\\\host\\share"}}),
        ("adapter_config.json", {"base_model_name_or_path": "/somewhere/model"}),
        ("model.safetensors.index.json", {"weight_map": {"a.weight": "../other/model.safetensors"}}),
    ],
)
def test_a_configuration_that_leads_out_of_the_folder_stops_optimum(
    tmp_path: Path, file: str, content: dict[str, object]
) -> None:
    folder = whole(tmp_path / "m")
    assert described(folder).problems == ()
    (folder / file).write_text(json.dumps(content))
    details = described(folder)
    assert details.backends == ("genai",)
    assert f"in {file} leads out of the model's folder." in details.problems[0]
    assert "leads out" in details.cannot_run["optimum"]


def test_paths_that_stay_inside_or_are_never_opened_stop_nothing(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    said = {
        "tokenizer_file": str(folder / "tokenizer.json"),
        "vocab_file": None,
        "merges_file": "merges.txt",
        "emoji_file": "below/../emoji.json",
        "source_file": "x" * 5000,
        "target_file": "x" * 50_000,
        "name_or_path": "/workspace/model",
        "special_tokens_map_file": "/home/author/special_tokens_map.json",
        "unk_token": "../",
        "added_tokens_decoder": {"0": {"content": "/etc"}},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    (folder / "config.json").write_text(json.dumps({"_name_or_path": "/workspace/model"}))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-1.safetensors"}}))
    assert described(folder).problems == () and described(folder).backends == ("genai", "optimum")


def test_a_relative_path_that_is_found_in_the_working_directory_leads_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = whole(tmp_path / "m")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_file": "beside.json"}')
    (tmp_path / "beside.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert path_outside(folder) == "tokenizer_file in tokenizer_config.json"
    monkeypatch.chdir(folder)
    assert path_outside(folder) == ""


def test_a_configuration_with_half_a_character_is_a_problem_of_that_model_alone(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    (folder / "config.json").write_text('{"architectures": ["\\ud800"]}')
    details = described(folder)
    assert "half of a surrogate pair" in details.problems[0] and details.backends == ()
    (folder / "config.json").write_text('{"architectures": ["\\ud83d\\ude00"]}')
    assert described(folder).architecture == "\U0001f600"


def test_numbers_that_no_answer_can_carry_are_not_known(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 10**30}))
    said = {"ratio": float("nan"), "bits": 10**30, "group_size": float("inf")}
    (folder / "openvino_config.json").write_text(json.dumps({"quantization_config": said}))
    details = described(folder)
    assert details.context_length is None and details.quantization is not None
    assert (details.quantization.ratio, details.quantization.bits, details.quantization.group_size) == (None,) * 3


@pytest.mark.parametrize("limit", ["MAX_XML_BYTES", "MAX_LAYERS", "MAX_ELEMENTS"])
def test_an_xml_too_long_to_be_read_is_a_problem_and_still_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    folder = whole(tmp_path / "m")
    (folder / "openvino_model.xml").write_text(NET.format(CONST.format("f16", "64,64", 0, 8192) * 3))
    monkeypatch.setattr(weights, limit, 2)
    details = described(folder)
    assert "too long to be looked into" in details.problems[0]
    assert details.backends == ("genai", "optimum") and details.parameters is None


def test_a_model_without_weights_runs_nowhere(tmp_path: Path) -> None:
    folder = whole(tmp_path / "m")
    (folder / "openvino_model.xml").write_text(NET.format(""))
    details = described(folder)
    assert details.problems == ("openvino_model.xml is not an OpenVINO model: it holds no weights.",)
    assert details.backends == ()


def test_a_part_of_a_split_gguf_says_so(tmp_path: Path) -> None:
    parts = value("split.count", 2, b"\x03\x00")
    (tmp_path / "m-00001-of-00003.gguf").write_bytes(
        header(value("general.architecture", 8, text("llama")), parts, tensor("t", (32, 1), 2), tensors=1) + bytes(99)
    )
    details = described(tmp_path / "m-00001-of-00003.gguf")
    assert details.backends == () and "one of 3 parts" in details.problems[0] and len(details.problems) == 1
    assert (details.architecture, details.parameters) == ("llama", 32)
    (tmp_path / "m-00001-of-00003.gguf").rename(tmp_path / "renamed.gguf")
    details = described(tmp_path / "renamed.gguf")
    assert details.backends == () and "one of 3 parts" in details.problems[0]


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ({"a": "one.safetensors", "b": "two.safetensors"}, "1 of 2 parts is missing: two.safetensors."),
        ({"a": "../two.safetensors"}, "1 of 1 parts is missing: ../two.safetensors."),
        ({}, "model.safetensors.index.json can't be read: it names no files"),
        ({"a": 1}, "model.safetensors.index.json can't be read: it names no files"),
        ([], "model.safetensors.index.json can't be read: it names no files"),
    ],
    ids=str,
)
def test_a_checkpoint_whose_index_names_what_is_not_there_runs_nowhere(
    tmp_path: Path, index: object, says: str
) -> None:
    folder = tmp_path / "models" / "m"
    folder.mkdir(parents=True)
    (tmp_path / "two.safetensors").write_bytes(NO_TENSORS)
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    (folder / "one.safetensors").write_bytes(NO_TENSORS)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    details = describe_model(find_model(tmp_path / "models", "m"))
    assert details.backends == () and says in details.problems
    (folder / "model.safetensors").write_bytes(NO_TENSORS)  # then no index is read
    assert not any("parts" in each or "names no files" in each for each in described(folder).problems)


def test_a_checkpoint_with_all_that_its_index_names_is_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    (folder / "one.safetensors").write_bytes(NO_TENSORS)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "one.safetensors"}}))
    assert described(folder).backends == ("optimum",) and not described(folder).problems


def write_safetensors(path: Path, data_bytes: int, cut_bytes: int = 0, header: bytes | None = None) -> int:
    """Two tensors; how long the whole file is."""
    middle = data_bytes // 2
    tensors = {
        "__metadata__": {"format": "pt"},
        "b": {"dtype": "F16", "shape": [1], "data_offsets": [middle, data_bytes]},
        "a": {"dtype": "F16", "shape": [1], "data_offsets": [0, middle]},
    }
    head = json.dumps(tensors).encode() if header is None else header
    whole = len(head).to_bytes(8, "little") + head + bytes(data_bytes)
    path.write_bytes(whole[: len(whole) - cut_bytes])
    return len(whole)


def checkpoint(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    return folder


def test_a_cut_safetensors_runs_nowhere_and_says_how_much_is_there(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m")
    file = folder / "model.safetensors"
    whole = write_safetensors(file, 1000)
    assert described(folder).problems == () and described(folder).backends == ("optimum",)
    write_safetensors(file, 1000, cut_bytes=1)
    details = described(folder)
    assert details.problems == (f"model.safetensors has {whole - 1} of {whole} bytes; its copy was interrupted.",)
    assert details.backends == () and "interrupted" in details.cannot_run["optimum"]
    write_safetensors(file, 1000, cut_bytes=1050)
    begin = whole - 1000
    assert described(folder).problems == (
        f"model.safetensors has {whole - 1050} of at least {begin} bytes; its copy was interrupted.",
    )


def test_only_the_safetensors_that_are_opened_have_to_be_whole(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m")
    write_safetensors(folder / "consolidated.safetensors", 100, cut_bytes=1)
    assert "consolidated" in described(folder).problems[0]
    write_safetensors(folder / "one.safetensors", 100)
    write_safetensors(folder / "two.safetensors", 100)
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert described(folder).problems == ()
    write_safetensors(folder / "two.safetensors", 100, cut_bytes=1)
    assert "two.safetensors has" in described(folder).problems[0]
    write_safetensors(folder / "model.safetensors", 100)
    assert described(folder).problems == ()


@pytest.mark.parametrize(
    "header",
    [
        b"{}",
        b'{"a": 1}',
        b'{"a": {"data_offsets": 7}}',
        b'{"a": {"data_offsets": [0, "9"]}}',
        b'{"a": {"data_offsets": [0, 1e9]}}',
        b'{"a": {"data_offsets": [0, 99999999999999999999999]}}',
        b'{"a": {"data_offsets": [9, -9]}}',
    ],
    ids=lambda header: str(header[:40]),
)
def test_a_header_that_tells_no_size_is_no_cut_file(tmp_path: Path, header: bytes) -> None:
    folder = checkpoint(tmp_path / "m")
    write_safetensors(folder / "model.safetensors", 4, header=header)
    assert described(folder).problems == ()


@pytest.mark.parametrize(
    "header", [b"[]", b"not json", b"[" * 100_000, b"\xff\xfe"], ids=lambda header: str(header[:9])
)
def test_a_header_that_is_no_json_object_is_no_safetensors_file(tmp_path: Path, header: bytes) -> None:
    folder = checkpoint(tmp_path / "m")
    write_safetensors(folder / "model.safetensors", 4, header=header)
    assert described(folder).problems == ("model.safetensors is no safetensors file: its header is no JSON object.",)
    assert described(folder).backends == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "model.safetensors has 0 bytes, too few for any safetensors file; its copy was interrupted."),
        (b"1234567", "model.safetensors has 7 bytes, too few for any safetensors file; its copy was interrupted."),
        (bytes(8), "model.safetensors is no safetensors file: its first bytes tell no length of a header."),
        (b"<!DOCTYPE html>", "model.safetensors is no safetensors file: its first bytes tell no length of a header."),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
            "model.safetensors is a Git LFS pointer, which only names the file that it stands for.",
        ),
    ],
    ids=lambda value: str(value[:12]),
)
def test_what_is_no_safetensors_file_at_all_is_said(tmp_path: Path, content: bytes, says: str) -> None:
    folder = checkpoint(tmp_path / "m")
    (folder / "model.safetensors").write_bytes(content)
    assert described(folder).problems == (says,) and described(folder).backends == ()


def test_a_safetensors_of_another_place_is_never_opened(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "models" / "m")
    write_safetensors(tmp_path / "secret", 100, cut_bytes=1)
    write_safetensors(folder / "model.safetensors", 100)
    (folder / "other.safetensors").symlink_to(tmp_path / "secret")
    details = describe_model(find_model(tmp_path / "models", "m"))
    assert "bytes" not in " ".join(details.problems) and "out of the model folder" in details.problems[0]


@pytest.mark.model
def test_no_describing_brings_a_heavy_library_into_the_main_process() -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from openarc_ui.engine.catalogue.catalogue import Catalogue\n"
        f"catalogue = Catalogue(Path({str(ensure_starter_gguf().parent)!r}))\n"
        "assert [each.architecture for each in catalogue.all_details()] == ['llama']\n"
        "print([name for name in ('gguf', 'numpy', 'openvino', 'torch') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
