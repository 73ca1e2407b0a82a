"""What was measured, as named Gradio endpoints: the same answers as REST gives under /metrics/.

Single requests are in api_measured.py.
"""

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
from openarc_ui.metrics.queries import answer, filter_of, pair_of
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.metrics.timeline import POINTS
from openarc_ui.ui.api_errors import endpoint
from openarc_ui.ui.api_filters import (
    Ask,
    Backends,
    Configurations,
    Devices,
    Models,
    Outcomes,
    Since,
    Sources,
    Span,
    Until,
    asked,
)
from openarc_ui.ui.api_shown import JsonObject, as_object
from openarc_ui.ui.exported_files import ExportedFile, Exports
from openarc_ui.ui.rights import Rights

READERS_AT_ONCE = 4


def asking(engine: Engine, store: MetricsStore) -> Ask:
    """A way to ask the store, for the endpoints of one page."""
    limiter = anyio.CapacityLimiter(READERS_AT_ONCE)

    async def ask(question: Callable[[sqlite3.Connection], Any]) -> Any:
        """What a question comes to, on a thread, without the paths of this machine."""
        return engine.places.hidden(await anyio.to_thread.run_sync(answer, store, question, limiter=limiter))

    return ask


def metrics_endpoints(engine: Engine, store: MetricsStore, rights: Rights) -> list[Callable[..., Any]]:
    """Every endpoint about many requests, in the order of the documentation."""
    ask = asking(engine, store)
    measuring = rights.administers("Measuring memory bandwidth", endpoint(_bandwidth(engine, store)))
    return [*_numbers(ask), *_comparing(ask), *_files(store), measuring]


def _numbers(ask: Callable[..., Any]) -> list[Callable[..., Any]]:
    async def metrics_summary(
        range: Span = "all", since: Since = "", until: Until = "", model: Models = None, backend: Backends = None,
        device: Devices = None, configuration: Configurations = None, outcome: Outcomes = None, source: Sources = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Requests, tokens, the prefix cache, and mean, p50, p90 and p99 of every figure, in seconds and tokens a second.

        Returns:
            Totals, one object a figure with mean and percentiles, and notes on a filter that found nothing.
        """
        chosen = filter_of(**asked(range, since, until, model, backend, device, configuration, outcome, source))
        found: dict[str, Any] = await ask(partial(answers.summary, chosen=chosen))
        return found

    async def metrics_series(
        range: Span = "all", since: Since = "", until: Until = "", model: Models = None, backend: Backends = None,
        device: Devices = None, configuration: Configurations = None, outcome: Outcomes = None, source: Sources = None,
        points: Annotated[int, Field(ge=1, le=answers.MOST_POINTS)] = POINTS,
    ) -> dict[str, Any]:  # fmt: skip
        """Means of every figure for each model, processor, memory and power, in buckets of one width.

        Args:
            points: About so many buckets at most.

        Returns:
            One list of buckets for the requests of each model, one for the machine, one for power.
        """
        chosen = filter_of(**asked(range, since, until, model, backend, device, configuration, outcome, source))
        found: dict[str, Any] = await ask(partial(answers.series, chosen=chosen, points=points))
        return found

    async def metrics_stages(
        range: Span = "all", since: Since = "", until: Until = "", model: Models = None, backend: Backends = None,
        device: Devices = None, configuration: Configurations = None, outcome: Outcomes = None, source: Sources = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Where the time of requests went: mean seconds of each stage, for each model and configuration.

        Returns:
            One object a model and configuration: how many requests, and the mean seconds of each stage.
        """
        chosen = filter_of(**asked(range, since, until, model, backend, device, configuration, outcome, source))
        found: list[dict[str, Any]] = await ask(partial(answers.stages, chosen=chosen))
        return found

    async def metrics_options(range: Span = "all", since: Since = "", until: Until = "") -> dict[str, Any]:
        """What there is to filter by in a span: its models, backends, devices, configurations, outcomes and sources.

        Returns:
            One list of values for each name of a filter.
        """
        span = asked(range, since, until, *[None] * len(DIMENSIONS))
        found: dict[str, Any] = await ask(partial(answers.options, chosen=filter_of(**span)))
        return found

    async def metrics_definitions() -> dict[str, Any]:
        """Name, unit and formula of every figure and stage.

        Returns:
            Figures and stages, each with name, unit, formula and text.
        """
        return answers.definitions()

    return [metrics_summary, metrics_series, metrics_stages, metrics_options, metrics_definitions]


def _comparing(ask: Ask) -> list[Callable[..., Any]]:
    async def metrics_compare(
        a: JsonObject = '{"source": "chat"}', b: JsonObject = '{"source": "rest"}'
    ) -> dict[str, Any]:
        """Two groups of requests: the difference of medians, b relative to a, with its 95% interval.

        Args:
            a: A filter, such as {"model": "one", "range": "24h"}; the names are those of metrics_summary.
            b: The other. One of both may be all requests: {}.

        Returns:
            Both groups, one object a figure with the difference and its interval, and notes.
        """
        one, other = pair_of(as_object(a, "a"), as_object(b, "b"))
        found: dict[str, Any] = await ask(partial(answers.comparison, a=one, b=other))
        return found

    async def metrics_roofline(
        range: Span = "all", since: Since = "", until: Until = "", model: Models = None, backend: Backends = None,
        device: Devices = None, configuration: Configurations = None, outcome: Outcomes = None, source: Sources = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """How near decoding comes to what the device's memory gives, for each configuration.

        Returns:
            One object a configuration: bytes read for a token, bytes a second, and their share of the measured bandwidth.
        """
        chosen = filter_of(**asked(range, since, until, model, backend, device, configuration, outcome, source))
        found: list[dict[str, Any]] = await ask(partial(answers.roofs, chosen=chosen))
        return found

    return [metrics_compare, metrics_roofline]


def _files(store: MetricsStore) -> list[Callable[..., Any]]:
    exports = Exports()
    limiter = anyio.CapacityLimiter(1)

    async def metrics_export(
        format: ExportFormat = "csv", range: Span = "all", since: Since = "", until: Until = "", model: Models = None,
        backend: Backends = None, device: Devices = None, configuration: Configurations = None, outcome: Outcomes = None,
        source: Sources = None,
    ) -> ExportedFile:  # fmt: skip
        """The requests of a filter as a file with all columns, oldest first. It is there for ten minutes.

        Args:
            format: csv, json, jsonl (an object a line) or parquet.

        Returns:
            A file that gradio_client fetches by itself; its path on this side.
        """
        wanted = asked(range, since, until, model, backend, device, configuration, outcome, source)
        filter_of(**wanted)
        return await anyio.to_thread.run_sync(exports.write, store, wanted, format, limiter=limiter)

    return [metrics_export]


def _bandwidth(engine: Engine, store: MetricsStore) -> Callable[..., Any]:
    async def measure_bandwidth(device: str = "CPU") -> dict[str, Any]:
        """Measure how fast a device reads its memory: a few seconds, refused while a request runs. The roofline uses it.

        Args:
            device: A single device: CPU, GPU.0, ...

        Returns:
            The device, bytes a second, and how it was measured.
        """
        if not device or len(device) > 200:
            raise InvalidRequest("device must name a device.", "For example CPU.")
        measured = await anyio.to_thread.run_sync(engine.measure_bandwidth, device)
        store.record_bandwidth(measured)
        return dataclasses.asdict(measured)

    return measure_bandwidth
