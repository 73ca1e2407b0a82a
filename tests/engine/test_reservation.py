"""While somebody has the machine alone, everybody else is refused with the reason, and nobody slips in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.message import Message
from openarc_ui.engine.prompts import PromptRequest
from openarc_ui.engine.types import LoadRequest, ModelState
from openarc_ui.errors import EngineBusy, EngineClosed, EngineReserved, LoadCancelled, ModelLoadFailed, ModelNotLoaded
from tests.conftest import ask, write_script

WORDS = "The sweep 'threads' measures"
SENTENCE = "The sweep 'threads' measures, and everything else would spoil it."
HELLO = PromptRequest(conversation=(Message(role="user", content="Hi"),))


def test_only_its_holder_may_load_and_submit(scripted: Engine) -> None:
    held = scripted.reserve(WORDS, "tuning")
    info = scripted.load(LoadRequest(model_path="script", name="whatever"), holder=held)
    assert info.name == "tuning"
    assert scripted.submit(ask("Hi", model="tuning"), holder=held).result(timeout=30).texts
    for refused in (
        lambda: scripted.submit(ask("Hi")),
        lambda: scripted.submit(ask("Hi", model="script")),
        lambda: scripted.submit(ask("Hi", model="tuning")),
        lambda: scripted.load(LoadRequest(model_path="script", name="another")),
        lambda: scripted.load(LoadRequest(model_path="there is none")),
        lambda: scripted.unload("tuning"),
        lambda: scripted.cancel_load("tuning"),
        lambda: scripted.measure_bandwidth("CPU"),
        lambda: scripted.reserve("The bench 'b' measures", "tuning"),
    ):
        with pytest.raises(EngineReserved) as caught:
            refused()
        assert caught.value.message == SENTENCE
        assert "pause it in the Tune tab" in caught.value.hint
    scripted.unload("tuning", holder=held)
    scripted.release(held)
    assert scripted.submit(ask("Hi")).result(timeout=30).model == "script"
    assert scripted.load(LoadRequest(model_path="script", name="another")).name == "another"


def test_what_is_ready_is_told_without_what_somebody_measures(scripted: Engine) -> None:
    assert scripted.ready_info(None) == scripted.ready_info("script") == scripted.status().models[0].info
    assert scripted.ready_info("another") is None
    scripted.chat_template()
    assert scripted.known_template("script") == scripted.chat_template("script")
    held = scripted.reserve(WORDS, "tuning")
    scripted.load(LoadRequest(model_path="script", name="whatever"), holder=held)
    scripted.chat_template("tuning", holder=held)
    assert scripted.ready_info("tuning") is None
    assert scripted.known_template("tuning") is None
    assert scripted.known_template("another") is None
    assert scripted.ready_info(None) == scripted.ready_info("script") is not None
    scripted.unload("script")
    assert scripted.ready_info(None) is None
    scripted.release(held)
    assert scripted.ready_info("tuning") is not None


def test_its_model_answers_no_questions_of_others_and_the_others_do(scripted: Engine) -> None:
    held = scripted.reserve(WORDS, "tuning")
    scripted.load(LoadRequest(model_path="script"), holder=held)
    theirs = HELLO.model_copy(update={"model": "tuning"})
    assert scripted.render(theirs, holder=held).text
    assert scripted.tokenize("a b", "tuning", holder=held).tokens
    assert scripted.detokenize([1], "tuning", holder=held)[0] == "tuning"
    assert scripted.chat_template("tuning", holder=held).text
    for refused in (
        lambda: scripted.render(theirs),
        lambda: scripted.tokenize("a b", "tuning"),
        lambda: scripted.detokenize([1], "tuning"),
        lambda: scripted.chat_template("tuning"),
    ):
        with pytest.raises(EngineReserved):
            refused()
    assert scripted.render(HELLO).model == "script"
    assert scripted.tokenize("a b").tokens


def test_status_says_so_and_the_default_model_stays_what_it_was(scripted: Engine) -> None:
    assert scripted.status().reserved is None and scripted.reservation is None
    held = scripted.reserve(WORDS, "tuning")
    scripted.load(LoadRequest(model_path="script"), holder=held)
    status = scripted.status()
    assert (status.reserved, status.default_model) == (WORDS, "script")
    assert scripted.reservation is held
    scripted.unload("script")
    assert scripted.status().default_model is None
    scripted.release(held)
    assert scripted.status().reserved is None


def test_without_a_users_model_a_question_is_told_who_measures_and_not_to_load_one(scripted: Engine) -> None:
    held = scripted.reserve(WORDS, "tuning")
    scripted.load(LoadRequest(model_path="script"), holder=held)
    scripted.unload("script")
    for refused in (
        lambda: scripted.tokenize("a b"),
        lambda: scripted.render(HELLO),
        lambda: scripted.chat_template("script"),
        lambda: scripted.require_leave(),
    ):
        with pytest.raises(EngineReserved) as caught:
            refused()
        assert caught.value.message == SENTENCE
    with pytest.raises(ModelNotLoaded):
        scripted.tokenize("a b", "another", holder=held)
    with pytest.raises(ModelNotLoaded) as unknown:
        scripted.unload("tunin")
    assert "tuning" not in unknown.value.hint
    scripted.require_leave(held)
    scripted.release(held)
    with pytest.raises(ModelNotLoaded):
        scripted.chat_template("script")


def test_the_holders_model_is_none_of_the_users(scripted: Engine) -> None:
    held = scripted.reserve(WORDS, "tuning")
    scripted.load(LoadRequest(model_path="script"), holder=held)
    status = scripted.status()
    assert [each.name for each in status.models] == ["script", "tuning"] and status.reserved_model == "tuning"
    assert [each.name for each in status.users_models] == ["script"]
    scripted.unload("tuning", holder=held)
    scripted.release(held)
    assert scripted.load(LoadRequest(model_path="script", name="tuning")).name == "tuning"
    status = scripted.status()
    assert status.reserved_model is None and [each.name for each in status.users_models] == ["script", "tuning"]


def test_giving_back_twice_takes_nothing_from_the_next(scripted: Engine) -> None:
    first = scripted.reserve(WORDS, "tuning")
    scripted.release(first)
    second = scripted.reserve("The bench 'b' measures", "tuning")
    scripted.release(first)
    assert scripted.status().reserved == "The bench 'b' measures"
    with pytest.raises(EngineReserved):
        scripted.submit(ask("Hi"), holder=first)
    scripted.release(second)
    with pytest.raises(EngineReserved, match="not reserved any more"):
        scripted.submit(ask("Hi"), holder=second)


def test_a_request_that_runs_or_waits_comes_first(scripted: Engine) -> None:
    with scripted.submit(ask("slow")), pytest.raises(EngineBusy, match="script is answering a request") as caught:
        scripted.reserve(WORDS, "tuning")
    assert not isinstance(caught.value, EngineReserved) and caught.value.hint
    assert scripted.status().reserved is None


def test_a_load_and_an_unload_come_first(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "slow", load_seconds=60.0)
    engine, cancel = make_engine(), threading.Event()

    def load() -> None:
        with pytest.raises(LoadCancelled):
            engine.load(LoadRequest(model_path="slow"), cancel=cancel)

    loading = threading.Thread(target=load)
    loading.start()
    _until(lambda: any(model.state is ModelState.LOADING for model in engine.status().models))
    with pytest.raises(EngineBusy, match="slow is loading"):
        engine.reserve(WORDS, "tuning")
    cancel.set()
    loading.join(30)
    engine.release(engine.reserve(WORDS, "tuning"))


def test_an_unload_comes_first(scripted: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    host, may_end = scripted._host("script"), threading.Event()
    monkeypatch.setattr(host._receiver, "join", lambda: may_end.wait(60))
    unloading = threading.Thread(target=scripted.unload)
    unloading.start()
    _until(lambda: scripted.status().models[0].state is ModelState.UNLOADING)
    with pytest.raises(EngineBusy, match="unloaded"):
        scripted.reserve(WORDS, "tuning")
    may_end.set()
    unloading.join(30)
    scripted.reserve(WORDS, "tuning")


def test_a_bandwidth_that_is_measured_comes_first(
    make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()

    def reserve_meanwhile(device: str) -> Any:
        with pytest.raises(EngineBusy, match="bandwidth"):
            engine.reserve(WORDS, "tuning")
        return device

    monkeypatch.setattr("openarc_ui.engine.reservation.measure", reserve_meanwhile)
    engine.measure_bandwidth("CPU")


def test_somebody_elses_model_of_that_name_is_not_replaced(scripted: Engine) -> None:
    with pytest.raises(EngineBusy, match="'script', the name that is needed"):
        scripted.reserve(WORDS, "script")


def test_what_a_measurement_tries_is_no_failed_load_of_anybody(scripted: Engine, tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "broken", load_error="It does not load.")
    held = scripted.reserve(WORDS, "tuning")
    with pytest.raises(ModelLoadFailed):
        scripted.load(LoadRequest(model_path="broken"), holder=held)
    with pytest.raises(EngineReserved):
        scripted.load(LoadRequest(model_path="broken"))
    assert scripted.status().last_load_failure is None


def test_an_engine_that_is_reserved_can_be_closed(scripted: Engine) -> None:
    held = scripted.reserve(WORDS, "tuning")
    scripted.load(LoadRequest(model_path="script"), holder=held)
    scripted.close()
    scripted.release(held)
    with pytest.raises(EngineClosed):
        scripted.reserve(WORDS, "tuning")


def test_no_request_is_admitted_between_the_look_and_the_taking(scripted: Engine) -> None:
    """Many submit while one reserves, over and over: whoever has the machine finds nobody at work in it."""
    stop, refused, answered, taken = threading.Event(), [0], [0], 0

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                scripted.submit(ask("Hi", max_new_tokens=1)).result(timeout=30)
                answered[0] += 1
            except EngineReserved:
                refused[0] += 1
            time.sleep(0.001)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    until = time.monotonic() + 120
    try:
        while time.monotonic() < until and (taken < 100 or not refused[0] or not answered[0]):
            try:
                held = scripted.reserve(WORDS, "tuning")
            except EngineBusy:
                time.sleep(0)
                continue
            taken += 1
            time.sleep(0.001)
            assert scripted._host("script").in_flight == 0
            scripted.release(held)
            time.sleep(0.0005 * (taken % 5))
    finally:
        stop.set()
        asking.join(30)
    assert taken >= 100 and refused[0] and answered[0]


def _until(is_so: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)
