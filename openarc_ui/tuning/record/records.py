"""A run on disk: what was asked, what was measured, line by line; readable after a kill at any moment.

One folder a run below the tuning folder:

    <run id>/run.json             the request, name, creation, state, notes, sittings, progress (written whole, atomically)
    <run id>/configurations.jsonl one Configuration a line, before its first visit
    <run id>/visits.jsonl         one Visit a line, appended and synced before the run goes on; a torn last line is dropped
    <run id>/qualities.jsonl      one Quality a line, or a Failure, with the configuration's id
    <run id>/search.sqlite3       Optuna's own storage, of sweeps
    <run id>/lock                 held by the process that works on the run
    measuring.lock                held by the process that measures: one at a time on a folder, since two would spoil each other
"""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from openarc_ui.errors import TuningBusy, TuningFolderUnusable, TuningRunNotFound
from openarc_ui.tuning.names import default_name, kind_words
from openarc_ui.tuning.record.lock import RunLock, is_held
from openarc_ui.tuning.record.record_files import as_folder_error, sync_folder, write_whole
from openarc_ui.tuning.record.run_record import HEAD, Kept, head_file
from openarc_ui.tuning.record.run_record import RunRecord as RunRecord
from openarc_ui.tuning.requests import IS_KEPT, RunRequest
from openarc_ui.tuning.results import RunState

logger = logging.getLogger(__name__)

RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
LOCK, MEASURING = "lock", "measuring.lock"
KEPT_OPEN = 16
"""So many runs are not read again while their files stay what they are."""
UNDER_WAY = (RunState.WAITING, RunState.RUNNING)


class Records:
    """All runs below a folder, which is made at the first `create`. Thread-safe.

    Raises (its methods):
        TuningRunNotFound, TuningFolderUnusable.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._read: dict[str, tuple[Any, RunRecord]] = {}

    def create(self, request: RunRequest, machine: Mapping[str, str]) -> RunRecord:
        """A new run's folder."""
        now = time.time()
        run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{secrets.token_hex(3)}"
        folder = self.folder / run_id
        name = request.name or default_name(request)
        kept = Kept(1, run_id, request, name, RunState.WAITING, now, now, dict(machine))
        with as_folder_error():
            folder.mkdir(parents=True)
            try:
                write_whole(folder / HEAD, head_file().dump_json(kept, indent=1))
                sync_folder(self.folder)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)  # no half of a run
                raise
        return RunRecord(folder, kept)

    def ids(self) -> list[str]:
        """Of every run that is there, the newest first."""
        with as_folder_error():
            if not self.folder.exists():
                return []
            names = [each.name for each in self.folder.iterdir()]
        return sorted((name for name in names if self._seems_a_run(name)), reverse=True)

    def open(self, run_id: str) -> RunRecord:
        """A run that is there; the same one again while its files stay what they are. For reading."""
        signature = self.signature(run_id)
        with self._lock:
            known = self._read.pop(run_id, None)
        if known is None or known[0] != signature:
            known = (signature, self.open_anew(run_id))
        with self._lock:
            self._read[run_id] = known
            while len(self._read) > KEPT_OPEN:
                del self._read[next(iter(self._read))]
        return known[1]

    def open_anew(self, run_id: str) -> RunRecord:
        """A run that is there, read from its files. For writing, by who holds its lock."""
        folder = self._folder_of(run_id)
        try:
            with as_folder_error():
                content = (folder / HEAD).read_bytes()
            return RunRecord(folder, head_file().validate_json(content, context={IS_KEPT: True}))
        except ValidationError as error:
            logger.warning("run %s can't be read: %s", run_id, error.errors(include_input=False)[:1])
            raise TuningFolderUnusable(
                f"The run {run_id} can't be read: its {HEAD} is damaged, or of another version of OpenArc.",
                "Delete it, or read it with the OpenArc that wrote it.",
            ) from None

    def signature(self, run_id: str) -> tuple[tuple[str, int, int], ...]:
        """Equal as long as a run's files are what they were; cheap."""
        folder = self._folder_of(run_id)
        with as_folder_error():
            files = sorted(
                each for each in folder.iterdir() if each.suffix in (".json", ".jsonl") and each.name[0] != "."
            )
            return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)

    def lock(self, run_id: str) -> RunLock:
        """Hold a run, so that no other process works on it or deletes it.

        Raises:
            TuningBusy: another one does.
        """
        folder = self._folder_of(run_id)
        with as_folder_error():
            return RunLock(folder / LOCK)

    def lock_measuring(self, mine: str = "") -> RunLock:
        """Hold the whole folder, which is made where it is missing, so that no other process measures at the same time.

        Args:
            mine: id of the run that who asks holds already.

        Raises:
            TuningBusy: another one does; with what, as far as that can be seen.
        """
        with as_folder_error():
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                return RunLock(self.folder / MEASURING)
            except TuningBusy:
                pass  # it is said below, by whom
        raise TuningBusy(
            f"{self._words_of_measuring(mine)} in another process, and only one run can at a time.",
            "Wait until it ends, or pause it there.",
        )

    def _words_of_measuring(self, mine: str) -> str:
        """Which run is held and works, as the beginning of a sentence."""
        for run_id in self.ids():
            # One that goes or can't be read meanwhile is not the one to name.
            with contextlib.suppress(OSError, TuningFolderUnusable, TuningRunNotFound):
                if run_id != mine and is_held(self.folder / run_id / LOCK):
                    record = self.open(run_id)
                    if self.state_of(record) is RunState.RUNNING:
                        return kind_words(record.request.kind, record.name)
        return "A run measures"

    def state_of(self, record: RunRecord, *, is_mine: bool = False) -> RunState:
        """What it is doing. One that was begun and that no process holds was interrupted.

        Args:
            is_mine: who asks holds it, and does not work on it.
        """
        if record.state not in UNDER_WAY:
            return record.state
        with as_folder_error():
            return RunState.INTERRUPTED if is_mine or not is_held(record.folder / LOCK) else RunState.RUNNING

    def glance(self) -> frozenset[tuple[str, int, bool]]:
        """Equal as long as no process has written or let go of any run; cheap enough for every second or two."""
        found: set[tuple[str, int, bool]] = set()
        for run_id in self.ids():
            # What goes meanwhile makes a difference of its own.
            with contextlib.suppress(OSError):
                written_at = (self.folder / run_id / HEAD).stat().st_mtime_ns
                found.add((run_id, written_at, is_held(self.folder / run_id / LOCK)))
        return frozenset(found)

    def delete(self, run_id: str) -> None:
        """Remove a run's folder with all that is in it.

        Raises:
            TuningBusy: somebody works on it.
        """
        folder = self._folder_of(run_id)
        lock = self.lock(run_id)
        try:
            with as_folder_error():
                # Under another name first: what is half deleted is no run.
                leaving = folder.with_name(f".deleted-{run_id}")
                folder.rename(leaving)
                sync_folder(self.folder)
        finally:
            lock.close()
        with as_folder_error():
            shutil.rmtree(leaving)
        with self._lock:
            self._read.pop(run_id, None)

    def _folder_of(self, run_id: str) -> Path:
        if not self._is_run(run_id):
            shown = run_id[:60] if run_id.isprintable() else "?"
            raise TuningRunNotFound(f"There is no tuning run '{shown}'.", "Look at the list of runs.")
        return self.folder / run_id

    def _seems_a_run(self, name: str) -> bool:
        """It is one, or can't be looked into: who reads it is told why, and no other one is less for it."""
        try:
            return self._is_run(name)
        except TuningFolderUnusable:
            return True

    def _is_run(self, run_id: str) -> bool:
        """Only what has the form of an id leads to a folder, so none leads out of this one."""
        if RUN_ID.fullmatch(run_id) is None:
            return False
        folder = self.folder / run_id
        with as_folder_error():
            return not folder.is_symlink() and (folder / HEAD).is_file()
