"""The machine for one user alone: while something measures, other requests and loads are refused with the reason.

`ExclusiveUse` is the part of an Engine that keeps it; everything that is admitted asks it first, under the Engine's one lock,
so that nothing is admitted between the look whether the machine is free and its being taken.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass

from openarc_ui.engine.bandwidth import measure
from openarc_ui.engine.devices import VIRTUAL_DEVICES
from openarc_ui.engine.host import ModelHost
from openarc_ui.engine.types import Bandwidth, ModelState
from openarc_ui.errors import EngineBusy, EngineClosed, EngineReserved, InvalidRequest

WHEN_IDLE = "Try again when nothing runs."
AFTERWARDS = "Wait until it ends, or pause it in the Tune tab."


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """Handed out by `Engine.reserve`; whoever has it may load and submit.

    Attributes:
        words: who has the machine and for what, as the beginning of a sentence: "The sweep 'threads' measures".
        name: of the model that it loads and unloads; never the default one.
        models: the model paths that it may load, as they are asked for; None: any.
    """

    words: str
    name: str
    models: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Hosts:
    """What an Engine has at one moment, to see whether the machine is free.

    Attributes:
        present: models that are loaded or load.
        leaving: models that were replaced and finish their last answers.
        begun: how many requests and loads have begun so far.
    """

    present: Collection[ModelHost]
    leaving: Collection[ModelHost]
    begun: int


class ExclusiveUse(ABC):
    """Reserving the machine, and measuring its memory, which needs it alone too."""

    def __init__(self, members: Callable[[str], tuple[str, ...]]) -> None:
        self._members = members
        self._lock = threading.Lock()
        self._reservation: Reservation | None = None
        self._measures_bandwidth = False
        self._closed = False

    @abstractmethod
    def _hosts_now(self) -> Hosts:
        """Called with the lock held."""

    @property
    def reservation(self) -> Reservation | None:
        """Who has the machine alone now."""
        return self._reservation

    def reserve(self, words: str, name: str, models: frozenset[str] | None = None) -> Reservation:
        """Take the machine alone, until `release`. Models that are loaded stay, and answer nobody meanwhile.

        Args:
            words: who takes it and for what, as the beginning of a sentence: "The sweep 'threads' measures".
            name: what the holder's model is loaded under.
            models: the model paths that the holder may load; left out: any.

        Raises:
            EngineReserved: somebody has it.
            EngineBusy: a request runs or waits, a model loads or unloads, a bandwidth is measured, or the name is taken.
            EngineClosed.
        """
        with self._lock:
            if self._closed:
                raise EngineClosed("OpenArc is shutting down.", "Start it again.")
            self._require_leave(None)
            now = self._hosts_now()
            if self._measures_bandwidth:
                raise EngineBusy("The bandwidth of a device is being measured.", "Try again in some seconds.")
            problem = _work_in(now) or ("A model is being unloaded." if now.leaving or _is_unloading(now) else "")
            if problem:
                raise EngineBusy(problem, WHEN_IDLE)
            if any(host.name == name for host in now.present):
                raise EngineBusy(
                    f"A model is loaded as '{name}', the name that is needed for measuring.",
                    "Unload it, or load it under another name.",
                )
            self._reservation = Reservation(words, name, models)
            return self._reservation

    def release(self, reservation: Reservation) -> None:
        """Give the machine back. Idempotent; a reservation that is over gives nothing back."""
        with self._lock:
            if self._reservation is reservation:
                self._reservation = None

    def require_leave(self, holder: Reservation | None = None) -> None:
        """See that the machine may be made to work, by this holder or by anybody. It may be reserved a moment later.

        Raises:
            EngineReserved: somebody else has it, or this holder has it no more.
        """
        with self._lock:
            self._require_leave(holder)

    def measure_bandwidth(self, device: str) -> Bandwidth:
        """How fast a device reads its memory. Blocks for some seconds, in which nothing else should run.

        Raises:
            InvalidRequest: a composite, which has no memory of its own.
            DeviceUnavailable: there is no such device, or it could not be measured.
            EngineBusy: a request runs or a model loads, or one did meanwhile, which would spoil the figure; or one is
                measured already.
            EngineReserved: somebody has the machine alone.
        """
        if device.partition(":")[0] in VIRTUAL_DEVICES:
            members = ", ".join(self._members(device))
            raise InvalidRequest(f"{device} has no memory of its own.", f"Measure its devices one by one: {members}.")
        self._members(device)
        with self._lock:
            self._require_leave(None)
            before = self._hosts_now()
            if _work_in(before):
                raise EngineBusy("A model is at work, which would spoil the measurement.", WHEN_IDLE)
            if self._measures_bandwidth:
                raise EngineBusy("The bandwidth of a device is measured already.", "Try again in some seconds.")
            self._measures_bandwidth = True
        try:
            found = measure(device)
        finally:
            with self._lock:
                self._measures_bandwidth = False
                begun = self._hosts_now().begun
        if begun != before.begun:
            raise EngineBusy("A model was at work meanwhile, which spoilt the measurement.", WHEN_IDLE)
        return found

    def _require_leave(self, holder: Reservation | None) -> None:
        """Called with the lock held, by everything that makes the machine work.

        Raises:
            EngineReserved: somebody else has it, or this holder has it no more.
        """
        if holder is self._reservation:
            return
        if self._reservation is not None:
            raise EngineReserved(f"{self._reservation.words}, and everything else would spoil it.", AFTERWARDS)
        raise EngineReserved("The machine is not reserved any more.", "Reserve it again.")

    def _require_leave_for(self, name: str | None, holder: Reservation | None) -> None:
        """The same for what concerns one model only: the holder's is nobody else's.

        Raises:
            EngineReserved.
        """
        with self._lock:
            if holder is not None or (self._reservation is not None and self._reservation.name == name):
                self._require_leave(holder)


def _work_in(hosts: Hosts) -> str:
    """What makes the machine work now, as a sentence; empty where nothing does."""
    if any(host.in_flight for host in hosts.leaving):
        return "A model that was replaced finishes its answers."
    statuses = [host.status() for host in hosts.present]
    loading = next((status for status in statuses if status.state is ModelState.LOADING), None)
    if loading is not None:
        return f"{loading.name} is loading."
    busy = next((status for status in statuses if status.running or status.queued), None)
    return f"{busy.name} is answering a request." if busy is not None else ""


def _is_unloading(hosts: Hosts) -> bool:
    return any(host.status().state is ModelState.UNLOADING for host in hosts.present)
