"""Locks: one process works on a run and one measures on a folder, looking takes nothing, and a kill lets go."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from openarc_ui import file_locks as lock
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import TuningBusy, TuningFolderUnusable
from openarc_ui.tuning.record.lock import is_held
from openarc_ui.tuning.record.records import Records, RunRecord
from openarc_ui.tuning.requests import Axis, SweepRequest

AXIS = Axis(field="ov_config.NUM_STREAMS", values=(1, 2))


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path / "tuning")


@pytest.fixture
def record(records: Records) -> RunRecord:
    return records.create(SweepRequest(base=LoadRequest(model_path="script"), axes=(AXIS,)), {})


def test_a_run_is_held_by_one_process_only_and_let_go_when_that_is_killed(records: Records, record: RunRecord) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom openarc_ui.tuning.record.records import Records\n"
        "lock = Records(Path(sys.argv[1])).lock(sys.argv[2])\nprint('held', flush=True)\ntime.sleep(60)\n"
    )
    command = [sys.executable, "-c", program, str(records.folder), record.run_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        assert is_held(record.folder / "lock")
        for ask in (records.lock, records.delete):
            with pytest.raises(TuningBusy, match="Another process"):
                ask(record.run_id)
        holder.kill()
        holder.wait()
    assert not is_held(record.folder / "lock")
    records.lock(record.run_id).close()


@pytest.fixture(params=["exact", "shared"])
def looking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How it is looked whether a lock is held: as on Linux, and as where a system has no locks of opened files."""
    if request.param == "shared":
        monkeypatch.setattr(lock, "_of_opened_file", lambda command, handle: None)
    return str(request.param)


@pytest.mark.usefixtures("looking")
def test_looking_whether_it_is_held_keeps_nobody_from_taking_it(records: Records, record: RunRecord) -> None:
    file, stop = record.folder / "lock", threading.Event()
    records.lock(record.run_id).close()

    def look() -> None:
        while not stop.is_set():
            is_held(file)

    looking = [threading.Thread(target=look) for _ in range(2)]
    for thread in looking:
        thread.start()
    try:
        for _ in range(50):
            records.lock(record.run_id).close()
    finally:
        stop.set()
        for thread in looking:
            thread.join()


@pytest.mark.usefixtures("looking")
def test_what_is_held_is_told_at_once_and_by_looking_too(
    records: Records, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(seconds: float) -> None:
        raise AssertionError("It waited for who will not let go.")

    monkeypatch.setattr("openarc_ui.file_locks.time.sleep", impatient)
    with records.lock(record.run_id):
        assert is_held(record.folder / "lock")
        with pytest.raises(TuningBusy, match="Another process works on this run"):
            records.lock(record.run_id)
    assert not is_held(record.folder / "lock")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems can't look without taking")
def test_looking_takes_nothing(records: Records, record: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(handle: int, operation: int) -> None:
        raise AssertionError("It was taken to look whether it is.")

    records.lock(record.run_id).close()
    monkeypatch.setattr("fcntl.flock", taken)
    assert not is_held(record.folder / "lock")
    with records.lock(record.run_id):
        assert is_held(record.folder / "lock")


def test_one_process_measures_on_a_folder_and_the_others_are_told_what(records: Records, record: RunRecord) -> None:
    others = Records(records.folder)
    with records.lock_measuring(), records.lock(record.run_id):
        record.begin_sitting()
        with pytest.raises(
            TuningBusy, match="The sweep 'script: NUM_STREAMS' measures in another process, and only one"
        ):
            others.lock_measuring()
    with others.lock_measuring(), pytest.raises(TuningBusy, match="A run measures in another process"):
        records.lock_measuring()


def test_who_resumes_is_not_told_that_its_own_run_measures(records: Records, record: RunRecord) -> None:
    record.begin_sitting()
    with records.lock_measuring(), records.lock(record.run_id), pytest.raises(TuningBusy, match="A run measures"):
        records.lock_measuring(mine=record.run_id)


def test_a_lock_that_the_system_refuses_is_the_folders_failure(
    records: Records, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.begin_sitting()
    records.lock(record.run_id).close()

    def none_left(command: str, handle: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_of_opened_file", none_left)
    for ask in (
        lambda: records.state_of(record),
        lambda: records.lock(record.run_id),
        lambda: records.delete(record.run_id),
        records.lock_measuring,
    ):
        with pytest.raises(TuningFolderUnusable, match="No locks available"):
            ask()
