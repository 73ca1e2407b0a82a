"""Recommended models, from assets/models/library.json: what they are good for, how large, and whether they fit this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from openarc_ui.engine.engine import Engine

FitWord = Literal["fits", "tight", "too large", "unknown"]


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """One recommended model, as the file tells it; what is not known is None.

    Attributes:
        repository: on the Hub; "" of the starter, which is made from a Python package.
        size_bytes: of the files that are needed, as told by whoever published it.
        shape: layers, key/value heads and head size, for the estimate of the KV cache.
        good_for: one plain sentence.
        collection: "OpenArc" (those the project was launched with), "OpenVINO" (the organisation's), "Starter".
    """

    name: str
    repository: str
    collection: str
    size_bytes: int | None
    parameters: int | None
    precision: str
    licence: str | None
    context_length: int | None
    good_for: str
    shape: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class LibraryItem:
    """An entry, held against this machine.

    Attributes:
        fit: on `device`, with a context of `context_tokens`; by the same estimate as the Load tab's.
        fit_words: the estimate in one sentence, with its numbers.
        installed_as: its name in the model folder; None where it is not there.
    """

    entry: LibraryEntry
    device: str
    context_tokens: int
    needed_bytes: int | None
    fit: FitWord
    fit_words: str
    installed_as: str | None


def library_entries() -> tuple[LibraryEntry, ...]:
    """The file, read and checked."""
    raise NotImplementedError


def library(engine: Engine, device: str = "CPU", context_tokens: int = 4096) -> Sequence[LibraryItem]:
    """Every entry with its verdict on a device.

    Raises:
        DeviceUnavailable: no such device here.
    """
    raise NotImplementedError
