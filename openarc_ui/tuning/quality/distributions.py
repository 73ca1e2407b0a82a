"""Next-token distributions: perplexity of a text, and how far one model's are from another's. Pure arithmetic over arrays.

KL divergence is Kullback and Leibler's (1951), here of next-token distributions as in llama.cpp's `perplexity
--kl-divergence`: sum over the vocabulary of p · ln(p / q), p the reference's. It sees a change that the accuracy of answers
hides (Dutta et al. 2024, "Accuracy is Not All You Need"). It knows no model.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

Array = numpy.ndarray[Any, numpy.dtype[Any]]
ROWS_AT_ONCE = 16
"""Of f64: 16 rows of 150,000 take 19 MB, and a comparison has six such arrays."""


@dataclass(frozen=True, slots=True)
class Distance:
    """One model's distributions from another's, over the positions of a text. KL divergence in nats."""

    mean_kl_divergence: float
    p99_kl_divergence: float
    same_top_share: float


def log_softmax(logits: Array) -> Array:
    """Natural logarithms of the probabilities, [positions, vocabulary] f64; also makes kept ones sum to 1 again."""
    values: Array = logits.astype(numpy.float64)
    values -= values.max(axis=-1, keepdims=True)
    values -= numpy.log(numpy.exp(values).sum(axis=-1, keepdims=True))
    return values


def kl_divergences(reference: Array, other: Array) -> Array:
    """Of each position, from natural logarithms of probabilities that sum to 1."""
    divergences: Array = (numpy.exp(reference) * (reference - other)).sum(axis=-1)
    return divergences


class Scorer:
    """Takes logits of a text chunk by chunk and keeps what is needed of them.

    Args:
        targets: the token that really comes at each position.
        kept: the reference's file, to compare with; None: nothing to compare with.
    """

    def __init__(self, targets: Array, kept: Array | None = None) -> None:
        self._targets, self._kept = targets, kept
        self._log_probabilities: list[float] = []
        self._divergences: list[float] = []
        self._same_top = 0

    def add(self, logits: Array) -> Iterator[Array]:
        """Count the next positions; yields their log probabilities, a few rows at a time."""
        for first in range(0, len(logits), ROWS_AT_ONCE):
            rows = log_softmax(logits[first : first + ROWS_AT_ONCE])
            at = len(self._log_probabilities)
            here = slice(at, at + len(rows))
            self._log_probabilities += rows[numpy.arange(len(rows)), self._targets[here]].tolist()
            if self._kept is not None:
                reference = log_softmax(self._kept[here])
                self._divergences += kl_divergences(reference, rows).tolist()
                self._same_top += int((reference.argmax(axis=-1) == rows.argmax(axis=-1)).sum())
            yield rows

    def perplexity(self) -> float:
        """exp of the mean negative log probability of the tokens that come."""
        return perplexity(self._log_probabilities)

    def distance(self) -> Distance | None:
        """From what it was compared with."""
        if not self._divergences:
            return None
        divergences = numpy.asarray(self._divergences)
        return Distance(
            float(divergences.mean()),
            float(numpy.percentile(divergences, 99)),
            self._same_top / len(self._divergences),
        )


def perplexity(log_probabilities: Iterable[float]) -> float:
    """exp of the mean negative natural log probability."""
    return float(numpy.exp(-numpy.mean(numpy.fromiter(log_probabilities, numpy.float64))))


class Keeper:
    """Writes distributions into a file that appears only when it is whole: f16 logarithms, [positions, vocabulary].

    2 bytes an entry: 512 positions of 49,152 tokens are 50 MB, of 151,936 tokens 156 MB. Reading makes each position sum to 1
    again, so what the rounding leaves is of second order: the starter's own distributions are 3.3e-7 nats from their copy.
    """

    def __init__(self, file: Path, positions: int, vocabulary: int) -> None:
        self._file, self._partial = file, file.with_name(f".{file.name}.{os.getpid()}.part")
        self._rows = numpy.lib.format.open_memmap(
            self._partial, mode="w+", dtype=numpy.float16, shape=(positions, vocabulary)
        )
        self._at = 0

    def add(self, rows: Array) -> None:
        """The next positions."""
        self._rows[self._at : self._at + len(rows)] = rows
        self._at += len(rows)

    def finish(self) -> None:
        """Put it in its place."""
        self._rows.flush()
        del self._rows
        self._partial.replace(self._file)


def read_kept(file: Path) -> Array:
    """A file of `Keeper`, read as it is needed."""
    kept: Array = numpy.load(file, mmap_mode="r")
    return kept
