"""Tool calls in an answer's text, and the text around them, whole or while it grows.

A decision about a place in the text is made once: more text never turns shown text into a call, or a call into text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from openarc_ui.engine.formats.calls import CALL_KEYS, UnreadableCall, calls_of, make_call
from openarc_ui.engine.formats.grammar import (
    FUNCTION_HEADER,
    FUNCTION_TAIL,
    MISTRAL_HEADER,
    MISTRAL_TAIL,
    Grammar,
)
from openarc_ui.engine.formats.parameters import tagged_arguments
from openarc_ui.engine.formats.pythonic import python_calls
from openarc_ui.engine.formats.scan import Extent, extent, read_json
from openarc_ui.engine.message import ToolCall
from openarc_ui.engine.prompts import Tool

FUNCTION = "<function="
MAX_CALLS = 64
"""As many as a Message takes."""
PYTHON_START = re.compile(r"\[?\s*[A-Za-z_][\w.]{0,199}\(")
PYTHON_TAIL = re.compile(r"\[?\s*(?:[A-Za-z_][\w.]{0,199})?\Z")
FIRST_NAME = re.compile(r'(?:```[\w-]*\s*)?\[?\s*\{\s*"name"\s*:\s*"([^"\\]*)"')


@dataclass(frozen=True, slots=True)
class Step:
    """What stands at a place: calls, or text up to `end`. `end` None: that can't be told yet."""

    end: int | None
    calls: tuple[ToolCall, ...] = ()
    problem: str = ""


UNDECIDED = Step(None)


@dataclass(slots=True)
class CallReader:
    """Reads one text once.

    Attributes:
        pieces: the text before the first call, between calls, and after the last.
        calls: in order; ids only where the model gave one.
        problems: a sentence for each call that could not be read or had to be mended.
    """

    text: str
    grammar: Grammar
    tools: Mapping[str, Tool]
    is_final: bool
    pieces: list[str] = field(default_factory=lambda: [""])
    calls: list[ToolCall] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def read(self) -> None:
        position = 0
        shown_until = len(self.text) if self.is_final else self.grammar.held_from(self.text)
        while match := self.grammar.starts.search(self.text, position):
            self.pieces[-1] += self.text[position : match.start()]
            step = self._step(match, shown_until)
            if step.end is None:
                return
            position = self._take(step, match.start())
            if step.calls:
                after = self._after_call(position, match)
                if after is None:
                    return
                position = after
        self.pieces[-1] += self.text[position:shown_until]

    def _take(self, step: Step, start: int) -> int:
        """Keep what a step found; the position after it."""
        assert step.end is not None
        if step.problem:
            self.problems.append(step.problem)
        if not step.calls:
            self.pieces[-1] += self.text[start : step.end]
        else:
            self.calls += step.calls
            self.pieces.append("")
        return step.end

    def _step(self, match: re.Match[str], shown_until: int) -> Step:
        if len(self.calls) >= MAX_CALLS:
            return Step(max(match.end(), shown_until), problem=f"More than {MAX_CALLS} calls are not read.")
        if match["mark"] == FUNCTION:
            step = self._function(match.end())
        elif match["mark"]:
            step = self._marked(match.end())
        elif match.lastgroup == "bare":
            step = self._bare(match, shown_until)
        elif match.lastgroup == "python":
            step = self._python(match.start(), is_marked=False)
        else:
            step = self._arguments(match.end(), match[0].removesuffix("[ARGS]"), None)
        if len(self.calls) + len(step.calls) > MAX_CALLS:
            return Step(step.end, problem=f"More than {MAX_CALLS} calls are not read.")
        return step

    def _after_call(self, position: int, match: re.Match[str]) -> int | None:
        """Pass over what belongs to a call, and read the calls that follow a marked one without a mark of their own.

        Returns:
            Where the text goes on; None where it does not, or where that can't be told yet.
        """
        is_fenced = bool(match.groupdict().get("fence"))
        closing = self.grammar.fenced_closing if is_fenced else self.grammar.closing
        while True:
            while end := closing.match(self.text, position):
                position = end.end()
            if self.grammar.is_unfinished_end(self.text[position:], is_fenced):
                return None
            begun = self._past_space(position)
            if match["mark"] in (None, FUNCTION) or self.text[begun] != "{":
                return position
            step = self._json(begun, is_marked=True)
            if step.end is None or len(self.calls) + len(step.calls) > MAX_CALLS:
                return None if step.end is None else position
            if not step.calls:
                return position
            position = self._take(step, begun)

    def _marked(self, start: int) -> Step:
        """What follows a mark."""
        at = self._past_space(start)
        if at == len(self.text):
            return self._cut(start)
        first = self.text[at]
        name = self.grammar.format.name
        if name == "hermes" and first == "<":
            return self._tag_in_tag(start, at)
        if name == "llama3" and first != "{" and not self._is_json_list(at):
            return self._python(at, is_marked=True)
        if name == "mistral" and first not in "[{":
            return self._mistral(at)
        if first in "[{":
            return self._json(at, is_marked=True)
        return self._no_call(start, "it is no JSON")

    def _tag_in_tag(self, start: int, at: int) -> Step:
        """<tool_call><function=…>, as the newer Qwen models write it."""
        if self.text.startswith(FUNCTION, at):
            return self._function(at + len(FUNCTION))
        if FUNCTION.startswith(self.text[at:]):
            return self._cut(start)
        return self._no_call(start, "it is no JSON")

    def _is_json_list(self, at: int) -> bool:
        return self.text[at] == "[" and self.text[self._past_space(at + 1) :][:1] in ("{", "]")

    def _json(self, at: int, *, is_marked: bool) -> Step:
        """JSON at a bracket. Without a mark, only calls of the given tools count."""
        reach = extent(self.text, at, stop=self.grammar.stop if is_marked else None)
        if reach.state == "cut":
            return self._cut(at) if is_marked else UNDECIDED
        try:
            calls = calls_of(read_json(self._source(at, reach)), needs_arguments=not is_marked)
        except ValueError as error:
            return Step(max(reach.end, at + 1), problem=f"A tool call can't be read: {error}." if is_marked else "")
        if not is_marked and not all(call.function.name in self.grammar.names for call in calls):
            return Step(reach.end)
        return Step(reach.end, calls, _mended(reach))

    def _bare(self, match: re.Match[str], shown_until: int) -> Step:
        """JSON without a mark: a call of a given tool, or text to be passed over whole, with all that is nested in it."""
        groups = match.groupdict()
        at = match.start() + len(groups["fence"] or "")
        named = FIRST_NAME.match(self.text, match.start())
        is_quoted = not groups["fence"] and self.text[match.start() - 1 : match.start()] == "`"
        is_other = named is not None and named[1] not in self.grammar.names
        if is_quoted or is_other or groups["key"] not in CALL_KEYS:
            reach = extent(self.text, at)
            return Step(max(match.end(), shown_until if reach.state == "cut" else reach.end))
        step = self._json(at, is_marked=False)
        if step.end is None and self.is_final:
            problem = f"The answer ends within a call of '{named[1]}'." if named else ""
            return Step(len(self.text), problem=problem)
        return step

    def _python(self, at: int, *, is_marked: bool) -> Step:
        """A Python list of calls, or one call. Without a mark, only calls of the given tools count."""
        begun = PYTHON_START.match(self.text, at)
        if begun is None:
            tail = PYTHON_TAIL.match(self.text, at)
            return self._cut(at) if tail else self._no_call(at, "it is neither JSON nor a Python call")
        bracket = at if self.text[at] == "[" else begun.end() - 1
        reach = extent(self.text, bracket, is_python=True)
        if reach.state == "cut":
            return self._cut(at)
        try:
            calls = python_calls(self.text[at : reach.end], self.tools)
            is_known = all(call.function.name in self.grammar.names for call in calls)
            return Step(reach.end, calls if is_marked or is_known else ())
        except UnreadableCall as error:
            return Step(reach.end, problem=f"A tool call can't be read: {error}.")

    def _mistral(self, at: int) -> Step:
        """name[ARGS]{…}, with or without [CALL_ID] and [ARGS]."""
        header = MISTRAL_HEADER.match(self.text, at)
        if header:
            return self._arguments(header.end(), header[1], header[2])
        if MISTRAL_TAIL.match(self.text, at):
            return self._cut(at)
        return self._no_call(at, "it is neither JSON nor a name with arguments")

    def _function(self, at: int) -> Step:
        """name>{…}</function>, or name><parameter=…>…</parameter></function>; the mark is just before."""
        header = FUNCTION_HEADER.match(self.text, at)
        if header is None:
            tail = FUNCTION_TAIL.match(self.text, at)
            return self._cut(at) if tail else self._no_call(at, "its tag is not closed")
        if header.end() == len(self.text):
            return self._cut(at)
        if self.text[header.end()] == "{":
            return self._arguments(header.end(), header[1], None)
        end = self.text.find("</function>", header.end())
        if end < 0:
            return self._cut(at)
        arguments = tagged_arguments(self.text[header.end() : end], self.tools.get(header[1]))
        try:
            return Step(end, (make_call(header[1], arguments),))
        except UnreadableCall as error:
            return Step(end, problem=f"A tool call can't be read: {error}.")

    def _arguments(self, at: int, name: str, call_id: str | None) -> Step:
        """The JSON object of a call whose name stands before it."""
        reach = extent(self.text, at, stop=self.grammar.stop)
        if reach.state == "cut":
            return self._cut(at)
        try:
            call = make_call(name, read_json(self._source(at, reach)), call_id)
            return Step(reach.end, (call,), _mended(reach))
        except ValueError as error:
            return Step(max(reach.end, at + 1), problem=f"A tool call can't be read: {error}.")

    def _source(self, start: int, reach: Extent) -> str:
        """A value's text, with the brackets it lacks."""
        return self.text[start : reach.end].rstrip() + (reach.missing if reach.state == "stopped" else "")

    def _cut(self, at: int) -> Step:
        """The text ends within a call: more may come, or it stays text up to the next mark."""
        if not self.is_final:
            return UNDECIDED
        after = re.compile("|".join(map(re.escape, self.grammar.format.opens))).search(self.text, at)
        end = after.start() if after else len(self.text)
        return Step(end, problem="A tool call can't be read: the answer ends within it.")

    def _no_call(self, end: int, reason: str) -> Step:
        """A mark that no call follows; a problem only where a closing mark says that one was meant."""
        is_meant = any(mark in self.text[end:] for mark in self.grammar.format.closes)
        return Step(end, problem=f"A tool call can't be read: {reason}." if is_meant else "")

    def _past_space(self, at: int) -> int:
        while at < len(self.text) and self.text[at].isspace():
            at += 1
        return at


def _mended(reach: Extent) -> str:
    return "A tool call lacked its last bracket, which was added." if reach.state == "stopped" else ""
