"""What one download consists of, kept in its folder from the first moment: a resume fetches the same commit, whatever became of the branch."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from openarc_ui.errors import InvalidRequest, nearest
from openarc_ui.models.hub.client import HubFile, RepositoryFiles
from openarc_ui.models.hub.paths import OURS, problem_of_path, usable_paths
from openarc_ui.models.requests import DownloadRequest

PLAN_FILE, PARTS_FOLDER, FILES_FOLDER, RESULT_FOLDER = "plan.json", "parts", "files", "result"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file; without any hash its size is all that can be checked."""

    path: str
    size_bytes: int
    sha256: str | None
    git_sha1: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fetched."""

    repository: str
    revision: str
    commit: str
    files: tuple[PlannedFile, ...]

    @property
    def total_bytes(self) -> int:
        """Of all files."""
        return sum(each.size_bytes for each in self.files)


def plan_of(request: DownloadRequest, files: RepositoryFiles) -> Plan:
    """The files that were named, or those that are needed.

    Raises:
        InvalidRequest: a file that was named is not there or can't be kept; nothing is left to fetch.
    """
    known = {each.path: each for each in files.files}
    for path in request.files:
        if path not in known:
            raise InvalidRequest(f"{files.repository} has no file '{path}'.", nearest(path, known))
        problem = problem_of_path(path)
        if problem is not None:
            raise InvalidRequest(f"The file '{path}' can't be downloaded: its name {problem}.", "Leave it out.")
    named = dict.fromkeys(request.files)
    wanted = [known[path] for path in named] if named else [each for each in files.files if each.is_wanted]
    if len(usable_paths(each.path for each in wanted)) < len(wanted):
        raise InvalidRequest(
            "Two of these files can't stand in one folder: their names are too alike.", "Leave one out."
        )
    if not wanted:
        why = f"There is nothing to use in {files.repository}. {files.words}" if files.words else ""
        raise InvalidRequest(
            why or f"{files.repository} has no files of a model.", "Choose another, or name the files that you want."
        )
    return Plan(files.repository, files.revision, files.commit, tuple(map(_planned, wanted)))


def _planned(file: HubFile) -> PlannedFile:
    return PlannedFile(file.path, file.size_bytes, file.sha256, file.git_sha1)


def keep_plan(plan: Plan, folder: Path) -> None:
    """Write it down in one step.

    Raises:
        OSError: the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f"{PLAN_FILE}.new"
    with new.open("w", encoding="utf-8") as stream:
        json.dump(asdict(plan), stream)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(folder / PLAN_FILE)


def kept_plan(folder: Path) -> Plan | None:
    """The one that was kept; None: there is none, or it is no plan any more."""
    try:
        told = json.loads((folder / PLAN_FILE).read_text(encoding="utf-8"))
        files = tuple(PlannedFile(**each) for each in told.pop("files"))
        plan = Plan(**told, files=files)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
    is_sound = len(usable_paths(each.path for each in files)) == len(files) > 0
    return plan if is_sound else None


def there_bytes(plan: Plan, folder: Path) -> int:
    """How much of it lies in the folder already, whole files and begun ones."""
    return sum(
        file.size_bytes if is_finished(folder, file) else size_of(begun(folder, number))
        for number, file in enumerate(plan.files)
    )


def finished(folder: Path, file: PlannedFile) -> Path:
    """Where a file lies once it is whole and checked."""
    return folder / FILES_FOLDER / file.path


def begun(folder: Path, number: int) -> Path:
    """Where the bytes of a plan's file are collected."""
    return folder / PARTS_FOLDER / f"{number:04}"


def is_finished(folder: Path, file: PlannedFile) -> bool:
    """A file was checked before it came here, so its size says enough."""
    path = finished(folder, file)
    return path.is_file() and path.stat().st_size == file.size_bytes


def finish(plan: Plan, folder: Path, sha256: Mapping[str, str]) -> None:
    """Note what came, and make the result of it in one step.

    Raises:
        OSError: the folder can't be written.
    """
    source = {"kind": "hub", "repository": plan.repository, "revision": plan.revision, "commit": plan.commit}
    files = {each.path: {"size_bytes": each.size_bytes, "sha256": sha256[each.path]} for each in plan.files}
    note = folder / FILES_FOLDER / OURS
    note.write_text(json.dumps({"source": source, "files": files}, indent=1) + "\n", encoding="utf-8")
    (folder / FILES_FOLDER).replace(folder / RESULT_FOLDER)
    shutil.rmtree(folder / PARTS_FOLDER, ignore_errors=True)


def size_of(path: Path) -> int:
    """Of a file, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0
