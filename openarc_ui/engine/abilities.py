"""What a loaded model's backend can do and tell, so that nobody has to try it out. Pure values; no backend is known here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Abilities:
    """What can be asked of one loaded model.

    Attributes:
        tells_probabilities: `token_details` say how likely each token was.
        most_alternatives: of the likeliest other tokens at each place, so many are told at most; 0: none are.
        has_structured_output: `structured_output` is taken.
        supported_sampling: names of the sampling parameters it has, in alphabetical order.
    """

    tells_probabilities: bool = False
    most_alternatives: int = 0
    has_structured_output: bool = False
    supported_sampling: tuple[str, ...] = ()
