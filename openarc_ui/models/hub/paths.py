"""Names of files in a repository of the Hub: which can become files of a folder here. Whoever owns a repository chose them."""

from __future__ import annotations

import re
from collections.abc import Iterable

OURS = "openarc_files.json"
"""What a download notes beside its files; a repository can't bring its own."""
MOST_PART_BYTES = 240
MOST_PARTS = 12
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Devices on Windows, whatever follows the dot. The rules are the same everywhere: a model folder may move."""


def problem_of_path(path: str) -> str | None:
    """Why a repository's file can't be kept under its name, as a clause; None where it can."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts):
        return "leaves the folder, or is no path"
    if _FORBIDDEN.search(path) or not path.isprintable():
        return "has characters that no file's name should have"
    if any(part != part.rstrip(" .") or _RESERVED.fullmatch(part) for part in parts):
        return "is no file's name on Windows"
    if len(parts) > MOST_PARTS or any(len(part.encode()) > MOST_PART_BYTES for part in parts):
        return "is too long"
    if path.casefold() == OURS:
        return "is the name that OpenArc notes its downloads under"
    return None


def usable_paths(paths: Iterable[str]) -> list[str]:
    """Those that can stand beside each other in one folder, also where "A" and "a" are the same."""
    usable: list[str] = []
    files: set[str] = set()
    folders: set[str] = set()
    for path in sorted(paths):
        folded = path.casefold()
        above = {folded[:end] for end, each in enumerate(folded) if each == "/"}
        if problem_of_path(path) is None and folded not in files | folders and not above & files:
            usable.append(path)
            files.add(folded)
            folders |= above
    return usable
