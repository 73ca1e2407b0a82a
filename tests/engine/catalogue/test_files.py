"""The files of a model that are shown: which, from where, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from openarc_ui.engine.catalogue.catalogue import find_model
from openarc_ui.engine.catalogue.files import MAX_TEXT_BYTES, model_files, read_model_file
from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.errors import InvalidRequest
from tests.engine.catalogue.test_gguf_header import header, text, value
from tests.starter_fixture import ensure_starter_gguf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder with nothing to show yet."""
    folder = tmp_path / "models" / "org" / "model"
    folder.mkdir(parents=True)
    for name in ("openvino_model.xml", "openvino_model.bin"):
        (folder / name).write_text("{}")
    return folder


def entry_of(folder: Path) -> ModelEntry:
    return find_model(folder.parent.parent, "org/model")


@pytest.mark.model
def test_the_starters_files_are_all_there(starter_folder: Path) -> None:
    entry = find_model(starter_folder.parent, starter_folder.name)
    assert model_files(entry) == (
        "config.json", "generation_config.json", "tokenizer_config.json", "chat_template.jinja", "openarc_profile.json",
    )  # fmt: skip
    config = read_model_file(entry, "config.json")
    assert json.loads(config.text)["model_type"] == "llama"
    assert (config.language, config.is_cut, config.problem) == ("json", False, "")
    assert config.size_bytes == (starter_folder / "config.json").stat().st_size
    template = read_model_file(entry, "chat_template.jinja")
    assert template.language == "jinja2" and "<|im_start|>" in template.text


@pytest.mark.model
def test_a_gguf_has_its_chat_template_to_show(tmp_path: Path) -> None:
    shutil.copyfile(ensure_starter_gguf(), tmp_path / "starter.gguf")
    entry = find_model(tmp_path, "starter.gguf")
    assert model_files(entry) == ("chat_template.jinja",)
    file = read_model_file(entry, "chat_template.jinja")
    assert "message" in file.text and (file.language, file.source) == ("jinja2", "starter.gguf")
    with pytest.raises(InvalidRequest, match=r"has no config\.json"):
        read_model_file(entry, "config.json")


def test_a_gguf_beside_other_files_shows_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(header(value("general.architecture", 8, text("llama"))))
    (tmp_path / "config.json").write_text("{}")
    assert model_files(find_model(tmp_path, "m.gguf")) == ()


def test_a_torn_gguf_has_nothing_to_show(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    entry = find_model(tmp_path, "m.gguf")
    assert model_files(entry) == ()
    with pytest.raises(InvalidRequest, match="cut"):
        read_model_file(entry, "chat_template.jinja")


@pytest.mark.parametrize(
    ("file", "content", "shown"),
    [
        ("chat_template.jinja", "{{ a }}", "{{ a }}"),
        ("chat_template.json", '{"chat_template": "{{ b }}"}', "{{ b }}"),
        ("tokenizer_config.json", '{"chat_template": "{{ c }}"}', "{{ c }}"),
        (
            "tokenizer_config.json",
            '{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "{{ d }}"}]}',
            "{{ d }}",
        ),
        ("tokenizer_config.json", '{"chat_template": [{"name": "rag", "template": "r"}, 7]}', '{\n  "rag": "r"\n}'),
    ],
)
def test_the_template_is_found_wherever_it_stands(folder: Path, file: str, content: str, shown: str) -> None:
    (folder / file).write_text(content)
    read = read_model_file(entry_of(folder), "chat_template.jinja")
    assert (read.text, read.source, read.language) == (shown, file, "jinja2")
    assert "chat_template.jinja" in model_files(entry_of(folder))


@pytest.mark.parametrize("content", ["{}", '{"chat_template": 7}', '{"chat_template": []}', "{torn"])
def test_a_template_that_is_none_is_not_listed(folder: Path, content: str) -> None:
    (folder / "tokenizer_config.json").write_text(content)
    assert "chat_template.jinja" not in model_files(entry_of(folder))
    with pytest.raises(InvalidRequest):
        read_model_file(entry_of(folder), "chat_template.jinja")


@pytest.mark.parametrize(
    "name",
    [
        "../model/config.json", "./config.json", "/etc/passwd", "..", "", "config.json\0", "CONFIG.JSON", "openvino_model.bin",
        "sub/config.json", "config.json/", "..\\config.json",
    ],
)  # fmt: skip
def test_no_other_name_is_read(folder: Path, name: str) -> None:
    (folder / "config.json").write_text("{}")
    (folder / "sub").mkdir()
    (folder / "sub" / "config.json").write_text("{}")
    with pytest.raises(InvalidRequest, match="is not a file that is shown"):
        read_model_file(entry_of(folder), name)


def test_a_misspelt_name_gets_the_nearest(folder: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_model_file(entry_of(folder), "confg.json")
    assert "'config.json'" in caught.value.hint


def test_a_link_is_followed_inside_the_model_folder_and_never_out(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("secret")
    (folder.parent / "shared.json").write_text("shared")
    (folder / "config.json").symlink_to(tmp_path / "secret.json")
    (folder / "generation_config.json").symlink_to(folder.parent / "shared.json")
    (folder / "chat_template.jinja").symlink_to(tmp_path / "secret.json")
    assert model_files(entry_of(folder)) == ("generation_config.json",)
    assert read_model_file(entry_of(folder), "generation_config.json").text == "shared"
    for name in ("config.json", "chat_template.jinja"):
        with pytest.raises(InvalidRequest, match="has no"):
            read_model_file(entry_of(folder), name)


def test_what_is_no_plain_file_is_never_opened(folder: Path) -> None:
    os.mkfifo(folder / "config.json")
    (folder / "generation_config.json").mkdir()
    assert model_files(entry_of(folder)) == ()
    with pytest.raises(InvalidRequest, match="has no"):
        read_model_file(entry_of(folder), "config.json")


def test_a_long_file_is_cut_between_two_characters_and_says_so(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("x" + "é" * MAX_TEXT_BYTES, encoding="utf-8")
    file = read_model_file(entry_of(folder), "tokenizer_config.json")
    assert (file.is_cut, file.size_bytes, file.problem) == (True, 1 + 2 * MAX_TEXT_BYTES, "")
    assert file.text == "x" + "é" * ((MAX_TEXT_BYTES - 1) // 2)


def test_a_file_of_just_the_limit_is_whole(folder: Path) -> None:
    (folder / "config.json").write_text("x" * MAX_TEXT_BYTES)
    assert not read_model_file(entry_of(folder), "config.json").is_cut


@pytest.mark.parametrize("raw", [b"ab\xffcd", "größe".encode("latin-1"), b"ab\xc3"])
def test_bytes_that_are_no_text_are_said_and_shown_as_such(folder: Path, raw: bytes) -> None:
    (folder / "config.json").write_bytes(raw)
    file = read_model_file(entry_of(folder), "config.json")
    assert "not UTF-8: byte 2" in file.problem
    assert "\ufffd" in file.text and not file.is_cut
