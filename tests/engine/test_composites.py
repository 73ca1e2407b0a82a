"""Composite devices over the CPU, for real: the starter answers, and the members' own properties are in effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import DeviceUnavailable
from tests.conftest import ask

pytestmark = pytest.mark.model


@pytest.mark.parametrize(
    ("device", "backend"),
    [
        ("AUTO", "genai"),
        ("HETERO:CPU", "genai"),
        ("BATCH:CPU(2)", "genai"),
        ("HETERO:CPU", "optimum"),
        ("MULTI:CPU", "optimum"),
    ],
)
def test_a_composite_over_the_cpu_answers_with_its_members_properties(
    starter_folder: Path, device: str, backend: str
) -> None:
    request = LoadRequest.model_validate(
        {
            "model_path": starter_folder.name,
            "device": device,
            "backend": backend,
            "ov_config": {"KV_CACHE_PRECISION": "f16", "INFERENCE_NUM_THREADS": 1},
        }
    )
    with Engine(starter_folder.parent) as engine:
        info = engine.load(request)
        assert info.effective_properties["KV_CACHE_PRECISION"] == "f16"
        assert info.effective_properties["INFERENCE_NUM_THREADS"] == "1"
        answer = engine.submit(ask("What is the capital of France?", do_sample=False, max_new_tokens=12))
        assert "Paris" in answer.result(timeout=60).texts[0]


def test_multi_is_refused_where_no_model_loads_on_it(starter_folder: Path) -> None:
    with Engine(starter_folder.parent) as engine, pytest.raises(DeviceUnavailable, match="MULTI"):
        engine.load(LoadRequest(model_path=starter_folder.name, backend="genai", device="MULTI:CPU"))
