"""Regular expressions as xgrammar reads them: what it would read differently is rewritten, or refused with the reason.

xgrammar is the library behind GenAI's structured output; these are the faults of the version in GenAI 2026.4 (0.1.31),
each found by running it (tests/engine/test_structure.py holds them). It knows no JSON schema; `json_schema` uses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from openarc_ui.errors import StructureRejected

SPECIAL = frozenset("\\.^$*+?()[]{}|/-")
MISREAD = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\xff][0-9a-fA-F]")
"""xgrammar writes the first as \\x.., and reads the digit after it as a part of that."""
PIECE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
ITEM = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)|.", re.DOTALL)
NOT_IN_A_JSON_STRING = '"\\\\\\x00-\\x1f'
JSON_CLASSES = {
    ".": f"[^{NOT_IN_A_JSON_STRING}]",
    r"\S": f"[^ {NOT_IN_A_JSON_STRING}]",
    r"\D": f"[^0-9{NOT_IN_A_JSON_STRING}]",
    r"\W": f"[^a-zA-Z0-9_{NOT_IN_A_JSON_STRING}]",
    r"\s": " ",
    r"\n": r"\\n",
    r"\t": r"\\t",
    r"\r": r"\\r",
    r"\\": r"\\\\",
    '"': r"\\" + '"',
    r"\"": r"\\" + '"',
}
"""What stands outside a class, as it has to be written so that the JSON around the string stays JSON."""


def literal(text: str) -> str:
    """A regular expression for exactly this text.

    Raises:
        StructureRejected: it is empty or has a NUL in it; xgrammar would end the text there.
    """
    if not text or "\0" in text:
        raise StructureRejected(
            "A choice can't be empty." if not text else "A choice can't have a NUL character in it.",
            "Leave it out.",
        )
    return "".join(f"\\{character}" if character in SPECIAL else character for character in text)


def check_regex(pattern: str) -> None:
    """See that xgrammar reads a pattern as it is meant; its syntax is left to xgrammar.

    Raises:
        StructureRejected: a NUL, or a class with an accented letter before a digit or a letter from a to f.
    """
    if "\0" in pattern:
        raise StructureRejected("The regular expression has a NUL character in it.", "Leave it out.")
    for piece in PIECE.findall(pattern):
        if piece.startswith("[") and MISREAD.search(piece):
            raise StructureRejected(
                f"GenAI's structured output misreads the class {piece}: an accented letter stands before a digit or one "
                "of a to f.",
                "Put the accented letters last in the class.",
            )


def pattern_in_json(pattern: str) -> str:
    """A JSON schema's `pattern`, so that what it matches can stand in a JSON string.

    xgrammar holds it against the raw text between the quotes, so that `.` would let a quote through and end the string.

    Raises:
        StructureRejected: a class that would let one through, or what `check_regex` refuses.
    """
    check_regex(pattern)
    return "".join(_piece_in_json(piece) for piece in PIECE.findall(pattern))


def _piece_in_json(piece: str) -> str:
    if not piece.startswith("["):
        return JSON_CLASSES.get(piece, piece)
    inside = piece[1:-1].replace(r"\s", " ")
    if any(name in inside for name in (r"\S", r"\D", r"\W")):
        raise _refused(piece)
    if inside.startswith("^"):
        return f"[{inside}{NOT_IN_A_JSON_STRING}]"
    if any(first <= unfit <= last for first, last in _ranges(inside) for unfit in (0x22, 0x5C, 0x0A, 0x1F)):
        raise _refused(piece)
    return f"[{inside}]"


def _ranges(inside: str) -> Iterator[tuple[int, int]]:
    """The code points a class names, as (first, last)."""
    items = ITEM.findall(inside)
    at = 0
    while at < len(items):
        is_range = at + 2 < len(items) and items[at + 1] == "-"
        yield _code_point(items[at]), _code_point(items[at + 2] if is_range else items[at])
        at += 3 if is_range else 1


def _code_point(item: str) -> int:
    if len(item) > 2:
        return int(item[2:], 16)
    named = {r"\n": 0x0A, r"\t": 0x0A, r"\r": 0x0A, r"\d": ord("0"), r"\w": ord("a")}
    return named.get(item, ord(item[-1]))


def _refused(piece: str) -> StructureRejected:
    return StructureRejected(
        f"The class {piece} in a pattern lets a quote, a backslash or a line break through, which would end the JSON string.",
        "Name the characters that are meant without those.",
    )
