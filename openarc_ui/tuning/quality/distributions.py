"""Next-token distributions: perplexity of a text, and how far one model's are from another's. Pure arithmetic over arrays.

KL divergence is Kullback and Leibler's (1951), here of next-token distributions as in llama.cpp's `perplexity
--kl-divergence`: sum over the vocabulary of p · ln(p / q), p the reference's. It sees a change that the accuracy of answers
hides (Dutta et al. 2024, "Accuracy is Not All You Need"). It knows no model.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from openarc_ui.errors import TuningFolderUnusable
from openarc_ui.tuning.record.record_files import as_folder_error

Array = numpy.ndarray[Any, numpy.dtype[Any]]
ROWS_AT_ONCE = 16
"""Of f64: 16 rows of 150,000 take 19 MB, and a comparison has six such arrays."""
BLOCK_TOKENS = 64
"""Neighbouring tokens that are taken together where it is asked how sure a mean is (see `text_blocks.py`)."""


@dataclass(frozen=True, slots=True)
class Distance:
    """One model's distributions from another's, over the positions of a text. KL divergence in nats.

    Attributes:
        block_divergences: mean KL divergence of each block.
    """

    mean_kl_divergence: float
    p99_kl_divergence: float
    same_top_share: float
    block_divergences: tuple[float, ...]


def log_softmax(logits: Array) -> Array:
    """Natural logarithms of the probabilities, [positions, vocabulary] f64; also makes kept ones sum to 1 again.

    A logit of -inf is a probability of 0. A position with NaN or inf among its logits is NaN.
    """
    values: Array = logits.astype(numpy.float64)
    with numpy.errstate(invalid="ignore"):
        values -= values.max(axis=-1, keepdims=True)
        values -= numpy.log(numpy.exp(values).sum(axis=-1, keepdims=True))
    return values


def kl_divergences(reference: Array, other: Array) -> Array:
    """Of each position, from natural logarithms of probabilities that sum to 1.

    What the reference never writes (p = 0, a logit of -inf) adds nothing, as p · ln p goes to 0. What it may write and the
    other never does (q = 0) makes the divergence infinite. NaN in either is NaN here.
    """
    chances = numpy.exp(reference)
    gaps = numpy.subtract(reference, other, out=numpy.zeros_like(chances), where=chances != 0.0)
    divergences: Array = (chances * gaps).sum(axis=-1)
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
                is_same = (reference.argmax(axis=-1) == rows.argmax(axis=-1)) & ~numpy.isnan(rows).any(axis=-1)
                self._same_top += int(is_same.sum())
            yield rows

    def perplexity(self) -> float:
        """exp of the mean negative log probability of the tokens that come."""
        return perplexity(self._log_probabilities)

    def block_log_probabilities(self) -> tuple[float, ...]:
        """Mean log probability of the tokens that come, of each block."""
        return block_means(self._log_probabilities)

    def distance(self) -> Distance | None:
        """From what it was compared with."""
        if not self._divergences:
            return None
        divergences = numpy.asarray(self._divergences)
        with numpy.errstate(invalid="ignore"):
            percentile = float(numpy.percentile(divergences, 99))
        share = self._same_top / len(self._divergences)
        return Distance(float(divergences.mean()), percentile, share, block_means(self._divergences))


def perplexity(log_probabilities: Iterable[float]) -> float:
    """exp of the mean negative natural log probability; infinite where one of them is -inf."""
    with numpy.errstate(over="ignore"):
        return float(numpy.exp(-numpy.mean(numpy.fromiter(log_probabilities, numpy.float64))))


def block_means(values: Sequence[float]) -> tuple[float, ...]:
    """Of values in the text's order the mean of each block; no two blocks differ by more than a token. () of less than one."""
    blocks = len(values) // BLOCK_TOKENS
    if not blocks:
        return ()
    return tuple(float(part.mean()) for part in numpy.array_split(numpy.asarray(values, numpy.float64), blocks))


class Keeper:
    """Writes distributions into a file that appears only when it is whole: f16 logarithms, [positions, vocabulary].

    2 bytes an entry: 512 positions of 49,152 tokens are 50 MB, of 151,936 tokens 156 MB. Reading makes each position sum to 1
    again, so what the rounding leaves is of second order: the starter's own distributions are 3.3e-7 nats from their copy.
    It is written and not mapped, since a full disk ends a process that writes into a map.

    Raises (all of it):
        TuningFolderUnusable: there is no room, or no right to write; nothing is left of it.
    """

    def __init__(self, file: Path, positions: int, vocabulary: int) -> None:
        self._file, self._partial = file, file.with_name(f".{file.name}.{os.getpid()}.part")
        header = {"descr": "<f2", "fortran_order": False, "shape": (positions, vocabulary)}
        with self._whole_or_nothing():
            self._stream = self._partial.open("wb")
            numpy.lib.format.write_array_header_1_0(self._stream, header)

    def add(self, rows: Array) -> None:
        """The next positions."""
        with self._whole_or_nothing(), numpy.errstate(over="ignore"):
            self._stream.write(rows.astype("<f2").tobytes())

    def finish(self) -> None:
        """Put it in its place."""
        with self._whole_or_nothing():
            self._stream.close()
            self._partial.replace(self._file)

    @contextlib.contextmanager
    def _whole_or_nothing(self) -> Iterator[None]:
        try:
            with as_folder_error():
                yield
        except TuningFolderUnusable:
            with contextlib.suppress(OSError):
                self._partial.unlink()
            raise


def read_kept(file: Path) -> Array:
    """A file of `Keeper`, read as it is needed."""
    kept: Array = numpy.load(file, mmap_mode="r")
    return kept
