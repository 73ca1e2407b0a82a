"""The real desk over a scripted engine and a real record: what goes wrong beside a measurement, and whose fault it is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import EngineClosed, InvalidRequest, OpenArcError, TuningFolderUnusable
from openarc_ui.tuning.configurations import configuration_of
from openarc_ui.tuning.desk import RunStopped, time_over
from openarc_ui.tuning.record.records import Records, RunRecord
from openarc_ui.tuning.requests import BenchRequest, QualityOptions, Workload
from openarc_ui.tuning.results import Failure, Quality
from openarc_ui.tuning.work import desk_work
from openarc_ui.tuning.work.desk_work import DeskWork
from tests.conftest import write_script

SMALL = Workload(name="small", prompt_tokens=20, generated_tokens=8)
LOAD = LoadRequest(model_path="script")
MINE, OTHER = configuration_of(LOAD), configuration_of(LOAD.model_copy(update={"ov_config": {"NUM_STREAMS": 1}}))


class Room:
    """A desk and what is behind it."""

    def __init__(self, engine: Engine, record: RunRecord) -> None:
        self.engine, self.record, self.stopping = engine, record, threading.Event()
        self.desk = DeskWork(engine, engine.reserve("The test measures", "tuning"), record, self.stopping, lambda: None)


@pytest.fixture
def room(make_engine: Callable[..., Engine], tmp_path: Path) -> Room:
    write_script(tmp_path / "models" / "script", replies=[{"text": "one two three", "token_seconds": 0.001}])
    request = BenchRequest(configuration=LOAD, workloads=(SMALL,), quality=QualityOptions(prompts=1))
    record = Records(tmp_path / "runs").create(request, {})
    record.begin_sitting()
    return Room(make_engine(), record)


def test_a_visit_goes_on_where_how_far_it_is_can_not_be_written(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The stages of a load are said from the engine's own thread, so a full disk there once held the load up for good."""

    def refuse(*_: object) -> None:
        raise TuningFolderUnusable("The folder of the tuning runs can't be used: No space left on device.")

    monkeypatch.setattr(desk_work, "TELL_SECONDS", 0.0)
    monkeypatch.setattr(RunRecord, "tell", refuse)
    with caplog.at_level(logging.WARNING):
        visit = room.desk.visit(MINE, [SMALL], 1, 1)
    assert visit.failure is None and room.record.visits == (visit,)
    assert "could not be written: The folder of the tuning runs can't be used" in caplog.text


def test_a_visit_that_can_not_be_kept_ends_the_run(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise TuningFolderUnusable("No room.")

    monkeypatch.setattr(RunRecord, "add_visit", refuse)
    with pytest.raises(TuningFolderUnusable):
        room.desk.visit(MINE, [SMALL], 1, 1)
    assert not room.engine.status().models


def test_a_visit_whose_time_was_over_is_recorded_as_that(room: Room) -> None:
    visit = room.desk.visit(MINE, [SMALL], 1, 1, deadline=time.monotonic() - 1)
    assert visit.failure == time_over("load")
    assert room.record.visits == (visit,)


def test_a_comparison_whose_time_was_over_is_recorded_as_that(room: Room) -> None:
    assert room.desk.quality(MINE, OTHER, deadline=time.monotonic() - 1) == time_over("quality")
    assert room.record.qualities == {MINE.configuration_id: time_over("quality")}


def test_texts_are_compared_and_kept(room: Room) -> None:
    for each in (MINE, OTHER):
        room.desk.visit(each, [SMALL], 1, 1, with_greedy=True)
    found = room.desk.quality(MINE, OTHER)
    assert isinstance(found, Quality) and found.changes_text is False
    assert room.record.qualities == {MINE.configuration_id: found}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("math domain error"), "internal_error"),
        (MemoryError(), "internal_error"),
        (InvalidRequest("No.", "Why not?"), "invalid_request"),
    ],
    ids=repr,
)
def test_whatever_goes_wrong_with_one_text_is_its_own_result(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, code: str
) -> None:
    monkeypatch.setattr(desk_work, "compare_texts", raising(error))
    found = room.desk.quality(MINE, OTHER)
    assert isinstance(found, Failure) and (found.stage, found.code) == ("quality", code)
    assert "math" not in found.message
    assert room.record.qualities == {MINE.configuration_id: found}
    assert bool(caplog.records) is not isinstance(error, OpenArcError)


@pytest.mark.parametrize(
    ("error", "comes"),
    [
        (RunStopped(), RunStopped),
        (EngineClosed("It ends."), RunStopped),
        (TuningFolderUnusable("No room."), TuningFolderUnusable),
    ],
    ids=repr,
)
def test_what_is_no_matter_of_one_text_ends_the_run(
    room: Room, monkeypatch: pytest.MonkeyPatch, error: Exception, comes: type[Exception]
) -> None:
    monkeypatch.setattr(desk_work, "compare_texts", raising(error))
    with pytest.raises(comes):
        room.desk.quality(MINE, OTHER)
    assert room.record.qualities == {}


def raising(error: Exception) -> Callable[..., Any]:
    """Something that always fails like that."""

    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail
