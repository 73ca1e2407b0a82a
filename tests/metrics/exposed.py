"""A made-up engine and store for a scrape in which every family has a sample."""

from __future__ import annotations

import dataclasses
from typing import Any

from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import (
    EngineStatus,
    FinishReason,
    LoadRequest,
    ModelInfo,
    ModelState,
    ModelStatus,
    WorkerGauges,
)
from openarc_ui.metrics.exposition import Exposition
from openarc_ui.metrics.store import StoreHealth
from tests.reports import report

INFO = ModelInfo(
    name="model",
    path="model",
    backend="genai",
    backend_reason="",
    device="AUTO:GPU,CPU",
    execution_devices=("GPU.0", "CPU"),
    requested_properties={},
    effective_properties={},
    load_seconds=1.0,
    stage_seconds=(),
    memory_bytes=1,
    context_length=4096,
    context_source="",
    generation_defaults={},
    scheduler=SchedulerOptions().settled(),
    loaded_from_cache=None,
    max_running=32,
    versions={"openvino": "2026.4.1"},
    request=LoadRequest(model_path="model"),
    configuration_id="abc",
)
GAUGES = WorkerGauges(kv_cache_percent=25.0, kv_cache_bytes=1000, device_memory_bytes=2000)


def status(name: str = "model", state: ModelState = ModelState.READY, **changes: Any) -> ModelStatus:
    """A model that is loaded and busy, with some fields changed."""
    whole = ModelStatus(
        name=name,
        state=state,
        request=LoadRequest(model_path="model"),
        info=dataclasses.replace(INFO, name=name),
        stage=None,
        failure=None,
        process_id=1,
        memory_bytes=3000,
        running=2,
        queued=3,
        last_decode_tokens_per_second=12.5,
        gauges=GAUGES,
    )
    return dataclasses.replace(whole, **changes)


def health(**changes: Any) -> StoreHealth:
    """A store that is well, with some fields changed."""
    names = {field.name for field in dataclasses.fields(StoreHealth)}
    values = {"waiting": 4, "dropped": 5, "problem": None, "notice": None, "size_bytes": 6000, "capacity": 10_000}
    return StoreHealth(**{name: value for name, value in {**values, **changes}.items() if name in names})


def exposition(*models: ModelStatus, stored: StoreHealth | None = None) -> Exposition:
    """Of an engine with these models and nothing recorded."""
    engine = EngineStatus(models=models, default_model=None, last_load_failure=None, queue_size=32)
    return Exposition(lambda: engine, lambda: stored or health())


def full_exposition() -> Exposition:
    """Every family has a sample."""
    exposed = exposition(status())
    exposed.record(report(cached_prompt_tokens=32))
    exposed.record(report(finish_reason=FinishReason.ERROR, error_code="worker_died"))
    return exposed
