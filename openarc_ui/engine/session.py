"""The requests of one loaded model, inside the worker: queue, admit, step, send, report.

It owns a backend and is driven by one thread; only `add` and `cancel` may be called from another. What comes out goes to
`send` as one StepOutput a step. No pipe and no process here.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from openarc_ui.engine.backends.base import Backend, LoadedModel
from openarc_ui.engine.devices import clean_message
from openarc_ui.engine.job import SessionJob
from openarc_ui.engine.messages import Finished, Generate, StepOutput
from openarc_ui.engine.timing import Clock, ServedBy
from openarc_ui.engine.token_details import LookUp
from openarc_ui.engine.types import FinishReason, TextDelta
from openarc_ui.errors import GenerationFailed, OpenArcError

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.02
"""How long a session that has nothing to do but wait for a check sleeps at most; news wake it."""


@dataclass(slots=True)
class _Step:
    """What the current step has brought so far."""

    started: list[str] = field(default_factory=list)
    deltas: list[tuple[str, TextDelta]] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    tokens: dict[str, list[int]] = field(default_factory=dict)


class Session:
    """All jobs of one model. `step` does what there is to do and returns; the worker calls it in a loop.

    Args:
        request_seconds: how long a request may take, from its submission; 0: no limit. One that is read or generated ends
            where its backend looks up: between steps, or between tokens where a step is a whole request.
    """

    def __init__(
        self,
        backend: Backend,
        model: LoadedModel,
        served_by: ServedBy,
        send: Callable[[StepOutput], None],
        clock: Clock,
        sampling_defaults: Mapping[str, Any],
        request_seconds: float = 0.0,
    ) -> None:
        self._backend = backend
        self._defaults = sampling_defaults
        self._context_length = model.context_length
        self._served_by = served_by
        self._send = send
        self._clock = clock
        self._request_seconds = request_seconds
        self._waiting: deque[SessionJob] = deque()
        self._running: dict[str, SessionJob] = {}
        self._jobs: dict[str, SessionJob] = {}
        self._has_news = threading.Event()
        self._look_up: LookUp = functools.cache(backend.text.token)
        self._step = _Step()

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._running)

    def add(self, generate: Generate) -> None:
        """Queue a request (any thread). A structure or a template that came with it is tried meanwhile on a thread of its own:
        that may take seconds."""
        job = SessionJob(self, generate, self._clock, self._request_seconds)
        self._jobs[job.request_id] = job
        self._waiting.append(job)
        self._has_news.set()
        if not job.is_checked:
            threading.Thread(target=self._check, args=(job,), name="check", daemon=True).start()

    def cancel(self, request_id: str) -> None:
        """End a request at its next token (any thread). An unknown id has ended already."""
        job = self._jobs.get(request_id)
        if job is not None:
            job.cancelled = True

    def cancel_all(self) -> None:
        """End every request at its next token (any thread)."""
        for job in list(self._jobs.values()):
            job.cancelled = True

    def step(self) -> None:
        """Admit what may start, advance the backend once, and send what that brought.

        Raises:
            OpenArcError: the backend failed and could not be reset; every running request was failed before.
        """
        self._admit()
        self._flush()
        if not self._running and self._waiting:
            self._has_news.wait(CHECK_SECONDS)
            self._has_news.clear()
        if self._running:
            try:
                self._backend.step(self._flush)
            except Exception as error:  # noqa: BLE001 - the loop's last line of defence: reported, logged, then reset
                self._fail_running(error)
                self._flush()
                self._backend.reset()
            for job in self._running.values():
                self._look_at_cache(job)
        self._flush()

    def pushed(self, job: SessionJob, delta: TextDelta, first_tokens: int) -> None:
        """A job has new text; tokens of one step are timed together, when the step is flushed."""
        counts = self._step.tokens.setdefault(job.request_id, [0, 0])
        counts[0] += delta.tokens
        counts[1] += first_tokens
        if delta.text or delta.tokens or delta.details:
            self._step.deltas.append((job.request_id, delta))

    def finished(self, job: SessionJob, error: OpenArcError | None) -> None:
        """A job ended: write its report."""
        if self._jobs.pop(job.request_id, None) is None:
            return
        if self._running.pop(job.request_id, None) is not None:
            self._look_at_cache(job)
        self._time(job)
        reasons = job.finish_reasons(error)
        overall = FinishReason.LENGTH if FinishReason.LENGTH in reasons else reasons[0]
        report = job.stopwatch.report(job.request, self._served_by, overall, error)
        self._step.finished.append(Finished(job.request_id, reasons, report, error))

    def _admit(self) -> None:
        if not self._waiting:
            return
        self._drop_waiting()
        checked = [waiting for waiting in list(self._waiting) if waiting.is_checked]
        for job in checked:
            if len(self._running) >= self._backend.max_running:
                break
            self._waiting.remove(job)
            self._step.started.append(job.request_id)
            job.stopwatch.take_up()
            try:
                if job.refusal is not None:
                    raise job.refusal
                job.prepare(self._backend, self._defaults, self._context_length)
                if job.wants_odds:
                    job.keep_log(self._look_up)
                self._running[job.request_id] = job
                job.stopwatch.started()
                self._backend.start(job)
            except Exception as error:  # noqa: BLE001 - one request's failure is its own: reported and logged
                self.finished(job, _as_openarc_error(error))
        for job in self._running.values():
            job.stopwatch.seen_beside(len(self._running))

    def _drop_waiting(self) -> None:
        """End what waits and was cancelled, or has waited too long."""
        for job in list(self._waiting):
            if job.cancelled or job.is_overdue:
                self._waiting.remove(job)
                self.finished(job, None if job.cancelled else job.out_of_time())

    def _check(self, job: SessionJob) -> None:
        try:
            job.check(self._backend, self._defaults, self._context_length)
        except Exception as error:  # noqa: BLE001 - the top of a thread: the request fails with it
            job.refusal = _as_openarc_error(error)
        job.is_checked = True
        self._has_news.set()

    def _time(self, job: SessionJob) -> None:
        counts = self._step.tokens.pop(job.request_id, None)
        if counts is not None and counts[0]:
            job.stopwatch.step(*counts)

    def _look_at_cache(self, job: SessionJob) -> None:
        """Note how full the cache was in the last step, for a job that ran in it."""
        percent = self._backend.gauges().kv_cache_percent
        if percent is not None:
            job.stopwatch.saw_cache(percent)

    def _flush(self) -> None:
        if self._waiting:
            self._drop_waiting()  # also while a step runs a whole request
        if not (self._step.started or self._step.deltas or self._step.finished):
            return
        for request_id in list(self._step.tokens):
            self._time(self._jobs[request_id])
        step, self._step = self._step, _Step()
        began_at = self._clock()
        self._send(StepOutput(tuple(step.started), tuple(step.deltas), tuple(step.finished)))
        seconds = self._clock() - began_at
        for job in self._running.values():
            job.stopwatch.streamed(seconds)

    def _fail_running(self, error: Exception) -> None:
        for job in list(self._running.values()):
            self.finished(job, _as_openarc_error(error))


def _as_openarc_error(error: Exception) -> OpenArcError:
    """Errors of ours as they are; anything else becomes a GenerationFailed that carries its sentence."""
    if isinstance(error, OpenArcError):
        return error
    logger.error("the backend failed", exc_info=error)
    words = clean_message(error).splitlines()[0]
    failed = GenerationFailed(f"The backend failed: {words}", "Try again; if it stays, load the model again.")
    failed.__cause__ = error
    return failed
