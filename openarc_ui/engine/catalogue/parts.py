"""A model in several files: which of its numbered parts, or of those that its index names, are not there.

Judged by names and by the index; no part is opened.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from itertools import count, islice
from typing import Any

NUMBERED = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<parts>\d{5})(?P<ending>\.[a-z]+)", re.IGNORECASE)
INDEX_FILE = "model.safetensors.index.json"
WHOLE_FILE = "model.safetensors"
"""Beside it an index is not read (transformers, modeling_utils.py)."""
MOST_PARTS = 10_000


def missing_parts(names: Collection[str], ending: str) -> str:
    """What is wrong with the numbering of the files with this ending, in words; "" where every number is there.

    A file without numbers beside its parts is the whole of them.
    """
    found: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for name in names:
        match = NUMBERED.fullmatch(name)
        if match is not None and match["ending"].lower() == ending:
            found[match["stem"], match["parts"], match["ending"]].add(int(match["number"]))
    for (stem, parts, suffix), numbers in sorted(found.items()):
        there = len(numbers & set(range(1, int(parts) + 1)))
        if there < int(parts) and f"{stem}{suffix}" not in names:
            absent = (number for number in count(1) if number not in numbers)
            first = [f"{stem}-{number:05}-of-{parts}{suffix}" for number in islice(absent, min(2, int(parts) - there))]
            return _missing(int(parts) - there, int(parts), first)
    return ""


def problem_of_part(name: str, names: Collection[str]) -> str:
    """What is wrong with a GGUF by its name alone: it is one of several parts; "" where it is whole.

    Args:
        names: of all files in its folder.
    """
    match = NUMBERED.fullmatch(name)
    if match is None or int(match["parts"]) < 2:
        return ""
    family = [each for each in names if _is_of_family(each, match)]
    missing = missing_parts(family, match["ending"].lower())
    return f"it is one of {int(match['parts'])} parts; {missing or 'merge them into one file first'}"


def missing_of_index(index: Mapping[str, Any], has: Callable[[str], bool]) -> str:
    """Which of the files that an index of safetensors names are not there, in words; "" where all are.

    Raises:
        ValueError: it is no such index.
    """
    wanted = files_of_index(index)
    absent = [each for each in wanted if not has(each)]
    return _missing(len(absent), len(wanted), absent[:2]) if absent else ""


def files_of_index(index: Mapping[str, Any]) -> list[str]:
    """The files that an index of safetensors names.

    Raises:
        ValueError: it is no such index.
    """
    told = index.get("weight_map")
    if not isinstance(told, dict) or not told or not all(isinstance(each, str) for each in told.values()):
        raise ValueError("it names no files")
    wanted = sorted(set(told.values()))
    if len(wanted) > MOST_PARTS:
        raise ValueError(f"it names {len(wanted)} files")
    return wanted


def _is_of_family(name: str, part: re.Match[str]) -> bool:
    other = NUMBERED.fullmatch(name)
    return other is not None and all(other[group] == part[group] for group in ("stem", "parts", "ending"))


def _missing(absent: int, of: int, first: list[str]) -> str:
    """ "2 of 3 parts are missing: a and b"; more than two are counted."""
    named = " and ".join(first) if absent <= len(first) else f"{first[0]} and {absent - 1} more"
    return f"{absent} of {of} parts {'is' if absent == 1 else 'are'} missing: {named}"
