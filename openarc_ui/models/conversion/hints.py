"""What one should know of a conversion before it begins, in sentences: of its source, and of what its options leave out.

Nothing of it is an error. The same sentences stand on the card of the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.catalogue.catalogue import ModelEntry
from openarc_ui.engine.catalogue.gguf_header import GgufHeader, read_gguf_header
from openarc_ui.models.conversion.combinations import FOUR_BITS, GROUPED_MODES
from openarc_ui.models.conversion.prequantized import quantized_note
from openarc_ui.models.requests import OptionValue

COARSE_BITS: Final = 6.0
"""A GGUF's weights with fewer bits each, scales included, are on a grid that four bits of another kind miss by as much again."""
BITS: Final = 8
WITHOUT_CACHE: Final = "text-generation"
ONLY_OPTIMUM: Final[tuple[tuple[str, OptionValue, str], ...]] = (
    ("disable-convert-tokenizer", True, "without an OpenVINO tokenizer"),
    ("disable-stateful", True, "without a key-value cache of its own"),
    ("task", WITHOUT_CACHE, "without any key-value cache"),
)
"""Option, its value, and what the result is for it."""


def hints_of(entry: ModelEntry, options: Mapping[str, OptionValue]) -> tuple[str, ...]:
    """Of a checked request; reads the header of a GGUF.

    Args:
        options: as they are run.
    """
    found = [rounded_twice(entry, options), _quantized_before(entry, options)]
    missing = [words for name, value, words in ONLY_OPTIMUM if options.get(name) == value]
    if missing:
        also = ", loaded with use_cache off" if options.get("task") == WITHOUT_CACHE else ""
        found.append(f"GenAI can't run the result, {' and '.join(missing)}: only the optimum backend can{also}.")
    return tuple(each for each in found if each)


def rounded_twice(entry: ModelEntry, options: Mapping[str, OptionValue]) -> str:
    """That 4-bit weights are made 4-bit again; "" where they are not, or where the file does not tell."""
    target = str(options.get("weight-format") or options.get("quant-mode") or "")
    if entry.kind != "gguf" or target not in (*FOUR_BITS, *GROUPED_MODES):
        return ""
    try:
        coarse = coarse_type(read_gguf_header(Path(entry.path)))
    except (ValueError, OSError):
        return ""  # the catalogue tells what is wrong with it
    if not coarse:
        return ""
    return (
        f"The weights of {entry.name} are rounded already ({coarse}): {target} rounds them a second time, on another grid, and "
        "what they lose adds up. int8 or fp16 keeps what the file has."
    )


def _quantized_before(entry: ModelEntry, options: Mapping[str, OptionValue]) -> str:
    """The same of a checkpoint that another program has quantised, and that can be read all the same."""
    if entry.kind != "checkpoint":
        return ""
    try:
        config = read_json(Path(entry.path) / "config.json")
    except (ValueError, OSError):
        return ""  # the catalogue tells what is wrong with it
    return quantized_note(config, str(options.get("weight-format") or options.get("quant-mode") or ""))


def coarse_type(header: GgufHeader) -> str:
    """The type of most weights where that is about four bits or fewer; "" where it is not."""
    by_type = header.weights().parameters_by_type
    main = next(iter(by_type), "")
    size_bytes = sum(each.size_bytes for each in header.tensors if each.type_name == main)
    return main if main and size_bytes * BITS / max(1, by_type[main]) < COARSE_BITS else ""
