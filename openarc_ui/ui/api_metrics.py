"""What was measured, as named Gradio endpoints: the same answers as REST gives under /metrics/."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import anyio
from pydantic import Field

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import InvalidRequest
from openarc_ui.metrics import answers
from openarc_ui.metrics.export import ExportFormat
from openarc_ui.metrics.filters import DIMENSIONS
from openarc_ui.metrics.queries import LARGEST_ID, answer, filter_of, pair_of
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.metrics.timeline import POINTS
from openarc_ui.ui.api_shown import JsonObject, as_object, as_text
from openarc_ui.ui.exported_files import ExportedFile, Exports

Names = list[str] | str
"""One value or several; an empty text where none is wanted."""
READERS_AT_ONCE = 4


def metrics_endpoints(engine: Engine, store: MetricsStore) -> list[Callable[..., Any]]:
    """Every endpoint about metrics, in the order of the documentation."""
    limiter = anyio.CapacityLimiter(READERS_AT_ONCE)

    async def ask(question: Callable[[sqlite3.Connection], Any]) -> Any:
        """What a question comes to, on a thread, without the paths of this machine."""
        return engine.places.hidden(await anyio.to_thread.run_sync(answer, store, question, limiter=limiter))

    return [*_numbers(ask), *_requests(ask), *_files(store), *_bandwidth(engine, store)]


def _numbers(ask: Callable[..., Any]) -> list[Callable[..., Any]]:
    async def metrics_summary(
        range: str = "all", since: str = "", until: str = "", model: Names = "", backend: Names = "",
        device: Names = "", configuration: Names = "", outcome: Names = "", source: Names = "",
    ) -> dict[str, Any]:  # fmt: skip
        """Requests, tokens, the prefix cache, and mean, p50, p90 and p99 of every figure, in seconds and tokens a second.

        Args:
            range: 15m, 1h, 6h, 24h, 7d, 30d, all, or custom for since and until.
            since: Seconds since the epoch, or a time with its zone such as 2026-11-26T04:30:00Z; inclusive.
            until: The same; exclusive.
            model: One name or several; left out: all.
            backend: genai, optimum or scripted.
            device: CPU, GPU.0, ...
            configuration: A configuration_id.
            outcome: stop, length, cancelled, error or refused.
            source: chat, rest, gradio, mcp, bench, again or engine.
        """
        chosen = filter_of(**_asked(range, since, until, model, backend, device, configuration, outcome, source))
        found: dict[str, Any] = await ask(partial(answers.summary, chosen=chosen))
        return found

    async def metrics_series(
        range: str = "all", since: str = "", until: str = "", model: Names = "", backend: Names = "",
        device: Names = "", configuration: Names = "", outcome: Names = "", source: Names = "",
        points: Annotated[int, Field(ge=1, le=answers.MOST_POINTS)] = POINTS,
    ) -> dict[str, Any]:  # fmt: skip
        """Means of every figure for each model, processor, memory and power, in buckets of one width.

        Args:
            points: About so many buckets at most. The others: see metrics_summary.
        """
        chosen = filter_of(**_asked(range, since, until, model, backend, device, configuration, outcome, source))
        found: dict[str, Any] = await ask(partial(answers.series, chosen=chosen, points=points))
        return found

    async def metrics_compare(
        a: JsonObject = '{"source": "chat"}', b: JsonObject = '{"source": "rest"}'
    ) -> dict[str, Any]:
        """Two groups of requests: the difference of medians, b relative to a, with its 95% interval.

        Args:
            a: A filter, such as {"model": "one", "range": "24h"}; the names are those of metrics_summary.
            b: The other. One of both may be all requests: {}.
        """
        one, other = pair_of(as_object(a, "a"), as_object(b, "b"))
        found: dict[str, Any] = await ask(partial(answers.comparison, a=one, b=other))
        return found

    async def metrics_definitions() -> dict[str, Any]:
        """Name, unit and formula of every figure and stage."""
        return answers.definitions()

    return [metrics_summary, metrics_series, metrics_compare, metrics_definitions]


def _requests(ask: Callable[..., Any]) -> list[Callable[..., Any]]:
    async def metrics_requests(
        range: str = "all", since: str = "", until: str = "", model: Names = "", backend: Names = "",
        device: Names = "", configuration: Names = "", outcome: Names = "", source: Names = "",
        limit: Annotated[int, Field(ge=1, le=answers.MOST_REQUESTS)] = 50,
        before_id: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Requests, newest first, with every column but the inter-token latencies.

        Args:
            limit: At most so many. The others: see metrics_summary.
            before_id: next_before_id of the page before.
        """
        chosen = filter_of(**_asked(range, since, until, model, backend, device, configuration, outcome, source))
        found: dict[str, Any] = await ask(partial(answers.requests, chosen=chosen, limit=limit, before_id=before_id))
        return found

    async def metrics_request(request_id: Annotated[str, Field(max_length=64)]) -> dict[str, Any]:
        """One request: stages, inter-token latencies, settings, configuration; texts only where the server keeps them.

        Args:
            request_id: Which.
        """
        found: dict[str, Any] = await ask(partial(answers.request, request_id=request_id))
        return _without_objects(found)

    return [metrics_requests, metrics_request]


def _files(store: MetricsStore) -> list[Callable[..., Any]]:
    exports = Exports()
    limiter = anyio.CapacityLimiter(1)

    async def metrics_export(
        format: ExportFormat = "csv", range: str = "all", since: str = "", until: str = "", model: Names = "",
        backend: Names = "", device: Names = "", configuration: Names = "", outcome: Names = "", source: Names = "",
    ) -> ExportedFile:  # fmt: skip
        """The requests of a filter as a file with all columns, oldest first. It is there for ten minutes.

        Args:
            format: csv, json, jsonl (an object a line) or parquet. The others: see metrics_summary.
        """
        asked = _asked(range, since, until, model, backend, device, configuration, outcome, source)
        filter_of(**asked)
        return await anyio.to_thread.run_sync(exports.write, store, asked, format, limiter=limiter)

    return [metrics_export]


def _bandwidth(engine: Engine, store: MetricsStore) -> list[Callable[..., Any]]:
    async def measure_bandwidth(device: str = "CPU") -> dict[str, Any]:
        """Measure how fast a device reads its memory: a few seconds, refused while a request runs. The roofline uses it.

        Args:
            device: A single device: CPU, GPU.0, ...
        """
        if not device or len(device) > 200:
            raise InvalidRequest("device must name a device.", "For example CPU.")
        measured = await anyio.to_thread.run_sync(engine.measure_bandwidth, device)
        store.record_bandwidth(measured)
        return dataclasses.asdict(measured)

    return [measure_bandwidth]


def _asked(range: str, since: str, until: str, *dimensions: Names) -> dict[str, Any]:
    """The arguments of filter_of. A span that is given needs no range beside it."""
    is_custom = range == "all" and bool(since or until)
    span = {"range": "custom" if is_custom else range, "since": since, "until": until}
    return {**span, **dict(zip(DIMENSIONS, dimensions, strict=True))}


def _without_objects(found: dict[str, Any]) -> dict[str, Any]:
    """What was asked and what it ran on as texts: a `path` in them is no file to fetch for Gradio's clients."""
    texts = {name: found[name] and as_text(found[name]) for name in ("settings", "messages", "configuration")}
    return {**found, **texts}
