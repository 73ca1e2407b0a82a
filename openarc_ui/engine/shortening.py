"""Making a conversation fit its model's context: render it, count it, and where that is wished leave out the oldest turns.

The rule is in the docstring of `PromptOptions.when_too_long`. No backend is known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from openarc_ui.engine.backends.base import ModelText
from openarc_ui.engine.message import Message
from openarc_ui.engine.prompts import PromptOptions
from openarc_ui.errors import PromptTooLong, TemplateRefused


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """A prompt, and what it was made of.

    Attributes:
        conversation: the messages that are in it.
        template_seconds, tokenize_seconds: of every attempt together.
    """

    text: str
    token_ids: list[int]
    conversation: tuple[Message, ...]
    dropped_messages: int
    template_seconds: float
    tokenize_seconds: float


class PromptFitter:
    """Renders and tokenizes one request's conversation.

    Args:
        room_tokens: to leave for the answer, where messages may be left out.
        context_length: tokens of prompt and answer together; None: nothing bounds them.
    """

    def __init__(
        self,
        text: ModelText,
        options: PromptOptions,
        *,
        room_tokens: int,
        context_length: int | None,
        add_generation_prompt: bool = True,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._text = text
        self._options = options
        self._context_length = context_length
        self._longest = None if context_length is None else context_length - room_tokens
        self._add_generation_prompt = add_generation_prompt
        self._clock = clock
        self._template_seconds = 0.0
        self._tokenize_seconds = 0.0

    def fit(self, conversation: Sequence[Message]) -> FittedPrompt:
        """The prompt of a conversation, or of what may stay of it. Where that is too long all the same, it comes so.

        Raises:
            TemplateRefused, InvalidRequest: the template does not take the conversation.
            PromptTooLong: the text alone is longer than anything.
        """
        whole = tuple(conversation)
        may_shorten = self._options.when_too_long == "shorten" and self._longest is not None
        try:
            best = self._make(whole, 0)
        except PromptTooLong:
            if not may_shorten:
                raise
            best = None
        if may_shorten and not self._fits(best):
            best = self._shorten(whole, best)
        if best is None:
            raise PromptTooLong("The last turn alone is longer than any model reads.", "Shorten the last message.")
        return replace(best, template_seconds=self._template_seconds, tokenize_seconds=self._tokenize_seconds)

    def require_room(self, fitted: FittedPrompt) -> None:
        """See that at least one token is left for the answer, after messages were left out.

        Raises:
            PromptTooLong: with the counts.
        """
        tokens, dropped = len(fitted.token_ids), fitted.dropped_messages
        if self._options.when_too_long == "shorten" and self._context_length and tokens >= self._context_length:
            raise PromptTooLong(
                (f"Without its {dropped} oldest messages the" if dropped else "The")
                + f" conversation takes {tokens} tokens; this model's context holds {self._context_length}.",
                "Shorten the last message or the system message, or load a model with a longer context.",
            )

    def _shorten(self, whole: tuple[Message, ...], best: FittedPrompt | None) -> FittedPrompt | None:
        """Leave out as few turns as will do, found by halving; where none will do, all that may go."""
        counts = _droppable(whole)
        low, high, found = 0, len(counts) - 1, None
        while low <= high:
            middle = (low + high) // 2
            attempt = self._attempt(whole, counts[middle])
            if self._fits(attempt):
                found, high = attempt, middle - 1
            else:
                low = middle + 1
        if found is None and counts:
            found = self._attempt(whole, counts[-1])
        return found or best

    def _attempt(self, whole: tuple[Message, ...], end: int) -> FittedPrompt | None:
        """The prompt without what stands before `end`; None where the template refuses what is left."""
        kept = tuple(message for index, message in enumerate(whole) if index >= end or message.role == "system")
        try:
            return self._make(kept, len(whole) - len(kept))
        except (TemplateRefused, PromptTooLong):
            return None

    def _make(self, conversation: tuple[Message, ...], dropped: int) -> FittedPrompt:
        began_at = self._clock()
        text = self._text.render(conversation, self._options, add_generation_prompt=self._add_generation_prompt)
        rendered_at = self._clock()
        token_ids = self._text.encode(text)
        self._template_seconds += rendered_at - began_at
        self._tokenize_seconds += self._clock() - rendered_at
        return FittedPrompt(text, token_ids, conversation, dropped, 0.0, 0.0)

    def _fits(self, prompt: FittedPrompt | None) -> bool:
        return prompt is not None and (self._longest is None or len(prompt.token_ids) <= self._longest)


def _droppable(conversation: Sequence[Message]) -> list[int]:
    """Where what is left of a conversation may begin, oldest first: at users' messages that no call of a tool spans.

    Only where something would be left out, and at the last user's message at the latest.
    """
    spanned: set[int] = set()
    for call, result in _results_of_calls(conversation):
        spanned.update(range(call + 1, result + 1))
    first = next((index for index, message in enumerate(conversation) if message.role != "system"), len(conversation))
    return [
        index
        for index, message in enumerate(conversation)
        if message.role == "user" and index > first and index not in spanned
    ]


def _results_of_calls(conversation: Sequence[Message]) -> list[tuple[int, int]]:
    """(index of a message with calls, index of a tool's message that answers it): by id, else the latest before it."""
    by_id: dict[str, int] = {}
    latest: int | None = None
    pairs: list[tuple[int, int]] = []
    for index, message in enumerate(conversation):
        if message.tool_calls:
            latest = index
            by_id |= {call.id: index for call in message.tool_calls if call.id}
        elif message.role == "tool":
            call = by_id.get(message.tool_call_id or "", latest)
            if call is not None:
                pairs.append((call, index))
    return pairs
