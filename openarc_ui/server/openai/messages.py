"""Messages and tools as OpenAI's clients send them to Chat Completions, in the engine's words.

What the official SDK puts into an assistant's message is taken back where it is empty, and refused by name where it is not.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema, model_validator
from pydantic_core import InitErrorDetails

from openarc_ui.engine.message import FunctionCall, JsonObject, Message, ToolCall, joined_parts
from openarc_ui.engine.prompts import MAX_TEXT_CHARACTERS, Tool, ToolFunction
from openarc_ui.errors import nearest
from openarc_ui.server.openai.asked import CallChoice
from openarc_ui.server.openai.bodies import Only, Sent, quoted
from openarc_ui.server.openai.errors import Unsupported

OF_A_PART = ("type", "text", "cache_control")
"""Of a part of text. Where a prompt is to be cached, as `cache_control` says it, needs no saying: the cache works by itself."""
SentRole = Literal["system", "developer", "user", "assistant", "tool"]
ROLES: tuple[str, ...] = get_args(SentRole)
CHOICES = ("none", "auto", "required")
NAMED_CHOICE = {
    "type": "object",
    "properties": {
        "type": {"const": "function"},
        "function": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
}
TEXT_PART = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
    "required": ["type", "text"],
}


def _read_role(value: Any) -> Any:
    if value == "function":
        raise Unsupported("the role 'function' is not supported; send the result as role 'tool' with its tool_call_id")
    if isinstance(value, str) and value not in ROLES:
        raise ValueError(f"there is no role '{quoted(value)}'. {nearest(quoted(value), ROLES)}")
    return value


def _read_content(value: Any) -> Any:
    """A text, or the text of all parts."""
    if not isinstance(value, list):
        return value
    texts = []
    for index, part in enumerate(value):
        try:
            texts.append(_text_of(part))
        except ValueError as error:
            detail = InitErrorDetails(type="value_error", loc=(index,), input=None, ctx={"error": error})
            raise ValidationError.from_exception_data("parts", [detail]) from None
    return joined_parts(texts)


def _text_of(part: Any) -> str:
    """The text of one part.

    Raises:
        ValueError: it is no text, or says more than a text.
    """
    if not isinstance(part, dict):
        raise ValueError("a part is an object")
    if part.get("type") != "text":
        raise Unsupported(f"the type '{quoted(part.get('type'))}' is not supported; the models here read 'text' only")
    others = sorted(str(name) for name, each in part.items() if name not in OF_A_PART and each is not None)
    if others:
        raise ValueError(f"there is no field '{quoted(others[0])}'; a part is type and text")
    if not isinstance(part.get("text"), str):
        raise ValueError("a part of the type 'text' has a text")
    return str(part["text"])


Content = Annotated[
    str,
    Field(max_length=MAX_TEXT_CHARACTERS),
    BeforeValidator(_read_content),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": TEXT_PART}]}),
]


class SentFunctionCall(FunctionCall):
    """What is called, and with what."""

    name: str = Field(min_length=1, max_length=200, description="Of the function.")
    arguments: Annotated[
        JsonObject,
        WithJsonSchema({"anyOf": [{"type": "string", "contentMediaType": "application/json"}, {"type": "object"}]}),
    ] = Field(default_factory=dict, description="A JSON text of an object, or the object.")


class SentCall(Sent):
    """A call in an assistant's message that is sent back."""

    null_is_nothing: ClassVar[bool] = True
    id: str | None = Field(None, max_length=200, description="The tool message with its result carries it too.")
    type: Literal["function"] = Field("function", description="The only kind there is.")
    function: SentFunctionCall = Field(description="Its name and its arguments, as a JSON text.")
    index: int | None = Field(None, ge=0, le=1000, description="Of a streamed call; the order tells it.")


class SentMessage(Sent):
    """One message. `developer` is another word for `system`."""

    null_is_nothing: ClassVar[bool] = True
    role: Annotated[SentRole, BeforeValidator(_read_role)] = Field(description="Who says it.")
    content: Content | None = Field(None, description="A text, a list of text parts, or null beside calls.")
    name: str | None = Field(
        None, max_length=200, description="Who of several, or which tool; told where the chat template shows it."
    )
    tool_calls: tuple[SentCall, ...] | None = Field(None, max_length=64, description="What an assistant wants called.")
    tool_call_id: str | None = Field(None, max_length=200, description="Of a tool message: which call it answers.")
    reasoning_content: str | None = Field(
        None, max_length=MAX_TEXT_CHARACTERS, description="What an assistant thought, for chat templates that keep it."
    )
    refusal: Annotated[Any, Only(("",), "models here give none; send it as content")] = Field(
        None, description="Only null or empty."
    )
    annotations: Annotated[Any, Only(([],), "answers here have none")] = Field(None, description="Only null or empty.")
    audio: Annotated[Any, Only((), "the models here read text")] = Field(None, description="Only null.")
    function_call: Annotated[Any, Only((), "send it as tool_calls")] = Field(
        None, description="Only null: send tool_calls."
    )

    @model_validator(mode="after")
    def _fits_its_role(self) -> SentMessage:
        if self.role != "assistant" and self.tool_calls:
            raise ValueError(f"tool_calls stand in an assistant's message, this is of the role '{self.role}'")
        if self.role != "assistant" and self.reasoning_content is not None:
            raise ValueError(f"reasoning_content stands in an assistant's message, this is of the role '{self.role}'")
        if self.role != "tool" and self.tool_call_id is not None:
            raise ValueError(f"tool_call_id stands in a tool's message, this is of the role '{self.role}'")
        if self.role != "assistant" and self.content is None:
            raise ValueError(f"a message of the role '{self.role}' has content")
        return self

    def message(self) -> Message:
        """The same as the engine's own."""
        calls = [ToolCall(id=each.id, function=each.function) for each in self.tool_calls or ()]
        return Message(
            role="system" if self.role == "developer" else self.role,
            content=self.content or "",
            name=self.name,
            tool_calls=tuple(calls) or None,
            tool_call_id=self.tool_call_id,
            reasoning_content=self.reasoning_content,
        )


class SentFunction(Sent):
    """What a tool is called, what it is for, and a JSON schema of its parameters."""

    name: str = Field(min_length=1, max_length=200, description="What the model calls it by.")
    description: str = Field("", max_length=100_000, description="What it is for; the model reads it.")
    parameters: JsonObject = Field(
        default_factory=lambda: {"type": "object", "properties": {}}, description="A JSON schema of its arguments."
    )
    strict: bool | None = Field(
        None, description="True: arguments that break the schema are no call, and a forced call keeps to all of it."
    )


class SentTool(Sent):
    """A tool the model may call."""

    type: Literal["function"] = Field("function", description="The only kind there is.")
    function: SentFunction = Field(description="The function.")

    @model_validator(mode="before")
    @classmethod
    def _is_a_function(cls, value: Any) -> Any:
        kind = value.get("type", "function") if isinstance(value, dict) else "function"
        if kind is not None and kind != "function":
            raise Unsupported(f"tools of the type '{quoted(kind)}' are not supported; there is 'function'")
        return value

    def tool(self) -> Tool:
        """The same as the engine's own."""
        given = {name: getattr(self.function, name) for name in self.function.model_fields_set}
        return Tool(function=ToolFunction(**given))


def _read_choice(value: Any) -> Any:
    if isinstance(value, CallChoice):
        return value
    if isinstance(value, str):
        if value not in CHOICES:
            raise ValueError(f"there is no '{quoted(value)}'. {nearest(quoted(value), CHOICES)}")
        return CallChoice(value)  # type: ignore[arg-type]
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in ("custom", "allowed_tools"):
        raise Unsupported(f"the type '{kind}' is not supported; there is 'function'")
    name = (
        value.get("function", {}).get("name")
        if kind == "function" and isinstance(value.get("function"), dict)
        else None
    )
    if not isinstance(name, str) or value.keys() - {"type", "function"} or value["function"].keys() - {"name"}:
        raise ValueError('give "none", "auto", "required", or {"type": "function", "function": {"name": …}}')
    return CallChoice("named", name)


SentChoice = Annotated[
    CallChoice,
    BeforeValidator(_read_choice),
    WithJsonSchema({"anyOf": [{"enum": list(CHOICES)}, NAMED_CHOICE]}),
]


class JsonSchemaFormat(Sent):
    """A JSON schema with a name."""

    name: str = Field(min_length=1, max_length=200, description="A label.")
    description: str | None = Field(None, max_length=10_000, description="A label; the model is not shown it.")
    json_schema: JsonObject = Field(alias="schema", description="The schema the answer satisfies.")
    strict: bool | None = Field(None, description="The answer satisfies the schema either way.")


class ResponseFormat(Sent):
    """What the answer looks like."""

    type: Literal["text", "json_object", "json_schema"] = Field(description="text is held to nothing.")
    json_schema: JsonSchemaFormat | None = Field(None, description="For the type json_schema.")

    @model_validator(mode="after")
    def _has_its_schema(self) -> ResponseFormat:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema is given where the type is json_schema, and only there")
        return self
