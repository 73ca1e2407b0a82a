"""Tuning as named Gradio endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openarc_ui.engine.engine import Engine
from openarc_ui.tuning.runs import TuningRuns
from openarc_ui.ui.rights import Rights


def tuning_endpoints(engine: Engine, runs: TuningRuns, rights: Rights) -> list[Callable[..., Any]]:
    """The endpoints' functions, wrapped in their rights."""
    return []
