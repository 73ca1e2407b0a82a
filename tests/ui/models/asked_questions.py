"""The functions of the Models tab's script over an engine, tasks and a Hub that are made up; every question with an example."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import SecretStr

from openarc_ui.access import ROLE_HEADER, Access, Role
from openarc_ui.engine.places import Places
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import HubUnreachable, ModelNotFound, TaskNotFound
from openarc_ui.models.results import ModelTask, TaskState
from openarc_ui.models.verifying import Readings
from openarc_ui.ui.models.questions import questions
from openarc_ui.ui.rights import Rights
from tests.browser import models_answers as made_up

DOWNLOAD = {"request": {"kind": "download", "repository": made_up.REPOSITORY}}
CONVERSION = {"request": {"kind": "conversion", "source": "m.gguf", "options": {"weight-format": "int4"}}}
LOOKING: dict[str, dict[str, Any]] = {
    "models_view": {},
    "models_library": {},
    "models_installed": {},
    "models_options": {},
    "models_command": CONVERSION,
}
CHANGING: dict[str, dict[str, Any]] = {
    "models_search": {"words": "qwen"},
    "models_files": DOWNLOAD,
    "models_token": {"token": "hf_secret"},
    "models_download": DOWNLOAD,
    "models_convert": CONVERSION,
    "models_pause": {"task_id": "d1"},
    "models_resume": {"task_id": "d1"},
    "models_cancel": {"task_id": "d1"},
    "models_forget": {"task_id": "d1"},
    "models_sizes": {},
    "models_rename": {"model": "m", "new_name": "other"},
    "models_delete": {"model": "m", "confirm": "m"},
    "models_verify": {"model": "m"},
    "models_verify_stop": {},
    "models_load": {"model": "m"},
    "models_unload": {"model": "m"},
    "models_inspect": {"model": "m"},
}
FREE_BYTES = 10**12


class Tasks:
    """A download that runs and a conversion that is over, and what was asked."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []
        self.number = 7
        self.readings = Readings()
        self.shown: tuple[ModelTask, ...] = (made_up.download(), made_up.conversion("c1", TaskState.FINISHED))

    def tasks(self) -> Sequence[ModelTask]:
        return self.shown

    def revision(self) -> int:
        return self.number

    def busy_names(self) -> tuple[str, ...]:
        return ("busy", *self.readings.names())

    def reading(self, model: str) -> AbstractContextManager[None]:
        return self.readings.of(model)

    def start(self, request: Any) -> ModelTask:
        return self._do("start", request)

    def pause(self, task_id: str) -> ModelTask:
        return self._do("pause", task_id)

    def resume(self, task_id: str) -> ModelTask:
        return self._do("resume", task_id)

    def cancel(self, task_id: str) -> ModelTask:
        return self._do("cancel", task_id)

    def forget(self, task_id: str) -> None:
        self._do("forget", task_id)

    def _do(self, name: str, what: Any) -> ModelTask:
        if what == "other":
            raise TaskNotFound("There is no task 'other'.", "Choose one of the list.")
        self.done.append((name, what))
        return self.shown[0]


class OfflineHub:
    """A Hub that finds what was made up."""

    endpoint = "http://127.0.0.1:9"

    def __init__(self) -> None:
        self.token: SecretStr | None = None
        self.is_offline = False

    @property
    def has_token(self) -> bool:
        return self.token is not None

    def set_token(self, token: SecretStr | None) -> None:
        self.token = token

    def search(self, words: str, *, only_openvino: bool = True, limit: int = 20) -> Sequence[Any]:
        if self.is_offline:
            raise HubUnreachable("The Hub does not answer.", "See whether this machine is online.")
        return made_up.FOUND

    def files(self, repository: str, revision: str = "main") -> Any:
        return made_up.FILES


class FolderEngine:
    """An engine over a folder with one model; loads are kept."""

    def __init__(self, folder: Path) -> None:
        self.model_folder = folder
        self.places = Places(folder, folder / "cache")
        self.loads: list[LoadRequest] = []
        self.entry = SimpleNamespace(
            name="m",
            kind="ir",
            size_bytes=5,
            backends=("genai",),
            ov_config={"KV_CACHE_PRECISION": "f16"},
            problems=(),
            cannot_run={},
        )
        self.catalogue = SimpleNamespace(find=self._find, describe=lambda entry: entry)
        self.preflight = SimpleNamespace(devices=lambda: [SimpleNamespace(name="CPU", full_name="Some CPU")])
        self.loaded: list[Any] = []
        self.unloaded: list[str] = []

    def catalog(self) -> list[Any]:
        return [self.entry]

    def status(self) -> Any:
        return SimpleNamespace(models=self.loaded)

    def load(self, request: LoadRequest) -> Any:
        self.loads.append(request)
        return SimpleNamespace(name=request.model_path, load_seconds=1.2)

    def unload(self, name: str) -> None:
        self.unloaded.append(name)

    def _find(self, name: str) -> Any:
        if name != "m":
            raise ModelNotFound(f"There is no model '{name}'.", "Choose one of the list.")
        return self.entry


class Asking:
    """The functions over these, asked with a key of either role."""

    def __init__(self, folder: Path) -> None:
        self.tasks, self.hub, self.engine = Tasks(), OfflineHub(), FolderEngine(folder)
        engine: Any = self.engine
        tasks: Any = self.tasks
        hub: Any = self.hub
        self.functions = {each.__name__: each for each in questions(engine, tasks, hub, Rights(Access()))}

    def ask(self, name: str, question: Any, role: Role = Role.ADMINISTRATOR) -> dict[str, Any]:
        text = question if isinstance(question, str) else json.dumps(question)
        request = SimpleNamespace(request=SimpleNamespace(base_url="http://host:7860/"), headers={ROLE_HEADER: role})
        asked: Any = self.functions[name](text, request)
        answer = asyncio.run(asked)
        assert isinstance(answer, str)
        return dict(json.loads(answer))
