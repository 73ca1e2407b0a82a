"""The context of a model whose key-value cache is smaller than it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openarc_ui.engine.backends.base import LoadedModel
from openarc_ui.engine.context import within_cache
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import PromptTooLong
from tests.conftest import ask


def loaded(context: int | None, scheduler: dict[str, Any] | None, **changes: Any) -> LoadedModel:
    fields = {"execution_devices": ("CPU",), "effective_properties": {"KV_CACHE_PRECISION": "u8"}, **changes}
    return LoadedModel(
        context_length=context,
        context_source="the model's config.json",
        generation_config={},
        versions={},
        scheduler=scheduler,
        **fields,
    )


@pytest.mark.parametrize(
    ("device", "scheduler", "context", "source"),
    [
        ("CPU", {"num_kv_blocks": 20}, 640, "num_kv_blocks: 20 blocks of 32 tokens"),
        ("GPU.0", {"num_kv_blocks": 20}, 320, "num_kv_blocks: 20 blocks of 16 tokens"),
        ("CPU", {"num_kv_blocks": 1000}, 8192, "the model's config.json"),
        ("CPU", {"num_kv_blocks": 20, "use_cache_eviction": True}, 8192, "the model's config.json"),
        ("GPU", {"num_kv_blocks": 20, "use_sparse_attention": True}, 8192, "the model's config.json"),
        ("NPU", {"num_kv_blocks": 20}, 8192, "the model's config.json"),
        ("CPU", {"num_kv_blocks": 0, "cache_size": 0}, 8192, "the model's config.json"),
        ("CPU", None, 8192, "the model's config.json"),
    ],
)
def test_the_context_is_what_the_cache_holds(
    device: str, scheduler: dict[str, Any] | None, context: int, source: str
) -> None:
    found = within_cache(loaded(8192, scheduler, execution_devices=(device,)), "/nowhere/model")
    assert (found.context_length, found.context_source) == (context, source)


@pytest.mark.model
def test_gigabytes_are_tokens_where_the_models_shape_is_known(starter_folder: Path) -> None:
    """GenAI itself makes 2452 blocks of 1 GB for this model (research: engine, section 3.5)."""
    found = within_cache(loaded(None, {"cache_size": 1}), str(starter_folder))
    assert found.context_length == 2452 * 32
    assert found.context_source == "cache_size: 1 GB of key-value cache"
    unknown = loaded(None, {"cache_size": 1}, effective_properties={"KV_CACHE_PRECISION": "dynamic"})
    assert within_cache(unknown, str(starter_folder)) is unknown
    assert within_cache(loaded(None, {"cache_size": 1}), str(starter_folder / "none")).context_length is None


@pytest.mark.model
def test_an_answer_ends_where_the_cache_does(starter_folder: Path) -> None:
    with Engine(starter_folder.parent) as engine:
        small = LoadRequest(model_path=starter_folder.name, scheduler=SchedulerOptions(num_kv_blocks=20))
        assert engine.load(small).context_length == 640
        result = engine.submit(ask("word " * 560, max_new_tokens=1000, ignore_eos=True)).result(timeout=60)
        assert (result.report.prompt_tokens or 0) + result.report.generated_tokens == 640
        with pytest.raises(PromptTooLong, match="context holds 640"):
            engine.submit(ask("word " * 640)).result(timeout=60)
