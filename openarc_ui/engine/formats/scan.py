"""How far a bracketed value reaches in a text that may break off, and what it is. It knows no format of tool calls."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Literal

CLOSING = {"{": "}", "[": "]", "(": ")"}
JSON_PARTS = r'"[^"\\]*(?:\\.[^"\\]*)*"|["{}\[\]]'
PYTHON_PARTS = r"'[^'\\]*(?:\\.[^'\\]*)*'|\"[^\"\\]*(?:\\.[^\"\\]*)*\"|['\"{}\[\]()]"
MAX_PYTHON_CHARACTERS = 100_000
"""Python's own parser is not made for more; a call with a whole file in it is written as JSON by the models that do so."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a value reaches.

    Attributes:
        end: index after its last bracket, or where it was given up.
        state: "whole"; "cut": the text ends within it; "stopped": something came that ends it, outside its texts;
            "broken": its brackets don't match.
        missing: the brackets it lacks, when it is stopped or cut between two texts.
    """

    end: int
    state: Literal["whole", "cut", "stopped", "broken"]
    missing: str = ""


def extent(text: str, start: int, *, stop: str | None = None, is_python: bool = False) -> Extent:
    """How far the value reaches whose first bracket is at `start`.

    Args:
        stop: a regular expression of what ends it, whole or not; what is inside its texts does not count.
        is_python: texts may be in single quotes, and round brackets count.
    """
    parts = PYTHON_PARTS if is_python else JSON_PARTS
    pattern = re.compile(f"(?P<stop>{stop})|{parts}" if stop else parts, re.DOTALL)
    waiting: list[str] = []
    for match in pattern.finditer(text, start):
        part = match[0]
        if stop and match["stop"] is not None:
            return Extent(match.start(), "stopped", "".join(reversed(waiting)))
        if part in CLOSING:
            waiting.append(CLOSING[part])
        elif part in ("'", '"'):
            return Extent(len(text), "cut")
        elif part in ("}", "]", ")"):
            if waiting.pop() != part:
                return Extent(match.start(), "broken")
            if not waiting:
                return Extent(match.end(), "whole")
    return Extent(len(text), "cut", "".join(reversed(waiting)))


def read_json(text: str) -> Any:
    """A value as models write it: JSON, with line breaks in texts, in doubled braces, or as a Python literal.

    Raises:
        ValueError: it is none of these.
    """
    try:
        return json.loads(text, strict=False)
    except ValueError as error:
        reason = f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else str(error)
    except RecursionError:
        raise ValueError("it is too deep") from None
    if text.startswith("{{") and text.endswith("}}"):
        return read_json(text[1:-1])
    try:
        return ast.literal_eval(text) if len(text) <= MAX_PYTHON_CHARACTERS else _refuse(reason)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError(reason) from None


def _refuse(reason: str) -> Any:
    raise ValueError(reason)


def prefixes_of(literals: Set[str]) -> frozenset[str]:
    """Every beginning of the literals that is not whole."""
    return frozenset(each[:length] for each in literals for length in range(1, len(each)))


def tail_start(text: str, prefixes: Set[str], longest: int) -> int:
    """Where a literal may be beginning at the end of a text, by its `prefixes_of`; the text's length where none is."""
    for length in range(min(longest, len(text)), 0, -1):
        if text[-length:] in prefixes:
            return len(text) - length
    return len(text)
