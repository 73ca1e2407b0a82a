"""Which GenAI pipeline a load gets, and what is refused before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from openarc_ui.engine.pipelines import (
    NpuLimits,
    check_pipeline,
    device_properties,
    npu_limits,
    pipeline_of,
    stateful_properties,
)
from openarc_ui.engine.scheduler import SchedulerOptions
from openarc_ui.engine.types import LoadRequest, PropertyValue
from openarc_ui.errors import InvalidRequest, OpenArcError, PropertyRejected


def load(device: str = "CPU", scheduler: SchedulerOptions | None = None, **ov_config: PropertyValue) -> LoadRequest:
    return LoadRequest(
        model_path="model", device=device, ov_config=ov_config, scheduler=scheduler or SchedulerOptions()
    )


@pytest.mark.parametrize(
    ("request_", "pipeline"),
    [
        (load(), "paged"),
        (load(ATTENTION_BACKEND="PA"), "paged"),
        (load("GPU.1", NUM_STREAMS=1), "paged"),
        (load(ATTENTION_BACKEND="SDPA"), "stateful"),
        (load("AUTO:GPU,CPU", ATTENTION_BACKEND="SDPA"), "stateful"),
        (load("NPU"), "stateful"),
        (load("NPU", ATTENTION_BACKEND="SDPA", MAX_PROMPT_LEN=2048), "stateful"),
    ],
)
def test_device_and_attention_backend_decide_the_pipeline(request_: LoadRequest, pipeline: str) -> None:
    assert pipeline_of(request_.device, request_.ov_config) == pipeline
    assert check_pipeline(request_) == pipeline


@pytest.mark.parametrize(
    ("request_", "error", "reason"),
    [
        (load("HETERO:NPU,CPU"), InvalidRequest, "on an NPU alone, not as a part of HETERO:NPU,CPU"),
        (load("AUTO:NPU"), InvalidRequest, "on an NPU alone"),
        (load("NPU.0"), InvalidRequest, "not for one of several by number"),
        (load("NPU", ATTENTION_BACKEND="PA"), PropertyRejected, "no paged attention"),
        (load("CPU", ATTENTION_BACKEND="sdpa"), PropertyRejected, "is PA or SDPA, got 'sdpa'"),
        (load("CPU", SchedulerOptions(cache_size=1), ATTENTION_BACKEND="SDPA"), InvalidRequest, "has no scheduler"),
        (load("NPU", SchedulerOptions(enable_prefix_caching=False)), InvalidRequest, "has no scheduler"),
        (load("NPU", MAX_PROMPT_LEN="long"), PropertyRejected, "MAX_PROMPT_LEN is a number of tokens"),
        (load("NPU", MIN_RESPONSE_LEN=-1), PropertyRejected, "MIN_RESPONSE_LEN is a number of tokens"),
        (load("NPU", MAX_PROMPT_LEN=True), PropertyRejected, "got True"),
        (load("NPU", MAX_PROMPT_LEN=2**32 + 1), PropertyRejected, "MAX_PROMPT_LEN"),
        (load("NPU", PREFILL_CONFIG="NPUW_DEVICES"), PropertyRejected, "PREFILL_CONFIG is a JSON object"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(
    request_: LoadRequest, error: type[OpenArcError], reason: str
) -> None:
    with pytest.raises(error, match=reason) as caught:
        check_pipeline(request_)
    assert caught.value.hint
    if error is PropertyRejected:
        assert caught.value.properties and caught.value.properties[0] in request_.ov_config


def test_a_scheduler_is_welcome_with_paged_attention() -> None:
    assert check_pipeline(load("CPU", SchedulerOptions(cache_size=1))) == "paged"


def test_the_context_of_an_npu_is_prompt_and_response_together() -> None:
    assert npu_limits({}) == NpuLimits(prompt_tokens=1024, context_tokens=1152)
    assert npu_limits({"MAX_PROMPT_LEN": 4096, "MIN_RESPONSE_LEN": "512"}) == NpuLimits(4096, 4608)


def test_genai_gets_attention_backend_and_the_device_never_does() -> None:
    ov_config: dict[str, PropertyValue] = {"ATTENTION_BACKEND": "SDPA", "KV_CACHE_PRECISION": "f16"}
    assert device_properties("CPU", ov_config) == {"KV_CACHE_PRECISION": "f16"}
    assert stateful_properties("CPU", ov_config) == ov_config


def test_an_npu_gets_lengths_as_numbers_configurations_as_objects_and_the_rest_as_it_is() -> None:
    given: dict[str, PropertyValue] = {
        "MAX_PROMPT_LEN": "2048",
        "PREFILL_HINT": "STATIC",
        "GENERATE_HINT": "BEST_PERF",
        "PREFILL_CONFIG": '{"NPUW_DEVICES": "CPU"}',
        "++NPUW_LLM_GENERATE_CONFIG": '{"NPUW_FOLD": "NO"}',
        "NPUW_LLM_PREFILL_CHUNK_SIZE": 512,
        "CACHE_DIR": "cache",
        "NPU_TURBO": True,
    }
    objects: dict[str, Any] = {
        "MAX_PROMPT_LEN": 2048,
        "PREFILL_CONFIG": {"NPUW_DEVICES": "CPU"},
        "++NPUW_LLM_GENERATE_CONFIG": {"NPUW_FOLD": "NO"},
    }
    assert stateful_properties("NPU", given) == {**given, **objects}
    assert device_properties("NPU", given) == {"CACHE_DIR": "cache", "NPU_TURBO": True}


def test_an_npus_keys_stay_in_for_another_device_so_that_it_refuses_them() -> None:
    assert device_properties("CPU", {"MAX_PROMPT_LEN": 10}) == {"MAX_PROMPT_LEN": 10}
