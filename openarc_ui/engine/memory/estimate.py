"""Does it fit: what a model needs on its device against what the device has free, before it is loaded.

It brings the model's shape, the formulas and the device's room together; each is in a module of its own. A model or device
that can't be read is "unknown" with the reason, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.devices import DeviceLayer, check_device
from openarc_ui.engine.memory.advice import advise
from openarc_ui.engine.memory.formulas import MemoryPart, Situation, grouped, words
from openarc_ui.engine.memory.room import Room, device_room, system_room
from openarc_ui.engine.memory.shape import ModelShape, read_shape
from openarc_ui.engine.memory.situation import npu_context, situation_of
from openarc_ui.engine.types import BackendName, LoadRequest
from openarc_ui.errors import OpenArcError

Verdict = Literal["green", "amber", "red", "unknown"]

GREEN_SHARE = 0.8
"""Of the free memory. Above it another program's ordinary growth already makes the system swap."""
AMBER_SHARE = 1.0
DEFAULT_CONTEXT_TOKENS = 2048
"""Prompt and answer of an ordinary chat, where nobody says how long it gets."""
LONGEST_CONTEXT_TOKENS = 1_048_576
"""Looked at no further where a model does not say its own."""
SEVERITY = {"green": 0, "amber": 1, "unknown": 2, "red": 3}


@dataclass(frozen=True, slots=True)
class FitEstimate:
    """Whether a model fits. Bytes are of the memory that decides: the tightest of those a load uses.

    Attributes:
        device: whose memory decides.
        parts: what is needed there; empty when the model can't be read.
        free_bytes: what the device has free now, None where it does not tell.
        context_tokens: of each sequence, prompt and answer together.
        largest_context_tokens: that still fits, at most the model's own; 0: none does, None: not known.
        advice: what to change when it is tight, the most effective first.
        words: the verdict for a person, one sentence.
    """

    verdict: Verdict
    device: str
    parts: tuple[MemoryPart, ...]
    needed_bytes: int
    free_bytes: int | None
    total_bytes: int | None
    context_tokens: int
    sequences: int
    largest_context_tokens: int | None
    advice: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Demand:
    """One memory and what is to be put into it: (situation, share of the model) for each device that uses it."""

    room: Room
    members: tuple[tuple[Situation, float], ...]

    def parts(self, context_tokens: int, sequences: int) -> tuple[MemoryPart, ...]:
        """The parts of all members; the process is counted once."""
        found: dict[str, MemoryPart] = {}
        for situation, share in self.members:
            for part in situation.parts(context_tokens, sequences):
                before = found.get(part.name)
                if part.name == "process":
                    found[part.name] = max(before or part, part, key=lambda each: each.memory_bytes)
                    continue
                how = part.how if share == 1 else f"{share:.0%} of: {part.how}"
                total_bytes = int(share * part.memory_bytes) + (before.memory_bytes if before else 0)
                how = f"{before.how} And again: {how}" if before else how
                found[part.name] = MemoryPart(part.name, part.label, total_bytes, how)
        return tuple(found.values())

    def needed_bytes(self, context_tokens: int, sequences: int) -> int:
        return sum(part.memory_bytes for part in self.parts(context_tokens, sequences))

    def verdict(self, context_tokens: int, sequences: int) -> Verdict:
        if self.room.free_bytes is None:
            return "unknown"
        needed_bytes = self.needed_bytes(context_tokens, sequences)
        if needed_bytes > AMBER_SHARE * self.room.free_bytes:
            return "red"
        return "green" if needed_bytes <= GREEN_SHARE * self.room.free_bytes else "amber"


def estimate_fit(
    entry: ModelEntry,
    request: LoadRequest,
    backend: BackendName,
    layer: DeviceLayer,
    *,
    context_tokens: int | None = None,
    sequences: int = 1,
    system: Callable[[], Room] = system_room,
    shape: ModelShape | None = None,
) -> FitEstimate:
    """Estimate one load.

    Args:
        context_tokens: prompt and answer of each sequence; left out: 2048, or the model's own if that is less.
        sequences: answers at once.
        system: how free system memory is asked.
        shape: what `read_shape` gave for this entry, where it was read before.
    """
    tokens, sequences = max(1, context_tokens or DEFAULT_CONTEXT_TOKENS), max(1, sequences)
    if backend == "scripted":
        return _unknown(
            request.device, "A scripted model has no weights, so there is nothing to estimate.", tokens, sequences
        )
    try:
        shape = shape or read_shape(entry)
        members = check_device(layer, request.device)
        demands = _demands(shape, request, backend, layer, members, system)
    except OpenArcError as error:
        return _unknown(request.device, error.message, tokens, sequences)
    longest = npu_context(request) if "NPU" in request.device else shape.context_tokens
    if longest is not None:
        tokens = min(tokens, longest)
    worst = max(demands, key=lambda each: (SEVERITY[each.verdict(tokens, sequences)], _ratio(each, tokens, sequences)))
    return _estimate(entry, worst, demands, tokens, sequences, longest)


def _demands(
    shape: ModelShape,
    request: LoadRequest,
    backend: BackendName,
    layer: DeviceLayer,
    members: tuple[str, ...],
    system: Callable[[], Room],
) -> list[Demand]:
    """HETERO splits the model over its members in proportion to their memory; AUTO and MULTI keep a copy on each.

    Members that share system memory are one demand on it.
    """
    rooms = [device_room(layer, member, system) for member in members]
    free = [room.free_bytes or 0 for room in rooms]
    is_split = request.device.startswith("HETERO:") and len(members) > 1
    by_memory: dict[str, list[tuple[Room, Situation, float]]] = {}
    for room in rooms:
        share = (room.free_bytes or 0) / sum(free) if is_split and all(free) else 1 / len(rooms) if is_split else 1.0
        situation = situation_of(shape, request, backend, layer, room)
        by_memory.setdefault("system" if room.is_system else room.device, []).append((room, situation, share))
    return [
        Demand(
            min(
                (room for room, _, _ in users), key=lambda room: room.free_bytes if room.free_bytes is not None else -1
            ),
            tuple((situation, share) for _, situation, share in users),
        )
        for users in by_memory.values()
    ]


def _estimate(
    entry: ModelEntry, worst: Demand, demands: list[Demand], tokens: int, sequences: int, longest: int | None
) -> FitEstimate:
    verdict, room = worst.verdict(tokens, sequences), worst.room
    parts = worst.parts(tokens, sequences)
    needed_bytes = sum(part.memory_bytes for part in parts)
    largest = None if verdict == "unknown" else largest_context(demands, sequences, longest)
    is_tight = verdict in ("amber", "red")
    missing_bytes = needed_bytes - int(GREEN_SHARE * (room.free_bytes or 0))
    advice = advise([*worst.members], tokens, sequences, largest, missing_bytes) if is_tight else ()
    return FitEstimate(
        verdict=verdict,
        device=room.device,
        parts=parts,
        needed_bytes=needed_bytes,
        free_bytes=room.free_bytes,
        total_bytes=room.total_bytes,
        context_tokens=tokens,
        sequences=sequences,
        largest_context_tokens=largest,
        advice=advice,
        words=_words(entry.name, verdict, room, needed_bytes, tokens, sequences, largest),
    )


def largest_context(demands: list[Demand], sequences: int, longest: int | None) -> int | None:
    """Most tokens for each sequence with which no memory is short; 0 when none fits, None when one does not tell.

    By bisection, since more context never needs less.
    """
    if any(demand.room.free_bytes is None for demand in demands):
        return None
    limits = [
        limit
        for demand in demands
        for situation, _ in demand.members
        if (limit := situation.tokens_within_limit(sequences)) is not None
    ]
    fits, too_many = 0, min([longest or LONGEST_CONTEXT_TOKENS, *limits]) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if any(demand.verdict(middle, sequences) == "red" for demand in demands):
            too_many = middle
        else:
            fits = middle
    return fits


def _ratio(demand: Demand, tokens: int, sequences: int) -> float:
    return demand.needed_bytes(tokens, sequences) / max(1, demand.room.free_bytes or 1)


def _words(
    name: str, verdict: Verdict, room: Room, needed_bytes: int, tokens: int, sequences: int, largest: int | None
) -> str:
    each = f"{grouped(tokens)} tokens"
    load = each if sequences == 1 else f"{grouped(sequences)} sequences of {each}"
    need = f"{name} needs about {words(needed_bytes)} for {load}"
    if room.free_bytes is None:
        return f"{need}; {room.why_unknown or 'how much is free is not known.'}"
    free = f"{room.device} has {words(room.free_bytes)} free ({room.limit})"
    too_little = ", which is too little" + (" for even one token" if largest == 0 else "")
    ending = {"green": "", "amber": ", which is tight", "red": too_little}
    return f"{need}, and {free}{ending.get(verdict, '')}."


def _unknown(device: str, why: str, tokens: int, sequences: int) -> FitEstimate:
    return FitEstimate("unknown", device, (), 0, None, None, tokens, sequences, None, (), why)
