"""What the bodies of Chat Completions and Completions share: null counts as left out, what can't be honoured is refused by
name, and the parameters both have, OpenAI's and OpenArc's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.prompts import StructuredOutput
from openarc_ui.engine.sampling_parameters import ONE_STOP, StopString, TokenId
from openarc_ui.engine.types import ModelInfo
from openarc_ui.errors import nearest
from openarc_ui.server.openai.asked import check_sampling, room_for_answer
from openarc_ui.server.openai.errors import ParameterRefused, ParameterWrong, Unsupported

SAMPLING = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "stop": "stop",
    "n": "num_return_sequences",
    "ignore_eos": "ignore_eos",
    "min_tokens": "min_new_tokens",
    "stop_token_ids": "stop_token_ids",
}
"""Name in the body -> name in the engine."""
NEUTRAL: Mapping[str, Any] = {
    "n": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "repetition_penalty": 1,
    "min_p": 0,
    "min_tokens": 0,
    "ignore_eos": False,
    "stop": (),
    "stop_token_ids": (),
}
"""Values that many clients send and that ask for nothing: a backend without the parameter honours them too."""
SENT_STOP_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "maxLength": 200},
        {"type": "array", "items": ONE_STOP, "maxItems": 16},
        {"type": "null"},
    ]
}
"""A text or several; an empty text is none."""
OFF = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens", "seed", "top_k"})
"""Where -1 is what llama.cpp, vLLM and Ollama call left out; of top_k it is no limit, which is 0 here."""
OTHER_NAMES: Mapping[str, str] = {
    "max_new_tokens": "max_tokens",
    "n_predict": "max_tokens",
    "num_predict": "max_tokens",
    "num_return_sequences": "n",
    "repeat_penalty": "repetition_penalty",
    "template_arguments": "chat_template_kwargs",
    "min_new_tokens": "min_tokens",
    "guided_json": "structured_output",
    "guided_regex": "structured_output",
    "guided_choice": "structured_output",
    "guided_grammar": "structured_output",
    "grammar": "structured_output",
    "json_schema": "response_format",
    "token_details": "logprobs",
    "request_id": "the id of the answer, which POST /generate/cancel takes",
}
"""Names of other servers and of OpenArc's own routes, and what they are called here."""


@dataclass(frozen=True)
class Only:
    """An annotation: of what OpenAI's API takes here, these values alone.

    Attributes:
        values: those that ask for what happens anyway.
        why: why there is no other, as half a sentence.
    """

    values: tuple[Any, ...]
    why: str

    def check(self, value: Any) -> Any:
        """The value.

        Raises:
            Unsupported: it is another.
        """
        if any(type(value) is type(each) and value == each for each in self.values):
            return value
        known = " or ".join(_shown(each) for each in self.values)
        raise Unsupported(f"only {known} is supported: {self.why}" if known else f"it is not supported: {self.why}")

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.check, serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value)
        )

    def __get_pydantic_json_schema__(self, _: CoreSchema, __: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"enum": [*self.values, None]}


def quoted(value: Any) -> str:
    """The beginning of what was sent, for a sentence; ? for half of a surrogate pair, which no error can carry."""
    return str(value)[:80].encode("utf-8", "replace").decode("utf-8")


def asks_nothing(value: Any) -> bool:
    """Null, or empty."""
    return value is None or (isinstance(value, (dict, list, str)) and not value)


def without_off(value: Any) -> Any:
    """A body without what other servers' clients send for "off": -1 for a number, an empty text for no stop."""
    if not isinstance(value, dict):
        return value
    said = {name: each for name, each in value.items() if not (name in OFF and _is_off(each))}
    if "stop" in said and said["stop"] == "":
        del said["stop"]
    return {**said, **({"top_k": 0} if "top_k" in value and _is_off(value["top_k"]) else {})}


def _is_off(value: Any) -> bool:
    return isinstance(value, int) and value == -1


def _shown(value: Any) -> str:
    """As the client writes it."""
    return json.dumps(value)


class Sent(Frozen):
    """Base of every object that a client sends."""

    refused: ClassVar[Mapping[str, str]] = {}
    """Parameters of OpenAI's API that can't be honoured here -> what to do instead, one sentence."""
    null_is_nothing: ClassVar[bool] = False
    """Null counts as left out under every name: what a client sends back may have fields that only it knows."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, value: Any) -> Any:
        """What was said. A name that is not known stays, to be told.

        Raises:
            ParameterRefused, ParameterWrong: of a parameter that is not supported, or that has another name here.
        """
        if not isinstance(value, dict):
            return value
        known = {field.alias or name for name, field in cls.model_fields.items()}
        for name, each in value.items():
            if name in cls.refused and not asks_nothing(each):
                raise ParameterRefused(f"The parameter '{name}' is not supported.", cls.refused[name], param=name)
            if name in OTHER_NAMES and name not in known and cls.refused:
                raise ParameterWrong(f"There is no parameter '{name}'.", f"Here it is {OTHER_NAMES[name]}.", param=name)
        return {
            name: each
            for name, each in value.items()
            if name not in cls.refused and (each is not None or not (name in known or cls.null_is_nothing))
        }


class StreamOptions(Sent):
    """`stream_options`."""

    include_usage: bool = Field(False, strict=True, description="End with a chunk that has the usage and no choices.")
    include_obfuscation: Annotated[Any, Only((False,), "nothing is added to hide lengths")] = Field(
        False, description="Only false: nothing is added to hide lengths."
    )


class GenerationBody(Sent):
    """The parameters of Chat Completions and of Completions alike; those after `user` are OpenArc's, some by vLLM's names."""

    model: str | None = Field(
        None,
        max_length=LONGEST_NAME,
        description='Name of a loaded model; "default" or left out: the one loaded last.',
        examples=["SmolLM2-135M-Instruct-int4"],
    )
    max_tokens: int | None = Field(
        None, strict=True, ge=1, le=1_000_000, description="Most tokens to generate for each choice."
    )
    temperature: float | None = Field(
        None, strict=True, allow_inf_nan=False, ge=0, le=100, description="Spread of the choice; 0 means greedy."
    )
    top_p: float | None = Field(
        None,
        strict=True,
        allow_inf_nan=False,
        gt=0,
        le=1,
        description="Choose among the most likely tokens that make up this probability.",
    )
    n: int | None = Field(None, strict=True, ge=1, le=16, description="How many choices; above 1 needs sampling.")
    stop: Annotated[tuple[StopString, ...] | None, WithJsonSchema(SENT_STOP_SCHEMA)] = Field(
        None, max_length=16, description="A text or up to 16: end the answer before any of them."
    )
    seed: int | None = Field(
        None, strict=True, ge=-1, le=2**63 - 1, description="Same seed, same answer for a request that runs alone."
    )
    presence_penalty: float | None = Field(
        None,
        strict=True,
        allow_inf_nan=False,
        ge=-2,
        le=2,
        description="Subtracted once from each token already in the answer.",
    )
    frequency_penalty: float | None = Field(
        None,
        strict=True,
        allow_inf_nan=False,
        ge=-2,
        le=2,
        description="Subtracted for each time a token is in the answer.",
    )
    stream: bool = Field(False, strict=True, description="Answer with server-sent events.")
    stream_options: StreamOptions | None = Field(None, description="Only with stream.")
    user: str | None = Field(
        None, max_length=200, description="Who asks, in your own words; kept where the server keeps texts."
    )
    top_k: int | None = Field(
        None,
        strict=True,
        ge=-1,
        le=1_000_000,
        description="Choose among this many most likely tokens; 0 or -1: no limit.",
    )
    min_p: float | None = Field(
        None,
        strict=True,
        allow_inf_nan=False,
        ge=0,
        lt=1,
        description="Drop tokens below this share of the most likely one's probability.",
    )
    repetition_penalty: float | None = Field(
        None,
        strict=True,
        allow_inf_nan=False,
        gt=0,
        le=10,
        description="Above 1: make tokens of prompt and answer less likely.",
    )
    ignore_eos: bool | None = Field(
        None, strict=True, description="Go on to max_tokens past the model's end-of-text token."
    )
    min_tokens: int | None = Field(
        None, strict=True, ge=0, le=1_000_000, description="No end-of-text or stop token before so many tokens."
    )
    stop_token_ids: tuple[TokenId, ...] | None = Field(
        None, max_length=64, description="End the answer at any of these tokens, beside the model's own end-of-text."
    )
    structured_output: StructuredOutput | None = Field(
        None, description="What the answer has to look like: exactly one of json_schema, regex, grammar and choice."
    )
    cache_prompt: Annotated[Any, Only((True,), "prompts are cached by their beginning where the backend can")] = Field(
        None, description="Only true: it is what happens."
    )

    @model_validator(mode="before")
    @classmethod
    def _off_is_left_out(cls, value: Any) -> Any:
        return without_off(value)

    @field_validator("stop", mode="before")
    @classmethod
    def _one_stop_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _streams_where_it_says_how(self) -> GenerationBody:
        if self.stream_options is not None and not self.stream:
            raise ParameterWrong("stream_options is for a stream.", "Set stream to true.", param="stream_options")
        return self

    @property
    def includes_usage(self) -> bool:
        """The stream ends with the usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    def sampling_for(self, info: ModelInfo) -> dict[str, Any]:
        """The sampling parameters by the engine's names, `max_new_tokens` left to the caller.

        Raises:
            ParameterRefused: the model's backend lacks one.
        """
        given = dict(self._given_sampling(info))
        check_sampling(info, [(name, SAMPLING[name]) for name in given])
        return {SAMPLING[name]: value for name, value in given.items()}

    def _given_sampling(self, info: ModelInfo) -> Iterator[tuple[str, Any]]:
        for name in SAMPLING:
            value = getattr(self, name)
            asks_nothing = name in NEUTRAL and value == NEUTRAL[name]
            if value is not None and not (asks_nothing and SAMPLING[name] not in info.abilities.supported_sampling):
                yield name, value


def longest_answer(info: ModelInfo, given: int | None) -> dict[str, int]:
    """`max_new_tokens`, as a request has it."""
    wanted = given if given is not None else room_for_answer(info)
    return {} if wanted is None else {"max_new_tokens": wanted}


def unknown_parameter(name: str, model: type[BaseModel]) -> str:
    """What may be meant by a name that a body does not have."""
    return nearest(name, [field.alias or each for each, field in model.model_fields.items()])
