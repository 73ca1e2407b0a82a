"""Which value wins: the request's, the model's, the built-in one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from openarc_ui.engine.sampling import BUILT_IN, SAMPLING_NAMES, Sampling, model_defaults, resolve
from openarc_ui.engine.types import SamplingParameters
from openarc_ui.errors import InvalidRequest, ParameterNotSupported, PromptTooLong


def settle(request: dict[str, Any], defaults: dict[str, Any] | None = None, **options: Any) -> Sampling:
    settings = {"supported": SAMPLING_NAMES, "backend": "genai", "prompt_tokens": 10, "context_length": 100, **options}
    return resolve(SamplingParameters.model_validate(request), defaults or {}, **settings)


def test_request_over_model_over_built_in() -> None:
    sampling = settle({"top_k": 7}, {"top_k": 3, "temperature": 0.4})
    assert (sampling.top_k, sampling.temperature, sampling.top_p) == (7, 0.4, BUILT_IN["top_p"])


def test_zero_and_false_are_values() -> None:
    sampling = settle({"top_k": 0, "do_sample": False}, {"top_k": 3, "do_sample": True})
    assert (sampling.top_k, sampling.do_sample) == (0, False)


def test_temperature_zero_is_greedy() -> None:
    assert settle({"temperature": 0}).do_sample is False
    assert settle({"temperature": 0, "do_sample": True}).do_sample is False


def test_asking_for_a_temperature_asks_for_sampling_over_a_greedy_model() -> None:
    assert settle({"temperature": 0.7}, {"do_sample": False}).do_sample is True
    assert settle({"temperature": 0.7, "do_sample": False}).do_sample is False


def test_a_seed_is_drawn_when_none_is_given() -> None:
    assert len({settle({}).seed for _ in range(5)}) > 1
    assert settle({"seed": 0}).seed == 0


def test_max_new_tokens_is_cut_to_the_context() -> None:
    assert settle({"max_new_tokens": 500}).max_new_tokens == 90
    assert settle({"max_new_tokens": 500}, context_length=None).max_new_tokens == 500
    with pytest.raises(PromptTooLong):
        settle({}, prompt_tokens=100)


def test_a_parameter_the_backend_lacks_is_refused_by_name() -> None:
    with pytest.raises(ParameterNotSupported, match="min_p"):
        settle({"min_p": 0.1}, supported=SAMPLING_NAMES - {"min_p"})
    assert settle({}, {"min_p": 0.2}, supported=SAMPLING_NAMES - {"min_p"}).min_p == 0.0


def test_several_answers_need_sampling() -> None:
    with pytest.raises(InvalidRequest):
        settle({"num_return_sequences": 2, "do_sample": False})
    assert settle({"num_return_sequences": 2}, {"do_sample": False}).do_sample is True


def test_model_defaults_are_only_the_sampling_part_and_a_bad_one_is_told() -> None:
    assert model_defaults({"bos_token_id": 1, "temperature": 0.2, "top_k": None}) == ({"temperature": 0.2}, ())
    defaults, warnings = model_defaults({"temperature": "hot", "top_p": 0.5})
    assert defaults == {"top_p": 0.5}
    assert len(warnings) == 1 and "temperature='hot'" in warnings[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"max_new_tokens": 0},
        {"stop": [""]},
        {"temprature": 1},
        {"presence_penalty": 3},
    ],
)
def test_values_out_of_range_and_unknown_names_are_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SamplingParameters.model_validate(wrong)


def test_one_stop_string_is_a_list_of_one() -> None:
    assert SamplingParameters.model_validate({"stop": "END"}).stop == ("END",)


def test_the_shortest_length_of_a_request_must_fit_and_a_models_own_gives_way() -> None:
    assert settle({"min_new_tokens": 5}).min_new_tokens == 5
    with pytest.raises(InvalidRequest, match=r"min_new_tokens \(200\) is more than max_new_tokens \(128\)"):
        settle({"min_new_tokens": 200})
    assert settle({"max_new_tokens": 5}, {"min_new_tokens": 9}).min_new_tokens == 5
    assert settle({"min_new_tokens": 95, "max_new_tokens": 99}).min_new_tokens == 90, "what the context leaves"


def test_a_prompt_that_is_too_long_is_not_called_a_conversation() -> None:
    with pytest.raises(PromptTooLong, match="The prompt takes 100 tokens") as caught:
        settle({}, prompt_tokens=100, is_conversation=False)
    assert "conversation" not in caught.value.hint
