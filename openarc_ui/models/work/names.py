"""Under which name a result is to stand in the model folder, and giving it that name in one step."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path, PurePosixPath

from openarc_ui.engine.catalogue.folder import TEMPORARY_ENDINGS
from openarc_ui.errors import InvalidRequest, ModelExists
from openarc_ui.models.hub.paths import problem_of_path
from openarc_ui.models.requests import ConversionRequest, DownloadRequest
from openarc_ui.whole_files import sync_folder

UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
LONGEST = 96
GGUF = ".gguf"
FLUSHED_MODE = "rb+" if sys.platform == "win32" else "rb"
"""How a file is opened whose bytes are to reach the disk; Windows wants to be able to write it."""
WITHOUT_FORMAT = "ov"
"""At the end of a conversion's name that asks for no weight format: Optimum-Intel chooses."""

WORDS = {
    "starter": "in place of a model's name it asks for the starter model",
    "none": "in place of a model's name it means that none is loaded",
    "default": "in place of a model's name it asks for the one that was loaded last",
}
"""What can be written where a model's name is expected, at the start and in requests: a model of that name would be mistaken for it."""


def result_name(request: DownloadRequest | ConversionRequest) -> str:
    """The name that was asked for, or one made of what is fetched or converted: `Qwen3-0.6B-int4-ov`, `SmolLM2-135M-int8`."""
    if request.name:
        return request.name
    if isinstance(request, DownloadRequest):
        return _fitting(request.repository.rpartition("/")[2])
    source = PurePosixPath(request.source.replace("\\", "/").rstrip("/")).name
    stem = source[: -len(GGUF)] if source.lower().endswith(GGUF) else source
    ending = str(request.options.get("weight-format", WITHOUT_FORMAT))
    return f"{_fitting(stem)[: LONGEST - 1 - len(ending)]}-{_fitting(ending)}"


def check_name(name: str, *, is_file: bool = False) -> None:
    """See that a model may have this name: one of a download, of a conversion, or a new one of what is there.

    Args:
        is_file: it is a GGUF's, not a folder's.

    Raises:
        InvalidRequest.
    """
    is_fit = name[:1].isascii() and name[:1].isalnum() and not UNFIT.search(name) and len(name) <= LONGEST
    problem = problem_of_path(name) if is_fit else ""
    if not is_fit or problem:
        raise InvalidRequest(
            f"'{name[:LONGEST]}' is no name for a model{f': it {problem}' if problem else ''}.",
            f"Use up to {LONGEST} letters, digits and ._-, with a letter or digit first.",
        )
    if not is_file and name.lower().endswith(GGUF):
        raise InvalidRequest("A folder whose name ends in .gguf would look like a file.", "Choose another name.")
    if name.endswith(TEMPORARY_ENDINGS):
        raise InvalidRequest(
            f"A folder whose name ends in {', '.join(TEMPORARY_ENDINGS)} is no model.", "Choose another name."
        )
    meaning = WORDS.get(name.casefold())
    if meaning is not None:
        raise InvalidRequest(f"'{name}' is no name for a model: {meaning}.", "Choose another name.")


def is_taken(model_folder: Path, name: str) -> bool:
    """Something is there already, a broken link included."""
    return os.path.lexists(model_folder / name)


def publish(result: Path, model_folder: Path, name: str) -> None:
    """Give a finished folder its name, so that it is a model from one moment to the next.

    Raises:
        ModelExists: the name was taken meanwhile.
        OSError: the disk says no.
    """
    _flush(result)
    target = model_folder / name
    if is_taken(model_folder, name):
        raise taken(name)
    try:
        result.rename(target)
    except OSError:
        if is_taken(model_folder, name):
            raise taken(name) from None
        raise
    sync_folder(model_folder)


def taken(name: str) -> ModelExists:
    """The error for a name that is taken while a result waits for it."""
    return ModelExists(
        f"There is a '{name}' in the model folder already.", "Rename or delete that one, then resume this task."
    )


def _fitting(name: str) -> str:
    fit = UNFIT.sub("-", name).lstrip("._-")[:LONGEST].rstrip(".")
    return fit or "model"


def _flush(folder: Path) -> None:
    """Make sure a power cut after the rename can't leave a named folder with half its bytes."""
    for path, folders, files in os.walk(folder):
        for name in files:
            with (Path(path) / name).open(FLUSHED_MODE) as stream:
                os.fsync(stream.fileno())
        sync_folder(Path(path))
        folders[:] = [each for each in folders if not (Path(path) / each).is_symlink()]
