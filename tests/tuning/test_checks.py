"""What is refused of a run before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest, OpenArcError
from openarc_ui.tuning.checks import check_request
from openarc_ui.tuning.requests import BenchRequest, SweepRequest, Workload
from tests.conftest import write_script


@pytest.fixture
def engine(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    write_script(tmp_path / "models" / "script")
    return make_engine()


def sweep(*axes: dict[str, Any]) -> SweepRequest:
    return SweepRequest.model_validate({"base": LoadRequest(model_path="script"), "axes": axes})


@pytest.mark.parametrize(
    ("axis", "error", "hint"),
    [
        ({"field": "scheduler.max_num_seq", "values": [1]}, InvalidRequest, "max_num_seqs"),
        ({"field": "backend", "values": ["optimun"]}, OpenArcError, "optimum"),
        ({"field": "model_path", "values": ["script", None]}, InvalidRequest, "null"),
    ],
)
def test_an_axis_of_which_nothing_can_be_loaded_is_refused_with_the_right_name(
    engine: Engine, axis: dict[str, Any], error: type[OpenArcError], hint: str
) -> None:
    with pytest.raises(error) as raised:
        check_request(engine, sweep(axis))
    assert hint in f"{raised.value.message} {raised.value.hint}"


def test_axes_that_are_a_load_only_together_are_taken(engine: Engine) -> None:
    eviction = {"field": "scheduler.use_cache_eviction", "values": [True, False]}
    size = {"field": "scheduler.cache_eviction_config.max_cache_size", "values": [672, 1344]}
    check_request(engine, sweep(eviction, size))


def test_one_value_that_can_not_be_loaded_is_a_result_and_no_mistake(engine: Engine) -> None:
    check_request(engine, sweep({"field": "ov_config.KV_CACHE_PRECISION", "values": ["u8", "nonsense"]}))


def test_two_workloads_of_one_name_are_refused_since_their_figures_would_be_one() -> None:
    with pytest.raises(ValidationError, match="named 'same'"):
        BenchRequest(
            configuration=LoadRequest(model_path="script"),
            workloads=(Workload(name="same"), Workload(name="same", prompt_tokens=7)),
        )
