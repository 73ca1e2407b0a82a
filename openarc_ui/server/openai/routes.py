"""`/v1/models`, `/v1/chat/completions` and `/v1/completions`."""

from __future__ import annotations

from fastapi import APIRouter

from openarc_ui.engine.engine import Engine


def openai_routes(engine: Engine) -> APIRouter:
    """The routes, bound to an engine."""
    return APIRouter(tags=["openai"])
