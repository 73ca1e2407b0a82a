"""From a conversation to the request for its next answer, and what that answer begins with. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openarc_ui.conversations.exchange import messages_of
from openarc_ui.conversations.tree import Conversation, Node
from openarc_ui.engine.formats.templates import ReasoningTags
from openarc_ui.engine.message import Message
from openarc_ui.engine.types import GenerationRequest
from openarc_ui.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an answer begins with before anything is generated.

    Attributes:
        text: as the model is given it, as the beginning of its answer.
        reasoning: thoughts that came before that text.
        given_characters: so many of its characters were written by the user.
    """

    text: str = ""
    reasoning: str | None = None
    given_characters: int = 0

    @classmethod
    def of(cls, prefill: str = "", continued: Node | None = None, tags: ReasoningTags | None = None) -> Beginning:
        """A text of the user's, or an answer that is gone on with, be it in the middle of its thoughts.

        Raises:
            InvalidRequest: the answer calls tools, so what follows it are their results.
        """
        if continued is None:
            return cls(prefill, None, len(prefill))
        check_can_go_on(continued)
        given = len(continued.content) if continued.answer is None else continued.answer.prefill_characters
        if continued.reasoning and not continued.content and tags is not None:
            return cls(f"{tags.open}\n{continued.reasoning}", None, 0)
        return cls(continued.content, continued.reasoning, given)

    @property
    def message(self) -> Message:
        """It as the last message of a request with `continue_final_message`."""
        return Message(role="assistant", content=self.text, reasoning_content=self.reasoning)


def check_can_go_on(answer: Node) -> None:
    """
    Raises:
        InvalidRequest: the answer calls tools: more text behind the calls would lose them.
    """
    if answer.tool_calls:
        raise InvalidRequest(
            "An answer that calls tools can't be gone on with: its calls would be lost.",
            "Give the results of its calls, or let it be answered anew.",
        )


def answer_request(
    conversation: Conversation, parent_id: str, beginning: Beginning | None = None, **values: Any
) -> GenerationRequest:
    """The request for an answer to a message: the path down to it, and what the answer begins with.

    Args:
        parent_id: the message that is answered.
        beginning: None, or one without any text: nothing.
        values: further fields of a GenerationRequest.

    Raises:
        MessageNotFound: the message is not in the conversation.
        pydantic.ValidationError: a field is wrong.
    """
    messages = messages_of(path_to(conversation, parent_id))
    if beginning is not None and (beginning.text or beginning.reasoning):
        return GenerationRequest(conversation=(*messages, beginning.message), continue_final_message=True, **values)
    return GenerationRequest(conversation=messages, **values)


def path_to(conversation: Conversation, node_id: str) -> tuple[Node, ...]:
    """The messages from the first down to this one, whatever is selected.

    Raises:
        MessageNotFound: it is not in the conversation.
    """
    path = [conversation.node(node_id)]
    while (above := path[-1].parent_id) is not None:
        path.append(conversation.node(above))
    return tuple(reversed(path))
