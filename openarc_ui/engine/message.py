"""A message of a conversation, and the tool calls in it, in the form of OpenAI's API."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from openarc_ui.engine.bounds import check_json
from openarc_ui.engine.frozen import Frozen

Role = Literal["system", "user", "assistant", "tool"]
JsonObject = Annotated[dict[str, Any], BeforeValidator(check_json)]
"""Any JSON object, of bounded depth and size."""
PART_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"type": {"const": "text", "default": "text", "type": "string"}, "text": {"type": "string"}},
    "required": ["text"],
}
CONTENT_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": PART_SCHEMA}, {"type": "null"}]
}
ARGUMENTS_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "object", "additionalProperties": True}, {"type": "string"}]}
"""What is taken, in a JSON schema; what comes of it is in the field's own type."""


def joined_parts(texts: Iterable[str]) -> str:
    """The text of a message that came in parts: each on a line of its own, as other servers hand it to a template."""
    return "\n".join(texts)


class TextPart(Frozen):
    """One part of a message whose content is a list, as OpenAI's clients send it."""

    type: Literal["text"] = "text"
    text: str = Field(description="What is said.")


class FunctionCall(Frozen):
    """What a model wants called. OpenAI's clients send the arguments as a JSON text; both are taken."""

    name: str = Field(min_length=1, max_length=200, description="Of the function.")
    arguments: Annotated[JsonObject, WithJsonSchema(ARGUMENTS_SCHEMA, mode="validation")] = Field(
        default_factory=dict, description="An object, or its JSON text."
    )

    @field_validator("arguments", mode="before")
    @classmethod
    def _read_text(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                value = json.loads(value) if value.strip() else {}
            except ValueError as error:
                raise ValueError(f"the arguments are not JSON: {error}") from None
        return value


class ToolCall(Frozen):
    """One call in an assistant's message; the tool message with the result carries its id."""

    id: str | None = Field(None, max_length=200, description="For the tool message that answers it.")
    type: Literal["function"] = "function"
    function: FunctionCall


class Message(Frozen):
    """One message of a conversation.

    `content` may be a list of text parts or null, as OpenAI's clients send it; it is joined to one string, a line a part.
    """

    role: Role = Field(description="Who says it.")
    content: Annotated[str, WithJsonSchema(CONTENT_SCHEMA, mode="validation")] = Field(
        default="", description="What is said; a list of text parts or null is joined to one string."
    )
    name: str | None = Field(None, max_length=200, description="Who of several; of a tool message, which tool.")
    tool_calls: tuple[ToolCall, ...] | None = Field(
        None, max_length=64, description="What an assistant wants called; arguments as an object or its JSON text."
    )
    tool_call_id: str | None = Field(None, max_length=200, description="Of a tool message: which call it answers.")
    reasoning_content: str | None = Field(
        None, description="What an assistant thought before it answered, for chat templates that keep it."
    )

    @field_validator("content", mode="before")
    @classmethod
    def _join_parts(cls, value: object) -> object:
        if value is None:
            return ""
        if isinstance(value, list):
            return joined_parts(TextPart.model_validate(part).text for part in value)
        return value
