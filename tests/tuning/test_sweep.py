"""The search as a whole, on a machine that is made up: what it finds, what it survives, and how long it takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.types import LoadRequest
from openarc_ui.tuning import sweep
from openarc_ui.tuning.configurations import configuration_of
from openarc_ui.tuning.desk import RunStopped
from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.requests import Axis, QualityOptions, SweepRequest
from openarc_ui.tuning.search import FILE, Search
from openarc_ui.tuning.standings import best_of, front_of, standings_of
from tests.tuning.scripted_sweep import Desk, Load, Machine, Record

BASE = LoadRequest(model_path="model", backend="genai")
THREADS = {None: 1.0, 1: 1.6, 2: 0.9, 4: 0.7}
KV = {None: 1.0, "u8": 0.9, "f16": 1.05}
HINT = {None: 1.0, "LATENCY": 0.95}
BACKEND = {"genai": 1.0, "optimum": 1.3}
AXES = (
    Axis(field="ov_config.INFERENCE_NUM_THREADS", values=tuple(THREADS)),
    Axis(field="ov_config.KV_CACHE_PRECISION", values=tuple(KV)),
    Axis(field="ov_config.PERFORMANCE_HINT", values=tuple(HINT)),
    Axis(field="backend", values=tuple(BACKEND)),
)
BEST = {
    "ov_config.INFERENCE_NUM_THREADS": 4,
    "ov_config.KV_CACHE_PRECISION": "u8",
    "ov_config.PERFORMANCE_HINT": "LATENCY",
    "backend": "genai",
}


def planted(load: Load) -> float:
    """48 combinations, of which BEST is the fastest, by 5%."""
    return (
        2.0
        * THREADS[load("ov_config.INFERENCE_NUM_THREADS")]  # type: ignore[index]
        * KV[load("ov_config.KV_CACHE_PRECISION")]  # type: ignore[index]
        * HINT[load("ov_config.PERFORMANCE_HINT")]  # type: ignore[index]
        * BACKEND[load("backend")]  # type: ignore[index]
    )


def request_for(axes: tuple[Axis, ...] = AXES, **values: Any) -> SweepRequest:
    plain = {"base": BASE, "quality": QualityOptions(is_wanted=False), "budget_minutes": 20.0}
    return SweepRequest.model_validate({**plain, "axes": axes, **values})


def search_for(request: SweepRequest, file: Path | None = None) -> Search:
    figures = [BY_NAME[name] for name in request.objectives]
    return Search(file, request.axes, figures, request.seed, request.memory_limit_bytes)


def swept(request: SweepRequest, machine: Machine, **desk: Any) -> Desk:
    """A sweep from beginning to end, with its search in memory."""
    made = Desk(machine, Record(request, Path()), **desk)
    with search_for(request) as search:
        sweep.run_with(request, made, made.record, search)  # type: ignore[arg-type]
    return made


def best(record: Record) -> Any:
    """What the page would call the best."""
    standings = standings_of(record)  # type: ignore[arg-type]
    objectives = [BY_NAME[name] for name in record.request.objectives]
    limit = record.request.memory_limit_bytes
    found = best_of(standings, objectives, front_of(standings, objectives, limit))
    assert found is not None
    return found


def tried(record: Record) -> set[str]:
    return {each.configuration_id for each in record.configurations}


def test_the_base_is_the_first_and_a_planted_best_is_found_by_a_grid() -> None:
    desk = swept(request_for(budget_minutes=60.0), Machine(planted, noise=0.02))
    assert desk.record.configurations[0].load == BASE
    assert best(desk.record).configuration.settings == BEST
    assert len(tried(desk.record)) == 48
    assert "All 48 combinations of the axes were tried, as a grid." in desk.record.notes


def test_a_planted_best_is_found_in_half_the_time_of_a_grid_for_19_of_20_seeds() -> None:
    found = 0
    for seed in range(20):
        request = request_for(seed=seed, sampler="tpe", budget_minutes=14.0)
        desk = swept(request, Machine(planted, noise=0.02, seed=seed))
        assert desk.record.elapsed <= 14 * 60
        found += best(desk.record).configuration.settings == BEST
    assert found >= 19
