"""How a conversation becomes a prompt: what a request may say about it, and what can be seen of it.

The request's part is frozen pydantic models, what comes back frozen dataclasses. Nothing is rendered here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from openarc_ui.engine.bounds import MAX_MESSAGES
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.message import JsonObject, Message

WhenTooLong = Literal["refuse", "shorten"]
MAX_TEMPLATE_CHARACTERS = 200_000
MAX_TEXT_CHARACTERS = 4_000_000
"""Of a prompt: a million tokens of English, the longest context there is."""
MAX_TOKEN_IDS = 1_000_000
"""Of a prompt that is given as ids."""
MAX_TOKENIZED_CHARACTERS = 200_000
"""To be shown as tokens at once."""
MAX_LISTED_TOKENS = 200_000
"""Shown one by one, or turned into text, at once: each crosses the main process as objects of its own."""
RESERVED_ARGUMENTS = frozenset(
    {
        "messages",
        "tools",
        "documents",
        "add_generation_prompt",
        "continue_final_message",
        "conversations",
        "chat_template",
    }
)
"""Template arguments that have a field of their own."""


class ToolFunction(Frozen):
    """What a tool is called, what it is for, and a JSON schema of its parameters."""

    name: str = Field(min_length=1, max_length=200, description="What the model calls it by.")
    description: str = Field("", description="What it is for, told to the model.")
    parameters: JsonObject = Field(
        default_factory=lambda: {"type": "object", "properties": {}}, description="A JSON schema of its arguments."
    )
    strict: bool | None = Field(None, description="Shown to the chat template.")


class Tool(Frozen):
    """A tool the model may call, as OpenAI's API describes one."""

    type: Literal["function"] = "function"
    function: ToolFunction


class StructuredOutput(Frozen):
    """What the answer has to look like; exactly one of the four. Needs GenAI's continuous batching."""

    json_schema: JsonObject | None = Field(None, description="A JSON schema the answer satisfies.")
    regex: str | None = Field(
        None, min_length=1, max_length=20_000, description="A regular expression it matches whole."
    )
    grammar: str | None = Field(None, min_length=1, max_length=200_000, description="A grammar in EBNF, from `root`.")
    choice: tuple[str, ...] | None = Field(None, min_length=1, max_length=1000, description="It is one of these texts.")

    @model_validator(mode="after")
    def _exactly_one(self) -> StructuredOutput:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of json_schema, regex, grammar and choice")
        return self

    @property
    def kind(self) -> str:
        """Which of the four."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)


class PromptOptions(Frozen):
    """What a request says about its prompt, beside the conversation."""

    tools: tuple[Tool, ...] | None = Field(
        None, max_length=256, description="Tools the model may call, for the template."
    )
    documents: tuple[JsonObject, ...] | None = Field(None, max_length=1000, description="Documents, for the template.")
    template_arguments: JsonObject = Field(
        default_factory=dict, description="More arguments of the chat template, such as enable_thinking."
    )
    chat_template: str | None = Field(
        None, min_length=1, max_length=MAX_TEMPLATE_CHARACTERS, description="A Jinja template in place of the model's."
    )
    continue_final_message: bool = Field(
        False, description="Go on with the last message, which is the assistant's, in place of beginning an answer."
    )
    when_too_long: WhenTooLong = Field(
        "refuse",
        description="A conversation that does not fit: refuse it, or leave out the oldest messages and say how many.",
    )
    """`refuse`: a prompt that leaves no token for an answer is PromptTooLong, and `max_new_tokens` is cut to what is left.

    `shorten`: as few of the oldest turns are left out as make room for prompt and answer. A turn is a user's message with
    all that follows it up to the next user's message, so that no answer is without its question and no tool's result
    without its call; what stands before the first user's message is a turn too. System messages always stay, and so does
    the last turn. The room for the answer is `max_new_tokens` (the request's, else the model's default, else 128), at most
    half the context. Where even the last turn does not leave that room, the answer gets what there is; where it leaves
    none, the request is refused with PromptTooLong. How many messages were left out is in `dropped_messages`.
    """

    @model_validator(mode="after")
    def _names_are_free(self) -> PromptOptions:
        taken = sorted(RESERVED_ARGUMENTS & self.template_arguments.keys())
        if taken:
            raise ValueError(f"template_arguments: '{taken[0]}' is set by a field of its own, or by OpenArc")
        return self


class PromptRequest(PromptOptions):
    """A conversation to be rendered as its model would see it, without an answer."""

    conversation: tuple[Message, ...] = Field(
        min_length=1, max_length=MAX_MESSAGES, description="The messages so far, oldest first."
    )
    model: str | None = Field(None, description="Name of a loaded model; left out: the one loaded last.")
    add_generation_prompt: bool = Field(True, description="End where the assistant's answer begins.")
    max_new_tokens: int | None = Field(
        None, ge=1, le=1_000_000, description="With when_too_long=shorten: room to leave for the answer."
    )

    @model_validator(mode="after")
    def _leaves_room_where_it_shortens(self) -> PromptRequest:
        if self.max_new_tokens is not None and self.when_too_long == "refuse":
            raise ValueError("max_new_tokens is for when_too_long=shorten: nothing is left out otherwise")
        return self

    @model_validator(mode="after")
    def _ends_with_an_answer_to_continue(self) -> PromptRequest:
        check_continuation(self.continue_final_message, self.conversation)
        return self


@dataclass(frozen=True, slots=True)
class PromptToken:
    """One token of a text.

    Attributes:
        text: its part of the text; "" where an earlier token of the same character has it.
        piece: the entry of the vocabulary, as the tokenizer spells it.
        is_special: the tokenizer treats it as a mark, not as text.
        role: whose message it belongs to; None for what the template added.
    """

    id: int
    text: str
    piece: str
    is_special: bool
    role: str | None = None


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """A text as tokens."""

    model: str
    tokens: tuple[PromptToken, ...]


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """What a model would be given for a conversation.

    Attributes:
        tokens: the prompt's tokens; their ids are what the model gets. () where only their number was asked for.
        context_length: tokens of prompt and answer together, or None where nothing bounds them.
        context_source: where that bound comes from, in words.
        dropped_messages: how many of the oldest messages were left out, by `when_too_long`.
        template_seconds, tokenize_seconds: what rendering and tokenizing took.
        token_count: how many tokens the prompt has, listed or not.
    """

    model: str
    text: str
    tokens: tuple[PromptToken, ...]
    context_length: int | None
    context_source: str
    dropped_messages: int
    template_seconds: float
    tokenize_seconds: float
    token_count: int = 0


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A model's chat template.

    Attributes:
        text: the Jinja source.
        origin: the file or the metadata it comes from, in words; where the model has none, that this is OpenArc's plain one.
        is_plain: the model has none.
        special_tokens: what bos_token, eos_token, ... stand for in it.
    """

    model: str
    text: str
    origin: str
    is_plain: bool
    special_tokens: dict[str, str]


@dataclass(frozen=True, slots=True)
class TokenDetail:
    """One generated token, for `token_details`.

    Attributes:
        text: the text it completed; "" while a character or a stop string is not whole yet.
        is_special: a mark such as end-of-text, whose spelling `text` holds although it is no part of the answer.
        seconds: since the token before it; of the first one, since the request was submitted.
        log_probability: natural logarithm of its probability; None where the backend does not tell.
        alternatives: (text, log probability) of the likeliest tokens at this place, itself perhaps included, likeliest
            first; () where the backend does not tell.
    """

    id: int
    text: str
    is_special: bool
    seconds: float
    log_probability: float | None = None
    alternatives: tuple[tuple[str, float], ...] = ()


def plain_conversation(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Messages as OpenAI's API writes them: what is not set is left out, arguments of tool calls are JSON objects."""
    return [message.model_dump(exclude_none=True) for message in messages]


def check_continuation(continue_final_message: bool, conversation: tuple[Message, ...]) -> None:
    """See that there is an answer to go on with.

    Raises:
        ValueError: the last message is not the assistant's, or ends with calls of tools.
    """
    if not continue_final_message:
        return
    if conversation[-1].role != "assistant":
        raise ValueError("continue_final_message goes on with an assistant's message; the last one is not")
    if conversation[-1].tool_calls:
        raise ValueError("continue_final_message goes on with a text; the last message ends with calls of tools")
