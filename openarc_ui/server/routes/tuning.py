"""Tuning over HTTP: start, watch, end and read runs. What a run is and does is in `openarc_ui.tuning`."""

from __future__ import annotations

from fastapi import APIRouter

from openarc_ui.engine.engine import Engine
from openarc_ui.profiles import ProfileStore
from openarc_ui.tuning.runs import TuningRuns


def tuning_routes(engine: Engine, runs: TuningRuns, profiles: ProfileStore, needs_key: bool) -> APIRouter:
    """The routes, bound to an engine and its runs."""
    return APIRouter(tags=["tuning"])
