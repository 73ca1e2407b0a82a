"""Errors that nobody thought of, in a loop that goes on: each is told once, and not at every turn."""

from __future__ import annotations

import traceback


class Bugs:
    """Those of one loop. An error is the same one where its type and the place it was raised at are."""

    def __init__(self) -> None:
        self._known: set[tuple[type[BaseException], str, int | None]] = set()

    def is_new(self, error: Exception) -> bool:
        """Whether it was not met before; ask where it was caught."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = (type(error), place.filename, place.lineno)
        is_new = kind not in self._known
        self._known.add(kind)
        return is_new
