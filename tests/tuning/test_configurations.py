"""What makes two loads one configuration, and what it is called."""

from __future__ import annotations

import pytest

from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest, SamplingParameters
from openarc_ui.errors import InvalidRequest, PropertyRejected
from openarc_ui.tuning.configurations import combine, configuration_of, identify, label_of, models_of
from openarc_ui.tuning.requests import Axis, BenchRequest, ComparisonRequest, SweepRequest

BASE = LoadRequest(model_path="model", ov_config={"NUM_STREAMS": 1, "KV_CACHE_PRECISION": "f16"})


def load(**values: object) -> LoadRequest:
    return LoadRequest.model_validate({"model_path": "model", **values})


def test_settings_replace_what_the_base_has() -> None:
    made = combine(
        BASE, {"device": "GPU", "backend": "genai", "ov_config.NUM_STREAMS": 2, "scheduler.max_num_batched_tokens": 512}
    )
    assert (made.device, made.backend) == ("GPU", "genai")
    assert made.ov_config == {"KV_CACHE_PRECISION": "f16", "NUM_STREAMS": 2}
    assert made.scheduler == SchedulerOptions(max_num_batched_tokens=512)


def test_null_takes_a_field_out() -> None:
    base = load(backend="optimum", ov_config={"NUM_STREAMS": 1})
    assert combine(base, {"ov_config.NUM_STREAMS": None, "backend": None}) == load()
    limited = load(scheduler={"cache_size": 2})
    assert combine(limited, {"scheduler.cache_size": None, "scheduler.num_kv_blocks": None}).scheduler.given() == {}


def test_a_nested_scheduler_field_is_set() -> None:
    base = load(scheduler={"use_cache_eviction": True})
    made = combine(base, {"scheduler.cache_eviction_config.max_cache_size": 1024})
    assert made.scheduler.cache_eviction_config is not None
    assert made.scheduler.cache_eviction_config.max_cache_size == 1024


def test_the_models_of_a_run_are_all_that_it_may_load() -> None:
    other = LoadRequest(model_path="other")
    assert models_of(BenchRequest(configuration=BASE)) == {"model"}
    assert models_of(ComparisonRequest(a=BASE, b=other)) == {"model", "other"}
    axes = (
        Axis(field="model_path", values=("third", "fourth", None)),
        Axis(field="device", values=("CPU", "GPU")),
    )
    assert models_of(SweepRequest(base=BASE, axes=axes)) == {"model", "third", "fourth"}
    assert models_of(SweepRequest(base=BASE, axes=axes[1:], reference=other)) == {"model", "other"}


def test_the_order_of_properties_is_always_the_same() -> None:
    assert list(combine(BASE, {}).ov_config) == ["KV_CACHE_PRECISION", "NUM_STREAMS"]
    assert list(configuration_of(BASE).load.ov_config) == ["KV_CACHE_PRECISION", "NUM_STREAMS"]


@pytest.mark.parametrize(
    "settings",
    [
        {"colour": "red"},
        {"ov_config": "red"},
        {"backend": "torch"},
        {"model_path": None},
        {"scheduler.colour": 1},
        {"scheduler.cache_size": 1, "scheduler.num_kv_blocks": 3},
    ],
)
def test_a_field_or_value_that_no_load_has_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        combine(BASE, settings)  # type: ignore[arg-type]


def test_the_nearest_field_of_the_scheduler_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        combine(BASE, {"scheduler.max_num_seq": 4})
    assert "max_num_seqs" in caught.value.hint


def test_loads_that_differ_have_different_ids() -> None:
    different = [
        load(),
        load(device="GPU"),
        load(backend="genai"),
        load(backend="optimum"),
        load(model_path="other"),
        load(ov_config={"NUM_STREAMS": 1}),
        load(ov_config={"NUM_STREAMS": 2}),
        load(ov_config={"NUM_STREAMS": "2"}),
        load(ov_config={"ENABLE_MMAP": True}),
        load(ov_config={"ENABLE_MMAP": 1}),
        load(scheduler={"cache_size": 1}),
        load(use_cache=False),
        load(eos_token_id=3),
        load(sampling_defaults={"repetition_penalty": 1.5}),
    ]
    assert len({identify(each) for each in different}) == len(different)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (load(ov_config={"A": 1, "B": 2}), load(ov_config={"B": 2, "A": 1})),
        (load(ov_config={"A": 2.0}), load(ov_config={"A": 2})),
        (load(ov_config={"PRECISION_HINT": "fp16"}), load(ov_config={"INFERENCE_PRECISION_HINT": "f16"})),
        (load(name="a"), load(name="b")),
        (load(allow_overcommit=True), load()),
        (load(sampling_defaults={"temperature": 0.3, "max_new_tokens": 9}), load()),
        (load(scheduler={"max_num_batched_tokens": 256}), load()),
        (load(backend="optimum", scheduler={"cache_size": 4}), load(backend="optimum")),
        (load(use_cache=False, scheduler={"cache_size": 4}), load(use_cache=False)),
        (load(backend="optimum", ov_config={"ATTENTION_BACKEND": "SDPA"}), load(backend="optimum")),
        (load(device="NPU", scheduler={"cache_size": 4}), load(device="NPU")),
    ],
)
def test_loads_that_are_the_same_have_one_id(one: LoadRequest, other: LoadRequest) -> None:
    assert identify(one) == identify(other)


def test_what_measurements_do_not_depend_on_stays_in_the_load() -> None:
    base = load(name="mine", allow_overcommit=True, sampling_defaults={"temperature": 0.3})
    made = configuration_of(base).load
    assert (made.name, made.allow_overcommit, made.sampling_defaults) == (
        "mine",
        True,
        SamplingParameters(temperature=0.3),
    )


def test_axes_may_lead_to_optimum_although_the_base_has_a_scheduler() -> None:
    base = load(scheduler={"cache_size": 4}, ov_config={"ATTENTION_BACKEND": "SDPA"})
    made = combine(base, {"backend": "optimum"})
    assert made.scheduler == SchedulerOptions()
    assert made.ov_config == {}


def test_a_setting_without_effect_counts_as_left_out() -> None:
    settings = {"backend": "optimum", "scheduler.cache_size": 4}
    made = configuration_of(combine(BASE, settings), settings)
    assert made.settings == {"backend": "optimum", "scheduler.cache_size": None}
    assert made.label == "optimum"


def test_what_was_asked_for_by_hand_keeps_what_a_load_would_refuse() -> None:
    asked = load(backend="optimum", scheduler={"cache_size": 4})
    assert configuration_of(asked).load.scheduler.cache_size == 4


def test_a_property_under_both_its_names_is_refused() -> None:
    with pytest.raises(PropertyRejected):
        combine(load(ov_config={"PRECISION_HINT": "f16", "INFERENCE_PRECISION_HINT": "f32"}), {})


def test_an_axis_of_an_older_name_is_the_axis_of_the_new_one() -> None:
    base = load(ov_config={"INFERENCE_PRECISION_HINT": "f32"})
    settings = {"ov_config.PRECISION_HINT": "fp16"}
    made = configuration_of(combine(base, settings), settings)
    assert made.load.ov_config == {"INFERENCE_PRECISION_HINT": "f16"}
    assert made.settings == {"ov_config.PRECISION_HINT": "f16"}
    assert combine(base, {"ov_config.PRECISION_HINT": None}).ov_config == {}


def test_the_label_is_short() -> None:
    settings = {
        "ov_config.KV_CACHE_PRECISION": "u8",
        "ov_config.INFERENCE_NUM_THREADS": 2,
        "backend": "optimum",
        "model_path": "SmolLM2-135M-Instruct-int8",
        "ov_config.PERFORMANCE_HINT": None,
    }
    assert label_of(settings) == "KV_CACHE_PRECISION=u8, INFERENCE_NUM_THREADS=2, optimum, …-int8"


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ({}, "base"),
        ({"ov_config.NUM_STREAMS": None}, "defaults"),
        ({"ov_config.ENABLE_MMAP": True}, "ENABLE_MMAP=true"),
        ({"scheduler.cache_size": 2, "device": "GPU.1"}, "cache_size=2, GPU.1"),
        ({"device": "HETERO:GPU,CPU"}, "HETERO:GPU,CPU"),
        ({"device": "elsewhere"}, "device=elsewhere"),
        ({"model_path": "tiny"}, "tiny"),
    ],
)
def test_a_label_says_only_what_is_set(settings: dict[str, object], label: str) -> None:
    assert label_of(settings) == label  # type: ignore[arg-type]


def test_models_are_told_apart_by_where_their_names_differ() -> None:
    models = ["llama-3-8b-int4", "llama-3-70b-int4", "gemma-int4"]
    assert label_of({"model_path": models[0]}, models[:2]) == "…-8b-int4"
    assert [label_of({"model_path": each}, models) for each in models] == models
