"""What was measured, over HTTP: `/metrics` for Prometheus, `/metrics/…` for everybody else. The store keeps it, frames read it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import anyio
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from openarc_ui.access import Access
from openarc_ui.engine.engine import Engine
from openarc_ui.metrics import answers, detail
from openarc_ui.metrics.export import KINDS, ExportFormat, export
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.filters import Filter
from openarc_ui.metrics.queries import LARGEST_ID, answer, reading
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.metrics.timeline import POINTS
from openarc_ui.server.metrics_bodies import (
    BandwidthAsked,
    BandwidthBody,
    ComparisonBody,
    DefinitionsBody,
    MetricsSummaryBody,
    RequestBody,
    RequestsBody,
    RoofBody,
    SeriesBody,
    StagesBody,
)
from openarc_ui.server.metrics_query import FilterQuery, PairQuery
from openarc_ui.server.problems import documented
from openarc_ui.server.routes.heads import add_heads

T = TypeVar("T")
Ask = Callable[[Callable[[sqlite3.Connection], T]], Any]

READERS_AT_ONCE = 4
MANY_CORES = 5
EXPORTS_AT_ONCE = 2 if (os.cpu_count() or 1) >= MANY_CORES else 1
"""Pieces of exports that are made at the same moment; the page's and the routes' own reading goes on beside them."""
OPENMETRICS = "application/openmetrics-text"
READ_ERRORS = documented(503)
ONE_REQUEST_ERRORS = documented(404, 503)
FILTER, SPAN, PAIR = FilterQuery(), FilterQuery(("range", "since", "until")), PairQuery()
Chosen = Annotated[Filter, Depends(FILTER)]
FILTERED, SPANNED, COMPARED = ({"parameters": each.described()} for each in (FILTER, SPAN, PAIR))
REQUEST_ID: Any = "7c3f1a2b9d4e4f6a8b0c1d2e3f4a5b6c"
RequestId = Annotated[str, Path(max_length=64, description="Of the request.", examples=[REQUEST_ID])]


def metric_routes(
    engine: Engine, store: MetricsStore, exposition: Exposition, needs_key: bool, access: Access
) -> APIRouter:
    """The routes, bound to an engine and what was measured of it.

    Args:
        needs_key: a guard in front wants a key, so a command to copy says where to put it.
        access: who may read texts.
    """
    router = APIRouter(tags=["metrics"])
    limiter = anyio.CapacityLimiter(READERS_AT_ONCE)

    async def ask(question: Callable[[sqlite3.Connection], Any]) -> Any:
        """What a question comes to, on a thread, without the paths of this machine."""
        found = await anyio.to_thread.run_sync(answer, store, question, limiter=limiter)
        return engine.places.hidden(found)

    _add_exposition(router, exposition)
    _add_numbers(router, ask)
    _add_comparing(router, ask)
    _add_requests(router, ask, needs_key, access)
    _add_export(router, store)
    _add_bandwidth(router, engine, store)
    add_heads(router)
    return router


def _add_exposition(router: APIRouter, exposition: Exposition) -> None:
    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        responses={200: {"content": {"text/plain": {}, OPENMETRICS: {}}, "description": "Text"}, **documented()},
        response_class=Response,
    )
    async def prometheus(request: Request) -> Response:
        """Histograms, counters and gauges by model, since this server started; as OpenMetrics to those that accept it."""
        asked = wants_openmetrics(request.headers.get("accept", ""))
        text, content_type = await anyio.to_thread.run_sync(exposition.text, asked)
        return Response(text, headers={"content-type": content_type, "cache-control": "no-store"})


def wants_openmetrics(accept: str) -> bool:
    """OpenMetrics is asked for by its name, and at least as much as plain text is."""
    wanted: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        wanted[name] = max(wanted.get(name, 0.0), _quality(quality))
    plain = next((wanted[name] for name in ("text/plain", "text/*", "*/*") if name in wanted), 0.0)
    return wanted.get(OPENMETRICS, 0.0) > 0.0 and wanted[OPENMETRICS] >= plain


def _quality(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value <= 1.0 else 0.0


def _add_numbers(router: APIRouter, ask: Ask[Any]) -> None:
    """What many requests come to."""

    @router.get("/metrics/summary", summary="Totals and percentiles", responses=READ_ERRORS, openapi_extra=FILTERED)
    async def summary(chosen: Chosen) -> MetricsSummaryBody:
        """Requests, tokens, the prefix cache, and mean, p50, p90 and p99 of every figure, in seconds and tokens a second.

        Counts and means are exact; percentiles come from at most 10,000 requests, and `sampled` says of how many.
        """
        return MetricsSummaryBody.model_validate(await ask(partial(answers.summary, chosen=chosen)))

    @router.get("/metrics/series", summary="Figures over time", responses=READ_ERRORS, openapi_extra=FILTERED)
    async def series(
        chosen: Chosen,
        points: Annotated[
            int, Query(ge=1, le=answers.MOST_POINTS, description="About so many buckets at most.", examples=[60])
        ] = POINTS,
    ) -> SeriesBody:
        """Means of every figure for each model, processor, memory and power, in buckets of one width."""
        return SeriesBody.model_validate(await ask(partial(answers.series, chosen=chosen, points=points)))

    @router.get("/metrics/stages", summary="Where the time went", responses=READ_ERRORS, openapi_extra=FILTERED)
    async def stages(chosen: Chosen) -> list[StagesBody]:
        """Mean seconds of each stage, for each model and configuration."""
        found = await ask(partial(answers.stages, chosen=chosen))
        return [StagesBody.model_validate(each) for each in found]

    @router.get("/metrics/options", summary="What can be filtered by", responses=READ_ERRORS, openapi_extra=SPANNED)
    async def options(chosen: Annotated[Filter, Depends(SPAN)]) -> dict[str, list[str]]:
        """The models, backends, devices, configurations, outcomes and sources of the requests in the span."""
        found: dict[str, list[str]] = await ask(partial(answers.options, chosen=chosen))
        return found

    @router.get("/metrics/definitions", summary="What each figure is", responses=documented())
    async def definitions() -> DefinitionsBody:
        """Name, unit and formula of every figure and stage; `/docs/metrics` says more."""
        return DefinitionsBody.model_validate(answers.definitions())


def _add_comparing(router: APIRouter, ask: Ask[Any]) -> None:
    """Groups beside each other, and beside what the memory can give."""

    @router.get("/metrics/compare", summary="Compare two groups", responses=READ_ERRORS, openapi_extra=COMPARED)
    async def compare(groups: Annotated[tuple[Filter, Filter], Depends(PAIR)]) -> ComparisonBody:
        """Group b beside group a: models, configurations or periods, with the difference of medians and its 95% interval."""
        a, b = groups
        return ComparisonBody.model_validate(await ask(partial(answers.comparison, a=a, b=b)))

    @router.get(
        "/metrics/roofline",
        summary="How near decoding comes to the memory's bandwidth",
        responses=READ_ERRORS,
        openapi_extra=FILTERED,
    )
    async def roofline(chosen: Chosen) -> list[RoofBody]:
        """For each configuration: bytes read for a token, bytes a second, and their share of the measured bandwidth."""
        found = await ask(partial(answers.roofs, chosen=chosen))
        return [RoofBody.model_validate(each) for each in found]


def _add_requests(router: APIRouter, ask: Ask[Any], needs_key: bool, access: Access) -> None:
    """Single requests."""

    @router.get("/metrics/requests", summary="List requests", responses=READ_ERRORS, openapi_extra=FILTERED)
    async def requests(
        chosen: Chosen,
        limit: Annotated[
            int, Query(ge=1, le=answers.MOST_REQUESTS, description="At most so many.", examples=[50])
        ] = 50,
        before_id: Annotated[
            int | None,
            Query(
                ge=1,
                le=LARGEST_ID,
                description="Only those before this one: `next_before_id` of the page before.",
                examples=[1200],
            ),
        ] = None,
    ) -> RequestsBody:
        """Newest first, with every column but the inter-token latencies."""
        asked = partial(answers.requests, chosen=chosen, limit=limit, before_id=before_id)
        return RequestsBody.model_validate(await ask(asked))

    @router.get("/metrics/requests/{request_id}", summary="Read a request", responses=ONE_REQUEST_ERRORS)
    async def one_request(request_id: RequestId, request: Request) -> RequestBody:
        """Its stages, inter-token latencies, settings and configuration; to the administrator its texts, where they are kept."""
        may_read = access.may_administer(request.headers)
        found = await ask(partial(answers.request, request_id=request_id, with_texts=may_read))
        return RequestBody.model_validate(found)

    @router.get(
        "/metrics/requests/{request_id}/curl",
        summary="A request as curl",
        responses=ONE_REQUEST_ERRORS,
        response_class=PlainTextResponse,
    )
    async def curl(request_id: RequestId, request: Request) -> str:
        """A command that asks the same again, with the same settings and seed; the texts as in the request itself."""
        address = str(request.base_url).rstrip("/")
        may_read = access.may_administer(request.headers)

        def command(connection: sqlite3.Connection) -> str:
            return detail.generation_curl(detail.request(connection, request_id, may_read), address, needs_key)

        text: str = await ask(command)
        return text


def _add_export(router: APIRouter, store: MetricsStore) -> None:
    limiter = anyio.CapacityLimiter(EXPORTS_AT_ONCE)
    content: dict[str, Any] = {kind.media_type.partition(";")[0]: {} for kind in KINDS.values()}

    @router.get(
        "/metrics/export",
        summary="Export requests as a file",
        responses={200: {"content": content, "description": "A file"}, **READ_ERRORS},
        response_class=Response,
        openapi_extra=FILTERED,
    )
    async def export_requests(
        chosen: Chosen,
        request: Request,
        format: Annotated[ExportFormat, Query(description="jsonl is an object a line.", examples=["parquet"])] = "csv",
    ) -> Response:
        """All columns, oldest first, streamed; the inter-token latencies are a list (in CSV separated by spaces)."""
        name = f"openarc-metrics-{time.strftime('%Y%m%d-%H%M%S')}.{KINDS[format].ending}"
        headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
        if request.method == "HEAD":
            return Response(media_type=KINDS[format].media_type, headers=headers)
        pieces = export(partial(reading, store), chosen, format)

        async def following() -> bytes | None:
            return await anyio.to_thread.run_sync(next, pieces, None, limiter=limiter)

        # Two pieces before the answer begins: the first says what the columns are, the second has been read.
        begun = [await following(), await following()]
        return StreamingResponse(_all(begun, following), media_type=KINDS[format].media_type, headers=headers)


async def _all(begun: list[bytes | None], following: Callable[[], Any]) -> AsyncIterator[bytes]:
    """The pieces that were made, then the others as they are taken; whoever leaves ends it."""
    for piece in begun:
        if piece:
            yield piece
    while (piece := await following()) is not None:
        if piece:
            yield piece


def _add_bandwidth(router: APIRouter, engine: Engine, store: MetricsStore) -> None:
    limiter = anyio.CapacityLimiter(1)

    @router.post("/metrics/bandwidth", summary="Measure a device's memory bandwidth", responses=documented(503))
    async def bandwidth(body: BandwidthAsked) -> BandwidthBody:
        """Takes a few seconds, in a process of its own; refused while a request runs. The roofline uses the result."""
        measured = await anyio.to_thread.run_sync(engine.measure_bandwidth, body.device, limiter=limiter)
        store.record_bandwidth(measured)
        return BandwidthBody.model_validate(measured, from_attributes=True)
