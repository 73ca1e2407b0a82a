"""The longer answers of the Models tab, as JSON: what changed, the library, the folder, a model looked into."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter

from openarc_ui.engine.catalogue.catalogue import ModelEntry
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest, ModelState
from openarc_ui.models import library, tidy
from openarc_ui.models.hub.client import Hub
from openarc_ui.models.inspection import inspect
from openarc_ui.models.requests import DownloadRequest
from openarc_ui.models.results import ModelTask, TaskState
from openarc_ui.models.starter_files import STARTER_NAMES, Precision
from openarc_ui.models.work.tasks import ModelTasks
from openarc_ui.models.work.usable import NO_MODEL, UNUSABLE
from openarc_ui.profiles import ProfileStore
from openarc_ui.ui.models.verifying import Verifying
from openarc_ui.ui.models.wanted import (
    AskedDelete,
    AskedInspection,
    AskedLibrary,
    AskedName,
    AskedSearch,
    AskedView,
)

Json = dict[str, Any]
TASK: TypeAdapter[ModelTask] = TypeAdapter(ModelTask)
PREPARE = "python -m openarc_ui.models.prepare"


class Desk:
    """What the script asks of the engine, the tasks and the Hub.

    Args:
        engine: whose model folder it is.
        profiles: asked which of them name a model; None: there are none.
    """

    def __init__(self, engine: Engine, tasks: ModelTasks, hub: Hub, profiles: ProfileStore | None = None) -> None:
        self._engine, self._tasks, self._hub, self._profiles = engine, tasks, hub, profiles
        self.verifying = Verifying(engine, tasks)

    def view(self, asked: AskedView, may: Json) -> Json:
        """Tasks, what is loaded, what is verified; only the revision where nothing changed."""
        loaded, loading = self._models_in(ModelState.READY), self._models_in(ModelState.LOADING)
        parts = (self._tasks.revision(), self.verifying.changes(), self._hub.has_token, loaded, loading, asked.log_of)
        folder_revision = self._folder_revision()
        revision = repr((*parts, self._results_mark(), folder_revision, may["may_administer"]))
        if revision == asked.since_revision:
            return {"revision": revision}
        # As over REST: what is fetched and made, from where, is the administrator's to know.
        is_told = may["may_administer"]
        return {
            "revision": revision,
            "folder_revision": folder_revision,
            "tasks": self._told_tasks(asked.log_of) if is_told else [],
            "loaded": loaded,
            "loading": loading,
            "verifying": self.verifying.state() if is_told else None,
            "free_bytes": self.free_bytes(),
            "hub": {"endpoint": self._hub.endpoint, "has_token": is_told and self._hub.has_token},
            **may,
        }

    def _results_mark(self) -> int:
        """Another number as soon as anything came into or went from what tasks made: by a rename or a delete, whoever did it."""
        root = self._engine.model_folder
        finished = [root / each.name for each in self._tasks.tasks() if each.state is TaskState.FINISHED]
        return hash(tuple(_changed_at(Path(path)) for folder in finished for path, _, _ in os.walk(folder)))

    def _folder_revision(self) -> str:
        """Another text as soon as a model came, went or has another name, whoever did it."""
        models = sorted((entry.name, entry.kind) for entry in self._engine.catalog())
        return hashlib.sha256(repr(models).encode()).hexdigest()[:16]

    def _told_tasks(self, log_of: str | None) -> list[Json]:
        tasks = self._tasks.tasks()
        has_results = any(each.state is TaskState.FINISHED for each in tasks)
        entries = self._engine.catalog() if has_results else ()
        return [self.task(each, log_of, entries) for each in tasks]

    def task(self, task: ModelTask, log_of: str | None = None, entries: Sequence[ModelEntry] = ()) -> Json:
        """One task; its log only where that is open.

        Of a finished one also: `result_model`, which of the models it made, where that is one; `can_load`, and in
        `result_problem` why not.
        """
        told: Json = TASK.dump_python(task, mode="json")
        told["result_model"] = _result_model(task.name, entries) if task.state is TaskState.FINISHED else None
        if task.state is TaskState.FINISHED:
            told["notes"] = [each for each in task.notes if not each.startswith(UNUSABLE)]  # how it stands now is told
            told["can_load"], told["result_problem"] = self._can_load(task.name, told["result_model"], entries)
        if task.task_id != log_of:
            told["log"] = []
        return dict(self._engine.places.hidden(told))

    def _can_load(self, folder: str, model: str | None, entries: Sequence[ModelEntry]) -> tuple[bool, str]:
        """Whether a backend can run what a task made, and why not; no reason where it is gone, or is several models."""
        entry = next((each for each in entries if each.name == model), None)
        if entry is not None:
            details = self._engine.catalogue.describe(entry)
            reasons = details.problems or tuple(dict.fromkeys(details.cannot_run.values()))
            return (True, "") if details.backends else (False, " ".join(reasons))
        is_there = (self._engine.model_folder / folder).is_dir()
        is_several = any(each.name.startswith(f"{folder}/") for each in entries)
        return False, NO_MODEL if is_there and not is_several else ""

    def _models_in(self, state: ModelState) -> list[str]:
        """The catalogue's names of the models that stand so."""
        return sorted(model.request.model_path for model in self._engine.status().models if model.state is state)

    def free_bytes(self) -> int | None:
        """Of the disk that the model folder is on; None where that can't be asked."""
        folder = self._engine.model_folder
        try:
            return shutil.disk_usage(folder if folder.exists() else folder.parent).free
        except OSError:
            return None

    def library(self, asked: AskedLibrary) -> Json:
        """Recommended models with their verdicts, and the devices there are."""
        items = library.library(self._engine, asked.device, asked.context_tokens)
        return {
            "items": [{**dataclasses.asdict(item), "prepare_command": prepare_command(item.entry)} for item in items],
            "devices": [{"name": each.name, "label": each.full_name} for each in self._engine.preflight.devices()],
            "device": asked.device,
            "context_tokens": asked.context_tokens,
            "free_bytes": self.free_bytes(),
        }

    def search(self, asked: AskedSearch) -> Json:
        found = self._hub.search(asked.words, only_openvino=asked.only_openvino, limit=asked.limit)
        return {"found": [dataclasses.asdict(each) for each in found], "installed": self._installed()}

    def files(self, request: DownloadRequest) -> Json:
        """A repository's files, and what is to be known before it begins: the free space, the names that are taken."""
        found = self._hub.files(request.repository, request.revision)
        return {
            **dataclasses.asdict(found),
            "wanted_bytes": found.wanted_bytes,
            "free_bytes": self.free_bytes(),
            "names": [entry.name for entry in self._engine.catalog()],
        }

    def sizes(self, may_administer: bool) -> Json:
        """Everything in the model folder; for a key without rights, the models alone."""
        entries = {entry.name: entry for entry in self._engine.catalog()}
        told = []
        for each in tidy.folder_sizes(self._engine, self._tasks.busy_names()):
            if not each.is_model and not may_administer:
                continue
            entry = entries.get(each.name)
            told.append(
                {
                    **dataclasses.asdict(each),
                    "kind": entry.kind if entry is not None else None,
                    "can_run": bool(entry.backends) if entry is not None else False,
                    "problems": list(entry.problems) if entry is not None else [],
                }
            )
        return dict(self._engine.places.hidden({"folders": told, "free_bytes": self.free_bytes()}))

    def rename(self, asked: AskedName) -> Json:
        """Its new name, the profiles that keep the old one, and both in words."""
        naming = self._profiles.naming(self._engine.catalogue, asked.model) if self._profiles is not None else ()
        name = tidy.rename_model(self._engine, asked.model, asked.new_name, self._tasks.busy_names())
        return {"model": name, "profiles": list(naming), "words": tidy.renamed_words(asked.model, name, naming)}

    def delete(self, asked: AskedDelete) -> Json:
        return {"freed_bytes": tidy.delete_model(self._engine, asked.model, asked.confirm, self._tasks.busy_names())}

    def inspect(self, asked: AskedInspection) -> Json:
        with self._tasks.reading(asked.model):
            found = inspect.inspect_model(self._engine, asked.model, asked.parts)
        return dict(self._engine.places.hidden({"inspection": dataclasses.asdict(found)}))

    def load(self, model: str) -> Json:
        """Load it as its makers recommend, as the Load tab would."""
        entry = self._engine.catalogue.find(model)
        info = self._engine.load(LoadRequest(model_path=entry.name, ov_config=dict(entry.ov_config)))
        return {
            "model": info.name,
            "words": f"{info.name} is loaded, in {info.load_seconds:.1f} s, and answers in the Chat tab.",
        }

    def unload(self, model: str) -> Json:
        """Unload a model of the folder, under whatever names it is loaded."""
        names = [each.name for each in self._engine.status().models if each.request.model_path == model]
        for name in names:
            self._engine.unload(name)
        return {"unloaded": names}

    def _installed(self) -> list[str]:
        return [entry.name for entry in self._engine.catalog()]


def prepare_command(entry: library.LibraryEntry) -> str:
    """That makes a starter model by hand; "" for a model of the Hub."""
    precision = next((each for each, name in STARTER_NAMES.items() if name == entry.name), None)
    if precision is None or entry.repository:
        return ""
    usual = get_args(Precision)[0]
    return PREPARE if precision == usual else f"{PREPARE} --precision {precision}"


def _changed_at(folder: Path) -> int:
    """When names in it changed last, in nanoseconds; 0 where it is gone."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _result_model(folder: str, entries: Sequence[ModelEntry]) -> str | None:
    """The catalogue's name of what lies in a task's folder: the folder itself, or its GGUF; None: gone, or several."""
    if any(each.name == folder for each in entries):
        return folder
    below = [each for each in entries if each.name.startswith(f"{folder}/")]
    found = [each for each in below if each.backends] or below
    return found[0].name if len(found) == 1 else None
