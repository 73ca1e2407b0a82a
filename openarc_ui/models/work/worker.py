"""The seam between tasks and the work they do: a download, a conversion, or a script in a test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from openarc_ui.models.results import ConversionCard, TaskProgress


class TaskStopped(Exception):
    """The work ended because `stopping` was set: paused, cancelled, or the server ends."""


class Work(Protocol):
    """One piece of work. `folder` is its own: hidden, inside the model folder, kept as long as it can be resumed.

    A finished result stands in `folder / "result"`; the tasks give it its name in one step, so nothing half-made shows. Work
    that equals a command line says it as `command`, a tuple of words; see `command_of`.
    """

    def run(
        self,
        folder: Path,
        say: Callable[[TaskProgress], None],
        log: Callable[[str], None],
        stopping: threading.Event,
    ) -> ConversionCard | None:
        """Do it, from where an earlier run in the same folder stopped where that is possible.

        Raises:
            TaskStopped: `stopping` was set; what a resume needs is left in `folder`.
            OpenArcError: it failed.
        """
        ...


def command_of(work: Work) -> tuple[str, ...]:
    """The command line that does the same; empty where there is none."""
    return tuple(getattr(work, "command", ()))
