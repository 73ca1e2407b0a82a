"""The body of `POST /v1/completions`, and what it comes to for a loaded model: one request for each prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

from openarc_ui.engine.bounds import MAX_TOKEN_ID
from openarc_ui.engine.explain import explain
from openarc_ui.engine.prompts import MAX_TEXT_CHARACTERS, MAX_TOKEN_IDS
from openarc_ui.engine.types import GenerationRequest, ModelInfo
from openarc_ui.server.openai.answering import Order
from openarc_ui.server.openai.asked import ToolUse, check_probabilities, one_structure
from openarc_ui.server.openai.bodies import GenerationBody
from openarc_ui.server.openai.errors import ParameterRefused
from openarc_ui.server.openai.words import Words

MAX_PROMPTS = 64
CALL_PREFIX = "cmpl-"
SHORT_ANSWER_TOKENS = 16
"""OpenAI's default of this route."""
IDS = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": MAX_TOKEN_ID}, "minItems": 1}
TEXT = {"type": "string", "minLength": 1}
PROMPT_SCHEMA = {
    "anyOf": [
        TEXT,
        {"type": "array", "items": TEXT, "minItems": 1, "maxItems": MAX_PROMPTS},
        IDS,
        {"type": "array", "items": IDS, "minItems": 1, "maxItems": MAX_PROMPTS},
    ]
}
OnePrompt = str | tuple[int, ...]


def _read_prompts(value: Any) -> tuple[OnePrompt, ...]:
    """Every prompt of the four forms there are.

    Raises:
        ValueError: it is none of them.
    """
    if isinstance(value, (list, tuple)) and value and all(_is_id(each) for each in value):
        value = [value]
    prompts = [value] if isinstance(value, str) else value
    if not isinstance(prompts, (list, tuple)) or not prompts:
        raise ValueError("give a text, token ids, or a list of one of them")
    if len(prompts) > MAX_PROMPTS:
        raise ValueError(f"at most {MAX_PROMPTS} prompts, got {len(prompts)}")
    return tuple(_one_prompt(each, index) for index, each in enumerate(prompts))


def _one_prompt(value: Any, index: int) -> OnePrompt:
    if isinstance(value, str):
        if not 0 < len(value) <= MAX_TEXT_CHARACTERS:
            raise ValueError(f"prompt {index} has {len(value)} characters; 1 to {MAX_TEXT_CHARACTERS} are possible")
        return value
    if not isinstance(value, (list, tuple)) or not all(_is_id(each) for each in value):
        raise ValueError(f"prompt {index} is neither a text nor a list of token ids")
    if not 0 < len(value) <= MAX_TOKEN_IDS:
        raise ValueError(f"prompt {index} has {len(value)} tokens; 1 to {MAX_TOKEN_IDS} are possible")
    return tuple(value)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TOKEN_ID


class CompletionBody(GenerationBody):
    """Body of `POST /v1/completions`: OpenAI's parameters, then OpenArc's. A parameter that is not here is refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"model": "default", "prompt": "The capital of France is", "max_tokens": 8, "temperature": 0}]
        },
    )
    refused: ClassVar[Mapping[str, str]] = {
        "logit_bias": "No backend here can shift single tokens; structured_output can hold the answer to a form.",
        "suffix": "Models here write at the end only; put what follows into the prompt in the model's own form.",
    }

    prompt: Annotated[tuple[OnePrompt, ...], BeforeValidator(_read_prompts), WithJsonSchema(PROMPT_SCHEMA)] = Field(
        description="A text, token ids, or a list of either; the model goes on with it as it is, without a chat template."
    )
    max_tokens: int | None = Field(
        None, strict=True, ge=1, le=1_000_000, description="Most tokens to generate for each choice; left out: 16."
    )
    best_of: int | None = Field(
        None, strict=True, ge=1, le=16, description="Only the same as n: all that is generated is answered."
    )
    echo: bool = Field(False, strict=True, description="Begin each text with its prompt; not together with logprobs.")
    logprobs: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=5,
        description="Tell how likely each token was, and so many likeliest ones, where the backend does.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> CompletionBody:
        if self.best_of is not None and self.best_of != (self.n or 1):
            raise ParameterRefused(
                "best_of other than n is not supported.",
                "Leave best_of out and choose among n yourself.",
                param="best_of",
            )
        if self.echo and self.logprobs is not None:
            raise ParameterRefused(
                "echo and logprobs together are not supported: how likely a prompt's tokens are is not known.",
                "Leave one of them out.",
                param="echo",
            )
        return self

    def order(self, info: ModelInfo, call_id: str) -> Order:
        """What it comes to for a model.

        Raises:
            ParameterRefused, ParameterWrong, InvalidRequest: it can't be answered by this model, or not at all.
        """
        if self.logprobs is not None:
            check_probabilities(info, self.logprobs, "logprobs", "logprobs")
        shared: dict[str, Any] = {
            **self.sampling_for(info),
            "max_new_tokens": self.max_tokens or SHORT_ANSWER_TOKENS,
            "model": info.name,
            "source": "openai",
            "structured_output": one_structure(info, ToolUse(), self.structured_output, "structured_output"),
            "token_details": self.logprobs is not None,
            "user": self.user,
        }
        words = Words(form=f"structured_output.{self.structured_output.kind}" if self.structured_output else "")
        ids = [call_id] if len(self.prompt) == 1 else _ids(call_id, len(self.prompt))
        try:
            requests = [
                GenerationRequest(prompt=prompt, request_id=own, **shared)
                for prompt, own in zip(self.prompt, ids, strict=True)
            ]
        except ValidationError as error:
            raise words.of(explain(error.errors(), {})) from None
        return Order(tuple(requests), words=words)


def requests_of_call(call_id: str) -> list[str]:
    """Ids of the requests that a call of this id may have; of what is no call of this route, the id itself."""
    return [call_id, *_ids(call_id, MAX_PROMPTS)] if call_id.startswith(CALL_PREFIX) else [call_id]


def _ids(call_id: str, prompts: int) -> list[str]:
    return [f"{call_id}-{index}" for index in range(prompts)]
