"""The Convert form: what can be converted, the installed version's options, and the command that equals a request."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openarc_ui.engine.catalogue.catalogue import ModelEntry
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.memory.room import system_room
from openarc_ui.engine.options import OptionSpec
from openarc_ui.models.conversion.calibration import texts_files
from openarc_ui.models.conversion.combinations import LOCAL_DATASET
from openarc_ui.models.conversion.needs import needs_of
from openarc_ui.models.conversion.options import conversion_options
from openarc_ui.models.requests import ConversionRequest
from openarc_ui.models.work.planning import SOURCES, ConversionPlan, plan_conversion, problem_of_source, source_of

Json = dict[str, Any]


def offers(engine: Engine) -> Json:
    """Checkpoints and GGUFs of the folder, and each option as a form needs it.

    Raises:
        ConversionFailed: optimum-intel is missing or broken.
    """
    known, entries = conversion_options(), engine.catalog()
    return {
        "sources": [
            {
                "name": entry.name,
                "kind": entry.kind,
                "size_bytes": entry.size_bytes,
                "problem": problem_of_source(entry),
            }
            for entry in entries
            if entry.kind in SOURCES and _has_weights(entry)
        ],
        "names": [entry.name for entry in entries],
        "options": [_option(option, texts_files(engine.model_folder)) for option in known.options],
        "versions": dict(known.versions),
    }


def _option(option: OptionSpec, texts: Sequence[str]) -> Json:
    """As a form needs it; of the data sets those that can be taken here."""
    told = dataclasses.asdict(option)
    if option.name == "dataset":
        auto = {"value": LOCAL_DATASET, "words": "texts that the model writes itself"}
        own = [{"value": name, "words": "your own, of the model folder"} for name in texts]
        told |= {"kind": "choice", "choices": [auto, *own]}
    return told


def command(engine: Engine, request: ConversionRequest) -> Json:
    """What would be run, the folder it would become, and what one should know before.

    Raises:
        ModelNotFound, InvalidRequest: it can't be done as asked.
        ConversionFailed: optimum-intel is missing or broken.
    """
    plan = plan_conversion(engine, request)
    return {
        "name": plan.name,
        "command": plan.text,
        "source_bytes": plan.source_bytes,
        "needs": _needs(engine, plan),
        "notes": list(plan.notes),
    }


def _has_weights(entry: ModelEntry) -> bool:
    """A tokenizer or a config.json alone is nothing to choose; cut or missing parts are told with the source."""
    return entry.kind == "gguf" or any(Path(entry.path).glob("*.safetensors"))


def _needs(engine: Engine, plan: ConversionPlan) -> Json | None:
    """Estimates of what it takes, and the memory there is; None where the source's files don't tell."""
    try:
        needs = needs_of(source_of(engine, plan.source), plan.options)
    except (ValueError, OSError):
        return None
    return {**dataclasses.asdict(needs), "free_memory_bytes": system_room().free_bytes}
