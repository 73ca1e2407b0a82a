"""Prompts of a given length that share no prefix, so that no cache helps one run and not the next."""

from __future__ import annotations

import random

WORDS = [
    "river",
    "stone",
    "garden",
    "window",
    "letter",
    "market",
    "winter",
    "copper",
    "silver",
    "morning",
    "bridge",
    "valley",
    "candle",
    "harbor",
    "forest",
    "meadow",
]


def prompt_of(tokens: int, seed: int) -> str:
    """About `tokens` tokens of plain words, different from the first word on."""
    generator = random.Random(seed)
    return f"{seed} " + " ".join(generator.choice(WORDS) for _ in range(tokens - 40))
