"""Where tool calls can begin and end in a text: the marks of a format, and calls without marks.

It finds places; what stands there is for `call_reader` to read.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from openarc_ui.engine.formats.scan import prefixes_of, tail_start
from openarc_ui.engine.formats.templates import ToolFormat, tool_format_named

_KEY_TEXT = r'[^"\n\\]{0,100}'
_KEY = rf'"(?P<key>{_KEY_TEXT})"\s{{0,20}}:'
_SPACE = r"\s{0,20}"
_FENCE = r"```[\w-]{0,20}" + _SPACE
BARE = rf"(?P<bare>(?P<fence>{_FENCE})?(?:\[{_SPACE})?\{{{_SPACE}{_KEY})"
"""Any JSON object with a key, or a list of one, in a fence or not: to be read as a call, or to be passed over whole."""
BARE_TAIL = re.compile(rf'(?:{_FENCE}(?:\[{_SPACE})?|\[{_SPACE})?(?:\{{{_SPACE}(?:"{_KEY_TEXT}"?{_SPACE})?)?\Z')
MAX_HEAD_CHARACTERS = 256
"""More than what BARE matches."""
TAIL_STARTS = re.compile(r"(?=[`\[{])")
FUNCTION_HEADER = re.compile(r"([^<>\s]{1,200})>\s*")
FUNCTION_TAIL = re.compile(r"[^<>\s]{0,200}\Z")
MISTRAL_HEADER = re.compile(r"([\w.\-]{1,200})\s*(?:\[CALL_ID\]([\w\-]{0,40}))?(?:\[ARGS\])?\s*(?=\{)")
MISTRAL_TAIL = re.compile(r"[\w.\-]{1,200}\s*(?:\[[\w\[\]\-]{0,80})?\s*\Z")


@dataclass(frozen=True, slots=True)
class Grammar:
    """Patterns of one format with the tools that may be called.

    Attributes:
        starts: where a call can begin; its groups are `mark`, `bare` (with `fence` and `key`), `python` and `named`.
        stop: what ends a call outside its texts, as a regular expression; None: nothing does.
        closing, fenced_closing: what may follow a call and belongs to it; inside a fence, its end too.
        begins: every beginning of a mark, and of a call that begins with a tool's name.
        longest: characters of the longest of them.
        ends: every beginning of a closing mark.
    """

    format: ToolFormat
    names: frozenset[str]
    starts: re.Pattern[str]
    stop: str | None
    closing: re.Pattern[str]
    fenced_closing: re.Pattern[str]
    begins: frozenset[str]
    longest: int
    ends: frozenset[str]

    def held_from(self, text: str) -> int:
        """Where something at the end of a growing text may become a call; the text's length where nothing may."""
        held = tail_start(text, self.begins, self.longest)
        return min(held, _bare_tail(text)) if self.names else held

    def is_unfinished_end(self, rest: str, is_fenced: bool) -> bool:
        """What follows a call up to the end of the text is nothing, or the beginning of a closing mark."""
        left = rest.lstrip(" \t\r\n}]")
        return not left or left in self.ends or (is_fenced and left in ("`", "``"))


@lru_cache(maxsize=64)
def grammar_of(name: str, names: frozenset[str]) -> Grammar:
    """The patterns of a format.

    Args:
        names: of the tools that may be called; without them only marks count.

    Raises:
        InvalidRequest: there is no such format.
    """
    form = tool_format_named(name)
    marks = "|".join(re.escape(mark) for mark in sorted(form.opens, key=len, reverse=True))
    closes = [re.escape(mark) for mark in form.closes]
    parts = [f"(?P<mark>{marks})"]
    literals = set(form.opens)
    if names:
        any_name = "|".join(re.escape(each) for each in sorted(names, key=len, reverse=True))
        parts.append(BARE)
        if name == "llama3":
            parts.append(rf"(?P<python>\[(?:{any_name})\()")
            literals |= {f"[{each}(" for each in names}
        if name == "mistral":
            parts.append(rf"(?P<named>(?<![\w.\-])(?:{any_name})(?:\[ARGS\])?(?=\{{))")
            literals |= {each + rest for each in names for rest in ("{", "[ARGS]{")}
    return Grammar(
        format=form,
        names=names,
        starts=re.compile("|".join(parts)),
        stop="|".join([marks, *closes]),
        closing=_closing(closes),
        fenced_closing=_closing([*closes, "```"]),
        begins=prefixes_of(literals),
        longest=max(map(len, literals)),
        ends=prefixes_of(frozenset(form.closes)),
    )


def _closing(closes: Collection[str]) -> re.Pattern[str]:
    parts = [r"\s*[;,]"]
    if closes:
        parts.insert(0, rf"[\s}}\]]*(?:{'|'.join(closes)})")
    return re.compile("|".join(parts))


def _bare_tail(text: str) -> int:
    """Where the beginning of a JSON object, of a list of them or of a fence ends a text; its length where none does."""
    for match in TAIL_STARTS.finditer(text, max(0, len(text) - MAX_HEAD_CHARACTERS)):
        if text[match.start() :] in ("`", "``") or BARE_TAIL.match(text, match.start()):
            return match.start()
    return len(text)
