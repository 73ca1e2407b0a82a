"""Runs on the real engine with the scripted backend: started, ended at any moment, resumed, and always the machine given back."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import (
    EngineBusy,
    EngineClosed,
    EngineReserved,
    InvalidRequest,
    ModelNotFound,
    OpenArcError,
    TuningBusy,
    TuningFolderUnusable,
    TuningRunNotFound,
)
from openarc_ui.tuning.configurations import configuration_of
from openarc_ui.tuning.desk import RunStopped
from openarc_ui.tuning.record.records import Records, RunRecord
from openarc_ui.tuning.requests import Axis, BenchRequest, ComparisonRequest, QualityOptions, SweepRequest, Workload
from openarc_ui.tuning.results import Failure, RunState, Visit
from openarc_ui.tuning.runs import MODEL_NAME, TuningRuns
from openarc_ui.tuning.work import sitting
from tests.conftest import ask, write_script

LOAD = LoadRequest(model_path="script")
SHORT = Workload(name="short", prompt_tokens=8, generated_tokens=4)
REPLIES = [{"text": "one two three four", "token_seconds": 0.001, "prefill_seconds": 0.002}]
ENDLESS = [{"text": "word " * 4000, "token_seconds": 0.02}]
BENCH = BenchRequest(configuration=LOAD, workloads=(SHORT,), repetitions=2)
LONG = BenchRequest(
    configuration=LOAD, workloads=(Workload(name="long", prompt_tokens=8, generated_tokens=3000),), repetitions=1
)
MANY = BenchRequest(configuration=LOAD, workloads=(SHORT,), repetitions=1, loads=5)


@pytest.fixture
def engine(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    write_script(tmp_path / "models" / "script", replies=REPLIES)
    return make_engine()


@pytest.fixture
def runs(engine: Engine, tmp_path: Path) -> Iterator[TuningRuns]:
    made = TuningRuns(engine, tmp_path / "tuning")
    yield made
    made.close()


class Waiting:
    """A desk at which the run stands still from so many visits on, until it is to end."""

    def __init__(self, desk: Any, record: RunRecord, visits: int) -> None:
        self._desk, self._record, self._visits = desk, record, visits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)

    def visit(self, *asked: Any, **named: Any) -> Visit:
        while len(self._record.visits) >= self._visits:
            self._desk.elapsed_seconds()
            time.sleep(0.005)
        visit: Visit = self._desk.visit(*asked, **named)
        return visit


def stand_still(patched: pytest.MonkeyPatch, visits: int = 0) -> None:
    """A bench that no machine ends by itself, however long the test takes to look."""
    real = sitting.RUNNERS["bench"]
    patched.setitem(
        sitting.RUNNERS, "bench", lambda request, desk, record: real(request, Waiting(desk, record, visits), record)
    )


def until(is_so: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ended(runs: TuningRuns, run_id: str) -> RunState:
    assert runs.wait(90)
    until(lambda: runs.active() is None)
    return runs.view(run_id).head.state


def test_a_bench_runs_and_is_kept(runs: TuningRuns, engine: Engine, tmp_path: Path) -> None:
    assert not runs.folder.exists()
    head = runs.start(BENCH)
    assert (head.state, head.kind, head.name) == (RunState.RUNNING, "bench", "script on CPU")
    assert ended(runs, head.run_id) is RunState.FINISHED
    view = runs.view(head.run_id)
    assert view.results[0].figures["short"]["ttft_seconds"].count == 2
    assert view.machine["openarc"] and view.progress.now == "" and view.progress.elapsed_seconds > 0
    assert engine.status().models == () and engine.status().reserved is None
    again = TuningRuns(engine, tmp_path / "tuning")
    assert [each.run_id for each in again.heads()] == [head.run_id]
    assert again.view(head.run_id).results == view.results


def test_a_sweep_and_a_comparison_run_too(runs: TuningRuns) -> None:
    quality = QualityOptions(is_wanted=False)
    head = runs.start(
        ComparisonRequest(a=LOAD, b=LOAD, workload=SHORT, repetitions=1, least_rounds=3, most_rounds=3, quality=quality)
    )
    assert ended(runs, head.run_id) is RunState.FINISHED, runs.view(head.run_id).problem
    axis = Axis(field="ov_config.INFERENCE_NUM_THREADS", values=(1, 2))
    head = runs.start(
        SweepRequest(
            base=LOAD,
            axes=(axis,),
            workload=SHORT,
            repetitions=1,
            budget_minutes=0.5,
            tightness_percent=100,
            quality=quality,
        )
    )
    assert ended(runs, head.run_id) is RunState.FINISHED, runs.view(head.run_id).problem
    assert len(runs.view(head.run_id).results) >= 2


def test_meanwhile_everybody_else_is_refused_with_its_name(runs: TuningRuns, engine: Engine, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "other", replies=ENDLESS)
    write_script(tmp_path / "models" / "script", replies=ENDLESS)
    engine.load(LoadRequest(model_path="other"))
    head = runs.start(LONG.model_copy(update={"name": "threads"}))
    with pytest.raises(EngineReserved, match="The bench 'threads' measures, and everything else would spoil it"):
        engine.submit(ask("Hi"))
    with pytest.raises(TuningBusy, match="The bench 'threads' measures"):
        runs.start(BENCH)
    assert engine.status().default_model == "other"
    active = runs.active()
    assert active is not None and active.run_id == head.run_id
    runs.cancel(head.run_id)
    (told,) = [
        note for note in runs.view(head.run_id).notes if note.startswith("While this was measured, another model")
    ]
    assert re.search(r"stayed loaded and answered nobody: other\. It takes [1-9][\d,]* MB of memory\.$", told)
    assert engine.submit(ask("Hi", max_new_tokens=2)).result(timeout=10).model == "other"


def test_other_models_are_unloaded_where_that_is_wanted(runs: TuningRuns, engine: Engine) -> None:
    engine.load(LoadRequest(model_path="script", name="other"))
    head = runs.start(BENCH.model_copy(update={"unload_others": True}))
    assert ended(runs, head.run_id) is RunState.FINISHED
    assert engine.status().models == ()
    notes = runs.view(head.run_id).notes
    assert "Unloaded first, and not loaded again when the run ends: other." in notes
    assert not any("stay" in note for note in notes)


@pytest.mark.parametrize("how", ["cancel", "pause"])
def test_it_ends_in_the_middle_of_a_load(runs: TuningRuns, engine: Engine, tmp_path: Path, how: str) -> None:
    write_script(tmp_path / "models" / "script", load_seconds=30.0)
    head = runs.start(BENCH)
    until(lambda: any(model.name == MODEL_NAME for model in engine.status().models))
    began = time.monotonic()
    state = getattr(runs, how)(head.run_id).state
    assert state is (RunState.CANCELLED if how == "cancel" else RunState.INTERRUPTED)
    assert time.monotonic() - began < 15
    assert engine.status().models == () and engine.status().reserved is None
    assert runs.view(head.run_id).results[0].visits == 0


def test_it_ends_in_the_middle_of_an_answer(runs: TuningRuns, engine: Engine, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", replies=ENDLESS)
    head = runs.start(LONG)
    until(lambda: any(model.running for model in engine.status().models))
    began = time.monotonic()
    assert runs.cancel(head.run_id).state is RunState.CANCELLED
    assert time.monotonic() - began < 15
    assert engine.status().models == ()
    assert runs.cancel(head.run_id).state is RunState.CANCELLED


def test_a_paused_run_goes_on_where_it_was_and_the_pause_is_no_time(
    runs: TuningRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        stand_still(patched, visits=2)
        head = runs.start(MANY)
        until(lambda: runs.view(head.run_id).results and runs.view(head.run_id).results[0].visits == 2)
        assert runs.pause(head.run_id).state is RunState.INTERRUPTED
    assert runs.view(head.run_id).results[0].visits == 2
    worked = runs.view(head.run_id).progress.elapsed_seconds
    time.sleep(0.3)
    assert runs.view(head.run_id).progress.elapsed_seconds == worked
    assert runs.resume(head.run_id).state is RunState.RUNNING
    assert ended(runs, head.run_id) is RunState.FINISHED
    assert runs.view(head.run_id).results[0].visits == 5
    kept = Records(runs.folder).open(head.run_id)
    assert len(kept.visits) == 5 and [visit.round_number for visit in kept.visits] == list(range(1, 6))


def test_a_run_that_is_over_is_not_resumed_and_one_that_is_not_known_is_none(runs: TuningRuns) -> None:
    head = runs.start(BENCH)
    assert ended(runs, head.run_id) is RunState.FINISHED
    with pytest.raises(InvalidRequest, match="has finished"):
        runs.resume(head.run_id)
    assert runs.cancel(head.run_id).state is RunState.FINISHED
    for do in (runs.view, runs.cancel, runs.pause, runs.resume, runs.delete, lambda run_id: runs.rename(run_id, "x")):
        with pytest.raises(TuningRunNotFound):
            do("../tuning")


def test_a_run_that_is_not_known_is_none_while_another_works_too(
    runs: TuningRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        stand_still(patched)
        head = runs.start(MANY)
        with pytest.raises(TuningRunNotFound):
            runs.resume("20200101-000000-abcdef")
        runs.cancel(head.run_id)


def test_closing_interrupts_and_nothing_is_begun_afterwards(
    runs: TuningRuns, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_still(monkeypatch)
    head = runs.start(MANY)
    runs.close()
    runs.close()
    assert runs.view(head.run_id).head.state is RunState.INTERRUPTED
    assert engine.status().reserved is None
    with pytest.raises(EngineClosed):
        runs.start(BENCH)


def test_an_engine_that_closes_first_leaves_it_interrupted_or_failed_and_never_running(
    runs: TuningRuns, engine: Engine
) -> None:
    head = runs.start(MANY)
    until(lambda: engine.status().models)
    engine.close()
    assert ended(runs, head.run_id) is not RunState.RUNNING


@pytest.mark.parametrize(
    ("request_of_it", "error", "words"),
    [
        (BenchRequest(configuration=LoadRequest(model_path="skript")), ModelNotFound, "script"),
        (ComparisonRequest(a=LOAD, b=LoadRequest(model_path="none")), ModelNotFound, "none"),
        (
            SweepRequest(base=LOAD, axes=(Axis(field="model_path", values=("none", "nothing")),)),
            ModelNotFound,
            "none",
        ),
        (SweepRequest(base=LOAD, axes=(Axis(field="scheduler.cash_size", values=(1,)),)), InvalidRequest, "cache_size"),
        (SweepRequest(base=LOAD, axes=(Axis(field="backend", values=("gen",)),)), InvalidRequest, "genai"),
    ],
)
def test_what_cant_be_measured_at_all_is_refused_before_anything_happens(
    runs: TuningRuns, engine: Engine, request_of_it: Any, error: type[OpenArcError], words: str
) -> None:
    with pytest.raises(error) as caught:
        runs.start(request_of_it)
    assert words in caught.value.message + caught.value.hint
    assert not runs.folder.exists() and engine.status().reserved is None and runs.active() is None


def test_one_value_that_cant_be_loaded_is_a_result(runs: TuningRuns) -> None:
    quality = QualityOptions(is_wanted=False)
    head = runs.start(
        SweepRequest(
            base=LOAD,
            axes=(Axis(field="model_path", values=("script", "none")),),
            workload=SHORT,
            repetitions=1,
            budget_minutes=0.5,
            tightness_percent=100,
            quality=quality,
        )
    )
    assert ended(runs, head.run_id) is RunState.FINISHED, runs.view(head.run_id).problem
    failures = [each.failure for each in runs.view(head.run_id).results if each.failure is not None]
    assert [failure.code for failure in failures] == ["model_not_found"]


def test_a_machine_at_work_is_not_taken(runs: TuningRuns, engine: Engine, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", replies=ENDLESS)
    engine.load(LOAD)
    with engine.submit(ask("Hi", max_new_tokens=3000)), pytest.raises(EngineBusy, match="answering"):
        runs.start(BENCH)
    assert not runs.folder.exists()


def test_a_folder_that_cant_be_written_gives_the_machine_back(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    runs = TuningRuns(engine, tmp_path / "file")
    with pytest.raises(TuningFolderUnusable):
        runs.start(BENCH)
    assert engine.status().reserved is None and runs.active() is None


def test_a_worker_that_crashes_is_a_result_and_not_the_end(runs: TuningRuns, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", replies=[{**REPLIES[0], "crash_after_tokens": 40}])
    head = runs.start(LONG)
    assert ended(runs, head.run_id) is RunState.FINISHED
    failure = runs.view(head.run_id).results[0].failure
    assert failure is not None and failure.code == "worker_died"


def test_a_mistake_of_ours_fails_the_run_without_its_details(
    runs: TuningRuns, engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def blunder(*_: Any) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setitem(sitting.RUNNERS, "bench", blunder)
    head = runs.start(BENCH)
    assert ended(runs, head.run_id) is RunState.FAILED
    problem = runs.view(head.run_id).problem
    assert problem is not None and problem.code == "internal_error" and "secret" not in str(problem)
    assert "a secret" in caplog.text and "Traceback" in caplog.text
    assert engine.status().reserved is None


def test_a_disk_that_fills_up_fails_the_run_in_words_and_it_can_go_on_later(
    runs: TuningRuns, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        def fill(request: Any, desk: Any, record: Any) -> None:
            patched.setattr("openarc_ui.tuning.record.record_files.os.fsync", full)
            desk.note("One word more.")

        patched.setitem(sitting.RUNNERS, "bench", fill)
        head = runs.start(BENCH)
        assert ended(runs, head.run_id) is RunState.FAILED
    view = runs.view(head.run_id)
    assert view.problem is not None and "No space left" in view.problem.message
    assert runs.heads()[0].state is RunState.FAILED
    assert engine.status().reserved is None
    runs.resume(head.run_id)
    assert ended(runs, head.run_id) is RunState.FINISHED
    assert runs.view(head.run_id).problem is None


def test_a_run_that_does_not_look_up_is_ended_with_its_worker(
    runs: TuningRuns, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stubborn(request: Any, desk: Any, record: Any) -> None:
        assert engine.reservation is not None and engine.reservation.models == {LOAD.model_path}
        engine.load(LOAD, holder=engine.reservation)
        until(lambda: engine.status().models == ())
        raise RunStopped

    monkeypatch.setattr(sitting, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setitem(sitting.RUNNERS, "bench", stubborn)
    head = runs.start(BENCH)
    until(lambda: any(model.info for model in engine.status().models))
    assert runs.cancel(head.run_id).state is RunState.CANCELLED


def test_a_run_is_renamed_and_deleted_but_not_while_it_works(runs: TuningRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_still(monkeypatch)
    head = runs.start(MANY)
    assert runs.rename(head.run_id, "  mine ").name == "mine"
    with pytest.raises(TuningBusy):
        runs.delete(head.run_id)
    runs.cancel(head.run_id)
    assert runs.view(head.run_id).head.name == "mine"
    assert runs.rename(head.run_id, "yours").name == "yours"
    for name in ("", " ", "x" * 101, "a\0b"):
        with pytest.raises(InvalidRequest):
            runs.rename(head.run_id, name)
    runs.delete(head.run_id)
    assert runs.heads() == [] and [each.name for each in runs.folder.iterdir()] == ["measuring.lock"]


def test_no_run_starts_while_a_model_is_converted(engine: Engine, tmp_path: Path) -> None:
    made: list[str | None] = ["tiny-int4"]
    busy = TuningRuns(engine, tmp_path / "busy", lambda: made[0])
    with pytest.raises(TuningBusy, match="tiny-int4"):
        busy.start(BENCH)
    made[0] = None
    assert ended(busy, busy.start(BENCH).run_id) is RunState.FINISHED


def test_two_servers_on_one_folder_leave_each_others_runs_alone(
    runs: TuningRuns, make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = TuningRuns(make_engine(), runs.folder)
    before = theirs.revision()
    with monkeypatch.context() as patched:
        stand_still(patched)
        head = runs.start(MANY)
        for do in (
            theirs.resume,
            theirs.cancel,
            theirs.pause,
            theirs.delete,
            lambda run_id: theirs.rename(run_id, "x"),
        ):
            with pytest.raises(TuningBusy, match="Another process"):
                do(head.run_id)
        assert theirs.active() is None and theirs.heads()[0].state is RunState.RUNNING
        assert theirs.view(head.run_id).head.state is RunState.RUNNING
        until(lambda: theirs.revision() > before)
        runs.pause(head.run_id)
    assert theirs.heads()[0].state is RunState.INTERRUPTED
    theirs.resume(head.run_id)
    assert ended(theirs, head.run_id) is RunState.FINISHED
    assert runs.heads()[0].state is RunState.FINISHED


def test_two_servers_on_one_folder_do_not_measure_at_the_same_time(
    runs: TuningRuns, make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()
    theirs = TuningRuns(engine, runs.folder)
    with monkeypatch.context() as patched:
        stand_still(patched)
        paused = theirs.start(MANY)
        theirs.pause(paused.run_id)
        head = runs.start(MANY.model_copy(update={"name": "loads"}))
        for do in (lambda: theirs.start(BENCH), lambda: theirs.resume(paused.run_id)):
            with pytest.raises(TuningBusy, match="The bench 'loads' measures in another process, and only one run can"):
                do()
        assert theirs.active() is None and engine.status().reserved is None
        assert [each.run_id for each in theirs.heads()].count(head.run_id) == 1 and len(theirs.heads()) == 2
        runs.pause(head.run_id)
    theirs.resume(paused.run_id)
    assert ended(theirs, paused.run_id) is RunState.FINISHED


def test_a_cancel_after_a_pause_cancels(runs: TuningRuns, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def slow_to_end(request: Any, desk: Any, record: Any) -> None:
        with pytest.raises(RunStopped):
            while True:
                desk.elapsed_seconds()
                time.sleep(0.005)
        begun.set()
        may_end.wait(60)
        raise RunStopped

    monkeypatch.setitem(sitting.RUNNERS, "bench", slow_to_end)
    head = runs.start(BENCH)
    states: list[RunState] = []
    pausing = threading.Thread(target=lambda: states.append(runs.pause(head.run_id).state))
    cancelling = threading.Thread(target=lambda: states.append(runs.cancel(head.run_id).state))
    pausing.start()
    assert begun.wait(60)
    cancelling.start()
    until(lambda: runs._sitting is not None and runs._sitting._ending is RunState.CANCELLED)
    may_end.set()
    for thread in (pausing, cancelling):
        thread.join(60)
    assert states == [RunState.CANCELLED] * 2
    assert Records(runs.folder).open(head.run_id).state is RunState.CANCELLED


def test_a_cancel_that_comes_when_the_pause_is_done_cancels_too(
    runs: TuningRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_still(monkeypatch)
    head = runs.start(MANY)
    real = sitting.Sitting.end

    def end_as_a_pause(self: sitting.Sitting, state: RunState) -> None:
        real(self, RunState.INTERRUPTED)

    monkeypatch.setattr(sitting.Sitting, "end", end_as_a_pause)
    assert runs.cancel(head.run_id).state is RunState.CANCELLED


@pytest.mark.parametrize("how", ["cancelled while it works", "cancelled when it is paused", "failed", "finished"])
def test_the_references_distributions_go_with_the_run_and_stay_while_it_is_paused(
    runs: TuningRuns, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    scores: list[Path] = []

    def scored(request: Any, desk: Any, record: RunRecord) -> None:
        folder = record.folder / "scores"
        folder.mkdir(exist_ok=True)
        scores[:] = [folder / "a.npy", folder / "a.json"]
        for file in scores:
            file.write_text("")
        if how == "failed":
            raise ZeroDivisionError
        while how != "finished":
            desk.elapsed_seconds()
            time.sleep(0.005)

    monkeypatch.setitem(sitting.RUNNERS, "bench", scored)
    head = runs.start(BENCH)
    until(lambda: scores and scores[1].exists())
    if how == "cancelled when it is paused":
        runs.pause(head.run_id)
        assert scores[0].exists()
    if how.startswith("cancelled"):
        runs.cancel(head.run_id)
    assert ended(runs, head.run_id) is RunState(how.partition(" ")[0])
    assert [file.exists() for file in scores] == [False, True]


def test_what_could_not_be_loaded_once_is_looked_at_again_when_the_run_goes_on(
    runs: TuningRuns, tmp_path: Path
) -> None:
    record = Records(runs.folder).create(BENCH, {})
    for name in ("later", "never"):
        configuration = configuration_of(LoadRequest(model_path=name))
        record.begin(configuration)
        record.add_quality(configuration.configuration_id, Failure("check", "model_not_found", "It is not there."))
    write_script(tmp_path / "models" / "later", replies=REPLIES)
    runs.resume(record.run_id)
    assert ended(runs, record.run_id) is RunState.FINISHED
    failed = [each for each in runs.view(record.run_id).results if each.failure is not None]
    assert [each.configuration.load.model_path for each in failed] == ["never"]


def stands_still(runs: TuningRuns) -> bool:
    """Whether it is the same after a few glances at the folder."""
    before = runs.revision()
    time.sleep(0.2)
    return runs.revision() == before


def test_revision_grows_with_what_is_shown_and_stands_still_otherwise(
    runs: TuningRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openarc_ui.tuning.runs.GLANCE_SECONDS", 0.05)
    first = runs.revision()
    assert runs.revision() == first
    head = runs.start(BENCH)
    assert runs.revision() > first
    ended(runs, head.run_id)
    until(lambda: stands_still(runs))
    after = runs.revision()
    Records(runs.folder).open(head.run_id).rename("by another process")
    until(lambda: runs.revision() > after)


def test_a_run_that_cant_be_read_spoils_the_list_of_no_other(runs: TuningRuns) -> None:
    head = runs.start(BENCH)
    assert ended(runs, head.run_id) is RunState.FINISHED
    broken = runs.folder / "20260101-000000-abcdef"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    assert [each.run_id for each in runs.heads()] == [head.run_id]
    runs.delete(broken.name)


def test_who_resumes_on_other_versions_is_told(runs: TuningRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_still(monkeypatch)
    head = runs.start(MANY)
    runs.pause(head.run_id)
    file = runs.folder / head.run_id / "run.json"
    kept = json.loads(file.read_text())
    kept["machine"]["openvino"] = "2020.1"
    file.write_text(json.dumps(kept))
    runs.resume(head.run_id)
    assert any("openvino was 2020.1" in note for note in runs.view(head.run_id).notes)
    runs.cancel(head.run_id)


def test_many_who_cancel_at_once_all_come_back(runs: TuningRuns, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", replies=ENDLESS)
    head = runs.start(LONG)
    states: list[RunState] = []
    asking = [threading.Thread(target=lambda: states.append(runs.cancel(head.run_id).state)) for _ in range(4)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(15)
    assert states == [RunState.CANCELLED] * 4
