"""The machine for one user alone: while something measures, other requests and loads are refused with the reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """Handed out by `Engine.reserve`; whoever has it may load and submit.

    Attributes:
        words: who has the machine and for what, as the beginning of a sentence: "The sweep 'threads' measures".
        name: of the model that it loads and unloads; never the default one.
    """

    words: str
    name: str
