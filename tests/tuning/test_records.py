"""A run on disk: what is written is read again, after a kill at any moment too, and no id leads out of the folder."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import TuningFolderUnusable, TuningRunNotFound
from openarc_ui.tuning.record.records import Records, RunRecord
from openarc_ui.tuning.requests import Axis, BenchRequest, ComparisonRequest, SweepRequest, Workload
from openarc_ui.tuning.results import (
    Configuration,
    Failure,
    Greedy,
    Loaded,
    Progress,
    Quality,
    RunState,
    Sample,
    Visit,
    WorkloadSamples,
)

LOAD = LoadRequest(
    model_path="script", ov_config={"NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "X": True, "Y": 1.0}
)
REQUEST = SweepRequest(base=LOAD, axes=(Axis(field="ov_config.NUM_STREAMS", values=(1, 2, None)),))
CONFIGURATION = Configuration("abc", "2 streams", LOAD, {"ov_config.NUM_STREAMS": 2, "backend": None})
SAMPLE = Sample(1.5, 2.5, 0.1, None, 33.3, 0.03, 2.0, 50.0, 128, 64, 0.25)
LOADED = Loaded("genai", "CPU", ("CPU",), {"A": "b"}, {"cache_size": 1, "dynamic_split_fuse": None}, {"o": "1"}, "id")
VISIT = Visit(
    "abc",
    1,
    10.0,
    20.0,
    1.25,
    10**9,
    None,
    (WorkloadSamples("chat", SAMPLE, (SAMPLE, SAMPLE)),),
    LOADED,
    (Greedy("Prompt\r\n\u2028", (1, 2), "Réponse \U0001f600"),),
    None,
)
FAILED_VISIT = replace(VISIT, round_number=2, loaded=None, failure=Failure("load", "model_load_failed", "No.", "Hint."))
QUALITY = Quality("abc", "ref", 0.1, 0.2, 0.9, 16.3, 16.2, None, 512, 0.5, (), "so", True, "words", 3.0)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path / "tuning")


@pytest.fixture
def record(records: Records) -> RunRecord:
    return records.create(REQUEST, {"Processor": "Some"})


def written(record: RunRecord) -> RunRecord:
    record.begin(CONFIGURATION)
    record.add_visit(VISIT)
    record.add_visit(FAILED_VISIT)
    record.add_quality("abc", QUALITY)
    record.add_quality("def", Failure("quality", "worker_died", "It died."))
    record.prune("abc")
    record.note("Something.")
    return record


def test_what_is_written_is_read_again_with_its_types(records: Records, record: RunRecord) -> None:
    written(record)
    read = Records(records.folder).open(record.run_id)
    assert read.request == REQUEST and type(read.request) is SweepRequest
    assert list(read.configurations) == [CONFIGURATION]
    assert list(read.visits) == [VISIT, FAILED_VISIT]
    assert read.qualities == {"abc": QUALITY, "def": Failure("quality", "worker_died", "It died.")}
    assert (read.pruned, read.notes, read.machine) == (frozenset({"abc"}), ("Something.",), {"Processor": "Some"})
    values = read.configurations[0].load.ov_config
    assert [type(each) for each in values.values()] == [int, str, bool, float]
    assert read.created_at == record.created_at and read.updated_at >= record.created_at


@pytest.mark.parametrize(
    "request_of_it",
    [
        BenchRequest(configuration=LOAD, workloads=(Workload(name="own", prompts=("Why?",)),)),
        ComparisonRequest(a=LOAD, b=LOAD),
    ],
)
def test_every_kind_of_request_is_read_again(records: Records, request_of_it: Any) -> None:
    made = records.create(request_of_it, {})
    assert Records(records.folder).open(made.run_id).request == request_of_it


def test_the_folder_is_made_at_the_first_run_and_not_before(tmp_path: Path) -> None:
    records = Records(tmp_path / "a" / "tuning")
    assert records.ids() == [] and not records.folder.exists()
    made = records.create(REQUEST, {})
    assert records.ids() == [made.run_id]


def test_a_configuration_is_kept_once_and_so_is_a_note(record: RunRecord) -> None:
    for _ in range(2):
        record.begin(CONFIGURATION)
        record.note("Something.")
        record.prune("abc")
    record.begin(replace(CONFIGURATION, label="other words"))
    assert [each.label for each in record.configurations] == ["2 streams"]
    assert record.notes == ("Something.",) and record.pruned == {"abc"}


def test_the_last_word_on_a_quality_counts(record: RunRecord) -> None:
    record.add_quality("abc", Failure("quality", "worker_died", "It died."))
    record.add_quality("abc", QUALITY)
    assert record.qualities == {"abc": QUALITY}


@pytest.mark.parametrize("lost", [1, 2, 40])
def test_a_torn_last_line_is_dropped_and_the_next_stands_in_its_place(
    records: Records, record: RunRecord, lost: int, caplog: pytest.LogCaptureFixture
) -> None:
    written(record)
    file = record.folder / "visits.jsonl"
    os.truncate(file, file.stat().st_size - lost)
    read = records.open_anew(record.run_id)
    assert list(read.visits) == [VISIT] and not read.is_damaged
    assert "torn" in caplog.text
    read.add_visit(FAILED_VISIT)
    assert list(records.open_anew(record.run_id).visits) == [VISIT, FAILED_VISIT]


def test_a_last_line_of_zeros_as_after_a_power_cut_is_dropped(records: Records, record: RunRecord) -> None:
    written(record)
    with (record.folder / "visits.jsonl").open("ab") as file:
        file.write(b"\0" * 30 + b"\n")
    read = records.open_anew(record.run_id)
    assert list(read.visits) == [VISIT, FAILED_VISIT] and not read.is_damaged
    read.add_visit(VISIT)
    assert list(records.open_anew(record.run_id).visits) == [VISIT, FAILED_VISIT, VISIT]


def test_a_line_in_the_middle_that_cant_be_read_fails_its_run_and_no_other(records: Records, record: RunRecord) -> None:
    other = written(records.create(REQUEST, {}))
    written(record)
    file = record.folder / "visits.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b'{"configuration_id": 7}\n' + b"".join(lines[1:]))
    read = records.open(record.run_id)
    assert records.state_of(read) is RunState.FAILED
    assert read.problem is not None and read.problem.message == "Line 1 of visits.jsonl can't be read."
    assert list(read.visits) == [FAILED_VISIT]
    assert records.open(other.run_id).problem is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 2}', b"\0" * 10])
def test_a_damaged_head_is_told_in_words_and_can_be_deleted(
    records: Records, record: RunRecord, content: bytes
) -> None:
    (record.folder / "run.json").write_bytes(content)
    with pytest.raises(TuningFolderUnusable, match="is damaged"):
        records.open(record.run_id)
    records.delete(record.run_id)
    assert records.ids() == []


@pytest.mark.parametrize(
    "run_id", ["", ".", "..", "../x", "a/b", "20260101-000000-abcdef", "20260101-000000-abcdef\n", "\0", "x" * 9000]
)
def test_no_id_leads_out_of_the_folder(records: Records, record: RunRecord, run_id: str) -> None:
    (records.folder.parent / "x").mkdir()
    (records.folder.parent / "x" / "run.json").write_text("{}")
    for ask in (records.open, records.delete, records.lock, records.signature):
        with pytest.raises(TuningRunNotFound):
            ask(run_id)
    assert (records.folder.parent / "x" / "run.json").exists()


def test_only_a_runs_own_folder_is_listed_or_deleted(records: Records, record: RunRecord, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "run.json").write_bytes((record.folder / "run.json").read_bytes())
    link = records.folder / "20260101-000000-abcdef"
    link.symlink_to(elsewhere)
    (records.folder / "20260101-000001-abcdef").mkdir()
    (records.folder / "notes").mkdir()
    assert records.ids() == [record.run_id]
    with pytest.raises(TuningRunNotFound):
        records.delete(link.name)
    records.delete(record.run_id)
    assert sorted(each.name for each in records.folder.iterdir()) == sorted(
        [link.name, "20260101-000001-abcdef", "notes"]
    )
    assert (elsewhere / "run.json").exists()


def test_who_holds_it_tells_a_run_that_works_from_one_that_was_interrupted(records: Records, record: RunRecord) -> None:
    record.begin_sitting()
    read = records.open(record.run_id)
    assert records.state_of(read) is RunState.INTERRUPTED
    lock = records.lock(record.run_id)
    assert records.state_of(read) is RunState.RUNNING
    lock.close()
    assert records.state_of(read) is RunState.INTERRUPTED
    record.end_sitting(RunState.FINISHED)
    assert records.state_of(records.open(record.run_id)) is RunState.FINISHED


def test_the_folder_is_synced_whenever_a_file_appears_in_it(
    records: Records, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def noted(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    record.rename("other")
    assert synced == [record.run_id], "the head was replaced"
    record.add_visit(VISIT)
    assert synced == [record.run_id] * 3, "the first visit's file, and the head"
    record.add_visit(VISIT)
    assert synced == [record.run_id] * 4, "the head only"
    made = records.create(REQUEST, {})
    assert synced[4:] == [made.run_id, records.folder.name]
    records.delete(made.run_id)
    assert synced[6:] == [records.folder.name]


@pytest.mark.parametrize(("reason", "is_told"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_syncs_files_only_is_no_failure(
    record: RunRecord, monkeypatch: pytest.MonkeyPatch, reason: int, is_told: bool
) -> None:
    real = os.fsync

    def files_only(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(reason, os.strerror(reason))
        real(handle)

    monkeypatch.setattr(os, "fsync", files_only)
    if is_told:
        with pytest.raises(TuningFolderUnusable):
            record.rename("other")
    else:
        record.rename("other")
        assert record.name == "other"


def test_a_refusal_that_holds_no_more_is_forgotten(records: Records, record: RunRecord) -> None:
    refusal = Failure("check", "model_not_found", "It is not there.")
    record.begin(CONFIGURATION)
    record.add_quality("abc", refusal)
    assert list(record.refused) == [CONFIGURATION]
    record.forget_refusal("abc")
    read = records.open_anew(record.run_id)
    assert list(read.refused) == [] and read.qualities == {}
    record.add_quality("abc", QUALITY)
    assert record.qualities == {"abc": QUALITY} and list(record.refused) == []


def test_only_work_counts_as_time_and_a_kill_costs_what_came_after_the_last_line(
    records: Records, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("openarc_ui.tuning.record.run_record.time.monotonic", lambda: now)
    record.begin_sitting()
    now += 10
    record.add_visit(VISIT)
    now += 5
    assert record.elapsed_seconds() == pytest.approx(15)
    again = records.open_anew(record.run_id)
    assert again.elapsed_seconds() == pytest.approx(10)
    now += 500
    again.begin_sitting()
    now += 3
    again.tell(Progress("Exploring", "x", 1, None, 0.0, 60.0))
    again.end_sitting(RunState.INTERRUPTED)
    now += 500
    assert again.elapsed_seconds() == pytest.approx(13)
    read = records.open_anew(record.run_id)
    assert read.progress.elapsed_seconds == pytest.approx(13) and read.progress.phase == "Exploring"


def test_a_disk_that_is_full_is_told_and_leaves_no_half_line(
    records: Records, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.add_visit(VISIT)
    real = os.write

    def write_half(handle: int, content: bytes) -> int:
        if len(content) > 100:
            return real(handle, content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write_half)
        with pytest.raises(TuningFolderUnusable, match="No space left") as caught:
            record.add_visit(FAILED_VISIT)
    assert str(records.folder) not in caught.value.message + caught.value.hint
    assert list(record.visits) == [VISIT]
    record.add_visit(FAILED_VISIT)
    assert list(records.open_anew(record.run_id).visits) == [VISIT, FAILED_VISIT]


def test_a_run_that_cant_be_written_whole_leaves_nothing(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(TuningFolderUnusable, match="No space left"):
            records.create(REQUEST, {})
    assert list(records.folder.iterdir()) == []


def test_a_run_that_cant_be_looked_into_is_told_and_spoils_the_list_of_no_other(
    records: Records, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, real = records.create(REQUEST, {}), Path.is_file

    def not_for_us(file: Path) -> bool:
        if file.parent.name == other.run_id:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(file)

    monkeypatch.setattr(Path, "is_file", not_for_us)
    assert set(records.ids()) == {record.run_id, other.run_id}
    assert records.open(record.run_id).run_id == record.run_id
    with pytest.raises(TuningFolderUnusable, match="Permission denied"):
        records.open(other.run_id)


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "tuning").write_text("x")
    records = Records(tmp_path / "tuning")
    for ask in (lambda: records.create(REQUEST, {}), records.ids):
        with pytest.raises(TuningFolderUnusable):
            ask()


def test_a_value_that_could_not_be_read_again_is_not_written(records: Records, record: RunRecord) -> None:
    with pytest.raises(ValidationError):
        record.add_visit(replace(VISIT, began_at=float("nan")))
    assert list(records.open_anew(record.run_id).visits) == []


def test_what_others_write_is_seen_and_what_nobody_wrote_is_not_read_again(records: Records, record: RunRecord) -> None:
    reader = Records(records.folder)
    first = reader.open(record.run_id)
    assert reader.open(record.run_id) is first
    record.add_visit(VISIT)
    second = reader.open(record.run_id)
    assert second is not first and list(second.visits) == [VISIT]


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (BenchRequest(configuration=LOAD), "script on CPU"),
        (BenchRequest(configuration=LOAD, name=" mine "), "mine"),
        (REQUEST, "script: NUM_STREAMS"),
        (ComparisonRequest(a=LOAD, b=LOAD), "script against itself"),
        (ComparisonRequest(a=LOAD, b=LOAD.model_copy(update={"device": "GPU"})), "script: device"),
        (ComparisonRequest(a=LOAD, b=LoadRequest(model_path="folder/other")), "script against other"),
    ],
)
def test_a_run_without_a_name_is_called_by_what_it_measures(records: Records, asked: Any, name: str) -> None:
    assert records.create(asked, {}).name == name
