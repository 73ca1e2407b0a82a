"""The starter model, as the main process sees it: ask for it, follow the progress, get the folder.

The work is done by openarc_ui.models.prepare in a process of its own, so nothing heavy is imported here and a cancelled
preparation gives back everything it took.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from openarc_ui.engine.types import LoadStage
from openarc_ui.errors import LoadCancelled, StarterUnavailable
from openarc_ui.models.child import Child
from openarc_ui.models.progress import Failed, Prepared, Report, from_line
from openarc_ui.models.starter_files import STARTER_NAMES, Precision, is_complete, remove_abandoned, ways_out

__all__ = ["STARTER_NAMES", "Precision", "prepare_starter"]

SILENCE_SECONDS = 300.0

OnStage = Callable[[LoadStage], None]


def prepare_starter(
    model_folder: Path,
    *,
    precision: Precision = "int4",
    on_stage: OnStage,
    cancel: threading.Event | None = None,
) -> Path:
    """The finished folder of the starter model inside `model_folder`; prepared first if it isn't there.

    Takes about 10 seconds and a download of 93 MB, or no time when the model is there. Blocks; `on_stage` is called in
    this thread, with fractions of the whole from 0 to 1.

    Args:
        cancel: set it from another thread to end the preparation.

    Raises:
        StarterUnavailable: it can't be had, with the reason and the ways out.
        LoadCancelled: `cancel` was set.
    """
    target = model_folder / STARTER_NAMES[precision]
    remove_abandoned(model_folder)
    if is_complete(target):
        return target
    try:
        model_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StarterUnavailable(
            f"The model folder can't be made: {error.strerror}.", "Start OpenArc with another one."
        ) from error
    child = _start(model_folder, precision)
    try:
        folder = _follow(child, ways_out(model_folder), on_stage, cancel)
    except StarterUnavailable:
        child.log_last_lines()
        raise
    finally:
        child.end()
        remove_abandoned(model_folder)
    on_stage(LoadStage("The starter model is ready", 1.0))
    return folder


def _follow(child: Child[Report], hint: str, on_stage: OnStage, cancel: threading.Event | None) -> Path:
    last_heard = time.monotonic()
    while True:
        if cancel is not None and cancel.is_set():
            raise LoadCancelled("Preparing the starter model was cancelled.", "Start it again when you want it.")
        try:
            report = child.next_report()
        except queue.Empty:
            if time.monotonic() - last_heard > SILENCE_SECONDS:
                raise StarterUnavailable(
                    f"Preparing the starter model stood still for {SILENCE_SECONDS:.0f} s and was given up.", hint
                ) from None
            continue
        last_heard = time.monotonic()
        if isinstance(report, LoadStage):
            on_stage(report)
        elif isinstance(report, Prepared):
            return Path(report.folder)
        elif isinstance(report, Failed):
            raise StarterUnavailable(report.message, report.hint)
        else:
            raise StarterUnavailable(child.reason_of_death("The process that prepares the starter model"), hint)


def _start(model_folder: Path, precision: Precision) -> Child[Report]:
    arguments = ["--relay", "--model-folder", str(model_folder), "--precision", precision]
    return Child("openarc_ui.models.prepare", arguments, from_line)
