"""What a request for a response says of tools and of the answer's form, as the official SDK writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from openarc_ui.engine.message import JsonObject
from openarc_ui.errors import nearest
from openarc_ui.server.openai.bodies import Only, Sent, quoted
from openarc_ui.server.openai.errors import Unsupported
from openarc_ui.server.openai.responses_input import OnlyFalse, OnlyNull, read_each


class FunctionTool(Sent):
    """A function the model may call."""

    type: Literal["function"]
    name: str = Field(min_length=1, max_length=200, description="What the model calls it by.")
    description: str = Field("", max_length=100_000, description="What it is for, told to the model.")
    parameters: JsonObject = Field(
        default_factory=lambda: {"type": "object", "properties": {}}, description="A JSON schema of its arguments."
    )
    strict: bool | None = Field(
        None,
        strict=True,
        description="True: arguments that break the schema are no call, and a forced call keeps to all of it.",
    )
    allowed_callers: Annotated[Any, Only((["direct"],), "the model calls, and nobody else")] = Field(
        None, description='Only ["direct"].'
    )
    defer_loading: Annotated[Any, Only((False,), "every tool is shown to the model")] = Field(
        None, description="Only false."
    )
    output_schema: OnlyNull = Field(None, description="Only null.")
    is_async: OnlyFalse = Field(None, alias="async", description="Only null or false.")


MAX_TOOLS = 256


def _read_tools(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise ValueError("here a list of tools is expected")
    return read_each(value, lambda tool: FunctionTool, _check_tool, MAX_TOOLS)


def _check_tool(tool: Mapping[str, Any]) -> None:
    kind = tool.get("type")
    if kind != "function":
        raise Unsupported(f"a tool of the kind '{quoted(kind)}' is not supported; there is 'function'")
    if "function" in tool:
        raise ValueError("this is a tool of Chat Completions; here name, description and parameters stand beside type")


Tools = Annotated[tuple[FunctionTool, ...], Field(max_length=MAX_TOOLS), BeforeValidator(_read_tools)]
Choice = Literal["none", "auto", "required"]
CHOICES = ("none", "auto", "required")


class NamedTool(Sent):
    """The one function to be called."""

    type: Literal["function"]
    name: str = Field(min_length=1, max_length=200, description="Of the function.")


def _read_choice(value: Any) -> Any:
    if isinstance(value, str) and value not in CHOICES:
        raise ValueError(f"there is no choice '{quoted(value)}'. {nearest(value[:80], CHOICES)}")
    if isinstance(value, dict):
        if value.get("type") != "function":
            raise Unsupported(
                f"a choice of the kind '{quoted(value.get('type'))}' is not supported; there is 'function'"
            )
        return NamedTool.model_validate(value)
    if not isinstance(value, str):
        raise ValueError('give none, auto, required, or {"type": "function", "name": …}')
    return value


ToolChoice = Annotated[Choice | NamedTool, BeforeValidator(_read_choice)]


class TextFormat(Sent):
    """Plain text."""

    type: Literal["text"]


class JsonFormat(Sent):
    """Any JSON object."""

    type: Literal["json_object"]


class SchemaFormat(Sent):
    """JSON that satisfies a schema."""

    type: Literal["json_schema"]
    name: str = Field(min_length=1, max_length=64, description="Echoed; the model is not shown it.")
    schema_: JsonObject = Field(alias="schema", description="A JSON schema the answer satisfies.")
    description: str | None = Field(None, max_length=10_000, description="Echoed; the model is not shown it.")
    strict: bool | None = Field(None, strict=True, description="The answer satisfies the schema either way.")


Format = TextFormat | JsonFormat | SchemaFormat
FORMATS: Mapping[str, type[Format]] = {"text": TextFormat, "json_object": JsonFormat, "json_schema": SchemaFormat}


def _read_format(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("here an object is expected")
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in FORMATS:
        raise ValueError(f"there is no format '{quoted(kind)}'. {nearest(quoted(kind), FORMATS)}")
    return FORMATS[kind].model_validate(value)


class TextOptions(Sent):
    """`text`: what the answer looks like."""

    format: Annotated[Format, BeforeValidator(_read_format)] = Field(default_factory=lambda: TextFormat(type="text"))
    verbosity: Annotated[Any, Only((), "say in the instructions how long answers are to be")] = Field(
        None, description="Only null."
    )


AS_THEY_ARE = "thoughts are told as they are, not in short"


class ReasoningOptions(Sent):
    """`reasoning`: how hard to think, where the chat template knows it."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = Field(
        None, description="Handed to the chat template where it asks for it; else refused."
    )
    summary: Annotated[Any, Only((), AS_THEY_ARE)] = Field(None, description="Only null.")
    generate_summary: Annotated[Any, Only((), AS_THEY_ARE)] = Field(None, description="Only null.")
    context: Annotated[Any, Only((), "send the reasoning items that are to be kept")] = Field(
        None, description="Only null."
    )
    mode: Annotated[Any, Only((), "the models here have one")] = Field(None, description="Only null.")


class StreamOptions(Sent):
    """`stream_options`."""

    include_obfuscation: Annotated[Any, Only((False,), "nothing is added to hide lengths")] = Field(
        None, description="Only false."
    )


def plain(value: BaseModel) -> dict[str, Any]:
    """A part of the request as it is told back."""
    return value.model_dump(by_alias=True, exclude_unset=True)
