"""What is set beside a conversation: models, sampling, tools, structured output, template. It knows no component.

Long settings are kept as the text that was typed, so that nothing typed is lost; they are read when a request is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator

from openarc_ui.conversations.answer_format import AUTOMATIC, ToolFormatChoice
from openarc_ui.engine.explain import explain
from openarc_ui.engine.formats import tools_from_text
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.prompts import RESERVED_ARGUMENTS, StructuredOutput, Tool, WhenTooLong
from openarc_ui.engine.types import SamplingParameters
from openarc_ui.errors import InvalidRequest

StructureKind = Literal["", "json_schema", "regex", "grammar", "choice"]
CHAT_MAX_NEW_TOKENS = 512
MOST_ANSWERS = 4
GREEDY_TURNS_OFF = ("temperature", "top_p", "top_k", "min_p", "seed", "num_return_sequences")
"""What has no effect when the likeliest token is always taken."""
STRUCTURE_TITLES: dict[str, str] = {
    "json_schema": "JSON schema",
    "regex": "Regular expression",
    "grammar": "Grammar",
    "choice": "One of several texts",
}


SAMPLING_LABELS: dict[str, str] = {
    "do_sample": "Choice of tokens",
    "temperature": "Temperature",
    "top_p": "Top p",
    "top_k": "Top k",
    "min_p": "Min p",
    "repetition_penalty": "Repetition penalty",
    "presence_penalty": "Presence penalty",
    "frequency_penalty": "Frequency penalty",
    "seed": "Seed",
    "num_return_sequences": "Answers side by side",
    "max_new_tokens": "Max new tokens",
    "min_new_tokens": "Min new tokens",
    "stop": "Stop texts",
    "stop_token_ids": "Stop tokens",
    "ignore_eos": "Ignore end of text",
}
"""What the page calls the sampling parameters."""


class ChatSettings(Frozen):
    """The settings of one conversation, as they are kept with it (`model_dump(exclude_defaults=True)`)."""

    model: str = Field("", description="Name of a loaded model; empty: the one loaded last.")
    compare_with: str = Field("", description="A second model that answers with the same seed; empty: none.")
    sampling: dict[str, Any] = Field(
        {"max_new_tokens": CHAT_MAX_NEW_TOKENS}, description="Names and values of SamplingParameters; only what is set."
    )
    tools: str = Field("", description="Tools, as JSON or as Python signatures.")
    tool_format: ToolFormatChoice = Field(
        AUTOMATIC, description="How calls are read: auto (from the template), none, or a format."
    )
    structure: StructureKind = Field("", description="What the answer has to look like; empty: anything.")
    structure_text: str = Field("", description="The schema, expression, grammar, or one text a line.")
    template_arguments: str = Field("", description="More arguments of the template, as a JSON object.")
    documents: str = Field("", description="Documents for the template, as a JSON list of objects.")
    chat_template: str = Field("", description="A Jinja template in place of the model's; empty: the model's.")
    when_too_long: WhenTooLong = "refuse"

    @field_validator("sampling", mode="after")
    @classmethod
    def _are_sampling_parameters(cls, value: dict[str, Any]) -> dict[str, Any]:
        return SamplingParameters.model_validate(value).model_dump(exclude_none=True, mode="json")

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Self:
        """Settings as they were kept.

        Raises:
            InvalidRequest: a name or a value that is not a setting; with its name.
        """
        try:
            return cls.model_validate(dict(kept))
        except ValidationError as error:
            names = {"": list(cls.model_fields), "sampling": list(SamplingParameters.model_fields)}
            found = explain(error.errors(), names, hint="Correct it in the settings of the chat.")
            raise InvalidRequest(_with_label(found.message), found.hint) from None

    def kept(self) -> dict[str, Any]:
        """What is kept with the conversation: only what differs from the defaults."""
        return self.model_dump(exclude_defaults=True, mode="json")

    @property
    def is_greedy(self) -> bool:
        """The likeliest token is always taken, by these settings."""
        return self.sampling.get("do_sample") is False or self.sampling.get("temperature") == 0

    def sampling_fields(self) -> dict[str, Any]:
        """The sampling parameters of a request; without those that greedy choice turns off."""
        if not self.is_greedy:
            return dict(self.sampling)
        return {name: value for name, value in self.sampling.items() if name not in GREEDY_TURNS_OFF} | {
            "do_sample": False
        }

    def prompt_fields(self) -> dict[str, Any]:
        """Fields of a PromptRequest beside conversation and model; only what is set.

        Raises:
            InvalidRequest: a text can't be read; with the setting's name, line and column.
        """
        fields: dict[str, Any] = {
            "tools": self.read_tools() or None,
            "documents": read_documents(self.documents) or None,
            "template_arguments": read_arguments(self.template_arguments),
            "chat_template": self.chat_template if self.chat_template.strip() else None,
            "when_too_long": self.when_too_long,
        }
        return {name: value for name, value in fields.items() if value not in (None, {})}

    def render_fields(self) -> dict[str, Any]:
        """The same, with the room an answer needs where the oldest messages are left out for it.

        Raises:
            InvalidRequest: as `prompt_fields`.
        """
        most = self.sampling.get("max_new_tokens") if self.when_too_long == "shorten" else None
        return self.prompt_fields() | ({"max_new_tokens": most} if most is not None else {})

    def request_fields(self) -> dict[str, Any]:
        """Fields of a GenerationRequest beside conversation and model; only what is set.

        Raises:
            InvalidRequest: a text can't be read; with the setting's name, line and column.
        """
        structure = self.structured_output()
        shaped = {} if structure is None else {"structured_output": structure}
        return {**self.prompt_fields(), **self.sampling_fields(), **shaped}

    def read_tools(self) -> tuple[Tool, ...]:
        """The tools that are defined; () without any.

        Raises:
            InvalidRequest: they can't be read; with line and column.
        """
        if not self.tools.strip():
            return ()
        try:
            return tools_from_text(self.tools)
        except InvalidRequest as error:
            raise InvalidRequest(f"Tools: {error.message}", error.hint) from None

    def structured_output(self) -> StructuredOutput | None:
        """What the answer has to look like; None for anything.

        Raises:
            InvalidRequest: the text can't be read; with line and column.
        """
        return read_structure(self.structure, self.structure_text)


def read_structure(kind: StructureKind, text: str) -> StructuredOutput | None:
    """A structure as typed; None where no kind is chosen. Only its form is checked.

    Raises:
        InvalidRequest: nothing is typed, or a JSON schema is no JSON object; with line and column.
    """
    if not kind:
        return None
    title = STRUCTURE_TITLES[kind]
    if not text.strip():
        raise InvalidRequest(f"{title}: nothing is written.", "Write one, take the example, or choose Anything.")
    value: Any = text
    if kind == "json_schema":
        value = read_json(text, title, dict, '{"type": "object", "properties": {…}}')
    elif kind == "choice":
        value = choices_of(text)
    elif kind == "regex":
        value = text.strip("\n")
    try:
        return StructuredOutput.model_validate({kind: value})
    except ValidationError as error:
        raise InvalidRequest(f"{title}: {_words(error)}.", "Correct it, or choose Anything.") from None


def choices_of(text: str) -> list[str]:
    """The texts an answer may be: a JSON list of texts, or one a line."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        listed = None
    if isinstance(listed, list) and listed and all(isinstance(each, str) and each for each in listed):
        return list(dict.fromkeys(listed))
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def read_arguments(text: str) -> dict[str, Any]:
    """Template arguments as typed; {} for nothing.

    Raises:
        InvalidRequest: not a JSON object, or a name that has a field of its own.
    """
    values: dict[str, Any] = read_json(text, "Template arguments", dict, '{"enable_thinking": false}') or {}
    taken = sorted(RESERVED_ARGUMENTS & values.keys())
    if taken:
        raise InvalidRequest(
            f"Template arguments: '{taken[0]}' is set by a field of its own, or by OpenArc.",
            "Take it out; tools, documents and the template have their own fields.",
        )
    return values


def read_documents(text: str) -> tuple[dict[str, Any], ...]:
    """Documents as typed; () for nothing.

    Raises:
        InvalidRequest: not a JSON list of objects.
    """
    example = '[{"title": "…", "text": "…"}]'
    values = read_json(text, "Documents", list, example) or []
    for position, each in enumerate(values, 1):
        if not isinstance(each, dict):
            raise InvalidRequest(f"Documents: number {position} is not an object in braces.", f"For example {example}.")
    return tuple(values)


def read_json(text: str, what: str, kind: type[Any], example: str) -> Any:
    """JSON as typed, None for nothing.

    Raises:
        InvalidRequest: not JSON, with line and column; or JSON of another kind.
    """
    if not text.strip():
        return None
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise InvalidRequest(f"{what}: nested too deeply.", f"For example {example}.") from None
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"{what}: line {error.lineno}, column {error.colno}: {error.msg}.", "Check quotes, commas and brackets."
        ) from None
    except InvalidRequest as error:
        raise InvalidRequest(f"{what}: {error.message}", error.hint) from None
    if not isinstance(value, kind):
        shape = "a list in brackets" if kind is list else "an object in braces"
        raise InvalidRequest(f"{what}: must be {shape}.", f"For example {example}.")
    return value


def _with_label(words: str) -> str:
    """An error about a sampling parameter, under the name the page gives it."""
    name, colon, reason = words.partition(": ")
    place, _, parameter = name.partition(".")
    if place != "sampling" or not colon:
        return words
    parameter, _, position = parameter.partition(".")
    number = f", number {int(position) + 1}" if position.isdigit() else ""
    return f"{SAMPLING_LABELS.get(parameter, parameter)}{number}: {reason}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names stand in it once; the first of two would be lost without a word."""
    seen: dict[str, Any] = {}
    for name, value in pairs:
        if name in seen:
            raise InvalidRequest(f"'{name}' stands in it twice.", "Keep one of them.")
        seen[name] = value
    return seen


def _words(error: ValidationError) -> str:
    return str(error.errors()[0]["msg"]).removeprefix("Value error, ").rstrip(".")
