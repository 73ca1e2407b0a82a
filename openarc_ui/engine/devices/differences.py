"""Requested beside effective: where they differ, and why, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openarc_ui.engine.devices.values import as_text, is_same
from openarc_ui.engine.types import PropertyValue

NOT_REPORTED = "OpenVINO takes it but does not report it back."


@dataclass(frozen=True, slots=True)
class Comparison:
    """One property.

    Attributes:
        requested: what was asked for, None where nothing was.
        effective: what the compiled model answers, None where it answers nothing.
        is_different: both are known and not the same value in other words.
        explanation: of a difference, or of an answer that is missing; "" where there is nothing to explain.
    """

    name: str
    requested: str | None
    effective: str | None
    is_different: bool
    explanation: str


def compare(requested: Mapping[str, PropertyValue], effective: Mapping[str, str]) -> tuple[Comparison, ...]:
    """Every property that was asked for or is in effect: differences first, then what was asked for, then the rest."""
    names = sorted(set(requested) | set(effective))
    rows = [_compared(name, requested.get(name), effective.get(name)) for name in names]
    return tuple(sorted(rows, key=lambda row: (not row.is_different, row.requested is None, row.name)))


def _compared(name: str, wanted: PropertyValue | None, given: str | None) -> Comparison:
    requested = None if wanted is None else as_text(wanted)
    if wanted is None or requested is None:
        return Comparison(name, None, given, False, "")
    if given is None:
        return Comparison(name, requested, None, False, NOT_REPORTED)
    if is_same(wanted, given):
        return Comparison(name, requested, requested if isinstance(wanted, bool) else given, False, "")
    return Comparison(name, requested, given, True, _why(name, requested, given))


def _why(name: str, requested: str, given: str) -> str:
    """The sentence for a difference; see assets/help/traps.toml for the long form."""
    asked = f"asked for {requested}, the device gave {given}"
    words = {
        "INFERENCE_NUM_THREADS": f"asked for {requested} threads, the device gave {given}: it has no more logical processors"
        if _is_more(requested, given)
        else f"asked for {requested} threads, the device gave {given}: 0 lets it choose",
        "NUM_STREAMS": f"asked for {requested} streams, the device gave {given}"
        + (": it makes no more than that" if _is_more(requested, given) else ": it chose the number"),
        "INFERENCE_PRECISION_HINT": f"{asked}: the type it computes in that comes nearest",
        "SCHEDULING_CORE_TYPE": f"{asked}: this machine has no cores of that kind",
        "ENABLE_HYPER_THREADING": f"{asked}: this machine shows one logical processor a core",
        "TBB_PARTITIONER": f"{asked}: NONE leaves the choice to the plugin",
    }
    return words.get(name, asked)


def _is_more(requested: str, given: str) -> bool:
    try:
        return float(requested) > float(given)
    except ValueError:
        return False
