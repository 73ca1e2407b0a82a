"""Bodies about conversations that are kept, and the messages in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from openarc_ui.conversations.shown import conversation_json
from openarc_ui.conversations.store import Summary
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.frozen import Frozen
from openarc_ui.engine.message import JsonObject, Message, Role, ToolCall
from openarc_ui.engine.prompts import TokenDetail

ASKED: Any = {"role": "user", "content": "What is the capital of France?"}
ANSWERED: Any = {"role": "assistant", "content": "Paris."}
CONVERSATION_ID: Any = "6f1c0a9e2b7d4e53"
MESSAGE_ID: Any = "3b9ac1f20d47"
SETTINGS = "The Chat tab's settings for it, as it keeps them. Other routes do not read them."


class NewConversationBody(Frozen):
    """Body of `POST /conversations`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Capitals", "messages": [ASKED, ANSWERED]}]})

    title: str = Field("", description="Empty: the beginning of the first user message.")
    messages: tuple[Message, ...] = Field((), description="In OpenAI's form, oldest first.")
    settings: JsonObject = Field(default_factory=dict, description=SETTINGS)


class ConversationPatch(Frozen):
    """Body of `PATCH /conversations/{conversation_id}`; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Capitals of Europe"}]})

    title: str | None = Field(None, description="Empty: the beginning of the first user message again.")
    settings: JsonObject | None = Field(None, description=SETTINGS + " They take the place of all older ones.")


class NewMessageBody(Message):
    """Body of `POST /conversations/{conversation_id}/messages`: a message in OpenAI's form, and its place."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [ASKED]})

    before: str | None = Field(None, description="Id of the message it goes before; left out: the end.")

    @property
    def message(self) -> Message:
        """Without its place."""
        return Message.model_validate(self.model_dump(exclude={"before"}))


class MessagePatch(Frozen):
    """Body of `PATCH /conversations/{conversation_id}/messages/{message_id}`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"content": "And of Spain?"}]})

    content: str | None = Field(None, description="Left out: as it is.")
    role: Role | None = Field(None, description="Left out: as it is.")
    keep_rest: bool = Field(True, description="Copy what follows below the new version.")


class MoveBody(Frozen):
    """Body of `POST /conversations/{conversation_id}/messages/{message_id}/move`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"by": -1}]})

    by: Literal[-1, 1] = Field(description="-1: change places with the message before it; 1: with the one after it.")


class PathBody(Frozen):
    """Body of `PUT /conversations/{conversation_id}/messages`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"messages": [ASKED, ANSWERED]}]})

    messages: tuple[Message, ...] = Field(description="The whole path, oldest first.")


class ConversationSummaryBody(BaseModel):
    """One conversation in a list."""

    id: str = Field(description="Of the conversation.", examples=[CONVERSATION_ID])
    title: str = Field(description="As it is shown.", examples=["Capitals"])
    updated_at: float = Field(description="Seconds since the epoch.")
    created_at: float = Field(description="Seconds since the epoch.")
    messages: int = Field(description="On the path that is shown.")
    snippet: str = Field(description="What is around the first hit of a search; empty without one.")

    @classmethod
    def of(cls, summary: Summary) -> Self:
        """The store's summary as a body."""
        return cls.model_validate(summary, from_attributes=True)


class VersionsBody(BaseModel):
    """A message's place among those that stand at the same place."""

    index: int = Field(description="From 0.")
    count: int = Field(description="How many there are.")
    previous: str | None = Field(description="Id of the version before it.")
    next: str | None = Field(description="Id of the version after it.")


class AnswerInfoBody(BaseModel):
    """What is known of a message that a model generated."""

    model: str = Field(description="That generated it.")
    request_id: str = Field(description="Of the request, as in the metrics.")
    finish_reason: str | None = Field(description="Null while it is being generated.", examples=["stop"])
    is_running: bool = Field(description="It is being generated now.")
    problem: str = Field(description="Why it failed, or what in it could not be read; empty where nothing is wrong.")
    seed: int | None = Field(description="It was sampled with; null: not told.")
    figures: dict[str, Any] = Field(description="What its PerformanceReport measured; times in seconds.")
    prefill_characters: int = Field(description="So many of its characters were given, not generated.")
    reasoning_tokens: int | None = Field(description="Of these, thoughts; null: it had none.")
    reasoning_seconds: float | None = Field(description="How long it thought; null: it did not.")
    group: str | None = Field(description="Shared by answers that were made side by side.")
    has_tokens: bool = Field(description="Details of its tokens are kept.")


class MessageBody(BaseModel):
    """One message in its place."""

    id: str = Field(description="Of this version of the message.", examples=[MESSAGE_ID])
    parent_id: str | None = Field(description="Of the message it follows.")
    created_at: float = Field(description="Seconds since the epoch.")
    role: Role = Field(description="Who says it.")
    content: str = Field(description="What is said.")
    name: str | None = Field(description="Who of several; of a tool message, which tool.")
    tool_calls: list[ToolCall] | None = Field(description="What an assistant wants called.")
    tool_call_id: str | None = Field(description="Of a tool message: which call it answers.")
    reasoning_content: str | None = Field(description="What an assistant thought before it answered.")
    versions: VersionsBody = Field(description="Its place among the versions.")
    answer: AnswerInfoBody | None = Field(description="Null for what no model generated.")


class ConversationBody(BaseModel):
    """A conversation: the path of messages that is shown and sent."""

    id: str = Field(description="Of the conversation.", examples=[CONVERSATION_ID])
    title: str = Field(description="As it is shown.", examples=["Capitals"])
    created_at: float = Field(description="Seconds since the epoch.")
    updated_at: float = Field(description="Seconds since the epoch.")
    settings: dict[str, Any] = Field(description="The Chat tab's settings for it.")
    messages: list[MessageBody] = Field(description="The path that is shown and sent, oldest first.")

    @classmethod
    def of(cls, conversation: Conversation) -> Self:
        """A conversation as a body."""
        return cls.model_validate(conversation_json(conversation))


class ChangedBody(ConversationBody):
    """The conversation after a change of one message."""

    message_id: str = Field(description="Of the message that was added, or is there now.", examples=[MESSAGE_ID])

    @classmethod
    def after(cls, conversation: Conversation, message_id: str) -> Self:
        """A conversation and the message in question."""
        return cls.model_validate(conversation_json(conversation, message_id=message_id))


class UndoneBody(ConversationBody):
    """The conversation without its last user message."""

    text: str = Field(description="What that message said.")

    @classmethod
    def after(cls, conversation: Conversation, text: str) -> Self:
        """A conversation and what was taken out."""
        return cls.model_validate(conversation_json(conversation, text=text))


class ImportedBody(ConversationBody):
    """A conversation that was imported."""

    notes: list[str] = Field(description="What was not taken over.")

    @classmethod
    def after(cls, conversation: Conversation, notes: Sequence[str]) -> Self:
        """A conversation and what is to be said of it."""
        return cls.model_validate(conversation_json(conversation, notes=list(notes)))


class TokenDetailBody(BaseModel):
    """One generated token."""

    id: int = Field(description="In the model's vocabulary.")
    text: str = Field(description='The text it completed; "" while a character is not whole yet.')
    is_special: bool = Field(description="A mark such as end-of-text, no part of the answer.")
    seconds: float = Field(description="Since the token before it; of the first, since the request was submitted.")
    log_probability: float | None = Field(description="Natural logarithm; null where the backend does not tell.")
    alternatives: list[tuple[str, float]] = Field(description="Likeliest tokens at this place, with their logarithms.")

    @classmethod
    def of(cls, detail: TokenDetail) -> Self:
        """The engine's detail as a body."""
        return cls.model_validate(detail, from_attributes=True)


class TokenDetailsBody(BaseModel):
    """Answer of `/conversations/{conversation_id}/messages/{message_id}/tokens`."""

    message_id: str = Field(description="Of the answer.", examples=[MESSAGE_ID])
    tokens: list[TokenDetailBody] = Field(description="Empty where none are kept.")
