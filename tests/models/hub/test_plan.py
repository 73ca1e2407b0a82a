"""What a download consists of: chosen once, kept, and never more than the folder can hold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from openarc_ui.errors import InvalidRequest
from openarc_ui.models.hub.client import HubFile, RepositoryFiles
from openarc_ui.models.hub.plan import PLAN_FILE, Plan, PlannedFile, keep_plan, kept_plan, plan_of
from openarc_ui.models.hub.wanted import ONLY_PICKLES
from openarc_ui.models.requests import DownloadRequest

COMMIT = "c" * 40


def files_of(*paths: str, wanted: bool = True) -> RepositoryFiles:
    files = tuple(HubFile(path, 3, None, "a" * 40, wanted) for path in paths)
    return RepositoryFiles("org/model", "main", COMMIT, False, None, files)


def request_for(*paths: str) -> DownloadRequest:
    return DownloadRequest(repository="org/model", files=paths)


def test_what_is_needed_is_taken_unless_files_are_named() -> None:
    files = files_of("a.json", "b.json")
    assert [each.path for each in plan_of(request_for(), files).files] == ["a.json", "b.json"]
    assert [each.path for each in plan_of(request_for("b.json", "b.json"), files).files] == ["b.json"]
    assert plan_of(request_for(), files).total_bytes == 6


@pytest.mark.parametrize(
    ("named", "there", "says"),
    [
        (["confg.json"], ["config.json"], "Did you mean 'config.json'?"),
        (["../x"], ["../x"], "leaves the folder"),
        (["a", "A"], ["a", "A"], "too alike"),
        (["a", "a/b"], ["a", "a/b"], "too alike"),
    ],
)
def test_what_can_not_be_fetched_is_refused_before_anything_is(named: list[str], there: list[str], says: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_of(request_for(*named), files_of(*there))
    assert says in f"{caught.value.message} {caught.value.hint}"


def test_a_repository_without_a_model_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no files of a model"):
        plan_of(request_for(), files_of("logo.png", wanted=False))


def test_a_repository_of_pickles_is_refused_with_the_reason_unless_files_are_named() -> None:
    files = replace(files_of("config.json", "pytorch_model.bin", wanted=False), words=ONLY_PICKLES)
    with pytest.raises(InvalidRequest, match="pickles of PyTorch") as caught:
        plan_of(request_for(), files)
    assert "name the files" in caught.value.hint
    assert [each.path for each in plan_of(request_for("pytorch_model.bin"), files).files] == ["pytorch_model.bin"]


def test_a_plan_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    plan = Plan("org/model", "main", COMMIT, (PlannedFile("a/ö.json", 3, "b" * 64, None),))
    assert kept_plan(tmp_path) is None
    keep_plan(plan, tmp_path)
    assert kept_plan(tmp_path) == plan
    assert [each.name for each in tmp_path.iterdir()] == [PLAN_FILE]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": 3}', '{"files": [{"path": "x"}]}'])
def test_a_plan_that_was_damaged_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / PLAN_FILE).write_text(content)
    assert kept_plan(tmp_path) is None


@pytest.mark.parametrize("path", ["../../evil", "/etc/x", "a/../../b"])
def test_a_plan_that_would_leave_the_folder_counts_as_none(tmp_path: Path, path: str) -> None:
    keep_plan(Plan("org/model", "main", COMMIT, (PlannedFile("fine", 1, None, None),)), tmp_path)
    told = json.loads((tmp_path / PLAN_FILE).read_text())
    told["files"][0]["path"] = path
    (tmp_path / PLAN_FILE).write_text(json.dumps(told))
    assert kept_plan(tmp_path) is None
