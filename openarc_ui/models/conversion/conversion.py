"""A conversion as a task runs it: unpack, export, look, measure; the result in `folder / "result"`, with a card of what was done.

All heavy work is in processes of their own, which end at once when it is stopped; what it made so far goes with them.
"""

from __future__ import annotations

import json
import queue
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from openarc_ui.engine.backends.files import path_outside
from openarc_ui.engine.engine import Engine
from openarc_ui.engine.types import LoadStage
from openarc_ui.errors import ConversionFailed, InvalidRequest, ModelFolderUnusable, OpenArcError
from openarc_ui.models.child import Child
from openarc_ui.models.conversion.calibration import find_texts, is_own
from openarc_ui.models.conversion.check import much_worse, not_measured, quick_check
from openarc_ui.models.conversion.command import ConversionCommand, export_words, words_of
from openarc_ui.models.conversion.needs import ConversionNeeds, needs_of, no_room_to_measure, require_room
from openarc_ui.models.conversion.options import conversion_options
from openarc_ui.models.conversion.order import COMPRESSING, TRACING, ConversionOrder
from openarc_ui.models.conversion.result import (
    carry_side_files,
    name_the_source,
    result_weights,
    write_card,
    write_file_list,
)
from openarc_ui.models.conversion.watching import MemoryWatch
from openarc_ui.models.progress import Failed, Prepared, Report, from_line
from openarc_ui.models.requests import ConversionRequest
from openarc_ui.models.results import ConversionCard, QuickCheck, TaskProgress
from openarc_ui.models.work.planning import plan_conversion, source_of
from openarc_ui.models.work.problems import FULL, disk_full, folder_problem, says_full
from openarc_ui.models.work.worker import TaskStopped

SILENCE_SECONDS: Final = 6 * 3600.0
"""GPTQ of a large model says nothing for hours; who waits sees the memory change and can cancel."""
CONVERTED: Final = 0.75
"""The share of the whole that is done before anything is measured."""
SOURCE_MEASURED: Final = 0.88
HINT: Final = "The task's log says more."
HINT_OF_OPTIONS: Final = "The task's log says more; another weight format or task may work."
"""For what the options decide; no other weight format mends a file that can't be read."""
NO_ROOM_BYTES: Final = 1_000_000
"""With less free, a failed write is the disk's, whatever words a library found for it."""
UNWRITTEN_WORDS: Final = "basic_ios::clear: iostream error"
"""All that OpenVINO says of a write that failed, for whatever reason; Optimum has removed the half file by then."""
NO_MEMORY: Final = (
    "Most likely the system had no memory left: unload models, end other programs, or convert a smaller model."
)

QUIET: Final[Mapping[str, str]] = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "PYTHONUNBUFFERED": "1",
    "TQDM_DISABLE": "1",
}
"""Nobody is asked, and the log has no bars."""

Say = Callable[[TaskProgress], None]
Log = Callable[[str], None]


class Conversion:
    """One conversion, checked when it is made, run as often as needed: each time from the beginning.

    Raises:
        ModelNotFound: no such source.
        InvalidRequest: the source can't be converted, or the options are wrong, with what is right.
        ConversionFailed: optimum-intel is missing or broken.
    """

    def __init__(self, request: ConversionRequest, engine: Engine) -> None:
        self._request, self._engine = request, engine
        self._plan = plan_conversion(engine, request)
        entry = source_of(engine, request.source)
        outside = path_outside(Path(entry.path)) if entry.kind == "checkpoint" else None
        if outside:
            raise InvalidRequest(
                f"'{entry.name}' can't be converted: {outside} leads out of the model's folder.",
                "Download or copy the model again.",
            )
        self._entry = entry

    @property
    def name(self) -> str:
        """Of the result in the model folder."""
        return self._plan.name

    @property
    def command(self) -> tuple[str, ...]:
        """The equal command, word by word, to copy; a GGUF's first step before `&&`."""
        return tuple(words_of(ConversionCommand(self._plan.first_step, self._plan.export)))

    def run(self, folder: Path, say: Say, log: Log, stopping: threading.Event) -> ConversionCard:
        """Convert, look at the result, measure, and describe it.

        Raises:
            TaskStopped: `stopping` was set; nothing of the run is left.
            ConversionFailed: with the reason.
            DoesNotFit, ModelFolderUnusable: there is not enough memory or disk.
        """
        run = _Run(folder, say, self._engine.places.hidden_output, log, stopping)
        is_whole = False
        try:
            run.clear()
            card = self._convert(run)
            is_whole = True
            return card
        except OSError as error:
            raise run.problem_of_files(error) from error
        finally:
            run.clear(keeping_result=is_whole)

    def _convert(self, run: _Run) -> ConversionCard:
        began_at, began = time.time(), time.monotonic()
        run.notes.extend(self._plan.notes)
        needs = self._require_room(run)
        gguf = self._entry.path if self._entry.kind == "gguf" else ""
        checkpoint = run.unpacked if gguf else Path(self._entry.path)
        options = self._plan.options
        run.follow(
            ConversionOrder(
                gguf=gguf,
                checkpoint=str(checkpoint),
                words=export_words(str(checkpoint), options, str(run.result)),
                result=str(run.result),
                wants_tokenizer=not options.get("disable-convert-tokenizer", False),
                texts=self._texts(),
            )
        )
        carry_side_files(checkpoint, run.result)
        name_the_source(run.result, checkpoint, self._entry.name)
        source_check, result_check = self._measured(run, checkpoint, needs)
        worse = much_worse(source_check, result_check)
        run.notes += [worse] if worse else []
        run.tell("Writing the card", 0.99)
        card = ConversionCard(
            source=self._entry.name,
            source_kind=self._entry.kind,
            source_bytes=self._entry.size_bytes,
            result_bytes=sum(each.stat().st_size for each in run.result.rglob("*") if each.is_file()),
            command=self.command,
            options=dict(options),
            versions=dict(conversion_options().versions),
            weights=result_weights(run.result),
            began_at=began_at,
            seconds=time.monotonic() - began,
            peak_memory_bytes=run.watch.peak_bytes,
            source_check=source_check,
            result_check=result_check,
            notes=tuple(run.notes),
        )
        write_card(card, run.result)
        noted = {"kind": "conversion", "model": self._entry.name}
        write_file_list(noted, run.result, run.require_going_on)
        run.tell("Finished", 1.0)
        return card

    def _texts(self) -> str:
        dataset = self._plan.options.get("dataset")
        return str(find_texts(self._engine.model_folder.resolve(), str(dataset))) if is_own(dataset) else ""

    def _require_room(self, run: _Run) -> ConversionNeeds:
        try:
            needs = needs_of(self._entry, self._plan.options)
        except (ValueError, OSError) as error:
            raise ConversionFailed(
                f"'{self._entry.name}' can't be read: {error}.", "Download or copy it again."
            ) from error
        tight = require_room(needs, run.folder)
        if tight is not None:
            run.log(f"{tight.words}: it may be ended by the system.")
            run.notes.append(tight.note)
        return needs

    def _measured(
        self, run: _Run, checkpoint: Path, needs: ConversionNeeds
    ) -> tuple[QuickCheck | None, QuickCheck | None]:
        if not self._request.check:
            return None, None
        run.tell("Measuring the source", CONVERTED)
        reason = no_room_to_measure(needs)
        source = (
            not_measured("pytorch", reason)
            if reason
            else quick_check(checkpoint, "pytorch", run.watch, run.log, run.stopping, run.still)
        )
        run.tell("Measuring the result", SOURCE_MEASURED)
        result = quick_check(run.result, "openvino", run.watch, run.log, run.stopping, run.still)
        return run.without_paths(source), run.without_paths(result)


@dataclass(frozen=True, slots=True)
class _Kept:
    stage: str = ""
    fraction: float = 0.0
    detail: str = ""


class _Run:
    """One run in its folder: its places, what it says, and its end."""

    def __init__(
        self, folder: Path, say: Say, hidden: Callable[[str], str], log: Log, stopping: threading.Event
    ) -> None:
        self.folder, self.stopping = folder, stopping
        self.result, self.unpacked, self.temporary = folder / "result", folder / "unpacked", folder / "temporary"
        self.watch = MemoryWatch()
        self._say, self._hidden, self._log = say, hidden, log
        self._told = _Kept()
        self.notes: list[str] = []

    def clear(self, keeping_result: bool = False) -> None:
        """Nothing of an earlier run, or of this one, is left but its result."""
        for each in (self.unpacked, self.temporary, *(() if keeping_result else (self.result,))):
            shutil.rmtree(each, ignore_errors=True)
        for left in self.folder.glob(".unpacked-*"):
            shutil.rmtree(left, ignore_errors=True)

    def log(self, line: str) -> None:
        self._log(self._hidden(line.rstrip("\n")))

    def without_paths(self, check: QuickCheck) -> QuickCheck:
        """Why something was not measured may be a library's own words, and stays in the card for good."""
        return replace(check, problem=self._hidden(check.problem))

    def tell(self, stage: str, fraction: float, detail: str = "") -> None:
        """What is done now. It never goes back."""
        self._told = _Kept(stage, max(fraction, self._told.fraction), detail)
        self.still()

    def still(self) -> None:
        """The same once more, with the memory as it is."""
        self._say(
            TaskProgress(
                stage=self._told.stage,
                fraction=self._told.fraction,
                detail=self._told.detail,
                memory_bytes=self.watch.now_bytes,
                peak_memory_bytes=self.watch.peak_bytes or None,
            )
        )

    def require_going_on(self) -> None:
        """Raises TaskStopped when it is to stop."""
        if self.stopping.is_set():
            raise TaskStopped

    def follow(self, order: ConversionOrder) -> None:
        """Run the converting process to its end."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        self.tell("Starting", 0.0)
        child: Child[Report] = Child(
            "openarc_ui.models.conversion.process",
            (),
            from_line,
            first_line=json.dumps(asdict(order)),
            environment=_environment(self.temporary),
            on_stderr=self.log,
        )
        try:
            self._follow(child)
        except OpenArcError:
            child.log_last_lines()
            raise
        finally:
            child.end()

    def _follow(self, child: Child[Report]) -> None:
        heard_at = time.monotonic()
        while True:
            if self.watch.look(child.process_id):
                self.still()
            self.require_going_on()
            try:
                report = child.next_report()
            except queue.Empty:
                if time.monotonic() - heard_at > SILENCE_SECONDS:
                    raise ConversionFailed(
                        "The conversion stood still for hours and was given up.", self._hint()
                    ) from None
                continue
            heard_at = time.monotonic()
            if isinstance(report, LoadStage):
                self.tell(report.label, report.fraction * CONVERTED, report.detail)
            elif isinstance(report, Prepared):
                self.notes += map(self._hidden, report.notes)
                return
            elif isinstance(report, Failed):
                raise self._failed(f"It can't be converted: {self._hidden(report.message)}", report.hint)
            else:
                words = self._hidden(child.reason_of_death("The converting process"))
                raise self._failed(words, NO_MEMORY if "signal 9" in words else "")

    def _failed(self, words: str, hint: str) -> OpenArcError:
        """The end of the converting process; a library's words about a full disk are those of the model folder's."""
        if not hint and (says_full(words) or shutil.disk_usage(self.folder).free < NO_ROOM_BYTES):
            return disk_full()
        if not hint and UNWRITTEN_WORDS in words:
            return ModelFolderUnusable(
                "A file of the result could not be written: most likely the disk of the model folder is full.",
                "Make room, then resume the task.",
            )
        return ConversionFailed(words, hint or self._hint())

    def _hint(self) -> str:
        return HINT_OF_OPTIONS if self._told.stage in (TRACING, COMPRESSING) else HINT

    def problem_of_files(self, error: OSError) -> OpenArcError:
        """What the system said about a file: of the task's folder or its disk, or of the source."""
        is_ours = isinstance(error.filename, (str, Path)) and Path(error.filename).is_relative_to(self.folder)
        if is_ours or error.errno in FULL:
            return folder_problem(error)
        return ConversionFailed(f"The conversion failed: {error.strerror or type(error).__name__}.", HINT)


def _environment(temporary: Path) -> Mapping[str, str]:
    """Optimum's own half-made models go into the task's folder, on its disk, so that they vanish with it."""
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    return {**places, **QUIET}
