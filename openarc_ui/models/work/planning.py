"""What a conversion would do, before it does it: the result's name, the options as they are run, the equal command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.catalogue.catalogue import ModelEntry
from openarc_ui.engine.catalogue.gguf_header import read_gguf_header
from openarc_ui.engine.engine import Engine
from openarc_ui.errors import InvalidRequest
from openarc_ui.models.conversion.calibration import is_own, require_texts, texts_note
from openarc_ui.models.conversion.combinations import checked
from openarc_ui.models.conversion.command import command_of
from openarc_ui.models.conversion.gguf_architectures import problem_of_architecture
from openarc_ui.models.conversion.hints import hints_of
from openarc_ui.models.conversion.needs import ConversionNeeds, needs_of
from openarc_ui.models.conversion.options import conversion_options
from openarc_ui.models.conversion.supported import hint_of, problem_of_config, problem_of_type
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
        notes=(*hints_of(entry, options), *_of_texts(engine, options)),
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
    of_files, of_config = _problem_of_files(entry), _problem_of_config(entry)
    if of_files:
        raise _refused(entry, of_files, "Mend that, or download it again.")
    if of_config:
        raise _refused(entry, of_config, hint_of(of_config))
    return entry


def problem_of_source(entry: ModelEntry) -> str:
    """Why it can't be converted, as far as catalogue and config.json tell; empty where nothing of that stands against it."""
    return _problem_of_files(entry) or _sentence(_problem_of_config(entry))


def _problem_of_files(entry: ModelEntry) -> str:
    return entry.problems[0] if entry.problems and not entry.backends else ""


def _problem_of_config(entry: ModelEntry) -> str:
    """As a clause. A config.json that can't be read is a problem that the catalogue tells."""
    if entry.kind != "checkpoint":
        return ""
    try:
        return problem_of_config(read_json(Path(entry.path) / "config.json"))
    except (ValueError, OSError):
        return ""


def _sentence(clause: str) -> str:
    return f"{clause[0].upper()}{clause[1:]}." if clause else ""


def _refused(entry: ModelEntry, problem: str, hint: str) -> InvalidRequest:
    return InvalidRequest(f"'{entry.name}' can't be converted: {problem.rstrip('.')}.", hint)


def _require_known_architecture(entry: ModelEntry) -> None:
    """Said now instead of minutes later. A file whose header can't be read has a problem that the catalogue tells."""
    try:
        architecture = read_gguf_header(Path(entry.path)).architecture
    except (ValueError, OSError):
        return
    problem = problem_of_architecture(architecture) if architecture is not None else ""
    if problem:
        raise _refused(entry, problem, "Choose another, or download one that is converted already.")


def _require_known_type(entry: ModelEntry) -> None:
    """The same of a checkpoint. A config.json that can't be read is a problem that the catalogue tells."""
    try:
        problem = problem_of_type(Path(entry.path))
    except (ValueError, OSError):
        return
    if problem:
        raise _refused(entry, problem, hint_of(problem))


def _of_texts(engine: Engine, options: Mapping[str, OptionValue]) -> Iterator[str]:
    """What is looked at of own texts, where some are named.

    Raises:
        InvalidRequest: they can't be read.
    """
    dataset, count = options.get("dataset"), options.get("num-samples")
    if is_own(dataset):
        found = require_texts(engine.model_folder, str(dataset))
        yield texts_note(str(dataset), found, int(count) if count is not None else None)


def _needs(entry: ModelEntry, options: Mapping[str, OptionValue]) -> ConversionNeeds | None:
    try:
        return needs_of(entry, options)
    except (ValueError, OSError):
        return None
