"""Where in a JSON text a value stands, as a line and a column, for errors about texts that people typed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from json import JSONDecoder

from openarc_ui.errors import InvalidRequest

Path = tuple[str | int, ...]


def error_at(text: str, offset: int, what: str, hint: str = "") -> InvalidRequest:
    """An error that begins with the line and the column, both counted from 1."""
    line = text.count("\n", 0, offset) + 1
    column = offset - (text.rfind("\n", 0, offset) + 1) + 1
    return InvalidRequest(f"Line {line}, column {column}: {what}", hint)


def offset_of(text: str, path: Sequence[str | int], *, of_key: bool = False) -> int:
    """Where the value at a path begins; as far as the path leads.

    Args:
        text: valid JSON.
        of_key: where its name begins, instead.
    """
    key_at = value_at = _past_space(text, 0)
    for step in path:
        members = [(key_at, at) for key, key_at, at in _members(text, value_at) if key == step]
        if not members:
            return value_at
        key_at, value_at = members[-1]
    return key_at if of_key else value_at


def _members(text: str, at: int) -> Iterator[tuple[str | int, int, int]]:
    """(name or index, where the name begins, where the value begins) of what is in an object or a list."""
    decoder = JSONDecoder(strict=False)
    is_object = text[at] == "{"
    if text[at] not in "{[":
        return
    at, index = _past_space(text, at + 1), 0
    while text[at] not in "}]":
        key_at, key = at, str(index)
        if is_object:
            key, at = decoder.raw_decode(text, at)
            at = _past_space(text, _past_space(text, at) + 1)
        yield (key if is_object else index), key_at, at
        at = _past_space(text, decoder.raw_decode(text, at)[1])
        at, index = (_past_space(text, at + 1) if text[at] == "," else at), index + 1


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
