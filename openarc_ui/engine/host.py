"""ModelHost: owns one worker process, routes its messages to generations, notices its death.

It starts three threads: one writes to the worker, one reads from it, one (of `LastOutput`) reads its standard error.
"""

from __future__ import annotations

import logging
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from openarc_ui.engine.asking import OpenQuestions
from openarc_ui.engine.generation import Generation
from openarc_ui.engine.last_output import LastOutput
from openarc_ui.engine.messages import (
    Answered,
    Ask,
    Cancel,
    Channel,
    Finished,
    FromWorker,
    Gauged,
    Generate,
    Loaded,
    LoadModel,
    LoadRefused,
    Shutdown,
    StageReached,
    StepOutput,
    ToWorker,
)
from openarc_ui.engine.notices import died, not_ready, queue_is_full
from openarc_ui.engine.places import Places
from openarc_ui.engine.prompts import ChatTemplate
from openarc_ui.engine.questions import QUESTION_SECONDS, Question, ShowTemplate
from openarc_ui.engine.timing import ServedBy, Stopwatch, out_of_time
from openarc_ui.engine.types import (
    FinishReason,
    GenerationRequest,
    LoadStage,
    ModelInfo,
    ModelState,
    ModelStatus,
    PerformanceReport,
    WorkerGauges,
)
from openarc_ui.engine.worker_process import cause_of_death, resident_bytes, start_worker, unique_bytes
from openarc_ui.errors import LoadCancelled, ModelLoadFailed, ModelNotLoaded, OpenArcError

logger = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 3.0
LATE_SECONDS = 1.0
"""After the end of a request's time its worker may take so long to say so; one that reads a long prompt takes longer."""

OnReport = Callable[[PerformanceReport], None]
OnAnswer = Callable[[GenerationRequest, tuple[str, ...], PerformanceReport], None]
OnStage = Callable[[LoadStage], None]


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who is told of what a host sees; called from its receiving thread, must not block or raise.

    Attributes:
        on_report: the report of every request that ended.
        on_answer: right after it the same with the request and its texts so far.
        complete: adds to the description of a model what only the main process knows.
    """

    on_report: OnReport = lambda report: None
    on_answer: OnAnswer = lambda request, texts, report: None
    complete: Callable[[ModelInfo], ModelInfo] = lambda info: info


class ModelHost:
    """One model in one process, from the start of its load to the end of the process."""

    def __init__(self, order: LoadModel, queue_size: int, hooks: Hooks, places: Places | None = None) -> None:
        self.order = order
        self._places = places or Places(Path(order.path).parent, None)
        self.name = order.name
        self._queue_size = queue_size
        self._hooks = hooks
        self._lock = threading.Lock()
        self._state = ModelState.LOADING
        self._stage: LoadStage | None = LoadStage("Starting the worker process", 0.0)
        self._info: ModelInfo | None = None
        self._failure: str | None = None
        self._load_error: OpenArcError | None = None
        self._load_cancelled = False
        self._load_over = threading.Event()
        self._on_stage: OnStage | None = None
        self._generations: dict[str, Generation] = {}
        self._stopwatches: dict[str, Stopwatch] = {}
        self._questions = OpenQuestions()
        self.known_template: ChatTemplate | None = None
        self._last_decode_tokens_per_second: float | None = None
        self._gauges: WorkerGauges | None = None
        self._outbox: queue.SimpleQueue[ToWorker | None] = queue.SimpleQueue()
        self._process = start_worker()
        self._measured = psutil.Process(self._process.pid)
        self._channel = Channel(self._process.stdout, self._process.stdin)  # type: ignore[arg-type]
        self._last_output = LastOutput(self._process.stderr, self._places, self.name)
        self._receiver = self._start_thread(self._receive, "receive")
        self._start_thread(self._write, "write")

    def load(self, on_stage: OnStage | None) -> ModelInfo:
        """Load the model and wait for it.

        Raises:
            ModelLoadFailed: with the worker's reason, or the way it died.
            LoadCancelled: `close` was called meanwhile.
        """
        self._on_stage = on_stage
        self._outbox.put(self.order)
        self._load_over.wait()
        if self._load_error is not None:
            raise self._load_error
        if self._info is None:
            raise LoadCancelled(f"Loading {self.name} was cancelled.", "Load it again when you want it.")
        return self._info

    def submit(self, request: GenerationRequest) -> Generation:
        """Hand a request to the worker and return at once.

        Raises:
            ModelNotLoaded: the model is not ready.
            EngineBusy: as many requests as the model runs at once are in flight, and `queue_size` more.
            InvalidRequest: the id is in use.
        """
        generation = Generation(request, self.name, lambda request_id: self._outbox.put(Cancel(request_id)))
        message = Generate(request, time.perf_counter(), time.time())
        with self._lock:
            self._require_ready()
            # Requests that came in the same instant have not been started yet although there is room for them.
            may_run = self._info.max_running if self._info is not None else 0
            if len(self._generations) >= may_run + self._queue_size:
                raise queue_is_full(self.name, self._queue_size)
            self._generations[request.request_id] = generation
            self._stopwatches[request.request_id] = Stopwatch(message.submitted_at, message.submitted_at_epoch)
        self._outbox.put(message)
        return generation

    def ask(self, question: Question, seconds: float = QUESTION_SECONDS) -> Any:
        """Ask the worker and wait; a running generation does not delay the answer.

        The template is asked for once: it stays what it is, and every request to be parsed needs it.

        Raises:
            ModelNotLoaded: the model is not ready, or was unloaded meanwhile.
            WorkerDied: its process ended.
            EngineBusy: no answer in time.
            OpenArcError: what the worker says of the question.
        """
        with self._lock:
            self._require_ready()
            if isinstance(question, ShowTemplate) and self.known_template is not None:
                return self.known_template
            waiting = self._questions.add()
        self._outbox.put(Ask(waiting.question_id, question, time.perf_counter()))
        answer = self._questions.wait(waiting, self.name, seconds)
        if isinstance(question, ShowTemplate):
            self.known_template = answer
        return answer

    def find(self, request_id: str) -> Generation | None:
        """The generation of a request in flight."""
        return self._generations.get(request_id)

    @property
    def is_ready(self) -> bool:
        """It takes requests."""
        return self._state is ModelState.READY

    @property
    def info(self) -> ModelInfo | None:
        """What was loaded, while it takes requests; asks neither the worker nor the system."""
        return self._info if self.is_ready else None

    @property
    def in_flight(self) -> int:
        """How many requests run or wait, and questions without an answer."""
        return len(self._generations) + len(self._questions)

    def status(self) -> ModelStatus:
        """A snapshot."""
        with self._lock:
            state, queued, in_flight = self._state, self._queued(), len(self._generations)
        is_alive = self._process.poll() is None
        return ModelStatus(
            name=self.name,
            state=state,
            request=self.order.request,
            info=self._info,
            stage=self._stage if state is ModelState.LOADING else None,
            failure=self._failure,
            process_id=self._process.pid if is_alive else None,
            memory_bytes=resident_bytes(self._measured) if is_alive else None,
            running=in_flight - queued,
            queued=queued,
            last_decode_tokens_per_second=self._last_decode_tokens_per_second,
            gauges=self._gauges if is_alive else None,
        )

    def close(self) -> tuple[int, int]:
        """Cancel all requests, end the process, and wait until it is gone. Idempotent.

        Returns:
            Memory that was the worker's alone, in bytes, and how many requests were cancelled.
        """
        with self._lock:
            was_loading = self._state is ModelState.LOADING
            self._load_cancelled = self._load_cancelled or was_loading
            if self._state is not ModelState.FAILED:
                self._state = ModelState.UNLOADING
            in_flight = list(self._generations.values())
        self._questions.end_all(ModelNotLoaded(f"{self.name} was unloaded.", "Load it again."))
        freed_bytes = unique_bytes(self._measured)
        for generation in in_flight:
            generation.cancel()
        if was_loading:
            self._process.kill()
        self._outbox.put(Shutdown())
        try:
            self._process.wait(SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._receiver.join()
        self._outbox.put(None)
        return freed_bytes, len(in_flight)

    def _require_ready(self) -> None:
        if self._state is not ModelState.READY:
            raise not_ready(self.name, self._state, self._failure)

    def _queued(self) -> int:
        return sum(not generation.started for generation in self._generations.values())

    def _start_thread(self, target: Callable[[], None], purpose: str) -> threading.Thread:
        thread = threading.Thread(target=target, name=f"{self.name}-{purpose}", daemon=True)
        thread.start()
        return thread

    def _write(self) -> None:
        """Send what is queued. A separate thread, so that no caller waits for a worker that is slow to read."""
        seconds = LATE_SECONDS if self.order.terms.request_seconds else None
        while True:
            try:
                message = self._outbox.get(timeout=seconds)
                if message is None:
                    return
                self._channel.send(message)
            except queue.Empty:
                pass
            except EOFError:
                return
            self._end_overdue()

    def _receive(self) -> None:
        """Until the worker is gone. Whatever happens here, nobody waits for it in vain."""
        try:
            while True:
                self._take(self._channel.receive())
        except EOFError:
            pass
        except Exception:
            logger.exception("what %s tells can't be heard any more; its process is ended", self.name)
            self._process.kill()
        finally:
            try:
                self._worker_ended()
            finally:
                self._load_over.set()

    def _take(self, message: ToWorker | FromWorker) -> None:
        if isinstance(message, StepOutput):
            self._route(message)
        elif isinstance(message, Answered):
            self._questions.answer(message.question_id, message.outcome)
        elif isinstance(message, Gauged):
            self._gauges = message.gauges
        elif isinstance(message, StageReached):
            self._stage = message.stage
            self._show(message.stage)
        elif isinstance(message, Loaded):
            self._info = self._hooks.complete(message.info)
            with self._lock:
                self._state = ModelState.READY if self._state is ModelState.LOADING else self._state
            self._load_over.set()
        elif isinstance(message, LoadRefused):
            self._load_error = self._places.hidden_error(message.error)

    def _show(self, stage: LoadStage) -> None:
        """Tell who loads; what goes wrong with showing is no matter of the load."""
        try:
            if self._on_stage is not None:
                self._on_stage(stage)
        except Exception:
            logger.exception("a stage of loading %s could not be shown", self.name)

    def _route(self, output: StepOutput) -> None:
        for request_id in output.started:
            generation, stopwatch = self._in_flight(request_id)
            if generation is not None and stopwatch is not None:
                stopwatch.take_up()
                generation.started = True
        for request_id, delta in output.deltas:
            generation, stopwatch = self._in_flight(request_id)
            if generation is not None and stopwatch is not None:
                stopwatch.step(delta.tokens)
                generation.push(delta)
        for finished in output.finished:
            self._end(finished)

    def _in_flight(self, request_id: str) -> tuple[Generation | None, Stopwatch | None]:
        """A request that has not ended yet, and its stopwatch."""
        with self._lock:
            return self._generations.get(request_id), self._stopwatches.get(request_id)

    def _end(self, finished: Finished) -> None:
        with self._lock:
            generation = self._generations.pop(finished.request_id, None)
            self._stopwatches.pop(finished.request_id, None)
        if generation is None:
            return  # it was ended here, since the worker was late
        if finished.report.decode_tokens_per_second is not None:
            self._last_decode_tokens_per_second = finished.report.decode_tokens_per_second
        error, report = finished.error, finished.report
        if error is not None:
            error = self._places.hidden_error(error)
            if report.error_message is not None:
                report = replace(report, error_message=self._places.hidden_sentence(report.error_message))
        try:
            self._hooks.on_report(report)
            self._hooks.on_answer(generation.request, generation.texts(len(finished.finish_reasons)), report)
        finally:
            generation.end(finished.finish_reasons, report, error)

    def _worker_ended(self) -> None:
        """The pipe is closed: settle the load and every request, with the reason where there is one."""
        exit_code = self._process.wait()
        cause = cause_of_death(exit_code)
        reason = cause + self._last_output.words()
        with self._lock:
            is_wanted = self._state is ModelState.UNLOADING
            if not is_wanted:
                self._state = ModelState.FAILED
                self._failure = self._load_error.message if self._load_error else reason
            self._stage = None
            orphans = list(self._generations)
        self._questions.end_all(died(self.name, reason))
        for request_id in orphans:
            # What the worker wrote last may quote a request: the report is kept, so it has the cause alone.
            told, kept = (None, None) if is_wanted else (died(self.name, reason), died(self.name, cause))
            self._end_orphan(request_id, told, kept)
        if self._info is None and self._load_error is None and not self._load_cancelled:
            self._load_error = ModelLoadFailed(
                f"The worker process ended while loading: {reason}.",
                "Load it again; if it stays, change the ov_config or the device.",
            )

    def _end_overdue(self) -> None:
        """End what has taken longer than it may and whose worker does not look up, since it reads a long prompt."""
        longest = self.order.terms.request_seconds
        if not longest:
            return
        now = time.perf_counter()
        with self._lock:
            watches = list(self._stopwatches.items())
        for request_id, watch in watches:
            if now - watch.submitted_at > longest + LATE_SECONDS:
                self._outbox.put(Cancel(request_id))
                error = out_of_time(longest)
                self._end_orphan(request_id, error, error)

    def _end_orphan(self, request_id: str, error: OpenArcError | None, kept: OpenArcError | None) -> None:
        """Report a request that its worker does not, from what the main process saw of it.

        Args:
            error: for who asked; `kept`: for the report.
        """
        generation, stopwatch = self._in_flight(request_id)
        if generation is None or stopwatch is None:
            return
        outcome = FinishReason.CANCELLED if error is None or generation.is_cancelled else FinishReason.ERROR
        info = self._info
        served_by = ServedBy(
            self.name, self.order.backend, self.order.request.device, info.configuration_id if info is not None else ""
        )
        report = stopwatch.report(generation.request, served_by, outcome, kept)
        self._end(Finished(request_id, (outcome,), report, error))
