"""One answering of a message: what is wanted, and the answers that grow. Any number of pages may watch it.

No Gradio component here, and no database: who makes the answers is in answering.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from openarc_ui.conversations.answering import AnswerKeeper
from openarc_ui.engine.generation import Generation
from openarc_ui.errors import OpenArcError
from openarc_ui.ui.chat.settings import ChatSettings
from openarc_ui.ui.chat.view import WAITING, Growing

LONGEST_WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be answered.

    Attributes:
        parent_id: the message the answers follow.
        prefill: text the answers begin with.
        continued: id of an answer to go on with.
        shorten: leave out the oldest messages where they don't fit, whatever the settings say.
    """

    owner: str
    conversation_id: str
    parent_id: str
    settings: ChatSettings
    prefill: str = ""
    continued: str | None = None
    shorten: bool = False


class GrowingAnswers:
    """The answers to one request: its generation and their place in the conversation."""

    def __init__(self, generation: Generation, keeper: AnswerKeeper) -> None:
        self.generation = generation
        self.keeper = keeper
        self.is_over = False
        self.has_text = False
        self._began_at = time.perf_counter()

    def growing(self) -> list[Growing]:
        """What they are at now; [] at their end."""
        return [] if self.is_over else [self._at(index) for index in range(len(self.keeper.node_ids))]

    def _at(self, index: int) -> Growing:
        parsed = self.keeper.parsed(index)
        note = "" if parsed.content or parsed.reasoning else self._note()
        return Growing(self.keeper.node_ids[index], parsed.content, parsed.reasoning, parsed.reasoning_is_open, note)

    def _note(self) -> str:
        if self.generation.is_cancelled:
            return "Stopping …"
        doing = "Reading the prompt" if self.generation.started else "Waiting in the queue"
        return f"{doing} … {time.perf_counter() - self._began_at:.1f} s"


class Run:
    """One job on its way.

    Attributes:
        problems: errors that belong to no answer, in order.
        version: changes whenever there is something new to show.
        stage: changes when more than the text did: answers were begun, or one ended.
        seed: of the answers, once one ended.
        is_over: everything is kept, nothing comes any more.
    """

    def __init__(self, job: Job, session_id: str) -> None:
        self.job = job
        self.session_id = session_id
        self.answers: list[GrowingAnswers] = []
        self.problems: list[OpenArcError] = []
        self.version = 0
        self.stage = 0
        self.is_cancelled = False
        self.is_over = False
        self.seed: int | None = None
        self.waits_for = "Sending …"
        self._changed = asyncio.Event()
        self._cancelled = asyncio.Event()

    def growing(self) -> list[Growing]:
        """Every answer of it that is being made."""
        if self.is_over:
            return []
        if not self.answers:
            return [Growing(WAITING, note=self.waits_for)]
        return [each for answers in self.answers for each in answers.growing()]

    def cancel(self) -> None:
        """End it; what came is kept."""
        is_news, self.is_cancelled = not self.is_cancelled, True
        self._cancelled.set()
        for answers in self.answers:
            answers.generation.cancel()
        if is_news:
            self.tell()

    def tell(self, is_stage: bool = False) -> None:
        """There is something new to show."""
        self.version += 1
        self.stage += is_stage
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def end(self) -> None:
        self.is_over = True
        self.tell(is_stage=True)

    @property
    def has_text(self) -> bool:
        """A first token came."""
        return any(answers.has_text for answers in self.answers)

    async def changed(self, seen: int, seconds: float) -> None:
        """Wait until its version is another one than `seen`, at most so long."""
        if self.version == seen:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)

    async def stages(self) -> AsyncIterator[int]:
        """Yield whenever more than the text changed. The last one comes when it is over."""
        shown = -1
        while True:
            if self.stage != shown:
                shown, is_over = self.stage, self.is_over
                yield shown
                if is_over:
                    return
            else:
                await self.changed(self.version, LONGEST_WAIT_SECONDS)

    async def wait_while_wanted(self, seconds: float) -> None:
        """Wait so long, or until it is cancelled."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._cancelled.wait(), seconds)
