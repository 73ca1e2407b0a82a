"""The `input` of a response: items as the official SDK writes them, and the conversation they are.

An item is a message, a call, what a call brought, or thoughts that are sent back. It knows no engine and no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import InitErrorDetails

from openarc_ui.engine.message import joined_parts
from openarc_ui.engine.prompts import MAX_TEXT_CHARACTERS
from openarc_ui.errors import nearest
from openarc_ui.server.openai.bodies import Only, Sent, quoted
from openarc_ui.server.openai.errors import Unsupported

MAX_ITEMS = 10_000
MAX_PARTS = 1000
ItemStatus = Literal["in_progress", "completed", "incomplete"]
Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]
Id = Annotated[str, Field(min_length=1, max_length=200)]
NONE_OF_THESE = "only null can be given; the models here have none"
OnlyNull = Annotated[Any, Only((), NONE_OF_THESE)]
OnlyFalse = Annotated[Any, Only((False,), "calls are answered one after another")]


class TextPart(Sent):
    """A part of a message: text, the only kind the models here read."""

    type: Literal["input_text", "output_text"] = Field(description="input_text, or output_text in an answer.")
    text: Text = Field(description="What is said.")
    annotations: Annotated[Any, Only(([],), "answers here have none")] = Field(None, description="Only null or empty.")
    logprobs: tuple[dict[str, Any], ...] = Field(
        (), max_length=100_000, description="Of an answer that is sent back; no part of the conversation."
    )


class ThoughtPart(Sent):
    """Thoughts, whole or in short."""

    type: Literal["reasoning_text", "summary_text"] = Field(description="Whole, or in short.")
    text: Text = Field(description="What was thought.")


def read_parts(value: Any) -> Any:
    """Parts of a message; other kinds are named.

    Raises:
        ValueError, ValidationError: with the place.
    """
    return read_each(value, lambda part: TextPart, _check_part, MAX_PARTS)


def _check_part(part: Mapping[str, Any]) -> None:
    kind = part.get("type")
    if kind == "text":
        raise ValueError("a part of the kind 'text' is of Chat Completions; here it is input_text or output_text")
    if kind not in ("input_text", "output_text"):
        raise Unsupported(f"a part of the kind '{quoted(kind)}' is not supported; the models here read input_text")


Content = Annotated[Text | Annotated[tuple[TextPart, ...], Field(max_length=MAX_PARTS)], BeforeValidator(read_parts)]


class MessageItem(Sent):
    """A message. `developer` is another word for `system`."""

    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"] = Field(description="Who says it.")
    content: Content = Field(description="A text, or parts of text.")
    id: Id | None = Field(None, description="Of an answer that is sent back.")
    status: ItemStatus | None = Field(None, description="Of an answer that is sent back.")
    phase: OnlyNull = Field(None, description="Only null.")


class CallItem(Sent):
    """A function that the model wanted called."""

    type: Literal["function_call"]
    call_id: Id = Field(description="The function_call_output with the result carries it too.")
    name: Id = Field(description="Of the function.")
    arguments: Text = Field(description="A text of JSON.")
    id: Id | None = Field(None, description="Of an answer that is sent back.")
    status: ItemStatus | None = Field(None, description="Of an answer that is sent back.")
    namespace: OnlyNull = Field(None, description="Only null.")
    caller: OnlyNull = Field(None, description="Only null.")
    is_async: OnlyFalse = Field(None, alias="async", description="Only null or false.")


class CallOutputItem(Sent):
    """What a function brought. The call itself stands before it."""

    type: Literal["function_call_output"]
    call_id: Id = Field(description="Of the call it answers.")
    output: Content = Field(description="A text, or parts of text.")
    name: Id | None = Field(None, description="Of the function, for chat templates that show it.")
    id: Id | None = Field(None, description="Of an answer that is sent back.")
    status: ItemStatus | None = Field(None, description="Of an answer that is sent back.")
    namespace: OnlyNull = Field(None, description="Only null.")
    caller: OnlyNull = Field(None, description="Only null.")


class ReasoningItem(Sent):
    """Thoughts of an answer that is sent back, for chat templates that keep them."""

    type: Literal["reasoning"]
    id: Id | None = Field(None, description="Of an answer that is sent back.")
    content: tuple[ThoughtPart, ...] = Field((), max_length=MAX_PARTS, description="What was thought.")
    summary: tuple[ThoughtPart, ...] = Field((), max_length=MAX_PARTS, description="Taken where there is no content.")
    status: ItemStatus | None = Field(None, description="Of an answer that is sent back.")
    encrypted_content: Annotated[Any, Only(("",), "it can't be read here")] = Field(
        None, description="Only null or empty."
    )

    def text(self) -> str:
        """The thoughts."""
        return "\n\n".join(part.text for part in self.content or self.summary)


InputItem = MessageItem | CallItem | CallOutputItem | ReasoningItem
ITEMS: Mapping[str, type[InputItem]] = {
    "message": MessageItem,
    "function_call": CallItem,
    "function_call_output": CallOutputItem,
    "reasoning": ReasoningItem,
}


def read_items(value: Any) -> Any:
    """Items, each by its type; one without a type is a message.

    Raises:
        ValueError, ValidationError: with the place.
    """
    if value in ("", [], ()):
        raise ValueError("give a text, or a list of items")
    return read_each(value, lambda item: ITEMS[item.get("type") or "message"], _check_item, MAX_ITEMS)


def _check_item(item: Mapping[str, Any]) -> None:
    kind = item.get("type") or "message"
    if not isinstance(kind, str) or kind not in ITEMS:
        raise Unsupported(f"an item of the kind '{quoted(kind)}' is not supported; there are {', '.join(ITEMS)}")
    if kind == "message" and item.get("role") == "tool":
        raise ValueError("there is no role 'tool' here; send an item of the type function_call_output")


Input = Annotated[
    Text | Annotated[tuple[InputItem, ...], Field(min_length=1, max_length=MAX_ITEMS)], BeforeValidator(read_items)
]


def read_each(value: Any, model_of: Any, check: Any, most: int) -> Any:
    """The objects of a list as models; what is no list is left to the annotation.

    Raises:
        ValidationError: with the position in the list in front.
    """
    if not isinstance(value, (list, tuple)):
        if not isinstance(value, str):
            raise ValueError("here a text or a list is expected")
        return value
    if len(value) > most:
        raise ValueError(f"at most {most} can be given, there are {len(value)}")
    found = []
    for index, each in enumerate(value):
        try:
            if not isinstance(each, dict):
                raise ValueError("here an object is expected")
            said = {name: value for name, value in each.items() if value is not None}
            check(said)
            found.append(_read(said, model_of(said)))
        except ValidationError as error:
            raise _placed(error, index) from None
        except ValueError as error:
            detail = InitErrorDetails(type="value_error", loc=(index,), input=None, ctx={"error": error})
            raise ValidationError.from_exception_data("items", [detail]) from None
    return tuple(found)


def _read(said: dict[str, Any], model: type[Sent]) -> Sent:
    """One object of a list. null is nothing here under any name: newer packages have fields that older servers don't know.

    Raises:
        ValidationError: with the nearest right name where one is unknown.
    """
    known = [field.alias or name for name, field in model.model_fields.items()]
    unknown = next((name for name in said if name not in known), None)
    if unknown is not None:
        error = ValueError(f"there is no field '{quoted(unknown)}' here. {nearest(quoted(unknown), known)}")
        detail = InitErrorDetails(type="value_error", loc=(quoted(unknown),), input=None, ctx={"error": error})
        raise ValidationError.from_exception_data("item", [detail])
    return model.model_validate(said)


def _placed(error: ValidationError, index: int) -> ValidationError:
    """The same problems, one level further down."""
    details = [
        InitErrorDetails(type=each["type"], loc=(index, *each["loc"]), input=each["input"], ctx=each.get("ctx", {}))
        for each in error.errors(include_url=False)
    ]
    return ValidationError.from_exception_data("items", details)


def text_of(content: str | Sequence[TextPart]) -> str:
    """A content's text."""
    return content if isinstance(content, str) else joined_parts(part.text for part in content)
