"""Titles of conversations: one line, given by somebody or taken from the first user message."""

from __future__ import annotations

import re
from collections.abc import Iterable

from openarc_ui.engine.frozen import is_text
from openarc_ui.engine.message import Message
from openarc_ui.errors import InvalidRequest

MAX_TITLE_CHARACTERS = 200
DERIVED_CHARACTERS = 60
LOOKED_AT_CHARACTERS = 2000
"""Of a first message, for a title: enough to get past indentation and empty lines."""
NO_TITLE = "New conversation"
ATTACHED = re.compile(r"(?:\A|\n\n)(?:([^\n`]+)\n)?(`{3,})[^\n`]*\n.*?(?:^\2(?=\n|\Z)|\Z)", re.DOTALL | re.MULTILINE)
"""A file that went along as text: a fenced block, with its name on the line before it. Its end may be cut off."""


def clean_title(title: str) -> str:
    """A title as it is kept: one line, without space around it.

    Raises:
        InvalidRequest: it is too long, or no text.
    """
    if not isinstance(title, str) or not is_text(title):
        raise InvalidRequest("A title is a text.")
    title = " ".join(title.split())
    if len(title) > MAX_TITLE_CHARACTERS:
        raise InvalidRequest(f"A title has at most {MAX_TITLE_CHARACTERS} characters; this one has {len(title)}.")
    return title


def derived_title(messages: Iterable[Message]) -> str:
    """The beginning of the first user message that says something, at most `DERIVED_CHARACTERS` long.

    Files that went along are left out; where there is nothing else, it is their names.
    """
    for message in messages:
        if message.role == "user" and (words := _words_of(message.content[:LOOKED_AT_CHARACTERS])):
            return words if len(words) <= DERIVED_CHARACTERS else words[: DERIVED_CHARACTERS - 1].rstrip() + "…"
    return NO_TITLE


def _words_of(content: str) -> str:
    """What was typed of a message, on one line; else the names of its files; else everything."""
    typed = ATTACHED.sub("\n\n", content)
    names = (match[1] or "" for match in ATTACHED.finditer(content))
    return " ".join(typed.split()) or " ".join(" ".join(names).split()) or " ".join(content.split())
