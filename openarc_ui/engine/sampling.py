"""Which value each sampling parameter takes: the request's, then the model's, then the built-in one.

Pure; no backend is known here. The built-in values are the defaults of the first OpenArc's `/generate/text`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from openarc_ui.engine.types import SamplingParameters
from openarc_ui.errors import InvalidRequest, ParameterNotSupported, PromptTooLong

BUILT_IN: dict[str, Any] = {
    "max_new_tokens": 128,
    "min_new_tokens": 0,
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 0.9,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "do_sample": True,
    "seed": None,
    "stop": (),
    "stop_token_ids": (),
    "num_return_sequences": 1,
    "ignore_eos": False,
}
SAMPLING_NAMES = frozenset(BUILT_IN)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Every parameter with its value; what a backend is given. `top_k` 0 means no limit."""

    max_new_tokens: int
    min_new_tokens: int
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    presence_penalty: float
    frequency_penalty: float
    do_sample: bool
    seed: int
    stop: tuple[str, ...]
    stop_token_ids: tuple[int, ...]
    num_return_sequences: int
    ignore_eos: bool


def model_defaults(generation_config: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The entries of a generation_config.json that are sampling parameters, and a warning for each that can't be used."""
    defaults: dict[str, Any] = {}
    warnings: list[str] = []
    for name in sorted(SAMPLING_NAMES & generation_config.keys()):
        value = generation_config[name]
        if value is None:
            continue
        try:
            checked = SamplingParameters.model_validate({name: value})
        except ValidationError as error:
            warnings.append(f"generation_config.json: {name}={value!r} is not used: {error.errors()[0]['msg']}.")
        else:
            defaults[name] = getattr(checked, name)
    return defaults, tuple(warnings)


def resolve(
    request: SamplingParameters,
    defaults: Mapping[str, Any],
    *,
    supported: frozenset[str],
    backend: str,
    prompt_tokens: int,
    context_length: int | None,
    is_conversation: bool = True,
) -> Sampling:
    """Settle every value for one request.

    Asking for a temperature above 0, or for several sequences, asks for sampling unless `do_sample` says no. A
    temperature of 0 is greedy. `max_new_tokens` is cut to what the context leaves, and `min_new_tokens` to that.

    Args:
        is_conversation: what the prompt was made of, for the words of an error.

    Raises:
        ParameterNotSupported: the request names a parameter this backend lacks.
        InvalidRequest: several sequences without sampling, or an answer that must be longer than it may.
        PromptTooLong: the prompt alone fills the context.
    """
    given = request.model_dump(exclude_none=True, include=set(SAMPLING_NAMES))
    for name in sorted(given.keys() - supported):
        raise ParameterNotSupported(
            f"The {backend} backend has no parameter '{name}'.",
            f"Leave '{name}' out, or load the model with another backend.",
        )
    values = settle(given, {name: value for name, value in defaults.items() if name in supported})
    if values["num_return_sequences"] > 1 and not values["do_sample"]:
        raise InvalidRequest(
            "num_return_sequences above 1 needs sampling: greedy choice would give the same answer each time.",
            "Set do_sample to true with a temperature above 0, or num_return_sequences to 1.",
        )
    if "min_new_tokens" in given and values["min_new_tokens"] > values["max_new_tokens"]:
        raise InvalidRequest(
            f"min_new_tokens ({values['min_new_tokens']}) is more than max_new_tokens ({values['max_new_tokens']}).",
            "Raise max_new_tokens, or lower min_new_tokens.",
        )
    if values["seed"] is None:
        values["seed"] = secrets.randbelow(2**31)
    values["max_new_tokens"] = _fit(values["max_new_tokens"], prompt_tokens, context_length, is_conversation)
    values["min_new_tokens"] = min(values["min_new_tokens"], values["max_new_tokens"])
    return Sampling(**values)


def settle(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every parameter, before a seed is drawn and the context's room is known; see `resolve`."""
    values = {**BUILT_IN, **defaults, **given}
    if "do_sample" not in given and (given.get("temperature", 0) > 0 or given.get("num_return_sequences", 1) > 1):
        values["do_sample"] = True
    if values["temperature"] == 0:
        values["do_sample"] = False
    return values


def answer_room(max_new_tokens: int | None, defaults: Mapping[str, Any], context_length: int | None) -> int:
    """Tokens to keep free for an answer when messages may be left out; see `PromptOptions.when_too_long`.

    Args:
        max_new_tokens: of the request, None where it names none.
        defaults: of the model.
    """
    wanted = int(max_new_tokens or defaults.get("max_new_tokens") or BUILT_IN["max_new_tokens"])
    return wanted if context_length is None else min(wanted, max(1, context_length // 2))


def _fit(max_new_tokens: int, prompt_tokens: int, context_length: int | None, is_conversation: bool) -> int:
    if context_length is None:
        return max_new_tokens
    room = context_length - prompt_tokens
    if room < 1 and not is_conversation:
        raise PromptTooLong(
            f"The prompt takes {prompt_tokens} tokens; this model's context holds {context_length}.",
            "Shorten the prompt, or load a model with a longer context.",
        )
    if room < 1:
        raise PromptTooLong(
            f"The conversation takes {prompt_tokens} tokens; this model's context holds {context_length}.",
            "Shorten the conversation, set when_too_long to shorten to leave out its oldest messages, or load a model "
            "with a longer context.",
        )
    return min(max_new_tokens, room)
