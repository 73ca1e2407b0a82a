"""What a request may say about how its tokens are chosen."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints, WithJsonSchema, field_validator

from openarc_ui.engine.bounds import MAX_TOKEN_ID
from openarc_ui.engine.frozen import Frozen

StopString = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ONE_STOP: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200}
STOP_SCHEMA: dict[str, Any] = {
    "anyOf": [ONE_STOP, {"type": "array", "items": ONE_STOP, "maxItems": 16}, {"type": "null"}]
}
TokenId = Annotated[int, Field(ge=0, le=MAX_TOKEN_ID)]


class SamplingParameters(Frozen):
    """How the next token is chosen. A field that is left out takes the model's own default, then the built-in one."""

    max_new_tokens: int | None = Field(None, ge=1, le=1_000_000, description="Most tokens to generate for each answer.")
    min_new_tokens: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="No end-of-text or stop token before so many tokens; a stop text still ends the answer.",
    )
    temperature: float | None = Field(None, ge=0, le=100, description="Spread of the choice; 0 means greedy.")
    top_k: int | None = Field(
        None, ge=0, le=1_000_000, description="Choose among this many most likely tokens; 0: no limit."
    )
    top_p: float | None = Field(
        None, gt=0, le=1, description="Choose among the most likely tokens that make up this probability."
    )
    min_p: float | None = Field(
        None, ge=0, lt=1, description="Drop tokens below this share of the most likely one's probability."
    )
    repetition_penalty: float | None = Field(
        None, gt=0, le=10, description="Above 1: make tokens of prompt and answer less likely."
    )
    presence_penalty: float | None = Field(
        None, ge=-2, le=2, description="Subtracted once from each token already in the answer."
    )
    frequency_penalty: float | None = Field(
        None, ge=-2, le=2, description="Subtracted for each time a token is in the answer."
    )
    do_sample: bool | None = Field(None, description="False: always take the most likely token (greedy).")
    seed: int | None = Field(
        None,
        ge=0,
        le=2**63 - 1,
        description="Same seed, same answer for a request that runs alone; what runs beside it can change it. Left out: one is drawn and reported.",
    )
    stop: Annotated[tuple[StopString, ...] | None, WithJsonSchema(STOP_SCHEMA, mode="validation")] = Field(
        None, max_length=16, description="End the answer before any of these texts; one may stand without a list."
    )
    stop_token_ids: tuple[TokenId, ...] | None = Field(
        None, max_length=64, description="End the answer at any of these tokens, beside the model's own end-of-text."
    )
    num_return_sequences: int | None = Field(
        None, ge=1, le=16, description="How many answers to generate; above 1 needs sampling."
    )
    ignore_eos: bool | None = Field(None, description="Go on to max_new_tokens past the model's end-of-text token.")

    @field_validator("stop", mode="before")
    @classmethod
    def _one_stop_is_a_list(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value
