"""An answer's text in its parts: thoughts, content, tool calls. It never raises about what a model wrote."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from openarc_ui.engine.formats.call_reader import CallReader
from openarc_ui.engine.formats.grammar import grammar_of
from openarc_ui.engine.formats.reasoning import split_reasoning
from openarc_ui.engine.formats.templates import ReasoningTags
from openarc_ui.engine.message import ToolCall
from openarc_ui.engine.prompts import Tool
from openarc_ui.errors import nearest

MISTRAL_ID = re.compile(r"[A-Za-z0-9]{9}")


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """An answer in its parts.

    Attributes:
        content: what is said; a call that can't be read stays in it.
        reasoning: what was thought before; "" while nothing is written yet, None where there is none.
        tool_calls: what is to be called, each with an id.
        problems: a sentence for each call that could not be read, had to be mended, or is of no given tool.
        reasoning_is_open: the text ends within the thoughts.
    """

    content: str
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    problems: tuple[str, ...] = ()
    reasoning_is_open: bool = False


def parse_answer(
    text: str,
    *,
    tool_format: str | None,
    reasoning: ReasoningTags | None,
    is_open: bool = False,
    is_final: bool = True,
    tools: Sequence[Tool] = (),
    id_prefix: str = "call",
) -> ParsedAnswer:
    """An answer's text in its parts. What a model wrote never makes it raise.

    Every content, reasoning and list of calls of a growing text begins with the one before, and the final one with the
    last: nothing that was shown is taken back.

    Args:
        text: from the beginning of the answer, a prefill included.
        tool_format: a name of TOOL_FORMATS; None: calls are text.
        reasoning: the tags around thoughts; None: they are text.
        is_open: the prompt has the opening tag (`prompt_opens_reasoning`).
        is_final: False while the text grows: what may still become a tag or a call is left out.
        tools: those the model was given. Where a format's marks are special tokens, which an answer's text lacks,
            only calls of these count: without tools such a call stays text.
        id_prefix: the ids of calls without one are `<prefix>_1`, `<prefix>_2`, …; for Mistral nine characters made of
            that.

    Raises:
        InvalidRequest: there is no such tool format.
    """
    split = split_reasoning(text, reasoning, is_open=is_open, is_final=is_final)
    if tool_format is None:
        return ParsedAnswer(split.content, split.reasoning, reasoning_is_open=split.is_open)
    by_name = {tool.function.name: tool for tool in tools}
    reader = CallReader(split.content, grammar_of(tool_format, frozenset(by_name)), by_name, is_final)
    reader.read()
    unknown = dict.fromkeys(call.function.name for call in reader.calls if call.function.name not in by_name)
    problems = [f"There is no tool '{name}'. {nearest(name, by_name)}".strip() for name in unknown if by_name]
    return ParsedAnswer(
        content=_content(reader.pieces, is_final),
        reasoning=split.reasoning,
        tool_calls=_with_ids(reader.calls, tool_format, id_prefix),
        problems=(*reader.problems, *problems),
        reasoning_is_open=split.is_open,
    )


def _content(pieces: list[str], is_final: bool) -> str:
    """What is said around the calls, without the white space between."""
    first, *others = pieces
    if not others:
        return first if is_final else first.rstrip()
    return "\n".join(filter(None, [first.rstrip(), *(each.strip() for each in others)]))


def _with_ids(calls: list[ToolCall], tool_format: str, prefix: str) -> tuple[ToolCall, ...]:
    """Each call with an id of its own: the model's, unless it is taken or its template would refuse it."""
    taken: set[str] = set()
    found = []
    for number, call in enumerate(calls, start=1):
        call_id = call.id
        if call_id is None or call_id in taken or (tool_format == "mistral" and not MISTRAL_ID.fullmatch(call_id)):
            call_id = f"{prefix}_{number}"
            if tool_format == "mistral":
                call_id = hashlib.blake2b(call_id.encode(), digest_size=8).hexdigest()[:9]
        taken.add(call_id)
        found.append(call.model_copy(update={"id": call_id}))
    return tuple(found)
