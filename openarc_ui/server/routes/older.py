"""Paths of OpenArc 2: `/openarc/*`, as thin adapters."""

from __future__ import annotations

from fastapi import APIRouter

from openarc_ui.engine.engine import Engine
from openarc_ui.metrics.exposition import Exposition


def older_routes(engine: Engine, exposition: Exposition) -> APIRouter:
    """The routes, bound to an engine."""
    return APIRouter(tags=["older"])
