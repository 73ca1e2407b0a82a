"""Noise as machines have it, for rounds of which the truth is known; run as a program it tells how often verdicts are wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from openarc_ui.tuning.figures import BY_NAME
from openarc_ui.tuning.judging.statistics import paired

Numbers = numpy.ndarray[Any, numpy.dtype[numpy.float64]]
Generator = numpy.random.Generator


def _even(count: int, generator: Generator, deviation: float) -> Numbers:
    """Each visit is off by itself, lognormal."""
    return generator.normal(0.0, deviation, 2 * count)


def _drifting(count: int, generator: Generator, deviation: float) -> Numbers:
    """The machine wanders by a third of the noise from visit to visit, and gets slower by 10% over the run."""
    wandering = numpy.cumsum(generator.normal(0.0, deviation / 3.0, 2 * count))
    return _even(count, generator, deviation) + wandering - numpy.linspace(0.0, 0.1, 2 * count)


def _outliers(count: int, generator: Generator, deviation: float) -> Numbers:
    """Of the visits 5% are twice as slow."""
    return _even(count, generator, deviation) - numpy.log(2.0) * (generator.random(2 * count) < 0.05)


NOISES: dict[str, Callable[[int, Generator, float], Numbers]] = {
    "even": _even,
    "drifting": _drifting,
    "outliers": _outliers,
}


def rounds_of_noise(
    noise: str, count: int, generator: Generator, deviation: float = 0.03, planted: float = 1.0
) -> list[tuple[float, float]]:
    """Rounds of A and B in balanced random order, B being `planted` times A."""
    in_order = 50.0 * numpy.exp(NOISES[noise](count, generator, deviation))
    found = []
    is_a_first = False
    for number in range(count):
        is_a_first = bool(generator.integers(2)) if number % 2 == 0 else not is_a_first
        first, second = in_order[2 * number : 2 * number + 2]
        a, b = (first, second) if is_a_first else (second, first)
        found.append((float(a), float(b) * planted))
    return found


def share(verdict: str, trials: int, noise: str, count: int, deviation: float, planted: float) -> float:
    """Of the trials, how many ended in that verdict."""
    generator = numpy.random.default_rng((count, trials))
    figure = BY_NAME["decode_tokens_per_second"]
    rounds = (rounds_of_noise(noise, count, generator, deviation, planted) for _ in range(trials))
    return sum(paired(figure, each).verdict == verdict for each in rounds) / trials


if __name__ == "__main__":
    for name in NOISES:
        for rounds in (5, 6, 10, 20):
            wrong = 1.0 - share("no real difference", 10_000, name, rounds, 0.03, 1.0)
            power = [share("better", 2_000, name, rounds, 0.02, planted) for planted in (1.03, 1.05, 1.1)]
            found = ", ".join(f"{each:.0%}" for each in power)
            print(f"{name:>9}, {rounds:2} rounds: wrong {wrong:.2%}; +3%, +5%, +10% found through 2%: {found}")
