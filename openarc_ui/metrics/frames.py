"""Rows to pandas: what the Metrics tab shows. Aggregation and downsampling happen in SQL, so a million rows stay a million rows.

Pure reads; every function takes an open connection and a `Filter`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy
import pandas

from openarc_ui.metrics.store import unpack_seconds

PERCENTILES = (50, 90, 99)
SERIES_POINTS = 240
DISTRIBUTION_ROWS = 2000
LATENCY_REQUESTS = 50
FIGURES = (
    "ttft_seconds",
    "tpot_seconds",
    "prefill_tokens_per_second",
    "decode_tokens_per_second",
    "queue_seconds",
    "total_seconds",
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which requests count. None means all of them; `since` is in seconds since the epoch."""

    since: float | None = None
    model: str | None = None

    def where(self) -> tuple[str, tuple[Any, ...]]:
        """The SQL condition and its values."""
        conditions: list[str] = ["1"]
        values: list[float | str] = []
        if self.since is not None:
            conditions.append("submitted_at >= ?")
            values.append(self.since)
        if self.model is not None:
            conditions.append("model = ?")
            values.append(self.model)
        return " AND ".join(conditions), tuple(values)


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over the requests of a filter."""

    requests: int
    failed: int
    cancelled: int
    prompt_tokens: int
    generated_tokens: int


def models(connection: sqlite3.Connection) -> list[str]:
    """Every model that ever answered, by name."""
    return [name for (name,) in connection.execute("SELECT DISTINCT model FROM requests ORDER BY model")]


def totals(connection: sqlite3.Connection, chosen: Filter) -> Totals:
    """How many requests and tokens."""
    where, values = chosen.where()
    row = connection.execute(
        f"""SELECT count(*), coalesce(sum(finish_reason = 'error'), 0), coalesce(sum(finish_reason = 'cancelled'), 0),
            coalesce(sum(prompt_tokens), 0), coalesce(sum(generated_tokens), 0) FROM requests WHERE {where}""",
        values,
    ).fetchone()
    return Totals(*row)


def recent_requests(connection: sqlite3.Connection, chosen: Filter, limit: int = 50) -> pandas.DataFrame:
    """The latest requests, newest first, every column but the latencies."""
    where, values = chosen.where()
    return pandas.read_sql_query(
        f"""SELECT submitted_at, model, backend, device, finish_reason, error_message, prompt_tokens, generated_tokens,
            ttft_seconds, tpot_seconds, prefill_tokens_per_second, decode_tokens_per_second, queue_seconds, total_seconds,
            concurrent_requests, source, request_id, configuration_id
            FROM requests WHERE {where} ORDER BY id DESC LIMIT ?""",
        connection,
        params=[*values, limit],
    )


def percentiles(connection: sqlite3.Connection, chosen: Filter) -> dict[str, tuple[float, ...] | None]:
    """For each of FIGURES its p50, p90 and p99 over the latest `DISTRIBUTION_ROWS` requests; None where nothing was measured."""
    frame = distribution(connection, chosen)
    return {name: _percentiles(frame[name]) for name in FIGURES}


def distribution(connection: sqlite3.Connection, chosen: Filter) -> pandas.DataFrame:
    """FIGURES of the latest `DISTRIBUTION_ROWS` requests that brought at least one token."""
    where, values = chosen.where()
    return pandas.read_sql_query(
        f"SELECT model, {', '.join(FIGURES)} FROM requests WHERE {where} AND ttft_seconds IS NOT NULL ORDER BY id DESC LIMIT ?",
        connection,
        params=[*values, DISTRIBUTION_ROWS],
    )


def series(connection: sqlite3.Connection, chosen: Filter, points: int = SERIES_POINTS) -> pandas.DataFrame:
    """Means over time for each model, in at most about `points` intervals between the first and the last request.

    Columns: time (of this machine's zone), model, the means of throughput and latency, requests.
    """
    where, values = chosen.where()
    first, last = connection.execute(
        f"SELECT min(submitted_at), max(submitted_at) FROM requests WHERE {where}", values
    ).fetchone()
    if first is None:
        return pandas.DataFrame(columns=["time", "model", *FIGURES, "requests"])
    width = max((last - first) / points, 0.001)
    means = ", ".join(f"avg({name}) AS {name}" for name in FIGURES)
    frame = pandas.read_sql_query(
        f"""SELECT avg(submitted_at) AS time, model, {means}, count(*) AS requests FROM requests
            WHERE {where} AND ttft_seconds IS NOT NULL
            GROUP BY model, CAST((submitted_at - ?) / ? AS INTEGER) ORDER BY time""",
        connection,
        params=[*values, first, width],
    )
    local = datetime.now().astimezone().tzinfo
    frame["time"] = pandas.to_datetime(frame["time"], unit="s", utc=True).dt.tz_convert(local)
    return frame


def inter_token_latencies(
    connection: sqlite3.Connection, chosen: Filter
) -> numpy.ndarray[Any, numpy.dtype[numpy.float64]]:
    """Every gap between tokens of the latest `LATENCY_REQUESTS` requests, in seconds."""
    where, values = chosen.where()
    rows = connection.execute(
        f"""SELECT inter_token_latencies_seconds FROM requests WHERE {where} AND length(inter_token_latencies_seconds) > 0
            ORDER BY id DESC LIMIT ?""",
        (*values, LATENCY_REQUESTS),
    )
    return numpy.asarray([seconds for (blob,) in rows for seconds in unpack_seconds(blob)], dtype=float)


def _percentiles(column: pandas.Series[Any]) -> tuple[float, ...] | None:
    measured = column.dropna().to_numpy(dtype=float)
    return tuple(float(value) for value in numpy.percentile(measured, PERCENTILES)) if len(measured) else None
