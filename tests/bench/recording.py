"""What keeping the metrics costs: the caller of `record`, the rows a second that reach the disk, and the engine beside it."""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Protocol

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import GenerationRequest, LoadRequest, Message, PerformanceReport
from openarc_ui.metrics.store import MAX_WAITING, MetricsStore
from tests.reports import report

REQUESTS = 100_000
GAPS = tuple(0.01 + number / 100_000 for number in range(128))
TOKENS = 3_000
TOKEN_SECONDS = 0.002
BURST = 50


class Figures(Protocol):
    """What this needs of a bench."""

    rounds: int

    def note(self, name: str, value: float, unit: str, goal: float | None = None) -> None: ...


def recording(bench: Figures) -> None:
    """100,000 requests with 128 gaps each, recorded from a thread while a scripted model answers; with and without in turn."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "metrics.sqlite3"
        store = MetricsStore(database)
        engine = Engine(_model(Path(folder)))
        try:
            engine.load(LoadRequest(model_path="scripted", backend="scripted"))
            _full_speed(bench, store)
            _beside_the_engine(bench, engine, store)
        finally:
            engine.close()
            store.close(timeout=60)
        bench.note("metrics: rows lost", store.health().dropped, "")
        bench.note("metrics: size of a request on disk", database.stat().st_size / (REQUESTS + REQUESTS // 5), "bytes")


def _full_speed(bench: Figures, store: MetricsStore) -> None:
    reports = [_report(number) for number in range(REQUESTS // 5)]
    in_record = 0.0
    began_at = time.perf_counter()
    for first in range(0, len(reports), BURST):
        while store.health().waiting > MAX_WAITING // 2:
            time.sleep(0.001)
        cpu = time.thread_time()
        for each in reports[first : first + BURST]:
            store.record(each)
        in_record += time.thread_time() - cpu
    store.flush(timeout=60)
    seconds = time.perf_counter() - began_at
    bench.note("metrics: record() of a request with 128 gaps", in_record / len(reports) * 1e6, "µs")
    bench.note("metrics: requests written to disk", len(reports) / seconds, "rows/s")


def _beside_the_engine(bench: Figures, engine: Engine, store: MetricsStore) -> None:
    speeds: dict[bool, list[float]] = {False: [], True: []}
    _tokens_per_second(engine)
    for number in range(bench.rounds):
        for is_recording in (False, True) if number % 2 else (True, False):
            ended = threading.Event()
            recorder = threading.Thread(target=_record_evenly, args=(store, REQUESTS // bench.rounds, ended))
            if is_recording:
                recorder.start()
            speeds[is_recording].append(_tokens_per_second(engine))
            ended.set()
            if is_recording:
                recorder.join()
                store.flush(timeout=60)
    ratio = statistics.median(kept / alone for kept, alone in zip(speeds[True], speeds[False], strict=True))
    bench.note("scripted model without recording: decode", statistics.median(speeds[False]), "tok/s")
    rate = REQUESTS / bench.rounds / (TOKENS * TOKEN_SECONDS)
    bench.note(f"the same while {rate:,.0f} requests a second are recorded", statistics.median(speeds[True]), "tok/s")
    bench.note("with recording / without: decode", ratio, "", 0.97)


def _record_evenly(store: MetricsStore, count: int, ended: threading.Event) -> None:
    """So many reports over the time that an answer takes; what is left when it has ended, at once."""
    pause = TOKENS * TOKEN_SECONDS / (count / BURST)
    began_at = time.perf_counter()
    for first in range(0, count, BURST):
        for number in range(first, min(first + BURST, count)):
            store.record(_report(number))
        ended.wait(max(0.0, began_at + (first / BURST + 1) * pause - time.perf_counter()))
        while store.health().waiting > MAX_WAITING // 2:
            time.sleep(0.001)


def _report(number: int) -> PerformanceReport:
    return report(
        request_id=f"bench-{number}", submitted_at=time.time() - number % 7200, inter_token_latencies_seconds=GAPS
    )


def _tokens_per_second(engine: Engine) -> float:
    request = GenerationRequest(conversation=(Message(role="user", content="go on"),), max_new_tokens=TOKENS)
    with engine.submit(request) as generation:
        speed = generation.result().report.decode_tokens_per_second
    assert speed is not None
    return speed


def _model(folder: Path) -> Path:
    """A folder with one scripted model, quicker than most real ones."""
    models = folder / "models"
    (models / "scripted").mkdir(parents=True)
    reply = {"text": "word " * TOKENS, "token_seconds": TOKEN_SECONDS}
    script = {"replies": [reply], "context_length": 100_000}
    (models / "scripted" / "script.json").write_text(json.dumps(script), encoding="utf-8")
    return models
