"""What all requests together asked of the machine over time: tokens a second, requests and errors a minute. Pure reads."""

from __future__ import annotations

import math
import sqlite3
from dataclasses import replace

import numpy
import pandas

from openarc_ui.engine.types import FinishReason
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.spans import REQUESTS, summed
from openarc_ui.metrics.timeline import Grid

COLUMNS = ("requests", "failed", "generated_tokens")


def load(connection: sqlite3.Connection, chosen: Filter, grid: Grid, since: float | None = None) -> pandas.DataFrame:
    """Columns time (of the bucket's start), requests, failed, generated_tokens, and what these are in a second or a minute:
    generated_tokens_per_second, requests_per_minute, failed_per_minute.

    Every bucket from the first request on is there, up to the grid's end: none is 0, which is measured. With `since` the
    first one is that of `since`.
    """
    width = grid.width_seconds
    first = None if since is None else max(grid.start, math.floor(since / width) * width)
    begin = grid.start if first is None else first
    part = replace(chosen, since=begin if chosen.since is None else max(chosen.since, begin))
    found = summed(
        connection, REQUESTS, part, ("requests", "generated_tokens"), ("finish_reason",), width, chosen.dimensions()
    )
    buckets = [bucket for bucket, *_ in found]
    end = max([*buckets, round(grid.start / width) + grid.points - 1])
    start = round(first / width) if first is not None else min(buckets, default=end + 1)
    counted = numpy.zeros((max(end - start + 1, 0), len(COLUMNS)), dtype=numpy.int64)
    for bucket, reason, requests, tokens in found:
        counted[bucket - start] += (requests, requests if reason == FinishReason.ERROR.value else 0, tokens)
    frame = pandas.DataFrame(counted, columns=list(COLUMNS))
    frame.insert(0, "time", (numpy.arange(len(counted)) + start) * float(width))
    return frame.assign(
        generated_tokens_per_second=frame["generated_tokens"] / width,
        requests_per_minute=frame["requests"] * (60 / width),
        failed_per_minute=frame["failed"] * (60 / width),
    )
