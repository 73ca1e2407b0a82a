"""Whether another program measures: a tuning run of the command line, or of a second server, on the same tuning folder.

It has its own engine, so nothing is refused for it here; but what this server answers meanwhile spoils its figures, and is to
say so. Told by the lock that such a run holds; it knows no page and no HTTP.
"""

from __future__ import annotations

import logging
from pathlib import Path

from openarc_ui.engine.engine import Engine
from openarc_ui.errors import OpenArcError
from openarc_ui.tuning.names import kind_words
from openarc_ui.tuning.record.lock import is_held
from openarc_ui.tuning.record.records import MEASURING
from openarc_ui.tuning.results import RunState
from openarc_ui.tuning.runs import TuningRuns

logger = logging.getLogger(__name__)

SOMETHING = "A run measures"
"""Who measures, where it can't be seen."""


class Elsewhere:
    """What is measured beside this server. Cheap enough to be asked once a second by every page; reads files, so ask in a thread."""

    def __init__(self, engine: Engine, runs: TuningRuns) -> None:
        self._engine, self._runs = engine, runs
        self._named: tuple[int, str] = (-1, SOMETHING)

    def words(self) -> str | None:
        """Who measures in another process, as the beginning of a sentence: "The sweep 'threads' measures"; None: nobody."""
        lock: Path = self._runs.folder / MEASURING
        begun = self._runs.begun
        try:
            if not is_held(lock) or self._is_ours():
                return None
            words = self._name()
            # Ours may have ended between the first two looks, and another of ours have begun since.
            return words if is_held(lock) and self._runs.begun == begun else None
        except OSError as error:
            logger.debug("it can't be seen whether another program measures: %s", error)
            return None

    def _is_ours(self) -> bool:
        """A run of this server has the machine before it takes the lock, and ends after it has given it back."""
        return self._engine.reservation is not None or self._runs.progress() is not None

    def _name(self) -> str:
        """Of the run, read anew only where something has changed in the folder."""
        revision, (seen, words) = self._runs.revision(), self._named
        if revision == seen:
            return words
        try:
            running = next((head for head in self._runs.heads() if head.state is RunState.RUNNING), None)
        except OpenArcError as error:
            logger.debug("the run of another program can't be read: %s", error)
            running = None
        words = kind_words(running.kind, running.name) if running is not None else SOMETHING
        self._named = (revision, words)
        return words
