"""What keeping the metrics costs: the caller of `record`, the rows a second that reach the disk, and the engine beside it."""

from __future__ import annotations

import json
import sqlite3
import statistics
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import GenerationRequest, LoadRequest, Message, PerformanceReport
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.sampler import Sample, WorkerSample
from openarc_ui.metrics.store import MAX_WAITING, MetricsStore
from tests.reports import report
from tests.starter_fixture import models_folder

REQUESTS = 100_000
GAPS = tuple(0.01 + number / 100_000 for number in range(128))
TOKENS = 3_000
TOKEN_SECONDS = 0.002
BURST = 50
REQUESTS_A_SECOND = 100
"""Of 129 tokens each: two hundred times what the real model does on two cores."""
STARTER = "SmolLM2-135M-Instruct-int4"
STARTER_TOKENS = 300
ASKED = GenerationRequest(conversation=(Message(role="user", content="go on"),), max_new_tokens=TOKENS)
SAMPLE = Sample(0.0, 50.0, 8_000_000_000, (WorkerSample("scripted", 100.0, 1_000_000_000),), (50.0,) * 8)


class Figures(Protocol):
    """What this needs of a bench."""

    rounds: int

    def note(self, name: str, value: float, unit: str, goal: float | None = None) -> None: ...


def recording(bench: Figures) -> None:
    """100,000 requests with 128 gaps each, as quickly as it goes; then some from a thread, as the program records them, while a
    scripted model answers, and the real one where it is there; with and without in turn."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "metrics.sqlite3"
        store = MetricsStore(database)
        engine = Engine(_model(Path(folder)))
        try:
            engine.load(LoadRequest(model_path="scripted", backend="scripted"))
            _full_speed(bench, store)
            _beside_the_engine(bench, "scripted model", engine, store, TOKENS)
        finally:
            engine.close()
        try:
            if (models_folder() / STARTER).is_dir():
                _beside_the_real_model(bench, store)
        finally:
            store.close(timeout=60)
        bench.note("metrics: rows lost", store.health().dropped, "")
        kept = store.health().size_bytes / _count(database)
        bench.note("metrics: size of a request on disk, with its settings", kept, "bytes")


def _full_speed(bench: Figures, store: MetricsStore) -> None:
    reports = [_report(number) for number in range(REQUESTS)]
    in_record = 0.0
    began_at = time.perf_counter()
    for first in range(0, len(reports), BURST):
        while store.health().waiting > MAX_WAITING // 2:
            time.sleep(0.001)
        cpu = time.thread_time()
        for each in reports[first : first + BURST]:
            store.record(each)
            store.record_answer(ASKED, (), each)
        in_record += time.thread_time() - cpu
    store.flush(timeout=60)
    seconds = time.perf_counter() - began_at
    bench.note("metrics: record() and record_answer() of a request with 128 gaps", in_record / len(reports) * 1e6, "µs")
    bench.note("metrics: requests written to disk", len(reports) / seconds, "rows/s")


def _beside_the_real_model(bench: Figures, store: MetricsStore) -> None:
    engine = Engine(models_folder())
    try:
        engine.load(LoadRequest(model_path=STARTER, backend="genai", device="CPU"))
        _beside_the_engine(bench, STARTER, engine, store, STARTER_TOKENS)
    finally:
        engine.close()


def _beside_the_engine(bench: Figures, model: str, engine: Engine, store: MetricsStore, tokens: int) -> None:
    exposition = Exposition(engine.status, store.health)
    asked = ASKED.model_copy(update={"max_new_tokens": tokens})
    speeds: dict[bool, list[float]] = {False: [], True: []}
    _tokens_per_second(engine, asked)
    for number in range(bench.rounds):
        for is_recording in (False, True) if number % 2 else (True, False):
            ended = threading.Event()
            recorder = threading.Thread(target=_record_evenly, args=(store, exposition, ended))
            if is_recording:
                recorder.start()
            speeds[is_recording].append(_tokens_per_second(engine, asked))
            ended.set()
            if is_recording:
                recorder.join()
                store.flush(timeout=60)
    ratio = statistics.median(kept / alone for kept, alone in zip(speeds[True], speeds[False], strict=True))
    bench.note(f"{model} without recording: decode", statistics.median(speeds[False]), "tok/s")
    bench.note(
        f"{model} while {REQUESTS_A_SECOND} requests a second are recorded", statistics.median(speeds[True]), "tok/s"
    )
    bench.note(f"{model}, with recording / without: decode", ratio, "", 0.97)


def _record_evenly(store: MetricsStore, exposition: Exposition, ended: threading.Event) -> None:
    """What the program does with each request that ended, until told to stop; a sample now and then."""
    number, began_at = 0, time.perf_counter()
    while not ended.wait(max(0.0, began_at + number / REQUESTS_A_SECOND - time.perf_counter())):
        each = _report(number)
        store.record(each)
        exposition.record(each)
        store.record_answer(ASKED, (), each)
        if number % BURST == 0:
            store.record_sample(replace(SAMPLE, sampled_at=time.time()))
        number += 1


def _report(number: int) -> PerformanceReport:
    return report(
        request_id=f"bench-{number}", submitted_at=time.time() - number % 7200, inter_token_latencies_seconds=GAPS
    )


def _tokens_per_second(engine: Engine, asked: GenerationRequest) -> float:
    with engine.submit(asked) as generation:
        speed = generation.result().report.decode_tokens_per_second
    assert speed is not None
    return speed


def _count(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM requests").fetchone()[0])


def _model(folder: Path) -> Path:
    """A folder with one scripted model, quicker than most real ones."""
    models = folder / "models"
    (models / "scripted").mkdir(parents=True)
    reply = {"text": "word " * TOKENS, "token_seconds": TOKEN_SECONDS}
    script = {"replies": [reply], "context_length": 100_000}
    (models / "scripted" / "script.json").write_text(json.dumps(script), encoding="utf-8")
    return models
