"""The engine around a model: admission, cancelling, loading, failing. The model is scripted; the processes are real."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import FinishReason, LoadRequest, LoadStage, ModelState, PerformanceReport
from openarc_ui.errors import (
    BackendUnavailable,
    EngineBusy,
    EngineClosed,
    GenerationFailed,
    InvalidRequest,
    LoadCancelled,
    ModelAlreadyLoading,
    ModelLoadFailed,
    ModelNotFound,
    ModelNotLoaded,
    ParameterNotSupported,
    WorkerDied,
)
from tests.conftest import ask, write_script
from tests.workers import worker_processes


def wait_until(is_true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Poll until something is true."""
    began_at = time.perf_counter()
    while not is_true():
        assert time.perf_counter() - began_at < seconds, "it did not become true in time"
        time.sleep(0.005)


@contextmanager
def stopped_worker(engine: Engine) -> Iterator[None]:
    """The worker of the model `script` does nothing meanwhile: what happens all the same does not wait for it."""
    process = psutil.Process(worker_processes(engine)["script"])
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def test_text_streams_and_the_result_holds_all_of_it(scripted: Engine) -> None:
    generation = scripted.submit(ask("hello"))
    deltas = [delta for batch in generation.batches(0.5) for delta in batch]
    result = generation.result(timeout=20)
    assert "".join(delta.text for delta in deltas) == result.texts[0] == "The capital of France is Paris."
    assert len(deltas) > 3
    assert sum(delta.tokens for delta in deltas) == result.report.generated_tokens


def test_a_silent_prefill_gives_heartbeats(scripted: Engine) -> None:
    with scripted.submit(ask("a long prompt")) as generation:
        batches = generation.batches(0.05)
        assert [next(batches) for _ in range(3)] == [(), (), ()]


def test_cancel_frees_the_reader_at_once_and_the_worker_at_the_next_token(scripted: Engine) -> None:
    generation = scripted.submit(ask("slow"))
    batches = generation.batches(1.0)
    next(batches)
    with stopped_worker(scripted):
        assert scripted.cancel(generation.request_id)
        assert list(batches) == []
        assert not generation.is_finished
    assert generation.result(timeout=20).finish_reasons == (FinishReason.CANCELLED,)
    assert scripted.status().models[0].running == 0


def test_cancel_in_prefill_frees_the_reader_at_once(scripted: Engine, reports: list[PerformanceReport]) -> None:
    generation = scripted.submit(ask("a long prompt"))
    wait_until(lambda: generation.started)
    with stopped_worker(scripted):
        generation.cancel()
        assert list(generation.batches(1.0)) == []
        assert not generation.is_finished
    wait_until(lambda: bool(reports))
    assert (reports[0].finish_reason, reports[0].generated_tokens, reports[0].ttft_seconds) == (
        FinishReason.CANCELLED,
        0,
        None,
    )


def test_cancel_while_queued_runs_no_token(
    make_engine: Callable[..., Engine], tmp_path: Path, reports: list[PerformanceReport]
) -> None:
    write_script(tmp_path / "models" / "script", max_running=1)
    engine = make_engine()
    engine.load(LoadRequest(model_path="script"))
    first = engine.submit(ask("slow"))
    queued = engine.submit(ask("slow"))
    wait_until(lambda: engine.status().models[0].queued == 1)
    queued.cancel()
    wait_until(lambda: len(reports) == 1)
    assert reports[0].request_id == queued.request_id
    assert (reports[0].generated_tokens, reports[0].queue_seconds) == (0, reports[0].total_seconds)
    assert reports[0].prefill_seconds is None
    assert first.started and not first.is_finished


def test_leaving_the_generation_cancels_it(scripted: Engine) -> None:
    with scripted.submit(ask("slow")) as generation:
        next(generation.batches(1.0))
    assert generation.result(timeout=20).finish_reasons == (FinishReason.CANCELLED,)


def test_a_full_queue_is_busy(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", max_running=1)
    engine = make_engine(queue_size=2)
    engine.load(LoadRequest(model_path="script"))
    running = engine.submit(ask("slow"))
    wait_until(lambda: running.started)
    for _ in range(2):
        engine.submit(ask("slow"))
    with pytest.raises(EngineBusy, match="2 requests wait"):
        engine.submit(ask("slow"))
    running.cancel()
    wait_until(lambda: engine.status().models[0].queued == 1)
    engine.submit(ask("hello"))


def test_one_that_waits_is_told_as_one(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", max_running=1)
    engine = make_engine(queue_size=1)
    engine.load(LoadRequest(model_path="script"))
    for _ in range(2):
        engine.submit(ask("slow"))
    with pytest.raises(EngineBusy, match="1 request waits for script already"):
        engine.submit(ask("slow"))


def test_a_request_after_its_models_death_is_told_how_it_died(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    write_script(
        tmp_path / "models" / "script", replies=[{"when": "die", "text": "one two three", "crash_after_tokens": 1}]
    )
    engine = make_engine()
    engine.load(LoadRequest(model_path="script"))
    with pytest.raises(WorkerDied):
        engine.submit(ask("die")).result(timeout=20)
    for model in (None, "script"):
        with pytest.raises(ModelNotLoaded, match="script died: the worker process") as told:
            engine.submit(ask("again", model=model))
        assert told.value.hint == "Load the model again."


def test_requests_of_one_instant_are_not_refused_while_there_is_room_to_run_them(
    make_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    write_script(tmp_path / "models" / "script", max_running=8)
    engine = make_engine(queue_size=2)
    engine.load(LoadRequest(model_path="script"))
    taken = [engine.submit(ask("hello")) for _ in range(10)]
    with pytest.raises(EngineBusy):
        engine.submit(ask("hello"))
    assert all(generation.result(timeout=20).texts[0].endswith("Paris.") for generation in taken)


def test_a_failed_request_is_reported_and_the_next_one_works(
    scripted: Engine, reports: list[PerformanceReport]
) -> None:
    with pytest.raises(GenerationFailed, match="the script fails here"):
        scripted.submit(ask("fail")).result(timeout=20)
    assert (reports[0].finish_reason, reports[0].error_code) == (FinishReason.ERROR, "generation_failed")
    assert scripted.submit(ask("hello")).result(timeout=20).texts[0].endswith("Paris.")


def test_a_worker_that_dies_tells_every_reader_and_only_its_model_fails(
    scripted: Engine, tmp_path: Path, reports: list[PerformanceReport]
) -> None:
    write_script(tmp_path / "models" / "other")
    scripted.load(LoadRequest(model_path="other"))
    slow = scripted.submit(ask("slow", model="script"))
    crash = scripted.submit(ask("crash", model="script"))
    for generation in (crash, slow):
        with pytest.raises(WorkerDied, match="SIGKILL"):
            generation.result(timeout=20)
    states = {model.name: model.state for model in scripted.status().models}
    assert states == {"script": ModelState.FAILED, "other": ModelState.READY}
    failure = scripted.status().models[0].failure
    assert failure is not None and "SIGKILL" in failure
    assert {report.error_code for report in reports} == {"worker_died"}
    assert all(report.generated_tokens > 0 for report in reports)
    with pytest.raises(ModelNotLoaded, match=r"script died: .*SIGKILL"):
        scripted.submit(ask("hello", model="script"))
    assert scripted.submit(ask("hello")).result(timeout=20).model == "other"
    scripted.load(scripted.status().models[0].request)
    assert scripted.submit(ask("hello", model="script")).result(timeout=20).texts[0].endswith("Paris.")


def test_unloading_ends_the_process_and_cancels_its_requests(scripted: Engine) -> None:
    process_id = scripted.status().models[0].process_id
    assert process_id is not None
    generation = scripted.submit(ask("slow"))
    wait_until(lambda: generation.started)
    unloaded = scripted.unload("script")
    assert unloaded.cancelled_requests == 1
    assert unloaded.freed_memory_bytes > 1_000_000
    assert not psutil.pid_exists(process_id)
    assert generation.result(timeout=20).finish_reasons == (FinishReason.CANCELLED,)
    assert scripted.status().models == ()
    with pytest.raises(ModelNotLoaded):
        scripted.submit(ask("hello"))


def test_loading_a_name_again_replaces_it(scripted: Engine) -> None:
    first_process = scripted.status().models[0].process_id
    assert first_process is not None
    generation = scripted.submit(ask("slow", max_new_tokens=100))
    scripted.load(LoadRequest(model_path="script"))
    (model,) = scripted.status().models
    assert model.process_id != first_process
    assert generation.result(timeout=20).finish_reasons == (FinishReason.LENGTH,)
    wait_until(lambda: not psutil.pid_exists(first_process))
    assert scripted.submit(ask("hello")).result(timeout=20).texts[0].endswith("Paris.")


def test_a_failed_load_leaves_no_trace_but_the_error(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "broken", load_error="the script can't be played")
    engine, before = make_engine(), set(psutil.Process().children())
    with pytest.raises(ModelLoadFailed, match="can't be played"):
        engine.load(LoadRequest(model_path="broken"))
    status = engine.status()
    assert status.models == ()
    assert status.last_load_failure is not None and status.last_load_failure.code == "model_load_failed"
    assert set(psutil.Process().children()) <= before


def test_a_mistake_in_a_load_leaves_the_loaded_model_alone(scripted: Engine, tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable):
        scripted.load(LoadRequest(model_path="script", backend="genai"))
    assert scripted.submit(ask("hello")).result(timeout=20).texts[0].endswith("Paris.")


def test_a_load_shows_its_stages_and_can_be_cancelled(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "slow", load_seconds=30)
    engine = make_engine()
    stages: list[LoadStage] = []
    errors: list[BaseException] = []

    def load() -> None:
        try:
            engine.load(LoadRequest(model_path="slow"), stages.append)
        except LoadCancelled as error:
            errors.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    wait_until(lambda: any(stage.label == "Rehearsing" for stage in stages))
    (model,) = engine.status().models
    assert (model.state, model.stage and model.stage.label) == (ModelState.LOADING, "Rehearsing")
    with pytest.raises(ModelAlreadyLoading):
        engine.load(LoadRequest(model_path="slow"))
    with pytest.raises(ModelNotLoaded, match="loading"):
        engine.submit(ask("hello"))
    engine.unload("slow")
    thread.join(timeout=20)
    assert len(errors) == 1
    assert engine.status().models == ()
    assert [stage.fraction for stage in stages] == sorted(stage.fraction for stage in stages)


def test_unknown_names_get_the_nearest(scripted: Engine) -> None:
    with pytest.raises(ModelNotFound) as not_found:
        scripted.load(LoadRequest(model_path="scrpt"))
    assert "'script'" in not_found.value.hint
    with pytest.raises(ModelNotLoaded) as not_loaded:
        scripted.submit(ask("hello", model="scrip"))
    assert "'script'" in not_loaded.value.hint
    with pytest.raises(ModelNotFound, match="outside"):
        scripted.load(LoadRequest(model_path="../elsewhere"))


def test_a_parameter_the_backend_lacks_is_refused(make_engine: Callable[..., Engine], tmp_path: Path) -> None:
    write_script(tmp_path / "models" / "script", lacks=["min_p"])
    engine = make_engine()
    engine.load(LoadRequest(model_path="script"))
    with pytest.raises(ParameterNotSupported, match="scripted backend has no parameter 'min_p'"):
        engine.submit(ask("hello", min_p=0.1)).result(timeout=20)


def test_options_only_optimum_has_are_refused_elsewhere(scripted: Engine) -> None:
    with pytest.raises(InvalidRequest, match="pad_token_id"):
        scripted.load(LoadRequest(model_path="script", pad_token_id=1))
    with pytest.raises(InvalidRequest, match="dynamic shapes"):
        scripted.load(LoadRequest(model_path="script", dynamic_shapes=False))


def test_a_request_id_in_flight_can_not_be_used_again(scripted: Engine) -> None:
    scripted.submit(ask("slow", request_id="mine"))
    with pytest.raises(InvalidRequest, match="mine"):
        scripted.submit(ask("slow", request_id="mine"))


def test_every_outcome_is_reported_once(scripted: Engine, reports: list[PerformanceReport]) -> None:
    generations = [scripted.submit(ask(text)) for text in ("hello", "slow", "fail", "stop")]
    generations[0].result(timeout=20)
    generations[1].cancel()
    wait_until(lambda: len(reports) == 4)
    assert {report.request_id for report in reports} == {generation.request_id for generation in generations}


def test_closing_twice_is_fine_and_a_closed_engine_takes_nothing(scripted: Engine) -> None:
    worker = worker_processes(scripted)["script"]
    scripted.close()
    scripted.close()
    assert not psutil.pid_exists(worker)
    with pytest.raises(EngineClosed):
        scripted.submit(ask("hello"))
    with pytest.raises(EngineClosed):
        scripted.load(LoadRequest(model_path="script"))


def test_many_readers_at_once_all_get_their_own_text(scripted: Engine) -> None:
    generations = [scripted.submit(ask("hello")) for _ in range(24)]
    assert {generation.result(timeout=20).texts[0] for generation in generations} == {"The capital of France is Paris."}
