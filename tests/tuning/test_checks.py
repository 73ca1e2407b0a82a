"""What is refused of a run before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from pydantic import ValidationError

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import InvalidRequest, OpenArcError
from openarc_ui.tuning.answers import read_request
from openarc_ui.tuning.checks import check_request
from openarc_ui.tuning.requests import IS_KEPT, BenchRequest, SweepRequest, Workload
from openarc_ui.tuning.workloads import tokens_needed
from tests.conftest import write_script
from tests.tuning.bigram_model import WORDS, make_bigram_model


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


def bench(model: str = "one", load: dict[str, Any] | None = None, **workload: Any) -> BenchRequest:
    configuration = LoadRequest.model_validate({"model_path": model, **(load or {})})
    return BenchRequest(configuration=configuration, workloads=(Workload(**workload),))


@pytest.fixture
def real(make_engine: Callable[..., Engine], tmp_path: Path) -> Engine:
    """Over a model that the real backends run, for which three requests may wait."""
    folder = make_bigram_model(tmp_path / "models" / "one", numpy.zeros((len(WORDS), len(WORDS))))
    for part in ("tokenizer", "detokenizer"):
        for end in ("xml", "bin"):
            (folder / f"openvino_{part}.{end}").touch()
    return make_engine(queue_size=3)


@pytest.mark.parametrize(
    ("load", "most"),
    [
        ({"backend": "optimum"}, 1 + 3),
        ({"backend": "genai", "ov_config": {"ATTENTION_BACKEND": "SDPA"}}, 1 + 3),
        ({"backend": "genai", "scheduler": {"max_num_seqs": 5}}, 5 + 3),
    ],
    ids=str,
)
def test_more_users_than_may_run_and_wait_are_refused_with_both_settings(
    real: Engine, load: dict[str, Any], most: int
) -> None:
    check_request(real, bench(load=load, concurrent_requests=most))
    with pytest.raises(InvalidRequest) as raised:
        check_request(real, bench(load=load, concurrent_requests=most + 1))
    assert f"{most + 1} users" in raised.value.message
    assert "queue_size" in raised.value.hint and "max_num_seqs" in raised.value.hint


def test_more_tokens_than_the_model_s_own_files_promise_are_refused_before_it_is_loaded(
    real: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "models" / "one" / "config.json"
    told = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps({**told, "max_position_embeddings": 8192}))
    check_request(real, bench(prompt_tokens=8000, generated_tokens=192))
    with pytest.raises(InvalidRequest, match="needs 8500 tokens; this model's context holds 8192"):
        check_request(real, bench(prompt_tokens=8000, generated_tokens=500))
    check_request(real, bench(prompts=("Why?",), generated_tokens=8500))


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("foo", "take model_path, backend, device, ov_config.NAME or scheduler.NAME"),
        ("devise", "there is 'device'"),
        ("KV_CACHE_PRECISION", "there is 'ov_config.KV_CACHE_PRECISION'"),
        ("max_num_seqs", "there is 'scheduler.max_num_seqs'"),
    ],
)
def test_a_field_that_no_load_has_is_refused_with_the_nearest_and_no_pattern(field: str, told: str) -> None:
    asked = {"base": {"model_path": "script"}, "axes": [{"field": field, "values": [1, 2]}]}
    with pytest.raises(InvalidRequest) as raised:
        read_request({"kind": "sweep", **asked})
    assert f"a load has no field '{field}' to vary; {told}" in raised.value.message
    assert "^" not in raised.value.message


def test_own_prompts_have_no_part_in_the_bound_of_tokens() -> None:
    """With the 512 tokens that a prompt of the bundled text has where nothing is said it would be too much."""
    Workload(prompts=("Why?",), generated_tokens=130_900)
    with pytest.raises(ValidationError, match="more than 131072 tokens"):
        Workload(prompt_tokens=131_072, generated_tokens=8)
    assert tokens_needed(Workload(prompts=("Why?",), generated_tokens=8, turns=2, depth_tokens=3)) == 19


@pytest.mark.parametrize("prompt_tokens", [512, 64])
def test_a_length_of_prompts_beside_own_prompts_is_refused_by_name_with_the_reason(prompt_tokens: int) -> None:
    asked = {"prompts": ["Why?"], "prompt_tokens": prompt_tokens, "generated_tokens": 8}
    with pytest.raises(InvalidRequest) as raised:
        read_request({"kind": "bench", "configuration": {"model_path": "script"}, "workloads": [asked]})
    assert "prompt_tokens can't stand beside prompts" in raised.value.message
    assert "your own prompts are as long as they are" in raised.value.message
    kept = Workload.model_validate(asked, context={IS_KEPT: True})
    assert kept.prompts == ("Why?",), "a run of an older OpenArc is still read"


def test_what_was_asked_with_own_prompts_can_be_asked_again_as_it_is_told() -> None:
    own = Workload(prompts=("Why?",), generated_tokens=8)
    told = own.model_dump(mode="json")
    assert "prompt_tokens" not in told and Workload.model_validate(told) == own
    assert Workload(prompt_tokens=64).model_dump()["prompt_tokens"] == 64


def test_a_pace_after_the_first_token_is_no_objective_of_answers_of_one_token() -> None:
    values = {"base": LoadRequest(model_path="script"), "axes": [{"field": "backend", "values": ["genai", "optimum"]}]}
    one = {**values, "workload": Workload(generated_tokens=1)}
    with pytest.raises(ValidationError, match="answers of 2 tokens or more"):
        SweepRequest.model_validate({**one, "objectives": ["ttft_seconds", "decode_tokens_per_second"]})
    SweepRequest.model_validate({**one, "objectives": ["ttft_seconds", "throughput_tokens_per_second"]})


def test_a_reference_without_quality_is_refused_since_nothing_is_held_against_it() -> None:
    values = {"base": LoadRequest(model_path="script"), "axes": [{"field": "backend", "values": ["genai", "optimum"]}]}
    named = {**values, "reference": LoadRequest(model_path="script")}
    SweepRequest.model_validate(named)
    with pytest.raises(ValidationError, match="only where quality is wanted"):
        SweepRequest.model_validate({**named, "quality": {"is_wanted": False}})


def test_two_workloads_of_one_name_are_refused_since_their_figures_would_be_one() -> None:
    with pytest.raises(ValidationError, match="named 'same'"):
        BenchRequest(
            configuration=LoadRequest(model_path="script"),
            workloads=(Workload(name="same"), Workload(name="same", prompt_tokens=7)),
        )
