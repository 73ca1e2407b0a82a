"""What a conversion needs, memory and disk, against what there is; told before it starts.

An estimate from what was measured with optimum-intel 2.1 (see `BASE_BYTES`), not a promise: what NNCF's data-aware methods keep
of a model's activations is in no formula.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openarc_ui.engine.backends.files import read_json
from openarc_ui.engine.catalogue.catalogue import ModelEntry
from openarc_ui.engine.catalogue.gguf_header import read_gguf_header
from openarc_ui.engine.memory.room import system_room
from openarc_ui.errors import DoesNotFit, ModelFolderUnusable
from openarc_ui.models.conversion.prequantized import growth
from openarc_ui.models.requests import OptionValue

BASE_BYTES: Final = 1_050_000_000
"""PyTorch, transformers, Optimum, OpenVINO and NNCF. Measured: 1.25 GB with 0.27 GB of weights, 1.76 with 0.86."""
COPIES: Final = 1.0
"""How often all weights are in memory at once, in the type of the checkpoint."""
COPIES_FOR_DATA: Final = 3.2
"""The same where the model has to run to see its activations, in float32. Measured: 1.85 GB with 0.27 GB of weights."""
MEASURING_BYTES: Final = 800_000_000
MEASURING_COPIES: Final = 2.0
"""The source in float32. Measured: 2.49 GB with 0.86 GB of weights."""
HALF_BYTES: Final = 2
BYTES_A_WEIGHT: Final[Mapping[str, float]] = {
    "fp32": 4.0,
    "fp16": 2.0,
    "int8": 1.05,
    "int4": 0.65,
    "nf4": 0.65,
    "mxfp4": 0.65,
}
GIGABYTE: Final = 1e9


@dataclass(frozen=True, slots=True)
class ConversionNeeds:
    """Bytes; all of them estimates but `weights_bytes`.

    Attributes:
        weights_bytes: of the checkpoint, or of a GGUF or of quantised weights unpacked to 16 bits.
        memory_bytes: at the most of the whole conversion.
        disk_bytes: in the model folder while it runs: unpacked, exported and compressed.
    """

    weights_bytes: int
    memory_bytes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class TightMemory:
    """By the estimate it may not be enough.

    Attributes:
        limit: what the free memory is of, in words.
    """

    needed_bytes: int
    free_bytes: int
    limit: str

    @property
    def words(self) -> str:
        """Before it begins."""
        return (
            f"The conversion needs about {_gigabytes(self.needed_bytes)} of memory, and {_gigabytes(self.free_bytes)} are free "
            f"({self.limit})"
        )

    @property
    def note(self) -> str:
        """Of a conversion that went well all the same."""
        return (
            f"Memory was tight: by the estimate it needed {_gigabytes(self.needed_bytes)}, and "
            f"{_gigabytes(self.free_bytes)} were free when it began ({self.limit}). Its times may be longer for that."
        )


def needs_of(entry: ModelEntry, options: Mapping[str, OptionValue]) -> ConversionNeeds:
    """Of a checkpoint or a GGUF.

    Raises:
        ValueError, OSError: the GGUF's header or the config.json can't be read.
    """
    if entry.kind == "gguf":
        weights = read_gguf_header(Path(entry.path)).weights().parameters * HALF_BYTES
    else:
        stored = sum(each.stat().st_size for each in Path(entry.path).glob("*.safetensors"))
        weights = int(stored * growth(read_json(Path(entry.path) / "config.json")))
    parameters = weights / HALF_BYTES
    result = parameters * BYTES_A_WEIGHT.get(str(options.get("weight-format", "")), HALF_BYTES)
    unpacked = weights if entry.kind == "gguf" else 0
    return ConversionNeeds(
        weights_bytes=weights,
        memory_bytes=int(BASE_BYTES + (COPIES_FOR_DATA if "dataset" in options else COPIES) * weights),
        disk_bytes=int(unpacked + weights + result),
    )


def require_room(needs: ConversionNeeds, folder: Path) -> TightMemory | None:
    """See that there is enough; what is told where memory may be short.

    Raises:
        DoesNotFit: the weights alone are more than the free memory.
        ModelFolderUnusable: the disk has too little room.
    """
    free_disk = shutil.disk_usage(folder).free
    if free_disk < needs.disk_bytes:
        raise ModelFolderUnusable(
            f"The conversion needs about {_gigabytes(needs.disk_bytes)} on disk, and {_gigabytes(free_disk)} are free.",
            "Delete models or files that are not needed, or use a model folder on another disk.",
        )
    room = system_room()
    if room.free_bytes is None or needs.memory_bytes <= room.free_bytes:
        return None
    tight = TightMemory(needs.memory_bytes, room.free_bytes, room.limit)
    if BASE_BYTES + needs.weights_bytes > room.free_bytes:
        raise DoesNotFit(
            f"{tight.words}.", "Unload models and end other programs, or download a model that is converted already."
        )
    return tight


def no_room_to_measure(needs: ConversionNeeds) -> str:
    """Why the source is not measured: in float32 it would not fit; "" where it does."""
    wanted, free = int(MEASURING_BYTES + MEASURING_COPIES * needs.weights_bytes), system_room().free_bytes
    if free is None or wanted <= free:
        return ""
    return f"In float32 it needs about {_gigabytes(wanted)} of memory, and {_gigabytes(free)} are free."


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / GIGABYTE:.1f} GB"
