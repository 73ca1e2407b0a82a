"""Asking for the answer to a kept conversation: what can be said about it, and beginning it. Beginning blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError

from openarc_ui.conversations.answer_format import (
    AUTOMATIC,
    AnswerFormat,
    ToolFormatChoice,
    answer_format,
    reasoning_tags,
)
from openarc_ui.conversations.answer_request import Beginning, answer_request
from openarc_ui.conversations.answering import AnswerKeeper, read_conversation
from openarc_ui.conversations.store import ConversationStore
from openarc_ui.conversations.tree import Conversation
from openarc_ui.engine.answers import LONGEST_NAME
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.explain import explain, fields_by_path
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.prompts import MAX_TEXT_CHARACTERS, PromptOptions, StructuredOutput
from openarc_ui.engine.types import GenerationRequest, SamplingParameters, Source
from openarc_ui.errors import InvalidRequest


class AnswerOptions(SamplingParameters, PromptOptions):
    """What a program says of an answer, beside the conversation: sampling, the prompt's options, the answer's form."""

    structured_output: StructuredOutput | None = Field(
        None, description="What the answer has to look like: exactly one of json_schema, regex, grammar and choice."
    )
    token_details: bool = Field(False, description="Tell time, probability and alternatives of each token.")
    tool_format: ToolFormatChoice = Field(
        AUTOMATIC, description="How tool calls are written: auto takes it from the chat template, none leaves them."
    )
    model: str | None = Field(
        None, max_length=LONGEST_NAME, description="Name of a loaded model; left out: the one loaded last."
    )

    def request_fields(self) -> dict[str, Any]:
        """The fields of a GenerationRequest that were given, without conversation and id."""
        own = (GenerationRequest.model_fields.keys() & self.model_fields_set) - {"conversation", "request_id"}
        return {name: getattr(self, name) for name in own}


class AnswerWish(AnswerOptions):
    """How to answer a kept conversation as it stands, and where."""

    parent_id: str | None = Field(
        None, max_length=64, description="The message to answer; left out: the last of the path."
    )
    prefill: str = Field("", max_length=MAX_TEXT_CHARACTERS, description="What the answer begins with.")
    continue_final_message: bool = Field(
        False, description="Go on with the answer the path ends with, as a new version of it that begins with its text."
    )
    request_id: str | None = Field(None, pattern=r"^[A-Za-z0-9._-]{1,64}$", description="Your own id, to cancel it by.")


@dataclass(frozen=True, slots=True)
class BegunAnswer:
    """An answer under way, and where it is kept."""

    generation: Generation
    keeper: AnswerKeeper
    form: AnswerFormat


def begin_answer(
    engine: Engine, store: ConversationStore, owner: str, conversation_id: str, wish: AnswerWish, source: Source
) -> BegunAnswer:
    """Submit the request and add the running answers to the conversation, both or neither.

    Raises:
        ConversationNotFound, MessageNotFound, ConversationsUnusable: as the store does.
        InvalidRequest: there is nothing to answer, or not like this.
        ModelNotLoaded, TemplateRefused, EngineBusy, EngineClosed, WorkerDied: as the engine does.
    """
    conversation = read_conversation(store, owner, conversation_id)
    parent_id, beginning = _place(engine, conversation, wish)
    # Whether the messages end with a beginning is said by the beginning.
    given = {name: value for name, value in wish.request_fields().items() if name != "continue_final_message"}
    if wish.request_id is not None:
        given["request_id"] = wish.request_id
    try:
        request = answer_request(conversation, parent_id, beginning, **given, source=source)
    except ValidationError as error:
        raise explain(error.errors(), fields_by_path(AnswerWish)) from None
    form = answer_format(engine, request, wish.tool_format, beginning.text)
    generation = engine.submit(request)
    try:
        keeper = AnswerKeeper.begin(
            store, owner, conversation_id, parent_id,
            model=generation.model, request=request, form=form, beginning=beginning,
        )  # fmt: skip
    except BaseException:
        generation.cancel()
        raise
    return BegunAnswer(generation, keeper, form)


def _place(engine: Engine, conversation: Conversation, wish: AnswerWish) -> tuple[str, Beginning]:
    """Which message is answered, and what the answer begins with.

    Raises:
        InvalidRequest: there is no message, or none to go on with.
    """
    path = conversation.path()
    if not path:
        raise InvalidRequest("The conversation has no messages yet.", "Add one first.")
    if not wish.continue_final_message:
        return path[-1].id if wish.parent_id is None else wish.parent_id, Beginning.of(wish.prefill)
    last = path[-1]
    if last.role != "assistant" or last.parent_id is None:
        raise InvalidRequest("The path does not end with an answer to go on with.", "Leave continue_final_message out.")
    if wish.prefill or wish.parent_id is not None:
        raise InvalidRequest(
            "continue_final_message goes on with the path's last message.", "Leave prefill and parent_id out."
        )
    return last.parent_id, Beginning.of(continued=last, tags=reasoning_tags(engine, wish.model, wish.chat_template))
