"""`/v1/responses`."""

from __future__ import annotations

from fastapi import APIRouter

from openarc_ui.engine.engine import Engine


def responses_routes(engine: Engine) -> APIRouter:
    """The routes, bound to an engine."""
    return APIRouter(tags=["openai"])
