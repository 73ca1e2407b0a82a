"""One run's folder: what is known of it, and how that is written. Which runs there are is in `records.py`.

Any thread may read it while one writes; only the process that holds the run's lock writes.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from openarc_ui.tuning.record.record_files import JsonLines, write_whole
from openarc_ui.tuning.requests import RunRequest
from openarc_ui.tuning.results import Configuration, Failure, Progress, Quality, RunState, Visit

HEAD = "run.json"


@dataclass(frozen=True, slots=True)
class Sitting:
    """A time in which a process worked on the run; the budget counts these, and no pause."""

    began_at: float
    worked_seconds: float


@dataclass(frozen=True, slots=True)
class Kept:
    """What run.json holds."""

    version: Literal[1]
    run_id: str
    request: RunRequest
    name: str
    state: RunState
    created_at: float
    updated_at: float
    machine: dict[str, str]
    problem: Failure | None = None
    pruned: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sittings: tuple[Sitting, ...] = ()
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class KeptQuality:
    """A line of qualities.jsonl: one of the two is there; with neither, what was kept before counts no more."""

    configuration_id: str
    quality: Quality | None = None
    failure: Failure | None = None


class RunRecord:
    """One run's folder. Made by `Records.create` or `Records.open`.

    Raises (what writes):
        TuningFolderUnusable: it could not be written, and is not in here either.
    """

    def __init__(self, folder: Path, kept: Kept) -> None:
        self.run_id, self.folder = folder.name, folder
        self._configurations = JsonLines(folder / "configurations.jsonl", _lines_of(Configuration))
        self._visits = JsonLines(folder / "visits.jsonl", _lines_of(Visit))
        self._qualities = JsonLines(folder / "qualities.jsonl", _lines_of(KeptQuality))
        damage = self._configurations.problem or self._visits.problem or self._qualities.problem
        self.is_damaged = bool(damage)
        if damage:
            failure = Failure(
                "record", "tuning_record_damaged", damage, "What could be read is shown; start a new run."
            )
            kept = replace(kept, state=RunState.FAILED, problem=failure)
        self._kept = kept
        self._lock = threading.Lock()
        self._sitting_began = 0.0

    @property
    def request(self) -> Any:
        """A BenchRequest, SweepRequest or ComparisonRequest."""
        return self._kept.request

    @property
    def name(self) -> str:
        return self._kept.name

    @property
    def state(self) -> RunState:
        """As it was written last; `Records.state_of` also knows whether somebody still works on it."""
        return self._kept.state

    @property
    def created_at(self) -> float:
        return self._kept.created_at

    @property
    def updated_at(self) -> float:
        return self._kept.updated_at

    @property
    def problem(self) -> Failure | None:
        """Why it failed."""
        return self._kept.problem

    @property
    def machine(self) -> dict[str, str]:
        """Name -> words: processor, memory, system, versions."""
        return dict(self._kept.machine)

    @property
    def configurations(self) -> Sequence[Configuration]:
        """In the order they were begun."""
        return self._configurations.values

    @property
    def visits(self) -> Sequence[Visit]:
        """In the order they were made."""
        return self._visits.values

    @property
    def qualities(self) -> dict[str, Quality | Failure]:
        """By configuration id; the last one counts."""
        last = {line.configuration_id: line.quality or line.failure for line in self._qualities.values}
        return {configuration_id: found for configuration_id, found in last.items() if found is not None}

    @property
    def refused(self) -> Sequence[Configuration]:
        """Those that could not be loaded by what was said before a load."""
        known = self.qualities
        found = ((each, known.get(each.configuration_id)) for each in self.configurations)
        return [each for each, failure in found if isinstance(failure, Failure) and failure.stage == "check"]

    @property
    def pruned(self) -> frozenset[str]:
        """Ids of configurations that were given up as clearly no winner."""
        return frozenset(self._kept.pruned)

    @property
    def notes(self) -> Sequence[str]:
        """About the whole run."""
        return self._kept.notes

    @property
    def progress(self) -> Progress:
        """How far it was when that was written last."""
        now, told = self.elapsed_seconds(), self._kept.progress
        return replace(told, elapsed_seconds=now) if told is not None else Progress("", "", 0, None, now, None)

    def begin(self, configuration: Configuration) -> None:
        """Keep a configuration before its first visit; one that is there already stays as it is."""
        with self._lock:
            if all(each.configuration_id != configuration.configuration_id for each in self.configurations):
                self._configurations.append(configuration)

    def prune(self, configuration_id: str) -> None:
        """Keep that it was given up."""
        if configuration_id not in self._kept.pruned:
            self._write(lambda kept: replace(kept, pruned=(*kept.pruned, configuration_id)))

    def add_visit(self, visit: Visit) -> None:
        """Keep a visit, and the time that was worked."""
        with self._lock:
            self._visits.append(visit)
        self._write(lambda kept: kept)

    def add_quality(self, configuration_id: str, found: Quality | Failure) -> None:
        """Keep what came of comparing texts."""
        if isinstance(found, Failure):
            self._add_quality(KeptQuality(configuration_id, failure=found))
        else:
            self._add_quality(KeptQuality(configuration_id, found))

    def forget_refusal(self, configuration_id: str) -> None:
        """Drop why one of `refused` could not be loaded: it can be now."""
        self._add_quality(KeptQuality(configuration_id))

    def _add_quality(self, line: KeptQuality) -> None:
        with self._lock:
            self._qualities.append(line)
        self._write(lambda kept: kept)

    def note(self, words: str) -> None:
        """Keep a sentence about the whole run; one that is there already is kept once."""
        if words not in self._kept.notes:
            self._write(lambda kept: replace(kept, notes=(*kept.notes, words)))

    def tell(self, progress: Progress) -> None:
        """Keep how far it is, for other processes and for after its end."""
        self._write(lambda kept: replace(kept, progress=progress))

    def rename(self, name: str) -> None:
        """Give it another name."""
        self._write(lambda kept: replace(kept, name=name))

    def begin_sitting(self) -> None:
        """Somebody works on it from now on."""
        self._sitting_began = time.monotonic()
        sitting = Sitting(time.time(), 0.0)
        self._write(
            lambda kept: replace(kept, state=RunState.RUNNING, problem=None, sittings=(*kept.sittings, sitting))
        )

    def end_sitting(self, state: RunState, problem: Failure | None = None, progress: Progress | None = None) -> None:
        """Nobody works on it any more: how far it came, and why it failed where it did."""
        self._write(
            lambda kept: replace(kept, state=state, problem=problem, progress=progress if progress else kept.progress)
        )
        self._sitting_began = 0.0

    def mark(self, state: RunState) -> None:
        """Give a run that nobody works on another state."""
        self._write(lambda kept: replace(kept, state=state))

    def elapsed_seconds(self) -> float:
        """Of work on it, this sitting and earlier ones; pauses not counted."""
        return sum(sitting.worked_seconds for sitting in self._with_time(self._kept).sittings)

    def _with_time(self, kept: Kept) -> Kept:
        """With what was worked since this sitting began."""
        began = self._sitting_began
        if not began or not kept.sittings:
            return kept
        *earlier, last = kept.sittings
        return replace(kept, sittings=(*earlier, replace(last, worked_seconds=time.monotonic() - began)))

    def _write(self, change: Callable[[Kept], Kept]) -> None:
        with self._lock:
            kept = replace(self._with_time(change(self._kept)), updated_at=time.time())
            write_whole(self.folder / HEAD, head_file().dump_json(kept, indent=1))
            self._kept = kept


@functools.cache
def head_file() -> TypeAdapter[Kept]:
    """How run.json is written and read."""
    return TypeAdapter(Kept)


@functools.cache
def _lines_of(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
