"""Work that tests script: it writes bytes into its folder step by step, as far as it is let, and can fail in any way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from openarc_ui.models.results import ConversionCard, TaskProgress
from openarc_ui.models.work.worker import TaskStopped

CARD = ConversionCard(
    source="tiny",
    source_kind="checkpoint",
    source_bytes=100,
    result_bytes=50,
    command=("optimum-cli", "export", "openvino"),
    options={"weight-format": "int4"},
    versions={"openvino": "2026.1"},
    weights="u4 in groups of 64",
    began_at=1.0,
    seconds=2.0,
    peak_memory_bytes=3,
)


@dataclass
class ScriptedWork:
    """Steps of one byte each; goes on where an earlier run in its folder stopped.

    Attributes:
        steps: how many there are.
        goes_on: set it to let the work end; where it is not, it waits in the middle.
        error: raised in the middle, in place of waiting.
        began_with: bytes that were there when each run began.
    """

    steps: int = 4
    goes_on: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None
    card: ConversionCard | None = None
    result_name: str = "result"
    file_name: str = "script.json"
    lines: tuple[str, ...] = ()
    began_with: list[int] = field(default_factory=list)
    is_in_the_middle: threading.Event = field(default_factory=threading.Event)
    command: tuple[str, ...] = ()

    def run(
        self,
        folder: Path,
        say: Callable[[TaskProgress], None],
        log: Callable[[str], None],
        stopping: threading.Event,
    ) -> ConversionCard | None:
        part = folder / "part.bin"
        done = part.stat().st_size if part.exists() else 0
        self.began_with.append(done)
        for line in self.lines:
            log(line)
        for step in range(done, self.steps):
            if step == self.steps // 2:
                self._wait(stopping)
            with part.open("ab") as file:
                file.write(b"x")
            say(TaskProgress("Works", (step + 1) / self.steps, step + 1, self.steps, 10.0, 1.0, memory_bytes=step))
        result = folder / self.result_name
        result.mkdir()
        (result / self.file_name).write_text('{"replies": [{"text": "made"}]}')
        part.unlink()
        return self.card

    def _wait(self, stopping: threading.Event) -> None:
        self.is_in_the_middle.set()
        while not self.goes_on.wait(0.01):
            if stopping.is_set():
                raise TaskStopped
            if self.error is not None:
                raise self.error
