"""How full the context is: what the conversation takes, what is left for the answer, and where the limit comes from.

The numbers are the model's own: the conversation is rendered and tokenized by its worker, one question at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any

import anyio

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.message import Message
from openarc_ui.engine.prompts import PromptRequest, RenderedPrompt
from openarc_ui.engine.types import EngineStatus
from openarc_ui.errors import EngineReserved, ModelNotLoaded, OpenArcError
from openarc_ui.ui.html import number

REMEMBERED = 64
NEARLY_FULL = 0.9


@dataclass(frozen=True, slots=True)
class Gauge:
    """What the gauge shows.

    Attributes:
        used: tokens of the prompt: conversation, draft, and what the template adds; None where they can't be counted.
        answer: tokens the answer may have.
        limit: of prompt and answer together; None where nothing bounds them.
        source: where the limit comes from, in words.
    """

    used: int | None
    answer: int | None
    limit: int | None
    source: str
    tone: str
    text: str

    def shown(self) -> dict[str, Any]:
        """As the page takes it."""
        return asdict(self)


def gauge_of(prompt: RenderedPrompt, answer_tokens: int | None) -> Gauge:
    """The gauge of a rendered conversation.

    Args:
        answer_tokens: max_new_tokens of the settings; None where they leave it out.
    """
    used, limit = len(prompt.tokens), prompt.context_length
    dropped = f" · the oldest {_messages(prompt.dropped_messages)} left out" if prompt.dropped_messages else ""
    if limit is None:
        return Gauge(
            used,
            answer_tokens,
            None,
            prompt.context_source,
            "",
            f"{number(used, 0)} token{'' if used == 1 else 's'}{dropped}",
        )
    left = limit - used
    tone = "bad" if left <= 0 else "warn" if left < (answer_tokens or 1) or used > NEARLY_FULL * limit else ""
    room = f"{number(left, 0)} left for the answer" if left > 0 else "no room for an answer"
    room += f", {number(-left, 0)} more than it holds" if left < 0 else ""
    text = f"{number(used, 0)} of {number(limit, 0)} tokens · {room}{dropped}"
    return Gauge(used, answer_tokens, limit, prompt.context_source, tone, text)


def problem_gauge(error: OpenArcError) -> Gauge:
    """A conversation that can't be rendered."""
    return Gauge(None, None, None, "", "bad", f"Can't be counted: {error.message} {error.hint}".strip())


class GaugeReader:
    """Asks the model for the gauge, one question at a time, and remembers the answers by content."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._one_at_a_time = asyncio.Lock()
        self._known: OrderedDict[str, Gauge | None] = OrderedDict()

    async def read(
        self, messages: tuple[Message, ...], model: str, fields: dict[str, Any], answer_tokens: int | None = None
    ) -> Gauge | None:
        """The gauge of a conversation with its draft; None where there is nothing to count, or no model.

        Args:
            model: a loaded model's name; "": the one loaded last.
            fields: fields of a PromptRequest beside conversation and model.
            answer_tokens: max_new_tokens of the settings; None where they leave it out.
        """
        if not messages:
            return None
        # ValidationError can't come: messages and fields were read from models of their own.
        request = PromptRequest(conversation=messages, model=model or None, **fields)
        key = f"{answer_tokens} {_key(request, self._engine.status())}"
        if key not in self._known:
            async with self._one_at_a_time:
                if key not in self._known:
                    self._known[key] = await anyio.to_thread.run_sync(self._ask, request, answer_tokens)
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return self._known[key]

    def _ask(self, request: PromptRequest, answer_tokens: int | None) -> Gauge | None:
        try:
            return gauge_of(self._engine.render(request), answer_tokens)
        except (ModelNotLoaded, EngineReserved):
            return None  # who asks for an answer is told why there is none
        except OpenArcError as error:
            return problem_gauge(error)


def _key(request: PromptRequest, status: EngineStatus) -> str:
    """What the gauge depends on: the request, and which load of which model answers it."""
    name = request.model or status.default_model
    loads = [f"{each.name} {each.process_id} {each.state.value}" for each in status.models if each.name == name]
    return hashlib.sha256(f"{loads} {request.model_dump_json()}".encode()).hexdigest()


def _messages(count: int) -> str:
    return "message is" if count == 1 else f"{count} messages are"
