"""The runs of one server: one at a time works, in a thread of its own; others are read, resumed, deleted.

Another process, the command line or a second server, may work on runs of the same folder: theirs are seen, and left alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.reservation import Reservation
from openarc_ui.errors import EngineClosed, InvalidRequest, OpenArcError, TuningBusy
from openarc_ui.tuning.answers import settled
from openarc_ui.tuning.checks import check_request
from openarc_ui.tuning.configurations import models_of
from openarc_ui.tuning.machine import describe_machine
from openarc_ui.tuning.names import LONGEST, default_name, kind_words
from openarc_ui.tuning.quality.guard import forget_distributions
from openarc_ui.tuning.record.records import UNDER_WAY, Records, RunRecord
from openarc_ui.tuning.requests import RunRequest
from openarc_ui.tuning.results import Failure, Progress, RunHead, RunState, RunView
from openarc_ui.tuning.views.run_view import head_of, view_of
from openarc_ui.tuning.views.view_cache import ViewCache
from openarc_ui.tuning.work.sitting import MODEL_NAME as MODEL_NAME
from openarc_ui.tuning.work.sitting import Sitting

logger = logging.getLogger(__name__)

GLANCE_SECONDS = 2.0
"""How often at most it is looked whether other processes changed something."""


class TuningRuns:
    """Start, watch and end runs. Thread-safe.

    Raises (its methods):
        TuningRunNotFound: there is no run of that id.
        TuningBusy: another run works, here or in another process on the same folder, or this one does.
        TuningFolderUnusable: the folder can't be read or written.
        EngineBusy: a model is at work, so nothing could be measured now.

    Args:
        converting: names the conversion that works now, which takes the processor from everything that is measured.
    """

    def __init__(self, engine: Engine, folder: Path, converting: Callable[[], str | None] = lambda: None) -> None:
        self._engine, self.folder, self._converting = engine, folder, converting
        self._records = Records(folder)
        self._cache = ViewCache()
        self._starting = threading.Lock()
        self._sitting: Sitting | None = None
        self._unwritten: dict[str, Failure] = {}
        self._heads: dict[str, tuple[object, RunHead]] = {}
        self._changes = 0
        self._glance: object = None
        self._glanced_at = 0.0
        self._is_closed = False
        self.begun = 0
        """How often a run of ours was about to take the lock for measuring."""

    def start(self, request: RunRequest) -> RunHead:
        """Begin a run and return at once; what can be refused without loading anything is.

        A load without an ov_config gets the one that its model recommends, as it would on the Load tab.

        Raises:
            ModelNotFound, DeviceUnavailable, PropertyRejected, InvalidRequest: what is asked for can't be measured.
            EngineClosed.
        """
        request = settled(self._engine, request)
        with self._starting:
            self._require_free()
            check_request(self._engine, request)
            with ExitStack() as undo:
                words = kind_words(request.kind, request.name or default_name(request))
                holder = self._engine.reserve(words, MODEL_NAME, models_of(request))
                undo.callback(self._engine.release, holder)
                locks = undo.enter_context(ExitStack())
                self.begun += 1
                locks.enter_context(self._records.lock_measuring())
                record = self._records.create(request, describe_machine())
                locks.enter_context(self._records.lock(record.run_id))
                sitting = self._sit_down(record, locks, holder)
                undo.pop_all()
            sitting.start()
        return self._head(record.run_id)

    def heads(self) -> Sequence[RunHead]:
        """All runs, the newest first. One whose files can't be read is left out, and logged."""
        found: list[RunHead] = []
        for run_id in self._records.ids():
            try:
                found.append(self._head(run_id))
            except OpenArcError as error:
                logger.debug("run %s is not listed: %s", run_id, error)
        return sorted(found, key=lambda head: head.created_at, reverse=True)

    def view(self, run_id: str) -> RunView:
        """One run, whole, as it is at this moment."""
        sitting = self._sitting
        if sitting is not None and sitting.record.run_id == run_id:
            desk = sitting.desk
            return view_of(sitting.record, RunState.RUNNING, desk.progress, desk.measuring_id, self._cache)
        record = self._records.open(run_id)
        state, problem = self._state_of(record)
        view = view_of(record, state, record.progress, None, self._cache)
        return replace(view, problem=problem)

    def active(self) -> RunHead | None:
        """The run that works now."""
        sitting = self._sitting
        return self._head(sitting.record.run_id) if sitting is not None else None

    def progress(self) -> Progress | None:
        """How far the run is that works now; cheap."""
        sitting = self._sitting
        return sitting.desk.progress if sitting is not None else None

    def revision(self) -> int:
        """Grows whenever something that `heads` or `view` tell has changed; cheap."""
        now = time.monotonic()
        if now - self._glanced_at >= GLANCE_SECONDS:
            self._glanced_at = now
            glance = self._records.glance()
            if glance != self._glance:
                self._glance = glance
                self._changes += 1
        return self._changes

    def cancel(self, run_id: str) -> RunHead:
        """End a run for good; returns once nothing is measured any more. One that does not work is only marked."""
        return self._end(run_id, RunState.CANCELLED)

    def pause(self, run_id: str) -> RunHead:
        """End it so that it can be resumed."""
        return self._end(run_id, RunState.INTERRUPTED)

    def resume(self, run_id: str) -> RunHead:
        """Go on with a run that was interrupted, paused, cancelled or failed, with the time it has left.

        Raises:
            InvalidRequest: it has finished, or its record is damaged.
            ModelNotFound, DeviceUnavailable, PropertyRejected: what it measures is not there any more.
        """
        self._records.signature(run_id)  # first: that there is no such run is so while another works too
        with self._starting:
            self._require_free()
            with ExitStack() as undo:
                locks = undo.enter_context(ExitStack())
                locks.enter_context(self._records.lock(run_id))
                record = self._records.open_anew(run_id)
                _require_resumable(record)
                check_request(self._engine, record.request)
                words = kind_words(record.request.kind, record.name)
                holder = self._engine.reserve(words, MODEL_NAME, models_of(record.request))
                undo.callback(self._engine.release, holder)
                self.begun += 1
                locks.enter_context(self._records.lock_measuring(mine=run_id))
                _note_changes(record, describe_machine())
                sitting = self._sit_down(record, locks, holder)
                undo.pop_all()
            self._unwritten.pop(run_id, None)
            sitting.start()
        return self._head(run_id)

    def rename(self, run_id: str, name: str) -> RunHead:
        """Give it another name.

        Raises:
            InvalidRequest: the name is empty or too long.
        """
        name = " ".join(name.split())
        if not name or len(name) > LONGEST or not name.isprintable():
            raise InvalidRequest(f"A run's name has 1 to {LONGEST} characters.", "Choose another.")
        sitting = self._sitting
        if sitting is not None and sitting.record.run_id == run_id:
            sitting.record.rename(name)
        else:
            with self._starting, self._records.lock(run_id):
                self._records.open_anew(run_id).rename(name)
        self._changed()
        return self._head(run_id)

    def delete(self, run_id: str) -> None:
        """Delete its folder."""
        self._records.delete(run_id)
        self._heads.pop(run_id, None)
        self._unwritten.pop(run_id, None)
        self._changed()

    def wait(self, seconds: float) -> bool:
        """Until nothing works any more; whether that is so."""
        sitting = self._sitting
        return sitting is None or sitting.join(seconds)

    def close(self) -> None:
        """Interrupt what works, so that it can be resumed. Idempotent."""
        self._is_closed = True
        with self._starting:
            sitting = self._sitting
        if sitting is not None:
            sitting.end(RunState.INTERRUPTED)

    def _sit_down(self, record: RunRecord, locks: ExitStack, holder: Reservation) -> Sitting:
        """From now on this run is the one that works; its thread is still to be started."""

        def on_end() -> None:
            if sitting.unwritten is not None:
                self._unwritten[record.run_id] = sitting.unwritten
            self._sitting = None
            self._changed()

        sitting = self._sitting = Sitting(self._engine, holder, record, locks, self._changed, on_end)
        self._changed()
        return sitting

    def _require_free(self) -> None:
        if self._is_closed:
            raise EngineClosed("OpenArc is shutting down.", "Start it again.")
        sitting = self._sitting
        if sitting is not None:
            raise TuningBusy(
                f"{kind_words(sitting.record.request.kind, sitting.record.name)}, and only one run can at a time.",
                "Wait until it ends, or pause it.",
            )
        name = self._converting()
        if name is not None:
            raise TuningBusy(
                f"The conversion to {name} works, so nothing could be measured in peace.",
                "Wait until it ends, or cancel it in the Models tab.",
            )

    def _end(self, run_id: str, state: RunState) -> RunHead:
        """End a run that works here; mark one that works nowhere."""
        with self._starting:  # one that is being started has a thread afterwards
            sitting = self._sitting
        if sitting is not None and sitting.record.run_id == run_id:
            sitting.end(state)
            head = self._head(run_id)
            if head.state is not RunState.INTERRUPTED or state is RunState.INTERRUPTED:
                return head
            # A pause was quicker: what came of it is marked below, as that of an earlier one would be.
        with self._starting, self._records.lock(run_id):
            record = self._records.open_anew(run_id)
            if self._records.state_of(record, is_mine=True) is RunState.INTERRUPTED and record.state is not state:
                if state is RunState.CANCELLED:
                    forget_distributions(record.folder)  # first: a disk that is full has room for the mark then
                record.mark(state)
        self._changed()
        return self._head(run_id)

    def _head(self, run_id: str) -> RunHead:
        sitting = self._sitting
        if sitting is not None and sitting.record.run_id == run_id:
            return head_of(sitting.record, RunState.RUNNING, self._cache)
        signature, known = self._records.signature(run_id), self._heads.get(run_id)
        if known is not None and known[0] == signature:
            return known[1]
        record = self._records.open(run_id)
        state, _ = self._state_of(record)
        head = head_of(record, state, self._cache)
        if state not in UNDER_WAY:
            self._heads[run_id] = (signature, head)
        return head

    def _state_of(self, record: RunRecord) -> tuple[RunState, Failure | None]:
        """What it is doing, and why it failed; also where that could not be written."""
        state, unwritten = self._records.state_of(record), self._unwritten.get(record.run_id)
        if unwritten is not None and state is RunState.INTERRUPTED:
            return RunState.FAILED, unwritten
        return state, record.problem

    def _changed(self) -> None:
        self._changes += 1


def _require_resumable(record: RunRecord) -> None:
    if record.is_damaged:
        raise InvalidRequest("The run's record is damaged, so nothing can be added to it.", "Start a new run.")
    if record.state is RunState.FINISHED:
        raise InvalidRequest("The run has finished.", "Start a new one.")


def _note_changes(record: RunRecord, machine: dict[str, str]) -> None:
    """Say what is not what it was when the run began: its figures are not from one machine then."""
    names = [name for name in {**record.machine, **machine} if record.machine.get(name) != machine.get(name)]
    for name in names:
        record.note(
            f"Resumed on another machine: {name} was {record.machine.get(name, 'not told')}, and is "
            f"{machine.get(name, 'not told')} now."
        )
