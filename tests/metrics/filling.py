"""A database of plausible requests, written quickly: the tables and triggers of schema.py, without a MetricsStore.

What is asked is given exactly: so many requests, evenly over so many days, the same ones for the same seed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy

from openarc_ui.metrics.schema import REQUEST_COLUMNS, migrate

START = 1_700_000_000.0
DAY_SECONDS = 86_400.0
BATCH = 20_000
POOL = 65_536
Array = numpy.ndarray[Any, Any]
SAMPLE_KEYS = 1024
MODELS = (
    ("qwen3-4b-int4", "genai", "GPU.0", 42.0),
    ("qwen3-4b-int4", "genai", "CPU", 11.0),
    ("phi-4-mini-int8", "optimum", "CPU", 8.0),
)
"""Model, backend, device, and about how many tokens a second one request decodes."""
SOURCES = (("rest", 0.7), ("chat", 0.25), ("again", 0.05))
OUTCOMES = (("stop", 0.6), ("length", 0.35), ("cancelled", 0.03), ("error", 0.02))
COLUMNS = (*REQUEST_COLUMNS, "sample_key")


def fill(
    path: Path, requests: int, *, days: float = 1.0, start: float = START, seed: int = 0, most_gaps: int = 64
) -> None:
    """Make `path` a metrics database, or add to one: requests with their configurations, evenly from `start` on.

    `most_gaps`: inter-token latencies of a request, at most; a request without an error has at least one.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        migrate(connection)
        (before,) = connection.execute("SELECT count(*) FROM requests").fetchone()
        statement = f"INSERT INTO requests ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, rows(requests, days, start, seed, most_gaps, before))
        connection.executemany("INSERT OR IGNORE INTO configurations VALUES (?, ?, ?)", _configurations(start))
        connection.execute("COMMIT")


def fill_samples(path: Path, *, days: float = 1.0, start: float = START, every_seconds: float = 10.0) -> None:
    """Samples of the machine and of a worker for each model, and watts of two sources, evenly from `start` on."""
    moments = numpy.arange(start, start + days * DAY_SECONDS, every_seconds).tolist()
    workers = sorted({model for model, *_ in MODELS})
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO samples (sampled_at, worker, processor_percent, memory_bytes, available_memory_bytes,"
            " device_memory_bytes, kv_cache_percent, kv_cache_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row for number, moment in enumerate(moments) for row in _samples(number, moment, workers)),
        )
        connection.executemany(
            "INSERT INTO power (sampled_at, source, watts) VALUES (?, ?, ?)",
            ((moment, name, watts + number % 7) for number, moment in enumerate(moments) for name, watts in POWER),
        )
        connection.execute("COMMIT")


POWER = (("package-0", 38.0), ("dram", 4.0))


def _samples(number: int, moment: float, workers: list[str]) -> Iterator[tuple[Any, ...]]:
    yield (moment, None, 20.0 + number % 60, None, 8_000_000_000 - number % 1000 * 1_000_000, None, None, None)
    for worker in workers:
        percent = 100.0 + number % 300
        yield (
            moment,
            worker,
            percent,
            3_000_000_000 + number % 100,
            None,
            1_000_000,
            float(number % 90),
            2_000_000_000,
        )


def rows(
    requests: int, days: float, start: float, seed: int, most_gaps: int, before: int = 0
) -> Iterator[tuple[Any, ...]]:
    """The values of COLUMNS of each request, in the order of time."""
    generator = numpy.random.default_rng(seed)
    pool = generator.lognormal(0.0, 0.25, POOL + most_gaps).astype("<f4")
    for first in range(0, requests, BATCH):
        numbers = numpy.arange(first, min(first + BATCH, requests))
        moments = start + (numbers + generator.random(len(numbers))) * (days * DAY_SECONDS / requests)
        columns = _batch(generator, pool, numbers, moments, numbers / requests, most_gaps)
        columns["request_id"] = [f"request-{before + number}" for number in numbers.tolist()]
        yield from zip(*(columns[name] for name in COLUMNS), strict=True)


def _batch(
    generator: numpy.random.Generator,
    pool: Array,
    numbers: Array,
    moments: Array,
    progress: Array,
    most_gaps: int,
) -> dict[str, list[Any]]:
    count = len(numbers)
    model, source, outcome = (_drawn(generator, count, table) for table in (MODELS, SOURCES, OUTCOMES))
    failed, told, concurrent = outcome == 3, model < 2, generator.integers(1, 9, count)
    prompt = generator.lognormal(6.0, 0.8, count).astype(int) + 1
    lengths = generator.integers(1, most_gaps + 1, count)
    step = numpy.asarray([1.0 / speed for *_, speed in MODELS])[model] * concurrent**0.5
    gaps = [
        pool[at : at + size] * by
        for at, size, by in zip(generator.integers(0, POOL, count), lengths, step.astype("<f4"), strict=True)
    ]
    thirds = numpy.minimum(progress * 3, 2).astype(int)
    facts: dict[str, list[Any]] = {
        **{
            name: [MODELS[index][place] for index in model] for place, name in enumerate(("model", "backend", "device"))
        },
        "configuration_id": [f"{index}{part}" * 8 for index, part in zip(model.tolist(), thirds.tolist(), strict=True)],
        "source": [SOURCES[index][0] for index in source],
        "submitted_at": moments.tolist(),
        "finish_reason": [OUTCOMES[index][0] for index in outcome],
        "error_code": ["worker_crashed" if bad else None for bad in failed],
        "error_message": ["The worker ended." if bad else None for bad in failed],
        "seed": numbers.tolist(),
        "generated_tokens": numpy.where(failed, 0, lengths + 1).tolist(),
        "inter_token_latencies_seconds": [
            b"" if bad else each.tobytes() for bad, each in zip(failed, gaps, strict=True)
        ],
        "concurrent_requests": concurrent.tolist(),
        "dropped_messages": [0] * count,
        "sample_key": generator.integers(0, SAMPLE_KEYS, count).tolist(),
    }
    decode = numpy.asarray([float(each.sum(dtype=float)) for each in gaps])
    queue, template, tokenize = (generator.exponential(mean, count) for mean in (0.02, 0.002, 0.003))
    prefill = prompt * step / 40 + 0.01
    ttft = queue + template + tokenize + prefill
    total = numpy.where(failed, queue + 0.1, ttft + decode + 0.001)
    measured = {"template_seconds": template, "tokenize_seconds": tokenize, "ttft_seconds": ttft}
    measured |= {"prefill_seconds": prefill, "decode_seconds": decode, "detokenize_seconds": lengths * 2e-5}
    measured |= {"prompt_tokens": prompt, "tpot_seconds": decode / lengths, "stream_seconds": lengths * 1e-5}
    measured |= {"prefill_tokens_per_second": prompt / prefill, "decode_tokens_per_second": lengths / decode}
    parts = {"decode_inference_seconds": decode * 0.9, "decode_sampling_seconds": decode * 0.05}
    parts |= {"cached_prompt_tokens": prompt // 3, "kv_cache_percent": generator.random(count) * 100}
    facts |= {"queue_seconds": queue.tolist(), "total_seconds": total.tolist()}
    return facts | _told(measured, ~failed) | _told(parts, ~failed & told)


def _drawn(generator: numpy.random.Generator, count: int, table: tuple[tuple[Any, ...], ...]) -> Array:
    """Places in a table, by the share in its second column where that is a number."""
    shares = [row[1] for row in table if isinstance(row[1], float)]
    return generator.choice(len(table), count, p=shares or None)


def _told(columns: dict[str, Array], kept: Array) -> dict[str, list[Any]]:
    """None where there was nothing to measure."""
    return {
        name: [value if keep else None for value, keep in zip(values.tolist(), kept.tolist(), strict=True)]
        for name, values in columns.items()
    }


def _configurations(start: float) -> Iterator[tuple[str, float, str]]:
    for index, (model, backend, device, _) in enumerate(MODELS):
        for part in range(3):
            identity = f"{index}{part}" * 8
            description = {
                "name": model,
                "configuration_id": identity,
                "request": {"model": model, "backend": backend, "device": device},
            }
            yield identity, start, json.dumps(description)
