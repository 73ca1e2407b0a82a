"""Names of a repository's files: nothing leaves the folder, here or on Windows."""

from __future__ import annotations

import pytest

from openarc_ui.models.hub.paths import problem_of_path, usable_paths


@pytest.mark.parametrize(
    "path",
    [
        "",
        "../x",
        "a/../../x",
        "/etc/passwd",
        "a//b",
        "./a",
        "a/.",
        "..\\x",
        "C:\\x",
        "C:x",
        "a\x00b",
        "a\nb",
        "a‮b",
        "con",
        "NUL.txt",
        "a/LPT1.bin",
        "com¹",
        "trailing.",
        "trailing ",
        "dir /x",
        "a?b",
        "x" * 241,
        "/".join("a" * 13),
        "openarc_files.json",
        "OpenArc_Files.JSON",
    ],
)
def test_what_can_leave_the_folder_or_is_no_name_everywhere_is_refused(path: str) -> None:
    assert problem_of_path(path) is not None
    assert usable_paths([path]) == []


@pytest.mark.parametrize(
    "path", ["a.json", "2_Pooling/config.json", ".gitattributes", "größe.txt", "console.txt", "a b.md"]
)
def test_plain_names_are_fine(path: str) -> None:
    assert problem_of_path(path) is None and usable_paths([path]) == [path]


def test_of_names_that_are_the_same_on_some_disks_one_is_kept() -> None:
    assert usable_paths(["config.json", "Config.json"]) == ["Config.json"]
    assert usable_paths(["a", "a/b"]) == ["a"] and usable_paths(["a", "A/c"]) == ["A/c"]
    assert usable_paths(["a/b", "a/c"]) == ["a/b", "a/c"]
