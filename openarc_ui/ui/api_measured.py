"""Single requests that were measured, as named Gradio endpoints: list, read, copy as a command, run again."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any

import anyio
import gradio as gr
from pydantic import Field

from openarc_ui.engine.engine import Engine
from openarc_ui.metrics import answers, detail
from openarc_ui.metrics.queries import LARGEST_ID, filter_of, reading
from openarc_ui.metrics.store import MetricsStore
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
from openarc_ui.ui.api_metrics import asking
from openarc_ui.ui.api_shown import as_text
from openarc_ui.ui.metrics.run_again import once_more, shown, with_note
from openarc_ui.ui.rights import Rights

HEARTBEAT_SECONDS = 0.5
REPORT_SECONDS = 20.0
MeasuredId = Annotated[str, Field(min_length=1, max_length=64)]


def request_endpoints(engine: Engine, store: MetricsStore, rights: Rights, needs_key: bool) -> list[Callable[..., Any]]:
    """Every endpoint about single requests, in the order of the documentation.

    Args:
        needs_key: the server wants a key, so a command to copy says where to put it.
    """
    ask = asking(engine, store)
    again = rights.counts(endpoint(_again(engine, store, rights)))
    return [*_reading(ask, rights), _copying(ask, rights, needs_key), again]


def _reading(ask: Ask, rights: Rights) -> list[Callable[..., Any]]:
    async def metrics_requests(
        range: Span = "all", since: Since = "", until: Until = "", model: Models = None, backend: Backends = None,
        device: Devices = None, configuration: Configurations = None, outcome: Outcomes = None, source: Sources = None,
        limit: Annotated[int, Field(ge=1, le=answers.MOST_REQUESTS)] = 50,
        before_id: Annotated[int, Field(ge=1, le=LARGEST_ID)] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Requests, newest first, with every column but the inter-token latencies.

        Args:
            limit: At most so many.
            before_id: next_before_id of the page before.

        Returns:
            The requests, and next_before_id for the page after; null at the end.
        """
        chosen = filter_of(**asked(range, since, until, model, backend, device, configuration, outcome, source))
        found: dict[str, Any] = await ask(partial(answers.requests, chosen=chosen, limit=limit, before_id=before_id))
        return found

    async def metrics_request(request_id: MeasuredId, request: gr.Request) -> dict[str, Any]:
        """One request: stages, inter-token latencies, settings, configuration; to the administrator texts, where they are kept.

        Args:
            request_id: Which.

        Returns:
            The request with its stages, latencies, settings and configuration, these as JSON texts.
        """
        may_read = rights.may_administer(request)
        found: dict[str, Any] = await ask(partial(answers.request, request_id=request_id, with_texts=may_read))
        return _without_objects(found)

    return [metrics_requests, metrics_request]


def _copying(ask: Ask, rights: Rights, needs_key: bool) -> Callable[..., Any]:
    async def request_curl(request_id: MeasuredId, request: gr.Request) -> str:
        """A measured request as a curl command that asks the same again, with the same settings and seed.

        Args:
            request_id: Which, as /metrics_requests shows it.

        Returns:
            The command. The texts are in it for the administrator, where the server keeps them.
        """
        may_read = rights.may_administer(request)
        address = str(request.request.base_url).rstrip("/")

        def command(connection: sqlite3.Connection) -> str:
            return detail.generation_curl(detail.request(connection, request_id, may_read), address, needs_key)

        text: str = await ask(command)
        return text

    return request_curl


def _again(engine: Engine, store: MetricsStore, rights: Rights) -> Callable[..., Any]:
    def look_up(request_id: str, may_read: bool) -> detail.RequestDetail:
        with reading(store) as connection:
            return detail.request(connection, request_id, may_read)

    async def run_again(
        request_id: MeasuredId, request: gr.Request, prompt: Annotated[str, Field(max_length=1_000_000)] = ""
    ) -> AsyncIterator[dict[str, Any]]:
        """Run a measured request once more, with the same model, settings and seed. A client that leaves ends it.

        Args:
            request_id: Which, as /metrics_requests shows it.
            prompt: What the user says in place of what was kept; needed where the server keeps no texts, or not for this key.

        Returns:
            {"state": "running"} while it runs; at the end the state done, the answer, and its figures in words.
        """
        found = await anyio.to_thread.run_sync(look_up, request_id, rights.may_administer(request))
        with engine.submit(once_more(found, prompt)) as generation:
            async for _ in generation.async_batches(HEARTBEAT_SECONDS, lambda: HEARTBEAT_SECONDS):
                yield {"state": "running", "request_id": generation.request_id}
            result = await generation.async_result(REPORT_SECONDS)
        yield {"state": "done", **with_note(shown(result, None), found)}

    return run_again


def _without_objects(found: dict[str, Any]) -> dict[str, Any]:
    """What was asked and what it ran on as texts: a `path` in them is no file to fetch for Gradio's clients."""
    texts = {name: found[name] and as_text(found[name]) for name in ("settings", "messages", "configuration")}
    return {**found, **texts}
