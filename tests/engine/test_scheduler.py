"""GenAI's continuous batching as it is set: what reaches SchedulerConfig, and that it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.options import flatten, nest, options_of
from openarc_ui.engine.scheduler import SCHEDULER_DEFAULTS, SchedulerOptions
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import PromptTooLong
from tests.conftest import ask

EVERYTHING = {
    "num_kv_blocks": 128,
    "max_num_batched_tokens": 128,
    "max_num_seqs": 2,
    "dynamic_split_fuse": False,
    "enable_prefix_caching": False,
    "use_cache_eviction": True,
    "cache_eviction_config": {"start_size": 32, "recent_size": 64, "max_cache_size": 256, "aggregation_mode": "SUM"},
    "use_sparse_attention": True,
    "sparse_attention_config": {"mode": "TRISHAPE", "num_last_dense_tokens_in_prefill": 10},
}


def test_what_is_left_out_takes_openarcs_values_and_false_is_a_value() -> None:
    assert SchedulerOptions().given() == {}
    settled = SchedulerOptions(enable_prefix_caching=False, cache_size=0).settled()
    assert settled == {**SCHEDULER_DEFAULTS, "enable_prefix_caching": False}
    assert SchedulerOptions(enable_prefix_caching=False, cache_size=0).given() == {
        "enable_prefix_caching": False,
        "cache_size": 0,
    }


def test_every_option_has_words_for_the_form_and_nested_names_come_back() -> None:
    options = options_of(SchedulerOptions, SCHEDULER_DEFAULTS, group="scheduler")
    assert all(each.help for each in options)
    flat = flatten(EVERYTHING)
    assert set(flat) <= {each.name for each in options}
    assert nest(flat) == EVERYTHING


@pytest.mark.model
def test_every_option_reaches_genai_under_its_own_name() -> None:
    genai = pytest.importorskip("openvino_genai")
    from openarc_ui.engine.backends.genai import scheduler_config

    options = SchedulerOptions.model_validate(EVERYTHING)
    config = scheduler_config(genai, options)
    for name, value in options.settled().items():
        if not isinstance(value, dict):
            assert getattr(config, name) == value, name
    eviction = config.cache_eviction_config
    assert (eviction.get_start_size(), eviction.get_recent_size(), eviction.get_max_cache_size()) == (32, 64, 256)
    assert eviction.aggregation_mode == genai.AggregationMode.SUM
    assert config.sparse_attention_config.num_last_dense_tokens_in_prefill == 10


@pytest.mark.model
def test_the_starter_answers_with_everything_set(starter_folder: Path) -> None:
    request = LoadRequest.model_validate(
        {"model_path": starter_folder.name, "scheduler": EVERYTHING, "ov_config": {"KV_CACHE_PRECISION": "f16"}}
    )
    with Engine(starter_folder.parent) as engine:
        info = engine.load(request)
        assert info.max_running == 2 and info.scheduler is not None
        assert info.scheduler["cache_eviction_config"]["max_cache_size"] == 256
        result = engine.submit(ask("What is the capital of France?", do_sample=False, max_new_tokens=12)).result(60)
        assert "Paris" in result.texts[0]
        with pytest.raises(PromptTooLong, match="at most 128"):
            engine.submit(ask("Tell me of ships. " * 80)).result(60)
        long = engine.submit(ask("Tell me of ships.", max_new_tokens=300, ignore_eos=True)).result(60)
        assert long.report.generated_tokens == 300
