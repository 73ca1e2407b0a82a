"""Finding conversations by what was said in them: a text in title or messages, without regard to case.

SQLite's LIKE folds ASCII letters only, so of every text with others in it the folded form is kept beside it. A search
reads every message of its owner; 1000 conversations of 20 messages take some tens of milliseconds.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from openarc_ui.engine.frozen import is_text
from openarc_ui.errors import InvalidRequest

MAX_SEARCH_CHARACTERS = 500
BEFORE_CHARACTERS = 40
AFTER_CHARACTERS = 80
COLUMNS = "key, id, shown_title, updated_at, created_at, messages"
OF_OWNER = f"SELECT {COLUMNS} FROM conversations AS c WHERE owner = :owner"
WITH_SOUGHT = (
    " AND (coalesce(folded_title, shown_title) LIKE :pattern ESCAPE '\\' OR EXISTS (SELECT 1 FROM messages AS m"
    " WHERE m.conversation = c.key AND coalesce(m.folded, m.content) LIKE :pattern ESCAPE '\\'))"
)
NEWEST_FIRST = " ORDER BY updated_at DESC, key DESC LIMIT :limit OFFSET :offset"
FIRST_HIT = (
    "SELECT content FROM messages WHERE conversation = :key AND coalesce(folded, content) LIKE :pattern ESCAPE '\\'"
    " ORDER BY key LIMIT 1"
)


class Search:
    """One text that is sought; "" finds every conversation.

    Raises:
        InvalidRequest: it is longer than `MAX_SEARCH_CHARACTERS`, or no text.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_SEARCH_CHARACTERS or not is_text(text):
            raise InvalidRequest(f"A search is a text of at most {MAX_SEARCH_CHARACTERS} characters.")
        self._sought = "" if text.isspace() else folded(text)
        escaped = self._sought.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        self._pattern = f"%{escaped}%"

    def found(self, connection: sqlite3.Connection, owner: bytes, limit: int, offset: int) -> list[tuple[Any, ...]]:
        """Rows of `COLUMNS`, the conversation changed last first."""
        query = OF_OWNER + (WITH_SOUGHT if self._sought else "") + NEWEST_FIRST
        values = {"owner": owner, "pattern": self._pattern, "limit": limit, "offset": offset}
        return connection.execute(query, values).fetchall()

    def snippet(self, connection: sqlite3.Connection, key: int) -> str:
        """What is around the first hit in a conversation's messages, on one line; "" where only the title has it."""
        if not self._sought:
            return ""
        row = connection.execute(FIRST_HIT, {"key": key, "pattern": self._pattern}).fetchone()
        return around(row[0], self._sought) if row else ""


def folded(text: str) -> str:
    """A text without its case, as LIKE can look through it: it ends at a NUL."""
    return text.casefold().replace("\0", " ")


def folded_if_needed(text: str) -> str | None:
    """The form to be kept beside a text; None where LIKE folds it itself."""
    return None if text.isascii() and "\0" not in text else folded(text)


def around(text: str, sought: str) -> str:
    """The surroundings of the first place where a text, folded, has the folded `sought`; "" where it has not."""
    place = folded(text).find(sought)
    if place < 0:
        return ""
    begin = _unfolded(text, place)
    end = _unfolded(text, place + len(sought) - 1) + 1
    first, last = max(begin - BEFORE_CHARACTERS, 0), min(end + AFTER_CHARACTERS, len(text))
    middle = " ".join(text[first:last].split())
    return ("…" if first else "") + middle + ("…" if last < len(text) else "")


def _unfolded(text: str, place: int) -> int:
    """Which character of a text the one at `place` of its folded form comes from: "ß" folds to two."""
    if text.isascii():
        return place
    width = 0
    for index, character in enumerate(text):
        width += len(character.casefold())
        if width > place:
            return index
    return len(text)
