"""Recommended models, from assets/models/library.json: what they are good for, how large, and whether they fit this machine.

A model that is here already is estimated from its own files, as in the Load tab; one that is not, from what is told of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter

import openarc_ui
from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.catalogue.folder import ModelEntry
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.memory.estimate import FitEstimate, Verdict
from openarc_ui.engine.memory.shape import ModelShape
from openarc_ui.engine.types import LoadRequest
from openarc_ui.errors import OpenArcError
from openarc_ui.models.hub.paths import OURS
from openarc_ui.models.starter_files import is_complete
from openarc_ui.models.told_shape import Told, Widths, told_shape

FILE = Path(openarc_ui.__file__).parent.parent / "assets" / "models" / "library.json"
FitWord = Literal["fits", "tight", "too large", "unknown"]
Collection = Literal["Starter", "OpenArc", "OpenVINO"]
FIT_WORDS: dict[Verdict, FitWord] = {"green": "fits", "amber": "tight", "red": "too large", "unknown": "unknown"}
STARTER = "starter"
"""The kind of source that the starter's making notes (`prepare.py`)."""
Positive = Annotated[int, Field(gt=0)]


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """One recommended model, as the file tells it; what is not known is None.

    Attributes:
        repository: on the Hub; "" of the starter, which is made from a Python package.
        size_bytes: of the files that are needed, as told by whoever published it.
        shape: layers, key/value heads and head size, for the estimate of the KV cache.
        good_for: one plain sentence.
        collection: "OpenArc" (those the project was launched with), "OpenVINO" (the organisation's), "Starter".
        widths: hidden, intermediate, vocabulary, for the estimate of the rest.
        shares_embedding: the output is the embedding's matrix once more.
        group_size: weights that share one scale; 0: one scale a row.
        facts_from: where each number comes from.
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
    widths: tuple[int, int, int] | None = None
    shares_embedding: bool = False
    group_size: int | None = None
    facts_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LibraryItem:
    """An entry, held against this machine.

    Attributes:
        fit: on `device`, with a context of `context_tokens`; by the same estimate as the Load tab's.
        fit_words: the estimate in one sentence, with its numbers.
        installed_as: its name in the model folder; None where it is not there.
        reckoned_bytes: of its weights, from parameters and precision, where its size is not told; None: told, or can't be.
    """

    entry: LibraryEntry
    device: str
    context_tokens: int
    needed_bytes: int | None
    fit: FitWord
    fit_words: str
    installed_as: str | None
    reckoned_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class _Shape:
    __pydantic_config__ = ConfigDict(extra="forbid")

    layers: Positive
    kv_heads: Positive
    head_size: Positive
    hidden: Positive
    intermediate: Positive
    vocabulary: Positive
    shares_embedding: bool


@dataclass(frozen=True, slots=True)
class _Told:
    """One entry of the file."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    repository: Annotated[str, StringConstraints(pattern=r"^$|^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]
    collection: Collection
    size_bytes: Positive | None
    parameters: Positive | None
    precision: Annotated[str, StringConstraints(min_length=1)]
    licence: Annotated[str, StringConstraints(min_length=1)] | None
    context_length: Positive | None
    good_for: Annotated[str, StringConstraints(min_length=10, max_length=120)]
    shape: _Shape | None
    group_size: Annotated[int, Field(ge=0)] | None
    facts_from: Annotated[tuple[str, ...], Field(min_length=1)]

    def entry(self) -> LibraryEntry:
        shape = self.shape
        return LibraryEntry(
            name=self.name,
            repository=self.repository,
            collection=self.collection,
            size_bytes=self.size_bytes,
            parameters=self.parameters,
            precision=self.precision,
            licence=self.licence,
            context_length=self.context_length,
            good_for=self.good_for,
            shape=(shape.layers, shape.kv_heads, shape.head_size) if shape else None,
            widths=(shape.hidden, shape.intermediate, shape.vocabulary) if shape else None,
            shares_embedding=shape.shares_embedding if shape else False,
            group_size=self.group_size,
            facts_from=self.facts_from,
        )


@dataclass(frozen=True, slots=True)
class _File:
    __pydantic_config__ = ConfigDict(extra="forbid")

    checked_at: str
    models: tuple[_Told, ...]


def library_entries() -> tuple[LibraryEntry, ...]:
    """The file, read and checked."""
    told = TypeAdapter(_File).validate_json(FILE.read_bytes())
    return tuple(each.entry() for each in told.models)


def library(engine: Engine, device: str = "CPU", context_tokens: int = 4096) -> Sequence[LibraryItem]:
    """Every entry with its verdict on a device.

    Raises:
        DeviceUnavailable: no such device here.
    """
    engine.preflight.members(device)
    installed = _Installed(engine.catalog())
    return [_item(engine, entry, installed.name_of(entry), device, context_tokens) for entry in library_entries()]


def _item(
    engine: Engine, entry: LibraryEntry, installed_as: str | None, device: str, context_tokens: int
) -> LibraryItem:
    needed, fit, said = _fit(engine, entry, installed_as, device, context_tokens)
    shape = _told_shape(entry) if entry.size_bytes is None else None
    reckoned = shape.weights.size_bytes if shape is not None else None
    return LibraryItem(entry, device, context_tokens, needed, fit, said, installed_as, reckoned)


def _fit(
    engine: Engine, entry: LibraryEntry, installed_as: str | None, device: str, context_tokens: int
) -> tuple[int | None, FitWord, str]:
    """Bytes that are needed, the verdict, and a sentence."""
    try:
        estimate = _estimate(engine, entry, installed_as, device, context_tokens)
    except OpenArcError as error:
        return None, "unknown", error.message
    if estimate is None:
        return (
            None,
            "unknown",
            f"Whether {entry.name} fits is not known: its size, or its layers and heads, are not told.",
        )
    said = estimate.words
    if installed_as is None and entry.size_bytes is None:
        said += " Its size is not told, and reckoned from its parameters."
    return estimate.needed_bytes or None, FIT_WORDS[estimate.verdict], said


def _estimate(
    engine: Engine, entry: LibraryEntry, installed_as: str | None, device: str, context_tokens: int
) -> FitEstimate | None:
    """From its files where it is here, else from what is told of it; None where that is too little."""
    if installed_as is not None:
        request = LoadRequest(model_path=installed_as, device=device)
        return engine.preflight.fit(request, context_tokens, is_strict=False)
    shape = _told_shape(entry)
    if shape is None:
        return None
    pretended = ModelEntry(entry.name, "", "ir", ("genai",), {}, entry.size_bytes or 0)
    request = LoadRequest(model_path=entry.name, device=device)
    return engine.preflight.fit_of_shape(pretended, request, shape, context_tokens)


def _told_shape(entry: LibraryEntry) -> ModelShape | None:
    if entry.shape is None or entry.widths is None or entry.parameters is None:
        return None
    return told_shape(
        Told(
            Widths(*entry.shape, *entry.widths, entry.shares_embedding),
            entry.size_bytes,
            entry.parameters,
            entry.precision,
            entry.group_size,
            entry.context_length,
        )
    )


class _Installed:
    """Which models are here: by what was noted of where they came from; by name where nothing was."""

    def __init__(self, entries: Sequence[ModelEntry]) -> None:
        self._by_name: dict[str, str] = {}
        self._by_repository: dict[str, str] = {}
        self._starters: dict[str, str] = {}
        for entry in entries:
            if not entry.backends:
                continue
            name, source = Path(entry.name).name.casefold(), _source_of(entry)
            repository, kind = source.get("repository"), source.get("kind")
            if isinstance(repository, str):
                self._by_repository.setdefault(repository.casefold(), entry.name)
            elif kind is None:
                self._by_name.setdefault(name, entry.name)
            # Starters that an older OpenArc made have no note, and all of its files.
            if kind == STARTER or (kind is None and is_complete(Path(entry.path))):
                self._starters.setdefault(name, entry.name)

    def name_of(self, entry: LibraryEntry) -> str | None:
        name = entry.name.casefold()
        if not entry.repository:
            return self._starters.get(name)
        return self._by_repository.get(entry.repository.casefold()) or self._by_name.get(name)


def _source_of(entry: ModelEntry) -> Mapping[str, Any]:
    """What was noted of where it came from; nothing of a GGUF, whose folder may hold several."""
    file = entry.file(OURS) if entry.kind != "gguf" else None
    try:
        source = read_json(file).get("source") if file is not None else None
    except (OSError, ValueError):
        return {}
    return source if isinstance(source, dict) else {}
