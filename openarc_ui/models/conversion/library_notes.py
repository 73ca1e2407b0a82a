"""What the libraries say while they convert that matters for the result, as sentences a person understands.

Most of what they write is of no use to anybody; the log has all of it. It knows the words of NNCF 3.4: what another version
says otherwise is missing here, and stays in the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

LOGGERS: Final = ("nncf",)
MEANINGS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r"Group-wise quantization with group size (\d+) can't be applied to some nodes"),
        r"Groups of \1 don't divide some layers: these kept their precision. group-size-fallback adjust makes their groups smaller.",
    ),
    (
        re.compile(r"Some nodes can't be quantized with the specified group size of (\d+)"),
        r"Groups of \1 don't divide some layers: theirs are smaller.",
    ),
    (
        re.compile(
            r"A valid adjusted group size value can't be found for some nodes.*using the (\w+) backup", re.DOTALL
        ),
        r"No group size fits some layers: these became \1.",
    ),
    (
        re.compile(r"No matching patterns were found for applying AWQ"),
        "AWQ found no layers in this model that it can scale, so it changed nothing.",
    ),
    (re.compile(r"You're using experimental option (\w+) with (\w+) value"), r"NNCF calls its \1 \2 experimental."),
    (
        re.compile(
            r"Weight compression expects a single reduction axis.*node name: (\S+?)\. .*in (\w+) mode", re.DOTALL
        ),
        r"The layer \1 has a shape that isn't compressed in groups, and became \2.",
    ),
)
"""What a library says, and what it means."""


class LibraryNotes(logging.Handler):
    """Collects them, each once, in the order in which they came."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._found: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """In sentences."""
        return tuple(self._found)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the libraries' loggers, which pass nothing on to the root's."""
        loggers = [logging.getLogger(name) for name in LOGGERS]
        for each in loggers:
            each.addHandler(self)
        try:
            yield
        finally:
            for each in loggers:
                each.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Look whether it means something."""
        said = record.getMessage()
        for pattern, meaning in MEANINGS:
            found = pattern.search(said)
            if found:
                self._found[found.expand(meaning)] = None
