"""What a conversion would do, before it does it: the result's name, the options as they are run, the equal command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from openarc_ui.engine.catalogue.catalogue import ModelEntry
from openarc_ui.engine.catalogue.gguf_header import read_gguf_header
from openarc_ui.engine.engine import Engine
from openarc_ui.errors import InvalidRequest
from openarc_ui.models.conversion.combinations import checked
from openarc_ui.models.conversion.command import command_of
from openarc_ui.models.conversion.gguf_architectures import problem_of_architecture
from openarc_ui.models.conversion.hints import hints_of
from openarc_ui.models.conversion.needs import ConversionNeeds, needs_of
from openarc_ui.models.conversion.options import conversion_options
from openarc_ui.models.conversion.supported import OWN_CODE, OWN_CODE_HINT, problem_of_type
from openarc_ui.models.requests import ConversionRequest, OptionValue
from openarc_ui.models.work.names import check_name, result_name

SOURCES = ("checkpoint", "gguf")


@dataclass(frozen=True, slots=True)
class ConversionPlan:
    """A conversion that could be started.

    Attributes:
        name: of the result in the model folder.
        source, source_kind, source_bytes: what would be converted.
        options: as they are run, with what was left out and matters.
        first_step, export: the equal command line word by word; a GGUF is unpacked first, else the first step is empty.
        text: both, quoted for a shell, to be run in the model folder.
        needed_memory_bytes, needed_disk_bytes: at the most, by estimate; None: the source's files don't tell.
        notes: what one should know before it begins, in sentences.
    """

    name: str
    source: str
    source_kind: str
    source_bytes: int
    options: Mapping[str, OptionValue]
    first_step: tuple[str, ...]
    export: tuple[str, ...]
    text: str
    needed_memory_bytes: int | None = None
    needed_disk_bytes: int | None = None
    notes: tuple[str, ...] = ()


def plan_conversion(engine: Engine, request: ConversionRequest) -> ConversionPlan:
    """Checks the source and every option; converts nothing. The first call takes a moment, to read the options there are.

    Raises:
        ModelNotFound: no such source.
        InvalidRequest: it is no checkpoint and no GGUF of a type that can be converted, or the options are wrong, with what is right.
        ConversionFailed: optimum-intel is missing or broken.
    """
    entry = source_of(engine, request.source)
    name = result_name(request)
    check_name(name)
    options = checked(conversion_options(), request.options)
    if entry.kind == "gguf":
        _require_known_architecture(entry)
    else:
        _require_known_type(entry)
    command = command_of(entry.name, entry.kind == "gguf", options, name)
    needs = _needs(entry, options)
    return ConversionPlan(
        name=name,
        source=entry.name,
        source_kind=entry.kind,
        source_bytes=entry.size_bytes,
        options=options,
        first_step=command.first_step,
        export=command.export,
        text=command.text,
        needed_memory_bytes=needs.memory_bytes if needs is not None else None,
        needed_disk_bytes=needs.disk_bytes if needs is not None else None,
        notes=hints_of(entry, options),
    )


def source_of(engine: Engine, source: str) -> ModelEntry:
    """The model that is to be converted.

    Raises:
        ModelNotFound, InvalidRequest.
    """
    entry = engine.catalogue.find(source)
    if entry.kind not in SOURCES:
        raise InvalidRequest(
            f"'{entry.name}' is no Hugging Face checkpoint and no GGUF, so there is nothing to convert.",
            "Choose a folder with safetensors, or a .gguf file.",
        )
    problem = problem_of_source(entry)
    if problem:
        raise InvalidRequest(
            f"'{entry.name}' can't be converted: {problem.rstrip('.')}.", "Mend that, or download it again."
        )
    return entry


def problem_of_source(entry: ModelEntry) -> str:
    """Why it can't be converted, as far as the catalogue knows; empty where nothing of that stands against it."""
    return entry.problems[0] if entry.problems and not entry.backends else ""


def _require_known_architecture(entry: ModelEntry) -> None:
    """Said now instead of minutes later. A file whose header can't be read has a problem that the catalogue tells."""
    try:
        architecture = read_gguf_header(Path(entry.path)).architecture
    except (ValueError, OSError):
        return
    problem = problem_of_architecture(architecture) if architecture is not None else ""
    if problem:
        raise InvalidRequest(
            f"'{entry.name}' can't be converted: {problem}.",
            "Choose another, or download one that is converted already.",
        )


def _require_known_type(entry: ModelEntry) -> None:
    """The same of a checkpoint. A config.json that can't be read is a problem that the catalogue tells."""
    try:
        problem = problem_of_type(Path(entry.path))
    except (ValueError, OSError):
        return
    if problem:
        raise InvalidRequest(
            f"'{entry.name}' can't be converted: {problem}.",
            OWN_CODE_HINT if problem == OWN_CODE else "Choose a text-generation model of another type.",
        )


def _needs(entry: ModelEntry, options: Mapping[str, OptionValue]) -> ConversionNeeds | None:
    try:
        return needs_of(entry, options)
    except (ValueError, OSError):
        return None
