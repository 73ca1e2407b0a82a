"""What other programs did with the processor while something was measured: the whole machine's time less our own.

Our own are this process and all that it started, however deep. Work that the kernel does for nobody in particular
(interrupts), and time that a virtual machine was not given (steal), count as others'.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import psutil

SHORTEST_SECONDS = 0.25
"""The system counts in hundredths of a second for each core; of less than this there is nothing to say."""
_BUSY = ("user", "system", "nice", "irq", "softirq", "steal", "interrupt", "dpc")
"""Fields of `psutil.cpu_times`; not every system has each. A guest's time is in `user` already."""
_Key = tuple[int, float]
"""A process: its id and when it was made, since ids are used again."""


@dataclass(frozen=True, slots=True)
class ProcessTimes:
    """Processor time of one process so far, in seconds.

    Attributes:
        own_seconds: of itself.
        ended_children_seconds: of its children that ended, and theirs; None where the system does not tell.
        parent_id: of its parent.
    """

    own_seconds: float
    ended_children_seconds: float | None
    parent_id: int


@dataclass(frozen=True, slots=True)
class Moment:
    """What was counted up to a moment.

    Attributes:
        at: of a clock, in seconds.
        busy_seconds: of all cores together.
    """

    at: float
    busy_seconds: float
    ours: dict[_Key, ProcessTimes]


class System(Protocol):
    """How the machine is asked; tests script it."""

    def look(self, known: Moment | None) -> Moment:
        """Read everything now; processes that were ours at `known` and still run are ours wherever they are now."""


class Background:
    """Tells how busy others were between two moments."""

    def __init__(self, system: System | None = None) -> None:
        self._system = system if system is not None else PsutilSystem()

    def begin(self) -> Moment:
        """Look, before."""
        return self._system.look(None)

    def others_cores(self, before: Moment) -> float | None:
        """Cores that others kept busy since, on average; None where that can't be told.

        That is so for too short a time, and where one of our processes ended and nobody has its time.
        """
        after = self._system.look(before)
        seconds = after.at - before.at
        if seconds < SHORTEST_SECONDS:
            return None
        own = _own_seconds(before, after)
        busy = after.busy_seconds - before.busy_seconds
        if own is None or busy < 0:
            return None
        return max(0.0, busy - own) / seconds


class PsutilSystem:
    """The machine as psutil sees it."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock

    def look(self, known: Moment | None) -> Moment:
        # Finding the processes takes far longer than reading their times, so it comes first.
        processes = self._find(known)
        times = psutil.cpu_times()
        at = self._clock()
        ours = {key: told for key, process in processes.items() if (told := _times_of(process)) is not None}
        return Moment(at, sum(getattr(times, name, 0.0) for name in _BUSY), ours)

    def _find(self, known: Moment | None) -> dict[_Key, psutil.Process]:
        here = psutil.Process()
        found = {_key_of(process): process for process in (here, *here.children(recursive=True))}
        for key in known.ours if known is not None else ():
            if key in found:
                continue
            try:
                process = psutil.Process(key[0])
            except psutil.Error:
                continue
            if _key_of(process) == key:
                found[key] = process
        return found


def _own_seconds(before: Moment, after: Moment) -> float | None:
    """Processor time of our processes between two moments, of those that ended in between too.

    A process that ended is in its parent's time for ended children, whole, so what it had before is taken off there. Where
    its parent ended as well, or the system keeps no such time, nobody has it.
    """
    ended = [told for key, told in before.ours.items() if key not in after.ours]
    if ended:
        parents = {process_id: told for (process_id, _), told in after.ours.items()}
        if any(_has_no_heir(told, parents) for told in ended):
            return None
    total = sum(map(_all_seconds, after.ours.values())) - sum(map(_all_seconds, before.ours.values()))
    return total if total >= 0 else None


def _has_no_heir(ended: ProcessTimes, running: dict[int, ProcessTimes]) -> bool:
    parent = running.get(ended.parent_id)
    return parent is None or parent.ended_children_seconds is None


def _all_seconds(told: ProcessTimes) -> float:
    return told.own_seconds + (told.ended_children_seconds or 0.0)


def _key_of(process: psutil.Process) -> _Key:
    try:
        return process.pid, process.create_time()
    except psutil.Error:
        return process.pid, 0.0


def _times_of(process: psutil.Process) -> ProcessTimes | None:
    """What a process used; None where it is gone."""
    try:
        times, parent_id = process.cpu_times(), process.ppid()
    except psutil.Error:
        return None
    # Windows and macOS always say 0 here.
    children = times.children_user + times.children_system if psutil.LINUX else None
    return ProcessTimes(times.user + times.system, children, parent_id)
