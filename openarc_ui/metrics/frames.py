"""What the requests of a filter were, read back: totals, percentiles, a sample, stages, and the newest of them.

Pure reads: an open connection and a `Filter` in, values out. Counts, sums and means are exact: whole periods of five minutes
come from the rollups, the edges of a span from rows. Percentiles come from a sample, and say from how many.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import pandas

from openarc_ui.engine.types import FinishReason
from openarc_ui.metrics.definitions import FIGURES, INTER_TOKEN, STAGES
from openarc_ui.metrics.drawing import draw, newest
from openarc_ui.metrics.filters import DIMENSIONS, Filter
from openarc_ui.metrics.outcomes import REFUSED
from openarc_ui.metrics.rollups import COUNTS, FIGURE_SUMS, GAP_SUMS
from openarc_ui.metrics.schema import REQUEST_COLUMNS
from openarc_ui.metrics.spans import REQUESTS, count, summed

SAMPLE_ROWS = 10_000
GAP_REQUESTS = 2_000
PERCENTILES = (50, 90, 99)
TEXTS = ("request_id", "model", "configuration_id", "finish_reason")
WHOLE = ("id", "generated_tokens", "concurrent_requests")
SAMPLE_COLUMNS = (
    "id",
    "request_id",
    "submitted_at",
    "model",
    "configuration_id",
    "finish_reason",
    "prompt_tokens",
    "generated_tokens",
    "concurrent_requests",
    *(figure.name for figure in FIGURES),
)
HAS_GAPS = "length(inter_token_latencies_seconds) > 0"

Array = numpy.ndarray[Any, numpy.dtype[numpy.float64]]


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over the requests of a filter.

    Attributes:
        failed: without those that were refused.
        refused: requests that were wrong themselves.
        prompt_tokens: of the prompts that were read.
        cached_prompt_tokens: of `told_prompt_tokens`, how many came from the prefix cache; None when no request told.
        told_prompt_tokens: prompt tokens of the requests that told how many of them were cached.
    """

    requests: int
    failed: int
    cancelled: int
    prompt_tokens: int
    cached_prompt_tokens: int | None
    told_prompt_tokens: int
    generated_tokens: int
    refused: int = 0


@dataclass(frozen=True, slots=True)
class FigureSummary:
    """One figure over the requests of a filter, in stored units (seconds, tokens a second).

    Attributes:
        name: of definitions.FIGURES, or of INTER_TOKEN.
        count: how many requests (or gaps, for INTER_TOKEN) have it; exact.
        mean: over all of them, exact; of INTER_TOKEN over all gaps, exact too.
        least, most: of those sampled.
        sampled: how many of them p50, p90, p99, least and most come from.
    """

    name: str
    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    least: float
    most: float
    sampled: int


def options(connection: sqlite3.Connection, chosen: Filter) -> dict[str, list[str]]:
    """The values of each dimension among the requests in the span, whatever else the filter wants.

    What is left out has no part in them, but that its source is there to be chosen.
    """
    span = Filter(since=chosen.since, until=chosen.until)
    found = summed(connection, REQUESTS, span, (), tuple(DIMENSIONS.values()))
    left_out = () if chosen.source else chosen.leaves_out
    source = list(DIMENSIONS).index("source")
    counted = [row for row in found if row[source] not in left_out]
    return {
        name: sorted({row[place] for row in (found if place == source else counted)})
        for place, name in enumerate(DIMENSIONS)
    }


def left_out(connection: sqlite3.Connection, chosen: Filter) -> int:
    """How many requests would count, were it not for the sources that the filter leaves out."""
    wanted = chosen.left_out()
    return count(connection, wanted) if wanted is not None else 0


def totals(connection: sqlite3.Connection, chosen: Filter) -> Totals:
    """How many requests and tokens."""
    found = summed(connection, REQUESTS, chosen, COUNTS, ("finish_reason",), condition=chosen.dimensions())
    outcomes = {outcome: number for outcome, number, *_ in found}
    number, prompt, cached, told, generated = (sum(row[place] for row in found) for place in range(1, 1 + len(COUNTS)))
    failed, cancelled, refused = (
        outcomes.get(outcome, 0) for outcome in (FinishReason.ERROR.value, FinishReason.CANCELLED.value, REFUSED)
    )
    return Totals(number, failed, cancelled, prompt, cached if told else None, told, generated, refused)


def summary(
    connection: sqlite3.Connection, chosen: Filter, rows: pandas.DataFrame | None = None
) -> dict[str, FigureSummary]:
    """Each of definitions.FIGURES, and INTER_TOKEN over all gaps; figures that nothing has are absent.

    `rows`: what `sample` gave for the same filter, when it was asked for anyway.
    """
    names = [*FIGURE_SUMS, *GAP_SUMS]
    (row,) = summed(connection, REQUESTS, chosen, names, condition=chosen.dimensions())
    known = dict(zip(names, row, strict=True))
    drawn = sample(connection, chosen) if rows is None else rows
    found = {}
    for name in (figure.name for figure in FIGURES):
        if known[f"{name}_count"]:
            measured = drawn[name].dropna().to_numpy(dtype=float)
            found[name] = _summary(name, known[f"{name}_count"], known[f"{name}_sum"], measured)
    number, total = (known[name] for name in GAP_SUMS)
    if number:
        found[INTER_TOKEN.name] = _summary(INTER_TOKEN.name, number, total, gaps(connection, chosen))
    return found


def sample(connection: sqlite3.Connection, chosen: Filter, limit: int = SAMPLE_ROWS) -> pandas.DataFrame:
    """All requests when there are at most `limit`, else about that many at random; `attrs["of"]` is how many there are."""
    of = count(connection, chosen)
    rows = draw(connection, chosen, SAMPLE_COLUMNS, limit, of)
    columns = zip(*rows, strict=True) if rows else ((),) * len(SAMPLE_COLUMNS)
    frame = pandas.DataFrame(
        {name: _column(name, values) for name, values in zip(SAMPLE_COLUMNS, columns, strict=True)}
    )
    frame.attrs["of"] = of
    return frame


def gaps(connection: sqlite3.Connection, chosen: Filter, requests: int = GAP_REQUESTS) -> Array:
    """The inter-token latencies, in seconds, of at most so many requests picked at random."""
    rows = draw(connection, chosen, ("inter_token_latencies_seconds",), requests, count(connection, chosen), HAS_GAPS)
    return numpy.frombuffer(b"".join(blob for (blob,) in rows), dtype="<f4").astype(float)


def stages(connection: sqlite3.Connection, chosen: Filter) -> pandas.DataFrame:
    """One row a (model, configuration_id): requests, and the mean seconds of each stage under the stage's name."""
    names = [stage.name for stage in STAGES]
    wanted = ["requests", *(f"{name}_seconds_sum" for name in names)]
    by = ("model", "configuration_id")
    found = summed(connection, REQUESTS, chosen, wanted, by, condition=chosen.dimensions())
    frame = pandas.DataFrame.from_records(found, columns=[*by, "requests", *names])
    for name in names:
        frame[name] = frame[name].astype(float) / frame["requests"]
    return frame.sort_values(list(by), ignore_index=True)


def requests(
    connection: sqlite3.Connection, chosen: Filter, limit: int = 50, before_id: int | None = None
) -> pandas.DataFrame:
    """The newest requests first, by when they were submitted; all columns but the latencies.

    `before_id`: only those that come after the one of that `id` in this order; none when it is not kept any more.
    """
    columns = ["id", *(name for name in REQUEST_COLUMNS if name != INTER_TOKEN.name)]
    return pandas.DataFrame.from_records(newest(connection, chosen, columns, limit, before_id), columns=columns)


def configurations(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The kept descriptions (ModelInfo as JSON) of these ids; those never recorded are absent."""
    wanted = json.dumps(list(ids))
    rows = connection.execute(
        "SELECT configuration_id, description FROM configurations WHERE configuration_id IN (SELECT value FROM json_each(?))",
        (wanted,),
    )
    return {identity: json.loads(description) for identity, description in rows}


def _summary(name: str, number: int, total: float, drawn: Array) -> FigureSummary:
    """NaN for what the sample, by chance, has none of."""
    mean = total / number
    if not len(drawn):
        return FigureSummary(name, number, mean, math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    p50, p90, p99 = numpy.percentile(drawn, PERCENTILES).tolist()
    return FigureSummary(name, number, mean, p50, p90, p99, float(drawn.min()), float(drawn.max()), len(drawn))


def _column(name: str, values: Sequence[Any]) -> Any:
    return values if name in TEXTS else numpy.asarray(values, dtype=int if name in WHOLE else float)
