"""A run on disk: what was asked, what was measured, line by line; readable after a kill at any moment.

One folder a run below the tuning folder:

    <run id>/run.json        the request, name, creation, state, notes, sittings (written whole, atomically)
    <run id>/visits.jsonl    one Visit a line, appended and synced before the run goes on; a torn last line is dropped
    <run id>/qualities.jsonl one Quality a line (or a Failure with the configuration's id)
    <run id>/search.sqlite3  Optuna's own storage, of sweeps
    <run id>/lock            held by the process that works on the run
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openarc_ui.tuning.requests import RunRequest
from openarc_ui.tuning.results import Configuration, Failure, Quality, RunState, Visit


class RunRecord:
    """One run's folder. Made by `Records.create` or `Records.open`."""

    run_id: str
    folder: Path
    request: Any
    """A BenchRequest, SweepRequest or ComparisonRequest."""
    name: str
    state: RunState
    created_at: float
    updated_at: float
    problem: Failure | None
    machine: dict[str, str]

    @property
    def configurations(self) -> Sequence[Configuration]:
        """In the order they were begun."""
        raise NotImplementedError

    @property
    def visits(self) -> Sequence[Visit]:
        """In the order they were made."""
        raise NotImplementedError

    @property
    def qualities(self) -> dict[str, Quality | Failure]:
        """By configuration id; the last one counts."""
        raise NotImplementedError

    @property
    def pruned(self) -> frozenset[str]:
        """Ids of configurations that were given up as clearly no winner."""
        raise NotImplementedError

    @property
    def notes(self) -> Sequence[str]:
        """About the whole run."""
        raise NotImplementedError

    def begin(self, configuration: Configuration) -> None:
        """Keep a configuration before its first visit; one that is there already stays as it is."""
        raise NotImplementedError

    def prune(self, configuration_id: str) -> None:
        """Keep that it was given up."""
        raise NotImplementedError


class Records:
    """All runs below a folder.

    Raises (its methods):
        TuningRunNotFound, TuningFolderUnusable.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, request: RunRequest, machine: dict[str, str]) -> RunRecord:
        """A new run's folder."""
        raise NotImplementedError

    def open(self, run_id: str) -> RunRecord:
        """A run that is there."""
        raise NotImplementedError
