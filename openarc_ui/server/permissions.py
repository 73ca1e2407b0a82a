"""Which key each route needs, in one table. A route that is in none of its sets is for the administrator.

A test holds the table against the routes, so that a new one gets a decision.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request

from openarc_ui.access import Access

Place = tuple[str, str]
"""Method and path of a route, as it is declared."""

OPEN: frozenset[Place] = frozenset({("GET", "/health"), ("GET", "/readyz")})
"""Answered without any key: they say whether the server is there, and nothing else."""
USE: frozenset[Place] = frozenset(
    {
        ("GET", "/status"),
        ("GET", "/optimum/status"),
        ("GET", "/models"),
        ("GET", "/models/details"),
        ("GET", "/models/library"),
        ("GET", "/models/conversion-options"),
        ("POST", "/models/conversion-command"),
        ("GET", "/devices"),
        ("GET", "/devices/options"),
        ("POST", "/model/validate"),
        ("POST", "/model/fit"),
        ("GET", "/cache"),
        ("POST", "/generate/text"),
        ("POST", "/generate/stream"),
        ("POST", "/generate/cancel/{request_id}"),
        ("POST", "/optimum/generate"),
        ("POST", "/tokenize"),
        ("POST", "/detokenize"),
        ("POST", "/apply-template"),
        ("GET", "/chat-template"),
        ("POST", "/conversations/import"),
        ("GET", "/conversations/{conversation_id}/export"),
        ("GET", "/conversations"),
        ("POST", "/conversations"),
        ("GET", "/conversations/{conversation_id}"),
        ("PATCH", "/conversations/{conversation_id}"),
        ("DELETE", "/conversations/{conversation_id}"),
        ("POST", "/conversations/{conversation_id}/undo"),
        ("POST", "/conversations/{conversation_id}/messages"),
        ("PUT", "/conversations/{conversation_id}/messages"),
        ("POST", "/conversations/{conversation_id}/messages/{message_id}/move"),
        ("POST", "/conversations/{conversation_id}/messages/{message_id}/select"),
        ("PATCH", "/conversations/{conversation_id}/messages/{message_id}"),
        ("DELETE", "/conversations/{conversation_id}/messages/{message_id}"),
        ("GET", "/conversations/{conversation_id}/messages/{message_id}/tokens"),
        ("POST", "/conversations/{conversation_id}/answer"),
        ("GET", "/metrics"),
        ("GET", "/metrics/summary"),
        ("GET", "/metrics/series"),
        ("GET", "/metrics/stages"),
        ("GET", "/metrics/options"),
        ("GET", "/metrics/definitions"),
        ("GET", "/metrics/compare"),
        ("GET", "/metrics/roofline"),
        ("GET", "/metrics/requests"),
        ("GET", "/metrics/requests/{request_id}"),
        ("GET", "/metrics/requests/{request_id}/curl"),
        ("GET", "/metrics/export"),
        ("GET", "/tuning/presets"),
        ("POST", "/tuning/axes"),
        ("GET", "/tuning/runs"),
        ("GET", "/tuning/runs/{run_id}"),
        ("GET", "/tuning/runs/{run_id}/export"),
        ("GET", "/tuning/runs/{run_id}/report"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{model}"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/responses"),
        ("POST", "/check-structure"),
        ("GET", "/openarc/status"),
        ("GET", "/openarc/models"),
        ("GET", "/openarc/version"),
        ("GET", "/openarc/metrics"),
        ("GET", "/docs"),
        ("GET", "/docs/{page}"),
        ("GET", "/llms.txt"),
        ("GET", "/openapi.json"),
    }
)
ADMINISTER: frozenset[Place] = frozenset(
    {
        ("POST", "/model/load"),
        ("POST", "/model/unload"),
        ("DELETE", "/model/unload"),
        ("POST", "/optimum/model/load"),
        ("DELETE", "/optimum/model/unload"),
        ("POST", "/openarc/load"),
        ("POST", "/openarc/unload"),
        ("GET", "/models/files"),
        ("GET", "/models/file"),
        ("GET", "/models/hub"),
        ("GET", "/models/hub/files"),
        ("GET", "/models/hub/token"),
        ("PUT", "/models/hub/token"),
        ("DELETE", "/models/hub/token"),
        ("GET", "/models/tasks"),
        ("POST", "/models/tasks/downloads"),
        ("POST", "/models/tasks/conversions"),
        ("GET", "/models/tasks/{task_id}"),
        ("GET", "/models/tasks/{task_id}/log"),
        ("POST", "/models/tasks/{task_id}/pause"),
        ("POST", "/models/tasks/{task_id}/resume"),
        ("POST", "/models/tasks/{task_id}/cancel"),
        ("DELETE", "/models/tasks/{task_id}"),
        ("GET", "/models/sizes"),
        ("POST", "/models/rename"),
        ("POST", "/models/delete"),
        ("POST", "/models/verify"),
        ("GET", "/models/inspect"),
        ("GET", "/profiles"),
        ("GET", "/profiles/{name}"),
        ("PUT", "/profiles/{name}"),
        ("DELETE", "/profiles/{name}"),
        ("POST", "/profiles/import"),
        ("GET", "/profiles/{name}/export"),
        ("POST", "/profiles/{name}/load"),
        ("GET", "/profiles/{name}/code"),
        ("DELETE", "/cache"),
        ("POST", "/metrics/bandwidth"),
        ("POST", "/tuning/runs"),
        ("PATCH", "/tuning/runs/{run_id}"),
        ("DELETE", "/tuning/runs/{run_id}"),
        ("POST", "/tuning/runs/{run_id}/pause"),
        ("POST", "/tuning/runs/{run_id}/cancel"),
        ("POST", "/tuning/runs/{run_id}/resume"),
        ("POST", "/tuning/runs/{run_id}/configurations/{configuration_id}/load"),
        ("PUT", "/tuning/runs/{run_id}/configurations/{configuration_id}/profile"),
        ("GET", "/tuning/runs/{run_id}/configurations/{configuration_id}/code"),
    }
)
COUNTED: frozenset[Place] = frozenset(
    {
        ("POST", "/generate/text"),
        ("POST", "/generate/stream"),
        ("POST", "/optimum/generate"),
        ("POST", "/conversations/{conversation_id}/answer"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/responses"),
    }
)
"""Of these, those that make a model work: a key may send only so many a minute."""


def permitted(access: Access) -> Callable[[Request], Awaitable[None]]:
    """A dependency of every route.

    Raises (when called):
        AdministratorNeeded: the route is not for the key that was sent.
        RateLimited: the key has asked too often.
    """

    async def check(request: Request) -> None:
        path = getattr(request.scope.get("route"), "path", request.url.path)
        place = ("GET" if request.method == "HEAD" else request.method, path)
        if place not in USE and place not in OPEN:
            access.require_administrator(request.headers, f"{request.method} {path}")
        if place in COUNTED:
            access.count(request.headers)

    return check
