"""Bodies about prompts: texts as tokens and back, a rendered conversation, a chat template."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.prompts import (
    MAX_LISTED_TOKENS,
    MAX_TOKENIZED_CHARACTERS,
    ChatTemplate,
    PromptRequest,
    PromptToken,
    RenderedPrompt,
    StructuredOutput,
    TokenizedText,
)

MODEL = "Name of a loaded model; left out: the one loaded last."
NAME: Any = "SmolLM2-135M-Instruct-int4"
TOKENS_AT_ONCE = 1000
HELLO: Any = [{"role": "user", "content": "What is the capital of France?"}]


class TokenizeBody(Frozen):
    """Body of `POST /tokenize`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "Hello, world!"}]})

    text: str = Field(max_length=MAX_TOKENIZED_CHARACTERS, description="No special token is added to it.")
    model: str | None = Field(None, max_length=LONGEST_NAME, description=MODEL)


class DetokenizeBody(Frozen):
    """Body of `POST /detokenize`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tokens": [19556, 28, 905, 17]}]})

    tokens: tuple[int, ...] = Field(max_length=MAX_LISTED_TOKENS, description="Ids of the model's vocabulary.")
    model: str | None = Field(None, max_length=LONGEST_NAME, description=MODEL)
    skip_special_tokens: bool = Field(False, description="Leave special tokens out of the text.")


class ApplyTemplateBody(PromptRequest):
    """Body of `POST /apply-template`."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"conversation": HELLO, "add_generation_prompt": True}]},
    )

    tokens: bool = Field(
        True,
        description=f"List the tokens. A prompt of more than {MAX_LISTED_TOKENS:,} can only be counted: send false.",
    )


class CheckStructureBody(Frozen):
    """Body of `POST /check-structure`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"structured_output": {"choice": ["yes", "no"]}}]},
    )

    structured_output: StructuredOutput = Field(
        description="What an answer would have to look like: exactly one of json_schema, regex, grammar and choice."
    )
    model: str | None = Field(None, max_length=LONGEST_NAME, description=MODEL)


class CheckedStructureBody(BaseModel):
    """Answer of `/check-structure`."""

    is_possible: bool = Field(description="An answer can be made to look so.")
    problem: str = Field(description="Why not; empty where it is possible.")
    hint: str = Field(description="What to change; empty where it is possible.")


class TokenBody(BaseModel):
    """One token of a text."""

    id: int = Field(description="In the model's vocabulary.", examples=[19556])
    text: str = Field(description='Its part of the text; "" where an earlier token of the same character has it.')
    piece: str = Field(description="The entry of the vocabulary, as the tokenizer spells it.", examples=["Hello"])
    is_special: bool = Field(description="A mark, not text.")


class PromptTokenBody(TokenBody):
    """One token of a rendered prompt."""

    role: str | None = Field(description="Whose message it belongs to; null for what the template added.")


class TokensBody(BaseModel):
    """Answer of `/tokenize`."""

    model: str = Field(description="Name of the model that was asked.", examples=[NAME])
    tokens: list[TokenBody] = Field(description="In order.")
    count: int = Field(description="How many there are.")

    @classmethod
    def json_of(cls, found: TokenizedText) -> str:
        """The engine's answer as the JSON of such a body."""
        return _with_tokens({"model": found.model, "count": len(found.tokens)}, found.tokens, TokenBody)


class TextBody(BaseModel):
    """Answer of `/detokenize`."""

    model: str = Field(description="Name of the model that was asked.", examples=[NAME])
    text: str = Field(description="What the tokens spell.")


class RenderedBody(BaseModel):
    """Answer of `/apply-template`: exactly what the model would be given."""

    model: str = Field(description="Name of the model that was asked.", examples=[NAME])
    prompt: str = Field(description="The text the template made.")
    tokens: list[PromptTokenBody] | None = Field(
        description="In order; their ids are what the model gets. null: not asked for."
    )
    count: int = Field(description="Of the prompt's tokens.")
    context_length: int | None = Field(description="Tokens of prompt and answer together; null: nothing bounds them.")
    context_source: str = Field(description="Where that bound comes from.", examples=["the model's config.json"])
    dropped_messages: int = Field(description="The oldest messages left out, by when_too_long.")
    template_seconds: float = Field(description="What rendering took.")
    tokenize_seconds: float = Field(description="What tokenizing took.")

    @classmethod
    def json_of(cls, rendered: RenderedPrompt, with_tokens: bool) -> str:
        """The engine's answer as the JSON of such a body."""
        values = {
            "model": rendered.model,
            "prompt": rendered.text,
            "count": rendered.token_count,
            "context_length": rendered.context_length,
            "context_source": rendered.context_source,
            "dropped_messages": rendered.dropped_messages,
            "template_seconds": rendered.template_seconds,
            "tokenize_seconds": rendered.tokenize_seconds,
        }
        return _with_tokens(values, rendered.tokens if with_tokens else None, PromptTokenBody)


class ChatTemplateBody(BaseModel):
    """Answer of `/chat-template`."""

    model: str = Field(description="Name of the model that was asked.", examples=[NAME])
    text: str = Field(description="The Jinja source.")
    origin: str = Field(description="Where it comes from.", examples=["chat_template.jinja"])
    is_plain: bool = Field(description="The model has none; this is OpenArc's plain one.")
    special_tokens: dict[str, str] = Field(
        description="What bos_token, eos_token, ... stand for in it.", examples=[{"eos_token": "<|im_end|>"}]
    )

    @classmethod
    def of(cls, template: ChatTemplate) -> Self:
        """The engine's answer as a body."""
        return cls.model_validate(dataclasses.asdict(template))


def _with_tokens(values: dict[str, Any], tokens: Sequence[PromptToken] | None, kind: type[TokenBody]) -> str:
    """JSON of a body, by few tokens at a time: one call for a long text's would keep all other threads waiting."""
    rest = json.dumps(values, ensure_ascii=False)
    if tokens is None:
        return f'{rest[:-1]}, "tokens": null}}'
    names = tuple(kind.model_fields)
    pieces = (tokens[begin : begin + TOKENS_AT_ONCE] for begin in range(0, len(tokens), TOKENS_AT_ONCE))
    listed = (
        json.dumps([{name: getattr(each, name) for name in names} for each in piece], ensure_ascii=False)[1:-1]
        for piece in pieces
    )
    return f'{rest[:-1]}, "tokens": [{", ".join(listed)}]}}'
