"""How busy each core was over time, where single samples are read: the sums of five minutes know no cores. Pure reads."""

from __future__ import annotations

import itertools
import math
import sqlite3
from operator import itemgetter
from typing import Any

import numpy
import pandas

from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.rollups import PERIOD_SECONDS
from openarc_ui.metrics.timeline import Grid

Array = numpy.ndarray[Any, numpy.dtype[numpy.float64]]


def cores(connection: sqlite3.Connection, chosen: Filter, grid: Grid, since: float | None = None) -> pandas.DataFrame:
    """Columns time (of the bucket's start), percent (a list: the mean of each core, in their order), least, most.

    Nothing where a bucket is as wide as the sums, and where no sample tells its cores.
    """
    width = grid.width_seconds
    rows: list[tuple[float, list[float]]] = []
    if width < PERIOD_SECONDS:
        begin = grid.start if since is None else max(grid.start, math.floor(since / width) * width)
        found = connection.execute(
            """SELECT CAST(sampled_at / ? AS INTEGER), cores FROM samples
               WHERE worker IS NULL AND cores IS NOT NULL AND sampled_at >= ? AND sampled_at < ? ORDER BY sampled_at""",
            (
                width,
                begin if chosen.since is None else max(chosen.since, begin),
                math.inf if chosen.until is None else chosen.until,
            ),
        )
        for bucket, samples in itertools.groupby(found, key=itemgetter(0)):
            means = _means([numpy.frombuffer(blob, "<f4").astype(float) for _, blob in samples])
            if len(means):
                rows.append((float(bucket * width), numpy.round(means, 2).tolist()))
    frame = pandas.DataFrame({"time": [time for time, _ in rows], "percent": [each for _, each in rows]})
    return frame.assign(
        time=frame["time"].astype(float),
        least=pandas.Series([min(each) for _, each in rows], dtype=float),
        most=pandas.Series([max(each) for _, each in rows], dtype=float),
    )


def _means(samples: list[Array]) -> Array:
    """Of each core; a machine whose cores change in number is told as it was at last."""
    count = len(samples[-1])
    means: Array = numpy.mean([each for each in samples if len(each) == count], axis=0)
    return means
