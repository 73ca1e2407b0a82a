"""The Metrics tab: one component, and the six questions its script asks. What they are answered is made elsewhere.

Every argument and every answer is one JSON text. Reading runs in threads of its own, at most two at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import gradio as gr

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import OpenArcError
from openarc_ui.metrics.store import MetricsStore
from openarc_ui.ui.html import number
from openarc_ui.ui.metrics import compare_view, request_view
from openarc_ui.ui.metrics.run_again import Again
from openarc_ui.ui.metrics.view import MetricsView
from openarc_ui.ui.metrics.wanted import (
    AskedAgain,
    AskedBandwidth,
    AskedComparison,
    AskedRequest,
    AskedRequests,
    AskedView,
    read,
)
from openarc_ui.ui.rights import Rights

READERS = 2
"""Questions that are read at once; more pages wait, so that the models keep their processor."""

VIEW_SCRIPT = """
// The whole address: Chromium resolves a path in such code against the page that compiled it first, be it another one.
import(`${window.location.origin}/page-assets/metrics/view.js`)
  .then((view) => view.mount(element, props, trigger, watch, server))
  .catch((error) => console.error(error));
"""


def build_metrics_tab(engine: Engine, store: MetricsStore, rights: Rights, *, needs_key: bool = False) -> gr.HTML:
    """The tab's component, inside an open gr.Tab.

    Args:
        needs_key: the server wants a key, so code to copy says where to get it.
    """
    return gr.HTML(
        "{}",
        html_template='<div class="oa-metrics"></div>',
        js_on_load=VIEW_SCRIPT,
        apply_default_css=False,
        server_functions=questions(engine, store, rights, needs_key),
        elem_id="oa-metrics",
        elem_classes="oa-tight",
    )


def questions(engine: Engine, store: MetricsStore, rights: Rights, needs_key: bool = False) -> list[Callable[..., Any]]:
    """What the page may ask, as functions from a JSON text to a JSON text; an OpenArcError is an answer too.

    To run a request again is counted, but not to end it; to measure the bandwidth wants the administration key.
    """
    view, again = MetricsView(store, engine.places.hidden), Again(engine, store)
    readers = Readers()

    async def metrics(asked: Any) -> str:
        return await _answered(lambda: readers.run(lambda: view.answer(read(asked, AskedView))))

    async def metrics_request(asked: Any, request: gr.Request) -> str:
        def look_up() -> dict[str, Any]:
            wanted = read(asked, AskedRequest)
            hidden, may_read = engine.places.hidden, rights.may_administer(request)
            return request_view.answer(store, wanted.request_id, address_of(request), needs_key, hidden, may_read)

        return await _answered(lambda: readers.run(look_up))

    async def metrics_requests(asked: Any) -> str:
        return await _answered(lambda: readers.run(lambda: view.listed(read(asked, AskedRequests))))

    async def metrics_again(asked: Any, request: gr.Request) -> str:
        async def run() -> dict[str, Any]:
            wanted = read(asked, AskedAgain)
            if wanted.cancel is None:
                rights.count(request)
            return await again.answer(wanted, lambda: has_left(request), rights.may_administer(request))

        return await _answered(run)

    async def metrics_compare(asked: Any) -> str:
        def compare() -> dict[str, Any]:
            return compare_view.answer(store, read(asked, AskedComparison), time.time())

        return await _answered(lambda: readers.run(compare))

    async def metrics_bandwidth(asked: Any, request: gr.Request) -> str:
        async def measure() -> dict[str, Any]:
            rights.require("Measuring memory bandwidth", request)
            wanted = read(asked, AskedBandwidth)
            found = await anyio.to_thread.run_sync(engine.measure_bandwidth, wanted.device)
            store.record_bandwidth(found)
            speed = number(found.bytes_per_second / 1e9)
            return {"words": f"{found.device} ({found.device_name}) reads its memory at {speed} GB/s. {found.method}"}

        return await _answered(measure)

    return [metrics, metrics_request, metrics_requests, metrics_again, metrics_compare, metrics_bandwidth]


class Readers:
    """The threads in which the database is read. Their limiter belongs to the event loop, so it is made in it."""

    def __init__(self) -> None:
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do it in a thread; waits while enough others read."""
        self._limiter = self._limiter or anyio.CapacityLimiter(READERS)
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)


async def _answered(work: Callable[[], Awaitable[dict[str, Any]]]) -> str:
    try:
        return as_text(await work())
    except OpenArcError as error:
        return as_text({"error": {"message": error.message, "hint": error.hint, "code": error.code}})


def as_text(answer: dict[str, Any]) -> str:
    """JSON that a browser reads: no NaN, and half of a surrogate pair escaped."""
    return json.dumps(answer, separators=(",", ":"), allow_nan=False)


def address_of(request: gr.Request) -> str:
    """Where the page's browser reaches this server."""
    base = getattr(getattr(request, "request", request), "base_url", "http://127.0.0.1:7860")
    return str(base).rstrip("/")


async def has_left(request: gr.Request) -> bool:
    """The browser that asked has closed its connection. A component's function is given Starlette's own request."""
    asked = getattr(request, "request", request)
    return bool(await asked.is_disconnected()) if asked is not None else False
