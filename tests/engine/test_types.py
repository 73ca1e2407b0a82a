"""What comes in: bounds, texts that are texts, and one sentence for what is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.types import GenerationRequest, LoadRequest


def problems(**values: Any) -> list[Any]:
    with pytest.raises(ValidationError) as caught:
        LoadRequest.model_validate({"model_path": "m", **values})
    return list(caught.value.errors(include_url=False))


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, True, 0.5, 1e300])
def test_a_number_of_64_bits_is_a_value_and_stays_what_it_is(number: float) -> None:
    taken = LoadRequest(model_path="m", ov_config={"A": number, "DEVICE_PROPERTIES": {"CPU": {"A": number}}}).ov_config
    assert taken == {"A": number, "DEVICE_PROPERTIES": {"CPU": {"A": number}}} and type(taken["A"]) is type(number)


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        -(2**63) - 1,
        10**30,
        float("inf"),
        float("nan"),
        {"CPU": {"B": float("-inf")}},
        "x" * 16_385,
        {"CPU": {"B": 10**30}},
        {"CPU": {"B" * 201: 1}},
        {"CPU": {f"A{number}": 1 for number in range(257)}},
    ],
)
def test_a_value_that_no_property_can_have_is_refused_at_its_name(value: Any) -> None:
    (problem,) = problems(ov_config={"A": value})
    assert problem["loc"] == ("ov_config", "A")


@pytest.mark.parametrize(
    "ov_config", [{"A" * 201: 1}, {f"A{number}": 1 for number in range(257)}], ids=["a long name", "many names"]
)
def test_names_of_properties_are_few_and_short(ov_config: dict[str, int]) -> None:
    assert problems(ov_config=ov_config)[0]["loc"] == ("ov_config",)


@pytest.mark.parametrize("name", ["bos_token_id", "eos_token_id", "pad_token_id"])
def test_a_token_id_is_one_a_backend_can_hold(name: str) -> None:
    LoadRequest.model_validate({"model_path": "m", name: 2**31 - 1})
    assert problems(**{name: 2**31})[0]["loc"] == (name,)


def test_a_path_longer_than_any_is_refused() -> None:
    assert problems(model_path="m" * 5000)[0]["type"] == "string_too_long"


@pytest.mark.parametrize(
    "details",
    [
        {"use_cache_eviction": True, "cache_eviction_config": {"max_cache_size": 32 * 10**29}},
        {"use_sparse_attention": True, "sparse_attention_config": {"xattention_stride": 10**30}},
        {"use_sparse_attention": True, "sparse_attention_config": {"num_retained_start_tokens_in_cache": 2**40}},
    ],
)
def test_every_number_of_the_scheduler_has_an_end(details: dict[str, Any]) -> None:
    assert problems(scheduler=details)[0]["type"] == "less_than_equal"


@pytest.mark.parametrize(
    "ov_config",
    [
        {"A": "\ud800"},
        {"\ud800": 1},
        {"DEVICE_PROPERTIES": {"\ud800": {"A": 1}}},
        {"DEVICE_PROPERTIES": {"CPU": {"\ud800": 1}}},
        {"DEVICE_PROPERTIES": {"CPU": {"A": "x\udfff"}}},
    ],
)
def test_half_of_a_surrogate_pair_is_found_at_any_depth(ov_config: dict[str, Any]) -> None:
    said = explain(problems(ov_config=ov_config), fields_by_path(LoadRequest)).message
    assert said == "ov_config: half of a surrogate pair is no character."


def test_a_name_that_came_in_is_not_echoed_whole() -> None:
    said = explain(problems(**{"x" * 100_000: 1}), fields_by_path(LoadRequest))
    assert len(said.message) < 150 and said.message.startswith("There is no field 'xxx")
    said = explain(problems(ov_config={"\U0001f600" * 150: None}), fields_by_path(LoadRequest))
    assert len(said.message) < 200


def test_a_body_that_is_missing_is_said_to_be() -> None:
    problem = {"type": "missing", "loc": ("body",), "msg": "Field required"}
    assert explain([problem], {}).message == "The body is missing."
    problem = {"type": "missing", "loc": ("body", "name"), "msg": "Field required"}
    assert explain([problem], {}).message == "name: Field required."


@pytest.mark.parametrize("name", ["temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty"])
def test_no_sampling_parameter_is_infinite_or_no_number(name: str) -> None:
    for wrong in (float("inf"), float("nan")):
        assert problems(sampling_defaults={name: wrong})[0]["loc"] == ("sampling_defaults", name)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("", "at least 1 character"),
        ([], "at least 1 item"),
        ([1, "a"], r"prompt\.1: .*integer"),
        ([-1], r"prompt\.0: .*greater than or equal to 0"),
        ({"a": 1}, "valid string"),
    ],
)
def test_what_is_wrong_with_a_prompt_is_said_of_the_form_it_has(prompt: Any, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        GenerationRequest.model_validate({"prompt": prompt})
    assert re.search(words, explain(caught.value.errors(), {}).message)


def test_a_request_has_a_conversation_or_a_prompt_and_not_both() -> None:
    conversation = [{"role": "user", "content": "Hi"}]
    for wrong in ({}, {"conversation": conversation, "prompt": "Hi"}):
        with pytest.raises(ValidationError, match="and not both"):
            GenerationRequest.model_validate(wrong)
    assert GenerationRequest.model_validate_json('{"prompt": [1, 2]}').prompt == (1, 2)
    with pytest.raises(ValidationError, match="when_too_long is for a conversation"):
        GenerationRequest.model_validate({"prompt": "Hi", "when_too_long": "shorten"})
