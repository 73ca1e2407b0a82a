"""The real desk: what a run asks for is measured on the engine and written into the run's record."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from openarc_ui.engine.engine import Engine
from openarc_ui.engine.reservation import Reservation
from openarc_ui.errors import EngineClosed, OpenArcError, TuningFolderUnusable
from openarc_ui.tuning.checks import require_room
from openarc_ui.tuning.desk import RunStopped
from openarc_ui.tuning.measuring.visits import Measurer
from openarc_ui.tuning.quality.guard import compare_texts, greedy_prompts
from openarc_ui.tuning.record.records import RunRecord
from openarc_ui.tuning.requests import QualityOptions, Workload
from openarc_ui.tuning.results import Configuration, Failure, Greedy, Progress, Quality, Visit
from openarc_ui.tuning.workloads import workloads_in

logger = logging.getLogger(__name__)

OURS = Failure(
    "quality",
    "internal_error",
    "Comparing its text failed by a mistake of OpenArc.",
    "The log has the details; what was measured of its speed counts all the same.",
)
TELL_SECONDS = 5.0
"""How often at most the progress is written while nothing else is."""


class DeskWork:
    """One sitting of one run; see `Desk`. Its progress may be read by any thread.

    Args:
        on_change: called whenever something that is shown has changed; must not block or raise.
    """

    def __init__(
        self,
        engine: Engine,
        holder: Reservation,
        record: RunRecord,
        stopping: threading.Event,
        on_change: Callable[[], None],
    ) -> None:
        self._engine, self._record, self._stopping, self._on_change = engine, record, stopping, on_change
        self._options: QualityOptions = record.request.quality
        self._measurer = Measurer(engine, holder, stopping, record.request.seed, self._reach_stage)
        self._said = replace(record.progress, now="Starting", left_seconds=None)
        self._said_at, self._told_at, self._stage = time.monotonic(), 0.0, ""
        self.measuring_id: str | None = None

    @property
    def progress(self) -> Progress:
        """How far it is at this moment."""
        said, stage = self._said, self._stage
        left = said.left_seconds
        return replace(
            said,
            now=" · ".join(part for part in (said.now, stage) if part),
            elapsed_seconds=self._record.elapsed_seconds(),
            left_seconds=None if left is None else max(0.0, left - (time.monotonic() - self._said_at)),
        )

    def check(self, configuration: Configuration) -> Failure | None:
        self._require_wanted()
        try:
            self._engine.preflight.plan(configuration.load)
            require_room(self._engine, configuration.load, workloads_in(self._record.request))
        except OpenArcError as error:
            failure = Failure("check", error.code, error.message, error.hint)
        else:
            return None
        # Kept among the comparisons of texts, as the result that it is: no visit is made of it.
        self._record.begin(configuration)
        if self._record.qualities.get(configuration.configuration_id) != failure:
            self._record.add_quality(configuration.configuration_id, failure)
            self._on_change()
        return failure

    def visit(
        self,
        configuration: Configuration,
        workloads: Sequence[Workload],
        repetitions: int,
        round_number: int,
        with_greedy: bool = False,
        deadline: float | None = None,
    ) -> Visit:
        self._require_wanted()
        self._record.begin(configuration)
        prompts = greedy_prompts(self._options.prompts) if with_greedy else ()
        self.measuring_id = configuration.configuration_id
        self._on_change()
        try:
            visit = self._measurer.visit(
                configuration, workloads, repetitions, round_number, prompts, self._options.answer_tokens, deadline
            )
        finally:
            self._stage, self.measuring_id = "", None
        self._record.add_visit(visit)
        self._on_change()
        self._require_wanted()
        return visit

    def quality(
        self, configuration: Configuration, reference: Configuration, deadline: float | None = None
    ) -> Quality | Failure:
        self._require_wanted()
        found = self._compared(configuration, reference, deadline)
        if isinstance(found, Failure):
            # Ctrl+C reaches the process that compares too; that is no failure of a configuration.
            self._require_wanted()
        self._record.add_quality(configuration.configuration_id, found)
        self._on_change()
        return found

    def _compared(
        self, configuration: Configuration, reference: Configuration, deadline: float | None
    ) -> Quality | Failure:
        """Whatever goes wrong with one configuration's text is its own result, and the run goes on."""
        try:
            return compare_texts(
                self._engine,
                configuration,
                reference,
                self._answers_of(configuration),
                self._answers_of(reference),
                self._options,
                self._record.folder,
                self._stopping,
                deadline=deadline,
            )
        except EngineClosed as error:
            raise RunStopped from error
        except (RunStopped, TuningFolderUnusable):
            raise
        except OpenArcError as error:
            return Failure("quality", error.code, error.message, error.hint)
        except Exception:
            logger.exception("the text of %s could not be compared", configuration.label)
            return OURS

    def say(self, phase: str, now: str, done: int, planned: int | None, left_seconds: float | None = None) -> None:
        self._said_at = time.monotonic()
        self._said = Progress(phase, now, done, planned, 0.0, left_seconds)
        self._tell()
        self._require_wanted()

    def note(self, words: str) -> None:
        self._record.note(words)
        self._on_change()
        self._require_wanted()

    def elapsed_seconds(self) -> float:
        self._require_wanted()
        return self._record.elapsed_seconds()

    def _answers_of(self, configuration: Configuration) -> tuple[Greedy, ...]:
        """Of the newest visit in which it was asked."""
        own = (visit for visit in self._record.visits if visit.configuration_id == configuration.configuration_id)
        return next((visit.greedy for visit in reversed(list(own)) if visit.greedy), ())

    def _reach_stage(self, words: str) -> None:
        self._stage = words
        self._tell()

    def _tell(self) -> None:
        """Show it; write it too, for other processes and for after a kill, now and then."""
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            try:
                self._record.tell(self.progress)
            except OpenArcError as error:
                # A courtesy, also said from the engine's own thread: a disk that is full now ends no load and no visit.
                logger.warning("How far the run is could not be written: %s", error.message)
        self._on_change()

    def _require_wanted(self) -> None:
        if self._stopping.is_set():
            raise RunStopped
