"""Files for Gradio's clients, which fetch from Gradio's own folder and from nowhere else: there for ten minutes."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, Literal

import psutil
from gradio.utils import get_upload_folder
from typing_extensions import TypedDict

from openarc_ui.metrics.export import KINDS, ExportFormat, export
from openarc_ui.metrics.queries import filter_of, reading
from openarc_ui.metrics.store import MetricsStore

logger = logging.getLogger(__name__)

PREFIX = "metrics-"
KEPT_FILES = 4
KEPT_SECONDS = 600.0
"""How many exported files are kept to be fetched, and for how long."""


class FileMeta(TypedDict):
    """How Gradio's clients know a file."""

    _type: Literal["gradio.FileData"]


class ExportedFile(TypedDict):
    """A file that a client fetches by itself."""

    path: str
    orig_name: str
    mime_type: str
    meta: FileMeta


class Exports:
    """The files that were made. Gone with the program; those of a program that was killed go when the next one begins."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._made: list[Path] = []
        self._guard = threading.Lock()
        clear_dead(Path(get_upload_folder()))

    def write(self, store: MetricsStore, asked: dict[str, Any], form: ExportFormat) -> ExportedFile:
        """A new file of the requests of a filter; the oldest goes when there are too many."""
        folder = Path(tempfile.mkdtemp(dir=self._place()))
        name = f"openarc-metrics-{time.strftime('%Y%m%d-%H%M%S')}.{KINDS[form].ending}"
        path = folder / name
        try:
            with path.open("wb") as file:
                for piece in export(partial(reading, store), filter_of(**asked), form):
                    file.write(piece)
        except BaseException:
            _remove(folder)
            raise
        self._keep(folder)
        media_type = KINDS[form].media_type.partition(";")[0]
        return {"path": str(path), "orig_name": name, "mime_type": media_type, "meta": {"_type": "gradio.FileData"}}

    def _place(self) -> str:
        with self._guard:
            if self._folder is None or not Path(self._folder.name).is_dir():
                above = Path(get_upload_folder())
                above.mkdir(parents=True, exist_ok=True)
                self._folder = tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=above)
            return self._folder.name

    def _keep(self, folder: Path) -> None:
        with self._guard:
            self._made.append(folder)
            too_many = self._made[:-KEPT_FILES]
        for old in too_many:
            self._forget(old)
        timer = threading.Timer(KEPT_SECONDS, self._forget, (folder,))
        timer.daemon = True
        timer.start()

    def _forget(self, folder: Path) -> None:
        with self._guard:
            if folder not in self._made:
                return
            self._made.remove(folder)
        _remove(folder)


def clear_dead(above: Path, prefix: str = PREFIX) -> None:
    """Remove the folders of programs that did not end by themselves."""
    for folder in above.glob(f"{prefix}*"):
        owner = folder.name.removeprefix(prefix).partition("-")[0]
        if not owner.isdigit() or not psutil.pid_exists(int(owner)):
            _remove(folder)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        logger.warning("An exported file can't be removed: %s.", error.strerror or type(error).__name__)
