"""The last line that a worker wrote to its standard error, for the sentence that tells how it ended. It knows no process."""

from __future__ import annotations

import threading
from typing import IO

from openarc_ui.engine.places import Places

MOST_CHARACTERS = 300
WAIT_SECONDS = 1.0
"""How long what a process wrote last may take to come through once it has ended."""


class LastOutput:
    """Reads a stream to its end, in a thread of its own, so that the writer never waits."""

    def __init__(self, stream: IO[bytes] | None, places: Places, name: str) -> None:
        self._stream, self._places = stream, places
        self._line = ""
        self._thread = threading.Thread(target=self._read, name=f"{name}-stderr", daemon=True)
        self._thread.start()

    def words(self) -> str:
        """In brackets, without paths of this machine; "" where nothing was written. Call it once the writer has ended."""
        self._thread.join(WAIT_SECONDS)
        line = self._places.hidden_output(self._line)[:MOST_CHARACTERS]
        return f" (last output: {line})" if line else ""

    def _read(self) -> None:
        for line in self._stream or ():
            self._line = line.decode(errors="replace").rstrip() or self._line
