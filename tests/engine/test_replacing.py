"""Loading a name that answers already: the old model stays until the new one is ready; a load can be ended by its caller."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.host import ModelHost
from openarc_ui.engine.types import FinishReason, LoadRequest, LoadStage, ModelState
from openarc_ui.errors import LoadCancelled, ModelAlreadyLoading, ModelLoadFailed
from tests.conftest import ask, write_script
from tests.workers import worker_processes

MODEL = LoadRequest(model_path="script")


def until(is_true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


def states(engine: Engine) -> list[str]:
    return [model.state.value for model in engine.status().models]


def loading_again(
    engine: Engine, cancel: threading.Event | None = None, goes_on: threading.Event | None = None
) -> tuple[threading.Thread, list[Exception]]:
    """A load of the same name on a thread, and what it raised. It does not end before `goes_on` is set."""
    raised: list[Exception] = []

    def on_stage(stage: LoadStage) -> None:
        assert goes_on is None or goes_on.wait(60)

    def load() -> None:
        try:
            engine.load(MODEL, on_stage, cancel=cancel)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            raised.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    return thread, raised


def test_the_old_model_answers_while_the_new_one_loads(scripted: Engine) -> None:
    old, goes_on = worker_processes(scripted)["script"], threading.Event()
    thread, raised = loading_again(scripted, goes_on=goes_on)
    until(lambda: states(scripted) == ["ready", "loading"])
    assert scripted.submit(ask("hello")).result(timeout=20).texts[0].endswith("Paris.")
    assert worker_processes(scripted) == {"script": old}
    goes_on.set()
    thread.join()
    assert raised == [] and states(scripted) == ["ready"]
    assert worker_processes(scripted)["script"] != old


def test_a_load_that_fails_leaves_the_model_that_answers(scripted: Engine, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", load_error="torn in two")
    with pytest.raises(ModelLoadFailed, match="torn in two") as caught:
        scripted.load(MODEL)
    assert "unloaded" not in caught.value.hint
    assert states(scripted) == ["ready"]
    assert scripted.submit(ask("hello")).result(timeout=20).texts[0].endswith("Paris.")


def test_where_both_do_not_fit_the_old_one_goes_first_and_a_failure_says_so(
    scripted: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scripted.replaces(MODEL) == "beside"
    assert scripted.replaces(MODEL.model_copy(update={"name": "another"})) == ""
    plan = scripted.preflight.plan
    monkeypatch.setattr(scripted.preflight, "plan", lambda request: _alone(plan(request)))
    write_script(tmp_path / "models" / "script", load_error="torn in two")
    with pytest.raises(ModelLoadFailed) as caught:
        scripted.load(MODEL)
    assert "was unloaded first" in caught.value.hint and states(scripted) == []


def _alone(plan: object) -> object:
    from dataclasses import replace

    return replace(plan, fits_beside=False)  # type: ignore[type-var]


def test_a_caller_that_ends_its_load_ends_no_other(scripted: Engine, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", load_seconds=60.0)
    mine, theirs = threading.Event(), threading.Event()
    thread, raised = loading_again(scripted, mine)
    until(lambda: states(scripted) == ["ready", "loading"])
    with pytest.raises(ModelAlreadyLoading):
        scripted.load(MODEL, cancel=theirs)
    theirs.set()
    time.sleep(0.2)
    assert states(scripted) == ["ready", "loading"]
    mine.set()
    thread.join(timeout=20)
    assert not thread.is_alive() and isinstance(raised[0], LoadCancelled)
    assert states(scripted) == ["ready"]


def test_a_load_whose_caller_left_before_it_began_is_not_carried_out(scripted: Engine, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", load_seconds=60.0)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(LoadCancelled):
        scripted.load(MODEL, cancel=cancel)
    assert states(scripted) == ["ready"]


def test_unloading_a_name_that_is_being_replaced_ends_both(scripted: Engine, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", load_seconds=60.0)
    thread, raised = loading_again(scripted)
    until(lambda: states(scripted) == ["ready", "loading"])
    scripted.unload("script")
    thread.join(timeout=20)
    assert isinstance(raised[0], LoadCancelled) and scripted.status().models == ()


def test_ending_only_the_load_keeps_the_model_that_answers(scripted: Engine, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", load_seconds=60.0)
    thread, raised = loading_again(scripted)
    until(lambda: states(scripted) == ["ready", "loading"])
    assert scripted.cancel_load("script")
    thread.join(timeout=20)
    assert isinstance(raised[0], LoadCancelled) and states(scripted) == ["ready"]
    assert not scripted.cancel_load("script")


def test_a_load_that_is_ended_in_its_last_moment_does_not_take_the_place(
    scripted: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, old = scripted._put_in_place, worker_processes(scripted)["script"]

    def late(host: ModelHost) -> ModelHost | None:
        assert scripted.cancel_load("script")
        return put(host)

    monkeypatch.setattr(scripted, "_put_in_place", late)
    with pytest.raises(LoadCancelled):
        scripted.load(MODEL)
    assert states(scripted) == ["ready"] and worker_processes(scripted)["script"] == old
    assert scripted.submit(ask("hello")).result(timeout=20).texts[0].endswith("Paris.")


def test_an_answer_under_way_comes_to_its_end_on_the_old_model_and_can_be_cancelled(scripted: Engine) -> None:
    finishing = scripted.submit(ask("slow", max_new_tokens=60))
    cancelled = scripted.submit(ask("slow", request_id="mine", max_new_tokens=4000, ignore_eos=True))
    scripted.load(MODEL)
    assert finishing.result(timeout=30).finish_reasons == (FinishReason.LENGTH,)
    assert scripted.cancel("mine")
    assert cancelled.result(timeout=20).finish_reasons == (FinishReason.CANCELLED,)


def test_a_model_that_failed_is_replaced_at_once(scripted: Engine, tmp_path: Path) -> None:
    scripted.submit(ask("crash"))
    until(lambda: states(scripted) == [ModelState.FAILED.value])
    assert scripted.load(MODEL).name == "script" and states(scripted) == ["ready"]
