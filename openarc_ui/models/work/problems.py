"""Why a task failed, as it is told: an error of ours as it is, the disk's as a word about the model folder."""

from __future__ import annotations

import errno
import logging

from openarc_ui.engine.places import Places
from openarc_ui.errors import ModelFolderUnusable, OpenArcError
from openarc_ui.models.results import TaskProblem

logger = logging.getLogger(__name__)

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)


FULL_WORDS = (
    "no space left on device",
    "disk quota exceeded",
    "file too large (os error 27)",
    "[errno 27] file too large",
    "not enough space on the disk",
)
"""As Linux, macOS and Windows say it, in the words of whatever library wrote."""


def says_full(words: str) -> bool:
    """Whether a process that wrote into the model folder ended because there was no room."""
    folded = words.casefold()
    return any(each in folded for each in FULL_WORDS)


def disk_full() -> ModelFolderUnusable:
    """The same error for a download and a conversion."""
    return ModelFolderUnusable("The disk of the model folder is full.", "Make room, then resume the task.")


def folder_problem(error: OSError) -> ModelFolderUnusable:
    """What the system said about writing into the model folder."""
    if error.errno in FULL:
        return disk_full()
    return ModelFolderUnusable(
        f"The model folder can't be written: {error.strerror or type(error).__name__}.",
        "Mend its permissions, or start OpenArc with another --model-folder.",
    )


def problem_of(error: Exception, places: Places) -> TaskProblem:
    """Any error that ended a task, without paths of this machine: its words may be those of a program that was run.

    What is no OpenArcError and not the disk's is a bug: its traceback goes to the server's log.
    """
    if isinstance(error, OSError):
        logger.warning("a task ended with %s", error)
        error = folder_problem(error)
    if isinstance(error, OpenArcError):
        return TaskProblem(error.code, places.hidden_output(error.message), places.hidden_sentence(error.hint))
    logger.error("a task ended with an unexpected error", exc_info=error)
    return TaskProblem("internal_error", "OpenArc made a mistake.", "The server's log has the details.")
