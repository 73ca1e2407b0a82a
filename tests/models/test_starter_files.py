"""Names, hashes, completeness, and the building aside; tiny stand-in files, no model."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openarc_ui.models import starter_files
from openarc_ui.models.starter_files import (
    REQUIRED_FILES,
    PinnedFile,
    create_build_folder,
    find_source,
    is_complete,
    publish,
    remove_abandoned,
    ways_out,
)

CONTENT = b"a small stand-in"
PINNED = PinnedFile("stand-in", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


def make_finished(folder: Path, content: str = "x") -> Path:
    folder.mkdir(parents=True)
    for name in REQUIRED_FILES:
        (folder / name).write_text(content)
    return folder


def dead_process_id() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_pinned_file_is_known_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "any name").write_bytes(CONTENT)
    (tmp_path / "stand-in").write_bytes(CONTENT[:-1] + b"!")
    assert PINNED.is_at(tmp_path / "any name")
    assert not PINNED.is_at(tmp_path / "stand-in")
    assert not PINNED.is_at(tmp_path / "missing")
    assert not PINNED.is_at(tmp_path)


@pytest.mark.parametrize("missing", REQUIRED_FILES)
def test_a_folder_without_one_of_the_files_is_not_complete(tmp_path: Path, missing: str) -> None:
    folder = make_finished(tmp_path / "model")
    assert is_complete(folder)
    (folder / missing).write_text("")
    assert not is_complete(folder)
    (folder / missing).unlink()
    assert not is_complete(folder)


def test_the_source_is_found_in_the_folder_and_one_below_but_not_in_hidden_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starter_files, "STARTER_GGUF", PINNED)
    monkeypatch.setattr(starter_files, "STARTER_WHEEL", PINNED)
    for folder in (tmp_path / ".hidden", tmp_path / "a" / "too deep", tmp_path / "sub"):
        folder.mkdir(parents=True)
    (tmp_path / ".hidden" / "model.gguf").write_bytes(CONTENT)
    (tmp_path / "a" / "too deep" / "model.gguf").write_bytes(CONTENT)
    (tmp_path / "other.gguf").write_bytes(b"another model")
    assert find_source(tmp_path) is None
    (tmp_path / "sub" / "renamed.GGUF").write_bytes(CONTENT)
    assert find_source(tmp_path) == tmp_path / "sub" / "renamed.GGUF"
    (tmp_path / "a.whl").write_bytes(CONTENT)
    assert find_source(tmp_path) == tmp_path / "a.whl"


def test_a_model_folder_that_does_not_exist_holds_no_source(tmp_path: Path) -> None:
    assert find_source(tmp_path / "missing") is None


def test_the_first_to_finish_wins_and_the_second_uses_it(tmp_path: Path) -> None:
    first = make_finished(tmp_path / "build-1" / "model", "first")
    second = make_finished(tmp_path / "build-2" / "model", "second")
    target = tmp_path / "model"
    assert publish(first, target, tmp_path / "build-1" / "replaced") == target
    assert publish(second, target, tmp_path / "build-2" / "replaced") == target
    assert (target / "config.json").read_text() == "first"
    assert is_complete(target)


def test_an_incomplete_folder_of_the_name_is_replaced(tmp_path: Path) -> None:
    target = make_finished(tmp_path / "model", "broken")
    (target / "openvino_model.bin").unlink()
    result = make_finished(tmp_path / "build" / "model", "whole")
    publish(result, target, tmp_path / "build" / "replaced")
    assert is_complete(target)
    assert (target / "config.json").read_text() == "whole"


def test_build_folders_are_hidden_unique_and_kept_while_their_process_runs(tmp_path: Path) -> None:
    first, second = create_build_folder(tmp_path, "int4"), create_build_folder(tmp_path, "int4")
    assert first != second
    assert all(folder.parent == tmp_path and folder.name.startswith(".") for folder in (first, second))
    remove_abandoned(tmp_path)
    assert first.is_dir()
    assert second.is_dir()


def test_build_folders_of_dead_processes_are_removed_and_nothing_else(tmp_path: Path) -> None:
    abandoned = tmp_path / f".preparing-int4-{dead_process_id()}-0a1b2c3d"
    make_finished(abandoned / "SmolLM2")
    other = make_finished(tmp_path / "my-int4-1-model")
    remove_abandoned(tmp_path)
    assert not abandoned.exists()
    assert is_complete(other)


def test_a_build_folder_whose_process_number_went_to_a_younger_process_is_removed(tmp_path: Path) -> None:
    folder = create_build_folder(tmp_path, "int8")
    long_ago = 1_000_000_000
    os.utime(folder, (long_ago, long_ago))
    remove_abandoned(tmp_path)
    assert not folder.exists()


def test_the_hint_names_the_folder_and_both_ways_out(tmp_path: Path) -> None:
    hint = ways_out(tmp_path)
    assert str(tmp_path.resolve()) in hint
    assert "OpenVINO" in hint
    assert "GGUF" in hint
