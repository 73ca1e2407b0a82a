"""Reads answers into their parts while they grow, each sequence by itself.

What was told is never taken back; what may still become a mark is held back. Text that can hold neither thoughts nor calls
passes straight through. Else it is parsed when there is more, for a small share of the time only, and what is decided for
good is not parsed again.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from openarc_ui.engine.formats.grammar import grammar_of
from openarc_ui.engine.formats.reasoning import split_reasoning
from openarc_ui.engine.formats.schema import check_arguments
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.message import FunctionCall
from openarc_ui.engine.prompts import TokenDetail
from openarc_ui.engine.types import FinishReason, GenerationResult, TextDelta
from openarc_ui.server.ending import Ending
from openarc_ui.server.openai.forced import ForcedCalls
from openarc_ui.server.openai.parts import (
    CallArguments,
    CallBegun,
    Ended,
    Part,
    Parts,
    Reading,
    Reported,
    Said,
    Thought,
)
from openarc_ui.server.sse import HEARTBEAT_SECONDS, results_of

PARSING_SHARE = 0.05
"""Of the time of an answer, at most so much is spent on parsing it while it grows."""
FINISHED_WITH_CALLS = "tool_calls"
LAST_WORD = re.compile(r"\s+\S+\Z")
to_json = json.JSONEncoder(ensure_ascii=False).encode


async def parts_of(
    generation: Generation,
    reading: Reading,
    pause_seconds: Callable[[], float] = lambda: 0.0,
    ending: Ending | None = None,
) -> AsyncIterator[Parts]:
    """What is new in the answers to a request, together; () as a heartbeat. The last one ends with `Reported`.

    Leaving it does not cancel the generation.

    Raises:
        OpenArcError: the request failed, or the end of the server cut it off; what came before was yielded.
    """
    readers: dict[int, SequenceReader] = {}
    told_at = time.monotonic()
    async for batch in generation.async_batches(HEARTBEAT_SECONDS, pause_seconds):
        parts = _read(batch, readers, reading)
        # Text that is held back is no news, but a long call must not look like a dead connection either.
        if parts or not batch or time.monotonic() - told_at > HEARTBEAT_SECONDS:
            told_at = time.monotonic()
            yield parts
    result = (await results_of([generation], ending))[0]
    yield [*ends_of(result, reading, readers), Reported(result)]


def ends_of(result: GenerationResult, reading: Reading, readers: dict[int, SequenceReader] | None = None) -> list[Part]:
    """What is left to tell of answers that are over; without readers everything, so that a whole answer is read once.

    Args:
        readers: of the sequences of which something was told before.
    """
    found: list[Part] = []
    for index, reason in enumerate(result.finish_reasons):
        reader = (readers or {}).get(index) or SequenceReader(index, reading)
        details = result.token_details[index] if result.token_details else ()
        found += reader.end(result.texts[index], details, reason)
    return found


def _read(batch: Sequence[TextDelta], readers: dict[int, SequenceReader], reading: Reading) -> list[Part]:
    found: list[Part] = []
    for delta in batch:
        reader = readers.get(delta.sequence_index)
        if reader is None:
            reader = readers[delta.sequence_index] = SequenceReader(delta.sequence_index, reading)
        found += reader.feed(delta.text, delta.details)
    return found


@dataclass(slots=True)
class SequenceReader:
    """Reads one growing answer.

    Attributes:
        sequence: which of a request's answers it is.
        clock: seconds, to keep parsing cheap.
    """

    sequence: int
    reading: Reading
    clock: Callable[[], float] = time.perf_counter
    _characters: int = 0
    _tokens: int = 0
    _waiting: list[str] = field(default_factory=list)
    _details: list[TokenDetail] = field(default_factory=list)
    _is_thinking: bool = False
    _is_plain: bool = False
    _text: str = ""
    _told: int = 0
    _calls: int = 0
    _seen: int = 0
    _next_parse_at: float = 0.0
    _forced: ForcedCalls | None = None

    def __post_init__(self) -> None:
        form = self.reading.form
        self._is_thinking = self.reading.forced is None and form.reasoning is not None
        self._is_plain = self.reading.forced is None and form.reasoning is None and form.tool_format is None
        self._forced = ForcedCalls() if self.reading.forced in ("one", "several") else None

    def feed(self, text: str, details: Sequence[TokenDetail] = ()) -> list[Part]:
        """What more text tells; nothing where it has to wait."""
        self._characters += len(text)
        self._tokens += len(details)
        if self._is_plain and not self._details:
            return [Said(self.sequence, text, tuple(details))] if text or details else []
        self._details += details
        if not text:
            return []
        if self.reading.forced is not None:
            return self._with_details(self._read_forced(text))
        self._waiting.append(text)
        began_at = self.clock()
        if began_at < self._next_parse_at:
            return []
        found = self._news(is_final=False)
        ended_at = self.clock()
        self._next_parse_at = ended_at + (ended_at - began_at) / PARSING_SHARE
        return self._with_details(found)

    def end(self, text: str, details: Sequence[TokenDetail], reason: FinishReason) -> list[Part]:
        """The rest, and the end.

        Args:
            text: the whole answer; a cancelled one may be longer than what was fed.
            details: of all its tokens.
        """
        rest, self._details = text[self._characters :], [*self._details, *details[self._tokens :]]
        if self.reading.forced is not None:
            found = self._read_forced(rest)
            # What is no call and came to no end would have become one.
            if self._forced is not None and self._forced.rest and reason is FinishReason.STOP:
                found.append(Said(self.sequence, self._forced.rest))
        else:
            self._waiting.append(rest)
            found = self._news(is_final=True)
        has_called = self._calls > 0 and reason is FinishReason.STOP
        found.append(Ended(self.sequence, FINISHED_WITH_CALLS if has_called else reason.value))
        return self._with_details(found)

    def _news(self, *, is_final: bool) -> list[Part]:
        """What the text that waits tells, beside what was told."""
        self._text += "".join(self._waiting)
        self._waiting.clear()
        found: list[Part] = []
        if self._is_thinking:
            found = self._think(is_final)
        if not self._is_thinking:
            found += self._say() if self.reading.form.tool_format is None else self._say_and_call(is_final)
        return found

    def _think(self, is_final: bool) -> list[Part]:
        """More thoughts. They come first: once there is text they are over, and `_text` is what follows them."""
        form = self.reading.form
        split = split_reasoning(self._text, form.reasoning, is_open=form.is_open, is_final=is_final)
        new = (split.reasoning or "")[self._told :]
        self._told += len(new)
        if split.content or is_final:
            self._is_thinking, self._text, self._told = False, split.content, 0
            self._is_plain = form.tool_format is None
        return [Thought(self.sequence, new)] if new else []

    def _say(self) -> list[Part]:
        """Text in which nothing is looked for."""
        said, self._text = self._text, ""
        return [Said(self.sequence, said)] if said else []

    def _say_and_call(self, is_final: bool) -> list[Part]:
        """Text and calls."""
        form = replace(self.reading.form, reasoning=None, is_open=False)
        parsed = form.parse(self._text, is_final=is_final, id_prefix=self._prefix)
        found: list[Part] = []
        if len(parsed.content) > self._told:
            found.append(Said(self.sequence, parsed.content[self._told :]))
            self._told = len(parsed.content)
        for call in parsed.tool_calls[self._seen : self.reading.most_calls]:
            self._seen += 1
            if self._breaks_promise(call.function):
                found.append(Said(self.sequence, to_json(call.function.model_dump())))
                continue
            found.append(CallBegun(self.sequence, self._calls, str(call.id), call.function.name))
            found.append(CallArguments(self.sequence, self._calls, to_json(call.function.arguments)))
            self._calls += 1
        if not is_final and not parsed.tool_calls:
            self._settle()
        return found

    def _breaks_promise(self, call: FunctionCall) -> bool:
        """The tool is `strict`, which promises arguments that satisfy its schema, and these don't."""
        tool = next((each for each in self.reading.form.tools if each.function.name == call.name), None)
        return tool is not None and tool.function.strict is True and bool(check_arguments(tool, call.arguments))

    def _settle(self) -> None:
        """Parse no more what is told and can't become a call: all but the last word, where nothing has begun to be one."""
        form = self.reading.form
        grammar = grammar_of(str(form.tool_format), frozenset(tool.function.name for tool in form.tools))
        if grammar.starts.search(self._text):
            return
        last = LAST_WORD.search(self._text[: grammar.held_from(self._text)].rstrip())
        settled = min(last.start(), self._told) if last else 0
        self._text, self._told = self._text[settled:], self._told - settled

    def _read_forced(self, text: str) -> list[Part]:
        """More of an answer that is nothing but calls."""
        if self._forced is None:
            return self._read_named(text)
        found: list[Part] = []
        for index, name, arguments in self._forced.feed(text):
            if name:
                found.append(CallBegun(self.sequence, index, self._id(index), name))
                self._calls = index + 1
            else:
                found.append(CallArguments(self.sequence, index, arguments))
        return found

    def _read_named(self, text: str) -> list[Part]:
        """The answer is the arguments of the one function."""
        text = text if self._calls else text.lstrip()
        if not text:
            return []
        begun = [] if self._calls else [CallBegun(self.sequence, 0, self._id(0), self.reading.name)]
        self._calls = 1
        return [*begun, CallArguments(self.sequence, 0, text)]

    def _id(self, index: int) -> str:
        return f"{self._prefix}_{index + 1}"

    @property
    def _prefix(self) -> str:
        return f"{self.reading.id_prefix}_{self.sequence}"

    def _with_details(self, found: list[Part]) -> list[Part]:
        """The first of the new parts carries the tokens that came since the one before."""
        if not found or not self._details:
            return found
        details, self._details = tuple(self._details), []
        return [replace(found[0], details=details), *found[1:]]
